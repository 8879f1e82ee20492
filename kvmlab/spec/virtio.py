"""What a virtio NIC offers its guest: queues and features; libvirt's ``<driver>``."""

import xml.etree.ElementTree as ET
from collections.abc import Collection

from kvmlab.errors import SpecError

#: Queue pairs that a tap can have (MAX_TAP_QUEUES in Linux, drivers/net/tap.c and tun.c).
QUEUE_LIMIT = 256
#: Features that can be switched off, by QEMU's names of them (``-device virtio-net-pci,help``):
#: element and attribute of libvirt's (formatdomain, "Setting NIC driver-specific options").
#: ``guest_`` is what the host may hand to the guest, all others what the guest may hand to the host.
FEATURES = {
    "csum": ("host", "csum"),
    "gso": ("host", "gso"),
    "host_tso4": ("host", "tso4"),
    "host_tso6": ("host", "tso6"),
    "host_ecn": ("host", "ecn"),
    "host_ufo": ("host", "ufo"),
    "mrg_rxbuf": ("host", "mrg_rxbuf"),
    "guest_csum": ("guest", "csum"),
    "guest_tso4": ("guest", "tso4"),
    "guest_tso6": ("guest", "tso6"),
    "guest_ecn": ("guest", "ecn"),
    "guest_ufo": ("guest", "ufo"),
}


def check_driver(model: str, queues: int, without: Collection[str]) -> None:
    """Refuse queues and features that a NIC of this model does not have.

    Raises
    ------
    SpecError
        Saying which.
    """
    unknown = [name for name in without if name not in FEATURES]
    if unknown:
        raise SpecError(f"feature {unknown[0]!r} is unknown", hint=f"known: {', '.join(FEATURES)}")
    if not 1 <= queues <= QUEUE_LIMIT:
        raise SpecError(f"{queues} queues are not possible", hint=f"use 1 to {QUEUE_LIMIT}")
    if model != "virtio" and (queues > 1 or without):
        raise SpecError(
            f"a NIC of model {model!r} has no queues or features to choose", hint="model='virtio' has"
        )


def driver_elements(queues: int, without: Collection[str]) -> list[ET.Element]:
    """Return libvirt's ``<driver>`` element; none where all is as libvirt has it by default."""
    if queues == 1 and not without:
        return []
    driver = ET.Element("driver", {"queues": str(queues)} if queues > 1 else {})
    for part in ("host", "guest"):
        off = {name: "off" for owner, name in (FEATURES[feature] for feature in without) if owner == part}
        if off:
            ET.SubElement(driver, part, off)
    return [driver]
