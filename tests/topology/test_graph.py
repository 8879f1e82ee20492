import pytest

from kvmlab.topology import Change, Edge, Node, Topology, compare

GUEST = Node("vm1", "guest", "vm1")
NIC = Node("vm1/nic0", "nic", "eth0 virtio", ("192.0.2.1/24",), parent="vm1")
TAP = Node("vnet0", "tap", "vnet0")
CABLE = Edge("vm1/nic0", "vnet0")
PICTURE = Topology((GUEST, NIC, TAP), (CABLE,))


def test_nodes_are_found_by_id() -> None:
    assert PICTURE.node("vnet0") == TAP
    assert PICTURE.node("vnet1") is None


def test_nodes_know_what_is_inside_of_them() -> None:
    assert PICTURE.children("vm1") == (NIC,)
    assert PICTURE.children("") == (GUEST, TAP)


def test_two_nodes_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        Topology((TAP, TAP))


@pytest.mark.parametrize(
    ("nodes", "edges"), [((NIC,), ()), ((TAP,), (CABLE,)), ((TAP,), (Edge("vnet0", "vm1/nic0"),))]
)
def test_naming_a_node_that_is_not_there_is_refused(nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> None:
    with pytest.raises(ValueError, match="is not one of its nodes"):
        Topology(nodes, edges)


def test_as_text_it_is_an_outline_with_what_is_unusual() -> None:
    down = Topology(
        (GUEST, NIC, Node("vnet0", "tap", "vnet0", state="down")),
        (Edge(*CABLE.id.split(" -- "), "cut", "down"),),
    )

    assert str(PICTURE).splitlines() == [
        "guest vm1",
        "  nic eth0 virtio, 192.0.2.1/24",
        "tap vnet0",
        "vm1/nic0 -- vnet0",
    ]
    assert str(down).splitlines()[2:] == ["tap vnet0 (DOWN)", "vm1/nic0 -- vnet0 (cut) (DOWN)"]


def test_a_picture_does_not_differ_from_itself() -> None:
    assert list(compare(PICTURE, PICTURE)) == []


def test_what_came_is_added() -> None:
    bridge = Node("br0", "bridge", "br0")

    changes = compare(PICTURE, Topology((*PICTURE.nodes, bridge), (CABLE, Edge("vnet0", "br0"))))

    assert list(changes) == [Change("added", "br0"), Change("added", "vnet0 -- br0")]


def test_what_went_is_removed() -> None:
    changes = compare(PICTURE, Topology((GUEST, NIC)))

    assert list(changes) == [Change("removed", "vnet0"), Change("removed", "vm1/nic0 -- vnet0")]


def test_what_changed_is_named_with_both_values() -> None:
    nic = Node("vm1/nic0", "nic", "eth0 virtio", ("192.0.2.1/24", "2001:db8::1/64"), "down", "vm1")

    changes = compare(PICTURE, Topology((GUEST, nic, TAP), (Edge(*CABLE.id.split(" -- "), state="down"),)))

    assert list(changes) == [
        Change("changed", "vm1/nic0", "lines", "192.0.2.1/24", "192.0.2.1/24, 2001:db8::1/64"),
        Change("changed", "vm1/nic0", "state", "up", "down"),
        Change("changed", "vm1/nic0 -- vnet0", "state", "up", "down"),
    ]


def test_the_order_of_nodes_is_no_change() -> None:
    assert list(compare(PICTURE, Topology((TAP, GUEST, NIC), (CABLE,)))) == []
