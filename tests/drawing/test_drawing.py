import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from observe.recorded import Domain, RecordedLab, recorded_nics, taken

from kvmlab._repr import Table
from kvmlab.drawing import draw
from kvmlab.errors import ExecutableNotFound, SpecError
from kvmlab.host.links import NetworkState
from kvmlab.topology import Edge, Finding, Node, Sight, Topology, Trail, ended, follow

DATA = Path(__file__).parents[1] / "data/drawing"
SVG = "{http://www.w3.org/2000/svg}"

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="dot is not installed: run `make setup`")


def elements(topology: Topology) -> dict[str, ET.Element]:
    """Drawn nodes, boxes and edges by their graphviz names."""
    root = ET.fromstring(draw(topology).svg)
    return {group.findtext(f"{SVG}title", ""): group for group in root.iter(f"{SVG}g")}


def texts(element: ET.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def words(element: ET.Element) -> list[str]:
    return [text.strip() for text in texts(element) if text.strip()]


def lab_with_guests(count: int) -> RecordedLab:
    lab = RecordedLab()
    lab.nics = tuple(
        replace(nic, domain=f"vm{guest}", tap="")
        for guest in range(1, count + 1)
        for nic in recorded_nics()[:2]
    )
    return lab


def test_the_source_of_a_picture_is_the_same_on_every_machine() -> None:
    assert draw(taken()).source == (DATA / "nat.dot").read_text(encoding="utf-8")


@needs_dot
def test_the_same_topology_is_the_same_picture() -> None:
    assert draw(taken()).svg == draw(taken()).svg


@needs_dot
def test_every_line_of_every_node_is_in_the_picture() -> None:
    topology = taken()
    root = ET.fromstring(draw(topology).svg)
    drawn = [text.strip() for text in texts(root)]

    missing = [line for node in topology.nodes for line in (node.label, *node.lines) if line not in drawn]

    assert missing == []


@needs_dot
def test_every_edge_is_in_the_picture() -> None:
    topology = taken()

    drawn = [name for name in elements(topology) if "->" in name]

    assert len([name for name in drawn if not name.startswith("guest/vm1->guest/vm2")]) == len(topology.edges)


@needs_dot
def test_a_notebook_gets_svg_and_text() -> None:
    topology = taken()

    bundle = draw(topology)._repr_mimebundle_()

    assert bundle["image/svg+xml"].startswith("<svg ")
    assert bundle["text/plain"] == str(topology)


@needs_dot
def test_a_picture_has_paper_below_it_and_fits_the_page() -> None:
    root = ET.fromstring(draw(taken()).svg)

    paper = root.find(f"{SVG}rect")
    assert paper is not None
    assert (paper.get("width"), paper.get("fill")) == ("100%", "#ffffff")
    assert int(root.get("width", "0")) <= 900
    assert root.get("style") == "max-width:100%;height:auto"


@needs_dot
@pytest.mark.parametrize("state", ["down", "missing"])
def test_what_carries_nothing_is_red_and_dashed(state: str) -> None:
    nodes = (Node("a", "tap", "a"), Node("b", "bridge", "b"))

    (path,) = elements(Topology(nodes, (Edge("a", "b", "cut", state),)))["a->b"].iter(f"{SVG}path")

    assert (path.get("stroke"), path.get("stroke-dasharray") is not None) == ("#cf222e", True)


@needs_dot
def test_what_carries_frames_is_neither_red_nor_dashed() -> None:
    nodes = (Node("a", "tap", "a"), Node("b", "bridge", "b"))

    (path,) = elements(Topology(nodes, (Edge("a", "b"),)))["a->b"].iter(f"{SVG}path")

    assert (path.get("stroke"), path.get("stroke-dasharray")) == ("#57606a", None)


@needs_dot
def test_a_node_that_is_down_says_so() -> None:
    element = elements(Topology((Node("a", "uplink", "enp1s0", state="down"),)))["a"]

    assert texts(element) == ["enp1s0", "down"]


@needs_dot
@pytest.mark.parametrize("count", [1, 6], ids=["beside each other", "below each other"])
def test_a_guest_without_a_nic_is_drawn(count: int) -> None:
    lab = lab_with_guests(count)
    lab.bare = (Domain("vm9"),)

    assert words(elements(taken(lab))["guest/vm9"]) == ["vm9"]


@needs_dot
def test_guests_keep_their_order_from_left_to_right() -> None:
    drawn = elements(taken(lab_with_guests(3)))

    left = [float(next(drawn[f"guest/vm{i}"].iter(f"{SVG}text")).get("x", "0")) for i in (1, 2, 3)]
    assert left == sorted(left)


@needs_dot
def test_many_guests_are_drawn_from_top_to_bottom() -> None:
    drawn = elements(taken(lab_with_guests(6)))

    heads = [next(drawn[f"guest/vm{i}"].iter(f"{SVG}text")) for i in range(1, 7)]
    tops = [float(head.get("y", "0")) for head in heads]
    assert len({head.get("x") for head in heads}) == 1
    assert tops == sorted(tops)


@needs_dot
def test_what_is_closed_is_dotted_and_says_why() -> None:
    nodes = (Node("a", "bridge", "a"), Node("b", "uplink", "b"))

    drawn = elements(Topology(nodes, (Edge("a", "b", "out: reject\nin: reject", "blocked"),)))["a->b"]

    (path,) = drawn.iter(f"{SVG}path")
    assert path.get("stroke-dasharray") is not None
    assert path.get("stroke") != "#cf222e"
    assert words(drawn) == ["out: reject", "in: reject"]


FOUND = Topology(
    (
        Node("vm1", "guest", "vm1"),
        Node("vm1/nic0", "nic", "eth0", parent="vm1"),
        Node("a", "tap", "a"),
        Node("b", "bridge", "b"),
    ),
    (Edge("vm1/nic0", "a"), Edge("a", "b", "forwarding")),
    Table((Finding("vm1/nic0", "a driver", "no driver"), Finding("a -- b", "isolated", "not isolated"))),
)


@needs_dot
@pytest.mark.parametrize(
    ("item", "expected"),
    [("vm1", ["vm1", "eth0", "✗ no driver"]), ("a->b", ["forwarding", "✗ not isolated"])],
)
def test_what_is_not_as_expected_says_so_in_words_and_in_red(item: str, expected: list[str]) -> None:
    element = elements(FOUND)[item]

    assert words(element) == expected
    assert "#cf222e" in {part.get("stroke") for part in element.iter()}


@needs_dot
def test_what_is_as_expected_is_not_red() -> None:
    elements_of_b = elements(FOUND)["b"]

    assert "#cf222e" not in {part.get("stroke") for part in elements_of_b.iter()}


SIGHTS = (Sight(1, "vm1/eth0"), Sight(2, "host/a"), Sight(3, "host/a", is_answer=True))
ON_THE_WAY = Topology(
    (
        Node("vm1", "guest", "vm1"),
        Node("vm1/nic0", "nic", "eth0", parent="vm1", interfaces=("vm1/eth0",)),
        Node("a", "tap", "a", interfaces=("host/a",)),
        Node("b", "bridge", "b"),
    ),
    (Edge("vm1/nic0", "a"), Edge("a", "b", "out: drop", kind="forward")),
)


class Found:
    """A packet's way, found before."""

    def __init__(self, trail: Trail) -> None:
        self.found = trail

    def trail(self, _topology: Topology) -> Trail:
        return self.found


def walked(trail: Trail) -> dict[str, ET.Element]:
    root = ET.fromstring(draw(ON_THE_WAY, walk=Found(trail)).svg)
    return {group.findtext(f"{SVG}title", ""): group for group in root.iter(f"{SVG}g")}


@needs_dot
def test_the_numbers_of_a_packets_way_are_at_its_nodes_and_tell_there_from_back() -> None:
    drawn = walked(follow(ON_THE_WAY, SIGHTS))

    assert words(drawn["vm1"]) == ["vm1", "→1", "eth0"]
    assert words(drawn["a"]) == ["→2", "←3", "a"]


@needs_dot
def test_an_edge_that_a_packet_passed_has_an_arrow_and_others_have_none() -> None:
    drawn = walked(follow(ON_THE_WAY, SIGHTS))

    (name,) = [name for name in drawn if name.startswith("vm1") and name.endswith("->a")]
    assert len(list(drawn[name].iter(f"{SVG}polygon"))) == 1
    assert list(drawn["a->b"].iter(f"{SVG}polygon")) == []


@needs_dot
def test_the_place_where_a_packet_died_is_marked_with_the_reason() -> None:
    way = follow(ON_THE_WAY, SIGHTS)

    drawn = walked(ended(ON_THE_WAY, way, "filter FORWARD: drop", at="host/a", forwarded=True))

    assert words(drawn["a->b"]) == ["out: drop", "✗ filter FORWARD: drop"]


@needs_dot
@pytest.mark.parametrize("name", ["<b>&\"'", "a:b", "a\\b", "größe", "{x|y}", "n\\n"])
def test_any_name_can_be_drawn(name: str) -> None:
    nodes = (
        Node("host", "host", name, (name,)),
        Node(f"guest/{name}", "guest", name, parent="host"),
        Node(f"guest/{name}/nic0", "nic", name, (name,), parent=f"guest/{name}"),
        Node("tap", "tap", name, parent="host"),
    )

    root = ET.fromstring(draw(Topology(nodes, (Edge(f"guest/{name}/nic0", "tap", name),))).svg)

    assert len([text for text in texts(root) if text.strip() == name]) == 7


@needs_dot
@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", b"<svg "), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.dot", b"digraph ")],
)
def test_a_picture_is_saved_in_the_format_of_its_name(tmp_path: Path, name: str, start: bytes) -> None:
    path = draw(taken()).save(tmp_path / name)

    assert path.read_bytes().startswith(start)


def test_an_unknown_format_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot draw 'a\.gif'") as caught:
        draw(taken()).save(tmp_path / "a.gif")

    assert ".svg, .png" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_dot_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(ExecutableNotFound, match="program 'dot' is not installed") as caught:
        _ = draw(taken()).svg

    assert "apt-get install graphviz" in caught.value.hint


def test_a_lab_that_has_nothing_yet_is_drawn() -> None:
    lab = RecordedLab(nics=(), defined=(), rules=())
    lab.states["host"] = NetworkState()

    assert "KVM host" in draw(taken(lab)).source


@needs_dot
def test_no_line_of_a_node_is_wider_than_its_box() -> None:
    node = Node("a", "nat", "NAT", ("192.168.50.0/24 as 192.168.1.10", "a < b & c"))

    element = elements(Topology((node,)))["a"]

    shapes = " ".join(path.get("d", "") for path in element.iter(f"{SVG}path"))
    right = max(float(x) for x in re.findall(r"(-?[\d.]+),", shapes))
    ends = [float(t.get("x", 0)) + float(t.get("textLength", 0)) for t in element.iter(f"{SVG}text")]
    assert len(ends) == 3
    assert max(ends) < right
