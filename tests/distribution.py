"""Which tests run in one process where pytest-xdist distributes them: those that share labs."""

import re

from xdist.scheduler import LoadScopeScheduling

#: Files whose tests share nothing but what they are about: a notebook, an exercise.
_APART = ("tests/test_notebooks.py", "tests/exercise/test_proofs.py")
#: What a test of theirs is about, in its id.
_ABOUT = re.compile(r"\[([\w-]+)")


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


class ByLabs(LoadScopeScheduling):
    """Give all tests of a group to one process.

    ``--dist=loadgroup`` would do the same by marks, but not with pytest 9.2
    (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
