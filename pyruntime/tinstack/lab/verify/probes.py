"""A real read of each service, and where it is cheap a write, a read of what was written, and its removal."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from urllib.parse import urlsplit

from tinstack.lab.client import ApiError, Client, connection_to
from tinstack.lab.status import apis
from tinstack.lab.verify.report import Check, wait_for
from tinstack.lab.words import LabError

PREFIX = "tinstack-verify-"
"""Names of what is made here, so that what an interrupted run left is known."""

TYPES = ("identity", "compute", "image", "network", "placement", "block-storage")
TRAIT = "CUSTOM_TINSTACK_VERIFY"
VOLUME_SECONDS = 60.0
METADATA_SECONDS = 10.0


def identity(admin: Client) -> str:
    """A token, and a catalog that names every service."""
    there = admin.endpoints()
    missing = [kind for kind in TYPES if kind not in there]
    if missing:
        raise LabError(f"The catalog lacks {', '.join(missing)}.")
    projects = admin.get("identity", "/projects")["projects"]
    return f"a token and a catalog of {len(there)} services; {len(projects)} projects"


def compute(admin: Client) -> str:
    """Flavors are read; a server group is made, read and removed."""
    flavors = admin.get("compute", "/flavors")["flavors"]
    body = {"server_group": {"name": _name(), "policies": ["anti-affinity"]}}
    group = admin.send("POST", "compute", "/os-server-groups", body)["server_group"]["id"]
    with _removed(admin, "compute", f"/os-server-groups/{group}"):
        admin.get("compute", f"/os-server-groups/{group}")
    return f"{len(flavors)} flavors; a server group written, read and removed"


def placement(admin: Client) -> str:
    """Providers are read; a trait is made, read and removed."""
    providers = admin.get("placement", "/resource_providers")["resource_providers"]
    admin.send("PUT", "placement", f"/traits/{TRAIT}", version="1.6")
    with _removed(admin, "placement", f"/traits/{TRAIT}", version="1.6"):
        admin.get("placement", f"/traits/{TRAIT}", version="1.6")
    return f"{len(providers)} resource providers; a trait written, read and removed"


def image(admin: Client) -> str:
    """An image is uploaded, read back and removed. What is uploaded is JSON, so that the client can read it."""
    there = admin.get("image", "/v2/images", {"limit": 100})["images"]
    body = {"name": _name(), "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    made = admin.send("POST", "image", "/v2/images", body)["id"]
    with _removed(admin, "image", f"/v2/images/{made}"):
        written = secrets.token_hex(512)
        admin.send("PUT", "image", f"/v2/images/{made}/file", data=f'"{written}"'.encode())
        if admin.get("image", f"/v2/images/{made}/file") != written:
            raise LabError("The image that was uploaded is not what is downloaded.")
    return f"{len(there)} images; one uploaded, read back and removed"


def network(admin: Client) -> str:
    """A network without subnets is made, read and removed."""
    there = admin.get("network", "/v2.0/networks")["networks"]
    made = admin.send("POST", "network", "/v2.0/networks", {"network": {"name": _name()}})["network"]["id"]
    with _removed(admin, "network", f"/v2.0/networks/{made}"):
        admin.get("network", f"/v2.0/networks/{made}")
    return f"{len(there)} networks; one written, read and removed"


def volume(admin: Client) -> str:
    """A volume of 1 GiB is made, and removed once it is there."""
    pools = admin.get("block-storage", "/scheduler-stats/get_pools")["pools"]
    made = admin.send("POST", "block-storage", "/volumes", {"volume": {"size": 1, "name": _name()}})["volume"]["id"]
    path = f"/volumes/{made}"

    def settled() -> bool:
        found = admin.get("block-storage", path)["volume"]["status"]
        if found == "error":
            raise LabError("The volume that was asked for became error.")
        return bool(found == "available")

    with _removed(admin, "block-storage", path):
        wait_for("The volume that was asked for was not there", settled, VOLUME_SECONDS)
    wait_for("The volume was not removed", lambda: is_gone(admin, "block-storage", path), VOLUME_SECONDS)
    return f"{len(pools)} pools; a volume made and removed"


def metadata(admin: Client) -> str:
    """The metadata service refuses, in its own words, a request that no host has signed. It listens beside the compute API."""
    url = urlsplit(admin.endpoints()["compute"])
    host, port = url.hostname or "", (url.port or 8774) + 1
    connection = connection_to(admin.cloud, url.scheme, f"{host}:{port}", METADATA_SECONDS)
    try:
        connection.request("GET", "/latest/meta-data/")
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise LabError(f"The metadata service does not answer at {host}:{port}: {error}.") from None
    finally:
        connection.close()
    if answer.status == 503:
        raise LabError(f"The metadata service does not answer behind the gateway at {host}:{port}.")
    if answer.status != 400 or "signed" not in said:
        raise LabError(f"What answers at {host}:{port} ({answer.status}) is not the metadata service.")
    return "it answers, and refuses what no host has signed"


PROBES: dict[str, Callable[[Client], str]] = {
    "compute": compute,
    "placement": placement,
    "image": image,
    "network": network,
    "volume": volume,
    "metadata": metadata,
}

OVER_THE_BUS = {"nova-scheduler", "nova-compute"}
"""Services whose heartbeat comes by the bus; network agents' do too."""


def heartbeats(admin: Client) -> list[Check]:
    """Every service and agent that reports; and the bus, by which most of them do."""
    try:
        compute, network = apis.compute_services(admin), apis.network_agents(admin)
        services = [*compute, *network, *apis.volume_services(admin)]
    except ApiError as error:
        return [Check("heartbeats", False, message=error.message)]
    checks = [_heartbeat(one) for one in services]
    carried = [one for one in compute if one.name in OVER_THE_BUS] + network
    arrive = [one for one in carried if one.up]
    said = f"{len(arrive)} of {len(carried)} heartbeats arrive by it"
    if not arrive and carried:
        said = f"None of {len(carried)} heartbeats arrives: RabbitMQ is down, or nobody reaches it."
    return [*checks, Check("bus", bool(arrive) or not carried, message=said)]


def _heartbeat(one: apis.Service) -> Check:
    name = f"{one.name} on {one.host}"
    if not one.enabled:
        return Check(name, None, message=f"disabled{f': {one.reason}' if one.reason else ''}")
    return Check(
        name,
        one.up,
        message="it reports" if one.up else "It does not report: its process, or its way to the bus, is gone.",
    )


def is_gone(client: Client, service: str, path: str) -> bool:
    """Whether it answers 404."""
    try:
        client.get(service, path)
    except ApiError as error:
        if error.status == 404:
            return True
        raise
    return False


def _name() -> str:
    return PREFIX + secrets.token_hex(4)


@contextmanager
def _removed(admin: Client, service: str, path: str, *, version: str | None = None) -> Iterator[None]:
    """Removed at the end; what failed inside is what counts."""
    try:
        yield
    except LabError:
        with suppress(LabError):
            admin.send("DELETE", service, path, version=version)
        raise
    admin.send("DELETE", service, path, version=version)
