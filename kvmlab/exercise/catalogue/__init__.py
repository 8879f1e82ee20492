"""The exercises, one module each."""

from dataclasses import dataclass
from importlib import import_module

from kvmlab._repr import Table
from kvmlab.errors import ExerciseError
from kvmlab.exercise.exercise import Exercise

#: Names of the exercises in the order of the course; each has a module of its name.
NAMES = (
    "nat",
    "bridged",
    "host-only",
    "private",
    "direct",
    "routed",
    "open",
    "user-mode",
    "vlan",
    "port-forward",
    "nic-models",
    "path-mtu",
    "repair-guest",
    "repair-host",
    "repair-lan",
)


@dataclass(frozen=True, slots=True)
class ExerciseRow:
    """An exercise as a table shows it."""

    name: str
    title: str
    points: int
    minutes: int
    after_notebook: str


def find(name: str) -> Exercise:
    """Return the exercise of that name.

    Raises
    ------
    ExerciseError
        If there is none.
    """
    if name not in NAMES:
        raise ExerciseError(f"there is no exercise {name!r}", hint=f"one of {', '.join(NAMES)}")
    found: Exercise = import_module(f"kvmlab.exercise.catalogue.{name.replace('-', '_')}").EXERCISE
    return found


def list_exercises() -> Table[ExerciseRow]:
    """Return the exercises in the order of the course."""
    found = map(find, NAMES)
    return Table(ExerciseRow(one.name, one.title, one.points, one.minutes, one.notebook) for one in found)
