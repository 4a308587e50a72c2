"""What a host's networking is, for `network show`: interfaces, flooding lists, namespaces with theirs, DHCP, and who else filters.
Looks only."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tinstack.lab.onhost.commands import output
from tinstack.lab.onhost.firewall import OURS, foreign


def listed(*command: str) -> list[Any]:
    """The JSON list that a command of iproute2 prints."""
    try:
        found = json.loads(output(*command) or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def links(*inside: str) -> dict[str, dict[str, Any]]:
    """Interfaces by name."""
    found = {}
    for one in listed(*inside, "ip", "-d", "-j", "address", "show"):
        if "ifname" not in one:
            continue
        info = one.get("linkinfo", {})
        found[one["ifname"]] = {
            "kind": info.get("info_kind", ""),
            "data": {key: value for key, value in info.get("info_data", {}).items() if key in ("id", "local", "port")},
            "mtu": one.get("mtu", 0),
            "up": "UP" in one.get("flags", []),
            "carrier": "LOWER_UP" in one.get("flags", []),
            "master": one.get("master"),
            "mac": one.get("address", ""),
            "addresses": [f"{a.get('local')}/{a.get('prefixlen')}" for a in one.get("addr_info", [])],
        }
    return found


def routes(*inside: str) -> list[dict[str, str]]:
    """Those by a next hop."""
    found = listed(*inside, "ip", "-j", "route", "show") + listed(*inside, "ip", "-6", "-j", "route", "show")
    return [{"to": one["dst"], "via": one["gateway"]} for one in found if "gateway" in one]


def floods() -> dict[str, list[str]]:
    """VXLAN interface → where it sends what it does not know."""
    found: dict[str, list[str]] = {}
    for one in listed("bridge", "-j", "fdb", "show"):
        if one.get("mac") == "00:00:00:00:00:00" and one.get("dst"):
            found.setdefault(one["ifname"], []).append(one["dst"])
    return found


def maps(space: str) -> dict[str, dict[str, str]]:
    """The maps of the router's table: floating → fixed address, and back."""
    try:
        said = json.loads(output("ip", "netns", "exec", space, "nft", "-j", "list", "table", "inet", OURS) or "{}")
    except ValueError:
        return {}
    found = {}
    for one in said.get("nftables", []):
        if "map" in one and all(isinstance(pair, list) for pair in one["map"].get("elem", [])):
            found[one["map"]["name"]] = {str(key): str(value) for key, value in one["map"].get("elem", [])}
    return found


def guards() -> dict[str, list[str]]:
    """Taps whose packets are filtered, and the security groups that filter them, by the agent's tables."""
    numbered = nft("map", "bridge", OURS, "to")
    taps = [str(pair[0]) for one in numbered for pair in one.get("map", {}).get("elem", [])]
    chains = [one["chain"]["name"] for one in nft("table", "inet", OURS) if "chain" in one]
    return {"taps": taps, "groups": [name.removeprefix("ingress-") for name in chains if name.startswith("ingress-")]}


def nft(*what: str) -> list[dict[str, Any]]:
    """What nftables lists of something; nothing where it is not there."""
    try:
        found = json.loads(output("nft", "-j", "list", *what) or "{}").get("nftables", [])
    except ValueError:
        return []
    return list(found)


def spaces(wanted: list[str]) -> dict[str, dict[str, Any]]:
    """The namespaces that are asked for, those that are there."""
    there = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()

    def one(name: str) -> dict[str, Any]:
        inside = ("ip", "netns", "exec", name)
        router = name.removeprefix("router-") if name.startswith("router-") else None
        nat = output(*inside, "nft", "list", "chain", "inet", OURS, "source") if router else ""
        return {
            "links": links(*inside),
            "routes": routes(*inside),
            "maps": maps(name) if router else {},
            "snat": [line.strip() for line in nat.splitlines() if " snat " in line],
            "advertiser": active(f"tinstack-ra@{router}.service") if router else "",
            "foreign": foreign(*inside),
        }

    with ThreadPoolExecutor(max_workers=4) as pool:
        names = [name for name in wanted if name in there]
        return dict(zip(names, pool.map(one, names), strict=True))


def dhcp(networks: list[str]) -> dict[str, dict[str, Any]]:
    """Whether the DHCP server of each network runs, and the hosts that it knows: MAC → address."""
    found = {}
    for network in networks:
        unit = f"tinstack-dhcp@{network}.service"
        folder = f"/var/lib/tinstack/network-agent/dhcp/{network}/hosts"
        hosts: dict[str, list[str]] = {}
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name)) as file:
                for line in file:
                    mac, _, rest = line.strip().partition(",")
                    hosts.setdefault(mac, []).append(rest)
        found[network] = {"state": active(unit) or "unknown", "hosts": hosts}
    return found


def active(unit: str) -> str:
    """A unit's state; nothing where systemd does not say."""
    return output("systemctl", "show", "--value", "--property=ActiveState", unit).strip()


def answers(space: str, device: str, address: str) -> bool:
    """Whether a guest answers ARP from a namespace in its network: no security group stands before that."""
    inside = ("ip", "netns", "exec", space, "arping", "-c", "2", "-w", "2", "-f", "-I", device, address)
    return bool(output(*inside))


def main() -> None:
    """All of it, as one JSON object."""
    asked = json.loads(sys.argv[1])
    guests = output("virsh", "--readonly", "list", "--uuid").split() if asked.get("guests") else []
    found = {
        "agent": active("tinstack-network-agent.service"),
        "links": links(),
        "floods": floods(),
        "foreign": foreign(),
        "spaces": spaces(asked.get("spaces", [])),
        "dhcp": dhcp(asked.get("dhcp", [])),
        "guests": guests,
        "guards": guards(),
        "answers": {one["address"]: answers(**one) for one in asked.get("arp", [])},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
