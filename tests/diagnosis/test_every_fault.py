"""Every fault, put into a real lab: it shows, the diagnosis names it, and it is mended without trace."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

import kvmlab as kl
from kvmlab.diagnosis import CAUSES
from kvmlab.evidence.scene import Scene, read_scene
from kvmlab.fault import FAULTS
from kvmlab.host.links import NetworkState
from tests.diagnosis.conftest import KINDS, Labs

pytestmark = pytest.mark.vm

#: The table: which lab each fault is put into. Its name is the cause that must be named, and no other.
TABLE = {
    "br-netfilter": "lan",
    "cable-unplugged": "nat",
    "dhcp-exhausted": "nat",
    "dns-wrong": "lan",
    "dnsmasq-dead": "nat",
    "driver-blacklisted": "nat",
    "driver-wrong": "nat",
    "duplicate-ip": "lan",
    "duplicate-mac": "nat",
    "forward-policy-drop": "nat",
    "forward-wrong-guest": "nat",
    "gateway-wrong": "nat",
    "ip-forward-off": "nat",
    "macvtap-host": "direct",
    "mtu-mismatch": "lan",
    "network-inactive": "nat",
    "network-not-autostarted": "nat",
    "nwfilter-mac": "lan",
    "pmtu-black-hole": "nat",
    "port-blocked": "lan",
    "port-isolated": "lan",
    "port-missing": "lan",
    "prefix-wrong": "nat",
    "rp-filter": "nat",
    "rules-flushed": "nat",
    "uplink-address-on-port": "lan",
    "uplink-down": "nat",
    "uplink-no-carrier": "direct",
}


def state_of(scene: Scene) -> dict[str, Any]:
    """All of a lab's network that a fault might change, without what changes by itself."""
    return {
        "nics": scene.nics,
        "networks": [replace(network, leases=()) for network in scene.networks],
        "hosts": {name: _quiet(state) for name, state in scene.states.items()},
        # iptables leaves its chains behind, empty and accepting; what is in them is among the rules
        "settings": replace(scene.settings, chains=scene.settings.dropping("forward")),
        "rules": sorted((r.family, r.table, r.chain, r.text) for r in scene.rules),
        "guests": {name: replace(view, modules=frozenset()) for name, view in scene.guests.items()},
        "silent": scene.silent,
        "daemons": scene.daemons,
    }


def _quiet(state: NetworkState) -> dict[str, Any]:
    """Leave out numbers of links, what was learned, and what the kernel gives a link by itself."""
    own = [a for a in state.addresses if a.scope != "link"]
    return {
        "links": sorted(map(repr, (replace(link, index=0, peer=None) for link in state.links))),
        "addresses": sorted((a.link, a.cidr) for a in own),
        "routes": sorted(map(repr, (r for r in state.routes if not r.destination.startswith("fe80")))),
    }


def test_every_fault_is_in_the_table_and_has_a_cause_of_its_name() -> None:
    assert set(TABLE) == set(FAULTS)
    assert set(FAULTS) <= set(CAUSES)


@pytest.mark.parametrize("name", TABLE)
def test_a_fault_shows_is_named_and_is_mended_without_trace(labs: Labs, name: str) -> None:
    lab = labs[TABLE[name]]
    before = state_of(read_scene(lab))

    broken = kl.break_lab(lab, name, seed=1)
    try:
        with ThreadPoolExecutor() as pool:
            shows = pool.submit(broken.shows)
            found = kl.diagnose(lab)
        showed = shows.result()
    finally:
        broken.mend()

    assert showed, f"{name} broke nothing: {broken.complaint}"
    assert found.causes == (name,), found.steps
    assert state_of(read_scene(lab)) == before


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_lab_whose_faults_are_mended_nothing_is_found(labs: Labs, kind: str) -> None:
    found = kl.diagnose(labs[kind])

    assert found.causes == (), found
    assert {step.outcome for step in found.steps} == {"good"}
