"""How fast a whole lab is: from nothing to a first ping, and to nothing again."""

import contextlib
import time
from collections.abc import Sequence

from kvmlab import lab as labs
from kvmlab._progress import Silent
from kvmlab.bench import barehost, rawkit, scene
from kvmlab.bench.barehost import BareHost
from kvmlab.bench.rawkit import Place, RawKit
from kvmlab.bench.report import FigureKind, Samples
from kvmlab.bench.scene import Rounds

START = FigureKind("lab_start", "s", "from Lab.start() until namespaces, libvirtd, LAN and internet answer")
FIRST_PING = FigureKind(
    "lab_to_first_ping",
    "s",
    "from Lab.start(), with a NAT network and two guests of two NICs each, until the first pings the second",
    "bare namespaces with a bridge and dnsmasq, two plain QEMUs with the same saved guest",
)
STOP = FigureKind(
    "lab_stop",
    "s",
    "from stop() of that lab until nothing of it is left",
    "the end of those bare namespaces",
)


def whole(rounds: Rounds) -> dict[str, Samples]:
    """Measure whole labs, beside namespaces with plain QEMU."""
    rounds.preparing(FIRST_PING.name)
    kits = _kits()
    ours: list[tuple[float, float, float]] = []
    raw: list[tuple[float, float]] = []
    for number in rounds.of(FIRST_PING.name):
        if number % 2:
            raw.append(_bare(kits))
            ours.append(_lab())
        else:
            ours.append(_lab())
            raw.append(_bare(kits))
    starts, pings, stops = zip(*ours, strict=True)
    raw_pings, raw_stops = zip(*raw, strict=True)
    return {
        START.name: Samples(starts),
        FIRST_PING.name: Samples(pings, raw_pings),
        STOP.name: Samples(stops, raw_stops),
    }


def _kits() -> list[RawKit]:
    """Fill libvirt's cache and make the saved guest; return what plain QEMU needs for two guests."""
    with scene.lab_with_network() as lab:
        guests = [scene.define_guest(lab, name) for name in ("vm1", "vm2")]
        guests[0].start(progress=Silent())
        return [RawKit.of(lab, guest) for guest in guests]


def _lab() -> tuple[float, float, float]:
    """Return seconds of the start, to the first ping, and of the end."""
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        lab = scene.start_lab()
        stack.push(lab)
        start_s = time.monotonic() - started
        scene.add_network(lab)
        guests = [scene.define_guest(lab, name) for name in ("vm1", "vm2")]
        labs.start_all(guests, progress=Silent())
        ping = ["ping", "-c1", "-W1", guests[1].address]
        scene.until(lambda: guests[0].run(ping, check=False).returncode == 0)
        ping_s = time.monotonic() - started
        stack.pop_all()
        return start_s, ping_s, scene.timed(lab.stop)


def _bare(kits: Sequence[RawKit]) -> tuple[float, float]:
    """Return seconds to the first ping between two plain QEMUs, and of the end."""
    started = time.monotonic()
    with BareHost() as bare, contextlib.ExitStack() as stack:
        guests = rawkit.restore(kits, Place(bare.host, bare.path, barehost.BRIDGE), stack)
        addresses = [guest.wait_addresses(kit.macs) for guest, kit in zip(guests, kits, strict=True)]
        scene.until(lambda: guests[0].pings(addresses[1]))
        ping_s = time.monotonic() - started
        return ping_s, scene.timed(bare.stop)
