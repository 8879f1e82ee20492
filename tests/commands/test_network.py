"""Every command that makes a network does what it says: through libvirt, and by hand."""

import contextlib

import pytest

import kvmlab as kl
from kvmlab.commands import explain_network
from kvmlab.commands.route import explain_route, explain_route_end
from kvmlab.host import world
from kvmlab.spec.network import NetworkSpec
from tests.commands.stations import reached, station
from tests.commands.typing_in import by_hand, by_libvirt, type_all, type_in

pytestmark = pytest.mark.host

HOST6 = "2001:db8:1::10"
NETWORKS = {
    "nat": NetworkSpec(name="nat4", subnet="192.168.60.0/24", forward="nat", domain="nat.example"),
    "nat, IPv6": NetworkSpec(
        name="nat6", subnet="192.168.61.0/24", subnet6="fd00:61::/64", forward="nat", mtu=1400, stp=True
    ),
    "route": NetworkSpec(name="route4", subnet="192.168.62.0/24", forward="route"),
    "route, IPv6": NetworkSpec(
        name="route6", subnet="192.168.63.0/24", subnet6="fd00:63::/64", forward="route"
    ),
    "open": NetworkSpec(name="open4", subnet="192.168.64.0/24", forward="open", dhcp=False),
    "open, IPv6": NetworkSpec(name="open6", subnet="192.168.65.0/24", subnet6="fd00:65::/64", forward="open"),
    "isolated": NetworkSpec(name="island4", subnet="192.168.66.0/24"),
    "isolated, IPv6": NetworkSpec(name="island6", subnet="192.168.67.0/24", subnet6="fd00:67::/64"),
    "private": NetworkSpec(name="private"),
}
#: A network without a subnet: its guests have addresses, the host has none.
PRIVATE = ("192.168.68.0/24",)
OUT = {"guest→LAN", "guest→internet"}
WITHIN = {"guest→guest", "guest→host", "host→guest"}
#: Who reaches whom (libvirt, "Virtual Networking"). On the internet nobody knows a way back to a
#: guest's IPv6 address, unless it is translated.
REACH = {
    "nat": {4: WITHIN | OUT, 6: WITHIN | OUT},
    "route": {4: WITHIN | OUT | {"LAN→guest"}, 6: WITHIN | {"guest→LAN", "LAN→guest"}},
    "open": {4: WITHIN | OUT | {"LAN→guest"}, 6: WITHIN | {"guest→LAN", "LAN→guest"}},
    "isolated": {4: WITHIN, 6: WITHIN},
    "private": {4: {"guest→guest"}},
}


def expected(mode: str, spec: NetworkSpec) -> set[str]:
    versions = [subnet.version for subnet in spec.subnets] or [4]
    ways = REACH[mode.split(",")[0]]
    return {f"{way} (IPv{version})" for version in versions for way in ways[version]}


def reached_in(lab: kl.Lab, spec: NetworkSpec) -> set[str]:
    """Who reaches whom, with a router that knows the way to every guest."""
    subnets = [str(subnet) for subnet in spec.subnets]
    with contextlib.ExitStack() as stack:
        for subnet in subnets:
            via = HOST6 if ":" in subnet else world.HOST_ADDRESS
            type_all(lab, explain_route(subnet, via=via))
            stack.callback(type_all, lab, explain_route_end(subnet, via=via))
        return reached(lab, bridge=spec.bridge_name, subnets=subnets or PRIVATE, host=bool(subnets))


def bridge_of(lab: kl.Lab, spec: NetworkSpec) -> dict[str, object]:
    """What there is to tell of the bridge that does not differ from one time to the next."""
    state = lab.network_state(["host"])["host"]
    bridge = state.link(spec.bridge_name)
    assert bridge is not None
    addresses = sorted(a.cidr for a in state.addresses_of(bridge.name) if a.scope == "global")
    return {"is up": bridge.is_up, "mtu": bridge.mtu, "stp": bridge.stp, "addresses": addresses}


def wanted_bridge(spec: NetworkSpec) -> dict[str, object]:
    addresses = sorted(f"{subnet[1]}/{subnet.prefixlen}" for subnet in spec.subnets)
    return {"is up": True, "mtu": spec.mtu or 1500, "stp": spec.stp, "addresses": addresses}


@pytest.mark.parametrize("mode", NETWORKS)
def test_libvirts_network_is_there_and_lets_pass_what_its_mode_says(mode: str, lab: kl.Lab) -> None:
    spec = NETWORKS[mode]

    with by_libvirt(lab, spec) as printed:
        told = lab.host.run(["virsh", "net-info", spec.name]).stdout
        assert (
            told.split()
            == f"Name: {spec.name} UUID: {told.split()[3]} Active: yes Persistent: yes "
            f"Autostart: yes Bridge: {spec.bridge_name}".split()
        )
        assert bridge_of(lab, spec) == wanted_bridge(spec)
        assert all(f"{subnet[1]}/{subnet.prefixlen}" in printed for subnet in spec.subnets)
        assert reached_in(lab, spec) == expected(mode, spec)


@pytest.mark.parametrize("mode", NETWORKS)
def test_the_network_by_hand_is_there_and_lets_pass_the_same(mode: str, lab: kl.Lab) -> None:
    spec = NETWORKS[mode]

    with by_hand(lab, spec):
        assert bridge_of(lab, spec) == wanted_bridge(spec)
        assert reached_in(lab, spec) == expected(mode, spec)


def test_the_commands_show_the_rules_and_the_ports(lab: kl.Lab) -> None:
    spec = NETWORKS["nat"]
    with by_libvirt(lab, spec):
        rules, leases, ports = explain_network(spec).commands[-3:]

        with station(lab, "one", bridge=spec.bridge_name, addresses=["192.168.60.5/24"]):
            assert "v-one" in type_in(lab, ports).stdout

        assert "192.168.60.0/24" in type_in(lab, rules).stdout
        assert "masquerade" in type_in(lab, rules).stdout
        assert "Expiry Time" in type_in(lab, leases).stdout


def test_a_network_of_an_existing_bridge_starts(lab: kl.Lab) -> None:
    spec = NetworkSpec(name="onbridge", forward="bridge", bridge="br-there")
    lab.host.run(["ip", "link", "add", "name", "br-there", "up", "type", "bridge"])

    with by_libvirt(lab, spec):
        assert "Active: yes" in " ".join(lab.host.run(["virsh", "net-info", spec.name]).stdout.split())

    lab.host.run(["ip", "link", "delete", "dev", "br-there"])


def test_a_router_is_told_of_by_what_is_shown(lab: kl.Lab) -> None:
    explanation = explain_route("10.9.0.0/16", via=world.HOST_ADDRESS)

    type_all(lab, explanation)

    assert f"10.9.0.0/16 via {world.HOST_ADDRESS}" in lab.router.run(["ip", "route"]).stdout
    type_all(lab, explain_route_end("10.9.0.0/16", via=world.HOST_ADDRESS))
    assert "10.9.0.0" not in lab.router.run(["ip", "route"]).stdout
