"""How fast one guest starts, and what several cost together."""

import contextlib
from collections.abc import Sequence

from kvmlab import lab as labs
from kvmlab._progress import Silent
from kvmlab._run import LocalRunner
from kvmlab.bench import rawkit, scene
from kvmlab.bench.rawguest import RawGuest
from kvmlab.bench.rawkit import Place, RawKit
from kvmlab.bench.report import FigureKind, Samples
from kvmlab.bench.scene import Rounds
from kvmlab.lab import Lab
from kvmlab.virt.domain import Domain

#: Guests of the figures about several.
TOGETHER = 8

FROM_TEMPLATE = FigureKind(
    "guest_from_template",
    "s",
    "from start() until the guest answers and sees its two NICs",
    "the same saved guest loaded by plain QEMU, NICs plugged in by QMP, until the guest says it sees both",
)
COLD = FigureKind(
    "guest_cold",
    "s",
    "from start(instant=False) until the guest answers and sees its two NICs",
    "the same kernel and devices booted by plain QEMU, until the guest's agent tells of both NICs",
)
PING = FigureKind(
    "eight_guests_to_ping",
    "s",
    f"from the start of {TOGETHER} guests at the same time until each has addresses and answers ping",
    f"{TOGETHER} plain QEMUs with the same saved guest, on the same network",
)
PSS = FigureKind(
    "guest_pss",
    "MiB",
    f"proportional memory (PSS) of QEMU for each of {TOGETHER} guests that run together, their mean",
    "the plain QEMUs of eight_guests_to_ping",
)


def from_template(rounds: Rounds) -> dict[str, Samples]:
    """Measure starts from the saved guest."""
    return {FROM_TEMPLATE.name: _starts(rounds, FROM_TEMPLATE.name, instant=True)}


def cold(rounds: Rounds) -> dict[str, Samples]:
    """Measure boots."""
    return {COLD.name: _starts(rounds, COLD.name, instant=False)}


def _starts(rounds: Rounds, name: str, *, instant: bool) -> Samples:
    rounds.preparing(name)
    values, baseline = [], []
    with scene.lab_with_network() as lab:
        guest = scene.define_guest(lab, "vm1")
        guest.start(progress=Silent())  # makes the saved guest
        guest.destroy()
        kit, place = RawKit.of(lab, guest), scene.raw_place(lab)
        _start(guest, instant=instant)  # the files are in memory from now on
        for number in rounds.of(name):
            ours, raw = scene.in_turns(
                number,
                lambda: _start(guest, instant=instant),
                lambda: _start_raw(kit, place, instant=instant),
            )
            values.append(ours)
            baseline.append(raw)
    return Samples(values, baseline)


def _start(guest: Domain, *, instant: bool) -> float:
    elapsed_s = scene.timed(lambda: guest.start(instant=instant, progress=Silent()))
    guest.destroy()
    return elapsed_s


def _start_raw(kit: RawKit, place: Place, *, instant: bool) -> float:
    with contextlib.ExitStack() as stack:
        if instant:
            return scene.timed(lambda: rawkit.restore([kit], place, stack))
        return scene.timed(lambda: rawkit.boot(kit, place, stack))


def together(rounds: Rounds, *, count: int = TOGETHER) -> dict[str, Samples]:
    """Measure several guests that start at the same time, and their memory."""
    rounds.preparing(PING.name)
    times, raw_times = [], []
    pss: list[float] = []
    raw_pss: list[float] = []
    with scene.lab_with_network() as lab:
        guests = [scene.define_guest(lab, f"vm{index}") for index in range(1, count + 1)]
        guests[0].start(progress=Silent())  # makes the saved guest
        guests[0].destroy()
        kits, place = [RawKit.of(lab, guest) for guest in guests], scene.raw_place(lab)
        for number in rounds.of(PING.name):
            ours, raw = scene.in_turns(
                number,
                lambda: _together(lab, guests, pss),
                lambda: _together_raw(kits, place, raw_pss),
            )
            times.append(ours)
            raw_times.append(raw)
    return {PING.name: Samples(times, raw_times), PSS.name: Samples(pss, raw_pss)}


def _together(lab: Lab, guests: list[Domain], pss: list[float]) -> float:
    def start() -> None:
        labs.start_all(guests, progress=Silent())
        for guest in guests:
            address = guest.address
            scene.until(lambda: answers(lab.host, address))  # noqa: B023  (called in this turn)

    elapsed_s = scene.timed(start)
    files = [lab.path / "run/libvirt/qemu" / f"{guest.name}.pid" for guest in guests]
    pss.append(mean_pss_mib(lab.host, [int(file.read_text(encoding="ascii")) for file in files]))
    for guest in guests:
        guest.destroy()
    return elapsed_s


def _together_raw(kits: list[RawKit], place: Place, pss: list[float]) -> float:
    with contextlib.ExitStack() as stack:
        guests: list[RawGuest] = []

        def start() -> None:
            guests.extend(rawkit.restore(kits, place, stack))
            for guest, kit in zip(guests, kits, strict=True):
                address = guest.wait_addresses(kit.macs)
                scene.until(lambda: answers(place.host, address))  # noqa: B023  (called in this turn)

        elapsed_s = scene.timed(start)
        pss.append(mean_pss_mib(place.host, [guest.pid() for guest in guests]))
    return elapsed_s


def answers(host: LocalRunner, address: str) -> bool:
    """Send one ping and tell whether it was answered."""
    return host.run(["ping", "-c1", "-W1", address], check=False).returncode == 0


def mean_pss_mib(host: LocalRunner, pids: Sequence[int]) -> float:
    """Return the mean proportional set size of processes in MiB: shared pages count in parts.

    Source: proc(5), ``/proc/PID/smaps_rollup``.
    """
    text = host.run(["cat", *(f"/proc/{pid}/smaps_rollup" for pid in pids)]).stdout
    sizes_kib = [int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")]
    return sum(sizes_kib) / len(sizes_kib) / 1024
