"""What QoS policies say, as rules."""

from typing import Any

from tests.unit.network_agent.conftest import EXT0, GUEST_PORT, PHYSICAL, guest, network, state

from tinstack.network.agent import things
from tinstack.network.agent.layout import lay_out
from tinstack.network.agent.tables import Table


def bridges(**more: Any) -> Table:
    made = state(networks=[network([])], ports=[guest(**more)])
    return lay_out(made, "10.77.0.12", PHYSICAL, EXT0, "/x", {}).host.tables["bridge"]


def limit(**said: Any) -> dict[str, Any]:
    return {"direction": "egress", "rate": 1000, **said}


def test_what_is_over_a_limit_is_dropped_in_its_direction() -> None:
    table = bridges(limits=[limit(), limit(direction="ingress", rate=8000, burst=800)])
    assert table.sets["limits_from"].elements == {'"tap11111111-aa"': "jump limit-from-tap11111111-aa"}
    assert table.sets["limits_to"].elements == {'"tap11111111-aa"': "jump limit-to-tap11111111-aa"}
    out, into = (table.chains[f"limit-{way}-tap11111111-aa"].rules for way in ("from", "to"))
    assert out == ("limit rate over 125000 bytes/second burst 65536 bytes drop",)
    assert into == ("limit rate over 1000000 bytes/second burst 100000 bytes drop",)


def test_packets_are_counted_in_thousands() -> None:
    table = bridges(limits=[limit(packets=True, rate=3, burst=1)])
    assert table.chains["limit-from-tap11111111-aa"].rules == ("limit rate over 3000/second burst 1000 packets drop",)


def test_what_a_guest_sends_is_marked() -> None:
    rules = bridges(dscp_mark=26).chains["limit-from-tap11111111-aa"].rules
    assert rules == ("ether type ip ip dscp set 26", "ether type ip6 ip6 dscp set 26")


def test_a_port_without_port_security_is_limited_all_the_same_and_others_not() -> None:
    assert "limit-from-tap11111111-aa" in bridges(limits=[limit()], port_security=False).chains
    plain = bridges()
    assert plain.sets["limits_from"].elements == plain.sets["limits_to"].elements == {}
    assert not [name for name in plain.chains if name.startswith("limit-")]


def test_a_limit_without_a_rate_is_none() -> None:
    assert bridges(limits=[limit(rate=0)]).sets["limits_from"].elements == {}


def test_the_chains_are_known_as_the_ports_own() -> None:
    found = things.OF_PORT.fullmatch("limit-from-tap11111111-aa")
    assert found and found[1] == f"tap{GUEST_PORT[:11]}"
