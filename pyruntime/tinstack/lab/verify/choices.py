"""What the server of `verify` is made of: what a project of the lab has, and what should work."""

from typing import Any

from tinstack.lab.client import Client
from tinstack.lab.verify.report import Skipped
from tinstack.lab.words import LabError

GIB = 1 << 30
DETAILS = "2.61"
"""The compute API's version whose flavors say what they ask of hosts."""

CANDIDATES = "1.17"
Body = dict[str, Any]


def image_and_flavor(member: Client, admin: Client) -> tuple[Body, Body]:
    """The smallest image for all (else of the project) that is ready, and the smallest flavor that it fits and that has room somewhere.

    Flavors and images that ask hosts for something more come last. Raises Skipped.
    """
    images = [
        one for one in member.get("image", "/v2/images", {"status": "active", "limit": 100})["images"]
        if one["disk_format"] in ("raw", "qcow2") and one["container_format"] == "bare"
    ]  # fmt: skip
    flavors = member.get("compute", "/flavors/detail", version=DETAILS)["flavors"]
    found = [
        (image, flavor)
        for image in sorted(images, key=_image_order)
        for flavor in sorted(flavors, key=_flavor_order)
        if _fits(image, flavor)
    ]
    if not found:
        raise Skipped("there is no image with a flavor that it fits, so there is nothing to boot")
    roomy: dict[str, bool] = {}
    for image, flavor in found:
        if flavor["id"] not in roomy:
            roomy[flavor["id"]] = _has_room(admin, flavor)
        if roomy[flavor["id"]]:
            return image, flavor
    return found[0]


def network(member: Client, admin: Client) -> Body | None:
    """One of the project's own (else a shared one) with an IPv4 subnet that has free addresses; None where there is no network.

    Raises LabError where all are full.
    """
    there = [
        one
        for one in member.get("network", "/v2.0/networks")["networks"]
        if one["subnets"] and not one["router:external"] and one["admin_state_up"] and one["status"] == "ACTIVE"
    ]
    listed = admin.get("network", "/v2.0/network-ip-availabilities", {"ip_version": 4})["network_ip_availabilities"]
    free = {one["network_id"]: sum(map(_free, one["subnet_ip_availability"])) for one in listed}
    roomy = [one for one in there if free.get(one["id"], 0) > 0]
    if there and not roomy:
        raise LabError(f"No address is left for a server in {', '.join(one['name'] for one in there)}.")
    return min(roomy, key=lambda one: (one["shared"], one["name"]), default=None)


def _free(subnet: Body) -> int:
    """Addresses that a server could get in a subnet."""
    details = subnet["ip_availability_details"]
    free = details["total_ips_in_allocation_pool"] - details["used_ips_in_allocation_pool"]
    return max(0, free) if subnet["ip_version"] == 4 else 0


def _image_order(image: Body) -> tuple[bool, bool, int]:
    asks = any(name.startswith(("hw_", "trait:")) for name in image)
    return image["visibility"] != "public", asks, int(image["size"] or 0)


def _flavor_order(flavor: Body) -> tuple[bool, int, int, int]:
    return bool(flavor["extra_specs"]), flavor["ram"], flavor["vcpus"], flavor["disk"]


def _fits(image: Body, flavor: Body) -> bool:
    size = max(int(image.get("virtual_size") or 0), int(image["size"] or 0))
    return bool(
        flavor["ram"] >= image["min_ram"] and flavor["disk"] >= image["min_disk"] and size <= flavor["disk"] * GIB
    )


def _has_room(admin: Client, flavor: Body) -> bool:
    """Whether placement knows a host that could take it now."""
    wanted = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"]}
    wanted["DISK_GB"] = flavor["disk"] + flavor["OS-FLV-EXT-DATA:ephemeral"]
    resources = ",".join(f"{name}:{amount}" for name, amount in wanted.items() if amount)
    query: dict[str, str | int] = {"resources": resources, "limit": 1}
    found = admin.get("placement", "/allocation_candidates", query, version=CANDIDATES)
    return bool(found["allocation_requests"])
