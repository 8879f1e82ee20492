"""What can be varied in an experiment, and which levels each has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kvmlab.errors import SpecError
from kvmlab.measure.facts import check_range
from kvmlab.measure.udp import LEAST_BYTES, MOST_BYTES
from kvmlab.measure.udp_result import FRAME_OVERHEAD_BYTES
from kvmlab.spec.interface import NIC_MODELS
from kvmlab.spec.virtio import FEATURES, QUEUE_LIMIT

#: Modes that an experiment can build, and whom its guests talk to in each.
MODES = {
    "bridged": "the PC in the LAN",
    "nat": "the PC in the LAN",
    "routed": "the PC in the LAN",
    "host-only": "the KVM host",
    "direct-bridge": "the PC in the LAN",
    "user": "the PC in the LAN",
}
#: A feature that QEMU has but libvirt has no word for; set by ``-global``.
INDIRECT = "indirect_desc"

Level = str | int | float


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that can be varied.

    Attributes
    ----------
    name
        Its name, with its unit at the end.
    meaning
        What it is.
    default
        Its level where a plan does not name it.
    check
        Raises if something is none of its levels.
    is_built
        Whether a guest is made anew for each level; otherwise only its traffic differs.
    """

    name: str
    meaning: str
    default: Level
    check: Callable[[Level], None]
    is_built: bool = True


def _one_of(name: str, known: Mapping[str, object]) -> Callable[[Level], None]:
    def check(level: Level) -> None:
        if level not in known:
            raise SpecError(f"{name} {level!r} is unknown", hint=f"one of {', '.join(known)}")

    return check


def _number(name: str, low: float, high: float, *, whole: bool = True) -> Callable[[Level], None]:
    def check(level: Level) -> None:
        if isinstance(level, bool) or not isinstance(level, int | float) or (whole and level != int(level)):
            raise SpecError(f"{name} is {level!r}", hint=f"use a {'whole ' if whole else ''}number")
        check_range(name, level, low, high)

    return check


def _check_offloads(level: Level) -> None:
    words = str(level).split()
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or any(value not in ("on", "off") for value in pairs.values()):
        hint = "pairs as ethtool -K takes them, such as 'tso off gso off'; empty for the driver's own"
        raise SpecError(f"offloads {level!r} cannot be set", hint=hint)


def _check_without(level: Level) -> None:
    unknown = [name for name in features(level) if name not in (*FEATURES, INDIRECT)]
    if unknown:
        raise SpecError(
            f"feature {unknown[0]!r} is unknown", hint=f"known: {', '.join((*FEATURES, INDIRECT))}"
        )


def features(level: Level) -> tuple[str, ...]:
    """Return the features named in a level of ``without``.

    Examples
    --------
    >>> features("csum, gso"), features("")
    (('csum', 'gso'), ())
    """
    return tuple(name.strip() for name in str(level).split(",") if name.strip())


FACTORS = {
    factor.name: factor
    for factor in (
        Factor("mode", "how the guest is connected", "bridged", _one_of("mode", MODES)),
        Factor("model", "model of the NIC", "virtio", _one_of("NIC model", NIC_MODELS)),
        Factor(
            "queues",
            "queue pairs of a virtio NIC, and CPUs of its guest",
            1,
            _number("queues", 1, QUEUE_LIMIT),
        ),
        Factor("without", "features that a virtio NIC lacks, separated by commas", "", _check_without),
        Factor(
            "mtu",
            "MTU of the guest's NIC and of all links on the way, bytes",
            1500,
            _number("mtu", 68, 65535),
        ),
        Factor("offloads", "what ethtool -K switches in the guest", "", _check_offloads),
        Factor(
            "rate_mbit_s",
            "limit in both directions; 0 for none",
            0,
            _number("rate_mbit_s", 0, 1e6, whole=False),
        ),
        Factor("guests", "guests that send or receive at the same time", 1, _number("guests", 1, 8)),
        Factor(
            "direction",
            "forward: the guest sends; reverse: it receives",
            "forward",
            _one_of("direction", {"forward": 1, "reverse": 1}),
            is_built=False,
        ),
        Factor("streams", "TCP connections of each guest", 1, _number("streams", 1, 128), is_built=False),
        Factor(
            "frame_bytes",
            "length of the Ethernet frames of UDP, with the check sequence",
            1518,
            _number("frame_bytes", LEAST_BYTES + FRAME_OVERHEAD_BYTES, MOST_BYTES),
            is_built=False,
        ),
    )
}


def check_factor(name: str, levels: object) -> None:
    """Refuse a factor that does not exist, and levels that it does not have.

    Raises
    ------
    SpecError
        Naming it.
    """
    if name not in FACTORS:
        raise SpecError(f"factor {name!r} is unknown", hint=f"known: {', '.join(FACTORS)}")
    if isinstance(levels, str) or not isinstance(levels, list | tuple) or not levels:
        raise SpecError(f"factor {name!r} has no levels", hint=f"give a list, such as {name}=[...]")
    if len(set(levels)) < len(levels):
        raise SpecError(f"factor {name!r} has a level twice", hint="repeats= measures each level repeatedly")
    for level in levels:
        FACTORS[name].check(level)
