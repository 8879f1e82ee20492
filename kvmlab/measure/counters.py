"""Counters of the kernel, read before and after: what a measurement changed.

What each is: interrupts are in :mod:`~kvmlab.measure.interrupts`, dropped
packets in :mod:`~kvmlab.measure.drops`, exits in :mod:`~kvmlab.measure.exits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kvmlab._repr import Table


@dataclass(frozen=True, slots=True)
class CounterChange:
    """A counter that rose.

    Attributes
    ----------
    counter
        Its name.
    before, after
        Its values.
    """

    counter: str
    before: int
    after: int
    change: int


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> Table[CounterChange]:
    """Return the counters that changed, the greatest change first.

    Parameters
    ----------
    before, after
        Values by name, as one of the ``read_`` functions of the instruments
        returned them. One that is new began at 0; one that went is left out.

    Examples
    --------
    >>> changes({"rx_fifo": 3, "rx_ok": 10}, {"rx_fifo": 5, "rx_ok": 90, "rx_err": 0})
    counter  before  after  change
    rx_ok        10     90      80
    rx_fifo       3      5       2
    """
    found = (
        CounterChange(name, before.get(name, 0), value, value - before.get(name, 0))
        for name, value in after.items()
    )
    return Table(sorted((c for c in found if c.change), key=lambda c: (-abs(c.change), c.counter)))
