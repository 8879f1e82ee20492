"""Faults: one realistic cause each, put into a lab by a seed, told by its symptom, and taken back.

Nothing here is imported by what looks for causes (:mod:`kvmlab.diagnosis`), nor
the other way round: neither knows what the other does.
"""

import random
from dataclasses import dataclass

from kvmlab._repr import Table
from kvmlab.errors import SpecError
from kvmlab.evidence.scene import Scene, read_scene
from kvmlab.fault import bridge, filtering, guest, identity, routing, service, size, uplink
from kvmlab.fault.broken import Broken, Revealed, is_recorded, put, recorded
from kvmlab.fault.fault import DIFFICULTIES, Difficulty, Fault, Recipe
from kvmlab.fault.symptom import Symptom
from kvmlab.lab import Lab

_MODULES = (bridge, filtering, guest, identity, routing, service, size, uplink)
#: All faults by their names, in alphabetical order.
FAULTS = {
    fault.name: fault
    for fault in sorted((one for module in _MODULES for one in module.FAULTS), key=lambda fault: fault.name)
}

__all__ = [
    "DIFFICULTIES",
    "FAULTS",
    "Broken",
    "Fault",
    "Recipe",
    "Revealed",
    "Symptom",
    "break_lab",
    "broken_in",
    "list_faults",
    "mend_lab",
    "put",
]


def break_lab(
    lab: Lab,
    name: str | None = None,
    *,
    seed: int | str | None = None,
    difficulty: Difficulty | None = None,
) -> Broken:
    """Put a fault into a lab; the same seed puts the same one into a lab that is the same.

    Parameters
    ----------
    lab
        A running lab with guests.
    name
        Which fault (:func:`list_faults`); by default a surprise.
    seed
        Decides which fault, and what it befalls; by default 0 for a fault of that name, and chance
        for a surprise.
    difficulty
        For a surprise: ``easy``, ``medium`` or ``hard``; any by default.

    Returns
    -------
    Broken
        Tells the complaint; later what it was, and mends it.

    Raises
    ------
    SpecError
        If the fault is unknown or in place already, or nothing in the lab can have it.
    LabError
        If it does not take; the lab is as before then.

    Examples
    --------
    >>> broken = kl.break_lab(lab, difficulty="easy", seed=7)  # doctest: +SKIP
    >>> broken  # doctest: +SKIP
    Something is wrong in lab 'nat'. The complaint:
      vm1 has an address, but reaches nobody.
    Find out what it is, and put it right. reveal() tells what was done, mend() takes it back.
    """
    candidates = _candidates(name, difficulty)
    scene = read_scene(lab)
    possible = [fault for fault in candidates if fault.targets(scene) and not is_recorded(lab, fault.name)]
    if not possible:
        raise _impossible(lab, name, difficulty)
    if seed is None and name is not None:
        seed = 0
    chance = random.Random(None if seed is None else f"{seed}")
    fault = chance.choice(possible)
    return put(lab, scene, fault, chance.choice(fault.targets(scene)))


def _candidates(name: str | None, difficulty: str | None) -> list[Fault]:
    if name is not None and name not in FAULTS:
        raise SpecError(f"fault {name!r} is unknown", hint=f"one of {', '.join(FAULTS)}")
    if difficulty is not None and difficulty not in DIFFICULTIES:
        raise SpecError(f"difficulty {difficulty!r} is unknown", hint=f"one of {', '.join(DIFFICULTIES)}")
    if name is not None:
        return [FAULTS[name]]
    return [fault for fault in FAULTS.values() if difficulty in (None, fault.difficulty)]


def _impossible(lab: Lab, name: str | None, difficulty: str | None) -> SpecError:
    if name is None:
        return SpecError(
            f"nothing in lab {lab.name!r} can have a fault{f' that is {difficulty}' if difficulty else ''}",
            hint="start a guest in it, and wait until it has an address",
        )
    if is_recorded(lab, name):
        return SpecError(
            f"{name} is in place in lab {lab.name!r} already", hint="mend_lab(lab) takes it back"
        )
    return SpecError(f"nothing in lab {lab.name!r} can have {name}", hint=f"it needs {FAULTS[name].needs}")


def broken_in(lab: Lab) -> list[Broken]:
    """Return the faults that are in place in a lab, also those of an earlier kernel, the oldest first."""
    return recorded(lab, FAULTS.values())


def mend_lab(lab: Lab) -> None:
    """Take back all faults that were put into a lab, the newest first.

    Raises
    ------
    LabError
        If one of them is still there after a minute.
    """
    for broken in reversed(broken_in(lab)):
        broken.mend()


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault as a table shows it.

    Attributes
    ----------
    name, difficulty, about, needs
        As in :class:`~kvmlab.fault.fault.Fault`.
    """

    name: str
    difficulty: str
    about: str
    needs: str


def list_faults(lab: Lab | None = None) -> Table[FaultRow]:
    """Return all faults, or those that a lab can have.

    Parameters
    ----------
    lab
        A running lab; None for all faults.
    """
    scene: Scene | None = None if lab is None else read_scene(lab)
    found = [fault for fault in FAULTS.values() if scene is None or fault.targets(scene)]
    return Table(FaultRow(fault.name, fault.difficulty, fault.about, fault.needs) for fault in found)
