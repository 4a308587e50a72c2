"""From one table to another: what changed is said, and nothing else."""

from msgspec.structs import replace

from tinstack.network.agent.tables import Chain, Set, Table, a_map, a_set, difference, replacement, takes_away

OLD = Table(
    {"members": a_set("type ipv4_addr", ["10.0.0.1", "10.0.0.2"]), "to": a_map("type mark : verdict", {"1": "jump a"})},
    {
        "a": Chain(("ip saddr @members accept",)),
        "base": Chain(("meta mark vmap @to",), "filter hook forward priority 0"),
    },
)


def test_a_replacement_says_it_all() -> None:
    assert replacement("inet", OLD) == (
        "table inet tinstack\ndelete table inet tinstack\ntable inet tinstack {\n"
        "  set members { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }\n"
        "  map to { type mark : verdict; elements = { 1 : jump a }; }\n"
        "  chain a {\n    ip saddr @members accept\n  }\n"
        "  chain base {\n    type filter hook forward priority 0; policy accept;\n    meta mark vmap @to\n  }\n}\n"
    )


def test_a_member_that_comes_or_goes_is_one_element() -> None:
    new = replace(OLD, sets=OLD.sets | {"members": a_set("type ipv4_addr", ["10.0.0.2", "10.0.0.3"])})
    assert difference("inet", OLD, new) == (
        "delete element inet tinstack members { 10.0.0.1 }\nadd element inet tinstack members { 10.0.0.3 }\n"
    )


def test_nothing_is_nothing() -> None:
    assert difference("inet", OLD, OLD) == ""


def test_what_others_lead_to_comes_first_and_goes_last() -> None:
    new = Table(
        {"to": a_map("type mark : verdict", {"1": "jump b"})},
        {"b": Chain(("accept",)), "base": OLD.chains["base"]},
    )
    assert difference("inet", OLD, new).splitlines() == [
        "delete element inet tinstack to { 1 : jump a }",
        "flush chain inet tinstack a",
        "table inet tinstack {",
        "  chain b {",
        "    accept",
        "  }",
        "}",
        "add element inet tinstack to { 1 : jump b }",
        "delete chain inet tinstack a",
        "delete set inet tinstack members",
    ]


def test_a_set_of_another_type_needs_a_replacement() -> None:
    new = replace(OLD, sets=OLD.sets | {"members": Set("type ipv6_addr")})
    assert difference("inet", OLD, new) == replacement("inet", new)


def test_rules_and_elements_that_come_take_nothing_away() -> None:
    more = Table(
        OLD.sets | {"members": a_set("type ipv4_addr", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])},
        OLD.chains | {"a": Chain((*OLD.chains["a"].rules, "ip saddr 10.9.0.0/24 accept")), "c": Chain()},
    )
    assert not takes_away(OLD, more)
    assert takes_away(more, OLD)
    assert takes_away(OLD, replace(OLD, chains=OLD.chains | {"a": Chain()}))
    assert takes_away(OLD, replace(OLD, sets=OLD.sets | {"to": a_map("type mark : verdict", {"1": "jump c"})}))
