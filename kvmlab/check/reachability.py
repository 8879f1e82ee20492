"""Who reaches whom, and who must not."""

from kvmlab.check.judgement import Missing, Seen, find_address, find_runner, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import MeasurementError
from kvmlab.lab import Lab
from kvmlab.reach.probe import Answer, Probe, Reach, ask


def reaches(lab: Lab, source: str, target: str, *, port: int | None = None) -> CheckResult:
    """Check that packets come through, and their answers back.

    Parameters
    ----------
    lab
        A running lab.
    source
        A host of the lab, or a domain.
    target
        A host of the lab, a domain, or an address.
    port
        TCP port that something listens on; None to ping.
    """

    def look() -> Seen:
        (answer,) = _ask(lab, source, (target, port))
        return Seen(answer.reach is Reach.REACHES, _text(answer))

    return judge(
        f"{source} reaches {target}{_at(port)}",
        look,
        expected=Reach.REACHES.value,
        hint=f"kl.diagnose(lab), or kl.trace(lab, …) from {source} to {target}",
    )


def is_blocked(lab: Lab, source: str, target: str, *, control: str, port: int | None = None) -> CheckResult:
    """Check that packets do not come through, although their sender is able to send.

    Parameters
    ----------
    lab
        A running lab.
    source, target, port
        As for :func:`reaches`.
    control
        What the source must reach at the same time, such as its own host: a
        guest without any network is blocked everywhere, and proves nothing.
        If it does not, the check could not be made.
    """

    def look() -> Seen:
        try:
            able, answer = _ask(lab, source, (control, None), (target, port))
        except Missing as missing:
            raise MeasurementError(f"it cannot be tried: {missing}") from missing
        if able.reach is not Reach.REACHES:
            raise MeasurementError(f"{source} does not even reach {control}: {able.said}")
        return Seen(answer.reach is Reach.BLOCKED, _text(answer))

    return judge(
        f"{source} does not reach {target}{_at(port)}",
        look,
        expected=f"{Reach.BLOCKED.value}, while {control} is reached",
        hint=f"kl.trace(lab, …) from {source} to {target} shows the way that is open",
    )


def _ask(lab: Lab, source: str, *questions: tuple[str, int | None]) -> list[Answer]:
    """Probe targets, each by ping or at a port, at the same time."""
    runner = find_runner(lab, source)
    found = [(find_address(lab, target), port) for target, port in questions]
    answers = ask(runner, [Probe("tcp" if port else "icmp", address, port or 0) for address, port in found])
    for answer in answers:
        if answer.reach is Reach.UNTESTED:
            raise MeasurementError(f"{source} could not be asked: {answer.said}")
    return answers


def _at(port: int | None) -> str:
    return "" if port is None else f" at port {port}"


def _text(answer: Answer) -> str:
    return answer.reach.value if answer.reach is Reach.REACHES else f"{answer.reach.value}: {answer.said}"
