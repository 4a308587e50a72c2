"""Making a host's networking what it should be: look, compare, make the difference, look again at what was changed.

Synchronous: it runs in a worker thread, one at a time. Order: namespaces; what goes; rules (before the interfaces they
guard); interfaces; the insides of namespaces; DHCP; at last the namespaces that are no longer needed.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tinstack.core.errors import ApiError
from tinstack.network.agent import (
    advertising,
    announce,
    commands,
    conntrack,
    dhcp,
    flows,
    guests,
    names,
    netns,
    nft,
    observe,
    plans,
    release,
)
from tinstack.network.agent.files import read_all, write_all
from tinstack.network.agent.guests import Guests
from tinstack.network.agent.layout import Layout, lay_out
from tinstack.network.agent.model import Line, Space
from tinstack.network.agent.tables import Table, takes_away
from tinstack.network.agent.units import Units
from tinstack.network.rpc import HostNetworkState

log = logging.getLogger(__name__)

SYSCTL = Path("/proc/sys/net")


class NoBridgeFilter(ApiError):
    """Security groups need it; no guest is plugged in without."""

    code = "network.agent.br_netfilter"
    message = "This host's kernel filters no bridged packets, so that security groups would not hold; load its module br_netfilter."


class Outcome(msgspec.Struct, kw_only=True):
    """``up``: ports that are wired; ``errors``: id → sentence; ``doors``: namespace → networks that ask for metadata there;
    ``changes``: how much was done (0: everything was right already)."""

    up: list[str]
    errors: dict[str, str]
    doors: dict[str, list[str]]
    changes: int


class Host:
    """``state_dir``: where DHCP's files and the memory of rules are."""

    def __init__(self, tunnel_ip: str, physical_networks: Mapping[str, str], state_dir: Path, units: Units) -> None:
        self.tunnel_ip, self.physical_networks, self.units = tunnel_ip, physical_networks, units
        self.dhcp_dir, self.ra_dir = state_dir / "dhcp", state_dir / "ra"
        self.tables = nft.Tables(state_dir / "rules.json")
        self.guests = guests.Memory(state_dir)

    def make(self, state: HostNetworkState) -> Outcome:
        """Raises CommandFailed only where nothing can be observed."""
        return _Making(self, state).run()


class _Making:
    """One pass."""

    def __init__(self, host: Host, state: HostNetworkState) -> None:
        self.host = host
        self.seen = observe.host()
        self.spaces = netns.ours()
        self.layout: Layout = lay_out(
            state, host.tunnel_ip, host.physical_networks, self.seen.links, str(host.dhcp_dir), host.guests.guests
        )
        self.filter = flows.rules_of(state.ports, state.groups, state.addresses)
        self.errors = dict(self.layout.errors)
        self.changes = 0
        self.renewed: set[str] = set()

    def run(self) -> Outcome:
        """In the order that the module's description gives."""
        self._add_spaces()
        self._stop_dhcp()
        self._host()
        for space in self.layout.spaces.values():
            self._guarded(space.owner, self._space, space)
        self._dhcp()
        self._advertise()
        self._remove_spaces()
        up = self._wired()
        self.host.tables.settle(set(self.layout.spaces))
        return Outcome(up=up, errors=self.errors, doors=self.layout.doors, changes=self.changes)

    def _guarded(self, owner: str, work: Callable[..., object], *arguments: object) -> None:
        try:
            work(*arguments)
        except (ApiError, OSError) as error:
            self.errors.setdefault(owner, error.text if isinstance(error, ApiError) else f"{error}.")

    def _batch(self, program: str, lines: list[Line]) -> None:
        for line in lines:
            log.info("%s %s", program, line.text)
        self.changes += len(lines)
        for owner, reason in commands.batch(program, lines).items():
            log.warning("%s", reason)
            self.errors.setdefault(owner, reason)

    def _add_spaces(self) -> None:
        """A unit that thinks it is active while the namespace is gone is started anew."""
        self.renewed = set(self.layout.spaces) - self.spaces
        if self.renewed:
            log.info("namespaces: %s", ", ".join(sorted(self.renewed)))
            self.changes += len(self.renewed)
            self._guarded("host", self.host.units.tell, "restart", map(names.SPACE_UNIT.format, self.renewed))
        for name in self.renewed:
            self._guarded(self.layout.spaces[name].owner, self._settings, self.layout.spaces[name])

    def _remove_spaces(self) -> None:
        unwanted = self.spaces - set(self.layout.spaces)
        if unwanted:
            log.info("namespaces removed: %s", ", ".join(sorted(unwanted)))
            self.changes += len(unwanted)
            self._guarded("host", self._stop_spaces, unwanted)

    def _stop_spaces(self, unwanted: set[str]) -> None:
        """One that was not made by its unit is taken over by it first."""
        self.host.units.tell("stop", map(names.SPACE_UNIT.format, unwanted))
        foreign = [names.SPACE_UNIT.format(name) for name in unwanted & netns.ours()]
        self.host.units.tell("restart", foreign)
        self.host.units.tell("stop", foreign)

    def _host(self) -> None:
        wanted = self.layout.host
        physical = sorted(set(self.host.physical_networks.values()))
        plan = plans.host_plan(self.seen, wanted, physical, renewed=self.renewed, ipv6=_has_ipv6())
        self._batch("ip", plan.removals)
        try:
            self._guard_guests(wanted)
        except ApiError as error:
            self.errors |= dict.fromkeys(self.layout.ports, error.text)
            return  # no guest is plugged in unguarded
        self._batch("ip", plan.additions)
        self._batch("bridge", plan.flooding)

    def _guard_guests(self, wanted: Space) -> None:
        """Load the bridges' rules, and end connections that they let begin no more. A mark stands meanwhile, so that none is
        forgotten."""
        if self.layout.guests and not (SYSCTL / "bridge").is_dir():
            raise NoBridgeFilter
        memory, seen = self.host.guests, nft.listings("", nft.HOST)
        known = self.host.tables.known("", "inet", seen["inet"])
        new = wanted.tables.get("inet", Table())
        caught = any(
            guest.device in self.seen.links for id, guest in self.layout.guests.items() if id not in memory.guests
        )
        less = known is None or caught or takes_away(known, new)
        if (memory.guests or self.layout.guests) and (less or (memory.ended.exists() and known != new)):
            memory.unjudged.touch()
        self._load(wanted, seen)
        if memory.unjudged.exists():
            try:
                self._judge(memory.guests, self.layout.guests)
            except OSError as error:
                log.warning("connections that rules let begin no more may go on until the next look: %s", error)
                return
        memory.keep(self.layout.guests)
        memory.unjudged.unlink(missing_ok=True)

    def _judge(self, before: Guests, now: Guests) -> None:
        there = conntrack.connections()
        judged = flows.judge(there, before, now, self.filter)
        if judged.ended:
            self.host.guests.ended.touch()
        changed = conntrack.delete(judged.gone) + conntrack.set_mark(judged.ended, flows.ENDED)
        changed += conntrack.set_mark(judged.resumed, 0)
        if changed:
            log.info("connections: %s", judged.said())
            self.changes += 1
        if len(judged.ended) + sum(one.mark == flows.ENDED for one in there) == len(judged.resumed):
            self.host.guests.ended.unlink(missing_ok=True)

    def _load(self, space: Space, seen: Mapping[str, nft.Listing | None]) -> None:
        if self.host.tables.load(space.name, space.tables, seen):
            log.info("rules of %s", space.name or "the bridges")
            self.changes += 1

    def _settings(self, space: Space) -> None:
        with netns.inside(space.name):
            for name, value in space.settings.items():
                path = SYSCTL / name
                if path.exists() and path.read_text().strip() != value:
                    log.info("%s: %s = %s", space.name, name, value)
                    path.write_text(value)
                    self.changes += 1

    def _space(self, space: Space) -> None:
        self._settings(space)
        with netns.inside(space.name):
            seen = observe.space()
        self._replace_broken(plans.missing(seen, space))
        listed = nft.listings(space.name, nft.SPACE)
        self._load(space, listed)
        with netns.inside(space.name):
            self._batch("ip", plans.space_plan(seen, space, ipv6=_has_ipv6()))
            announce.announce(plans.announced(seen, space))
            maps = listed["inet"].maps if listed["inet"] else {}
            self._forget_connections(maps.get("fixed_of", {}), space.floating)
            self._forget_connections(maps.get("forwarded", {}), space.forwarded)

    def _replace_broken(self, missing: Mapping[str, str]) -> None:
        """An outer end whose inner end went elsewhere is removed here and made by the next look."""
        for owner, device in missing.items():
            if device != "lo":
                self._batch("ip", [Line(f"link delete dev {device}", owner)])
                self.errors.setdefault(owner, f"The interface {device} was not in its namespace; it is made anew.")

    def _forget_connections(self, seen: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Of a floating address that went or leads elsewhere now: those under way would go on for as long as they talk."""
        moved = {public for public, fixed in seen.items() if wanted.get(public) != fixed}
        if moved:
            conntrack.delete(one for one in conntrack.connections() if moved & {one.original.dst, one.reply.dst})

    def _stop_dhcp(self) -> None:
        if not self.host.dhcp_dir.is_dir():
            return
        gone = {entry.name for entry in self.host.dhcp_dir.iterdir()} - set(self.layout.servers)
        for network_id in gone:
            log.info("DHCP of %s is stopped", network_id)
            self.changes += 1
            self._guarded(network_id, self.host.units.tell, "stop", [names.DHCP_UNIT.format(network_id)])
            write_all(self.host.dhcp_dir / network_id, None)

    def _dhcp(self) -> None:
        if not self.layout.servers:
            return
        states = self.host.units.states(names.DHCP_UNIT.format("*"))
        for server in self.layout.servers.values():
            state = states.get(names.DHCP_UNIT.format(server.network_id), "")
            self._guarded(server.port_id, self._dhcp_server, server, state)

    def _dhcp_server(self, server: dhcp.Server, state: str) -> None:
        """A mark stands from before the files are changed until the server has taken them, so that no change is lost."""
        folder = self.host.dhcp_dir / server.network_id
        before = read_all(folder)
        change = dhcp.change(before, server.files)
        mark = folder / ".not-taken"
        restart = state != "active" or change.then == "restart" or mark.exists()
        restart = restart or names.dhcp_space(server.network_id) in self.renewed
        if change.write or change.remove:
            log.info("DHCP of %s: %d written, %d removed", server.network_id, len(change.write), len(change.remove))
            self.changes += len(change.write) + len(change.remove)
            folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
            write_all(folder, change.write, change.remove)
        if restart:
            self._restart(names.DHCP_UNIT.format(server.network_id), state)
        elif change.then == "reload":
            self.host.units.tell("reload", [names.DHCP_UNIT.format(server.network_id)])
            gone = release.leases(before) - release.leases(server.files)
            if gone and server.ip:
                release.release(server.device, sorted(gone), server.mac, server.ip)
        mark.unlink(missing_ok=True)

    def _restart(self, unit: str, state: str) -> None:
        log.info("%s is started", unit)
        self.changes += 1
        if state == "failed":
            self.host.units.tell("reset-failed", [unit])
        self.host.units.tell("restart", [unit])

    def _advertise(self) -> None:
        """Routers of IPv6; guests trust an advertisement for longer than a restart takes."""
        wanted, folder = self.layout.advertisers, self.host.ra_dir
        there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        for router_id in there - set(wanted):
            log.info("router %s advertises no more", router_id)
            self.changes += 1
            self._guarded(router_id, self.host.units.tell, "stop", [names.ADVERTISING_UNIT.format(router_id)])
            write_all(folder / router_id, None)
        states = self.host.units.states(names.ADVERTISING_UNIT.format("*")) if wanted else {}
        for router_id, text in wanted.items():
            unit, space = names.ADVERTISING_UNIT.format(router_id), names.router_space(router_id)
            files = {advertising.CONFIGURATION: text}
            if read_all(folder / router_id) != files:
                write_all(folder / router_id, files)
            elif states.get(unit) == "active" and space not in self.renewed:
                continue
            self._guarded(router_id, self._restart, unit, states.get(unit, ""))

    def _wired(self) -> list[str]:
        """Ports whose interface is in its bridge and up; why not, for each other port."""
        now = observe.links() if self.changes else self.seen.links
        up = []
        for port_id, link in self.layout.ports.items():
            seen = now.get(link.name)
            network = self.layout.host.links[link.master or ""].owner
            if not link.up or port_id in self.errors:
                continue
            if network in self.errors:
                self.errors[port_id] = self.errors[network]
            elif seen and seen.up and seen.master == link.master:
                up.append(port_id)
            else:
                self.errors[port_id] = f"The interface {link.name} is not in its bridge."
        return up


def _has_ipv6() -> bool:
    return (SYSCTL / "ipv6").exists()
