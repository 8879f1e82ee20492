"""What is ready once a lab has started."""

import pytest

import kvmlab as kl
from kvmlab._progress import Silent


@pytest.mark.host
@pytest.mark.parametrize("turn", range(3))
def test_every_cable_carries_frames_as_soon_as_a_lab_is_ready(turn: int) -> None:
    with kl.Lab.start(f"ready-{turn}", progress=Silent()) as lab:
        states = lab.network_state()

    cables = {(host, k.name): k for host, state in states.items() for k in state.links if k.kind == "veth"}
    assert len(cables) == 10
    assert [name for name, cable in cables.items() if not cable.has_carrier] == []
    ports = {name: cable.port_state for name, cable in cables.items() if cable.master}
    assert set(ports.values()) == {"forwarding"}
    assert len(ports) == 4
