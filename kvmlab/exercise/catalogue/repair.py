"""What the exercises have in common in which something is broken."""

from collections.abc import Callable

from kvmlab.check import CheckResult
from kvmlab.exercise.catalogue.parts import answered
from kvmlab.exercise.exercise import Task, Work

CAUSE_TEXT = (
    "Something is wrong. Walk up the ladder by hand (`kl.ladder(lab)` shows the rungs with their commands), "
    'or let `kl.diagnose(lab)` walk it, and name the cause: `ex.answer(cause="…")`, in the words of '
    "`kl.list_faults()`."
)
REPAIR_TEXT = (
    "Put it right, for all guests and without taking anything else away: the same guests, the same "
    "network. Names, large packets and all neighbours work again."
)


def cause_task() -> Task:
    """Return the task to name the cause."""

    def look(work: Work) -> list[CheckResult]:
        right = work.values["_fault"]
        return [answered(work, "cause", lambda given: given == right, question="what is wrong?")]

    return Task(
        name="cause",
        text=CAUSE_TEXT,
        points=2,
        look=look,
        hints=(
            "Begin at the guest's card, and go outward: which is the first rung that is not as it should be?",
            "`kl.list_faults(lab)` lists what can be wrong with such a lab at all.",
            "`kl.diagnose(lab)` walks the ladder and shows what it saw.",
        ),
    )


def repair_task(look: Callable[[Work], list[CheckResult]]) -> Task:
    """Return the task to put it right."""
    return Task(
        name="repair",
        text=REPAIR_TEXT,
        points=3,
        look=look,
        hints=(
            "One thing was changed. Which command changes it back?",
            "`lab.host.run([…])` runs a command on the host, `lab.domain(…).run([…])` in a guest.",
            "The findings of `kl.diagnose(lab)` have a column with the remedy.",
        ),
    )
