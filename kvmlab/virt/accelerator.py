"""Find out what guests run on: KVM, or emulation (TCG).

That ``/dev/kvm`` exists says little. It may not open from inside a lab, QEMU
may fail on a register of the CPU (MSR) that the machine refuses, and with
nested virtualization a guest may simply never run. So the guest image's own
kernel is booted under KVM, and KVM counts when that kernel starts its first
process; the answer is kept until something changes that it depends on.
"""

import contextlib
import fcntl
import json
import os
import platform
import select
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from kvmlab import _paths
from kvmlab._progress import Progress, Silent
from kvmlab._run import LocalRunner, complete_environment, end_group
from kvmlab.errors import ExecutableNotFound, SpecError
from kvmlab.image import find_image

#: Environment variable that overrides the probe: ``kvm``, ``tcg`` or ``auto``.
VARIABLE = "KVMLAB_ACCELERATOR"
CHOICES = ("auto", "kvm", "tcg")
DEVICE = Path("/dev/kvm")
#: What the kernel prints when it starts PID 1 (run_init_process() in Linux' init/main.c).
BOOTED = b"Run /init as init process"
#: How a line begins that says that the namespace around QEMU failed, not KVM.
NAMESPACE_ERRORS = ("unshare: ", "setpriv: ", "newuidmap: ", "newgidmap: ")
#: Seconds without a word from the guest after which KVM counts as hanging.
#: A guest that works speaks all the time, and is done in less than 2 s.
SILENCE_S = 4.0
#: Seconds for the whole boot.
BOOT_BOUND_S = 15.0
#: Seconds after SIGKILL in which the kernel must have ended QEMU.
END_BOUND_S = 5.0


class BootFiles(Protocol):
    """What the probe needs of a guest image."""

    @property
    def kernel(self) -> Path:
        """Kernel that QEMU can boot directly."""
        ...

    @property
    def initrd(self) -> Path:
        """First boot stage, with an ``/init``."""
        ...

    @property
    def digest(self) -> str:
        """Digest of the image's content."""
        ...


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What guests run on.

    Attributes
    ----------
    name
        ``kvm``, or ``tcg`` (QEMU's emulation).
    reason
        How that was found, as a sentence.
    probed
        Whether a boot, now or earlier, decided it.
    cpu_model
        QEMU's ``-cpu`` that a guest booted with under KVM; empty with ``tcg``.
    """

    name: str
    reason: str
    probed: bool
    cpu_model: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One boot under KVM.

    Attributes
    ----------
    cpu_model
        QEMU's ``-cpu``.
    outcome
        ``booted``; ``ended`` when QEMU gave up by itself; ``hung``.
    message
        Last line of QEMU's or the guest's output; for ``hung``, what did not happen.
    """

    cpu_model: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class Machine:
    """How QEMU boots a kernel on one architecture."""

    qemu: str
    machine: str
    console: str
    cpu_models: tuple[str, ...]


#: By the name that uname(2) gives. A further model is tried only when QEMU
#: refuses the one before.
MACHINES = {
    "x86_64": Machine(
        "qemu-system-x86_64", "q35", "console=ttyS0 earlyprintk=ttyS0", ("host", "max", "qemu64")
    ),
    "aarch64": Machine("qemu-system-aarch64", "virt", "console=ttyAMA0 earlycon", ("host", "max")),
}


def accelerator(
    *, image: BootFiles | None = None, choice: str | None = None, progress: Progress | None = None
) -> Accelerator:
    """Return what guests run on here, booting one under KVM if that is not known yet.

    Parameters
    ----------
    image
        Guest image whose kernel is booted; by default the newest one.
    choice
        ``kvm`` or ``tcg`` without asking the machine, or ``auto``; by default
        the environment variable ``KVMLAB_ACCELERATOR``, else ``auto``.
    progress
        Told when a boot begins.

    Raises
    ------
    SpecError
        If the choice is none of the three.
    ExecutableNotFound
        If QEMU is not installed.
    ImageError
        If there is no guest image to boot.
    """
    source = "chosen by argument" if choice else f"chosen by {VARIABLE}"
    wanted = choice or os.environ.get(VARIABLE) or "auto"
    if wanted not in CHOICES:
        raise SpecError(f"accelerator {wanted!r} is unknown", hint=f"use one of {', '.join(CHOICES)}")
    machine = MACHINES.get(platform.machine())
    if wanted != "auto":
        models = machine.cpu_models if machine else ("host",)
        return Accelerator(wanted, source, probed=False, cpu_model=models[0] if wanted == "kvm" else "")
    if machine is None:
        return Accelerator("tcg", f"KVM is not tried on {platform.machine()}", probed=False)
    if not DEVICE.exists():
        return Accelerator("tcg", f"{DEVICE} does not exist", probed=False)
    return _remembered(machine, image or find_image(), progress or Silent())


def _remembered(machine: Machine, image: BootFiles, progress: Progress) -> Accelerator:
    """Return the earlier answer if it still holds, else boot and keep the answer."""
    path = _paths.personal_cache_dir() / "accelerator.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    key = _key(machine, image)
    with _locked(path.with_suffix(".lock")):
        known = _read(path, key)
        if known is not None:
            return known
        progress.step("booting a kernel under KVM to see whether that works")
        attempts = list(_attempts(machine, image))
        found = conclude(attempts)
        if not attempts[-1].message.startswith(NAMESPACE_ERRORS):
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps({"key": key, "answer": asdict(found)}), encoding="utf-8")
            partial.replace(path)
    return found


def _key(machine: Machine, image: BootFiles) -> dict[str, Any]:
    """All that the answer depends on; a reboot makes a new device node, hence a new key."""
    qemu = shutil.which(machine.qemu, path=complete_environment()["PATH"])
    if qemu is None:
        raise ExecutableNotFound(machine.qemu)
    device, program = DEVICE.stat(), Path(qemu).stat()
    return {
        "kernel": platform.release(),
        "device": [device.st_rdev, device.st_mode, device.st_uid, device.st_gid, device.st_ctime_ns],
        "qemu": [qemu, program.st_size, program.st_mtime_ns],
        "image": image.digest,
        "uid": os.geteuid(),
    }


def _read(path: Path, key: dict[str, Any]) -> Accelerator | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Accelerator(**kept["answer"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def conclude(attempts: Sequence[Attempt]) -> Accelerator:
    """Return what follows from the boots that were tried, in order; at least one."""
    last = attempts[-1]
    if last.outcome == "booted":
        reason = f"the guest's kernel booted under KVM with CPU model {last.cpu_model}"
        return Accelerator("kvm", reason, probed=True, cpu_model=last.cpu_model)
    messages = dict.fromkeys(attempt.message for attempt in attempts)
    said = "; ".join(
        f"{message} (CPU model {', '.join(a.cpu_model for a in attempts if a.message == message)})"
        for message in messages
    )
    return Accelerator("tcg", f"a guest does not boot under KVM: {said}", probed=True)


def _attempts(machine: Machine, image: BootFiles) -> Iterator[Attempt]:
    for cpu_model in machine.cpu_models:
        attempt = boot(boot_argv(machine, cpu_model, image), cpu_model)
        yield attempt
        if attempt.outcome != "ended" or attempt.message.startswith(NAMESPACE_ERRORS):
            return
        if "ermission denied" in attempt.message:
            return


def boot_argv(machine: Machine, cpu_model: str, image: BootFiles) -> list[str]:
    """Return the command that boots the image's kernel under KVM as a lab would.

    A lab's QEMU runs in a user namespace without the learner's supplementary
    groups, so membership in the group ``kvm`` does not open the device there.
    ``timeout`` ends QEMU even if this process is killed meanwhile.
    """
    namespace = ["unshare", "--user", "--map-root-user", "--map-auto", "setpriv", "--clear-groups"]
    return [
        *("timeout", "--signal=KILL", f"{BOOT_BOUND_S + END_BOUND_S:g}"),
        *(namespace if os.geteuid() != 0 else []),
        *(machine.qemu, "-accel", "kvm", "-machine", machine.machine, "-cpu", cpu_model, "-m", "256"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd)),
        *("-append", f"{machine.console} panic=-1", "-serial", "stdio"),
    ]


def boot(argv: Sequence[str], cpu_model: str, *, silence_s: float = SILENCE_S) -> Attempt:
    """Run a boot until the guest's kernel starts its first process; QEMU is ended in any case.

    Parameters
    ----------
    argv
        Command whose output is the guest's serial console.
    cpu_model
        Model that it boots with, for the result.
    silence_s
        Seconds without output after which the boot counts as hanging.
    """
    read_end, write_end = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, read_end)
        try:
            with Path(os.devnull).open("rb") as nothing:
                process = LocalRunner().popen(argv, stdin=nothing, stdout=write_end, stderr=write_end)
        finally:
            os.close(write_end)
        try:
            output, ending = _read_console(read_end, silence_s)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            end_group(process)
            ended = _closed(read_end)
    if ending == "hung":
        spoke = any(not line.startswith(b"qemu-system") for line in output.splitlines())
        what = "the guest stopped while booting" if spoke else f"the guest said nothing for {silence_s:g} s"
        stuck = "" if ended else ", and QEMU could not be killed: it is stuck in the kernel"
        return Attempt(cpu_model, ending, what + stuck)
    return Attempt(cpu_model, ending, "" if ending == "booted" else telling_line(output))


def _read_console(read_end: int, silence_s: float) -> tuple[bytes, str]:
    """Read until the guest has booted, QEMU ends, or nothing comes any more."""
    output = b""
    deadline = time.monotonic() + BOOT_BOUND_S
    while BOOTED not in output:
        wait_s = min(silence_s, deadline - time.monotonic())
        if wait_s <= 0 or not select.select([read_end], [], [], wait_s)[0]:
            return output, "hung"
        new = os.read(read_end, 65536)
        if not new:
            return output, "ended"
        output += new
        if _namespace_error(output):  # `unshare` may leave a process that waits for ever
            return output, "ended"
    return output, "booted"


def _namespace_error(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    return next((line for line in lines if line.startswith(NAMESPACE_ERRORS)), "")


def _closed(read_end: int) -> bool:
    """Wait until nobody holds the other end of the console, so that QEMU is gone for sure."""
    deadline = time.monotonic() + END_BOUND_S
    while select.select([read_end], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not os.read(read_end, 65536):
            return True
    return False


def telling_line(output: bytes) -> str:
    """Return the line of QEMU's or the guest's output that says best why it ended."""
    if error := _namespace_error(output):
        return error
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    for word in ("denied", "error", "panic", "failed"):
        for line in lines:
            if word in line:
                return line
    return lines[-1] if lines else "QEMU ended without a message"
