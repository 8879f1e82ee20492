"""A configuration in the words of one tool: files, commands, and what it has no words for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from kvmlab.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recipe:
    """What to give one tool on a real host, as root; shows itself as shell text.

    Attributes
    ----------
    tool
        Its name.
    files
        Text of each file by its path, to be written first.
    commands
        In the order in which they are typed.
    remarks
        What the tool cannot express, and what else has to be known, in sentences.
    """

    tool: str
    files: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.files and not self.commands

    def __str__(self) -> str:
        return "\n\n".join(self._parts())

    def __repr__(self) -> str:
        return str(self)

    def _parts(self) -> Iterator[str]:
        if self.remarks:
            yield "\n".join(f"# {remark}" for remark in self.remarks)
        for path, text in self.files.items():
            yield f"# file {path}\n{text.rstrip()}"
        yield from map(str, self.commands)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def script(self) -> str:
        """Return a shell script of the commands; it ends at the first one that fails."""
        head = [f"# {remark}" for remark in self.remarks]
        return "\n\n".join(["\n".join(["#!/bin/sh", *head, "set -eu"]), *map(str, self.commands)]) + "\n"
