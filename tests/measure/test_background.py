"""Servers that run meanwhile."""

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError
from kvmlab.measure.background import serving
from kvmlab.measure.ports import listening, wait_for

pytestmark = pytest.mark.host

SERVER = ["iperf3", "--server", "--port", "5207"]


def listens(host: LocalRunner) -> bool:
    return 5207 in listening(host)


def has_ended(host: LocalRunner) -> bool:
    wait_for(lambda: not listens(host), "the server still listens")
    return True


def test_a_server_listens_meanwhile_and_not_longer(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with serving(cable[1], SERVER, port=5207, bound_s=10):
        assert listens(cable[1])

    assert has_ended(cable[1])


def test_a_server_ends_when_the_block_fails(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(ZeroDivisionError), serving(cable[1], SERVER, port=5207, bound_s=10):
        _ = 1 / 0

    assert has_ended(cable[1])


def test_a_port_in_use_is_refused(
    cable: tuple[LocalRunner, LocalRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmlab.measure.ports.SERVER_BOUND_S", 0.5)

    with (
        serving(cable[1], SERVER, port=5207, bound_s=10),
        pytest.raises(MeasurementError, match="in use"),
        serving(cable[1], SERVER, port=5207, bound_s=10),
    ):
        pass


def test_a_server_that_does_not_come_up_is_an_error(
    cable: tuple[LocalRunner, LocalRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmlab.measure.ports.SERVER_BOUND_S", 0.2)

    with (
        pytest.raises(MeasurementError, match="false does not listen"),
        serving(cable[1], ["false"], port=5207, bound_s=10),
    ):
        pass
