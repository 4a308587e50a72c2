"""Who sends the requests, and what there is that they can name: made at the start, and anew every now and then."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.api.conftest import Client, send

MOST = 25
"""Ids kept of each kind; what is older is deleted where the request that made it told its path."""


class Pool:
    """Ids of what the run itself made: nothing else is named, so that the cloud itself stays whole."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}
        self.paths: dict[str, list[str]] = {}

    def add(self, kind: str, id: str, path: str) -> str | None:
        """Remember one; the path of the one that has to go for it."""
        ids, paths = self.ids.setdefault(kind, []), self.paths.setdefault(kind, [])
        if id in ids:
            return None
        ids.append(id)
        paths.append(path)
        if len(ids) <= MOST:
            return None
        ids.pop(0)
        return paths.pop(0)

    def known(self, name: str) -> list[str]:
        """Ids that a property of that name could hold."""
        kind = name.lower()
        for end in ("_ids", "_uuids", "_id", "_uuid", "ref", "refs", "id"):
            if kind.endswith(end):
                kind = kind.removesuffix(end).strip("_") or "id"
                break
        kind = {"tenant": "project", "instance": "server", "device": "server", "consumer": "server", "net": "network",
                "volume_type": "type", "source_volume": "volume", "remote_group": "security_group", "parent_group": "security_group",
                "floating_network": "network", "image_ref": "image"}.get(kind, kind)  # fmt: skip
        if kind == "id" and name == "uuid":
            return self.ids.get("network", [])
        if kind == "id":
            return [one for ids in self.ids.values() for one in ids[-2:]]
        return self.ids.get(kind) or self.ids.get(kind.removesuffix("s")) or []


class People:
    """``tokens``: name → token, of those who may do something and those who may not."""

    def __init__(self, auth_url: str, admin: str, demo: str) -> None:
        self._auth_url, self._passwords = auth_url, {"admin": admin, "demo": demo}
        self.admin = Client(auth_url, "admin", admin, "admin")
        self.demo = Client(auth_url, "demo", demo, "demo")
        other = self.admin.post("identity", "/projects", {"project": {"name": "hostile"}}).json["project"]["id"]
        self._sign_up("mallory", other, "member")
        self._sign_up("reader", self.demo.project_id, "reader")
        self.mallory = Client(auth_url, "mallory", self._passwords["mallory"], "hostile")
        self.reader = Client(auth_url, "reader", self._passwords["reader"], "demo")
        self.tokens: dict[str, str] = {}
        self.renew()

    def _sign_up(self, name: str, project: str, role: str) -> None:
        self._passwords[name] = uuid4().hex
        user = {"name": name, "password": self._passwords[name], "domain_id": "default"}
        id = self.admin.post("identity", "/users", {"user": user}).json["user"]["id"]
        [found] = self.admin.get("identity", f"/roles?name={role}").json["roles"]
        path = f"/projects/{project}/users/{id}/roles/{found['id']}"
        assert self.admin.put("identity", path).status == 204

    def renew(self) -> None:
        """Sign everybody in again."""
        scopes = {"admin": "admin", "demo": "demo", "mallory": "hostile", "reader": "demo"}
        for name, project in scopes.items():
            getattr(self, name).token = self.tokens[name] = self._token(
                name, {"project": {"name": project, "domain": {"id": "default"}}}
            )
        self.tokens["system"] = self._token("admin", {"system": {"all": True}})
        self.tokens["unscoped"] = self._token("demo", None)

    def _token(self, name: str, scope: Any) -> str:
        user = {"name": name, "domain": {"id": "default"}, "password": self._passwords[name]}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        answer = send("POST", f"{self._auth_url}/auth/tokens", {"auth": auth | ({"scope": scope} if scope else {})})
        assert answer.status == 201, answer.data
        return answer.headers["x-subject-token"]

    def plant(self, pool: Pool) -> list[tuple[str, str]]:
        """Good things of each kind, of two projects; (service, path) of those that have to go for them."""
        gone: list[tuple[str, str]] = []

        def made(client: Client, service: str, path: str, kind: str, body: Any, inner: str | None = None) -> str:
            answer = client.post(service, path, {inner or kind: body} if inner != "" else body)
            found = answer.json or {}
            found = found.get(inner or kind, found) if isinstance(found, dict) else {}
            id = str(found.get("id") or found.get("name") or "")
            if answer.status < 300 and id and (old := pool.add(kind, id, f"{path}/{id}")):
                gone.append((service, old))
            return id

        for client in (self.demo, self.mallory):
            _network(client, made)
            volume = made(client, "block-storage", "/volumes", "volume", {"size": 1})
            made(client, "block-storage", "/snapshots", "snapshot", {"volume_id": volume})
            image = {"name": "i", "disk_format": "raw", "container_format": "bare"}
            id = made(client, "image", "/v2/images", "image", image, "")
            raw = {"Content-Type": "application/octet-stream"}
            client.put("image", f"/v2/images/{id}/file", data=b"x" * 1024, headers=raw)
            made(client, "compute", "/os-keypairs", "keypair", {"name": f"k{uuid4().hex[:6]}"})
            made(client, "compute", "/os-server-groups", "server_group", {"name": "g", "policies": ["affinity"]})
            server = {"name": "s", "imageRef": id, "flavorRef": "1", "networks": "none"}
            body = {"server": server}
            answer = client.post("compute", "/servers", body, version="2.37")
            if answer.status == 202 and (
                old := pool.add("server", answer.json["server"]["id"], f"/servers/{answer.json['server']['id']}")
            ):
                gone.append(("compute", old))
        name = uuid4().hex[:8]
        flavor = {"name": name, "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
        made(self.admin, "compute", "/flavors", "flavor", flavor)
        for kind, path in (
            ("user", "/users"),
            ("project", "/projects"),
            ("group", "/groups"),
            ("role", "/roles"),
            ("domain", "/domains"),
        ):
            made(self.admin, "identity", path, kind, {"name": f"{kind}-{name}"})
        made(self.admin, "identity", "/regions", "region", {"id": name})
        made(self.admin, "identity", "/services", "service", {"type": name})
        made(self.admin, "block-storage", "/types", "type", {"name": name}, "volume_type")
        made(self.admin, "compute", "/os-aggregates", "aggregate", {"name": name})
        provider = str(uuid4())
        self.admin.post("placement", "/resource_providers", {"uuid": provider, "name": name})
        if old := pool.add("resource_provider", provider, f"/resource_providers/{provider}"):
            gone.append(("placement", old))
        return gone


def _network(client: Client, made: Callable[..., str]) -> None:
    network = made(client, "network", "/v2.0/networks", "network", {"name": "n"})
    subnet = {"network_id": network, "cidr": "10.9.0.0/24", "ip_version": 4}
    made(client, "network", "/v2.0/subnets", "subnet", subnet)
    made(client, "network", "/v2.0/ports", "port", {"network_id": network})
    made(client, "network", "/v2.0/routers", "router", {"name": "r"})
    group = made(client, "network", "/v2.0/security-groups", "security_group", {"name": "g"})
    rule = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4"}
    made(client, "network", "/v2.0/security-group-rules", "security_group_rule", rule)
    made(client, "network", "/v2.0/subnetpools", "subnetpool", {"name": "p", "prefixes": ["10.8.0.0/16"]})
