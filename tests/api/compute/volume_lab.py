"""Servers and volumes for the tests of this folder."""

import uuid
from typing import Any

NEWEST = "2.96"


class Lab:
    """Servers and volumes of a test, removed when it ends."""

    def __init__(self, cloud: Any) -> None:
        self.cloud, self.demo, self.admin = cloud, cloud.demo, cloud.admin
        self.servers: list[str] = []
        self.volumes: list[str] = []

    def boot(self, **more: Any) -> str:
        body = {"name": f"v-{uuid.uuid4().hex[:8]}", "imageRef": self.cloud.image_id(), "flavorRef": "1"}
        answer = self.demo.post("compute", "/servers", {"server": {**body, "networks": "none", **more}}, version=NEWEST)
        assert answer.status == 202, answer.data
        self.servers.append(answer.json["server"]["id"])
        self.until(self.servers[-1], "ACTIVE")
        return self.servers[-1]

    def until(self, id: str, status: str) -> Any:
        def there(answer: Any) -> bool:
            server = answer.json["server"]
            assert status == "ERROR" or server["status"] != "ERROR", server.get("fault")
            return server["status"] == status and server["OS-EXT-STS:task_state"] is None

        return self.admin.wait("compute", f"/servers/{id}", there, version=NEWEST).json["server"]

    def volume(self, client: Any = None, **more: Any) -> str:
        client = client or self.demo
        made = client.post("block-storage", "/volumes", {"volume": {"size": 1, **more}})
        assert made.status == 202, made.data
        self.volumes.append(made.json["volume"]["id"])
        self.status(self.volumes[-1], "available")
        return self.volumes[-1]

    def status(self, id: str, wanted: str) -> Any:
        found = self.admin.wait("block-storage", f"/volumes/{id}", lambda a: a.json["volume"]["status"] == wanted)
        return found.json["volume"]

    def attach(self, server: str, volume: str, version: str = NEWEST, client: Any = None, **more: Any) -> Any:
        path, body = f"/servers/{server}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume, **more}}
        return (client or self.demo).post("compute", path, body, version=version)

    def attached(self, server: str, volume: str, **more: Any) -> Any:
        answer = self.attach(server, volume, **more)
        assert answer.status == 200, answer.data
        self.status(volume, "in-use")
        return answer.json["volumeAttachment"]

    def shown(self, server: str, volume: str, version: str = NEWEST) -> Any:
        return self.demo.get("compute", f"/servers/{server}/os-volume_attachments/{volume}", version=version)

    def detach(self, server: str, volume: str) -> Any:
        return self.demo.delete("compute", f"/servers/{server}/os-volume_attachments/{volume}")

    def act(self, server: str, action: str) -> None:
        assert self.demo.post("compute", f"/servers/{server}/action", {action: None}).status == 202

    def actions(self, server: str) -> list[Any]:
        answer = self.demo.get("compute", f"/servers/{server}/os-instance-actions")
        found: list[Any] = answer.json["instanceActions"]
        return found

    def close(self) -> None:
        for id in self.servers:
            self.demo.delete("compute", f"/servers/{id}")
            self.demo.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)
        for id in self.volumes:
            self.admin.wait("block-storage", f"/volumes/{id}", _settled)
            self.admin.delete("block-storage", f"/volumes/{id}")


def _settled(answer: Any) -> bool:
    return answer.status == 404 or answer.json["volume"]["status"] in ("available", "error")
