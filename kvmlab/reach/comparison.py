"""All modes side by side, each in a lab of its own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from kvmlab._progress import Progress, Silent, shown
from kvmlab.errors import SpecError
from kvmlab.lab import Lab
from kvmlab.reach.expected import LINK_LOCAL
from kvmlab.reach.matrix import Matrix
from kvmlab.reach.modes import GUESTS, MODES, Prepared
from kvmlab.reach.paths import METHOD, probe_all
from kvmlab.reach.station import Station, ready
from kvmlab.spec.domain import DomainSpec
from kvmlab.virt.domain import Domain

#: Modes that are set up at the same time: most of the time is waiting.
AT_ONCE = 4


def compare_modes(modes: Sequence[str] = tuple(MODES), *, progress: Progress | None = None) -> Matrix:
    """Set up network modes, each in a lab of its own, and probe who reaches whom.

    Parameters
    ----------
    modes
        Some of :data:`kvmlab.reach.modes.MODES`; all by default.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    SpecError
        If a mode is unknown.
    KvmlabError
        If a lab or a guest does not start; the labs made so far are gone then.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown:
        raise SpecError(f"mode {unknown[0]!r} is unknown", hint=f"one of {', '.join(MODES)}")
    found: dict[str, Matrix] = {}
    with shown(progress, "reachability") as steps, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        steps.step("setting up the first modes", done=0.0)
        waiting = {pool.submit(_in_own_lab, mode): mode for mode in modes}
        try:
            for count, one in enumerate(as_completed(waiting), 1):
                found[waiting[one]] = one.result()
                steps.step(f"{count} of {len(modes)} modes", done=count / len(modes))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Matrix(tuple(cell for mode in modes for cell in found[mode].cells), METHOD)


def _in_own_lab(mode: str) -> Matrix:
    with Lab.start(f"reach-{mode}", replace=True, progress=Silent()) as lab:
        return set_up_and_probe(lab, mode)


def set_up_and_probe(lab: Lab, mode: str) -> Matrix:
    """Set up a mode in a lab that is otherwise empty, and probe every path.

    Parameters
    ----------
    lab
        A running lab.
    mode
        One of :data:`kvmlab.reach.modes.MODES`.
    """
    prepared = MODES[mode](lab)
    nics = zip(GUESTS, prepared.nics, strict=True)
    guests = [lab.define(DomainSpec(name=name, interfaces=(nic,))) for name, nic in nics]
    with ThreadPoolExecutor(max_workers=len(guests)) as pool:
        numbers = range(len(guests))
        stations = list(pool.map(lambda number: _start(mode, prepared, guests[number], number), numbers))
    return probe_all(lab, mode, stations, host_addresses=prepared.host_addresses)


def _start(mode: str, prepared: Prepared, guest: Domain, number: int) -> Station:
    guest.start(progress=Silent())
    static = prepared.static[number] if prepared.static else None
    return ready(guest, static=static, scope="link" if mode in LINK_LOCAL else "wide")
