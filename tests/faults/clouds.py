"""A cloud as fault tests hold it, of one process or of many: servers asked for however often the API is away, and waited for."""

import contextlib
import importlib.util
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults import checks
from tinstack.dev.cloud import Cloud

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 45.0
"""The boot's deadline, and what the conductor may take to notice that it is over."""


def _api_client() -> Any:
    spec = importlib.util.spec_from_file_location("api_conftest", ROOT / "tests/api/conftest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api = _api_client()


class Held:
    """Who may sign in, and what all tests use."""

    def __init__(self, state: Path, cloud: Cloud) -> None:
        self.state, self.cloud, self.hosts = state, cloud, cloud.hosts

    def sign_in(self) -> None:
        """As admin and as the demo user, whose quotas are no limit."""
        self.admin = api.Client(self.cloud.auth_url, "admin", self.cloud.secrets.admin, "admin")
        self.demo = api.Client(self.cloud.auth_url, "demo", self.cloud.secrets.demo, "demo")
        self.image = self.demo.get("image", "/v2/images?name=tiny").json["images"][0]["id"]
        self.network = self.demo.get("network", "/v2.0/networks?name=demo-net").json["networks"][0]["id"]
        path = f"/os-quota-sets/{self.demo.project_id}"
        servers = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
        assert self.admin.put("compute", path, json=servers).status == 200
        volumes = {"quota_set": {"volumes": -1, "gigabytes": -1}}
        assert self.admin.put("block-storage", path, json=volumes).status == 200
        ports = {"quota": {"port": -1}}
        assert self.admin.put("network", f"/v2.0/quotas/{self.demo.project_id}", json=ports).status == 200

    def boot(self, name: str, seconds: float = 20.0, *, client: Any = None, **more: Any) -> str:
        """Ask for a server, again as long as the API is away; its id."""
        wanted = {"name": name, "flavorRef": "42", "imageRef": self.image, "networks": [{"uuid": self.network}], **more}
        body = {"server": {key: value for key, value in wanted.items() if value is not None}}
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                answer = (client or self.demo).post("compute", "/servers", body, version="2.67")
                if answer.status == 202:
                    return str(answer.json["server"]["id"])
                assert answer.status >= 500, answer.data
            assert time.monotonic() < end, f"no server within {seconds} s"
            threading.Event().wait(0.2)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The servers of that name."""
        found = checks.read(self.demo, "compute", f"/servers/detail?name=^{name}$")["servers"]
        return [one for one in found if one["name"] == name]

    def ended(self, name: str) -> list[dict[str, Any]]:
        """The servers of that name once none is being built."""
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            servers = self.named(name)
            if all(one["status"] in ("ACTIVE", "ERROR") for one in servers):
                return servers
            assert time.monotonic() < end, f"past the deadline: {servers}"
            threading.Event().wait(0.1)

    def until_settled(self, ids: list[str], seconds: float = DEADLINE_SECONDS) -> list[dict[str, Any]]:
        """Those servers, once nothing is under way for any and each ended as it may."""
        wanted, why = set(ids), ""
        end = time.monotonic() + seconds
        while True:
            servers = [one for one in self.servers() if one["id"] in wanted]
            why = next((reason for reason in map(checks.unsettled, servers) if reason), "")
            if not why:
                return sorted(servers, key=lambda one: ids.index(one["id"]))
            assert time.monotonic() < end, why
            threading.Event().wait(0.1)

    def servers(self) -> list[dict[str, Any]]:
        """All of them, as admin sees them."""
        found: list[dict[str, Any]] = checks.read(
            self.admin, "compute", "/servers/detail?all_tenants=1", version=checks.NOVA
        )["servers"]
        return found

    def act(self, id: str, action: dict[str, Any], seconds: float = 60.0) -> int:
        """Ask for an action, again as long as the API is away; its status. 409: an earlier try was heard."""
        return self._asked(lambda: self.admin.post("compute", f"/servers/{id}/action", action), seconds)

    def delete(self, id: str, seconds: float = 20.0) -> int:
        """The same for a delete."""
        return self._asked(lambda: self.admin.delete("compute", f"/servers/{id}"), seconds)

    def volume(self) -> str:
        """A new volume of 1 GiB, to boot from or to be attached; its id."""
        made = self.demo.post("block-storage", "/volumes", {"volume": {"size": 1}})
        assert made.status == 202, made.data
        id = str(made.json["volume"]["id"])
        checks.until(lambda: self._is_free(id), 10, "the volume is made")
        bootable = {"os-set_bootable": {"bootable": True}}
        assert self.demo.post("block-storage", f"/volumes/{id}/action", bootable).status == 200
        return id

    def remove_volume(self, id: str) -> None:
        """It is free again, then gone."""
        checks.until(lambda: self._is_free(id), 10, "the volume is free again")
        assert self.demo.delete("block-storage", f"/volumes/{id}").status == 202

    def _is_free(self, id: str) -> bool:
        volume = checks.read(self.demo, "block-storage", f"/volumes/{id}")["volume"]
        return bool(volume["status"] == "available")

    @staticmethod
    def from_volume(volume: str) -> dict[str, Any]:
        """What a server is asked for that has this volume as its root disk."""
        device = {"uuid": volume, "source_type": "volume", "destination_type": "volume", "boot_index": 0}
        return {"imageRef": None, "block_device_mapping_v2": [device]}

    def _asked(self, ask: Callable[[], Any], seconds: float) -> int:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                answer = ask()
                if answer.status < 500:
                    return int(answer.status)
            assert time.monotonic() < end, f"no answer within {seconds} s"
            threading.Event().wait(0.1)

    def delete_all(self) -> None:
        """No servers; then nothing is left of any."""

        def none() -> bool:
            left = self.servers()
            for server in left:
                if server["OS-EXT-STS:task_state"] != "deleting":
                    self.delete(server["id"])
            return not left

        checks.until(none, DEADLINE_SECONDS, "every server deleted")
        checks.owned_by_someone(self.admin, self.state)
