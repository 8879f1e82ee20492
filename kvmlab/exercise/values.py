"""What differs from learner to learner: names, subnets and choices, drawn from student id and course seed."""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from kvmlab._repr import html_table, text_table

Value = str | int
T = TypeVar("T")

_COLORS = ("amber", "azure", "coral", "green", "ivory", "lemon", "olive", "pearl", "ruby", "teal")
_GUESTS = ("ada", "alan", "edith", "grace", "ken", "linus", "radia", "vint")


class Chance:
    """Draws values; the same student, course seed and exercise draw the same ones everywhere.

    Parameters
    ----------
    exercise, student, seed
        Name of the exercise, id of the student, seed of the course.

    Examples
    --------
    >>> Chance("nat", "kim", "2026").subnet() == Chance("nat", "kim", "2026").subnet()
    True
    """

    def __init__(self, exercise: str, student: str, seed: str) -> None:
        # not hash(): that of a text is another one in each process
        text = "\0".join((seed, student, exercise))
        self._random = random.Random(hashlib.sha256(text.encode()).digest())

    def choice(self, options: Sequence[T]) -> T:
        """Return one of several."""
        return self._random.choice(options)

    def number(self, least: int, most: int) -> int:
        """Return a whole number, bounds included."""
        return self._random.randint(least, most)

    def network(self) -> str:
        """Return a name for a network."""
        return self.choice(_COLORS)

    def guests(self, count: int) -> list[str]:
        """Return names for guests, each another one."""
        return self._random.sample(_GUESTS, count)

    def subnet(self) -> str:
        """Return a private subnet that nothing else in a lab uses (RFC 1918)."""
        return f"192.168.{self.number(20, 110)}.0/24"


class Values(Mapping[str, Value]):
    """What an exercise asks of one learner; shows itself as a table.

    Parameters
    ----------
    values
        By name.

    Examples
    --------
    >>> values = Values({"network": "blue", "subnet": "192.168.50.0/24"})
    >>> values["network"], values.subnet
    ('blue', '192.168.50.0/24')
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __getattr__(self, name: str) -> str:
        try:
            return str(self._values[name])
        except KeyError:
            known = ", ".join(self.__dict__.get("_values", ()))
            raise AttributeError(f"this exercise has no value {name!r}; it has {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _rows(self) -> list[dict[str, str]]:
        # what begins with an underscore is to be found out
        shown = ((name, value) for name, value in self._values.items() if name[0] != "_")
        return [{"name": name, "value": str(value)} for name, value in shown]

    def __repr__(self) -> str:
        return text_table(self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())
