"""Sizes of frames: what links are set to, and what gets through."""

import re

from kvmlab.check.judgement import Missing, Seen, ask_guest, find_address, find_runner, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import MeasurementError
from kvmlab.lab import Lab
from kvmlab.measure.facts import check_range

#: Headers of IPv4 (RFC 791) and of an echo request (RFC 792) in bytes.
_HEADERS = 28
_LOST = re.compile(r"\b100% packet loss\b")
_ANSWERED = re.compile(r"[1-9]\d* received")


def has_mtu(lab: Lab, domain: str, mtu: int) -> CheckResult:
    """Check the MTU of a guest's links, as the guest itself tells it."""

    def look() -> Seen:
        links = ask_guest(lab, domain).links
        if not links:
            raise Missing("the guest has no link")
        return Seen(all(link.mtu == mtu for link in links), ", ".join(f"{x.name}: {x.mtu}" for x in links))

    return judge(
        f"the MTU of {domain} is {mtu}",
        look,
        expected=f"{mtu} bytes",
        hint="in the guest: `ip link`; libvirt's <mtu size=…/> sets that of bridge and tap",
    )


def carries(lab: Lab, source: str, target: str, size_bytes: int) -> CheckResult:
    """Check that packets of a size get through whole, and their answers back.

    Parameters
    ----------
    lab
        A running lab.
    source, target
        Hosts of the lab, or domains; the target may be an address.
    size_bytes
        Size of the IPv4 packet; it may not be cut into fragments.
    """
    check_range("size_bytes", size_bytes, _HEADERS + 16, 65535)

    def look() -> Seen:
        runner, address = find_runner(lab, source), find_address(lab, target)
        size = str(size_bytes - _HEADERS)
        done = runner.run(
            ["ping", "-n", "-q", "-M", "do", "-c", "3", "-i", "0.2", "-W", "3", "-s", size, address],
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        if _ANSWERED.search(said):
            return Seen(True, f"{size_bytes} bytes come through")  # noqa: FBT003
        if _LOST.search(said) or "too long" in said:
            return Seen(False, f"{size_bytes} bytes do not come through: {said}")  # noqa: FBT003
        raise MeasurementError(f"ping from {source} did not run: {said}")

    return judge(
        f"packets of {size_bytes} bytes come from {source} to {target}",
        look,
        expected=f"{size_bytes} bytes in one piece",
        hint="`tracepath -n` names the hop with the smallest MTU; `ip link` shows those of the host",
    )
