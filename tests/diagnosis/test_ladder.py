"""The ladder to walk by hand: every command runs; and what a diagnosis says beyond the known faults."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import Runner
from kvmlab.diagnosis import CAUSES
from kvmlab.diagnosis.rungs import RUNGS
from kvmlab.errors import GuestError, LabError, SpecError
from kvmlab.host import world
from tests.diagnosis.conftest import Labs
from tests.diagnosis.labs import KINDS

pytestmark = pytest.mark.vm


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_of_the_ladder_runs(labs: Labs, kind: str) -> None:
    lab = labs[kind]

    commands = [command for rung in kl.ladder(lab, "vm1").rungs for command in rung.commands]

    with ThreadPoolExecutor(max_workers=4) as pool:
        done = list(pool.map(lambda command: command.run(runner(lab, command.where)), commands))
    assert {one.returncode for one in done} == {0}


def runner(lab: kl.Lab, where: str) -> Runner:
    host: Runner = getattr(lab, where) if where in world.HOSTS else lab.domain(where)
    return host


def test_the_ladder_of_a_nat_guest_has_every_rung(labs: Labs) -> None:
    ladder = kl.ladder(labs["nat"], "vm1")

    assert [rung.title for rung in ladder.rungs] == [f"vm1, {rung.name}: {rung.question}" for rung in RUNGS]
    assert "virsh domiflist vm1" in repr(ladder)
    assert "(on vm1)\nlspci -nnk" in repr(ladder)
    assert ladder._repr_markdown_().count("```bash") == len(RUNGS)


def test_a_ladder_of_nobody_is_refused(labs: Labs) -> None:
    with pytest.raises(SpecError, match="no domain 'nobody' with a NIC runs"):
        kl.ladder(labs["nat"], "nobody")


def test_a_rule_that_nobody_foresaw_is_named(labs: Labs) -> None:
    lab = labs["nat"]
    rules = (
        "table ip odd {\n chain forward {\n type filter hook forward priority -5;\n"
        ' iifname "virbr-lawn" drop\n }\n}\n'
    )
    lab.host.run(["nft", "-f", "-"], stdin=rules)
    try:
        found = kl.diagnose(lab, "vm3")
    finally:
        lab.host.run(["nft", "delete", "table", "ip", "odd"])

    assert found.causes == ("rule-drops",), found.steps
    assert "A rule dropped it: ip odd forward" in found.findings[0].evidence


def test_that_the_router_does_not_know_the_subnet_is_named(labs: Labs) -> None:
    lab = labs["nat"]
    way = ["192.168.70.0/24", "via", "192.168.1.10"]
    lab.router.run(["ip", "route", "delete", *way])
    try:
        found = kl.diagnose(lab, "vm3")
    finally:
        lab.router.run(["ip", "route", "add", *way])

    assert found.causes == ("route-back-missing",)
    assert found.findings[0].where == "192.168.70.0/24"
    assert [step.outcome for step in found.of("vm3")][-2:] == ["good", "wrong"]


def test_rules_that_nothing_jumps_to_translate_nothing(labs: Labs) -> None:
    lab = labs["nat"]
    jump = ["POSTROUTING", "--jump", "LIBVIRT_PRT"]
    lab.host.run(["iptables", "--table", "nat", "--delete", *jump])
    try:
        found = kl.diagnose(lab, "vm1")
    finally:
        lab.host.run(["iptables", "--table", "nat", "--append", *jump])

    assert found.causes == ("rules-flushed",)


def test_a_guest_that_does_not_answer_is_said_to_be_silent(labs: Labs) -> None:
    lab = labs["nat"]
    guest = lab.define(kl.DomainSpec(name="mute", interfaces=(kl.InterfaceSpec(network="lawn"),)))
    guest.start(progress=Silent())
    with contextlib.suppress(GuestError):  # its last words are not heard any more
        guest.run(["sh", "-c", "chmod -x /usr/sbin/qemu-ga; pkill qemu-ga"])
    try:
        found = kl.diagnose(lab, "mute")
    finally:
        guest.destroy()
        guest.undefine()

    assert found.causes == ("guest-silent",)
    assert "guest 'mute'" in found.findings[0].evidence


def test_that_a_guest_has_no_address_is_named_once_it_does_not_just_ask_for_one(labs: Labs) -> None:
    lab = labs["nat"]
    vm3 = lab.domain("vm3")
    vm3.run(["pkill", "-STOP", "dhcpcd"])
    vm3.run(["ip", "address", "flush", "dev", "eth0"])
    try:
        stopped = kl.diagnose(lab, "vm3").causes
    finally:
        vm3.run(["pkill", "-CONT", "dhcpcd"])
    vm3.wait_until_ready()

    assert stopped == ("no-address",)
    assert kl.diagnose(lab, "vm3").causes == ()


def test_a_diagnosis_of_nobody_is_refused(labs: Labs) -> None:
    with pytest.raises(SpecError, match="no domain 'nobody' with a NIC runs"):
        kl.diagnose(labs["nat"], "nobody")


def test_a_lab_that_is_gone_is_an_error() -> None:
    with pytest.raises(LabError, match="lab 'nowhere' is not running"):
        kl.diagnose(kl.Lab.attach("nowhere"))


def test_every_cause_has_a_sentence_and_a_remedy() -> None:
    assert all(cause.about.endswith(".") and cause.remedy for cause in CAUSES.values())
