"""What a fault is: a cause with its targets, the commands that make it and mend it, and how it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kvmlab.commands import Command
from kvmlab.evidence.scene import Scene
from kvmlab.fault.symptom import Symptom

Difficulty = Literal["easy", "medium", "hard"]
#: Classes of difficulty: how far the symptom is from its cause.
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

#: What a fault befalls, such as ``{"domain": "vm1", "tap": "vnet0"}``.
Target: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a fault is made in one lab, and taken back.

    Attributes
    ----------
    breaks
        Commands that make it, in their order.
    mends
        Commands that take it back. Each undoes its part, or finds nothing to undo.
    symptom
        How it shows to who uses the network.
    """

    breaks: tuple[Command, ...]
    mends: tuple[Command, ...]
    symptom: Symptom


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A realistic cause of a network that does not work.

    Attributes
    ----------
    name
        Such as ``duplicate-mac``.
    about
        What is wrong, in one sentence.
    difficulty
        ``easy``, ``medium`` or ``hard``.
    needs
        What a lab needs for it.
    targets
        Says what it could befall in a lab, in a fixed order; nothing where it does not apply.
    recipe
        Says how to make and mend it there.
    is_there
        Tells from the lab's state whether it is in place.
    """

    name: str
    about: str
    difficulty: Difficulty
    needs: str
    targets: Callable[[Scene], list[Target]]
    recipe: Callable[[Scene, Target], Recipe]
    is_there: Callable[[Scene, Target], bool]
