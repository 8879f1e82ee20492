"""Notebooks that cannot be read are told as such."""

from pathlib import Path

import pytest

from kvmlab import assignment
from kvmlab.errors import ExerciseError


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{}", '{"cells": 3}', "not json", "null"])
def test_what_is_no_notebook_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "nat.ipynb"
    path.write_text(text)

    with pytest.raises(ExerciseError, match=r"nat\.ipynb is no notebook that can be read"):
        assignment.read_notebook(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match=r"nat\.ipynb cannot be read: No such file"):
        assignment.read_notebook(tmp_path / "nat.ipynb")


def test_a_file_of_many_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "nat.ipynb"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)

    with pytest.raises(ExerciseError, match="more than 19 MiB"):
        assignment.read_notebook(path)
