"""The reachability matrix: what is expected of each mode, beside what is observed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmlab import plot
from kvmlab._repr import Table, html_table, text_table
from kvmlab.reach.expected import PATHS


@dataclass(frozen=True, slots=True)
class Cell:
    """One path in one mode.

    Attributes
    ----------
    mode, source, target
        Such as ``nat``, ``guest`` and ``pc``.
    nic
        Model of the guest's NIC; of the sender's, between guests.
    protocol
        ``icmp`` or ``tcp``.
    expected, observed
        ``reaches``, ``blocked``; observed also ``could not test``.
    reason
        Why the expected is expected.
    said
        What the probe said.
    """

    mode: str
    source: str
    target: str
    nic: str
    protocol: str
    expected: str
    observed: str
    reason: str
    said: str

    @property
    def is_finding(self) -> bool:
        """Whether the observed is not what was expected."""
        return self.observed != self.expected


@dataclass(frozen=True, slots=True, repr=False)
class Matrix:
    """What was expected and observed; shows itself as a table of modes and paths.

    Attributes
    ----------
    cells
        One per mode, path, NIC and protocol.
    method
        How it was probed.
    """

    cells: tuple[Cell, ...]
    method: str

    @property
    def findings(self) -> Table[Cell]:
        """What was observed against the expectation."""
        return Table(cell for cell in self.cells if cell.is_finding)

    def of(self, mode: str) -> Table[Cell]:
        """Return the cells of one mode."""
        return Table(cell for cell in self.cells if cell.mode == mode)

    def reasons(self, mode: str) -> Table[dict[str, str]]:
        """Return for each path of a mode what is expected of it and why."""
        rows = {(c.source, c.target): (c.expected, c.reason) for c in self.cells if c.mode == mode}
        return Table({"path": f"{s} → {t}", "expected": e, "reason": r} for (s, t), (e, r) in rows.items())

    def rows(self) -> Table[dict[str, str]]:
        """Return one row per mode: what was observed on each path, in short."""
        return Table(dict(self._row(mode)) for mode in dict.fromkeys(cell.mode for cell in self.cells))

    def _row(self, mode: str) -> Iterator[tuple[str, str]]:
        yield "mode", mode
        for source, target in PATHS:
            found = [c for c in self.of(mode) if (c.source, c.target) == (source, target)]
            yield f"{source} → {target}", summary(found)

    def plot(self) -> plot.Plot:
        """Draw it as a heat map: modes below each other, paths side by side."""
        rows = {str(row.pop("mode")): row for row in self.rows().to_dicts()}
        return plot.heat_map(rows, caption=self.method)

    def __repr__(self) -> str:
        return text_table(self.rows(), caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.rows(), caption=self._caption())

    def _caption(self) -> str:
        count = len(self.findings)
        told = f"{count} of {len(self.cells)} probes found something else than expected: see .findings"
        return "\n".join([self.method, told if count else "All is as expected."])


def summary(cells: Sequence[Cell]) -> str:
    """Return the outcome of one path in a word; ``!`` marks what was not expected.

    Examples
    --------
    >>> seen = Cell("nat", "pc", "guest", "virtio", "icmp", "blocked", "blocked", "", "")
    >>> summary([seen, seen])
    'blocked'
    """
    if not cells:
        return ""
    outcomes = dict.fromkeys(cell.observed for cell in cells)
    mark = " !" if any(cell.is_finding for cell in cells) else ""
    if len(outcomes) == 1:
        return f"{cells[0].observed}{mark}"
    return ", ".join(f"{cell.protocol} {cell.observed}" for cell in cells) + mark
