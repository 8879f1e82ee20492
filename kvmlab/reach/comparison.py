"""All modes side by side, each in a lab of its own."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from ipaddress import IPv4Interface

from kvmlab._progress import Progress, Silent, shown
from kvmlab.errors import SpecError
from kvmlab.lab import Lab
from kvmlab.reach.expected import LINK_LOCAL
from kvmlab.reach.matrix import Matrix
from kvmlab.reach.modes import ALONE, GUESTS, MODES, Prepared
from kvmlab.reach.paths import method, probe_all
from kvmlab.reach.station import Station, ready
from kvmlab.spec.domain import DomainSpec
from kvmlab.virt.domain import Domain

#: Labs at the same time: a lab waits as long as it works, for addresses and for answers that do not come.
AT_ONCE = 4
#: The mode that takes the longest, since its guests have to ask for addresses twice: it comes first.
_LONGEST = "user-passt"


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
    jobs = [(mode, guests) for mode in modes for guests in _groups(mode)]
    first = sorted(range(len(jobs)), key=lambda number: jobs[number][0] != _LONGEST)
    found: dict[int, Matrix] = {}
    with shown(progress, "reachability") as steps, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        steps.step("setting up the first modes", done=0.0)
        waiting = {pool.submit(_in_own_lab, *jobs[number]): number for number in first}
        try:
            for count, one in enumerate(as_completed(waiting), 1):
                found[waiting[one]] = one.result()
                steps.step(f"{count} of {len(jobs)} labs", done=count / len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Matrix(tuple(cell for number in sorted(found) for cell in found[number].cells), method())


def _groups(mode: str) -> list[Mapping[str, str]]:
    """Return the guests that share a lab."""
    return [{name: model} for name, model in GUESTS.items()] if mode in ALONE else [GUESTS]


def _in_own_lab(mode: str, guests: Mapping[str, str]) -> Matrix:
    name = f"reach-{mode}" if guests is GUESTS else f"reach-{mode}-{'-'.join(guests)}"
    with Lab.start(name, replace=True, progress=Silent()) as lab:
        return set_up_and_probe(lab, mode, guests)


def set_up_and_probe(lab: Lab, mode: str, guests: Mapping[str, str] = GUESTS) -> Matrix:
    """Set up a mode in a lab that is otherwise empty, and probe every path.

    Parameters
    ----------
    lab
        A running lab.
    mode
        One of :data:`kvmlab.reach.modes.MODES`.
    guests
        NIC models by name of the guest.
    """
    prepared = MODES[mode](lab, guests)
    defined = [lab.define(DomainSpec(name=name, interfaces=(prepared.nics[name],))) for name in guests]
    with ThreadPoolExecutor(max_workers=len(defined)) as pool:
        stations = list(pool.map(lambda guest: _start(mode, prepared, guest), defined))
    return probe_all(lab, mode, stations, host_addresses=prepared.host_addresses)


def _start(mode: str, prepared: Prepared, guest: Domain) -> Station:
    guest.start(progress=Silent())
    if prepared.finish is not None:
        prepared.finish(guest)
    static = IPv4Interface(prepared.static[guest.name]) if prepared.static else None
    scope = "link" if mode in LINK_LOCAL else "wide"
    return ready(guest, link=prepared.link, static=static, scope=scope)
