"""Ways of packets through a small network: guest, tap, bridge, NAT, uplink, switch, router and PC."""

import pytest

from kvmlab.topology import Edge, Node, Passage, Sight, Topology, ended, follow


def node(name: str, *interfaces: str) -> Node:
    return Node(name, "tap", name, interfaces=interfaces)


NET = Topology(
    (
        node("nic", "vm1/eth0", "vm1/eth0.10"),
        node("tap", "host/vnet0"),
        node("virbr", "host/virbr"),
        node("nat"),
        node("island", "host/island"),
        node("uplink", "host/enp1s0"),
        node("switch", "switch/port1", "switch/port2"),
        node("router", "router/lan0"),
        node("pc", "pc/eth0"),
    ),
    (
        Edge("nic", "tap"),
        Edge("tap", "virbr"),
        Edge("virbr", "nat", kind="forward"),
        Edge("nat", "uplink", kind="forward"),
        Edge("island", "uplink", state="blocked", kind="forward"),
        Edge("uplink", "switch"),
        Edge("switch", "router"),
        Edge("switch", "pc"),
    ),
)


def sights(*interfaces: str, is_answer: bool = False) -> list[Sight]:
    return [Sight(number, interface, is_answer) for number, interface in enumerate(interfaces, 1)]


def test_visits_are_numbered_and_those_that_follow_each_other_are_one() -> None:
    trail = follow(NET, sights("vm1/eth0", "host/vnet0", "switch/port1", "switch/port2", "pc/eth0"))

    assert [(step.node, step.numbers) for step in trail.steps] == [
        ("nic", "1"),
        ("tap", "2"),
        ("switch", "3-4"),
        ("pc", "5"),
    ]


def test_between_two_sightings_the_shortest_way_is_taken_also_through_what_captures_nothing() -> None:
    trail = follow(NET, sights("host/virbr", "host/enp1s0"))

    assert trail.passages == (
        Passage("virbr -- nat", is_outward=True),
        Passage("nat -- uplink", is_outward=True),
    )


def test_the_answer_goes_the_other_way_along_the_same_edges() -> None:
    trail = follow(NET, sights("pc/eth0", "switch/port1", is_answer=True))

    assert trail.passages == (Passage("switch -- pc", is_outward=False, is_answer=True),)


def test_a_frame_that_a_switch_floods_makes_a_tree() -> None:
    trail = follow(NET, sights("switch/port1", "router/lan0", "pc/eth0"))

    assert [passage.edge for passage in trail.passages] == ["switch -- router", "switch -- pc"]


def test_a_switch_that_sends_a_frame_out_of_one_more_port_did_not_get_it_back() -> None:
    flooded = [*sights("switch/port1", "router/lan0"), Sight(3, "switch/port2", is_outgoing=True)]

    trail = follow(NET, [*flooded, Sight(4, "pc/eth0")])

    assert [step.node for step in trail.steps] == ["switch", "router", "switch", "pc"]
    assert trail.passages == (
        Passage("switch -- router", is_outward=True),
        Passage("switch -- pc", is_outward=True),
    )


def test_what_a_frame_already_came_through_is_not_reached_a_second_time() -> None:
    seen = [*sights("host/vnet0", "host/enp1s0"), Sight(3, "host/virbr", is_outgoing=True)]

    assert len(follow(NET, seen).passages) == 3
    assert {passage.is_outward for passage in follow(NET, seen).passages} == {True}


def test_a_packet_that_comes_back_to_a_switch_visits_it_twice() -> None:
    trail = follow(NET, sights("switch/port1", "router/lan0", "switch/port2", "pc/eth0"))

    assert [step.node for step in trail.steps] == ["switch", "router", "switch", "pc"]
    assert trail.passages[:2] == (
        Passage("switch -- router", is_outward=True),
        Passage("switch -- router", is_outward=False),
    )


def test_nothing_is_drawn_along_an_edge_that_is_closed() -> None:
    assert follow(NET, sights("host/island", "host/enp1s0")).passages == ()


def test_places_that_the_topology_does_not_have_are_left_out() -> None:
    trail = follow(NET, sights("host/lo", "vm1/eth0.10"))

    assert [(step.node, step.numbers) for step in trail.steps] == [("nic", "2")]


@pytest.mark.parametrize(
    ("last", "note", "end"),
    [
        ("host/island", 'filter FORWARD: iifname "island" reject', "island -- uplink"),
        ("host/enp1s0", 'filter FORWARD: oifname "island" reject', "island -- uplink"),
        ("host/enp1s0", 'filter FORWARD: oifname "virbr" reject', "nat -- uplink"),
    ],
)
def test_a_packet_that_was_not_passed_on_died_on_the_edge_that_the_rule_names(
    last: str, note: str, end: str
) -> None:
    trail = ended(NET, follow(NET, sights(last)), note, at=last, forwarded=True)

    assert (trail.end, trail.note) == (end, note)


def test_where_no_rule_decided_a_packet_died_where_it_was_seen_last() -> None:
    trail = ended(NET, follow(NET, sights("vm1/eth0", "host/vnet0")), "lost", at="host/vnet0")

    assert trail.end == "tap"


def test_where_the_host_passes_nothing_on_it_died_on_the_way_out() -> None:
    trail = ended(NET, follow(NET, sights("host/island")), "lost", at="host/island")

    assert trail.end == "island -- uplink"


def test_a_packet_that_was_seen_nowhere_has_no_place_but_a_reason() -> None:
    trail = ended(NET, follow(NET, []), "its sender knows no way", at="")

    assert (trail.end, trail.note) == ("", "its sender knows no way")


def test_as_text_the_steps_have_their_numbers() -> None:
    there, back = sights("vm1/eth0", "host/vnet0"), [Sight(3, "host/vnet0", is_answer=True)]

    trail = ended(NET, follow(NET, [*there, *back]), "lost", at="host/vnet0")

    assert str(trail).splitlines() == ["packet 1: nic", "packet 2: tap", "answer 3: tap", "! tap: lost"]
