"""How fast: classes of throughput, and one guest against another."""

from kvmlab.check.judgement import Missing, Seen, find_address, find_runner, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.lab import Lab
from kvmlab.measure.facts import check_range
from kvmlab.measure.iperf3 import iperf3


def throughput_is_between(
    lab: Lab,
    source: str,
    target: str,
    *,
    low_mbit_s: float,
    high_mbit_s: float | None = None,
    duration_s: int = 2,
) -> CheckResult:
    """Check that TCP throughput lies in a class; it is measured.

    Parameters
    ----------
    lab
        A running lab.
    source
        Who sends: a domain, or a host of the lab.
    target
        Where iperf3 listens: ``pc``, ``internet``, or an address.
    low_mbit_s, high_mbit_s
        The class; its bounds should lie far from what is to be told apart,
        for figures of a busy machine vary by half.
    duration_s
        Seconds of traffic.
    """
    if low_mbit_s < 0 or (high_mbit_s is not None and high_mbit_s <= low_mbit_s):
        raise SpecError(f"there is nothing between {low_mbit_s} and {high_mbit_s} Mbit/s")

    def look() -> Seen:
        rate = _rate(lab, source, target, duration_s)
        return Seen(low_mbit_s <= rate and (high_mbit_s is None or rate < high_mbit_s), f"{rate:.0f} Mbit/s")

    wanted = f"at least {low_mbit_s:g}" if high_mbit_s is None else f"{low_mbit_s:g} to {high_mbit_s:g}"
    return judge(
        f"{source} sends {wanted} Mbit/s to {target}",
        look,
        expected=f"{wanted} Mbit/s",
        hint="kl.iperf3() measures it; NIC model, offloads, MTU and rate limits decide",
    )


def is_faster(
    lab: Lab, faster: str, slower: str, target: str, *, factor: float = 1.0, turns: int = 2
) -> CheckResult:
    """Check that one guest sends faster than another; both are measured, in turns, 1 s each.

    Parameters
    ----------
    lab
        A running lab.
    faster, slower
        Names of domains.
    target
        Where iperf3 listens.
    factor
        By how much, at least.
    turns
        How often; the best of each counts, for other work on the machine only slows down.
    """
    check_range("turns", turns, 1, 100)

    def look() -> Seen:
        rates = [(_rate(lab, faster, target, 1), _rate(lab, slower, target, 1)) for _ in range(turns)]
        one, other = (max(own) for own in zip(*rates, strict=True))
        return Seen(one > factor * other, f"{one:.0f} against {other:.0f} Mbit/s")

    return judge(
        f"{faster} is faster than {slower}",
        look,
        expected=f"more than {factor:g} times as fast",
        hint="kl.compare() measures several guests",
    )


def _rate(lab: Lab, source: str, target: str, duration_s: int) -> float:
    try:
        runner, address = find_runner(lab, source), find_address(lab, target)
    except Missing as missing:
        raise MeasurementError(f"it cannot be measured: {missing}") from missing
    return iperf3(runner, address, duration_s=duration_s).runs[0].received_mbit_s
