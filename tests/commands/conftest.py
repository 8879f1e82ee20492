"""One lab in which everything that is shown is typed in."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("commands", progress=Silent()) as lab:
        yield lab
