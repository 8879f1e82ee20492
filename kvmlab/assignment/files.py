"""Notebooks as files."""

import warnings
from pathlib import Path
from typing import Any

import nbformat

from kvmlab.errors import ExerciseError

#: Largest notebook that is read; one that stores more was not written by hand.
LIMIT_BYTES = 20_000_000


def parse_notebook(text: str, what: str) -> Any:
    """Return the notebook with this text.

    Raises
    ------
    ExerciseError
        If it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it can mend itself, such as a cell that was copied
            found = nbformat.reads(text, as_version=4)
        nbformat.validate(found)
    except (ValueError, AttributeError, TypeError, KeyError, nbformat.ValidationError) as error:
        said = str(error).splitlines()[0]
        raise ExerciseError(f"{what} is no notebook that can be read: {said}") from error
    return found


def read_notebook(path: Path) -> Any:
    """Return the notebook in a file.

    Raises
    ------
    ExerciseError
        If it is missing, too large, or no notebook.
    """
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise ExerciseError(f"{path} has more than {LIMIT_BYTES >> 20} MiB", hint="clear its outputs")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExerciseError(f"{path} is no notebook that can be read: {error}") from error
    except OSError as error:
        raise ExerciseError(f"{path} cannot be read: {error.strerror}") from error
    return parse_notebook(text, str(path))


def write_notebook(nb: Any, path: Path) -> None:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook_text(nb), encoding="utf-8")


def notebook_text(nb: Any) -> str:
    """Return a notebook as it is written."""
    return str(nbformat.writes(nb)) + "\n"
