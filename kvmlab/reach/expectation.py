"""What is to be expected of one path, and the words for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

#: The questions of the matrix, in the order in which they are shown.
PATHS = (
    ("host", "guest"),
    ("guest", "host"),
    ("guest", "guest"),
    ("guest", "pc"),
    ("pc", "guest"),
    ("guest", "internet"),
    ("internet", "guest"),
)
_OUTCOMES = {True: "reaches", False: "blocked", None: "could not test"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is to be expected of one path.

    Attributes
    ----------
    reaches
        Whether packets come through, and their answers back; None where
        there is nobody to ask.
    reason
        Why, in one sentence, with its source.
    no_ping
        Why, though they do, an echo request is not answered; empty if it is.
    """

    reaches: bool | None
    reason: str
    no_ping: str = ""

    def of(self, protocol: str) -> "Expectation":
        """Return what is to be expected of one protocol, ``icmp`` or ``tcp``."""
        if self.no_ping and protocol == "icmp":
            return Expectation(False, self.no_ping)  # noqa: FBT003
        return replace(self, no_ping="")

    @property
    def outcome(self) -> str:
        """The outcome in the words of :class:`kvmlab.reach.probe.Reach`."""
        return _OUTCOMES[self.reaches]


#: Expectations of one mode, by path.
Mode = Mapping[tuple[str, str], Expectation]


def yes(reason: str, *, no_ping: str = "") -> Expectation:
    """Expect that packets come through."""
    return Expectation(True, reason, no_ping)  # noqa: FBT003


def no(reason: str) -> Expectation:
    """Expect that none do."""
    return Expectation(False, reason)  # noqa: FBT003


def mode(*expectations: Expectation) -> Mode:
    """Return a mode's expectations, given in the order of :data:`PATHS`."""
    return dict(zip(PATHS, expectations, strict=True))


def all_but(rest: Expectation, **exceptions: Expectation) -> Mode:
    """Return a mode's expectations that are the same, but for some paths.

    Parameters
    ----------
    rest
        The expectation of all other paths.
    exceptions
        By path, such as ``guest_to_guest``.
    """
    named: dict[Sequence[str], Expectation] = {tuple(k.split("_to_")): v for k, v in exceptions.items()}
    return {path: named.get(path, rest) for path in PATHS}
