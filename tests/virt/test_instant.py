"""Guests that start from a saved one are themselves, complete, and as good as booted ones."""

import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence

import libvirt
import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import GuestError, KvmlabError
from kvmlab.spec.domain import MACHINES
from kvmlab.spec.interface import NIC_MODELS
from kvmlab.virt.domain import Domain
from tests.virt.conftest import BOUND_S, define

pytestmark = pytest.mark.vm

MODELS = list(NIC_MODELS)
#: QEMU that first has the model igb.
IGB_SINCE = 8_000_000


@pytest.fixture(scope="module")
def twins(lab: kl.Lab) -> Iterator[tuple[Domain, Domain]]:
    """Two guests from one saved guest; the models of their NICs are in opposite order."""
    first = define(lab, "first", ["virtio", "rtl8139"])
    second = define(lab, "second", ["rtl8139", "virtio"])
    for guest in (first, second):
        guest.start(progress=Silent())
    yield first, second
    for guest in (first, second):
        guest.destroy()


def ask(guests: Sequence[Domain], *argv: str) -> list[str]:
    return [guest.run(argv).stdout.strip() for guest in guests]


def drivers(guest: Domain) -> dict[str, str]:
    return {nic.link: nic.driver for nic in guest.nics()}


def received(guest: Domain, link: str) -> int:
    return int(guest.run(["cat", f"/sys/class/net/{link}/statistics/rx_packets"]).stdout)


def until_off(guest: Domain) -> None:
    deadline = time.monotonic() + BOUND_S
    while guest.is_active:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_has_its_own_host_name(twins: tuple[Domain, Domain]) -> None:
    assert ask(twins, "hostname") == ["first", "second"]
    assert ask(twins, "cat", "/etc/hostname") == ["first", "second"]
    assert [re.findall("127.0.1.1 (.*)", text) for text in ask(twins, "cat", "/etc/hosts")] == [
        ["first"],
        ["second"],
    ]


def test_each_has_its_own_machine_id(twins: tuple[Domain, Domain]) -> None:
    ids = ask(twins, "cat", "/etc/machine-id")

    assert [len(uuid.UUID(one).hex) for one in ids] == [32, 32]
    assert ids[0] != ids[1]


def test_each_has_its_own_boot_id(twins: tuple[Domain, Domain]) -> None:
    ids = ask(twins, "cat", "/proc/sys/kernel/random/boot_id")

    assert ids[0] != ids[1]


def test_the_kernels_random_numbers_are_no_copies(twins: tuple[Domain, Domain]) -> None:
    assert [text.count("crng reseeded due to virtual machine fork") for text in ask(twins, "dmesg")] == [1, 1]

    numbers = ask(twins, "od", "-An", "-tx1", "-N16", "/dev/urandom")

    assert numbers[0] != numbers[1]


def test_the_time_is_right(twins: tuple[Domain, Domain]) -> None:
    for guest in twins:
        before = time.time()
        inside = float(guest.run(["date", "+%s.%N"]).stdout)
        after = time.time()

        assert before - 1 < inside < after + 1


def test_nics_have_their_names_in_the_order_of_the_xml(twins: tuple[Domain, Domain]) -> None:
    first, second = twins

    assert drivers(first) == {"eth0": "virtio_net", "eth1": "8139cp"}
    assert drivers(second) == {"eth0": "8139cp", "eth1": "virtio_net"}


def test_a_booted_guest_has_the_same_name_and_order(lab: kl.Lab) -> None:
    guest = define(lab, "booted", ["rtl8139", "virtio", "e1000"])

    guest.start(instant=False, progress=Silent())

    try:
        assert ask([guest], "hostname") == ["booted"]
        assert drivers(guest) == {"eth0": "8139cp", "eth1": "virtio_net", "eth2": "e1000"}
    finally:
        guest.destroy()


@pytest.mark.parametrize("machine", MACHINES)
def test_nics_that_libvirt_cannot_plug_in_are_there_in_their_order(lab: kl.Lab, machine: str) -> None:
    group = kl.Multicast()
    nics = (
        kl.InterfaceSpec(source=group, model="rtl8139"),
        kl.InterfaceSpec(network="blue", model="e1000"),
        kl.InterfaceSpec(source=group),
    )
    guest = lab.define(kl.DomainSpec(name=f"sockets-{machine}", interfaces=nics, machine=machine))

    guest.start(progress=Silent())

    try:
        assert "-incoming" in guest.xml()  # it was not booted
        assert drivers(guest) == {"eth0": "8139cp", "eth1": "e1000", "eth2": "virtio_net"}
        # each hears what the other asks: for a DHCP server, for a router
        deadline = time.monotonic() + BOUND_S
        while not all(received(guest, link) for link in ("eth0", "eth2")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        guest.destroy()


def test_names_of_the_world_are_known(twins: tuple[Domain, Domain]) -> None:
    guest = twins[0].wait_until_ready()

    assert " 0% packet loss" in guest.run(["ping", "-c1", "www.example.com"]).stdout


def test_the_server_of_addresses_heard_the_right_names(twins: tuple[Domain, Domain], lab: kl.Lab) -> None:
    for guest in twins:
        guest.wait_until_ready()

    for guest in twins:
        # dnsmasq takes a name away from a guest's first NIC when the second one comes with it, too
        assert host_names(lab, guest) - {""} == {guest.name}


def host_names(lab: kl.Lab, guest: Domain) -> set[str]:
    """Names in the leases of a guest's NICs; a helper of dnsmasq writes them a moment later."""
    macs = {nic.mac for nic in guest.nics()}
    deadline = time.monotonic() + BOUND_S
    while True:
        told = {lease.mac: lease.hostname for lease in lab.network("blue").leases() if lease.mac in macs}
        if set(told) == macs:
            return set(told.values())
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_one_writes_the_other_does_not_read(twins: tuple[Domain, Domain]) -> None:
    twins[0].run(["sh", "-c", "echo mine >/root/note"])

    assert twins[1].run(["cat", "/root/note"], check=False).returncode != 0


def test_a_guest_shuts_down_when_it_is_asked(lab: kl.Lab) -> None:
    guest = define(lab, "asked").start(progress=Silent())

    guest.shutdown(timeout_s=BOUND_S)

    assert guest.state == "shut off"


def test_a_guest_shuts_down_at_its_power_button(lab: kl.Lab) -> None:
    guest = define(lab, "button").start(progress=Silent())

    guest.vir.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

    until_off(guest)
    assert guest.state == "shut off"


def test_a_guest_that_restarts_is_who_it_was(lab: kl.Lab) -> None:
    guest = define(lab, "again", ["rtl8139", "virtio"]).start(progress=Silent())
    try:
        boot = ask([guest], "cat", "/proc/sys/kernel/random/boot_id")

        guest.vir.reboot()

        assert wait_for_another_boot(guest, boot) != boot
        assert ask([guest], "hostname") == ["again"]
        assert drivers(guest) == {"eth0": "8139cp", "eth1": "virtio_net"}
    finally:
        guest.destroy()


def wait_for_another_boot(guest: Domain, old: list[str]) -> list[str]:
    deadline = time.monotonic() + 2 * BOUND_S
    found = old
    while found == old:
        assert time.monotonic() < deadline
        try:
            found = ask([guest], "cat", "/proc/sys/kernel/random/boot_id")
        except KvmlabError:  # it is booting
            time.sleep(0.1)
    return found


def test_a_guest_that_panicked_is_named_with_its_last_words(lab: kl.Lab) -> None:
    guest = define(lab, "panicked").start(progress=Silent())
    try:
        with pytest.raises(GuestError):
            guest.run(["sh", "-c", "echo c >/proc/sysrq-trigger"])

        assert guest.state == "crashed"
        with pytest.raises(GuestError, match="'panicked': is crashed") as caught:
            guest.run(["true"])
        assert "sysrq triggered crash" in caught.value.console_tail.splitlines()[0]
        with pytest.raises(GuestError, match="is crashed"):
            guest.shutdown()
        with pytest.raises(GuestError, match="is crashed"):
            guest.start(progress=Silent())
    finally:
        guest.destroy()


def test_a_panicked_guest_can_be_started_again(lab: kl.Lab) -> None:
    guest = define(lab, "fell").start(progress=Silent())
    with pytest.raises(GuestError):
        guest.run(["sh", "-c", "echo c >/proc/sysrq-trigger"])
    guest.destroy()

    guest.start(progress=Silent())

    assert ask([guest], "hostname") == ["fell"]
    guest.destroy()


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("models", [MODELS[:6], MODELS[6:]], ids=["common", "old"])
def test_every_nic_model_gets_its_driver_and_an_address(
    models: Sequence[str], machine: str, lab: kl.Lab
) -> None:
    has_igb = lab.vir.getVersion() >= IGB_SINCE
    models = [model for model in models if model != "igb" or has_igb]
    guest = define(lab, f"zoo-{machine}-{models[0].replace('_', '-')}", models, machine=machine)

    guest.start(progress=Silent()).wait_until_ready(timeout_s=BOUND_S)

    try:
        nics = guest.nics()
        assert [nic.link for nic in nics] == [f"eth{number}" for number in range(len(models))]
        assert [nic.driver for nic in nics] == [NIC_MODELS[model].driver for model in models]
    finally:
        guest.destroy()


#: Is killed in the middle of a start: at the moment in which the guest's state would be loaded.
KILLED = """\
import os, signal, sys
from kvmlab._progress import Silent
from kvmlab.lab import Lab
from kvmlab.virt import template

template.load = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Lab.attach(sys.argv[1]).domain(sys.argv[2]).start(progress=Silent())
"""


def test_a_killed_start_leaves_a_guest_that_says_so_and_can_be_started(lab: kl.Lab) -> None:
    guest = define(lab, "half", ["virtio"])
    done = subprocess.run([sys.executable, "-c", KILLED, lab.name, guest.name], check=False)
    assert (done.returncode, guest.state) == (-signal.SIGKILL, "paused")

    with pytest.raises(GuestError, match="'half': stands still half-started") as caught:
        guest.run(["true"])
    assert "start() it again" in caught.value.hint

    guest.start(progress=Silent())
    assert ask([guest], "hostname") == ["half"]
    assert "starter" not in guest.xml()
    guest.destroy()


def test_a_guest_that_was_paused_by_hand_is_not_started_over(lab: kl.Lab) -> None:
    guest = define(lab, "paused").start(progress=Silent())
    guest.vir.suspend()

    with pytest.raises(GuestError, match="'paused': is paused"):
        guest.start(progress=Silent())

    guest.vir.resume()
    assert ask([guest], "hostname") == ["paused"]
    guest.destroy()


def test_what_it_boots_must_be_there(lab: kl.Lab, tmp_path: object) -> None:
    guest = define(lab, "missing")
    xml = re.sub("<initrd>.*</initrd>", f"<initrd>{tmp_path}/gone</initrd>", guest.xml())
    lab.vir.defineXML(xml)

    with pytest.raises(GuestError, match=f"what it boots is missing: {tmp_path}/gone"):
        guest.start(progress=Silent())

    assert guest.state == "shut off"
