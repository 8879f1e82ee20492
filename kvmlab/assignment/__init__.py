"""Notebooks in nbgrader's format: written, released without solutions, taken back from students.

nbgrader itself is not needed, and works on them (nbgrader, "Creating and grading
assignments"; the metadata of cells are those of its schema 3).
"""

from kvmlab.assignment.cells import graded_cell, locked_cell, notebook, solution_cell, solutions, text_cell
from kvmlab.assignment.files import notebook_text, read_notebook, write_notebook
from kvmlab.assignment.release import released
from kvmlab.assignment.submission import Submission, submission

__all__ = [
    "Submission",
    "graded_cell",
    "locked_cell",
    "notebook",
    "notebook_text",
    "read_notebook",
    "released",
    "solution_cell",
    "solutions",
    "submission",
    "text_cell",
    "write_notebook",
]
