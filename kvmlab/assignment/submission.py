"""What a student handed in, made ready to be run: their cells, and of all others the originals."""

import copy
from dataclasses import dataclass
from typing import Any

from kvmlab.assignment.cells import is_graded, is_solution, name_of, notebook
from kvmlab.errors import ExerciseError

#: Name of the cell in which students say who they are.
STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that can be run.

    Attributes
    ----------
    notebook
        Cells of the student's; locked cells are the originals, graded ones are left out: what they
        would check is looked at from outside.
    remarks
        What is not as it was handed out.
    """

    notebook: Any
    remarks: tuple[str, ...]


def submission(original: Any, handed_in: Any, *, student: str) -> Submission:
    """Join what a student handed in with the originals.

    Parameters
    ----------
    original
        The notebook as it was released.
    handed_in
        The notebook that came back.
    student
        Who handed it in.

    Raises
    ------
    ExerciseError
        If it is not for Python, or nothing in it belongs to this exercise.
    """
    _check_kernel(handed_in)
    known = {name_of(cell): cell for cell in original.cells}
    present = {name_of(cell) for cell in handed_in.cells}
    if not present & {name for name, cell in known.items() if is_solution(cell)}:
        raise ExerciseError("it has none of the exercise's cells", hint="was another notebook handed in?")
    remarks = [f"cell {name!r} is missing" for name in known if name not in present]
    cells = []
    for cell in handed_in.cells:
        name = name_of(cell)
        first = known.get(name)
        if first is None or is_solution(first):
            cells.append(copy.deepcopy(cell))
        elif cell.source.strip() != first.source.strip():
            remarks.append(f"locked cell {name!r} was changed: the original counts")
        if name == STUDENT:
            remarks += _other_student(cell.source, student)
    kept = [cell for cell in cells if cell.cell_type == "code" and name_of(cell) != STUDENT]
    start = [copy.deepcopy(cell) for cell in _start(original, student)]
    return Submission(notebook([*start, *map(_without_output, kept)]), tuple(remarks))


def _check_kernel(nb: Any) -> None:
    spec = nb.metadata.get("kernelspec", {})
    language = nb.metadata.get("language_info", {}).get("name") or spec.get("language") or "python"
    if str(language).lower() not in ("python", "ipython"):
        raise ExerciseError(f"its kernel is for {language}, not for Python", hint="Kernel → Change Kernel…")


def _start(original: Any, student: str) -> list[Any]:
    """Return the locked cells with code before the first task, behind one that says who the student is."""
    found = []
    for cell in original.cells:
        if name_of(cell) == STUDENT:
            own = copy.deepcopy(cell)
            own.source = f"STUDENT = {student!r}"
            found.append(own)
        elif is_solution(cell):
            break
        elif cell.cell_type == "code" and not is_graded(cell):
            found.append(cell)
    return found


def _without_output(cell: Any) -> Any:
    cell.outputs, cell.execution_count = [], None
    return cell


def _other_student(source: str, student: str) -> list[str]:
    """Tell whether the notebook names somebody else than who handed it in."""
    line = next((line for line in source.splitlines() if line.strip().startswith("STUDENT")), "")
    _, _, rest = line.partition("=")
    named = rest.partition("#")[0].strip().strip("\"'")
    return (
        [f"the notebook names student {named!r}: graded with the values of {student!r}"]
        if (named and named != student)
        else []
    )
