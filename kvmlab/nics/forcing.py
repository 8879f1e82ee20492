"""The older driver of the rtl8139 on QEMU's card, against its will.

QEMU's card has PCI revision 0x20 (hw/net/rtl8139.c, ``RTL8139_PCI_REVID_8139CPLUS``).
``8139too`` leaves such cards to ``8139cp`` (Linux, drivers/net/ethernet/realtek/8139too.c,
``rtl8139_init_one``): it compares the revision with 0x1f, which is one byte of the
module. In a copy of the module that byte becomes 0xff, the greatest revision there
is, and the comparison is never true.
"""

import base64
import re

from kvmlab.errors import GuestError
from kvmlab.virt.domain import Domain

#: ``cmp $0x1f`` on a byte or a word, in a register or in memory, and the jump that goes by it (Intel 64
#: and IA-32 Architectures Software Developer's Manual, volume 2: 80 /7 ib, 83 /7 ib, 3C ib; Jcc).
_COMPARISON = re.compile(
    rb"(?:[\x80\x83](?:[\xf8-\xff]|[\x78-\x7b\x7d-\x7f].|\x7c..|[\xb8-\xbb\xbd-\xbf].{4}|\xbc.{5})|\x3c)\x1f"
    rb"(?=[\x76\x77]|\x0f[\x86\x87])",
    re.DOTALL,
)
#: The device id that is compared beside the revision, 0x8139, and how far from it.
_DEVICE, _NEAR = b"\x39\x81", 96
_MODULE, _COPY = "8139too", "/run/8139too.ko"
_ANY_REVISION = b"\xff"


def force_8139too(guest: Domain) -> str:
    """Let the driver ``8139too`` have the rtl8139 cards of a guest, until that ends.

    Parameters
    ----------
    guest
        A guest of kvmlab's image that runs, with an rtl8139 NIC. It loses its connections.

    Returns
    -------
    str
        What was changed in the copy of the module.

    Raises
    ------
    GuestError
        If its kernel's module does not look as expected, or the guest has no such card.
    """
    if "rtl8139" not in {nic.model for nic in guest.nics()}:
        raise GuestError(guest.name, "has no NIC of model rtl8139", hint="define it with model='rtl8139'")
    file = guest.run(["modinfo", "--field", "filename", _MODULE]).stdout.strip()
    module = base64.b64decode(guest.run(["base64", "--wrap=0", file]).stdout)
    place = revision_check(module)
    if place is None:
        raise GuestError(
            guest.name,
            f"{file} does not compare the revision as in the kernels that are known",
            hint="try_drivers() shows its refusal all the same",
        )
    changed = module[:place] + _ANY_REVISION + module[place + 1 :]
    guest.run(["/bin/sh", "-c", f"base64 -d >{_COPY}"], stdin=base64.b64encode(changed).decode())
    guest.run(["/bin/sh", "-c", f"rmmod {_MODULE} 2>/dev/null; rmmod 8139cp; insmod {_COPY}"])
    if _MODULE not in {nic.driver for nic in guest.nics()}:
        raise GuestError(
            guest.name, f"{_MODULE} refuses its card all the same", hint="see `dmesg` in the guest"
        )
    guest.wait_until_ready()
    return f"{file}: byte {place} is ff instead of 1f in the copy that is loaded"


def revision_check(module: bytes) -> int | None:
    """Return where a module of ``8139too`` has the 0x1f of its comparison; None if that is not clear."""
    places = [match.end() - 1 for match in _COMPARISON.finditer(module)]
    devices = [match.start() for match in re.finditer(re.escape(_DEVICE), module)]
    near = [place for place in places if any(abs(place - device) < _NEAR for device in devices)]
    return near[0] if len(near) == 1 else None
