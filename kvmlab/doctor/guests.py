"""The guest image, and whether guests run on KVM."""

import re
from pathlib import Path

from kvmlab._progress import Progress
from kvmlab.doctor.machine import open_to_all
from kvmlab.doctor.report import Check
from kvmlab.errors import KvmlabError
from kvmlab.image import find_image
from kvmlab.virt.accelerator import Accelerator, accelerator

KVM_WHY = "runs guests on the processor itself; TCG emulates them, slower but the same otherwise"


def checks(progress: Progress) -> list[Check]:
    """Return the checks of the guest image and of KVM, which is tried by booting the image's kernel."""
    try:
        image = find_image()
    except KvmlabError as error:
        absent = Check("guest image", "missing", str(error), "what guests boot", "kvmlab image build")
        return [absent, _without_image()]
    present = Check("guest image", "ok", f"{image.name}, kernel {image.kernel_version}", "what guests boot")
    try:
        return [present, kvm_check(accelerator(image=image, progress=progress), _cpu_flags())]
    except KvmlabError as error:
        return [present, Check("KVM", "warning", f"not tried: {error}", KVM_WHY, error.hint)]


def _without_image() -> Check:
    """KVM may be decided without a boot: by the user, or because there is no device."""
    try:
        return kvm_check(accelerator(), _cpu_flags())
    except KvmlabError:
        fix = "build the guest image, then run `kvmlab doctor` again"
        return Check("KVM", "warning", "not tried: its proof is to boot the guest image", KVM_WHY, fix)


def kvm_check(found: Accelerator, cpu_flags: frozenset[str]) -> Check:
    """Return the check of KVM.

    Parameters
    ----------
    found
        What guests run on.
    cpu_flags
        Flags of the processor, as in ``/proc/cpuinfo``.
    """
    observed = f"guests run on {found.name.upper()}: {found.reason}"
    if found.name == "kvm":
        return Check("KVM", "ok", observed, KVM_WHY)
    return Check("KVM", "warning", observed, KVM_WHY, kvm_fix(found.reason, cpu_flags))


def kvm_fix(reason: str, cpu_flags: frozenset[str]) -> str:
    """Return what gives guests KVM, as far as this machine allows it."""
    if "chosen by" in reason:
        return "unset KVMLAB_ACCELERATOR to let kvmlab try KVM"
    if "ermission denied" in reason:
        return open_to_all("/dev/kvm")
    if "does not exist" not in reason:
        return (
            "if this machine is itself a virtual one, its hypervisor has to offer nested virtualization\n"
            "that works; labs run without it"
        )
    for flag, module in (("vmx", "kvm_intel"), ("svm", "kvm_amd")):
        if flag in cpu_flags:
            return f"sudo modprobe {module}; in a container, start it with --device /dev/kvm"
    return (
        "switch on VT-x or AMD-V in the firmware; if this is a virtual machine,\n"
        "nested virtualization in its hypervisor"
    )


def _cpu_flags() -> frozenset[str]:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()
