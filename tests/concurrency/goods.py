"""What is sold, each in the same words: how much there is, how one is asked for, given back, counted, and refused."""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

FLAVOR = {"cores": 2, "ram": 48}
"""Of the servers that are asked for: vCPUs, MiB."""


class Good:
    """One kind of thing of a tenant. ``fits``: how many of it there may be."""

    fits = 37

    def __init__(self, rig: Any, tenant: Any, wish: Any) -> None:
        self.rig, self.tenant, self.client, self.wish = rig, tenant, tenant.client, wish
        self.prepare()

    def prepare(self) -> None:
        """Set the limit, and make what is needed to ask."""

    def ask(self) -> Any:
        """The request for one more."""
        raise NotImplementedError

    def give_back(self, id: str) -> Any:
        """The request that gives one back."""
        raise NotImplementedError

    def sold(self, reply: Any) -> bool:
        """Whether the answer sold one."""
        return reply.status in (200, 201, 202, 204)

    def refused(self, reply: Any) -> bool:
        """Whether the answer says, in the right words, that there is no more."""
        raise NotImplementedError

    def there(self) -> list[str]:
        """Ids of all that there is, as the API lists it; what is being deleted counts."""
        raise NotImplementedError

    def settle(self) -> None:
        """Until what was asked for is made, and what was given back is gone."""

    def until(self, done: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
        """Wait. Fails with ``what``."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, what
            threading.Event().wait(0.1)


class _Servers(Good):
    resource = ""

    def prepare(self) -> None:
        each = FLAVOR.get(self.resource, 1)
        self.tenant.quota("compute", **{self.resource: self.fits * each + each - 1})
        flavor = {"name": f"crowd-{uuid4().hex[:8]}", "vcpus": FLAVOR["cores"], "ram": FLAVOR["ram"], "disk": 1}
        made = self.client.post("compute", "/flavors", {"flavor": flavor})
        assert made.status == 200, made.data
        self.flavor = made.json["flavor"]["id"]
        self.image = self.client.get("image", "/v2/images?name=tiny").json["images"][0]["id"]

    def ask(self) -> Any:
        server = {"name": "one", "flavorRef": self.flavor, "imageRef": self.image, "networks": "none"}
        return self.wish("POST", "compute", "/servers", {"server": server}, "2.37")

    def give_back(self, id: str) -> Any:
        return self.wish("DELETE", "compute", f"/servers/{id}")

    def refused(self, reply: Any) -> bool:
        said = f"Quota exceeded for {self.resource}: Requested {FLAVOR.get(self.resource, 1)}, but already used "
        return reply.status == 403 and reply.body["forbidden"]["message"].startswith(said)

    def servers(self) -> list[Any]:
        """With their states."""
        found: list[Any] = self.client.get("compute", "/servers/detail").json["servers"]
        return found

    def there(self) -> list[str]:
        return [one["id"] for one in self.servers()]

    def settle(self) -> None:
        def done() -> bool:
            return all(one["OS-EXT-STS:task_state"] is None and one["status"] != "BUILD" for one in self.servers())

        self.until(done, "servers are still being made or deleted")
        bad = [one["fault"]["message"] for one in self.servers() if one["status"] != "ACTIVE"]
        assert not bad, bad


class Instances(_Servers):
    """Servers, by their number."""

    resource = "instances"


class Cores(_Servers):
    """Servers, by their vCPUs."""

    resource = "cores"


class Ram(_Servers):
    """Servers, by their memory."""

    resource = "ram"


class Volumes(Good):
    """Volumes, by their number."""

    limits = {"volumes": 37}

    def prepare(self) -> None:
        self.tenant.quota("block-storage", **self.limits)

    def ask(self) -> Any:
        return self.wish("POST", "block-storage", "/volumes", {"volume": {"size": 2}})

    def give_back(self, id: str) -> Any:
        return self.wish("DELETE", "block-storage", f"/volumes/{id}")

    def refused(self, reply: Any) -> bool:
        return reply.status == 413 and "VolumeLimitExceeded" in reply.body["overLimit"]["message"]

    def volumes(self) -> list[Any]:
        """With their states."""
        found: list[Any] = self.client.get("block-storage", "/volumes/detail").json["volumes"]
        return found

    def there(self) -> list[str]:
        return [one["id"] for one in self.volumes()]

    def settle(self) -> None:
        self.until(lambda: {one["status"] for one in self.volumes()} <= {"available"}, "volumes are not settled")


class Gigabytes(Volumes):
    """Volumes of 2 GiB, by their size."""

    limits = {"gigabytes": 37 * 2 + 1}

    def refused(self, reply: Any) -> bool:
        said = "VolumeSizeExceedsAvailableQuota"
        return reply.status == 413 and said in reply.body["overLimit"]["message"]


class _Network(Good):
    kind, path = "port", "/v2.0/ports"

    def network(self, cidr: str, external: bool = False, **subnet: Any) -> str:
        """A network with one subnet; its id."""
        body = {"name": f"crowd-{uuid4().hex[:8]}", "router:external": external}
        id: str = self.client.post("network", "/v2.0/networks", {"network": body}).json["network"]["id"]
        body = {"network_id": id, "ip_version": 4, "cidr": cidr, "enable_dhcp": False, **subnet}
        made = self.client.post("network", "/v2.0/subnets", {"subnet": body})
        assert made.status == 201, made.data
        return id

    def give_back(self, id: str) -> Any:
        return self.wish("DELETE", "network", f"{self.path}/{id}")

    def refused(self, reply: Any) -> bool:
        error = reply.body["NeutronError"] if reply.status == 409 else {}
        said = f"Quota exceeded for resources: ['{self.kind}']."
        return error.get("type") == "OverQuota" and error["message"] == said

    def listed(self) -> list[Any]:
        """All of the project."""
        answer = self.client.get("network", f"{self.path}?project_id={self.tenant.id}").json
        found: list[Any] = answer[f"{self.kind}s"]
        return found

    def there(self) -> list[str]:
        return [one["id"] for one in self.listed()]


class Ports(_Network):
    """Ports, by their number."""

    def prepare(self) -> None:
        self.tenant.quota("network", port=self.fits)
        self.on = self.network("10.77.0.0/22")

    def ask(self) -> Any:
        return self.wish("POST", "network", self.path, {"port": {"network_id": self.on}})


class Addresses(_Network):
    """Ports, by the free addresses of a /24: all but its own, the broadcast and the gateway's, some of them taken before."""

    fits = 123

    def prepare(self) -> None:
        pools = [{"start": "10.78.0.2", "end": "10.78.0.90"}, {"start": "10.78.0.200", "end": "10.78.0.254"}]
        self.on = self.network("10.78.0.0/24", allocation_pools=pools)
        for last in (2, *range(71, 91)):  # what someone named himself is not free either
            fixed = [{"ip_address": f"10.78.0.{last}"}]
            made = self.rig.admin.post("network", self.path, {"port": {"network_id": self.on, "fixed_ips": fixed}})
            assert made.status == 201, made.data

    def ask(self) -> Any:
        return self.wish("POST", "network", self.path, {"port": {"network_id": self.on}})

    def refused(self, reply: Any) -> bool:
        error = reply.body["NeutronError"] if reply.status == 409 else {}
        said = f"No more IP addresses available on network {self.on}."
        return error.get("type") == "IpAddressGenerationFailure" and error["message"] == said

    def there(self) -> list[str]:
        addresses = [one["fixed_ips"][0]["ip_address"] for one in self.listed()]
        assert len(set(addresses)) == len(addresses), "an address was given twice"
        return super().there()


class FloatingIps(_Network):
    """Floating IPs, by their number."""

    kind, path = "floatingip", "/v2.0/floatingips"

    def prepare(self) -> None:
        self.tenant.quota("network", floatingip=self.fits)
        self.on = self.network("10.79.0.0/22", external=True)

    def ask(self) -> Any:
        return self.wish("POST", "network", self.path, {"floatingip": {"floating_network_id": self.on}})


class FloatingAddresses(FloatingIps):
    """Floating IPs, by the addresses of their network."""

    fits = 61

    def prepare(self) -> None:
        self.on = self.network("10.80.0.0/26", external=True)

    def refused(self, reply: Any) -> bool:
        error = reply.body["NeutronError"] if reply.status == 409 else {}
        return error.get("type") == "IpAddressGenerationFailure"

    def there(self) -> list[str]:
        addresses = [one["floating_ip_address"] for one in self.listed()]
        assert len(set(addresses)) == len(addresses), "an address was given twice"
        return super().there()


class Networks(_Network):
    """Networks, by their number; each has a segment of its own."""

    kind, path = "network", "/v2.0/networks"

    def prepare(self) -> None:
        self.tenant.quota("network", network=self.fits)

    def ask(self) -> Any:
        return self.wish("POST", "network", self.path, {"network": {"name": "one"}})

    def there(self) -> list[str]:
        segments = [one["provider:segmentation_id"] for one in self.listed()]
        assert len(set(segments)) == len(segments), "a segment was given twice"
        return super().there()


class Claims(Good):
    """Allocations of 64 MiB in placement, by the last megabyte of a provider."""

    def prepare(self) -> None:
        self.provider = str(uuid4())
        body = {"uuid": self.provider, "name": f"crowd-{self.provider}"}
        made = self.client.post("placement", "/resource_providers", body, version="1.36")
        assert made.status == 200, made.data
        stock = {"MEMORY_MB": {"total": self.fits * 64 + 63}}
        path = f"/resource_providers/{self.provider}/inventories"
        body = {"resource_provider_generation": made.json["generation"], "inventories": stock}
        assert self.client.put("placement", path, body, version="1.36").status == 200

    def ask(self) -> Any:
        body = {
            "allocations": {self.provider: {"resources": {"MEMORY_MB": 64}}},
            "project_id": self.tenant.id,
            "user_id": self.client.user_id,
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
        }
        return self.wish("PUT", "placement", f"/allocations/{uuid4()}", body, "1.38")

    def give_back(self, id: str) -> Any:
        return self.wish("DELETE", "placement", f"/allocations/{id}", version="1.38")

    def refused(self, reply: Any) -> bool:
        return reply.status == 409 and "exceed the capacity" in reply.body["errors"][0]["detail"]

    def there(self) -> list[str]:
        held = self.client.get("placement", f"/resource_providers/{self.provider}/allocations", version="1.38").json
        found = held["allocations"]
        assert sum(one["resources"]["MEMORY_MB"] for one in found.values()) == 64 * len(found)
        return list(found)


GOODS: list[type[Good]] = [
    Instances, Cores, Ram, Volumes, Gigabytes, Ports, Addresses, FloatingIps, FloatingAddresses, Networks, Claims
]  # fmt: skip
