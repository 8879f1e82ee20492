"""Drivers asked one after the other whether they take a card.

The kernel asks the drivers whose id table lists a card, and takes the first
that accepts it. ``driver_override`` in sysfs asks a named one, listed or not
(Linux, Documentation/ABI/testing/sysfs-bus-pci); the driver's own ``probe``
has the last word.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from kvmlab._repr import Table
from kvmlab.errors import GuestError, SpecError
from kvmlab.virt.domain import Domain

_NAME = re.compile(r"[A-Za-z0-9_-]+")
#: Told the link, a driver, its module's name and a mark for the kernel's log. The driver lets go again,
#: and the one that was there before comes back. Few programs: each takes an emulated guest a while.
_TRY = """\
card=$(readlink -f "/sys/class/net/$1/device") || exit 3
case ${card##*/} in virtio*) card=${card%/*} ;; esac
before=$(readlink "$card/driver") || exit 3
name=${card##*/} before=${before##*/} driver=/sys/bus/pci/drivers/$2 listed=no is_bound=no
modprobe "$2" || exit 4
[ -d "$driver" ] || exit 4
read -r modalias <"$card/modalias"
for module in $(modprobe --resolve-alias "$modalias"); do
    case $module in "$2" | "$3") listed=yes ;; esac
done
echo "$name" >"/sys/bus/pci/drivers/$before/unbind"
echo "$4" >/dev/kmsg
echo "$2" >"$card/driver_override"
echo "$name" 2>/dev/null >"$driver/bind" && is_bound=yes
echo "$listed $is_bound"
dmesg | sed -n "/$4/,\\$p"
[ $is_bound = yes ] && echo "$name" >"$driver/unbind"
echo >"$card/driver_override"
echo "$name" >"/sys/bus/pci/drivers/$before/bind"
"""
#: A line of the kernel's log about a card: time, driver, place, link.
_ABOUT_CARD = re.compile(
    r"^\[[ \d.]+\] \S+ [0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d:? ?"
    r"(?:\w+(?: \(un\w+ net_device\))?: )?(?P<text>.*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class DriverTrial:
    """What a driver did with a card.

    Attributes
    ----------
    driver
        Its name.
    is_listed
        Whether its id table lists the card.
    is_bound
        Whether it took the card.
    kernel_said
        What it wrote to the kernel's log.
    """

    driver: str
    is_listed: bool
    is_bound: bool
    kernel_said: str


def try_drivers(guest: Domain, drivers: Sequence[str], *, link: str = "eth0") -> Table[DriverTrial]:
    """Offer a card to drivers, also to those that do not list it; afterwards it is as before.

    Parameters
    ----------
    guest
        A guest that runs.
    drivers
        Names of drivers.
    link
        The guest's own name of the NIC. It loses its connections.

    Raises
    ------
    SpecError
        If a name cannot be that of a driver.
    GuestError
        If there is no such link or no such driver, or the card does not come back.

    Notes
    -----
    Same as ``echo DRIVER > /sys/bus/pci/devices/CARD/driver_override`` and
    ``echo CARD > /sys/bus/pci/drivers/DRIVER/bind`` in the guest.
    """
    for name in (*drivers, link):
        if not _NAME.fullmatch(name):
            raise SpecError(f"{name!r} is no name of a driver or a link", hint="such as '8139cp'")
    had_address = any(known.ipv4 for known in guest.links() if known.name == link)
    found = Table(_tried(guest, link, driver) for driver in drivers)
    if had_address:
        guest.wait_until_ready()
    return found


def _tried(guest: Domain, link: str, driver: str) -> DriverTrial:
    mark = f"kvmlab {uuid.uuid4()}"
    line = ["/bin/sh", "-c", _TRY, "sh", link, driver, driver.replace("-", "_"), mark]
    done = guest.run(line, check=False)
    if done.returncode:
        reasons = {3: f"has no card with a driver at {link!r}", 4: f"has no driver {driver!r} for PCI"}
        reason = reasons.get(done.returncode, f"its card does not come back: {done.stderr.strip()}")
        raise GuestError(guest.name, reason, hint="see `lspci -nnk` in the guest")
    head, _, log = done.stdout.partition("\n")
    listed, bound = head.split()
    return DriverTrial(driver, listed == "yes", bound == "yes", first_words(log))


def first_words(log: str) -> str:
    """Return what the kernel's log says first about a card, without time and place.

    Examples
    --------
    >>> first_words("[    7.8] r8169 0000:02:01.0: unknown chip XID 748, contact r8169 maintainers")
    'unknown chip XID 748, contact r8169 maintainers'
    >>> first_words("[    8.6] 8139cp 0000:02:01.0 eth0: RTL-8139C+ at 0x1")
    'RTL-8139C+ at 0x1'
    """
    found = _ABOUT_CARD.search(log)
    return "" if found is None else found["text"]
