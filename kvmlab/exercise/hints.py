"""Hints, revealed one after the other; their use is noted beside the notebook, and costs nothing."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from kvmlab.exercise.exercise import Task

#: File beside the notebook; it is handed in with it.
FILE = "hints.json"


@dataclass(frozen=True, slots=True, repr=False)
class Hint:
    """A hint; shows itself as text."""

    text: str
    number: int
    of: int

    def __repr__(self) -> str:
        return f"Hint {self.number} of {self.of}: {self.text}"

    def _repr_markdown_(self) -> str:
        return f"**Hint {self.number} of {self.of}.** {self.text}"


def reveal(folder: Path, exercise: str, task: Task) -> Hint:
    """Return the next hint of a task, and note that it was shown; after the last one, the last again."""
    used = read(folder)
    own = used.setdefault(exercise, {})
    number = min(own.get(task.name, 0) + 1, len(task.hints))
    own[task.name] = number
    with contextlib.suppress(OSError):  # a folder that cannot be written is no reason to keep a hint back
        (folder / FILE).write_text(json.dumps(used, indent=1, sort_keys=True), encoding="utf-8")
    return Hint(task.hints[number - 1], number, len(task.hints))


def read(folder: Path) -> dict[str, dict[str, int]]:
    """Return how many hints were shown, by exercise and task."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {
            str(exercise): {str(task): int(count) for task, count in tasks.items()}
            for exercise, tasks in found.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
