"""KVM counts when a kernel booted under it, and nothing of the attempt is left."""

import json
import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kvmlab import _paths
from kvmlab.errors import ExecutableNotFound, SpecError
from kvmlab.virt import accelerator as module
from kvmlab.virt.accelerator import (
    BOOTED,
    MACHINES,
    Accelerator,
    Attempt,
    Machine,
    accelerator,
    boot,
    boot_argv,
    conclude,
    telling_line,
)

# QEMU 7.2 with -cpu host on a machine whose outer hypervisor refuses a register.
MSR = b"""\
qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]
qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: ../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.
"""  # noqa: E501
DENIED = b"""\
Could not access KVM kernel module: Permission denied
qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied
"""


@dataclass(frozen=True)
class Files:
    kernel: Path
    initrd: Path
    digest: str


# ---------------------------------------------------------------- what follows from attempts


def test_a_kernel_that_booted_means_kvm_with_its_cpu_model() -> None:
    found = conclude([Attempt("host", "ended", "no such register"), Attempt("max", "booted", "")])

    assert (found.name, found.cpu_model, found.probed) == ("kvm", "max", True)


def test_a_hanging_kernel_means_tcg_and_the_reason_names_every_attempt() -> None:
    attempts = [
        Attempt("host", "ended", "no MSR"),
        Attempt("max", "ended", "no MSR"),
        Attempt("qemu64", "hung", "silence"),
    ]

    found = conclude(attempts)

    assert found.name == "tcg"
    assert found.reason.endswith("no MSR (CPU model host, max); silence (CPU model qemu64)")


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (MSR, "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69"),
        (DENIED, "Could not access KVM kernel module: Permission denied"),
        (b"", "QEMU ended without a message"),
    ],
)
def test_the_line_that_tells_why_is_found_in_recorded_output(output: bytes, line: str) -> None:
    assert telling_line(output) == line


# ---------------------------------------------------------------- choices


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_an_argument_overrides_the_probe_and_the_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_ACCELERATOR", "auto")

    found = accelerator(choice=name)

    assert (found.name, found.probed, found.reason) == (name, False, "chosen by argument")


def test_the_variable_overrides_the_probe_and_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_ACCELERATOR", "tcg")

    assert accelerator() == Accelerator("tcg", "chosen by KVMLAB_ACCELERATOR", probed=False)


def test_an_unknown_choice_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_ACCELERATOR", "xen")

    with pytest.raises(SpecError, match="'xen'") as caught:
        accelerator()

    assert "auto, kvm, tcg" in caught.value.hint


def test_without_a_device_nothing_is_booted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KVMLAB_ACCELERATOR", raising=False)
    monkeypatch.setattr(module, "DEVICE", tmp_path / "kvm")

    assert accelerator() == Accelerator("tcg", f"{tmp_path}/kvm does not exist", probed=False)


# ---------------------------------------------------------------- one boot


def sleepers(seconds: str) -> list[Path]:
    """Processes that run ``sleep SECONDS``, whosever they are."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", seconds.encode()]:
            found.append(process)
    return found


def test_a_guest_that_starts_its_first_process_has_booted_and_is_ended() -> None:
    seconds = f"60.{os.getpid()}1"

    found = boot(["sh", "-c", f"echo '[0.9] {BOOTED.decode()}'; sleep {seconds}; true"], "host")

    assert found == Attempt("host", "booted", "")
    assert sleepers(seconds) == []


def test_a_silent_guest_hangs_and_is_killed_though_it_ignores_signals() -> None:
    seconds = f"60.{os.getpid()}2"
    started = time.monotonic()

    found = boot(["sh", "-c", f"trap '' TERM INT HUP; sleep {seconds}; true"], "host", silence_s=0.2)

    assert found == Attempt("host", "hung", "the guest said nothing for 0.2 s")
    assert time.monotonic() - started < 2
    assert sleepers(seconds) == []


def test_a_guest_that_falls_silent_while_booting_hangs_too() -> None:
    found = boot(["sh", "-c", "echo Linux version 6.1; sleep 60; true"], "host", silence_s=0.2)

    assert found.outcome == "hung"
    assert "stopped while booting" in found.message


def test_warnings_of_qemu_are_not_words_of_the_guest() -> None:
    found = boot(["sh", "-c", "echo qemu-system-x86_64: warning: x; sleep 60; true"], "host", silence_s=0.2)

    assert found.message == "the guest said nothing for 0.2 s"


def test_a_qemu_that_gives_up_says_why() -> None:
    found = boot(["sh", "-c", "echo 'qemu: error: no MSR' >&2; exit 1"], "host")

    assert found == Attempt("host", "ended", "qemu: error: no MSR")


# ---------------------------------------------------------------- the answer is kept


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of QEMU: it notes its arguments, and boots with every model but ``host``."""
    qemu = tmp_path / "qemu"
    qemu.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n'
        f"case \"$*\" in *'-cpu host'*) echo 'qemu: error: no MSR'; exit 1 ;; esac\n"
        f"echo '{BOOTED.decode()}'\n"
    )
    qemu.chmod(0o755)
    (tmp_path / "kvm").touch()
    (tmp_path / "calls").touch()
    monkeypatch.delenv("KVMLAB_ACCELERATOR", raising=False)
    monkeypatch.setenv("KVMLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "DEVICE", tmp_path / "kvm")
    machine = Machine(str(qemu), "q35", "console=ttyS0", ("host", "max", "qemu64"))
    monkeypatch.setitem(MACHINES, platform.machine(), machine)
    return tmp_path


IMAGE = Files(Path("/vmlinux"), Path("/initrd"), "first")


def calls(fake: Path) -> int:
    return len((fake / "calls").read_text().splitlines())


@pytest.mark.host
def test_the_next_cpu_model_is_tried_when_qemu_refuses_one(fake: Path) -> None:
    found = accelerator(image=IMAGE)

    assert (found.name, found.cpu_model) == ("kvm", "max")
    assert calls(fake) == 2


@pytest.mark.host
def test_the_answer_is_kept(fake: Path) -> None:
    first = accelerator(image=IMAGE)

    second = accelerator(image=IMAGE)

    assert second == first
    assert calls(fake) == 2


@pytest.mark.host
@pytest.mark.parametrize("change", ["image", "device", "qemu"])
def test_it_is_asked_again_when_something_changed_that_it_depends_on(fake: Path, change: str) -> None:
    accelerator(image=IMAGE)
    image = replace(IMAGE, digest="second") if change == "image" else IMAGE
    if change == "device":
        (fake / "kvm").chmod(0o600)
    if change == "qemu":
        os.utime(fake / "qemu", (0, 0))

    accelerator(image=image)

    assert calls(fake) == 4


@pytest.mark.host
def test_two_users_of_one_cache_do_not_take_each_others_answer_away(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("ada", "grace", "ada", "grace"):
        folder = _paths.cache_dir() / user
        monkeypatch.setattr(_paths, "personal_cache_dir", lambda folder=folder: folder)
        accelerator(image=IMAGE)

    assert calls(fake) == 4  # two boots for each of them


@pytest.mark.host
def test_a_damaged_answer_is_asked_again(fake: Path) -> None:
    accelerator(image=IMAGE)
    path = _paths.personal_cache_dir() / "accelerator.json"
    path.write_text(path.read_text()[:40])

    found = accelerator(image=IMAGE)

    assert found.name == "kvm"
    assert json.loads(path.read_text())["answer"]["name"] == "kvm"


def test_without_qemu_the_error_names_the_program(fake: Path) -> None:
    (fake / "qemu").unlink()

    with pytest.raises(ExecutableNotFound, match="qemu"):
        accelerator(image=IMAGE)


@pytest.mark.host
def test_a_refused_namespace_says_nothing_about_kvm_and_is_not_kept(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As util-linux 2.38 does: it ends with a message, and leaves a child that holds the output open.
    line = ["sh", "-c", "sleep 60 & echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1"]
    monkeypatch.setattr(module, "boot_argv", lambda *_arguments: line)
    started = time.monotonic()

    found = accelerator(image=IMAGE)

    assert time.monotonic() - started < 2
    assert found.name == "tcg"
    assert "unshare failed" in found.reason
    assert not (_paths.personal_cache_dir() / "accelerator.json").exists()


# ---------------------------------------------------------------- the real thing


@pytest.mark.vm
def test_the_guest_images_kernel_comes_as_far_as_the_probe_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under emulation, where it must work: else KVM would never count as working."""
    from kvmlab.image import find_image

    for bound in ("SILENCE_S", "BOOT_BOUND_S"):  # emulation on a busy machine is slower than KVM
        monkeypatch.setattr(module, bound, 120.0)
    machine = MACHINES[platform.machine()]
    argv = ["tcg" if word == "kvm" else word for word in boot_argv(machine, "max", find_image())]

    assert boot(argv, "max") == Attempt("max", "booted", "")


@pytest.mark.vm
def test_the_probe_leaves_no_qemu_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmlab.image import find_image

    monkeypatch.delenv("KVMLAB_ACCELERATOR", raising=False)
    image = find_image()
    monkeypatch.setattr(module._paths, "cache_dir", lambda: tmp_path)

    found = accelerator(image=image)

    assert found.name in ("kvm", "tcg")
    assert found.reason
    assert probes_of(image.kernel) == []


def probes_of(kernel: Path) -> list[str]:
    """Processes that boot this kernel under KVM."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-accel" in words and b"kvm" in words and os.fsencode(kernel) in words:
            found.append(process.name)
    return found
