"""The machine that figures are of."""

import os
import platform
from pathlib import Path

from kvmlab import image
from kvmlab._run import LocalRunner
from kvmlab.virt.accelerator import accelerator


def host_facts() -> dict[str, str | int | float]:
    """Return what figures depend on: the machine, its programs, its load at the start."""
    found = accelerator()
    return {
        "accelerator": found.name,
        "accelerator_reason": found.reason,
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "qemu": _first_line(f"qemu-system-{platform.machine()}", "--version"),
        "libvirt": _first_line("libvirtd", "--version"),
        "guest_kernel": image.find_image().kernel_version,
        "python": platform.python_version(),
    }


def _first_line(*argv: str) -> str:
    return LocalRunner().run(argv).stdout.partition("\n")[0]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
