"""The small client: tokens, catalog, pages, and errors as sentences."""

import pytest

from tinstack.lab.client import ApiError, Client, sentence


def test_it_asks_for_one_token_and_finds_services_by_type_region_and_interface(cloud):
    cloud.has("/compute/servers", {"servers": []})
    client = Client(cloud.login())
    assert client.get("compute", "/servers") == {"servers": []}
    assert client.get("compute", "/servers") == {"servers": []}
    posts = [body for method, _, body in cloud.requests if method == "POST"]
    assert len(posts) == 1
    assert posts[0]["auth"]["scope"] == {"project": {"name": "demo", "domain": {"name": "Default"}}}


def test_any_type_of_volume_service_is_block_storage(cloud):
    cloud.has("/volumev3/os-services", {"services": []})
    assert Client(cloud.login()).get("block-storage", "/os-services") == {"services": []}


def test_the_endpoints_are_those_of_the_region_by_type(cloud):
    cloud.types = ["identity", "compute"]
    assert Client(cloud.login()).endpoints() == {
        "identity": f"{cloud.url}/identity",
        "compute": f"{cloud.url}/compute",
    }


def test_a_microversion_is_asked_for_in_the_standard_header(cloud):
    cloud.has("/compute/servers", {"servers": []})
    Client(cloud.login()).get("compute", "/servers", version="2.96")
    assert cloud.requests[-1][2]["OpenStack-API-Version"] == "compute 2.96"


def test_pages_are_followed_by_marker_until_one_is_not_full(cloud):
    everything = [{"id": str(number)} for number in range(5)]

    def page(query):
        start = next((i + 1 for i, row in enumerate(everything) if row["id"] == query.get("marker", [""])[0]), 0)
        return 200, {"servers": everything[start : start + int(query["limit"][0])]}

    cloud.paths["/compute/servers"] = page
    assert list(Client(cloud.login()).pages("compute", "/servers", "servers", {"limit": 2})) == everything


def test_a_wrong_password_is_said_in_identitys_words(cloud):
    with pytest.raises(ApiError, match=r"\(401\): The request you have made requires authentication") as raised:
        Client(cloud.login(password="wrong")).endpoints()
    assert raised.value.status == 401


def test_a_service_that_is_gone_is_named(cloud):
    client = Client(cloud.login())
    cloud.close()
    with pytest.raises(ApiError, match="The identity service does not answer at http") as raised:
        client.endpoints()
    assert raised.value.status == 0


def test_a_service_that_is_not_in_the_catalog_is_named(cloud):
    with pytest.raises(ApiError, match="no dns service in region RegionOne"):
        Client(cloud.login()).get("dns", "/v2/zones")


@pytest.mark.parametrize(
    "body, said",
    [
        ({"itemNotFound": {"code": 404, "message": "No such server."}}, "No such server."),
        ({"errors": [{"status": 409, "title": "Conflict", "detail": "Generation differs."}]}, "Generation differs."),
        ({"NeutronError": {"type": "X", "message": "In use.", "detail": ""}}, "In use."),
        (None, "it gave no reason."),
        ("<html>", "it gave no reason."),
    ],
)
def test_errors_of_all_services_become_their_sentence(body, said):
    assert sentence(body) == said


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_named(cloud, tmp_path, content):
    login = cloud.login()
    login.auth.auth_url = "https://127.0.0.1:1/v3"
    login.cacert = str(tmp_path / "ca.pem")
    if content:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ApiError, match=r"/ca\.pem, which clouds\.yaml names as cacert, can't be used: .+\."):
        Client(login).endpoints()
