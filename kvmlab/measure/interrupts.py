"""Interrupts of a machine, from ``/proc/interrupts`` (proc(5))."""

import re

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError

_LINE = re.compile(r"^\s*(?P<number>[A-Z0-9]+):\s+(?P<rest>\d.*)$")


def read_interrupts(runner: Runner) -> dict[str, int]:
    """Return how often each interrupt came since the start, on all CPUs together.

    Parameters
    ----------
    runner
        Whose interrupts: a guest, or a host. Those of a lab's hosts are this machine's.

    Raises
    ------
    MeasurementError
        If they cannot be read.

    Notes
    -----
    Same as ``cat /proc/interrupts``.
    """
    return parse_interrupts(runner.run(["cat", "/proc/interrupts"]).stdout)


def parse_interrupts(text: str) -> dict[str, int]:
    """Read ``/proc/interrupts``.

    Returns
    -------
    dict
        Counts by number and name, such as ``31 virtio3-input.0`` or ``LOC Local timer interrupts``.

    Raises
    ------
    MeasurementError
        If the text is not of that form.
    """
    head, _, body = text.partition("\n")
    cpus = head.split()
    if not cpus or not all(word.startswith("CPU") for word in cpus):
        raise MeasurementError("/proc/interrupts does not begin with its CPUs", output=text)
    found = {}
    for match in filter(None, map(_LINE.match, body.splitlines())):
        words = match["rest"].split()
        counts = [int(word) for word in words[: len(cpus)] if word.isdigit()]
        name = " ".join([match["number"], *_name(words[len(counts) :], match["number"])])
        found[name] = sum(counts)
    return found


def _name(words: list[str], number: str) -> list[str]:
    """Return what the interrupt is for: of a device without controller, line and trigger."""
    return words[2:] if number.isdigit() else words
