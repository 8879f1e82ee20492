"""User mode: a port of the host leads to the guest, with SLIRP and with passt."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import Runner
from kvmlab.errors import CommandError, HostError, LibvirtError, SpecError
from kvmlab.host import world
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.support import knows_passt
from tests.commands.stations import in_time

SOCKET = kl.TcpSocket(port=7100)
PASST = kl.UserMode(
    backend="passt",
    address="192.168.1.77/24",
    address6="2001:db8:1::77/64",
    forwards=(kl.UserForward(port=8081, guest_port=80),),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("user-ports", progress=Silent()) as lab:
        yield lab


@pytest.fixture(scope="module")
def guest(lab: kl.Lab) -> Iterator[Domain]:
    """A web server with a NIC for SLIRP and one for passt."""
    nics = [kl.InterfaceSpec(source=source) for source in (kl.UserMode(), SOCKET)]
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=nics)).start(progress=Silent())
    guest.run(["/usr/bin/busybox", "httpd", "-p", "80", "-h", "/mnt"])
    assert in_time(lambda: "10.0.2.15" in addresses(guest))
    yield guest
    guest.destroy()
    guest.undefine()


def is_served(asker: Runner, url: str) -> bool:
    """Whether a web server answers, whatever it says."""
    line = ["curl", "--silent", "--globoff", "--max-time", "5", "--output", "/dev/null", url]
    return asker.run(line, check=False).returncode == 0


@pytest.mark.vm
def test_the_lan_reaches_a_guest_through_a_port_that_slirp_forwards(lab: kl.Lab, guest: Domain) -> None:
    url = f"http://{world.HOST_ADDRESS}:8080/"
    assert not is_served(lab.pc, url)

    with kl.forward_user_port(lab, guest, kl.UserForward(port=8080, guest_port=80)) as forward:
        reached = is_served(lab.pc, url)
        shown = lab.host.run(forward.explanation.commands[1].argv).stdout

    assert reached
    assert "HOST_FORWARD" in shown
    assert not is_served(lab.pc, url)


@pytest.mark.vm
def test_a_port_that_somebody_has_is_not_forwarded(lab: kl.Lab, guest: Domain) -> None:
    forward = kl.UserForward(port=8082, guest_port=80)

    with kl.forward_user_port(lab, guest, forward), pytest.raises(HostError) as caught:
        kl.forward_user_port(lab, guest, kl.UserForward(port=8082, guest_port=81))

    assert "tcp port 8082 of the host cannot lead to 'vm1'" in str(caught.value)
    assert "ss -lntu" in caught.value.hint


@pytest.mark.vm
def test_passt_serves_addresses_and_leads_a_port_to_the_guest_in_both_families(
    lab: kl.Lab, guest: Domain
) -> None:
    urls = [f"http://{host}:8081/" for host in (world.HOST_ADDRESS, f"[{world.HOST_ADDRESS6}]")]

    with kl.start_passt(lab, PASST, SOCKET):
        # an address is listed a second before it is used (RFC 4862, section 5.4)
        reached = [in_time(lambda url=url: is_served(lab.pc, url)) for url in urls]
        given = {"192.168.1.77", "2001:db8:1::77"} & addresses(guest)
        guests_own = is_served(lab.pc, "http://192.168.1.77/")

    assert reached == [True, True]
    assert given == {"192.168.1.77", "2001:db8:1::77"}
    assert not guests_own
    assert not is_served(lab.pc, urls[0])


def addresses(guest: Domain) -> set[str]:
    return {address.split("/")[0] for link in guest.links() for address in link.addresses}


@pytest.mark.host
def test_passt_is_refused_where_nobody_listens(lab: kl.Lab) -> None:
    with pytest.raises(CommandError, match="Connection refused"):
        kl.start_passt(lab, PASST, kl.TcpSocket(port=7199))

    assert lab.host.run(["ls", "/run"]).stdout.count("passt") == 0


@pytest.mark.host
@pytest.mark.parametrize(
    ("user", "socket", "message"),
    [
        (kl.UserMode(), SOCKET, "user mode with slirp needs no passt"),
        (PASST, kl.TcpSocket(port=7100, listens=False), "the guest on port 7100 does not listen"),
    ],
)
def test_what_is_no_place_for_passt_is_refused(
    lab: kl.Lab, user: kl.UserMode, socket: kl.TcpSocket, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        kl.start_passt(lab, user, socket)


@pytest.mark.vm
def test_libvirts_own_passt_works_or_is_refused_with_the_way_by_hand(lab: kl.Lab) -> None:
    spec = kl.DomainSpec(name="vm2", interfaces=[kl.InterfaceSpec(source=PASST)])

    if knows_passt(Connection(lab.uri)):
        guest = lab.define(spec).start(progress=Silent())
        assert in_time(lambda: "192.168.1.77" in addresses(guest))
        guest.destroy()
        guest.undefine()
    else:
        with pytest.raises(LibvirtError) as caught:
            lab.define(spec)
        assert "start_passt()" in caught.value.hint
        assert "vm2" not in [domain.name for domain in lab.domains()]


@pytest.mark.vm
def test_a_guest_without_slirp_has_no_port_to_lead_to(lab: kl.Lab) -> None:
    spec = kl.DomainSpec(name="bare", interfaces=())
    guest = lab.define(spec)

    with pytest.raises(SpecError, match="guest 'bare' has no NIC in user mode with SLIRP"):
        kl.forward_user_port(lab, guest, kl.UserForward(port=8083, guest_port=80))

    guest.undefine()
