"""Two hosts joined by a cable as a site: real tools and real traffic, without a guest."""

import pytest

from kvmlab._run import LocalRunner
from kvmlab.experiment.site import GivenSite
from tests.measure.conftest import cable

__all__ = ["cable"]


@pytest.fixture
def site(cable: tuple[LocalRunner, LocalRunner]) -> GivenSite:
    near, far = cable
    return GivenSite(near, "10.9.0.2", far, link="cable")  # type: ignore[arg-type]  # runs commands like a guest
