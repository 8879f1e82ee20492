"""Results on disk, one line of JSON for each trial, written when it ends.

A line counts once it is on the disk: what a crash leaves behind is at most
half a line, which the next run cuts off. When the disk is full the results
stay in memory, and are written as soon as there is room.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from kvmlab.errors import SpecError
from kvmlab.experiment.plan import Plan

#: Of the files; another number would be another format.
FORMAT = 1


class Journal:
    """The file of one plan; opened for as long as the plan runs.

    Parameters
    ----------
    path
        The file; it is made if it is not there. None keeps everything in memory.
    plan
        What is measured.

    Raises
    ------
    SpecError
        If the file is there and is of another plan, or none of ours.
    OSError
        If the file cannot be opened.
    """

    def __init__(self, path: Path | None, plan: Plan) -> None:
        self.path = path
        self.trouble = ""
        self._waiting: list[str] = []
        self._length = 0
        self._stream: IO[bytes] | None = None
        self.records: list[dict[str, Any]] = []
        if path is None:
            return
        if path.exists() and path.stat().st_size:
            self.records, self._length = read(path, plan)
        self._stream = path.open("r+b" if path.exists() else "w+b", buffering=0)
        if not self.records and not self._length:
            self.write({"kvmlab_experiment": FORMAT, "plan": plan.to_dict()})

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep a record and write it; if the disk is full, ``trouble`` says so and nothing is lost."""
        if "kvmlab_experiment" not in record:
            self.records.append(dict(record))
        if self._stream is None:
            return
        self._waiting.append(json.dumps(record, allow_nan=False) + "\n")
        self._flush(self._stream)

    def _flush(self, stream: IO[bytes]) -> None:
        data = "".join(self._waiting).encode()
        try:
            stream.seek(self._length)
            written = 0
            while written < len(data):
                written += stream.write(data[written:]) or 0
            stream.truncate()  # what is left of a line that was longer, and was not finished
            os.fsync(stream.fileno())
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror}"
            return
        self._length += len(data)
        self._waiting.clear()
        self.trouble = ""

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def read(path: Path, plan: Plan | None = None) -> tuple[list[dict[str, Any]], int]:
    """Read a journal.

    Parameters
    ----------
    path
        The file.
    plan
        What it must be of; None for any plan.

    Returns
    -------
    tuple
        Its records, and the bytes up to the end of the last whole line.

    Raises
    ------
    SpecError
        If it is of another plan, or no journal.
    """
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    try:
        head, *records = [json.loads(line) for line in data[:whole].splitlines()]
        found = Plan.from_dict(head["plan"]) if head["kvmlab_experiment"] == FORMAT else None
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{path} holds no results of an experiment", hint="choose another file; this one is left as it is"
        ) from error
    if found is None or (plan is not None and found.digest != plan.digest):
        raise SpecError(
            f"{path} holds results of another plan", hint="choose another file, or run the plan that it is of"
        )
    return records, whole


def plan_of(path: Path) -> Plan:
    """Return the plan whose results a journal holds.

    Raises
    ------
    SpecError
        If it is no journal.
    """
    read(path)
    with path.open(encoding="utf-8") as stream:
        return Plan.from_dict(json.loads(stream.readline())["plan"])
