"""What must be known beside a figure."""

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
