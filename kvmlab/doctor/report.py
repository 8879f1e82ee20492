"""What an examination found, as data that shows itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

Outcome = Literal["ok", "warning", "missing"]

#: JupyterLab breaks lines of commands in the middle of words unless told otherwise.
_WRAPPED = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:0"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What it is about.
    outcome
        ``ok``; ``warning`` when labs run, but something is slower or one
        subject is left out; ``missing`` when labs cannot run.
    observed
        What was found, in the machine's own words where it has some.
    why
        What a lab needs it for.
    fix
        Commands or advice that mend it; empty when there is nothing to mend.
    """

    name: str
    outcome: Outcome
    observed: str
    why: str
    fix: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """All checks of an examination, in an order that is always the same.

    In a notebook, what is to be mended stands first, and the rest is folded up.
    """

    checks: tuple[Check, ...]

    @property
    def can_run_labs(self) -> bool:
        """Whether nothing that labs need is missing."""
        return all(check.outcome != "missing" for check in self.checks)

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        missing = [check.name for check in self.checks if check.outcome == "missing"]
        warnings = sum(check.outcome == "warning" for check in self.checks)
        limits = f", with {warnings} limitation{'s' if warnings > 1 else ''}" if warnings else ""
        if missing:
            return f"Labs cannot run here: {', '.join(missing)}."
        return f"Labs can run here{limits}."

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {"can_run_labs": self.can_run_labs, "checks": [asdict(check) for check in self.checks]}

    def __repr__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [line for check in self.checks for line in _lines(check, width)]
        return "\n".join([*lines, "", self.summary])

    def _repr_html_(self) -> str:
        good = [check for check in self.checks if check.outcome == "ok"]
        others = [check for check in self.checks if check.outcome != "ok"]
        others.sort(key=lambda check: check.outcome)  # missing before warning
        folded = f"<details><summary>What is fine ({len(good)})</summary>{_table(good)}</details>"
        return f"<p><strong>{escape(self.summary)}</strong></p>{_table(others)}{folded if good else ''}"


def _table(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    heads = "".join(
        f"<th style='text-align:left'>{head}</th>"
        for head in ("check", "outcome", "observed", "why, and what to do")
    )
    return f"<table><tr>{heads}</tr>{''.join(map(_row, checks))}</table>"


def _lines(check: Check, width: int) -> list[str]:
    head = f"{check.outcome:<8} {check.name:<{width}}  {check.observed}"
    if check.outcome == "ok":
        return [head]
    indent = " " * (width + 11)
    fixes = [f"{indent}{line}" for line in check.fix.splitlines()]
    return [head, f"{indent}{check.why}", *fixes]


def _row(check: Check) -> str:
    colour = {"ok": "green", "warning": "darkorange", "missing": "red"}[check.outcome]
    advice = ""
    if check.outcome != "ok":
        code = f"<pre style='{_WRAPPED}'>{escape(check.fix)}</pre>" if check.fix else ""
        advice = f"{escape(check.why)}{code}"
    cells = (
        escape(check.name),
        f"<span style='color:{colour}'>{check.outcome}</span>",
        escape(check.observed),
        advice,
    )
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
