"""Guests that are exported, and defined in a fresh lab, reach there whom they reached where they come from.

That was what is expected of their network mode: the notebooks observe it. So it is
here, if the fresh lab's matrix has no findings.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.changes import make_glued_tap
from kvmlab.commands.direct import GluedTap
from kvmlab.exporting import Export
from kvmlab.lab import start_all
from kvmlab.reach import Matrix, reachability
from kvmlab.reach.modes import GUESTS, MODES
from kvmlab.reach.paths import HOST_ADDRESSES
from kvmlab.virt.domain import Domain
from tests.exporting.real_host import configured, define, define_whole, in_time, reached, silent

pytestmark = pytest.mark.vm

#: Networks that libvirt makes, by mode; all in one lab.
NETWORKS = {
    "nat": kl.NetworkSpec(name="nat", subnet="192.168.50.0/24", forward="nat"),
    "host-only": kl.NetworkSpec(name="island", subnet="192.168.51.0/24"),
    "routed": kl.NetworkSpec(name="green", subnet="192.168.52.0/24", forward="route"),
    "private": kl.NetworkSpec(name="private"),
}


def guests_with(lab: kl.Lab, prefix: str, *nics: kl.InterfaceSpec) -> list[Domain]:
    """Define a guest with each NIC; they need not run to be exported."""
    names = [f"{prefix}{number}" for number, _nic in enumerate(nics, 1)]
    return [
        lab.define(kl.DomainSpec(name=name, interfaces=[nic])) for name, nic in zip(names, nics, strict=True)
    ]


def of_mode(name: str, mode: str, *, by_hand: bool = False) -> Export:
    """Set up a mode in a lab, export its guests, and end the lab."""
    with silent(name) as lab:
        guests = guests_with(lab, "vm", *MODES[mode](lab, GUESTS).nics.values())
        return kl.export(lab, *guests, by_hand=by_hand)


def matrix_of(lab: kl.Lab, mode: str, guests: list[Domain]) -> Matrix:
    start_all(guests, progress=Silent())
    return reachability(lab, mode, guests)


@pytest.fixture(scope="module")
def bridged() -> Export:
    return of_mode("bridged", "bridged")


def test_bridged_guests_and_a_whole_machine_reach_the_same_on_a_host_configured_by_ip(
    bridged: Export, tmp_path: Path
) -> None:
    with silent("by-ip") as lab, configured(lab, bridged, "iproute2", tmp_path / "log"):
        first, second = define(lab, bridged)
        second.undefine()
        whole = define_whole(lab, bridged.xml["domain-vm2.xml"])

        found = matrix_of(lab, "bridged", [first, whole])

        assert [(nic.model, nic.driver, nic.bridge) for nic in whole.nics()] == [("rtl8139", "8139cp", "br0")]
    assert list(found.findings) == []
    assert len(found.cells) == 56


@pytest.mark.parametrize("tool", ["nmcli", "networkd", "netplan"])
def test_a_bridged_guest_reaches_the_same_on_a_host_configured_by(
    tool: str, bridged: Export, tmp_path: Path
) -> None:
    with silent(f"by-{tool}") as lab, configured(lab, bridged, tool, tmp_path / "log"):
        assert in_time(lambda: reached(lab, bridged.plan))
        first, _second = define(lab, bridged)

        found = matrix_of(lab, "bridged", [first])

    assert list(found.findings) == []
    assert len(found.cells) == 24


@pytest.mark.user
def test_guests_in_direct_mode_reach_the_same_by_macvlan_and_tap(tmp_path: Path) -> None:
    direct = of_mode("direct", "direct-bridge", by_hand=True)

    with silent("direct-2") as lab, configured(lab, direct, "iproute2", tmp_path / "log"):
        found = matrix_of(lab, "direct-bridge", define(lab, direct))

    assert list(found.findings) == []


@pytest.mark.root
def test_guests_in_direct_mode_reach_the_same_by_macvtap(tmp_path: Path) -> None:
    """Where they come from, macvlans and taps stand for it, as in a lab without root."""
    with silent("direct") as lab:
        taps = [
            GluedTap(name=f"tap{number}", direct=kl.Direct(dev="enp1s0"), mac=f"52:54:00:00:00:0{number}")
            for number in (1, 2)
        ]
        for tap in taps:
            make_glued_tap(lab, tap)
        nics = (kl.InterfaceSpec(source=tap.source, mac=tap.mac) for tap in taps)
        direct = kl.export(lab, *guests_with(lab, "vm", *nics))

    with silent("direct-2") as lab, configured(lab, direct, "networkd", tmp_path / "log"):
        found = matrix_of(lab, "direct-bridge", define(lab, direct))

    assert all('type="direct"' in xml for xml in direct.xml.values())
    assert list(found.findings) == []


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kl.Lab]:
    """A lab with all that was exported of another one, whose networks are libvirt's own."""
    with silent("libvirts") as lab:
        for spec in NETWORKS.values():
            lab.define(spec)
            # without an address of the host guests have but each other
            models = GUESTS.values() if spec.subnet is None else ["virtio"]
            guests_with(lab, spec.name, *(kl.InterfaceSpec(network=spec.name, model=m) for m in models))
        found = kl.export(lab)
    log = tmp_path_factory.mktemp("fresh") / "log"
    with silent("libvirts-2") as lab, configured(lab, found, "networkd", log):
        guests = define(lab, found)
        start_all(guests, progress=Silent(), addresses=False)
        for number, guest in enumerate([guest for guest in guests if guest.name.startswith("private")], 11):
            guest.run(["ip", "address", "add", f"10.0.0.{number}/24", "dev", "eth0"])
        for guest in guests:
            guest.wait_until_ready()
        yield lab


@pytest.mark.parametrize("mode", NETWORKS)
def test_guests_in_networks_of_libvirts_own_reach_the_same(mode: str, fresh: kl.Lab) -> None:
    spec = NETWORKS[mode]
    guests = [guest for guest in fresh.domains() if guest.name.startswith(spec.name)]

    own = HOST_ADDRESSES if spec.gateway is None else [str(spec.gateway)]
    found = reachability(fresh, mode, guests, host_addresses=own)

    assert list(found.findings) == []
