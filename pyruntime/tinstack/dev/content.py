"""What a fresh lab holds: flavors, images, the external network, and the demo project with its network and router.

Made over the public APIs, as an operator would; making it again changes nothing.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

from tinstack.core.client import Http, RemoteError

FLAVORS = [
    # name, id, vcpus, RAM in MiB, disk in GiB
    ("t1.nano", "42", 1, 128, 1),
    ("m1.tiny", "1", 1, 512, 1),
    ("m1.small", "2", 1, 2048, 20),
    ("m1.medium", "3", 2, 4096, 40),
    ("m1.large", "4", 4, 8192, 80),
    ("m1.xlarge", "5", 8, 16384, 160),
]
IMAGES = [("tiny", 1), ("tiny-alt", 2)]
"""Names and the seeds of their content: two public images of 1 MiB that differ."""

PUBLIC = {"cidr": "10.78.0.0/24", "gateway_ip": "10.78.0.1", "start": "10.78.0.100", "end": "10.78.0.250"}
DEMO_CIDR = "192.168.50.0/24"
DOMAIN = {"id": "default"}

SUBNET_POOLS = [
    ("shared-default-subnetpool-v4", "10.64.0.0/16", 26),
    ("shared-default-subnetpool-v6", "fd64:7469:6e00::/48", 64),
]
"""Name, prefix, length of the subnets cut from it."""


class Client:
    """A user signed in, for a handful of requests."""

    def __init__(self, http: Http, auth_url: str, user: str, password: str, project: str) -> None:
        self._http, self._auth_url, self._user, self._password, self._project = http, auth_url, user, password, project
        self._token = ""
        self._urls: dict[str, str] = {}
        self.project_id = ""

    async def sign_in(self) -> None:
        """Get a token and the catalog."""
        person = {"name": self._user, "domain": DOMAIN, "password": self._password}
        identity = {"methods": ["password"], "password": {"user": person}}
        scope = {"project": {"name": self._project, "domain": DOMAIN}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = await self._http.send("POST", f"{self._auth_url}/auth/tokens", json=body, service="identity")
        token = answer.json()["token"]
        self._token, self.project_id = answer.headers["X-Subject-Token"], token["project"]["id"]
        self._urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in token["catalog"]}

    async def request(self, method: str, kind: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer's JSON, or None."""
        answer = await self._http.send(
            method, self._urls[kind] + path, token=self._token, json=body, service=kind, **options
        )
        return answer.json() if answer.data else None

    async def put(self, kind: str, path: str) -> None:
        """A PUT without a body."""
        await self.request("PUT", kind, path)

    async def named(self, kind: str, collection: str, path: str, name: str) -> Any:
        """The resource of that name in a list, or None."""
        found = (await self.request("GET", kind, path))[collection]
        return next((one for one in found if one["name"] == name), None)


@contextlib.asynccontextmanager
async def signed_in(auth_url: str, password: str) -> AsyncIterator[Client]:
    """The administrator. Raises RemoteError."""
    http = Http()
    try:
        admin = Client(http, auth_url, "admin", password, "admin")
        await admin.sign_in()
        yield admin
    finally:
        await http.close()


async def fill(admin: Client, demo_password: str) -> None:
    """Make all of it. Raises RemoteError."""
    await asyncio.gather(_networks(admin, demo_password), _subnet_pools(admin), _flavors(admin), _images(admin))


async def _networks(admin: Client, demo_password: str) -> None:
    public, project = await asyncio.gather(_public_network(admin), _demo_project(admin))
    await asyncio.gather(_demo_user(admin, project, demo_password), _demo_network(admin, project, public))


async def _flavors(admin: Client) -> None:
    there = {flavor["name"] for flavor in (await admin.request("GET", "compute", "/flavors"))["flavors"]}
    for name, id, vcpus, ram, disk in FLAVORS:
        if name not in there:
            flavor = {"name": name, "id": id, "vcpus": vcpus, "ram": ram, "disk": disk}
            await admin.request("POST", "compute", "/flavors", {"flavor": flavor})


async def _images(admin: Client) -> None:
    there = {image["name"]: image for image in (await admin.request("GET", "image", "/v2/images"))["images"]}
    for name, seed in IMAGES:
        image = there.get(name)
        if image is None:
            body = {
                "name": name,
                "disk_format": "raw",
                "container_format": "bare",
                "visibility": "public",
                "min_ram": 0,
            }
            image = await admin.request("POST", "image", "/v2/images", body)
        if image["status"] == "queued":
            data = random.Random(seed).randbytes(1024 * 1024)
            headers = {"Content-Type": "application/octet-stream"}
            await admin.request("PUT", "image", f"/v2/images/{image['id']}/file", data=data, headers=headers)


async def _public_network(admin: Client) -> str:
    network = await admin.named("network", "networks", "/v2.0/networks?name=public", "public")
    if network is None:
        wanted = {
            "name": "public",
            "router:external": True,
            "is_default": True,
            "provider:network_type": "flat",
            "provider:physical_network": "physnet1",
        }
        network = (await admin.request("POST", "network", "/v2.0/networks", {"network": wanted}))["network"]
    if not network["subnets"]:
        subnet = {
            "name": "public-subnet",
            "network_id": network["id"],
            "ip_version": 4,
            "cidr": PUBLIC["cidr"],
            "gateway_ip": PUBLIC["gateway_ip"],
            "enable_dhcp": False,
            "allocation_pools": [{"start": PUBLIC["start"], "end": PUBLIC["end"]}],
        }
        await admin.request("POST", "network", "/v2.0/subnets", {"subnet": subnet})
    found: str = network["id"]
    return found


async def _subnet_pools(admin: Client) -> None:
    """From which networks are made for projects that ask for one (auto-allocated topologies)."""
    for name, prefix, length in SUBNET_POOLS:
        if await admin.named("network", "subnetpools", f"/v2.0/subnetpools?name={name}", name) is None:
            pool = {
                "name": name,
                "prefixes": [prefix],
                "default_prefixlen": length,
                "shared": True,
                "is_default": True,
            }
            await admin.request("POST", "network", "/v2.0/subnetpools", {"subnetpool": pool})


async def _demo_project(admin: Client) -> str:
    project = await admin.named("identity", "projects", "/projects?name=demo", "demo")
    if project is None:
        wanted = {"name": "demo", "domain_id": "default", "description": "The demo project"}
        project = (await admin.request("POST", "identity", "/projects", {"project": wanted}))["project"]
    found: str = project["id"]
    return found


async def _demo_user(admin: Client, project: str, password: str) -> None:
    user = await admin.named("identity", "users", "/users?name=demo", "demo")
    if user is None:
        wanted = {"name": "demo", "domain_id": "default", "password": password, "default_project_id": project}
        user = (await admin.request("POST", "identity", "/users", {"user": wanted}))["user"]
    role = await admin.named("identity", "roles", "/roles?name=member", "member")
    await admin.put("identity", f"/projects/{project}/users/{user['id']}/roles/{role['id']}")


async def _demo_network(admin: Client, project: str, public: str) -> None:
    """The demo project's own, made for it: nobody has to sign in as its user."""
    made, of = {"project_id": project}, f"project_id={project}"
    network = await admin.named("network", "networks", f"/v2.0/networks?name=demo-net&{of}", "demo-net")
    if network is None:
        body = {"network": {"name": "demo-net", **made}}
        network = (await admin.request("POST", "network", "/v2.0/networks", body))["network"]
    subnet = await admin.named("network", "subnets", f"/v2.0/subnets?name=demo-subnet&{of}", "demo-subnet")
    if subnet is None:
        wanted = {"name": "demo-subnet", "network_id": network["id"], "ip_version": 4, "cidr": DEMO_CIDR, **made}
        subnet = (await admin.request("POST", "network", "/v2.0/subnets", {"subnet": wanted}))["subnet"]
    router = await admin.named("network", "routers", f"/v2.0/routers?name=demo-router&{of}", "demo-router")
    if router is None:
        wanted = {"name": "demo-router", "external_gateway_info": {"network_id": public}, **made}
        router = (await admin.request("POST", "network", "/v2.0/routers", {"router": wanted}))["router"]
    path = f"/v2.0/ports?device_id={router['id']}&network_id={network['id']}"
    if not (await admin.request("GET", "network", path))["ports"]:
        try:
            await admin.request(
                "PUT", "network", f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]}
            )
        except RemoteError as error:
            if error.remote_status != 400 or "already" not in error.text:
                raise
