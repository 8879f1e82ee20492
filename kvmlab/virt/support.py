"""What a libvirt can do: by its version, or by asking it."""

from collections.abc import Sequence

import libvirt

from kvmlab.errors import HostError
from kvmlab.virt.connection import Connection

#: The first libvirt that sets VLANs on Linux bridges (libvirt, NEWS, 11.0.0; formatnetwork, "Setting VLAN
#: tag"), as virGetVersion() counts: millions, thousands, ones.
VLANS_SINCE = 11_000_000
#: The least that a description with passt consists of; nothing is defined with it.
_WITH_PASST = """\
<domain type="qemu"><name>passt</name><memory>1024</memory><os><type>hvm</type></os>
<devices><interface type="user"><backend type="passt"/></interface></devices></domain>"""


def check_vlans(connection: Connection, what: str, vlans: Sequence[int]) -> None:
    """Refuse VLANs that libvirt does not set on a Linux bridge.

    Raises
    ------
    HostError
        Naming its version.
    """
    if not vlans:
        return
    with connection.translated("ask for its version") as vir:
        version = int(vir.getLibVersion())
    if version < VLANS_SINCE:
        raise HostError(
            f"{what}: libvirt {_words(version)} sets no VLANs on a Linux bridge",
            hint=f"libvirt {_words(VLANS_SINCE)} and later do; here filter_vlans() does the same where the "
            "kernel can, and add_vlan() gives a guest a link of its own for a VLAN",
        )


def _words(version: int) -> str:
    """Return a version as people write it.

    Examples
    --------
    >>> _words(11_000_000), _words(9_000_004)
    ('11.0.0', '9.0.4')
    """
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def knows_passt(connection: Connection) -> bool:
    """Tell whether libvirt was built with passt as a backend of user mode (Debian 12's was not)."""
    vir = connection.vir
    try:
        vir.domainXMLToNative("qemu-argv", _WITH_PASST, 0)
    except libvirt.libvirtError as error:
        return bool(error.get_error_code() != libvirt.VIR_ERR_XML_ERROR)
    return True
