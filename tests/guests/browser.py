"""A headless Chromium, by its DevTools protocol over a WebSocket. Source: the Chrome DevTools Protocol."""

import base64
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --no-proxy-server --disable-background-networking "
    "--ignore-certificate-errors --window-size=1100,800 --remote-debugging-port=0"
)
START_SECONDS = 60.0


class Page:
    """The browser's only tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, count(1)

    def call(self, method: str, **parameters: Any) -> Any:
        """What a command gives back."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    def value(self, expression: str) -> Any:
        """Of an expression in JavaScript; a promise's is awaited."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self, selector: str) -> bytes:
        """An element as it is seen, in PNG."""
        box = self.value(f"(r => ({{x: r.x, y: r.y, width: r.width, height: r.height}}))({_rectangle(selector)})")
        return base64.b64decode(self.call("Page.captureScreenshot", clip={**box, "scale": 1})["data"])


def _rectangle(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"


@contextmanager
def page() -> Iterator[Page]:
    """A browser with an empty page, gone in the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = subprocess.Popen(
            ["chromium", *FLAGS.split(), f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            with connect(_first_tab(Path(folder)), proxy=None, max_size=None) as socket:
                yield Page(socket)
        finally:
            browser.terminate()
            browser.wait(timeout=30)


def _first_tab(folder: Path) -> str:
    """The WebSocket of the tab, once the browser has said where it listens."""
    where, end = folder / "DevToolsActivePort", time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.2)
        if not where.exists() or not (lines := where.read_text().split()):
            continue
        tabs = json.loads(opener.open(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10).read())
        if found := [tab for tab in tabs if tab["type"] == "page"]:
            return str(found[0]["webSocketDebuggerUrl"])
