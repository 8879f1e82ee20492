"""Commands that were run on the hosts of a lab, and how to take them back."""

import contextlib
from dataclasses import dataclass, field
from types import TracebackType

from kvmlab._run import Completed, Runner
from kvmlab.commands import Command, Explanation
from kvmlab.errors import CommandError, KvmlabError
from kvmlab.host import world
from kvmlab.lab import Lab


@dataclass(frozen=True, slots=True, repr=False)
class Applied:
    """A change that is in place; shows the commands that made it.

    Attributes
    ----------
    lab
        Where it was made.
    explanation
        The commands that were run.
    end
        The commands that take it back.
    """

    lab: Lab = field(repr=False)
    explanation: Explanation
    end: Explanation

    def __repr__(self) -> str:
        return str(self.explanation)

    def _repr_markdown_(self) -> str:
        return self.explanation._repr_markdown_()

    def __enter__(self) -> "Applied":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> Explanation:
        """Take it back; return the commands that did.

        Raises
        ------
        CommandError
            If a host refuses, for example because somebody else undid it
            already; what can be taken back is taken back all the same.
        """
        refused: list[CommandError] = []
        for command in self.end.commands:
            try:
                run(self.lab, command)
            except CommandError as error:
                refused.append(error)
        if refused:
            raise refused[0]
        return self.end


def run(lab: Lab, command: Command) -> Completed:
    """Run a command on the host of the lab, or in the guest, that it is for."""
    return command.run(_runner(lab, command))


def _runner(lab: Lab, command: Command) -> Runner:
    runner: Runner = (
        getattr(lab, command.where) if command.where in world.HOSTS else lab.domain(command.where)
    )
    return runner


def apply(lab: Lab, explanation: Explanation, end: Explanation) -> Applied:
    """Run commands; if one fails, take back what the others did.

    Parameters
    ----------
    lab
        A running lab.
    explanation
        What to run, in this order.
    end
        What takes it back. Each of its commands either undoes its part or
        finds nothing to undo.

    Raises
    ------
    CommandError
        If a host refuses a command; all is as before then.
    """
    try:
        for command in explanation.commands:
            run(lab, command)
    except BaseException:
        with contextlib.suppress(KvmlabError):  # a lab that ended has nothing left to take back
            for command in end.commands:
                _runner(lab, command).run(command.argv, check=False, stdin=command.stdin)
        raise
    return Applied(lab, explanation, end)
