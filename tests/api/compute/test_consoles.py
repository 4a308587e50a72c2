"""Consoles: their URLs in each version's form, their tokens, and the whole way to a simulated guest."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .volume_lab import Lab

OLD = {
    "os-getVNCConsole": "novnc",
    "os-getSerialConsole": "serial",
    "os-getSPICEConsole": "spice-html5",
    "os-getRDPConsole": "rdp-html5",
}


class Consoles(Lab):
    """With what consoles are asked by."""

    def remote(self, server: str, protocol: str, type: str, version: str = "2.6", client: Any = None) -> Any:
        body = {"remote_console": {"protocol": protocol, "type": type}}
        return (client or self.demo).post("compute", f"/servers/{server}/remote-consoles", body, version=version)

    def old(self, server: str, action: str, version: str = "2.1") -> Any:
        return self.demo.post("compute", f"/servers/{server}/action", {action: {"type": OLD[action]}}, version=version)

    def token(self, token: str, version: str = "2.31", client: Any = None) -> Any:
        return (client or self.cloud.admin).get("compute", f"/os-console-auth-tokens/{token}", version=version)


@pytest.fixture
def lab(cloud: Any) -> Iterator[Consoles]:
    made = Consoles(cloud)
    yield made
    made.close()


def token_of(url: str) -> str:
    """From noVNC's page or from a WebSocket's URL."""
    query = parse_qs(urlsplit(url).query)
    inner = query["path"][0].removeprefix("?") if "path" in query else urlsplit(url).query
    return parse_qs(inner)["token"][0]


def socket_of(url: str) -> str:
    """As noVNC makes it."""
    parts = urlsplit(url)
    return url if parts.scheme == "ws" else f"ws://{parts.netloc}/{parse_qs(parts.query)['path'][0]}"


def test_consoles_have_urls_in_the_form_of_each_version(lab: Consoles) -> None:
    server = lab.boot()
    at = f"127.0.0.1:{lab.cloud.cloud.ports['console']}"
    answer = lab.remote(server, "vnc", "novnc")
    console = answer.json["remote_console"]
    assert answer.status == 200 and console.keys() == {"protocol", "type", "url"}
    assert (console["protocol"], console["type"]) == ("vnc", "novnc")
    assert console["url"].startswith(f"http://{at}/vnc_lite.html?path=%3Ftoken%3D")
    serial = lab.remote(server, "serial", "serial", "2.96").json["remote_console"]
    assert serial["url"].startswith(f"ws://{at}/serial?token=")
    for action, path in (("os-getVNCConsole", "/vnc_lite.html"), ("os-getSerialConsole", "/serial")):
        answer = lab.old(server, action, "2.5")
        assert answer.status == 200 and answer.json["console"].keys() == {"type", "url"}
        assert answer.json["console"]["type"] == OLD[action] and urlsplit(answer.json["console"]["url"]).path == path
        assert lab.old(server, action, "2.6").status == 404


def test_what_can_not_be_is_refused_with_the_references_codes(lab: Consoles) -> None:
    server = lab.boot()
    for protocol, type, words in (
        ("vnc", "spice-html5", "Invalid console type spice-html5"),
        ("vnc", "xvpvnc", "Unavailable console type xvpvnc."),
        ("spice", "spice-html5", "Unavailable console type spice-html5."),
        ("rdp", "rdp-html5", "Unavailable console type rdp-html5."),
    ):
        answer = lab.remote(server, protocol, type)
        assert (answer.status, answer.json["badRequest"]["message"]) == (400, words)
    assert lab.remote(server, "mks", "webmks", "2.7").status == 400
    assert (
        lab.remote(server, "mks", "webmks", "2.8").json["badRequest"]["message"] == "Unavailable console type webmks."
    )
    assert lab.old(server, "os-getSPICEConsole").status == 400
    assert lab.old(server, "os-getRDPConsole").status == 400
    assert lab.remote(server, "vnc", "novnc", "2.5").status == 404
    assert lab.remote(str(uuid.uuid4()), "vnc", "novnc").status == 404
    extra = {"remote_console": {"protocol": "vnc", "type": "novnc", "more": 1}}
    assert lab.demo.post("compute", f"/servers/{server}/remote-consoles", extra, version="2.6").status == 400


def test_a_server_that_is_off_has_no_console(lab: Consoles) -> None:
    server = lab.boot()
    lab.demo.post("compute", f"/servers/{server}/action", {"os-stop": None})
    lab.until(server, "SHUTOFF")
    answer = lab.remote(server, "vnc", "novnc")
    assert (answer.status, answer.json["conflictingRequest"]["message"]) == (409, f"Instance {server} is not ready")


def test_a_token_is_for_administrators_to_look_at_and_ends_with_its_server(lab: Consoles) -> None:
    server = lab.boot()
    token = token_of(lab.remote(server, "vnc", "novnc").json["remote_console"]["url"])
    answer = lab.token(token)
    console = answer.json["console"]
    assert answer.status == 200 and console.keys() == {"instance_uuid", "host", "port", "internal_access_path"}
    assert (console["instance_uuid"], console["host"]) == (server, "127.0.0.1")
    assert lab.token(token, client=lab.demo).status == 403
    assert lab.token(token, "2.30").status == 401
    missing = lab.token(str(uuid.uuid4()))
    assert (missing.status, missing.json["itemNotFound"]["message"]) == (404, "Token not found")
    lab.demo.delete("compute", f"/servers/{server}")
    lab.demo.wait("compute", f"/servers/{server}", lambda answer: answer.status == 404)
    assert lab.token(token).status == 404


def test_a_console_leads_to_the_guests_display(lab: Consoles) -> None:
    url = lab.remote(lab.boot(), "vnc", "novnc").json["remote_console"]["url"]
    for _ in range(2):  # as often as one likes, while it holds
        with connect(socket_of(url), proxy=None) as display:
            assert display.recv(timeout=10) == b"RFB 003.008\n"
            display.send(b"RFB 003.008\n")
            assert display.recv(timeout=10) == b"\x01\x01"
            display.send(b"\x01\x01")
            assert bytes(display.recv(timeout=10))[:4] == bytes(4)


def test_a_console_leads_to_the_guests_serial_line(lab: Consoles) -> None:
    url = lab.remote(lab.boot(), "serial", "serial").json["remote_console"]["url"]
    with connect(url, proxy=None) as line:
        assert b"booted" in bytes(line.recv(timeout=10))
        line.send(b"ls\r")
        assert line.recv(timeout=10) == b"ls\r"


def test_a_token_that_opens_nothing_opens_no_websocket(lab: Consoles) -> None:
    url = f"ws://127.0.0.1:{lab.cloud.cloud.ports['console']}/?token={uuid.uuid4()}"
    with pytest.raises(InvalidStatus) as caught:
        connect(url, proxy=None)
    assert caught.value.response.status_code == 403
