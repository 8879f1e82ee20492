"""State of namespaces: recorded from a lab (``nat.json``), and read from real links made here."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import NetlinkError
from kvmlab.host import links, netlink
from kvmlab.host.links import Address, FdbEntry, Link, Neighbor, NetworkState, Peer, Route

DATA = Path(__file__).parents[1] / "data/netlink"

#: Links of every kind that a kernel without extra modules has, in three namespaces.
BUILD = """
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip netns add a
ip netns add b
ip link set lo up
ip link add br0 address 02:00:00:00:00:01 type bridge stp_state 1 forward_delay 400
ip link add v0 address 02:00:00:00:00:10 type veth peer name v0 address 02:00:00:00:00:a0 netns a
ip link set v0 up master br0
bridge link set dev v0 isolated on
ip -n a link set v0 up
ip link add v1 mtu 1400 type veth peer name v2
ip link set v1 up
ip -n a link add v3 type veth peer name v4 netns b
ip tuntap add tap0 mode tap
ip tuntap add tun0 mode tun
ip link set tap0 up master br0
ip link add mv0 link v1 address 02:00:00:00:00:20 type macvlan mode private
ip link set br0 up
echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
ip address add 10.0.0.1/24 dev br0
ip address add 10.0.0.9/24 dev br0 valid_lft 600 preferred_lft 600
ip address add 10.0.5.1 peer 10.0.5.2 dev v1
ip address add 2001:db8::1/64 dev br0 nodad
ip route add default via 10.0.0.2 proto static metric 7
ip route add unreachable 10.8.0.0/24
ip route add 10.9.0.0/24 nexthop via 10.0.0.3 nexthop via 10.0.0.4
ip route add 10.7.0.0/24 via inet6 2001:db8::5 dev br0
ip route add 192.0.2.0/24 dev br0 table 77
ip neighbour add 10.0.0.3 lladdr 02:00:00:00:00:33 dev br0
bridge fdb add 02:00:00:00:00:44 dev v0 master static
ip netns exec a sysctl -q -w net.ipv4.ip_forward=1
ip netns exec b sysctl -q -w net.ipv6.conf.all.forwarding=1
"""

READ = """
import json, os, time
from kvmlab.errors import NetlinkError
from kvmlab.host import links, netlink

names = (None, "a", "b")
links.read_state()
before = os.listdir("/proc/self/fd"), os.readlink("/proc/self/ns/net")
times = []
for _ in range(5):
    started = time.perf_counter()
    states = {name or "": links.read_state(name).to_dict() for name in names}
    times.append(time.perf_counter() - started)
try:
    links.read_state("c")
except NetlinkError as error:
    refusal = str(error)
after = os.listdir("/proc/self/fd"), os.readlink("/proc/self/ns/net")
print(json.dumps({"states": states, "best_s": min(times), "refusal": refusal, "same": before == after}))
"""

AS_USER = ("unshare", "--user", "--map-root-user", "--net", "--mount")
AS_ROOT = ("unshare", "--net", "--mount")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(AS_USER, id="user namespace", marks=pytest.mark.host),
        pytest.param(AS_ROOT, id="real root", marks=[pytest.mark.host, pytest.mark.root]),
    ],
)
def seen(request: pytest.FixtureRequest) -> Any:
    """What a process in the namespaces read."""
    script = f'{BUILD}\nexec "$0" -c "$1"'
    runner = LocalRunner("sandbox", prefix=(*request.param, "sh", "-c", script))
    return json.loads(runner.run([sys.executable, READ]).stdout)


@pytest.fixture(scope="module")
def home(seen: Any) -> NetworkState:
    return NetworkState.from_dict(seen["states"][""])


def test_a_bridge_is_read_with_its_settings(home: NetworkState) -> None:
    bridge = home.link("br0")

    assert bridge is not None
    assert (bridge.kind, bridge.mac, bridge.is_up, bridge.stp) == ("bridge", "02:00:00:00:00:01", True, True)
    assert (bridge.forward_delay_s, bridge.vlan_filtering) == (4.0, False)


def test_ports_are_read_with_their_state(home: NetworkState) -> None:
    ports = {port.name: (port.kind, port.is_isolated, port.port_state) for port in home.ports("br0")}

    assert ports["tap0"] == ("tap", False, "disabled")  # nobody holds its other end
    assert ports["v0"][:2] == ("veth", True)
    assert ports["v0"][2] in ("listening", "learning", "forwarding")  # STP is on: it takes its time


def test_a_tun_is_told_from_a_tap(home: NetworkState) -> None:
    assert [link.kind for link in home.links if link.name in ("tap0", "tun0")] == ["tap", "tun"]


def test_a_macvlan_names_its_lower_link_and_mode(home: NetworkState) -> None:
    link = home.link("mv0")

    assert link is not None
    assert (link.kind, link.lower, link.mode, link.peer) == ("macvlan", "v1", "private", None)


def test_a_cable_without_its_other_end_up_has_no_carrier(home: NetworkState) -> None:
    link = home.link("v1")

    assert link is not None
    assert (link.is_up, link.has_carrier, link.state, link.mtu) == (True, False, "lowerlayerdown", 1400)


def test_the_loopback_is_no_physical_link(home: NetworkState) -> None:
    assert home.links[0].kind == "loopback"


def test_veth_pairs_lead_to_each_other_across_namespaces(seen: Any) -> None:
    states = {name: NetworkState.from_dict(state) for name, state in seen["states"].items()}

    def other_end(netns: str, name: str) -> str:
        link = states[netns].link(name)
        assert link is not None
        assert link.peer is not None
        assert link.peer.netns is not None
        found = [far.name for far in states[link.peer.netns].links if far.index == link.peer.index]
        return f"{link.peer.netns}/{found[0]}"

    assert other_end("", "v0") == "a/v0"
    assert other_end("a", "v0") == "/v0"
    assert other_end("", "v1") == "/v2"
    assert other_end("a", "v3") == "b/v4"
    assert other_end("b", "v4") == "a/v3"


def test_addresses_are_the_links_own(home: NetworkState) -> None:
    assert [a for a in home.addresses_of("br0") if a.scope == "global"] == [
        Address("br0", "10.0.0.1", 24, "global"),
        Address("br0", "10.0.0.9", 24, "global", is_dynamic=True),
        Address("br0", "2001:db8::1", 64, "global"),
    ]
    assert home.addresses_of("v1")[0].cidr == "10.0.5.1/32"


def test_routes_of_the_main_table_are_read(home: NetworkState) -> None:
    routes = [route for route in home.routes if route.family == 4]

    assert routes == [
        Route(4, "default", "10.0.0.2", "br0", protocol="static", metric=7),
        Route(4, "10.0.0.0/24", "", "br0", source="10.0.0.1", protocol="kernel"),
        Route(4, "10.0.5.2/32", "", "v1", source="10.0.5.1", protocol="kernel"),
        Route(4, "10.7.0.0/24", "2001:db8::5", "br0", protocol="boot"),
        Route(4, "10.8.0.0/24", "", "", protocol="boot", kind="unreachable"),
        Route(4, "10.9.0.0/24", "10.0.0.3", "br0", protocol="boot"),
        Route(4, "10.9.0.0/24", "10.0.0.4", "br0", protocol="boot"),
    ]


def test_what_a_redirect_or_a_path_mtu_left_is_no_route() -> None:
    read = {
        "table": 254,
        "family": 2,
        "dst_len": 32,
        "proto": 2,
        "type": 1,
        "flags": 0,
        "RTA_DST": "10.0.0.7",
    }

    assert [route.destination for route in netlink.routes(read, {})] == ["10.0.0.7/32"]
    assert list(netlink.routes({**read, "flags": 0x200}, {})) == []  # RTM_F_CLONED


def test_neighbours_are_read(home: NetworkState) -> None:
    assert Neighbor("10.0.0.3", "02:00:00:00:00:33", "br0", "permanent") in home.neighbors
    assert not [neighbor for neighbor in home.neighbors if neighbor.address.startswith("ff02:")]


def test_the_forwarding_database_is_read(home: NetworkState) -> None:
    own = {entry for entry in home.fdb if entry.port == "v0"}

    assert FdbEntry("02:00:00:00:00:10", "br0", "v0", is_permanent=True) in own
    assert FdbEntry("02:00:00:00:00:44", "br0", "v0", is_permanent=False) in own


def test_each_namespace_is_a_router_or_not_by_itself(seen: Any) -> None:
    assert {name: state["forwards"] for name, state in seen["states"].items()} == {"": [], "a": [4], "b": [6]}


def test_vlans_of_ports_are_read_in_the_words_of_bridge() -> None:
    """Messages of a Linux 6.1 whose bridge looks at VLAN tags, as nlmon showed them to ``tcpdump``."""
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    from kvmlab.host import netlink

    messages = [ifinfmsg(bytes.fromhex(line)) for line in (DATA / "bridge-vlans.txt").read_text().split()]
    for message in messages:
        message.decode()

    assert dict(map(netlink.vlans, messages)) == {
        5: ("1 PVID Egress Untagged",),
        7: ("1 Egress Untagged", "10 PVID Egress Untagged"),
        8: ("1 PVID Egress Untagged", "20", "21"),
    }


def test_reading_three_namespaces_takes_no_time_to_notice(seen: Any) -> None:
    assert seen["best_s"] < 0.25  # seen: 0.02 s; the bound leaves room for a busy machine


def test_reading_leaves_no_descriptor_and_comes_home(seen: Any) -> None:
    assert seen["same"]


def test_a_namespace_that_is_not_there_is_named(seen: Any) -> None:
    assert seen["refusal"] == "there is no network namespace 'c'"


def test_without_a_name_the_own_namespace_is_read() -> None:
    state = links.read_state()

    assert state.links[0].name == "lo"


def test_a_namespace_that_may_not_be_entered_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmlab.host.kernel.NETNS_DIR", tmp_path)
    (tmp_path / "x").write_text("")

    with pytest.raises(NetlinkError, match="cannot read network namespace 'x'"):
        links.read_state("x")


def recorded() -> dict[str, NetworkState]:
    data = json.loads((DATA / "nat.json").read_text(encoding="utf-8"))
    return {host: NetworkState.from_dict(state) for host, state in data.items()}


def test_a_state_travels_as_json() -> None:
    for state in recorded().values():
        assert NetworkState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_a_recorded_lab_has_its_cables() -> None:
    states = recorded()

    uplink = states["host"].link("enp1s0")

    assert uplink is not None
    assert uplink.peer == Peer(index=3, netns="switch")
    assert [link.name for link in states["switch"].links if link.index == 3] == ["port1"]


def test_ports_of_a_bridge_are_found_by_its_name() -> None:
    host = recorded()["host"]

    assert [port.name for port in host.ports("virbr-blue")] == ["vnet0", "vnet1", "vnet2", "vnet3"]


def test_a_link_that_is_not_there_is_none() -> None:
    assert NetworkState(links=(Link(1, "lo", "loopback"),)).link("eth0") is None
