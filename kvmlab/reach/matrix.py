"""The reachability matrix: what is expected of each mode, beside what is observed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmlab import plot
from kvmlab._repr import Table, html_table, text_table
from kvmlab.reach.expectation import PATHS


@dataclass(frozen=True, slots=True)
class Cell:
    """One path in one mode.

    Attributes
    ----------
    mode, source, target
        Such as ``nat``, ``guest`` and ``pc``.
    nic
        Model of the guest's NIC; of the sender's, between guests.
    family
        ``IPv4`` or ``IPv6``.
    protocol
        ``icmp`` or ``tcp``.
    expected, observed
        ``reaches``, ``blocked`` or ``could not test``.
    reason
        Why the expected is expected.
    said
        What the probe said.
    """

    mode: str
    source: str
    target: str
    nic: str
    family: str
    protocol: str
    expected: str
    observed: str
    reason: str
    said: str

    @property
    def is_finding(self) -> bool:
        """Whether the observed is not what was expected."""
        return self.observed != self.expected

    @property
    def path(self) -> str:
        """Who asks whom, such as ``guest → pc``."""
        return f"{self.source} → {self.target}"


@dataclass(frozen=True, slots=True, repr=False)
class Matrix:
    """What was expected and observed; shows itself as a table of modes and paths.

    Attributes
    ----------
    cells
        One per mode, path, NIC, family and protocol.
    method
        How it was probed.
    left_out
        Modes that were not set up, each with the reason.
    """

    cells: tuple[Cell, ...]
    method: str
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def findings(self) -> Table[Cell]:
        """What was observed against the expectation."""
        return Table(cell for cell in self.cells if cell.is_finding)

    def of(self, mode: str) -> Table[Cell]:
        """Return the cells of one mode."""
        return Table(cell for cell in self.cells if cell.mode == mode)

    def reasons(self, mode: str) -> Table[dict[str, str]]:
        """Return for each path of a mode what is expected of it and why.

        What is the same over IPv4 and IPv6 is one row.
        """
        found: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in sorted(self.of(mode), key=lambda cell: PATHS.index((cell.source, cell.target))):
            found.setdefault((cell.path, cell.expected, cell.reason), []).append(cell)
        protocols = len({cell.protocol for cell in self.cells})
        return Table(
            {"path": path, "over": _over(cells, protocols), "expected": expected, "reason": reason}
            for (path, expected, reason), cells in found.items()
        )

    def rows(self) -> Table[dict[str, str]]:
        """Return one row per mode and family: what was observed on each path, in short."""
        return Table(
            dict(self._row(mode, family))
            for mode in dict.fromkeys(cell.mode for cell in self.cells)
            for family in dict.fromkeys(cell.family for cell in self.of(mode))
        )

    def _row(self, mode: str, family: str) -> Iterator[tuple[str, str]]:
        yield "mode", mode
        yield "family", family
        for source, target in PATHS:
            found = self.of(mode).where(family=family, source=source, target=target)
            yield f"{source} → {target}", summary(found)

    def plot(self) -> plot.Plot:
        """Draw it as a heat map: modes below each other, paths side by side."""
        rows = {f"{row.pop('mode')} {row.pop('family')}": row for row in self.rows().to_dicts()}
        return plot.heat_map(rows, caption=self.method)

    def __repr__(self) -> str:
        return text_table(self.rows(), caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.rows(), caption=self._caption())

    def _caption(self) -> str:
        count = len(self.findings)
        told = f"{count} of {len(self.cells)} probes found something else than expected: see .findings"
        absent = [f"Left out: {mode}: {why}." for mode, why in self.left_out]
        return "\n".join([self.method, told if count else "All is as expected.", *absent])


def _over(cells: Sequence[Cell], protocols: int) -> str:
    """Return in short what cells are about, such as ``IPv4, IPv6`` or ``IPv6 icmp``."""
    by_family: dict[str, dict[str, None]] = {}
    for cell in cells:
        by_family.setdefault(cell.family, {})[cell.protocol] = None
    some = (
        family if len(of_it) == protocols else f"{family} {' '.join(of_it)}"
        for family, of_it in by_family.items()
    )
    return ", ".join(some)


def summary(cells: Sequence[Cell]) -> str:
    """Return the outcome of one path in a word; ``!`` marks what was not expected.

    Examples
    --------
    >>> seen = Cell("nat", "pc", "guest", "virtio", "IPv4", "icmp", "blocked", "blocked", "", "")
    >>> summary([seen, seen])
    'blocked'
    """
    if not cells:
        return ""
    outcomes = dict.fromkeys(cell.observed for cell in cells)
    mark = " !" if any(cell.is_finding for cell in cells) else ""
    if len(outcomes) == 1:
        return f"{cells[0].observed}{mark}"
    by_protocol = dict.fromkeys(f"{cell.protocol} {cell.observed}" for cell in cells)
    return ", ".join(by_protocol) + mark
