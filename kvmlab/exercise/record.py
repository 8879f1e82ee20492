"""What is kept with a lab: whose exercise it is, and what its learner answered."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: Most bytes that are read of a file that a learner may have written.
_LIMIT_BYTES = 65536
_RECORD, _ANSWERS = "exercise.json", "answers.json"


@dataclass(frozen=True, slots=True)
class Record:
    """Whose exercise a lab was prepared for."""

    exercise: str
    student: str
    seed: str


def write(folder: Path, record: Record) -> None:
    """Note in a lab's folder whose it is; the last step of its preparation."""
    (folder / _RECORD).write_text(json.dumps(asdict(record)), encoding="utf-8")


def read(folder: Path) -> Record | None:
    """Return whose lab this is; None if it was not prepared for an exercise."""
    found = _read(folder / _RECORD)
    try:
        return Record(**found)
    except TypeError:
        return None


def answer(folder: Path, answers: Mapping[str, str]) -> None:
    """Keep answers; a later one replaces an earlier one."""
    kept = {**read_answers(folder), **answers}
    (folder / _ANSWERS).write_text(json.dumps(kept), encoding="utf-8")


def read_answers(folder: Path) -> dict[str, str]:
    """Return what the learner answered so far."""
    return {str(name): str(value) for name, value in _read(folder / _ANSWERS).items()}


def _read(path: Path) -> dict[str, Any]:
    """Read a small JSON object; {} for anything else. No link is followed: its writer is not trusted."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as stream:
            found = json.loads(stream.read(_LIMIT_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
