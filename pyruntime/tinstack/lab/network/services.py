"""What serves a port's network: DHCP, and the routers with their gateways and floating IPs."""

import ipaddress
from collections.abc import Iterator

from tinstack.lab.network.hop import Hop, broken, note, ok
from tinstack.lab.network.rows import DHCP, INSIDE, OUTSIDE, Row, Rows, addresses, bridge, router_end
from tinstack.lab.network.seen import Dhcp, Seen, Space


def provider(rows: Rows, network: Row, host: str, seen: Seen) -> Iterator[Hop]:
    """The interface that carries a flat network, where the host has it."""
    name = rows.physical.get(host, {}).get(str(network["provider:physical_network"]))
    if not name:
        return
    link, home = seen.links.get(name), bridge(network)
    if link is None or not link.up or link.master != home:
        state = "missing" if link is None else f"not in {home}" if link.up else "down"
        yield broken("provider", host, f"The provider interface {name} on {host} is {state}.")
    else:
        yield ok("provider", host, f"{name} is up in {home}")


class Services:
    """Those of one port."""

    def __init__(self, rows: Rows, seen: dict[str, Seen], port: Row) -> None:
        self.rows, self.seen, self.port = rows, seen, port
        self.network = rows.networks[port["network_id"]]

    def hops(self) -> Iterator[Hop]:
        yield from self._dhcp()
        yield from self._routers()

    def _by_dhcp(self) -> bool:
        """Whether the port has an address that DHCP gives out: by SLAAC guests make their own."""
        subnets = [
            self.rows.subnets[one["subnet_id"]]
            for one in self.port["fixed_ips"]
            if one["subnet_id"] in self.rows.subnets
        ]
        return any(
            one["enable_dhcp"] and (one["ip_version"] == 4 or one["ipv6_address_mode"] == "dhcpv6-stateful")
            for one in subnets
        )

    def _dhcp(self) -> Iterator[Hop]:
        if not self._by_dhcp() or str(self.port["device_owner"]).startswith("network:"):
            return
        ports = [one for one in self.rows.of_network(self.network["id"]) if one["device_owner"] == DHCP]
        if not ports:
            yield broken("dhcp", "-", "No host serves DHCP for the network: the guest gets no address.")
        for one in ports:
            host = one["binding:host_id"]
            if host in self.seen:
                yield self._dhcp_on(host, one)

    def _dhcp_on(self, host: str, own: Row) -> Hop:
        network = self.network["id"]
        server, space = self.seen[host].dhcp.get(network, Dhcp()), self.seen[host].spaces.get(f"dhcp-{network}")
        if space is None:
            return broken("dhcp", host, f"The namespace dhcp-{network} is missing on {host}.")
        if server.state != "active":
            return broken(
                "dhcp",
                host,
                f"The DHCP server of the network on {host} is {server.state}: the guest gets no address.",
            )
        if not any(link.up for name, link in space.links.items() if name != "lo"):
            return broken("dhcp", host, f"The DHCP server on {host} has no interface that is up.")
        mac = str(self.port["mac_address"])
        if mac not in server.hosts:
            return broken("dhcp", host, f"The DHCP server on {host} does not know {mac}: the guest gets no address.")
        for one in self.port["fixed_ips"]:
            if self.seen[host].answers.get(one["ip_address"]) is False:
                said = f"It serves {mac}, but nobody answers ARP for {one['ip_address']}"
                return note("dhcp", host, f"{said}: the guest does not use its address, or the way to it is broken.")
        heard = "; the guest answers ARP" if self.seen[host].answers else ""
        return ok("dhcp", host, f"it runs and knows {mac}{heard}")

    def _routers(self) -> Iterator[Hop]:
        """The routers with a port on the network."""
        for one in self.rows.of_network(self.network["id"]):
            if one["device_owner"] == INSIDE and one["device_id"] in self.rows.routers:
                yield from self._router(self.rows.routers[one["device_id"]], one)

    def _router(self, router: Row, inside: Row) -> Iterator[Hop]:
        host, name = inside["binding:host_id"], router["name"] or router["id"]
        if not host:
            yield broken("router", "-", f"The router {name} is on no host: no live agent can take it.")
            return
        if host not in self.seen:
            return
        space = self.seen[host].spaces.get(f"router-{router['id']}")
        if space is None:
            yield broken("router", host, f"The namespace of the router {name} is missing on {host}.")
            return
        gateways = [
            one
            for one in self.rows.ports.values()
            if one["device_id"] == router["id"] and one["device_owner"] == OUTSIDE
        ]
        bad = [hop for one in (inside, *gateways) if (hop := self._router_end(host, space, one))]
        yield from bad
        for said in space.foreign:
            yield broken("router", host, f"A rule in the router {name} on {host} is not ours: {said}.")
        if not router["admin_state_up"]:
            yield broken("router", host, f"The router {name} is switched off (admin_state_up is false).")
        elif not bad:
            yield ok("router", host, f"{name} with {', '.join(router_end(one) for one in (inside, *gateways))}")
        yield from self._advertised(inside, name, host, space)
        yield from self._extra_routes(router, name, host, space)
        yield from self._outwards(router, name, host, space, gateways)

    def _advertised(self, inside: Row, name: str, host: str, space: Space) -> Iterator[Hop]:
        """The router, to guests with addresses of IPv6 of which it is to be told."""
        shared = {one["subnet_id"] for one in inside["fixed_ips"]} & {
            one["subnet_id"] for one in self.port["fixed_ips"]
        }
        told = any(self.rows.subnets.get(one, {}).get("ipv6_ra_mode") for one in shared)
        if told and space.advertiser != "active":
            said = f"What advertises the router {name} on {host} (tinstack-ra@) is {space.advertiser or 'unknown'}"
            yield broken("router", host, f"{said}: guests do not learn their way out by IPv6.")

    @staticmethod
    def _extra_routes(router: Row, name: str, host: str, space: Space) -> Iterator[Hop]:
        there = {(one["to"], one["via"]) for one in space.routes}
        for one in router.get("routes") or []:
            to = as_printed(one["destination"])
            if to != "default" and (to, str(ipaddress.ip_address(one["nexthop"]))) not in there:
                said = f"The router {name} on {host} lacks its route to {one['destination']} by {one['nexthop']}."
                yield broken("router", host, said)

    def _router_end(self, host: str, space: Space, port: Row) -> Hop | None:
        end = router_end(port)
        link = space.links.get(end)
        if link is None:
            return broken("router", host, f"The router's interface {end} is missing in its namespace on {host}.")
        missing = [
            one["ip_address"]
            for one in port["fixed_ips"]
            if one["ip_address"] not in [a.split("/")[0] for a in link.addresses]
        ]
        if missing:
            return broken("router", host, f"The router's interface {end} on {host} lacks its address {missing[0]}.")
        if not link.up:
            return broken("router", host, f"The router's interface {end} on {host} is down.")
        return None

    def _outwards(self, router: Row, name: str, host: str, space: Space, gateways: list[Row]) -> Iterator[Hop]:
        """Default route, address translation, and the floating IPs that lead to the port."""
        info = router.get("external_gateway_info")
        if not info or not gateways:
            yield note("gateway", host, f"The router {name} has no gateway: nothing leaves by it.")
            return
        subnets = {one["subnet_id"]: ":" in one["ip_address"] for one in gateways[0]["fixed_ips"]}
        wanted = {six for one, six in subnets.items() if self.rows.subnets.get(one, {}).get("gateway_ip")}
        defaults = {":" in one["via"]: one["via"] for one in space.routes if one["to"] == "default"}
        if lacking := wanted - defaults.keys():
            six = "" if False in lacking else " for IPv6"
            yield broken("gateway", host, f"The router {name} on {host} has no default route{six}.")
        elif info.get("enable_snat") and False in subnets.values() and not space.snat:
            yield broken(
                "gateway",
                host,
                f"The router {name} on {host} translates no addresses: answers do not come back.",
            )
        else:
            external = self.rows.networks.get(gateways[0]["network_id"], {})
            yield ok(
                "gateway",
                host,
                f"{addresses(gateways[0])} on {external.get('name', '?')}, default by "
                f"{', '.join(defaults[six] for six in sorted(defaults)) or 'nobody, as the network has no gateway'}",
            )
            if external.get("provider:network_type") == "flat":
                yield from provider(self.rows, external, host, self.seen[host])
        for one in self.rows.floating:
            if one["port_id"] == self.port["id"] and one["router_id"] == router["id"]:
                yield self._floating(one, host, space)

    @staticmethod
    def _floating(one: Row, host: str, space: Space) -> Hop:
        public, fixed = one["floating_ip_address"], one["fixed_ip_address"]
        seen = space.maps.get("fixed_of", {}).get(public)
        held = any(a.split("/")[0] == public for link in space.links.values() for a in link.addresses)
        if seen != fixed:
            leads = f"leads to {seen}" if seen else "leads nowhere"
            return broken("floating", host, f"The floating IP {public} {leads} on {host}, not to {fixed}.")
        if not held:
            return broken("floating", host, f"Nobody on {host} answers for the floating IP {public}.")
        return ok("floating", host, f"{public} leads to {fixed}")


def as_printed(destination: str) -> str:
    """As the kernel names where a route leads."""
    where = ipaddress.ip_network(destination, strict=False)
    if where.prefixlen == 0:
        return "default"
    return str(where.network_address) if where.prefixlen == where.max_prefixlen else str(where)
