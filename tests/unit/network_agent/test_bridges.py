"""The rules of bridges: what a guest may send, and how its packets find the rules of its groups."""

from typing import Any

import pytest
from tests.unit.network_agent.conftest import TENANT, guest, network, state

from tinstack.network.agent import bridges, spoofing
from tinstack.network.agent.groups import Remote
from tinstack.network.agent.guests import Guest
from tinstack.network.agent.tables import Table
from tinstack.network.rpc import WantedAddresses, WantedGroup, WantedPort, WantedRule

ONE, TWO = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2))
GUEST = Guest(device="tap11111111-aa", network_id=TENANT, number=7, zone=3, addresses=["192.168.50.11"])


def wanted(**more: Any) -> WantedPort:
    return state(networks=[network([])], ports=[guest(**more)]).ports[0]


def spoofed(**more: Any) -> tuple[str, ...]:
    return spoofing.chain(wanted(**more), 7).rules


def test_a_guest_speaks_only_with_its_own_mac_and_address() -> None:
    table = bridges.bridge_table(["tap11111111-aa", "vx7a1b2c3d-11"], [(wanted(), GUEST)])
    assert table.sets["from"].elements == {'"tap11111111-aa"': "goto from-tap11111111-aa"}
    rules = table.chains["from-tap11111111-aa"].rules
    assert rules[0] == "meta mark set 7" and rules[-1] == "drop"
    mac = "fa:16:3e:00:00:11"
    assert f"ether saddr != {{ {mac} }} drop" in rules
    assert f"arp saddr ether {mac} arp saddr ip {{ 0.0.0.0, 192.168.50.11 }} accept" in rules
    assert f"ether saddr {mac} ether type ip ip saddr {{ 192.168.50.11 }} accept" in rules
    assert rules.index("ether type arp drop") < rules.index("ether type ip drop")


def test_a_guest_serves_no_dhcp_and_advertises_no_router() -> None:
    rules = spoofed()
    for drop in (
        "ether type ip udp sport 67 udp dport 68 drop",
        "ether type ip6 udp sport 547 udp dport 546 drop",
        "ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop",
    ):
        assert rules.index(drop) < min(
            place for place, rule in enumerate(rules) if "saddr fa:" in rule and "ip6" in rule
        )


def test_only_ip_and_arp_come_from_a_guest_and_go_to_it() -> None:
    assert "ether type != { ip, ip6, arp } drop" in spoofed()
    table = bridges.bridge_table([], [(wanted(), GUEST)])
    assert table.chains["cross"].rules[-2] == "meta mark != 0 ether type != { ip, ip6, arp } drop"


def test_a_guest_without_addresses_may_only_ask_for_one() -> None:
    rules = spoofed(addresses=[])
    assert "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept" in rules
    assert not any("{  }" in rule or " ip saddr {" in rule for rule in rules)


def test_an_ipv6_guest_also_has_its_link_local_address() -> None:
    rules = " ".join(spoofed(addresses=[{"subnet_id": "s", "ip": "2001:db8:0:0::7", "prefix": 64}]))
    assert "ip6 saddr { 2001:db8::7, fe80::f816:3eff:fe00:11 } accept" in rules
    assert "0x20010db8000000000000000000000007" in rules


def test_allowed_address_pairs_widen_what_a_guest_may_send_each_with_its_mac() -> None:
    pairs = [
        ("10.9.0.0/24", "fa:16:3e:00:00:11"),
        ("10.9.0.9", "fa:16:3e:00:00:11"),
        ("2001:db8::/64", "00:00:5e:00:01:01"),
    ]
    rules = spoofed(pairs=pairs)
    assert "ether saddr != { fa:16:3e:00:00:11, 00:00:5e:00:01:01 } drop" in rules
    assert "ether saddr fa:16:3e:00:00:11 ether type ip ip saddr { 10.9.0.0/24, 192.168.50.11 } accept" in rules
    assert not any(rule.startswith("ether saddr 00:00:5e:00:01:01 ether type ip ip") for rule in rules)
    assert any("0x20010db8000000000000000000000000-0x20010db800000000ffffffffffffffff" in rule for rule in rules)
    assert "ether saddr fa:16:3e:00:00:11 ether type ip accept" in spoofed(pairs=[("0.0.0.0/0", "fa:16:3e:00:00:11")])


def test_link_local_address_of_a_mac() -> None:
    assert spoofing.link_local("52:54:00:12:34:56") == "fe80::5054:ff:fe12:3456"


def test_nothing_from_our_bridges_reaches_the_host() -> None:
    table = bridges.bridge_table(["tap11111111-aa", "vx7a1b2c3d-11"], [])
    assert set(table.sets["members"].elements) == {'"tap11111111-aa"', '"vx7a1b2c3d-11"'}
    assert table.chains["host"].rules == ("iifname @members drop",)


def inet(*rules: WantedRule, groups: list[str] | None = None, stateful: bool = True, **port: Any) -> Table:
    remotes = {ONE: Remote(WantedAddresses(id=ONE, addresses=["192.168.50.11", "10.9.0.0/24", "2001:db8::7"]))}
    made = [WantedGroup(id=ONE, stateful=stateful, rules=list(rules)), WantedGroup(id=TWO, stateful=stateful, rules=[])]
    asked = wanted(groups=[ONE] if groups is None else groups, **port)
    table, errors = bridges.inet_table([TENANT], [(asked, GUEST)], made, remotes)
    assert not errors
    return table


def ingress(**rule: Any) -> list[str]:
    made = WantedRule(**{"direction": "ingress", "ip_version": 4, **rule})
    return list(inet(made).chains[f"ingress-{ONE}"].rules)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({}, "meta nfproto ipv4 accept"),
        ({"ip_version": 6}, "meta nfproto ipv6 accept"),
        ({"prefix": "0.0.0.0/0"}, "meta nfproto ipv4 accept"),
        ({"prefix": "10.0.0.0/8", "protocol": 6}, "ip saddr 10.0.0.0/8 meta l4proto 6 accept"),
        ({"protocol": 17, "first": 53, "last": 53}, "meta nfproto ipv4 meta l4proto 17 th dport 53 accept"),
        ({"protocol": 132, "first": 1, "last": 9}, "meta nfproto ipv4 meta l4proto 132 th dport 1-9 accept"),
        ({"protocol": 1, "first": 8, "last": 0}, "meta nfproto ipv4 meta l4proto 1 icmp type 8 icmp code 0 accept"),
        ({"protocol": 1, "first": 8}, "meta nfproto ipv4 meta l4proto 1 icmp type 8 accept"),
        ({"ip_version": 6, "protocol": 1}, "meta nfproto ipv6 meta l4proto 58 accept"),
        ({"ip_version": 6, "protocol": 58, "first": 128}, "meta nfproto ipv6 meta l4proto 58 icmpv6 type 128 accept"),
        ({"protocol": 112}, "meta nfproto ipv4 meta l4proto 112 accept"),
        ({"protocol": 0}, "meta nfproto ipv4 accept"),
    ],
)
def test_a_rule_as_text(rule: dict[str, Any], text: str) -> None:
    assert ingress(**rule) == [text]


def test_the_members_of_a_remote_group_are_elements_and_their_prefixes_rules() -> None:
    table = inet(WantedRule(direction="ingress", ip_version=4, protocol=6, remote=ONE))
    assert table.chains[f"ingress-{ONE}"].rules == (
        f"ip saddr @of-{ONE}-4 meta l4proto 6 accept",
        "ip saddr 10.9.0.0/24 meta l4proto 6 accept",
    )
    assert list(table.sets[f"of-{ONE}-4"].elements) == ["192.168.50.11"]
    assert list(table.sets[f"of-{ONE}-6"].elements) == ["2001:db8::7"]


def test_egress_is_judged_by_the_other_side() -> None:
    table = inet(WantedRule(direction="egress", ip_version=4, prefix="10.0.0.0/8"))
    assert table.chains[f"egress-{ONE}"].rules == ("ip daddr 10.0.0.0/8 accept",)
    assert table.chains[f"ingress-{ONE}"].rules == ()


def test_a_rule_whose_other_side_is_not_known_lets_nothing_pass() -> None:
    assert ingress(remote=TWO) == []


def test_ports_share_the_chains_of_their_groups() -> None:
    assert inet().sets["ingress"].elements == {"7": f"jump ingress-{ONE}"}
    both = inet(groups=[TWO, ONE])
    (verdict,) = both.sets["ingress"].elements.values()
    name = verdict.removeprefix("jump ")
    assert both.chains[name].rules == (f"jump ingress-{ONE}", f"jump ingress-{TWO}")


def test_a_port_without_groups_is_closed() -> None:
    table = inet(groups=[])
    assert table.sets["ingress"].elements == table.sets["egress"].elements == {}
    assert table.chains["to-groups"].rules[-1] == table.chains["from-groups"].rules[-1] == "drop"


def test_a_group_that_is_not_stateful_asks_no_connection() -> None:
    assert inet().sets["stateless"].elements == {}
    table = inet(stateful=False)
    assert list(table.sets["stateless"].elements) == ["7"]
    for name, groups in (("from-port", "from-groups"), ("to-port", "to-groups")):
        rules = table.chains[name].rules
        assert rules.index(f"meta mark @stateless goto {groups}") < rules.index("ct state established,related accept")


def test_networks_with_filtered_guests_have_connections_of_their_own_and_others_none() -> None:
    table, _ = bridges.inet_table([TENANT, TWO], [(wanted(), GUEST)], [], {})
    assert table.sets["zones"].elements == {'"br7a1b2c3d-11"': "3"}
    assert list(table.sets["untracked"].elements) == ['"braaaaaaaa-00"']


def test_a_group_with_a_malformed_rule_lets_nothing_pass_and_says_so() -> None:
    bad = WantedGroup(id=ONE, stateful=True, rules=[WantedRule(direction="ingress", ip_version=4, prefix="1.2.3.4; x")])
    table, errors = bridges.inet_table([TENANT], [(wanted(groups=[ONE]), GUEST)], [bad], {})
    assert "is no CIDR" in errors[ONE] and not table.sets["ingress"].elements
    worse = WantedGroup(id="x; flush ruleset", stateful=True, rules=[])
    table, errors = bridges.inet_table([TENANT], [], [worse], {})
    assert list(errors) == [worse.id] and not [name for name in table.chains if "flush" in name]
