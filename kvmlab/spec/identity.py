"""What libvirt would choose by chance, following from names instead."""

import hashlib
import uuid
from dataclasses import dataclass

#: Prefix of QEMU's and libvirt's MAC addresses (locally administered).
MAC_PREFIX = "52:54:00"


def mac_from(*names: str) -> str:
    """Return a MAC address that follows from names.

    Examples
    --------
    >>> mac_from("nat", "vm1", "0")
    '52:54:00:48:7a:5a'
    """
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()
    return f"{MAC_PREFIX}:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def uuid_from(*names: str) -> uuid.UUID:
    """Return a UUID that follows from names (RFC 9562, version 5).

    Examples
    --------
    >>> uuid_from("nat", "vm1")
    UUID('5f8a30a6-a2a4-5570-8440-39d617340bb2')
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"kvmlab:{'/'.join(names)}")


@dataclass(frozen=True, slots=True)
class NetworkIdentity:
    """UUID of a network and MAC address of its bridge.

    Examples
    --------
    >>> NetworkIdentity.of("nat", "blue").mac
    '52:54:00:a4:8e:48'
    """

    uuid: str
    mac: str

    @classmethod
    def of(cls, lab: str, network: str) -> "NetworkIdentity":
        """Return the identity that follows from the names of lab and network."""
        return cls(str(uuid_from(lab, "network", network)), mac_from(lab, "network", network))
