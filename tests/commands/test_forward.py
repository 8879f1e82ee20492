"""A port of the host leads to a guest by the commands that are shown, until they are taken back."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._run import LocalRunner, end_group
from kvmlab.commands import explain_port_forward, explain_port_forward_end
from kvmlab.host import world
from kvmlab.host.runner import HostRunner
from kvmlab.spec.forward import PortForward
from kvmlab.spec.network import NetworkSpec
from tests.commands.stations import in_time, station
from tests.commands.typing_in import by_hand, by_libvirt, type_all, type_in

pytestmark = pytest.mark.host

#: The network whose rules Debian 13's libvirt wrote into this file, with others beside it.
BLUE = NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
NFT = Path(__file__).parent.parent / "data/nft/debian13-nft.txt"
WEB = ["python3", "-m", "http.server", "--bind", "192.168.50.11", "80"]
DNS = [
    *("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--address=/vm.example/192.0.2.7"),
    *("--conf-file=/dev/null", "--user=root"),
]
FORWARD = PortForward(port=8080, address="192.168.50.11", guest_port=80)


def rules_of_newer_libvirt() -> str:
    """The rules for the network blue, as Debian 13's libvirt wrote them with its nftables backend."""
    table = NFT.read_text().split("table ip6")[0]
    other = re.compile(r"virbr-(?!blue)|192\.168\.(?!50\.)")
    return "\n".join(line for line in table.splitlines() if not other.search(line))


def in_blue(lab: kl.Lab, name: str) -> contextlib.AbstractContextManager[HostRunner]:
    """A station in the network blue."""
    own, gateway = [f"{FORWARD.address}/24"], ["192.168.50.1"]
    return station(lab, name, bridge=BLUE.bridge_name, addresses=own, gateways=gateway)


@contextlib.contextmanager
def serving(host: LocalRunner, line: list[str]) -> Iterator[None]:
    """A server that runs on a host."""
    server = host.popen(line)
    try:
        yield
    finally:
        end_group(server)


@contextlib.contextmanager
def served(lab: kl.Lab) -> Iterator[None]:
    """A station in the network blue with a web server."""
    with in_blue(lab, "web") as guest, serving(guest, WEB):
        assert in_time(lambda: answers(guest, "192.168.50.11:80"))
        yield


def answers(source: LocalRunner, place: str) -> bool:
    """Whether a web server answers."""
    line = ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", f"http://{place}/"]
    return source.run(line, check=False).returncode == 0


def test_with_libvirts_iptables_rules_a_port_leads_to_a_guest_until_it_is_taken_back(lab: kl.Lab) -> None:
    place = f"{world.HOST_ADDRESS}:8080"
    with by_libvirt(lab, BLUE), served(lab):
        assert not answers(lab.pc, place)

        shown = type_all(lab, explain_port_forward(BLUE, FORWARD, backend="iptables"))

        assert answers(lab.pc, place)
        assert answers(lab.host, place)
        first = next(line for line in shown.splitlines() if line.startswith("-A FORWARD"))
        assert "192.168.50.11" in first

        type_all(lab, explain_port_forward_end(BLUE, FORWARD, backend="iptables"))

        assert not answers(lab.pc, place)
        assert "192.168.50.11" not in lab.host.run(["iptables-save"]).stdout


@contextlib.contextmanager
def as_newer_libvirt_has_it(lab: kl.Lab) -> Iterator[None]:
    """The network, with the rules that a libvirt with nftables backend writes."""
    with by_hand(lab, BLUE):
        lab.host.run(["nft", "delete", "table", "ip", "network-blue"])
        lab.host.run(["nft", "--file", "-"], stdin=rules_of_newer_libvirt())
        try:
            yield
        finally:
            lab.host.run(["nft", "delete", "table", "ip", "libvirt_network"])


def test_with_libvirts_nftables_rules_a_port_leads_to_a_guest_until_it_is_taken_back(lab: kl.Lab) -> None:
    place = f"{world.HOST_ADDRESS}:8080"
    with as_newer_libvirt_has_it(lab), served(lab):
        assert not answers(lab.pc, place)

        shown = type_all(lab, explain_port_forward(BLUE, FORWARD, backend="nftables"))

        assert answers(lab.pc, place)
        handle = int(re.findall(r"dport 80 accept # handle (\d+)", shown)[0])
        type_all(lab, explain_port_forward_end(BLUE, FORWARD, backend="nftables", handle=handle))
        assert not answers(lab.pc, place)
        assert "192.168.50.11" not in lab.host.run(["nft", "list", "ruleset"]).stdout


def test_a_udp_port_is_forwarded_too(lab: kl.Lab) -> None:
    forward = PortForward(port=5353, address="192.168.50.11", guest_port=53, protocol="udp")
    ask = ["dig", "+short", "+time=2", "+tries=1", "-p", "5353", f"@{world.HOST_ADDRESS}", "vm.example"]
    with by_libvirt(lab, BLUE), in_blue(lab, "dns") as guest, serving(guest, DNS):
        type_all(lab, explain_port_forward(BLUE, forward, backend="iptables"))

        assert in_time(lambda: lab.pc.run(ask, check=False).stdout == "192.0.2.7\n")

        type_all(lab, explain_port_forward_end(BLUE, forward, backend="iptables"))
        assert lab.pc.run(ask, check=False).returncode != 0


@pytest.mark.vm
def test_the_lan_reaches_a_real_guest_through_the_port(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    network.start()
    guest = lab.define(kl.DomainSpec(name="web", interfaces=(kl.InterfaceSpec(network="blue"),)))
    guest.start().wait_until_ready()
    page = "HTTP/1.0 200 OK\\r\\n\\r\\nhello from the guest\\n"
    guest.run(
        ["sh", "-c", f"setsid ncat --listen --keep-open 80 --sh-exec \"printf '{page}'\" >/dev/null 2>&1 &"]
    )
    forward = PortForward(port=8080, address=guest.address, guest_port=80)

    for command in explain_port_forward(BLUE, forward, backend="iptables").commands:
        type_in(lab, command)

    ask = ["curl", "--silent", "--show-error", "--max-time", "10", f"http://{world.HOST_ADDRESS}:8080/"]
    assert in_time(lambda: "hello from the guest" in lab.pc.run(ask, check=False).stdout)
    guest.destroy()
    guest.undefine()
    network.destroy()
    network.undefine()
