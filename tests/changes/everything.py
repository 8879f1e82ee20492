"""All of a lab that a fault could leave changed, to be compared before and after."""

import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

import kvmlab as kl
from kvmlab.errors import KvmlabError
from kvmlab.host.links import Link


def everything(lab: kl.Lab) -> dict[str, Any]:
    """Links, addresses and routes of host and router, firewall rules, libvirt's networks and domains."""
    states = lab.network_state(["host", "router"])
    return {
        "links": {host: [link_facts(link) for link in state.links] for host, state in states.items()},
        "addresses": {
            host: sorted((a.link, a.cidr) for a in state.addresses if a.scope == "global")
            for host, state in states.items()
        },
        "routes": {
            host: sorted((r.destination, r.gateway, r.link, r.metric, r.kind) for r in state.routes)
            for host, state in states.items()
        },
        "rules": [(rule.family, rule.table, rule.chain, rule.text) for rule in lab.firewall_rules()],
        "networks": [(network.xml(), network.is_active) for network in lab.networks()],
        "domains": [(domain.state, domain_xml(domain.xml())) for domain in lab.domains()],
        # what a console printed stays, so that it can be read
        "disks": sorted(path.name for path in (lab.path / "guests").iterdir() if path.suffix != ".log"),
    }


def link_facts(link: Link) -> tuple[object, ...]:
    """What stays of a link as long as nobody changes it."""
    return link.name, link.kind, link.mac, link.mtu, link.is_up, link.master, link.lower, link.mode


def domain_xml(xml: str) -> str:
    """A domain's XML, without whether its agent is connected: that comes and goes by itself."""
    domain = ET.fromstring(xml)
    for target in domain.iterfind("devices/channel/target"):
        target.attrib.pop("state", None)
    return ET.canonicalize(ET.tostring(domain))


@contextlib.contextmanager
def refused(lab: kl.Lab, kind: type[KvmlabError], message: str, *, hint: str) -> Iterator[None]:
    """Expect an error with a message and a remedy, after which the lab is as it was."""
    before = everything(lab)

    with pytest.raises(kind, match=message) as caught:
        yield

    assert hint in caught.value.hint
    assert everything(lab) == before
