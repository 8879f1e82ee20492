"""Every fault, put into a real lab: it shows, the diagnosis names it, and it is mended without trace."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import kvmlab as kl
from kvmlab.diagnosis import CAUSES
from kvmlab.evidence.guest import GuestView
from kvmlab.evidence.scene import read_scene
from kvmlab.fault import FAULTS
from kvmlab.host.links import NetworkState
from tests.diagnosis.conftest import Labs
from tests.diagnosis.labs import KINDS, TABLE
from tests.diagnosis.measured import measure

#: Seconds until guests have asked again for what they lost.
BOUND_S = 60.0


def state_of(lab: kl.Lab) -> dict[str, Any]:
    """All of a lab's network that a fault might change, without what changes by itself."""
    scene = read_scene(lab)
    return {
        "nics": scene.nics,
        "networks": [replace(network, leases=()) for network in scene.networks],
        "hosts": {name: _quiet(state) for name, state in scene.states.items()},
        # iptables leaves its chains behind, empty and accepting; what is in them is among the rules
        "settings": replace(scene.settings, chains=scene.settings.dropping("forward")),
        "rules": sorted((r.family, r.table, r.chain, r.text) for r in scene.rules),
        "guests": {name: _calm(view) for name, view in scene.guests.items()},
        "silent": scene.silent,
        "daemons": scene.daemons,
    }


def _quiet(state: NetworkState) -> dict[str, Any]:
    """Leave out numbers of links, what was learned, and what the kernel gives a link by itself."""
    own = [a for a in state.addresses if a.scope != "link"]
    routes = [route for route in state.routes if not route.destination.startswith("fe80")]
    return {
        "links": sorted(map(repr, (replace(link, index=0, peer=None) for link in state.links))),
        "addresses": sorted((a.link, a.cidr) for a in own),
        "routes": sorted(map(repr, routes)),
    }


def _calm(view: GuestView) -> GuestView:
    """Leave out modules, what follows from the number of a link, and what routers announce now and then."""
    return replace(
        view,
        modules=frozenset(),
        routes=tuple(replace(route, metric=0) for route in view.routes),
        name_servers=tuple(server for server in view.name_servers if ":" not in server),
    )


def settled(look: Callable[[], Any], wanted: Any) -> Any:
    """Look until what is wanted is seen; return what was seen last."""
    deadline = time.monotonic() + BOUND_S
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return seen


def test_every_fault_is_in_the_table_and_has_a_cause_of_its_name() -> None:
    assert set(TABLE) == set(FAULTS)
    assert set(FAULTS) <= set(CAUSES)


@pytest.mark.vm
@pytest.mark.parametrize("name", TABLE)
def test_a_fault_shows_is_named_and_is_mended_without_trace(labs: Labs, name: str) -> None:
    lab = labs[TABLE[name]]
    before = labs.note(TABLE[name], state_of)

    row = measure(lab, name)

    assert row.shows, row
    assert row.named == name
    assert settled(lambda: state_of(lab), before) == before


@pytest.mark.vm
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_lab_whose_faults_are_mended_nothing_is_found(labs: Labs, kind: str) -> None:
    found = kl.diagnose(labs[kind])

    assert found.causes == (), found
    assert {step.outcome for step in found.steps} == {"good"}
