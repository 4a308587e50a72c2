"""A guest's console in a browser: what is seen there is what the hypervisor shows at the same moment, and the serial line answers."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from guests import browser, until

testinfra_hosts = ["local://"]

CELL = (8, 16)
"""Pixels of a character of the text screen, near enough."""
LIT = 40
"""From this brightness (of 255) on there is something in a cell."""

CELLS = """(async (png, [w, h]) => {
  const image = new Image(); image.src = "data:image/png;base64," + png; await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, image.width, image.height).data, rows = [];
  for (let y = 0; y + h <= image.height; y += h) {
    const row = [];
    for (let x = 0; x + w <= image.width; x += w) {
      let most = 0;
      for (let j = y; j < y + h; j++) for (let i = x; i < x + w; i++) most = Math.max(most, data[4 * (j * image.width + i) + 1]);
      row.push(most);
    }
    rows.push(row);
  }
  return rows;
})(%s, %s)"""
"""The brightest green of each cell of a PNG."""


@pytest.fixture
def console(cloud: Callable[[str], Any], hello: Any) -> Callable[[str, str], str]:
    """The URL of a console of ``hello`` for its owner, by protocol and type."""
    compute = cloud("tinstack").compute
    return lambda protocol, type: str(compute.create_server_remote_console(hello.id, protocol=protocol, type=type).url)


def cells(page: browser.Page, png: bytes) -> list[list[int]]:
    """By the browser, which knows the format."""
    found: list[list[int]] = page.value(CELLS % (json.dumps(base64.b64encode(png).decode()), json.dumps(CELL)))
    return found


def test_the_browser_shows_what_the_hypervisor_shows(
    console: Callable[[str, str], str], hello: Any, its_host: Host, tmp_path: Path
) -> None:
    with browser.page() as page:
        page.call("Page.navigate", url=console("vnc", "novnc"))
        status = "document.getElementById('status') && document.getElementById('status').textContent"
        until(lambda: str(page.value(status)).startswith("Connected"), "noVNC is connected", 60, 0.2)
        until(lambda: page.value("document.querySelector('canvas').width") > 300, "there is a picture", 60, 0.2)
        time.sleep(2)  # the first picture comes in pieces, and nothing tells of the last
        png = page.screenshot("canvas")
        (tmp_path / "console.png").write_bytes(png)
        its_host.check_output(f"virsh screenshot {hello.id} /run/console.png")
        seen = cells(page, png)
        shown = cells(page, base64.b64decode(its_host.check_output("base64 -w0 /run/console.png")))
    assert [len(row) for row in seen] == [len(row) for row in shown]
    pairs = [(a > LIT, b > LIT) for one, two in zip(seen, shown, strict=True) for a, b in zip(one, two, strict=True)]
    lit = sum(two for _, two in pairs)
    assert 20 < lit < len(pairs) / 2, f"{lit} of {len(pairs)} cells hold text"
    different = sum(a != b for a, b in pairs)
    assert different <= len(pairs) / 50, f"{different} of {len(pairs)} cells differ"


def opened(url: str, state: Path) -> ClientConnection:
    """A WebSocket, to who shows a certificate of the lab."""
    return connect(url, proxy=None, ssl=ssl.create_default_context(cafile=str(state / "ca" / "ca.pem")))


def test_the_serial_line_answers(console: Callable[[str, str], str], state: Path) -> None:
    with opened(console("serial", "serial"), state) as line:
        line.send(b"\recho $((6*7))answers\r")
        heard, end = b"", time.monotonic() + 60
        while b"42answers" not in heard:
            heard += bytes(line.recv(timeout=max(0.1, end - time.monotonic())))


def test_nobody_sees_a_display_without_a_token_or_a_certificate(
    console: Callable[[str, str], str], hello: Any, its_host: Host, state: Path
) -> None:
    url = console("serial", "serial")
    with pytest.raises(InvalidStatus) as caught:
        opened(url[:-4] + "0000", state)
    assert caught.value.response.status_code == 403
    address, _, number = its_host.check_output(f"virsh domdisplay {hello.id}").removeprefix("vnc://").partition(":")
    with socket.create_connection((address, 5900 + int(number)), timeout=10) as display:
        assert display.recv(12).startswith(b"RFB 003.")
        display.sendall(b"RFB 003.008\n")
        assert display.recv(16) == bytes([1, 19]), "it offers VeNCrypt alone"
    context = ssl.create_default_context(cafile=str(state / "ca" / "ca.pem"))
    with (
        socket.create_connection((address, 6083), timeout=10) as door,
        context.wrap_socket(door, server_hostname=address) as agent,
    ):
        assert ended(agent), "the agent talks with who has no certificate"


def ended(connection: ssl.SSLSocket) -> bool:
    """Whether the other end hung up: with an alert, or without a word. It waits for a line for longer than this."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (ssl.SSLError, ConnectionResetError):
        return True
