"""Whether hosts can be deployed to: rules over what the module host_look saw on each of them. Each problem is one sentence.

The words in brackets are what an inventory's ``prechecks_ignored`` takes; what stops the work at once has none.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

Look = Mapping[str, Any]
"""What `host_look` saw."""

Wanted = Mapping[str, Any]
"""What the inventory asks of a host; roles/prechecks/vars says what there is."""

NEEDED_GROUPS = {"api": "the APIs run", "compute": "guests run"}
LAYOUTS = ("split", "combined")
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST_DEBIAN = 12
DEPLOYED_DISK_MIB = 512
"""What a host that runs the lab already must have left: new packages need it."""

OURS = re.compile(r"(tinstack.*|haproxy|mariadb|rabbitmq-server|epmd|libvirtd|libvirtd-\w+)\.(service|socket)")
"""Units that hold our ports on a host that is deployed."""

OUR_BRIDGE = re.compile(r"br[0-9a-f]{8}-[0-9a-f]{2}")
"""As the network agent calls them (network/agent/names.py)."""

MEANING = {
    "8021q": "networks of type vlan",
    "br_netfilter": "security groups",
    "nf_tables": "security groups and NAT",
    "tun": "the links of guests",
    "vxlan": "networks that reach from host to host",
}


def problems(
    inventory: Mapping[str, Wanted], looks: Mapping[str, Mapping[str, Any]], groups: Sequence[str]
) -> list[str]:
    """All that keeps the hosts of an inventory from being deployed to.

    ``looks``: the module's result for each host that was asked, also a failed one. ``groups``: those that have a host.
    """
    found = [
        ("groups", f"The inventory has no host in the group {group}, where {what}.")
        for group, what in NEEDED_GROUPS.items()
        if group not in groups
    ]
    found += among_names(inventory)
    seen: dict[str, Look] = {}
    for host, result in looks.items():
        if "seen" in result:
            seen[host] = result["seen"]
            found += [(kind, f"{host}: {said}") for kind, said in of_host(host, inventory, result["seen"])]
        else:
            found.append(("", f"{host}: {failure(inventory[host], result)}"))
    found += among_hosts(seen)
    ignored = {kind for wanted in inventory.values() for kind in wanted.get("ignored", ())}
    return [f"{said} [{kind}]" if kind else said for kind, said in found if kind not in ignored]


Problem = tuple[str, str]
"""Its kind, and a sentence."""


ANSIBLE = re.compile(
    r"Task failed: (Module failed: )?|Data could not be sent to remote host .*? can be reached over ssh: "
)
"""What Ansible puts before a reason that says it all."""


def failure(wanted: Wanted, result: Mapping[str, Any]) -> str:
    """Why a host could not be looked at, from what Ansible says."""
    said = " ".join(
        str(result.get(key, "")).strip() for key in ("msg", "module_stderr", "module_stdout") if result.get(key)
    )
    last = ANSIBLE.sub("", said).strip().rstrip(".") or "it gave no reason"
    who = wanted.get("user") or "the user who signs in"
    if "sudo" in said.lower():
        return f"{who} may not become root by sudo without a password: {last}."
    if result.get("unreachable"):
        return f"it cannot be reached: {last}."
    if "interpreter" in said or "python3: not found" in said or "python3: No such file" in said:
        return f"it has no Python 3 where Ansible looks for it: {last}."
    return f"it could not be looked at: {last}."


def among_names(inventory: Mapping[str, Wanted]) -> Iterator[Problem]:
    """Two hosts at one place."""
    for key, what in (("address", "the address"), ("connection", "the connection")):
        for place, hosts in sharing({host: str(wanted[key]) for host, wanted in inventory.items()}):
            if key == "address" or len({inventory[host]["address"] for host in hosts}) > 1:
                yield "addresses", f"The inventory gives {listed(hosts)} {what} {place}: each needs its own."


def among_hosts(seen: Mapping[str, Look]) -> Iterator[Problem]:
    """What must differ from host to host, and what must not."""
    for name, hosts in sharing({host: str(look["hostname"]) for host, look in seen.items()}):
        yield "names", f"{listed(hosts)} call themselves {name}: give each a host name of its own."
    for _, hosts in sharing({host: str(look["machine_id"]) for host, look in seen.items() if look["machine_id"]}):
        yield (
            "machine-id",
            f"{listed(hosts)} have the same /etc/machine-id: they are one machine, or copies of one, which libvirt takes for one.",
        )


def sharing(places: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """What more than one host has, and which hosts."""
    found = defaultdict(list)
    for host, place in places.items():
        found[place].append(host)
    return [(place, hosts) for place, hosts in found.items() if len(hosts) > 1]


def listed(hosts: Sequence[str]) -> str:
    return f"{', '.join(hosts[:-1])} and {hosts[-1]}"


def of_host(host: str, inventory: Mapping[str, Wanted], look: Look) -> Iterator[Problem]:
    wanted = inventory[host]
    if not look["root"]:
        yield "", f"{wanted.get('user') or 'the user who signs in'} is not root: set ansible_become."
    if wanted["layout"] not in LAYOUTS:
        yield "", f"its tinstack_layout is {wanted['layout']}: it must be {' or '.join(LAYOUTS)}."
    yield from of_system(look)
    yield from of_resources(wanted, look)
    if look["root"]:  # to others the kernel does not tell who listens
        yield from of_ports(look)
    yield from of_names(host, inventory, look)
    yield from of_links(wanted, look)
    for feature in look["lacking"]:
        yield "kernel", f"its kernel has no {feature}: {MEANING[feature]} need it."
    if "compute" in wanted["groups"]:
        yield from of_hypervisor(wanted, look)


def of_system(look: Look) -> Iterator[Problem]:
    system, version = look["os"], str(look["os"]["version"]).partition(".")[0]
    # Testing and unstable have no version.
    if system["id"] != "debian" or (version.isdigit() and int(version) < OLDEST_DEBIAN):
        yield "os", f"it runs {system['name'] or 'no known distribution'}; hosts need Debian {OLDEST_DEBIAN} or newer."
    elif look["python"] not in PYTHONS:
        yield "python", f"its Python is {look['python']}; there are wheels for {', '.join(PYTHONS)}."
    if look["machine"] != "x86_64":
        yield "os", f"its processor is {look['machine']}; wheels and guests are for x86_64."
    if not look["systemd"]:
        yield "os", "systemd does not run it."


def of_resources(wanted: Wanted, look: Look) -> Iterator[Problem]:
    if look["memory_mib"] < wanted["memory_mib"] and not look["deployed"]:
        yield "memory", f"it has {look['memory_mib']} MiB of memory; it needs {wanted['memory_mib']} MiB."
    disk = min(DEPLOYED_DISK_MIB, wanted["disk_mib"]) if look["deployed"] else wanted["disk_mib"]
    if look["disk_mib"] < disk:
        yield "disk", f"{look['disk_mib']} MiB are free below /var/lib; it needs {disk} MiB."
    if abs(look["clock"]) > wanted["clock_seconds"]:
        side = "ahead of" if look["clock"] > 0 else "behind"
        yield "clock", f"its clock is {abs(look['clock']):g} s {side} this machine's: have it kept by NTP."


def of_ports(look: Look) -> Iterator[Problem]:
    foreign = {
        (one["port"], one["unit"] or one["process"] or "something")
        for one in look["listening"]
        if not (look["deployed"] and OURS.fullmatch(one["unit"]))
    }
    for port, holder in sorted(foreign):
        yield "ports", f"{holder} listens on port {port}, which the lab needs."


def of_names(host: str, inventory: Mapping[str, Wanted], look: Look) -> Iterator[Problem]:
    own = {address for link in look["links"].values() for address in link["addresses"]}
    address = str(inventory[host]["address"])
    if not own.intersection([address, *look["resolved"].get(address, ())]):
        yield (
            "address",
            f"none of its links has its management address {address}: set tinstack_address to the one that other hosts reach it by.",
        )
    if not look["resolved"].get(look["hostname"]):
        yield "names", f"it does not know an address of its own name {look['hostname']}: add it to /etc/hosts."
    for name, said in look["hosts"].items():
        right = {str(inventory[name]["address"]), *(own if name == host else ())}
        if wrong := [one for one in said if one not in right and not (name == host and is_loopback(one))]:
            yield (
                "names",
                f"its /etc/hosts gives {name} the address {wrong[0]}, the inventory {inventory[name]['address']}.",
            )


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def of_links(wanted: Wanted, look: Look) -> Iterator[Problem]:
    for name in wanted["links"]:
        link = look["links"].get(name)
        if link is None:
            yield "links", f"it has no link {name}, which network_agent_physical_networks names."
        elif name not in wanted["flat_links"]:
            continue
        elif link["addresses"]:
            yield (
                "links",
                f"its link {name} has the address {link['addresses'][0]}; one that carries a flat network must have none.",
            )
        elif link["master"] and not OUR_BRIDGE.fullmatch(link["master"]):
            yield "links", f"its link {name} belongs to {link['master']} already."


def of_hypervisor(wanted: Wanted, look: Look) -> Iterator[Problem]:
    if wanted["kvm"] and not look["kvm"]:
        yield (
            "virtualisation",
            "it has no /dev/kvm: switch virtualisation on in its firmware, or set compute_virt_type to qemu.",
        )
    if not look["tun"]:
        yield "virtualisation", "it has no /dev/net/tun, which guests' links need."
