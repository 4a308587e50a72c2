"""A launch token allows one server's image, ports and volumes on one host, while the launch lasts. All else is refused and logged."""

from uuid import uuid4

import pytest
from tests.api.confinement.conftest import Holder
from tests.api.conftest import STOLEN


def refused(answer, *statuses):
    assert answer.status in (statuses or (403,)), (answer.status, answer.data)


def test_it_does_what_it_is_for(launch, cloud):
    assert launch.use("GET", "image", f"/v2/images/{launch.image}").status == 200
    assert launch.use("GET", "image", f"/v2/images/{launch.image}/file").status == 200
    assert launch.use("GET", "block-storage", "/attachments", version="3.54").json == {"attachments": []}


def test_no_other_image(launch, cloud, logged):
    others = [row["id"] for row in cloud.admin.get("image", "/v2/images").json["images"] if row["id"] != launch.image]
    refused(launch.use("GET", "image", f"/v2/images/{others[0]}"))
    refused(launch.use("GET", "image", f"/v2/images/{others[0]}/file"))
    logged(STOLEN, launch.server, f"GET /v2/images/{others[0]}/file")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2/images", None),
        ("POST", "/v2/images", {"name": "mine", "disk_format": "raw", "container_format": "bare"}),
        ("DELETE", "/v2/images/{image}", None),
        ("POST", "/v2/images/{image}/members", {"member": "x"}),
    ],
)
def test_the_image_is_to_be_read_alone(launch, logged, method, path, body):
    path = path.format(image=launch.image)
    refused(launch.use(method, "image", path, body))
    logged(STOLEN, f"{method} {path}")


def port_of(launch, cloud, **changes):
    body = {
        "id": launch.port,
        "network_id": cloud.network_id(),
        "device_id": launch.server,
        "device_owner": "compute:nova",
        "binding:host_id": STOLEN,
    }
    return {"port": {**body, **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": str(uuid4())},
        {"binding:host_id": "compute1"},
        {"device_id": str(uuid4())},
        {"device_owner": "network:router_interface"},
        {"mac_address": "fa:16:3e:00:00:01"},
        {"port_security_enabled": False},
        {"allowed_address_pairs": [{"ip_address": "0.0.0.0/0"}]},
    ],
    ids=lambda one: next(iter(one)),
)
def test_no_port_but_its_own_is_made(launch, cloud, logged, changes):
    refused(launch.use("POST", "network", "/v2.0/ports", port_of(launch, cloud, **changes)))
    logged(STOLEN, "POST /v2.0/ports")


def test_no_port_of_another_server_is_bound(launch, cloud, victim, conductor, logged):
    (port,) = cloud.admin.get("network", f"/v2.0/ports?device_id={victim['id']}").json["ports"]
    wanted = {"port": {"binding:host_id": STOLEN, "device_id": launch.server, "device_owner": "compute:nova"}}
    path = f"/v2.0/ports/{port['id']}"
    refused(launch.use("PUT", "network", path, wanted))
    logged(STOLEN, f"PUT {path}")
    refused(launch.use("GET", "network", path))
    refused(launch.use("DELETE", "network", path), 403, 404)
    after = cloud.admin.get("network", path).json["port"]
    assert (after["binding:host_id"], after["device_id"]) == (port["binding:host_id"], victim["id"])


@pytest.mark.parametrize(
    "path", ["networks", "ports", "subnets", "routers", "security-groups", "floatingips", "agents", "quotas"]
)
def test_nothing_of_the_network_is_listed(launch, logged, path):
    refused(launch.use("GET", "network", f"/v2.0/{path}"), 403, 404)
    logged(STOLEN, f"GET /v2.0/{path}")


@pytest.mark.parametrize("path", ["networks", "security-groups", "floatingips", "routers"])
def test_nothing_of_the_network_is_made(launch, cloud, path):
    name = path.removesuffix("s").replace("-", "_")
    body = {name: {"name": "x"} if path != "floatingips" else {"floating_network_id": cloud.network_id("public")}}
    refused(launch.use("POST", "network", f"/v2.0/{path}", body), 403, 404)


def test_no_attachment_of_another_server(launch, cloud, victim, logged):
    volume = cloud.demo.post("block-storage", "/volumes", {"volume": {"size": 1}}).json["volume"]["id"]
    cloud.demo.wait("block-storage", f"/volumes/{volume}", lambda it: it.json["volume"]["status"] == "available")
    body = {"attachment": {"volume_uuid": volume, "instance_uuid": victim["id"]}}
    made = cloud.admin.post("block-storage", "/attachments", body, version="3.54").json["attachment"]["id"]
    path = f"/attachments/{made}"
    connect = {"attachment": {"connector": {"host": STOLEN}}}
    refused(launch.use("PUT", "block-storage", path, connect, version="3.54"))
    logged(STOLEN, f"PUT /v3{path}")
    refused(launch.use("GET", "block-storage", path, version="3.54"))
    refused(launch.use("POST", "block-storage", f"{path}/action", {"os-complete": {}}, version="3.54"))
    refused(launch.use("DELETE", "block-storage", path, version="3.54"), 403, 404)
    refused(launch.use("GET", "block-storage", f"/attachments?instance_id={victim['id']}", version="3.54"))
    mine = {"attachment": {"volume_uuid": volume, "instance_uuid": launch.server}}
    refused(launch.use("POST", "block-storage", "/attachments", mine, version="3.54"), 403, 404)
    assert cloud.admin.delete("block-storage", path, version="3.54").status == 200


@pytest.mark.parametrize(
    "path", ["/volumes", "/volumes/detail", "/snapshots", "/os-services", "/types", "/limits", "/backups"]
)
def test_nothing_of_volumes_is_listed(launch, path):
    answer = launch.use("GET", "block-storage", path)
    refused(answer, 403, 404)


def test_a_volume_of_the_project_is_not_touched(launch, cloud):
    volume = cloud.demo.post("block-storage", "/volumes", {"volume": {"size": 1}}).json["volume"]["id"]
    cloud.demo.wait("block-storage", f"/volumes/{volume}", lambda it: it.json["volume"]["status"] == "available")
    for method, path, body in (
        ("GET", f"/volumes/{volume}", None),
        ("DELETE", f"/volumes/{volume}", None),
        ("POST", f"/volumes/{volume}/action", {"os-extend": {"new_size": 2}}),
        ("POST", "/volumes", {"volume": {"size": 1}}),
    ):
        refused(launch.use(method, "block-storage", path, body), 403, 404)
    assert cloud.demo.get("block-storage", f"/volumes/{volume}").json["volume"]["status"] == "available"


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        ("compute", "GET", "/servers", None),
        ("compute", "POST", "/servers", {"server": {"name": "x"}}),
        ("compute", "GET", "/os-hypervisors", None),
        ("compute", "POST", "/os-server-external-events", {"events": []}),
        ("placement", "GET", "/resource_providers", None),
        ("placement", "GET", "/allocations/00000000-0000-4000-8000-000000000000", None),
        ("identity", "GET", "/users", None),
        ("identity", "GET", "/projects", None),
        ("identity", "GET", "/auth/catalog", None),
        ("identity", "POST", "/OS-TINSTACK/launch_tokens", {"launch_token": {}}),
        ("identity", "POST", "/OS-TINSTACK/launch_tokens/revoke", {"launches": ["x"]}),
    ],
    ids=lambda one: str(one),
)
def test_other_services_are_closed(launch, logged, service, method, path, body):
    refused(launch.use(method, service, path, body), 403)
    logged(STOLEN, launch.server, f"{method} ", path)


def test_no_other_token_is_seen_or_had(launch, cloud, conductor):
    subject = {"X-Subject-Token": cloud.demo.token}
    refused(launch.use("GET", "identity", "/auth/tokens", headers=subject), 403)
    refused(launch.use("DELETE", "identity", "/auth/tokens", headers=subject), 403)
    again = {"identity": {"methods": ["token"], "token": {"id": launch.use.client.token}}}
    for scope in ({}, {"scope": {"project": {"id": cloud.demo.project_id}}}, {"scope": {"system": {"all": True}}}):
        refused(launch.use("POST", "identity", "/auth/tokens", {"auth": {**again, **scope}}), 401, 403)


def test_it_ends_with_the_launch(cloud, monkeypatch, logged):
    """The tokens of a real boot, taken on the host, and used when the server is ACTIVE."""
    from tinstack.compute import boot

    taken, run = [], boot.Boot.run

    async def spy(self, server, lease, steps):
        taken.append((server.id, server.token))
        return await run(self, server, lease, steps)

    monkeypatch.setattr(boot.Boot, "run", spy)
    image = cloud.image_id()
    body = {"name": "short", "flavorRef": "42", "imageRef": image, "networks": [{"uuid": cloud.network_id()}]}
    id = cloud.demo.post("compute", "/servers", {"server": body}).json["server"]["id"]
    row = cloud.demo.wait("compute", f"/servers/{id}", lambda it: it.json["server"]["status"] == "ACTIVE")
    assert row.status == 200
    ((server, token),) = [one for one in taken if one[0] == id]
    use = Holder(cloud, token)
    use.client.wait("image", f"/v2/images/{image}", lambda it: it.status == 401, 5.0)
    assert use("GET", "network", f"/v2.0/ports?device_id={server}").status == 401
    assert use("GET", "block-storage", "/attachments", version="3.54").status == 401
    logged("compute", server, "its launch is over")
    cloud.demo.delete("compute", f"/servers/{id}")
