"""A cloud's APIs in the shapes of their references, small enough to see through."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tinstack.lab.clouds import Auth, Cloud

PASSWORD = "s3cret"

Answer = Callable[[dict[str, list[str]]], tuple[int, Any]]


class FakeCloud:
    """All services on one port, each below a path of its type. `paths` maps `/type/path` to what it answers."""

    def __init__(self) -> None:
        self.paths: dict[str, Answer] = {}
        self.types = ["identity", "compute", "network", "placement", "volumev3"]
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                cloud.requests.append(("GET", self.path, dict(self.headers)))
                answer = cloud.paths.get(parts.path)
                if self.headers["X-Auth-Token"] != "the-token":
                    self.reply(401, {"error": {"message": "Who are you?"}})
                elif answer is None:
                    self.reply(404, {"itemNotFound": {"code": 404, "message": "It is not there."}})
                else:
                    self.reply(*answer(parse_qs(parts.query)))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                cloud.requests.append(("POST", self.path, body))
                if body["auth"]["identity"]["password"]["user"]["password"] != PASSWORD:
                    self.reply(
                        401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
                    )
                else:
                    self.reply(201, {"token": {"catalog": cloud.catalog()}}, {"X-Subject-Token": "the-token"})

            def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def catalog(self) -> list[dict[str, Any]]:
        return [
            {
                "type": kind,
                "name": f"my-{kind}",
                "endpoints": [
                    {"interface": "public", "region_id": "RegionOne", "url": f"{self.url}/{kind}"},
                    {"interface": "internal", "region_id": "RegionOne", "url": "http://192.0.2.1/"},
                    {"interface": "public", "region_id": "RegionTwo", "url": "http://192.0.2.2/"},
                ],
            }
            for kind in self.types
        ]

    def has(self, path: str, body: Any, status: int = 200) -> None:
        self.paths[path] = lambda _query: (status, body)

    def login(self, username: str = "demo", password: str = PASSWORD) -> Cloud:
        return Cloud(Auth(f"{self.url}/identity/v3", username, password, project_name="demo"), "RegionOne")

    def write_clouds(self, path: Path) -> None:
        auth = {"auth_url": f"{self.url}/identity/v3", "username": "demo", "password": PASSWORD, "project_name": "demo"}
        entry = {"auth": auth, "region_name": "RegionOne", "identity_api_version": 3}
        path.write_text(json.dumps({"clouds": {"tinstack": entry, "tinstack-admin": entry}}))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    made = FakeCloud()
    yield made
    made.close()
