"""The other services as far as the boot flow needs them: one small web application, in memory."""

import asyncio
import hashlib
import itertools
from collections import Counter
from typing import Any
from uuid import uuid4

from aiohttp import web

from .played_volumes import PlayedVolumes

IMAGE = b"a very small image"


class Cloud:
    """Identity, placement, image, network and volume as far as a boot needs them, in memory."""

    def __init__(self) -> None:
        self.url = ""
        self.providers: dict[str, str] = {}
        self.inventories: dict[str, dict[str, Any]] = {}
        self.allocations: dict[str, dict[str, Any]] = {}
        self.ports: dict[str, dict[str, Any]] = {}
        self.volumes = PlayedVolumes()
        self.images = {"tiny": IMAGE}
        self.launches: dict[str, dict[str, Any]] = {}
        self.downloads = 0
        self.broken: set[str] = set()
        """Kinds that answer 503: placement, network …"""
        self.hosts = itertools.count(10)
        self.generations: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.stuck: dict[str, asyncio.Event] = {}
        """Kinds whose answers, as they were when they were asked for, wait for that; ``waiting``: how many do."""
        self.waiting: Counter[str] = Counter()
        self.held: dict[str, tuple[int, list[str]]] = {}
        """Generations of providers, and who held something of them then."""
        self.slow: dict[str, float] = {}
        """Kinds whose deletions take that many seconds."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._trouble])
        app.router.add_post("/v3/auth/tokens", self.sign_in)
        app.router.add_post("/v3/OS-TINSTACK/launch_tokens", self.launch)
        app.router.add_get("/placement/resource_providers", self.all_providers)
        app.router.add_get("/placement/resource_providers/{id}", self.provider)
        app.router.add_post("/placement/resource_providers", self.add_provider)
        app.router.add_get("/placement/resource_providers/{id}/inventories", self.inventory)
        app.router.add_put("/placement/resource_providers/{id}/inventories", self.set_inventory)
        app.router.add_get("/placement/resource_providers/{id}/allocations", self.allocations_of)
        app.router.add_get("/placement/allocations/{id}", self.allocation)
        app.router.add_put("/placement/allocations/{id}", self.allocate)
        app.router.add_post("/placement/allocations", self.allocate_all)
        app.router.add_delete("/placement/allocations/{id}", self.give_back)
        app.router.add_get("/image/v2/images/{id}", self.image)
        app.router.add_get("/image/v2/images/{id}/file", self.download)
        app.router.add_post("/network/v2.0/ports", self.add_port)
        app.router.add_get("/network/v2.0/ports", self.list_ports)
        app.router.add_get("/network/v2.0/ports/{id}", self.port)
        app.router.add_put("/network/v2.0/ports/{id}", self.change_port)
        app.router.add_delete("/network/v2.0/ports/{id}", self.remove_port)
        app.router.add_get("/network/v2.0/networks/{id}", self.network)
        app.router.add_get("/network/v2.0/floatingips", self.floating)
        self.volumes.routes(app)
        return app

    @web.middleware
    async def _trouble(self, request: web.Request, handler: Any) -> web.StreamResponse:
        kind = request.path.split("/")[1]
        if kind in self.broken:
            return web.json_response({"message": "out of order"}, status=503)
        if request.method == "DELETE":
            await asyncio.sleep(self.slow.get(kind, 0))
        answer: web.StreamResponse = await handler(request)
        if kind in self.stuck:
            self.waiting[kind] += 1
            await self.stuck[kind].wait()
        return answer

    async def sign_in(self, request: web.Request) -> web.Response:
        kinds = {"identity": "/v3", "placement": "/placement", "image": "/image", "network": "/network"}
        kinds["block-storage"] = "/volume/v3"
        catalog = [
            {"type": kind, "endpoints": [{"interface": "public", "region_id": "RegionOne", "url": self.url + path}]}
            for kind, path in kinds.items()
        ]
        token = {"expires_at": "2099-01-01T00:00:00Z", "catalog": catalog}
        return web.json_response({"token": token}, status=201, headers={"X-Subject-Token": "service"})

    async def launch(self, request: web.Request) -> web.Response:
        token = f"launch-{uuid4().hex}"
        self.launches[token] = (await request.json())["launch_token"]
        return web.json_response({}, status=201, headers={"X-Subject-Token": token})

    def _claims(self, request: web.Request) -> dict[str, Any] | None:
        return self.launches.get(request.headers["X-Auth-Token"])

    async def provider(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.match_info["id"] in self.providers else 404)

    async def all_providers(self, request: web.Request) -> web.Response:
        """A generation is another when what is held of a provider is."""
        shown = []
        wanted = {
            name: int(amount)
            for part in request.query.get("resources", "").split(",")
            if part
            for name, amount in [part.split(":")]
        }
        for id in self.providers:
            if wanted and not self._room(id, wanted, ""):
                continue
            held = sorted(consumer for consumer, one in self.allocations.items() if id in one)
            if held != self.held.setdefault(id, (0, []))[1]:
                self.held[id] = (self.held[id][0] + 1, held)
            shown.append({"uuid": id, "generation": self.held[id][0]})
        return web.json_response({"resource_providers": shown})

    async def add_provider(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.providers[body["uuid"]] = body["name"]
        return web.json_response({})

    async def inventory(self, request: web.Request) -> web.Response:
        found = self.inventories.get(request.match_info["id"], {})
        return web.json_response({"resource_provider_generation": 0, "inventories": found})

    async def set_inventory(self, request: web.Request) -> web.Response:
        self.inventories[request.match_info["id"]] = (await request.json())["inventories"]
        return web.json_response({})

    async def allocations_of(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        return web.json_response({"allocations": {c: {} for c, one in self.allocations.items() if id in one}})

    def _room(self, provider: str, wanted: dict[str, int], but: str) -> bool:
        for name, amount in wanted.items():
            stock = self.inventories[provider][name]
            taken = sum(one.get(provider, {}).get(name, 0) for c, one in self.allocations.items() if c != but)
            if taken + amount > stock["total"] * stock["allocation_ratio"] - stock["reserved"]:
                return False
        return True

    async def allocation(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in self.allocations:
            return web.json_response({"allocations": {}})
        held = {provider: {"resources": resources} for provider, resources in self.allocations[id].items()}
        owner = {"consumer_type": "INSTANCE", "project_id": "project", "user_id": "user"}
        generation = self.generations.setdefault(id, next(self.numbers))
        return web.json_response({"allocations": held, "consumer_generation": generation, **owner})

    async def allocate(self, request: web.Request) -> web.Response:
        return self._allocate({request.match_info["id"]: await request.json()})

    async def allocate_all(self, request: web.Request) -> web.Response:
        return self._allocate(await request.json())

    def _allocate(self, bodies: dict[str, Any]) -> web.Response:
        """All of them or none."""
        before = dict(self.allocations), dict(self.generations)
        for consumer, body in bodies.items():
            if why := self._refused(consumer, body):
                self.allocations, self.generations = before
                return web.json_response({"errors": [{"detail": why}]}, status=409)
        return web.Response(status=204)

    def _refused(self, consumer: str, body: dict[str, Any]) -> str | None:
        there = self.generations.setdefault(consumer, next(self.numbers)) if consumer in self.allocations else None
        if body["consumer_generation"] != there:
            return "consumer generation conflict"
        wanted = {provider: one["resources"] for provider, one in body["allocations"].items()}
        if not all(self._room(provider, resources, consumer) for provider, resources in wanted.items()):
            return "over capacity"
        self.allocations.pop(consumer, None)
        self.generations.pop(consumer, None)
        if wanted:
            self.allocations[consumer], self.generations[consumer] = wanted, next(self.numbers)
        return None

    async def give_back(self, request: web.Request) -> web.Response:
        return web.Response(status=204 if self.allocations.pop(request.match_info["id"], None) else 404)

    async def image(self, request: web.Request) -> web.Response:
        claims, id = self._claims(request), request.match_info["id"]
        if id not in self.images:
            return web.json_response({"message": f"No image found with ID {id}"}, status=404)
        if claims and claims["image"] != id:
            return web.json_response({"message": "not yours"}, status=403)
        data = self.images[id]
        digest = hashlib.sha512(data).hexdigest()
        body = {"id": id, "name": id, "disk_format": "raw", "size": len(data)}
        return web.json_response(body | {"os_hash_algo": "sha512", "os_hash_value": digest})

    async def download(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in self.images:
            return web.json_response({"message": f"No image found with ID {id}"}, status=404)
        self.downloads += 1
        return web.Response(body=self.images[id])

    async def add_port(self, request: web.Request) -> web.Response:
        port, claims = (await request.json())["port"], self._claims(request)
        if port["id"] in self.ports:
            return web.json_response({"NeutronError": {"message": "it exists"}}, status=409)
        if not claims or port["id"] not in claims["ports"] or port["binding:host_id"] != claims["host"]:
            return web.json_response({"NeutronError": {"message": "not allowed"}}, status=403)
        made = port | {"status": "ACTIVE", "mac_address": "fa:16:3e:00:00:01", "admin_state_up": True}
        made["revision_number"] = next(self.numbers)
        made["fixed_ips"] = [{"subnet_id": "s", "ip_address": f"192.168.50.{next(self.hosts)}"}]
        self.ports[port["id"]] = made
        return web.json_response({"port": made}, status=201)

    async def list_ports(self, request: web.Request) -> web.Response:
        wanted, id = request.query.get("device_id"), request.query.get("id")
        found = [one for one in self.ports.values() if wanted in (None, one["device_id"]) and id in (None, one["id"])]
        return web.json_response({"ports": [{"revision_number": 1, **one} for one in found]})

    async def port(self, request: web.Request) -> web.Response:
        return web.json_response({"port": self.ports[request.match_info["id"]]})

    def _is_other(self, request: web.Request) -> bool:
        """Whether ``If-Match`` names another revision of the port."""
        port, match = self.ports.get(request.match_info["id"], {}), request.headers.get("If-Match")
        return bool(port and match) and match != f"revision_number={port.get('revision_number', 1)}"

    async def change_port(self, request: web.Request) -> web.Response:
        if self._is_other(request):
            return web.json_response({"NeutronError": {"message": "another revision"}}, status=412)
        port = self.ports[request.match_info["id"]]
        port |= (await request.json())["port"] | {"revision_number": next(self.numbers)}
        return web.json_response({"port": port})

    async def remove_port(self, request: web.Request) -> web.Response:
        if self._is_other(request):
            return web.json_response({"NeutronError": {"message": "another revision"}}, status=412)
        return web.Response(status=204 if self.ports.pop(request.match_info["id"], None) else 404)

    async def network(self, request: web.Request) -> web.Response:
        return web.json_response({"network": {"id": request.match_info["id"], "name": "private", "mtu": 1450}})

    async def floating(self, request: web.Request) -> web.Response:
        return web.json_response({"floatingips": []})
