"""How faults are chosen, refused, remembered and taken back."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

import kvmlab as kl
import kvmlab.fault
from kvmlab._progress import Silent
from kvmlab.commands import Command
from kvmlab.errors import CommandError, LabError, MeasurementError, SpecError
from kvmlab.evidence.scene import read_scene
from kvmlab.fault import DIFFICULTIES, FAULTS, Broken, broken_in, put
from kvmlab.fault.broken import make

BLUE = kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    """One guest behind NAT; tests leave it as it is."""
    with kl.Lab.start("faulty", progress=Silent()) as lab:
        lab.define(BLUE).start()
        lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network="blue"),)))
        kl.start_all(lab.domains(), progress=Silent())
        yield lab


@pytest.fixture(scope="module")
def empty() -> Iterator[kl.Lab]:
    """A lab without guests."""
    with kl.Lab.start("unfaulty", progress=Silent()) as lab:
        yield lab


def test_every_class_of_difficulty_has_several_faults() -> None:
    counts = {d: sum(fault.difficulty == d for fault in FAULTS.values()) for d in DIFFICULTIES}

    assert min(counts.values()) >= 5, counts


def test_all_faults_are_listed_with_what_they_need() -> None:
    rows = kl.list_faults()

    assert [row.name for row in rows] == sorted(FAULTS)
    assert all(row.about.endswith(".") and row.needs for row in rows)


@pytest.mark.vm
def test_those_that_a_lab_can_have_are_listed(lab: kl.Lab) -> None:
    names = {row.name for row in kl.list_faults(lab)}

    assert {"ip-forward-off", "dnsmasq-dead", "uplink-down"} <= names
    assert not {"duplicate-mac", "br-netfilter", "macvtap-host"} & names


@pytest.mark.vm
def test_a_surprise_tells_the_complaint_and_not_the_cause(lab: kl.Lab) -> None:
    broken = kl.break_lab(lab, difficulty="easy", seed=4)

    text, revealed = repr(broken), repr(broken.reveal())
    broken.mend()

    assert broken.complaint in text
    assert broken.fault.name not in text
    assert broken.fault.difficulty == "easy"
    assert revealed.startswith(f"{broken.fault.name}: {broken.fault.about}")


@pytest.mark.vm
def test_a_lab_breaks_itself(lab: kl.Lab) -> None:
    broken = lab.break_("dnsmasq-dead", seed=3)

    (found,) = broken_in(lab)
    broken.mend()

    assert (found.fault.name, found.target) == ("dnsmasq-dead", broken.target)


@pytest.mark.vm
def test_the_same_seed_chooses_the_same_fault(lab: kl.Lab) -> None:
    scene = read_scene(lab)
    possible = [fault for fault in FAULTS.values() if fault.targets(scene)]
    expected = random.Random("student-7").choice(possible)

    found = []
    for _ in range(2):
        broken = kl.break_lab(lab, seed="student-7")
        found.append((broken.fault.name, dict(broken.target)))
        broken.mend()

    assert found[0] == found[1]
    assert found[0][0] == expected.name


@pytest.mark.vm
def test_without_a_seed_a_surprise_is_one(lab: kl.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvmlab.fault, "put", lambda _lab, _scene, fault, _target: fault.name)

    assert len({str(kl.break_lab(lab)) for _ in range(20)}) > 1
    assert len({str(kl.break_lab(lab, seed=1)) for _ in range(3)}) == 1


@pytest.mark.vm
def test_what_an_earlier_kernel_broke_is_mended(lab: kl.Lab) -> None:
    kl.break_lab(lab, "ip-forward-off")

    again = kl.Lab.attach(lab.name)  # nothing is known of it but its name
    (broken,) = broken_in(again)
    assert broken.is_there()
    kl.mend_lab(again)

    assert broken_in(again) == []
    assert not broken.is_there()


@pytest.mark.vm
def test_of_several_faults_the_newest_is_mended_first(lab: kl.Lab) -> None:
    kl.break_lab(lab, "uplink-down")
    kl.break_lab(lab, "port-missing")
    kl.break_lab(lab, "network-inactive")

    names = [broken.fault.name for broken in broken_in(lab)]
    kl.mend_lab(lab)

    assert names == ["uplink-down", "port-missing", "network-inactive"]
    assert broken_in(lab) == []
    assert kl.diagnose(lab).causes == ()


@pytest.mark.vm
def test_a_fault_ends_with_the_guest_that_it_befell(lab: kl.Lab) -> None:
    guest = lab.define(kl.DomainSpec(name="vm2", interfaces=(kl.InterfaceSpec(network="blue"),)))
    kl.start_all([guest], progress=Silent())
    scene = read_scene(lab)
    (target,) = [t for t in FAULTS["dns-wrong"].targets(scene) if t["domain"] == "vm2"]
    broken = put(lab, scene, FAULTS["dns-wrong"], target)

    guest.destroy()
    with pytest.raises(MeasurementError, match="vm2 cannot try it"):
        broken.shows()
    guest.undefine()
    broken.mend()

    assert broken_in(lab) == []


@pytest.mark.host
def test_a_lab_that_is_gone_has_no_faults() -> None:
    with pytest.raises(LabError, match="lab 'nowhere' is not running"):
        kl.Lab.attach("nowhere").break_("ip-forward-off")


@pytest.mark.vm
def test_a_learner_may_have_mended_it_before(lab: kl.Lab) -> None:
    broken = kl.break_lab(lab, "port-missing")
    tap = broken.target["tap"]

    lab.host.run(["ip", "link", "set", "dev", tap, "master", "virbr-blue"])
    is_there = broken.is_there()
    broken.mend()

    assert not is_there
    assert not broken.shows()


@pytest.mark.vm
def test_a_fault_that_is_in_place_is_refused(lab: kl.Lab) -> None:
    broken = kl.break_lab(lab, "ip-forward-off")

    with pytest.raises(SpecError, match="ip-forward-off is in place in lab 'faulty' already"):
        kl.break_lab(lab, "ip-forward-off")

    broken.mend()


def steady(lab: kl.Lab) -> tuple[object, ...]:
    """Return what does not change by itself in a lab without guests."""
    scene = read_scene(lab)
    links = [(name, x.name, x.master, x.is_up, x.mtu) for name, s in scene.states.items() for x in s.links]
    return scene.settings, scene.rules, scene.daemons, links


@pytest.mark.host
@pytest.mark.parametrize(
    ("name", "difficulty", "message"),
    [
        ("gremlins", None, "fault 'gremlins' is unknown"),
        (None, "cruel", "difficulty 'cruel' is unknown"),
        ("duplicate-mac", None, "nothing in lab 'unfaulty' can have duplicate-mac"),
        (None, "hard", "nothing in lab 'unfaulty' can have a fault that is hard"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_before_anything_is_changed(
    empty: kl.Lab, name: str | None, difficulty: None, message: str
) -> None:
    before = steady(empty)

    with pytest.raises(SpecError, match=message):
        kl.break_lab(empty, name, difficulty=difficulty)

    assert broken_in(empty) == []
    assert steady(empty) == before


def half_done(lab: kl.Lab) -> Broken:
    """Return a fault whose second command fails."""
    scene = read_scene(lab)
    fault = FAULTS["ip-forward-off"]
    target = {"domain": "vm1", "mac": scene.running[0].mac, "tap": scene.running[0].tap}
    recipe = fault.recipe(scene, target)
    fails = Command(("ip", "link", "set", "dev", "nothing", "down"), "")
    return Broken(lab, fault, target, replace(recipe, breaks=(*recipe.breaks, fails)), {})


@pytest.mark.vm
def test_a_fault_that_fails_half_way_is_taken_back(lab: kl.Lab) -> None:
    broken = half_done(lab)

    with pytest.raises(CommandError, match="nothing"):
        make(broken)

    assert not broken.is_there()
    assert broken_in(lab) == []


@pytest.mark.vm
def test_that_a_fault_is_not_mended_is_said(lab: kl.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = kl.break_lab(lab, "ip-forward-off")
    monkeypatch.setattr("kvmlab.fault.broken.MENDED_BOUND_S", 0.0)
    without = replace(broken, recipe=replace(broken.recipe, mends=()))

    with pytest.raises(LabError, match="ip-forward-off in lab 'faulty' is not mended: it is still there"):
        without.mend()

    monkeypatch.undo()
    broken.mend()


@pytest.mark.vm
def test_what_is_kept_of_a_fault_ends_with_its_lab(empty: kl.Lab) -> None:
    folder = empty.path / "faults"
    folder.mkdir()
    (folder / "left.json").write_text(json.dumps({}))

    empty.stop()

    assert not empty.path.exists()
