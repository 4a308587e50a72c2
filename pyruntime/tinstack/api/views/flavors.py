"""Flavors and key pairs as the API shows them."""

from tinstack.api.views import Body, links
from tinstack.computedb.flavors import Flavor
from tinstack.computedb.keypairs import KeyPair
from tinstack.core.clock import iso_us
from tinstack.core.http import Request


def brief(flavor: Flavor, request: Request) -> Body:
    """id, name, links; from 2.55 the description too."""
    shown: Body = {"id": flavor.id, "name": flavor.name, "links": links(request.root_url, "flavors", flavor.id)}
    if request.at_least(2, 55):
        shown["description"] = flavor.description
    return shown


def detail(flavor: Flavor, request: Request, specs: bool) -> Body:
    """All of it. ``specs``: the caller may see extra specs (shown from 2.61)."""
    shown: Body = {
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.ram_mib,
        "disk": flavor.root_gib,
        "swap": flavor.swap_mib or (0 if request.at_least(2, 75) else ""),
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "OS-FLV-DISABLED:disabled": flavor.disabled,
        "vcpus": flavor.vcpus,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": float(flavor.rxtx_factor),
        "links": links(request.root_url, "flavors", flavor.id),
    }
    if request.at_least(2, 55):
        shown["description"] = flavor.description
    if request.at_least(2, 61) and specs:
        shown["extra_specs"] = flavor.extra_specs
    return shown


def keypair(pair: KeyPair, request: Request) -> Body:
    """A key pair in a list."""
    shown: Body = {"name": pair.name, "public_key": pair.public_key, "fingerprint": pair.fingerprint}
    if request.at_least(2, 2):
        shown["type"] = pair.type
    return {"keypair": shown}


def keypair_detail(pair: KeyPair, request: Request) -> Body:
    """A key pair alone."""
    shown: Body = keypair(pair, request)["keypair"]
    shown |= {
        "id": pair.number,
        "user_id": pair.user_id,
        "created_at": iso_us(pair.created_at),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    return {"keypair": shown}


def keypair_created(pair: KeyPair, private_key: str | None, request: Request) -> Body:
    """The answer to a create request: the only time that the private half is seen."""
    shown: Body = keypair(pair, request)["keypair"] | {"user_id": pair.user_id}
    if private_key is not None:
        shown["private_key"] = private_key
    return {"keypair": shown}
