"""What checks do where something is missing, silent or wrong: never a pass."""

import contextlib
from collections.abc import Callable

import pytest

import kvmlab as kl
from kvmlab import check
from kvmlab._progress import Silent
from kvmlab.check import CheckResult, Outcome, Report
from kvmlab.errors import GuestError, SpecError

Call = Callable[[kl.Lab], CheckResult]

PASSED = CheckResult("vm1 reaches pc", Outcome.PASSED, "reaches", "reaches", "")
FAILED = CheckResult("vm2 reaches pc", Outcome.FAILED, "reaches", "blocked", "look")
ERROR = CheckResult("vm3 reaches pc", Outcome.ERROR, "reaches", "it is silent", "look")


def test_a_report_passes_if_all_its_checks_passed() -> None:
    assert Report((PASSED, PASSED)).passed


@pytest.mark.parametrize("results", [(), (PASSED, FAILED), (PASSED, ERROR)])
def test_a_report_does_not_pass_otherwise(results: tuple[CheckResult, ...]) -> None:
    assert not Report(results).passed


def test_a_report_counts_what_could_not_be_made() -> None:
    text = repr(Report((PASSED, FAILED, ERROR)))

    assert "vm3 reaches pc  error" in text
    assert text.endswith("1 of 3 passed; 1 could not be made")


@pytest.mark.vm
@pytest.mark.parametrize(
    ("call", "observed"),
    [
        (lambda lab: check.has_address(lab, "nobody", "192.168.50.0/24"), "there is no domain 'nobody'"),
        (lambda lab: check.has_address(lab, "off", "192.168.50.0/24"), "domain 'off' is shut off"),
        (lambda lab: check.reaches(lab, "off", "pc"), "domain 'off' is shut off"),
        (lambda lab: check.network_is_active(lab, "red", forward=None), "there is no libvirt network 'red'"),
        (lambda lab: check.host_has_address(lab, "br9", "10.0.0.1/8"), "there is no link 'br9' on host"),
        (lambda lab: check.is_port(lab, "vm1", "enp1s0"), "enp1s0 is no bridge"),
    ],
)
def test_what_is_known_to_be_missing_fails(lab: kl.Lab, call: Call, observed: str) -> None:
    found = call(lab)

    assert (found.outcome, found.observed) == (Outcome.FAILED, observed)


@pytest.mark.vm
@pytest.mark.parametrize(
    ("call", "observed"),
    [
        (lambda lab: check.is_blocked(lab, "off", "pc", control="host"), "it cannot be tried: domain 'off'"),
        (lambda lab: check.is_blocked(lab, "vm1", "off", control="host"), "it cannot be tried: domain 'off'"),
        (
            lambda lab: check.is_blocked(lab, "pc", "vm1", control="192.168.1.77"),
            "pc does not even reach 192.168.1.77",
        ),
        (
            lambda lab: check.spoofing_is_stopped(lab, "vm1", "192.168.50.77"),
            "it cannot be tried: 192.168.50.77 does not even answer",
        ),
        (lambda lab: check.is_faster(lab, "off", "vm1", "pc"), "it cannot be measured: domain 'off'"),
    ],
)
def test_that_nothing_gets_through_proves_nothing_if_nothing_could_be_sent(
    lab: kl.Lab, call: Call, observed: str
) -> None:
    found = call(lab)

    assert found.outcome is Outcome.ERROR, found
    assert observed in found.observed


@pytest.mark.vm
def test_a_guest_that_does_not_answer_is_an_error(lab: kl.Lab) -> None:
    guest = lab.define(kl.DomainSpec(name="mute", interfaces=(kl.InterfaceSpec(network="blue"),)))
    guest.start(progress=Silent())
    with contextlib.suppress(GuestError):  # its last words are not heard any more
        guest.run(["sh", "-c", "chmod -x /usr/sbin/qemu-ga; pkill qemu-ga"])

    results = [
        check.has_address(lab, "mute", "192.168.50.0/24"),
        check.is_blocked(lab, "mute", "pc", control="host"),
    ]

    guest.destroy()
    guest.undefine()
    assert [result.outcome for result in results] == [Outcome.ERROR, Outcome.ERROR]
    assert "guest 'mute'" in results[0].observed


@pytest.mark.host
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lab: check.has_address(lab, "vm1", "192.168.50.1/24"), "is no IPv4 subnet"),
        (lambda lab: check.forwards(lab, host="moon"), "a lab has no host 'moon'"),
        (lambda lab: check.has_model(lab, "vm1", "ne2000"), "NIC model 'ne2000' is unknown"),
        (lambda lab: check.carries(lab, "vm1", "pc", 20), "size_bytes is 20"),
        (lambda lab: check.addresses_are_unique(lab, "vm1"), "one guest alone"),
        (lambda lab: check.throughput_is_between(lab, "vm1", "pc", low_mbit_s=2, high_mbit_s=1), "nothing"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(gone: kl.Lab, call: Call, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        call(gone)
