"""Which tests run in one process where pytest-xdist distributes them: those that share labs."""

import os
import re

from xdist.scheduler import LoadScopeScheduling

#: Files whose tests share nothing but what they are about: a notebook, an exercise.
_APART = ("tests/test_notebooks.py", "tests/exercise/test_proofs.py")
#: What a test of theirs is about, in its id.
_ABOUT = re.compile(r"\[([\w-]+)")

#: Processes that wait for guests most of the time use a processor better by two; more than
#: this many, each with a lab or two, want a lot of memory.
_EACH, _MOST = 2, 8


def group_of(nodeid: str) -> str:
    """Return the name of the group that a test belongs to: most often its folder.

    Examples
    --------
    >>> group_of("tests/lab/test_lab.py::test_it")
    'tests/lab'
    >>> group_of("tests/exercise/test_proofs.py::test_the_reference_solution_earns_all[nat: ]")
    'tests/exercise/test_proofs.py nat'
    """
    path, _, name = nodeid.partition("::")
    about = _ABOUT.search(name) if path in _APART else None
    return f"{path} {about[1]}" if about else "/".join(path.split("/")[:2])


def processes() -> int:
    """Return how many processes ``--numprocesses=auto`` means here."""
    return min(_MOST, _EACH * len(os.sched_getaffinity(0)))


class ByLabs(LoadScopeScheduling):
    """Give all tests of a group to one process.

    ``--dist=loadgroup`` would do the same by marks, but not with pytest 9.2
    (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
