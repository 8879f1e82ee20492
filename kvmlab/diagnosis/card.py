"""The first rungs: the cable, the card and its driver."""

from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.spec.interface import NIC_MODELS

#: What is said of a guest that has no agent by its very definition.
_MUTE = "has no agent"


def link(spot: Spot) -> Seen:
    """Look whether the guest's card is plugged in, and whether the guest answers."""
    nic, tap = spot.nic, spot.tap
    if not nic.is_plugged:
        return Seen(
            f"<link state='down'> in {nic.domain}'s XML", "cable-unplugged", f"{nic.domain} {nic.mac}"
        )
    if tap is not None and not tap.is_up:
        return Seen(f"{tap.name} is set down", "tap-down", tap.name)
    if nic.domain in spot.scene.silent:
        why = spot.scene.silent[nic.domain]
        return Seen(why, is_symptom=True) if _MUTE in why else Seen(why, "guest-silent", nic.domain)
    return Seen(f"plugged in{f', {tap.name} is up' if tap else ''}")


def driver(spot: Spot) -> Seen:
    """Look whether a driver is bound to the guest's card, and whether its link is up."""
    found = spot.link
    if found is None:
        return _no_link(spot)
    if not found.is_up:
        return Seen(f"{found.name} is set down in the guest", "guest-link-down", found.name)
    text = f"{found.name}, {found.driver or 'no device'}"
    return Seen(text) if found.has_carrier else Seen(f"{text}, without carrier", is_symptom=True)


def _no_link(spot: Spot) -> Seen:
    view, model = spot.view, NIC_MODELS.get(spot.nic.model)
    if view is None or model is None:
        return Seen("the guest does not say", is_symptom=True)
    bare = [card for card in view.cards if card.pci_id == model.pci_id and not card.driver]
    if not bare:
        text = f"no card {model.pci_id} on the guest's PCI bus"
        return Seen(text, "card-missing", f"{spot.nic.domain} {spot.nic.mac}")
    card = f"card {bare[0].pci_id} (rev {bare[0].revision}) has no driver"
    if view.is_blacklisted(model.driver):
        return Seen(f"{card}; {model.driver} is blacklisted", "driver-blacklisted", spot.nic.domain)
    loaded = model.driver.replace("-", "_") in {name.replace("-", "_") for name in view.modules}
    state = "loaded, but not bound" if loaded else "not loaded"
    return Seen(f"{card}; {model.driver} is {state}", "driver-wrong", spot.nic.domain)
