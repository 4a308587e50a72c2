"""A port's path, hop by hop: what is wanted beside what is there, and where a packet would be dropped."""

from collections.abc import Iterator

from tinstack.lab.network import groups
from tinstack.lab.network.hop import OK, Hop, broken, note, ok
from tinstack.lab.network.rows import OVERHEAD, Row, Rows, addresses, bridge, tap, uplink
from tinstack.lab.network.seen import Seen
from tinstack.lab.network.services import Services, provider
from tinstack.lab.network.trunks import trunked


class Path:
    """The path of one guest's port. ``traffic``: what shall come in from outside, as ``tcp:22``."""

    def __init__(self, rows: Rows, seen: dict[str, Seen], silent: dict[str, str], port: Row, traffic: str) -> None:
        self.rows, self.seen, self.silent, self.port, self.traffic = rows, seen, silent, port, traffic
        self.network = rows.networks[port["network_id"]]
        self.host: str = port["binding:host_id"] or ""

    def hops(self) -> list[Hop]:
        """From the guest outwards."""
        return list(self._hops())

    def _hops(self) -> Iterator[Hop]:
        yield from trunked(self.rows, self.port)
        yield from self._binding()
        if not self.host:
            return
        if self.host in self.seen:
            yield from self._guest()
        for host in self._hosts():
            yield from self._on(host)
        yield from Services(self.rows, self.seen, self.port).hops()
        seen = self.seen.get(self.host)
        own = str(self.port["device_owner"]).startswith("network:")
        if seen and not own and (unset := groups.unset(self.rows, self.port, self.host, seen)):
            yield unset
        yield groups.verdict(self.rows, self.port, self.host, self.traffic)
        if not own and (shut := groups.outwards(self.rows, self.port, self.host)):
            yield shut

    def _hosts(self) -> list[str]:
        """The port's own first."""
        return sorted(self.rows.hosts_of(self.network["id"]), key=lambda host: (host != self.host, host))

    def _binding(self) -> Iterator[Hop]:
        port = self.port
        what = f"{port['mac_address']} with {addresses(port)} on network {self.network['name'] or self.network['id']}"
        if not port["admin_state_up"]:
            yield broken("port", self.host, f"The port is switched off (admin_state_up is false): {what}.")
        elif not self.network["admin_state_up"]:
            yield broken("port", self.host, "The port's network is switched off (admin_state_up is false).")
        elif not self.host:
            yield broken("port", "-", f"The port is bound to no host, so nothing carries its packets: {what}.")
        elif port["binding:vif_type"] in ("binding_failed", "unbound"):
            yield broken(
                "port",
                self.host,
                f"The port could not be bound to {self.host}: no live agent there can wire it.",
            )
        elif not port["fixed_ips"]:
            yield note("port", self.host, f"The port has no address: {what}.")
        else:
            yield ok("port", self.host, f"{what}, {port['status']}")
        if self.host and self.host not in self.rows.alive:
            yield broken("agent", self.host, f"No network agent of {self.host} is known: nobody wires ports there.")

    def _guest(self) -> Iterator[Hop]:
        seen, port = self.seen[self.host], self.port
        is_server = str(port["device_owner"]).startswith("compute:")
        if is_server and port["device_id"] not in seen.guests:
            yield broken("guest", self.host, f"The guest {port['device_id']} does not run on {self.host}.")
        elif is_server:
            yield ok("guest", self.host, f"{port['device_id']} runs")
        if str(port["device_owner"]).startswith("network:"):
            return
        yield self._member("tap", self.host, tap(port), carrier=is_server)

    def _member(self, hop: str, host: str, name: str, *, carrier: bool = False) -> Hop:
        """An interface that must be up, in the network's bridge, and of its MTU."""
        link, home, mtu = self.seen[host].links.get(name), bridge(self.network), int(self.network["mtu"])
        if link is None:
            return broken(hop, host, f"The interface {name} is missing on {host}.")
        if not link.up:
            return broken(hop, host, f"The interface {name} on {host} is down.")
        if link.master != home:
            where = f"in the bridge {link.master}" if link.master else "in no bridge"
            return broken(hop, host, f"The interface {name} on {host} is {where}, not in {home}.")
        if carrier and not link.carrier:
            return broken(hop, host, f"The interface {name} on {host} has no guest at its other end.")
        if link.mtu < mtu:
            return broken(
                hop, host, f"The MTU of {name} on {host} is {link.mtu}, not {mtu}: larger packets are dropped."
            )
        return ok(hop, host, f"{name} is up in {home}, MTU {link.mtu}")

    def _on(self, host: str) -> Iterator[Hop]:
        """Agent, bridge, uplink and strangers' rules of one host that the network reaches."""
        if host in self.silent:
            yield broken("host", host, self.silent[host])
            return
        seen = self.seen.get(host)
        if seen is None:
            yield note("host", host, f"{host} is not in the inventory, so it can't be asked.")
            return
        if seen.agent != "active":
            yield broken(
                "agent",
                host,
                f"The network agent on {host} is {seen.agent or 'not there'}: what changes is not wired.",
            )
        name, mtu = bridge(self.network), int(self.network["mtu"])
        link = seen.links.get(name)
        if link is None:
            yield broken("bridge", host, f"The bridge {name} is missing on {host}.")
            return
        if not link.up:
            yield broken("bridge", host, f"The bridge {name} on {host} is down.")
        elif link.mtu < mtu:
            yield broken(
                "bridge",
                host,
                f"The MTU of {name} on {host} is {link.mtu}, not {mtu}: larger packets are dropped.",
            )
        else:
            yield ok("bridge", host, f"{name} is up, MTU {link.mtu}")
        yield from self._uplink(host, seen)
        for said in seen.foreign:
            yield broken("firewall", host, f"A firewall on {host} that is not ours may drop its packets: {said}.")

    def _uplink(self, host: str, seen: Seen) -> Iterator[Hop]:
        kind = str(self.network["provider:network_type"])
        if kind == "flat":
            yield from provider(self.rows, self.network, host, seen)
        elif name := uplink(self.network):
            others = [one for one in self._hosts() if one != host]
            if others or name in seen.links:
                hop = self._member(kind, host, name)
                yield hop
                if hop.state == OK and kind == "vxlan":
                    yield from self._tunnel(host, seen, name, others)

    def _tunnel(self, host: str, seen: Seen, name: str, others: list[str]) -> Iterator[Hop]:
        """Its number, its peers, and room for its header on the way."""
        link = seen.links[name]
        wanted = self.network["provider:segmentation_id"]
        if link.data.get("id") != wanted:
            yield broken("vxlan", host, f"{name} on {host} has the VNI {link.data.get('id')}, not {wanted}.")
        peers = seen.floods.get(name, [])
        missing = [one for one in others if self.rows.tunnels.get(one) not in (None, *peers)]
        for other in missing:
            address = self.rows.tunnels[other]
            yield broken(
                "vxlan",
                host,
                f"{name} on {host} has no forwarding entry (FDB) for {other} ({address}), so nothing reaches it.",
            )
        own = self.rows.tunnels.get(host)
        under = next(
            (one for one in seen.links.values() if own and any(a.split("/")[0] == own for a in one.addresses)), None
        )
        room = int(self.network["mtu"]) + OVERHEAD["vxlan"]
        if under and under.mtu < room:
            yield broken(
                "underlay",
                host,
                f"The MTU under the tunnels of {host} is {under.mtu}; packets of this network need {room}.",
            )
        if not missing:
            yield ok(
                "vxlan",
                host,
                f"VNI {wanted}, reaches {', '.join(others) or 'nobody, as nobody else has the network'}",
            )
