"""How a domain is doing, and why its guest does not answer."""

import time
from pathlib import Path
from typing import Any

import libvirt

from kvmlab.errors import GuestError, Timeout
from kvmlab.virt import domain_xml, unfinished

#: States of a domain in the words of ``virsh domstate``.
STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: "no state",
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "idle",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "in shutdown",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "pmsuspended",
}
_HINTS = {
    "crashed": "its kernel panicked, and it stands still to be looked at: destroy() it, then start it again",
    "shut off": "start it",
    "paused": "`virsh resume` lets it run on",
}
#: How the kernel begins its last words.
_PANIC = "Kernel panic"
#: Lines of a console that an error shows.
TAIL_LINES = 12


def state(domain: Any) -> str:
    """Return the state of a ``virDomain`` in libvirt's words.

    Raises
    ------
    libvirt.libvirtError
        If libvirt does not tell.
    """
    return STATES.get(domain.state()[0], "unknown")


def wait_until_off(domain: Any, timeout_s: float) -> None:
    """Wait until a guest that was asked to shut down is off.

    Raises
    ------
    Timeout
        If it still runs after ``timeout_s`` seconds.
    libvirt.libvirtError
        If libvirt does not tell.
    """
    deadline = time.monotonic() + timeout_s
    while domain.isActive():
        if time.monotonic() > deadline:
            raise Timeout(
                f"guest {domain.name()!r} did not shut down",
                after_s=timeout_s,
                hint="destroy() pulls the plug",
            )
        time.sleep(0.05)


def trouble(domain: Any) -> GuestError | None:
    """Return why a guest cannot answer, with the end of its console; None if it runs.

    Raises
    ------
    libvirt.libvirtError
        If libvirt does not tell.
    """
    found = state(domain)
    if found in ("running", "idle"):
        return None
    if found == "paused" and unfinished.is_abandoned(domain.XMLDesc()):
        gone = "stands still half-started: the process that started it is gone"
        return GuestError(domain.name(), gone, hint="start() it again")
    tail = console_tail(domain.XMLDesc()) if found != "paused" else ""
    what = "is not running" if found == "shut off" else f"is {found}"
    return GuestError(domain.name(), what, console_tail=tail, hint=_HINTS.get(found, ""))


def console_tail(xml: str, *, lines: int = TAIL_LINES) -> str:
    """Return the last lines that a domain's serial console printed; empty without a log.

    Of a kernel that panicked it is the lines from there on.
    """
    log = domain_xml.facts(xml).console_log
    try:
        text = Path(log).read_text(encoding="utf-8", errors="replace") if log else ""
    except OSError:  # not there yet, or not for us to read
        return ""
    return last_words(text, lines=lines)


def last_words(text: str, *, lines: int) -> str:
    r"""Return the last lines of a console, or the first ones of a panic.

    Examples
    --------
    >>> last_words("a\nb\nc\n", lines=2)
    'b\nc'
    >>> last_words("a\n[1.0] Kernel panic - not syncing\nb\nc\nd\n", lines=2)
    '[1.0] Kernel panic - not syncing\nb'
    """
    found = text.splitlines()
    panics = [number for number, line in enumerate(found) if _PANIC in line]
    if panics:
        return "\n".join(found[panics[-1] :][:lines])
    return "\n".join(found[-lines:])
