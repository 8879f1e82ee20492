"""Cells with nbgrader's metadata."""

from collections.abc import Iterable
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

#: Lines between which a solution stands (nbgrader, ClearSolutions).
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_SCHEMA = 3
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def _metadata(name: str, *, points: int | None = None, locked: bool, solution: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "grade": points is not None,
        "grade_id": name,
        "locked": locked,
        "schema_version": _SCHEMA,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        found["points"] = points
    return {"nbgrader": found}


def text_cell(name: str, text: str) -> Any:
    """Return a cell with text that students do not change."""
    return new_markdown_cell(text, id=name, metadata=_metadata(name, locked=True, solution=False))


def locked_cell(name: str, code: str) -> Any:
    """Return a cell with code that students do not change."""
    return new_code_cell(code, id=name, metadata=_metadata(name, locked=True, solution=False))


def solution_cell(name: str, code: str) -> Any:
    """Return a cell that students fill."""
    return new_code_cell(code, id=name, metadata=_metadata(name, locked=False, solution=True))


def graded_cell(name: str, code: str, *, points: int) -> Any:
    """Return a cell that earns points if it raises nothing."""
    return new_code_cell(code, id=name, metadata=_metadata(name, points=points, locked=True, solution=False))


def notebook(cells: Iterable[Any], **metadata: Any) -> Any:
    """Return a notebook for the Python kernel."""
    return new_notebook(
        cells=list(cells), metadata={"kernelspec": _KERNEL, "language_info": {"name": "python"}, **metadata}
    )


def grader(cell: Any) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell; {} for a cell that a student added."""
    found = cell.metadata.get("nbgrader", {})
    return dict(found) if isinstance(found, dict) else {}


def name_of(cell: Any) -> str:
    """Return nbgrader's name of a cell; empty for one that a student added."""
    return str(grader(cell).get("grade_id", ""))


def is_graded(cell: Any) -> bool:
    """Tell whether a cell earns points."""
    return bool(grader(cell).get("grade"))


def is_solution(cell: Any) -> bool:
    """Tell whether students fill a cell."""
    return bool(grader(cell).get("solution"))


def solutions(nb: Any) -> dict[str, str]:
    """Return the source of each cell that students fill, by its name."""
    return {name_of(cell): str(cell.source) for cell in nb.cells if is_solution(cell)}
