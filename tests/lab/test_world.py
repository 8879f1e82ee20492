"""The world of a lab answers: ping, DNS, DHCP, HTTP and iperf3, on IPv4 and IPv6."""

import json
import sys
from ipaddress import ip_address

import pytest

import kvmlab as kl
from kvmlab._run import Runner
from kvmlab.host import world as names

pytestmark = pytest.mark.host

#: Asks for a lease by hand (RFC 2131): DISCOVER on eth0, then prints who offers which address.
DISCOVER = """
import socket, struct
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
client.bind(("", 68))
client.settimeout(10)
head = struct.pack("!BBBBIHH16x6s10x64x128x", 1, 1, 6, 0, 0x4b564d, 0, 0x8000, bytes.fromhex("024b564d0177"))
client.sendto(head + bytes.fromhex("63825363" "350101" "ff"), ("255.255.255.255", 67))
offer, (server, _port) = client.recvfrom(4096)
print(server, socket.inet_ntoa(offer[16:20]))
"""


def runner(lab: kl.Lab, host: str) -> Runner:
    found: Runner = getattr(lab, host)
    return found


@pytest.mark.parametrize("host", ["host", "pc", "router"])
@pytest.mark.parametrize(
    "target", ["8.8.8.8", "2001:4860:4860::8888", "www.example.com", "router.lan", "pc.lan", "host.lan"]
)
def test_a_host_of_the_lan_reaches_it(world: kl.Lab, host: str, target: str) -> None:
    done = runner(world, host).run(["ping", "-c", "1", "-W", "5", target], check=False)

    assert done.returncode == 0, done


@pytest.mark.parametrize("place", names.places(), ids=lambda place: place.address)
def test_every_documented_address_answers_the_host(world: kl.Lab, place: names.Place) -> None:
    address = place.address.split("/")[0]

    done = world.host.run(["ping", "-c", "1", "-W", "5", address], check=False)

    assert done.returncode == 0, done


@pytest.mark.parametrize(
    ("server", "kind", "name", "answer"),
    [
        ("8.8.8.8", "A", "www.example.com", "198.51.100.10"),
        ("8.8.8.8", "AAAA", "www.example.com", "2001:db8:ff:80::10"),
        ("2001:4860:4860::8888", "A", "dns.google", "8.8.8.8"),
        ("192.168.1.1", "A", "www.example.com", "198.51.100.10"),
        ("192.168.1.1", "A", "router.lan", "192.168.1.1"),
        ("192.168.1.1", "A", "pc.lan", "192.168.1.20"),
        ("192.168.1.1", "A", "host.lan", "192.168.1.10"),
    ],
)
@pytest.mark.parametrize("host", ["host", "pc"])
def test_names_are_answered(world: kl.Lab, host: str, server: str, kind: str, name: str, answer: str) -> None:
    done = runner(world, host).run(["dig", "+short", "+tries=1", f"@{server}", name, kind])

    assert done.stdout.split() == [answer]


def test_names_are_answered_without_naming_a_server(world: kl.Lab) -> None:
    done = world.host.run(["dig", "+short", "+tries=1", "www.example.com"])

    assert done.stdout.split() == ["198.51.100.10"]


@pytest.mark.parametrize("name", ["www.debian.org", "nobody.lan", "nobody.example.com"])
def test_a_name_of_outside_does_not_exist(world: kl.Lab, name: str) -> None:
    done = world.host.run(["dig", "+tries=1", "+time=3", name])

    assert "status: NXDOMAIN" in done.stdout


@pytest.mark.parametrize(
    ("host", "options", "url", "seen"),
    [
        ("host", "--ipv4", "http://www.example.com/", "203.0.113.2"),
        ("pc", "--ipv4", "http://www.example.com/", "203.0.113.2"),
        ("host", "--ipv6", "http://www.example.com/", "2001:db8:1::10"),
        ("pc", "--ipv6", "http://www.example.com/", "2001:db8:1::20"),
        ("host", "--ipv4", "http://8.8.8.8/", "203.0.113.2"),
        ("host", "--ipv4", "http://pc.lan/", "192.168.1.10"),
        ("router", "--ipv4", "http://192.168.1.20/", "192.168.1.1"),
    ],
)
def test_a_web_server_tells_the_caller_which_address_it_sees(
    world: kl.Lab, host: str, options: str, url: str, seen: str
) -> None:
    done = runner(world, host).run(["curl", "--silent", "--max-time", "10", options, url])

    assert done.stdout.endswith(f": hello, you are {seen}\n"), done


@pytest.mark.parametrize(
    ("host", "target"),
    [("host", "pc.lan"), ("host", "8.8.8.8"), ("pc", "www.example.com"), ("router", "pc.lan")],
)
def test_iperf3_measures(world: kl.Lab, host: str, target: str) -> None:
    done = runner(world, host).run(["iperf3", "--json", "--client", target, "--bytes", "8M"])

    assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 0


def test_the_router_offers_an_address(world: kl.Lab) -> None:
    done = world.pc.run([sys.executable, "-c", DISCOVER])

    server, address = done.stdout.split()
    assert server == "192.168.1.1"
    assert ip_address("192.168.1.100") <= ip_address(address) <= ip_address("192.168.1.199")


def test_the_router_is_a_hop_on_the_way_out(world: kl.Lab) -> None:
    done = world.host.run(["traceroute", "-n", "-w", "3", "-q", "1", "8.8.8.8"])

    hops = [line.split()[1] for line in done.stdout.splitlines()[1:]]
    assert hops == ["192.168.1.1", "8.8.8.8"]


def test_the_internet_does_not_reach_into_the_lan(world: kl.Lab) -> None:
    done = world.internet.run(["ping", "-c", "1", "-W", "1", "192.168.1.20"], check=False)

    assert done.returncode != 0


def test_each_host_has_the_links_of_the_table(world: kl.Lab) -> None:
    states = world.network_state()

    for nic in names.NICS:
        link = states[nic.host].link(nic.name)
        assert link is not None
        assert (link.mac, link.has_carrier) == (nic.mac, True)
        addresses = {address.cidr for address in states[nic.host].addresses_of(nic.name)}
        assert set(nic.addresses) <= addresses


def test_no_address_of_the_world_is_tentative(world: kl.Lab) -> None:
    tentative = [a for state in world.network_state().values() for a in state.addresses if a.is_tentative]

    assert tentative == []
