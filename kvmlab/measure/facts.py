"""What must be known beside a figure."""

from collections.abc import Iterable

from kvmlab._run import Runner
from kvmlab.errors import SpecError


def accelerator_of(*ends: Runner | None) -> str:
    """Return how the guests among the ends of a measurement ran.

    Returns
    -------
    str
        ``kvm``, ``tcg`` (emulation), ``kvm, tcg`` with one guest of each, or
        an empty string when no end is a guest.
    """
    return ", ".join(sorted({getattr(end, "accelerator", "") for end in ends} - {""}))


def check_target(target: str) -> None:
    """Refuse what a program would not take as an address or a name.

    Raises
    ------
    SpecError
        If the target is empty, holds spaces, or looks like an option.
    """
    if not target or target.startswith("-") or any(character.isspace() for character in target):
        raise SpecError(
            f"target {target!r} is neither an address nor a name",
            hint="use an address such as '192.168.1.20'; has the guest one yet? see wait_until_ready()",
        )


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside of its range.

    Raises
    ------
    SpecError
        Naming the value and the range.
    """
    if not low <= value <= high:
        raise SpecError(f"{name} is {value:g}", hint=f"use a value from {low:g} to {high:g}")


def used_methods(methods: Iterable[tuple[str, str]]) -> str:
    """Return each method once, with the labels that it was used for.

    Parameters
    ----------
    methods
        Pairs of label and method, in the order of the results.

    Examples
    --------
    >>> print(used_methods([("a", "ping x"), ("b", "ping x"), ("c", "ping y")]))
    a, b: ping x
    c: ping y
    """
    used: dict[str, dict[str, None]] = {}
    for label, method in methods:
        used.setdefault(method, {})[label] = None
    return "\n".join(f"{', '.join(labels)}: {method}" for method, labels in used.items())


def described(method: str, accelerator: str) -> str:
    """Return a method together with how guests ran, for plots."""
    return f"{method}; accelerator: {accelerator}" if accelerator else method
