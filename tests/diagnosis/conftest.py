"""Labs that tests of faults and of the diagnosis share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import kvmlab as kl
from tests.diagnosis.labs import KINDS


class Labs:
    """Labs by their kind, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, kl.Lab] = {}
        self._noted: dict[str, Any] = {}

    def __getitem__(self, kind: str) -> kl.Lab:
        if kind not in self._started:
            self._started[kind] = self._stack.enter_context(KINDS[kind](f"ill-{kind}"))
        return self._started[kind]

    def note(self, kind: str, look: Callable[[kl.Lab], Any]) -> Any:
        """Return what was seen of a lab when it was first looked at: each test leaves it like that."""
        if kind not in self._noted:
            self._noted[kind] = look(self[kind])
        return self._noted[kind]


@pytest.fixture(scope="package")
def labs() -> Iterator[Labs]:
    """Labs that tests of faults and of the diagnosis share; each test leaves them as they were."""
    with ExitStack() as stack:
        yield Labs(stack)
