"""What students get: the notebook without solutions and outputs."""

import copy
import re
from typing import Any

from kvmlab.assignment.cells import BEGIN, END, is_solution
from kvmlab.errors import ExerciseError

#: What stands in place of a solution, as with nbgrader.
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
_SEED = re.compile(r'\bseed="[^"]*"')
_SOLUTION = re.compile(rf"^[ \t]*{BEGIN}$.*?^[ \t]*{END}$", re.MULTILINE | re.DOTALL)


def released(source: Any, *, seed: str | None = None) -> Any:
    """Return the notebook that students get.

    Parameters
    ----------
    source
        The notebook with solutions.
    seed
        Seed of the course, in place of the one in the notebook; by default that stays.

    Raises
    ------
    ExerciseError
        If a solution does not end, or something of one would be left.
    """
    nb = copy.deepcopy(source)
    for cell in nb.cells:
        if is_solution(cell):
            cell.source = _SOLUTION.sub(STUB, cell.source)
        if BEGIN in cell.source or END in cell.source:
            raise ExerciseError(f"cell {cell.id!r} has a solution without an end, or outside of its cell")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
            if seed is not None and cell.metadata.get("nbgrader", {}).get("locked"):
                cell.source = _SEED.sub(lambda _found: f'seed="{seed}"', cell.source)
    return nb
