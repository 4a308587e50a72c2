"""`network show`: from what is wanted and what hosts have to the first place where a packet is dropped."""

import copy

import msgspec
import pytest

from tinstack.lab.network import groups, rows
from tinstack.lab.network.path import Path
from tinstack.lab.network.rows import Rows
from tinstack.lab.network.seen import Dhcp, Guards, Link, Seen, Space
from tinstack.lab.network.show import explained
from tinstack.lab.words import LabError

NET, EXT, PORT, SERVER = "11111111-1111-4", "22222222-2222-4", "33333333-3333-4", "44444444-4444-4"
ROUTER, QR, QG, DH = "55555555-5555-4", "66666666-6666-4", "77777777-7777-4", "88888888-8888-4"
MAC = "fa:16:3e:00:00:01"
TAP, BR, VX, BREXT = f"tap{PORT[:11]}", f"br{NET[:11]}", f"vx{NET[:11]}", f"br{EXT[:11]}"


def a_port(id: str, network: str, owner: str, device: str, host: str, address: str, **more):
    return {
        "id": id,
        "name": "",
        "network_id": network,
        "device_owner": owner,
        "device_id": device,
        "binding:host_id": host,
        "binding:vif_type": "bridge",
        "admin_state_up": True,
        "status": "ACTIVE",
        "mac_address": MAC,
        "fixed_ips": [{"subnet_id": "s1", "ip_address": address}],
        "security_groups": ["g1"],
        "port_security_enabled": True,
        **more,
    }


SUBNET = {
    "id": "s1",
    "enable_dhcp": True,
    "ip_version": 4,
    "gateway_ip": "10.0.0.1",
    "ipv6_address_mode": None,
    "ipv6_ra_mode": None,
}


def a_rule(**more):
    plain = dict.fromkeys(("protocol", "port_range_min", "port_range_max", "remote_group_id", "remote_ip_prefix"))
    return {"direction": "ingress", "ethertype": "IPv4", **plain, **more}


@pytest.fixture
def wanted() -> Rows:
    network = {"id": NET, "name": "inside", "admin_state_up": True, "mtu": 1450, "provider:network_type": "vxlan"}
    external = {"id": EXT, "name": "public", "admin_state_up": True, "mtu": 1500, "provider:network_type": "flat"}
    ports = [
        a_port(PORT, NET, "compute:nova", SERVER, "hv", "192.168.0.5"),
        a_port(QR, NET, "network:router_interface", ROUTER, "ctl", "192.168.0.1"),
        a_port(QG, EXT, "network:router_gateway", ROUTER, "ctl", "10.0.0.9"),
        a_port(DH, NET, "network:dhcp", "dhcp", "ctl", "192.168.0.2"),
    ]
    router = {
        "id": ROUTER,
        "name": "r1",
        "admin_state_up": True,
        "external_gateway_info": {"enable_snat": True},
        "routes": [],
    }
    floating = {
        "port_id": PORT,
        "router_id": ROUTER,
        "floating_ip_address": "10.0.0.50",
        "fixed_ip_address": "192.168.0.5",
    }
    ssh = a_rule(protocol="tcp", port_range_min=22, port_range_max=22)
    out = [a_rule(direction="egress", ethertype=family) for family in ("IPv4", "IPv6")]
    return Rows(
        ports={one["id"]: one for one in ports},
        networks={
            NET: {**network, "provider:segmentation_id": 7, "provider:physical_network": None},
            EXT: {**external, "provider:segmentation_id": None, "provider:physical_network": "physnet1"},
        },
        subnets={"s1": SUBNET},
        routers={ROUTER: router},
        floating=[floating],
        trunks=[],
        groups={"g1": {"id": "g1", "name": "web", "security_group_rules": [ssh, *out]}},
        tunnels={"hv": "10.9.0.2", "ctl": "10.9.0.1"},
        physical={"ctl": {"physnet1": "ext0"}},
        alive={"hv": True, "ctl": True},
    )


@pytest.fixture
def seen() -> dict[str, Seen]:
    def member(**more):
        return Link(**{"mtu": 1450, "up": True, "carrier": True, "master": BR, **more})

    vxlan = member(kind="vxlan", data={"id": 7})
    bridge = Link(mtu=1450, up=True)
    space = Space(
        links={
            f"qr-{QR[:11]}": Link(up=True, addresses=["192.168.0.1/24"]),
            f"qg-{QG[:11]}": Link(up=True, addresses=["10.0.0.9/24", "10.0.0.50/32"]),
        },
        routes=[{"to": "default", "via": "10.0.0.1"}],
        maps={"fixed_of": {"10.0.0.50": "192.168.0.5"}},
        snat=["snat ip to 10.0.0.9"],
    )
    dhcp_space = Space(links={f"tap{DH[:11]}": Link(up=True)})
    hv = Seen(
        agent="active",
        links={TAP: member(), BR: bridge, VX: vxlan, "eth0": Link(mtu=1500, up=True, addresses=["10.9.0.2/24"])},
        floods={VX: ["10.9.0.1"]},
        guests=[SERVER],
        guards=Guards(taps=[TAP], groups=["g1"]),
    )
    ctl = Seen(
        agent="active",
        links={BR: bridge, VX: vxlan, BREXT: bridge, "ext0": Link(up=True, mtu=1500, master=BREXT)},
        floods={VX: ["10.9.0.2"]},
        spaces={f"router-{ROUTER}": space, f"dhcp-{NET}": dhcp_space},
        dhcp={NET: Dhcp(state="active", hosts={MAC: ["192.168.0.5,vm"]})},
        answers={"192.168.0.5": True},
    )
    return {"hv": hv, "ctl": ctl}


def changed(value, **more):
    return msgspec.structs.replace(value, **more)


def verdict(wanted: Rows, seen: dict[str, Seen], silent=None, traffic="tcp:22") -> str:
    path = Path(wanted, seen, silent or {}, wanted.ports[PORT], traffic)
    return explained(path.hops(), wanted.ports[PORT]).verdict


def test_a_path_on_which_nothing_is_wrong(wanted: Rows, seen: dict[str, Seen]) -> None:
    hops = Path(wanted, seen, {}, wanted.ports[PORT], "tcp:22").hops()
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."
    ways = ["port", "guest", "tap", "bridge", "vxlan", "vxlan", "bridge", "vxlan", "vxlan", "dhcp", "router", "gateway"]
    assert [hop.hop for hop in hops] == [*ways, "provider", "floating", "groups"]


def without(links: dict[str, Link], name: str) -> dict[str, Link]:
    return {key: link for key, link in links.items() if key != name}


def broken_link(name: str, **more):
    def breaks(seen: dict[str, Seen]) -> None:
        links = seen["hv"].links
        seen["hv"] = changed(seen["hv"], links={**links, name: changed(links[name], **more)})

    return breaks


def gone(name: str):
    def breaks(seen: dict[str, Seen]) -> None:
        seen["hv"] = changed(seen["hv"], links=without(seen["hv"].links, name))

    return breaks


def on(host: str, **more):
    def breaks(seen: dict[str, Seen]) -> None:
        seen[host] = changed(seen[host], **more)

    return breaks


def in_router(**more):
    def breaks(seen: dict[str, Seen]) -> None:
        spaces = seen["ctl"].spaces
        name = f"router-{ROUTER}"
        seen["ctl"] = changed(seen["ctl"], spaces={**spaces, name: changed(spaces[name], **more)})

    return breaks


@pytest.mark.parametrize(
    "breaks, said",
    [
        (on("hv", guests=[]), f"The guest {SERVER} does not run on hv."),
        (gone(TAP), f"The interface {TAP} is missing on hv."),
        (broken_link(TAP, up=False), f"The interface {TAP} on hv is down."),
        (broken_link(TAP, carrier=False), f"The interface {TAP} on hv has no guest at its other end."),
        (broken_link(TAP, master="br0"), f"The interface {TAP} on hv is in the bridge br0, not in {BR}."),
        (broken_link(TAP, mtu=1300), f"The MTU of {TAP} on hv is 1300, not 1450: larger packets are dropped."),
        (on("hv", agent="failed"), "The network agent on hv is failed: what changes is not wired."),
        (gone(BR), f"The bridge {BR} is missing on hv."),
        (broken_link(BR, up=False), f"The bridge {BR} on hv is down."),
        (gone(VX), f"The interface {VX} is missing on hv."),
        (broken_link(VX, data={"id": 8}), f"{VX} on hv has the VNI 8, not 7."),
        (on("hv", floods={}), f"{VX} on hv has no forwarding entry (FDB) for ctl (10.9.0.1), so nothing reaches it."),
        (on("ctl", floods={}), f"{VX} on ctl has no forwarding entry (FDB) for hv (10.9.0.2), so nothing reaches it."),
        (broken_link("eth0", mtu=1400), "The MTU under the tunnels of hv is 1400; packets of this network need 1500."),
        (
            on("hv", guards=Guards()),
            f"hv has no rules for {TAP}: its agent has not set them, or another hand removed them.",
        ),
        (
            on("hv", guards=Guards(taps=[TAP])),
            "hv has no rules of the security group web, so what it lets in is dropped.",
        ),
        (on("hv", foreign=["x"]), "A firewall on hv that is not ours may drop its packets: x."),
        (on("ctl", dhcp={}), "The DHCP server of the network on ctl is unknown: the guest gets no address."),
        (
            on("ctl", dhcp={NET: Dhcp("active")}),
            f"The DHCP server on ctl does not know {MAC}: the guest gets no address.",
        ),
        (in_router(routes=[]), "The router r1 on ctl has no default route."),
        (in_router(snat=[]), "The router r1 on ctl translates no addresses: answers do not come back."),
        (in_router(maps={}), "The floating IP 10.0.0.50 leads nowhere on ctl, not to 192.168.0.5."),
        (in_router(links={}), f"The router's interface qr-{QR[:11]} is missing in its namespace on ctl."),
    ],
)
def test_each_break_is_named_in_one_sentence(wanted: Rows, seen: dict[str, Seen], breaks, said: str) -> None:
    breaks(seen)
    assert verdict(wanted, seen) == said


@pytest.mark.parametrize(
    "port, said",
    [
        ({"admin_state_up": False}, "The port is switched off (admin_state_up is false)"),
        ({"binding:host_id": ""}, "The port is bound to no host"),
        ({"binding:vif_type": "binding_failed"}, "The port could not be bound to hv"),
    ],
)
def test_a_port_that_is_down_or_unbound(wanted: Rows, seen: dict[str, Seen], port: dict, said: str) -> None:
    wanted.ports[PORT].update(port)
    assert verdict(wanted, seen).startswith(said)


def test_a_port_without_security_is_not_filtered(wanted: Rows, seen: dict[str, Seen]) -> None:
    wanted.ports[PORT]["port_security_enabled"] = False
    assert verdict(wanted, seen) == f"hv filters {TAP}, though its port security is off."
    seen["hv"] = changed(seen["hv"], guards=Guards())
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."


def test_only_who_gets_an_address_by_dhcp_needs_its_server(wanted: Rows, seen: dict[str, Seen]) -> None:
    """Its server knows no port with addresses by SLAAC alone, and does not run where nobody asks it."""
    said = "The DHCP server of the network on ctl is unknown: the guest gets no address."
    seen["ctl"] = changed(seen["ctl"], dhcp={})
    for mode, verdict_then in (("slaac", None), (None, None), ("dhcpv6-stateless", None), ("dhcpv6-stateful", said)):
        wanted.subnets["s1"] = {**SUBNET, "ip_version": 6, "ipv6_address_mode": mode}
        assert verdict(wanted, seen) == (verdict_then or "Nothing on the path drops a packet."), mode


def test_a_trunk_says_that_its_sub_ports_are_not_wired(wanted: Rows, seen: dict[str, Seen]) -> None:
    sub_port = {"port_id": "sub", "segmentation_type": "vlan", "segmentation_id": 7}
    wanted.trunks.append({"id": "t1", "name": "lines", "port_id": PORT, "sub_ports": []})
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."
    wanted.trunks[0]["sub_ports"].append(sub_port)
    dropped = "hosts do not wire sub ports: its tagged packets reach nobody."
    assert verdict(wanted, seen).endswith(f"but: The port is the parent of the trunk lines, and {dropped}")
    sub_port["port_id"] = PORT
    wanted.ports[PORT]["binding:host_id"] = ""
    wanted.trunks[0]["port_id"] = "parent"
    dropped = "hosts do not wire sub ports: nothing carries its packets."
    assert verdict(wanted, seen) == f"The port is VLAN 7 of the trunk lines, and {dropped}"


def test_a_host_that_is_silent_is_a_break_on_the_way(wanted: Rows, seen: dict[str, Seen]) -> None:
    del seen["hv"]
    assert verdict(wanted, seen, {"hv": "hv does not answer."}) == "hv does not answer."


def test_groups_without_a_fitting_rule_drop_what_comes_in(wanted: Rows, seen: dict[str, Seen]) -> None:
    said = verdict(wanted, seen, traffic="icmp")
    assert said.endswith(
        "but: No rule of its security groups (web) lets icmp in: such packets are dropped at the port."
    )
    wanted.groups["g1"]["security_group_rules"].append(a_rule(protocol="icmp", remote_ip_prefix="10.1.0.0/16"))
    assert verdict(wanted, seen, traffic="icmp").endswith("icmp is let in from 10.1.0.0/16 only.")
    wanted.groups["g1"]["security_group_rules"].append(a_rule(remote_ip_prefix="0.0.0.0/0"))
    assert verdict(wanted, seen, traffic="icmp") == "Nothing on the path drops a packet."


def test_a_rule_is_for_one_family_of_addresses(wanted: Rows, seen: dict[str, Seen]) -> None:
    rules = wanted.groups["g1"]["security_group_rules"]
    rules[0] = a_rule(ethertype="IPv6", protocol="tcp")
    assert verdict(wanted, seen).endswith(
        "No rule of its security groups (web) lets tcp:22 in: such packets are dropped at the port."
    )
    wanted.ports[PORT]["fixed_ips"].append({"subnet_id": "s6", "ip_address": "2001:db8::5"})
    assert verdict(wanted, seen).endswith("but: tcp:22 is let in from anywhere, by IPv6 alone.")
    rules.append(a_rule(protocol="tcp"))
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."
    assert "lets icmp in" in verdict(wanted, seen, traffic="icmp")
    rules.append(a_rule(ethertype="IPv6", protocol="ipv6-icmp"))
    assert verdict(wanted, seen, traffic="icmp").endswith("by IPv6 alone.")


def test_rules_fit_by_protocol_and_port() -> None:
    web = a_rule(protocol="tcp", port_range_min=80, port_range_max=90)
    assert groups.passes(web, "tcp", 85) and not groups.passes(web, "tcp", 91) and not groups.passes(web, "udp", 85)
    assert groups.passes(a_rule(protocol="6"), "tcp", 1) and groups.passes(a_rule(), "udp", 53)


def test_a_port_is_found_by_what_people_know_of_it(wanted: Rows) -> None:
    for name in (PORT, SERVER, "192.168.0.5", "10.0.0.50"):
        assert rows.find_port(wanted, None, name)["id"] == PORT  # type: ignore[arg-type]
    two = copy.deepcopy(wanted.ports[PORT]) | {"id": "another"}
    wanted.ports["another"] = two
    with pytest.raises(LabError, match="2 ports are meant by"):
        rows.find_port(wanted, None, SERVER)  # type: ignore[arg-type]


def test_groups_that_let_nothing_out_are_said(wanted: Rows, seen: dict[str, Seen]) -> None:
    rules = wanted.groups["g1"]["security_group_rules"]
    del rules[1:]
    said = "lets anything out: it answers, but what it begins is dropped at the port."
    assert verdict(wanted, seen).endswith(f"but: No rule of its security groups (web) {said}")
    wanted.ports[PORT]["security_groups"] = []
    wanted.ports[PORT]["fixed_ips"].append({"subnet_id": "s6", "ip_address": "2001:db8::5"})
    assert Path(wanted, seen, {}, wanted.ports[PORT], "tcp:22").hops()[-1].message.endswith(f"(none) {said}")
    wanted.ports[PORT]["security_groups"] = ["g1"]
    rules += [a_rule(direction="egress", protocol="udp"), a_rule(ethertype="IPv6", protocol="tcp")]
    assert "(web) lets anything out by IPv6: it answers" in verdict(wanted, seen)
    wanted.ports[PORT]["port_security_enabled"] = False
    seen["hv"] = changed(seen["hv"], guards=Guards())
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."


@pytest.mark.parametrize(
    "destination, to, hop",
    [
        ("10.5.0.0/16", "10.5.0.0/16", "192.168.0.9"),
        ("10.5.0.1/32", "10.5.0.1", "192.168.0.9"),
        ("2001:db8:5::/48", "2001:db8:5::/48", "2001:db8::9"),
    ],
)
def test_an_extra_route_that_the_host_lacks_is_named(wanted: Rows, seen: dict[str, Seen], destination, to, hop) -> None:
    wanted.routers[ROUTER]["routes"] = [{"destination": destination, "nexthop": hop}]
    default = {"to": "default", "via": "10.0.0.1"}
    said = f"The router r1 on ctl lacks its route to {destination} by {hop}."
    assert verdict(wanted, seen) == said
    in_router(routes=[default, {"to": to, "via": "192.168.0.8"}])(seen)
    assert verdict(wanted, seen) == said
    in_router(routes=[default, {"to": to, "via": hop}])(seen)
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."


def test_a_default_route_is_of_one_family(wanted: Rows, seen: dict[str, Seen]) -> None:
    in_router(routes=[{"to": "default", "via": "fd00::1"}])(seen)
    assert verdict(wanted, seen) == "The router r1 on ctl has no default route."
    wanted.ports[QG]["fixed_ips"].append({"subnet_id": "s6", "ip_address": "fd00::9"})
    wanted.subnets["s6"] = {**SUBNET, "ip_version": 6, "gateway_ip": "fd00::1"}
    held = [*seen["ctl"].spaces[f"router-{ROUTER}"].links[f"qg-{QG[:11]}"].addresses, "fd00::9/64"]
    links = {**seen["ctl"].spaces[f"router-{ROUTER}"].links, f"qg-{QG[:11]}": Link(up=True, addresses=held)}
    in_router(links=links, routes=[{"to": "default", "via": "10.0.0.1"}])(seen)
    assert verdict(wanted, seen) == "The router r1 on ctl has no default route for IPv6."
    in_router(routes=[{"to": "default", "via": "10.0.0.1"}, {"to": "default", "via": "fd00::1"}])(seen)
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."


def test_a_router_that_is_not_advertised_is_said(wanted: Rows, seen: dict[str, Seen]) -> None:
    wanted.subnets["s6"] = {**SUBNET, "ip_version": 6, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
    own = f"qr-{QR[:11]}"
    links = seen["ctl"].spaces[f"router-{ROUTER}"].links
    held = Link(up=True, addresses=[*links[own].addresses, "2001:db8::1/64"])
    wanted.ports[QR]["fixed_ips"].append({"subnet_id": "s6", "ip_address": "2001:db8::1"})
    in_router(links={**links, own: held}, advertiser="failed")(seen)
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."
    wanted.ports[PORT]["fixed_ips"].append({"subnet_id": "s6", "ip_address": "2001:db8::5"})
    rule = a_rule(ethertype="IPv6", protocol="tcp")
    wanted.groups["g1"]["security_group_rules"].append(rule)
    assert verdict(wanted, seen) == (
        "What advertises the router r1 on ctl (tinstack-ra@) is failed: guests do not learn their way out by IPv6."
    )
    in_router(advertiser="active")(seen)
    assert verdict(wanted, seen) == "Nothing on the path drops a packet."
