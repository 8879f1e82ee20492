"""What card a guest has, and what drives it."""

from kvmlab.check.judgement import Missing, Seen, ask_guest, find_domain, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import SpecError
from kvmlab.evidence.definition import parse_nics
from kvmlab.lab import Lab
from kvmlab.spec.interface import NIC_MODELS


def has_model(lab: Lab, domain: str, model: str) -> CheckResult:
    """Check that a running domain has a NIC of a model, and that the guest sees that very card.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of the domain.
    model
        One of :data:`kvmlab.spec.interface.NIC_MODELS`.
    """
    if model not in NIC_MODELS:
        raise SpecError(f"NIC model {model!r} is unknown", hint=f"known: {', '.join(NIC_MODELS)}")

    def look() -> Seen:
        defined = [n.model for n in parse_nics(domain, "", find_domain(lab, domain).xml(), bridges={})]
        cards = [card.pci_id for card in ask_guest(lab, domain).cards]
        text = f"libvirt: {', '.join(defined) or 'none'}; in the guest: {', '.join(cards) or 'none'}"
        return Seen(model in defined and NIC_MODELS[model].pci_id in cards, text)

    return judge(
        f"{domain} has a {model} NIC",
        look,
        expected=f"model {model}, card {NIC_MODELS[model].pci_id} in the guest",
        hint=f"`virsh domiflist {domain}`, and in the guest `lspci -nn`",
    )


def has_driver(lab: Lab, domain: str, driver: str) -> CheckResult:
    """Check that a driver is bound to a card of a guest, and that it made a link of it."""

    def look() -> Seen:
        view = ask_guest(lab, domain)
        if not view.cards:
            raise Missing("the guest has no network card")
        text = ", ".join(f"{card.pci_id}: {card.driver or 'no driver'}" for card in view.cards)
        bound = any(card.driver == driver for card in view.cards)
        return Seen(bound and any(link.driver == driver for link in view.links), text)

    return judge(
        f"the NIC of {domain} is driven by {driver}",
        look,
        expected=f"driver {driver}, and a link",
        hint="in the guest: `lspci -nnk`, `ethtool -i eth0`, `modprobe`",
    )
