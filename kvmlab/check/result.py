"""What came of checks: three outcomes, and a table of them."""

import enum
from dataclasses import dataclass

from kvmlab._repr import html_table, text_table


class Outcome(enum.StrEnum):
    """What came of a check.

    A check that could not be made is an error: it says nothing about the lab,
    and above all it is no pass.
    """

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check and what came of it.

    Attributes
    ----------
    check
        What was to be shown, as a sentence without its full stop.
    outcome
        ``passed``, ``failed``, or ``error`` if it could not be made.
    expected, observed
        What should be, and what is; with an error, why nothing is known.
    hint
        Where to look next; empty if it passed.
    """

    check: str
    outcome: Outcome
    expected: str
    observed: str
    hint: str

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """Several checks; shows itself as a table.

    Attributes
    ----------
    results
        In the order in which they were made.
    """

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether there are results, and all of them passed."""
        return bool(self.results) and all(result.passed for result in self.results)

    def _caption(self) -> str:
        good = sum(result.passed for result in self.results)
        errors = sum(result.outcome is Outcome.ERROR for result in self.results)
        unknown = f"; {errors} could not be made" if errors else ""
        return f"{good} of {len(self.results)} passed{unknown}"

    def __repr__(self) -> str:
        return text_table(self.results, caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.results, caption=self._caption())
