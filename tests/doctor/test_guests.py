"""Why guests run on emulation, and how to get KVM where the machine can have it."""

import pytest

from kvmlab.doctor.guests import kvm_check
from kvmlab.virt.accelerator import Accelerator


@pytest.mark.parametrize(
    ("reason", "flags", "fix"),
    [
        ("chosen by KVMLAB_ACCELERATOR", frozenset(), "unset KVMLAB_ACCELERATOR"),
        ("Could not access KVM kernel module: Permission denied", frozenset(), "sudo chmod 0666 /dev/kvm"),
        ("/dev/kvm does not exist", frozenset({"vmx"}), "sudo modprobe kvm_intel"),
        ("/dev/kvm does not exist", frozenset({"svm"}), "sudo modprobe kvm_amd"),
        ("/dev/kvm does not exist", frozenset({"sse"}), "firmware"),
        ("the guest said nothing for 4 s (CPU model qemu64)", frozenset({"vmx"}), "nested virtualization"),
    ],
)
def test_emulation_is_a_limitation_with_its_reason_and_remedy(
    reason: str, flags: frozenset[str], fix: str
) -> None:
    found = kvm_check(Accelerator("tcg", reason, probed=True), flags)

    assert found.outcome == "warning"
    assert reason in found.observed
    assert fix in found.fix


def test_kvm_that_booted_is_ok() -> None:
    found = kvm_check(Accelerator("kvm", "it booted", probed=True, cpu_model="host"), frozenset())

    assert (found.outcome, found.fix) == ("ok", "")
