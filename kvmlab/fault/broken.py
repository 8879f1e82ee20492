"""A fault that is in place in a lab: how it shows, what it is, and its end.

What was done is kept in the lab's folder, so that it can be mended after the
kernel of a notebook was started anew, too.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvmlab._run import Runner
from kvmlab.commands import Command
from kvmlab.errors import KvmlabError, LabError
from kvmlab.evidence.scene import Scene, read_scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.host import world
from kvmlab.lab import Lab

#: Seconds until a fault must be in place, and until nothing must be left of it: guests ask anew for
#: addresses, which takes an emulated one on a busy machine some seconds.
TAKES_BOUND_S, MENDED_BOUND_S = 30.0, 60.0
#: Seconds between two looks at the lab.
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, repr=False)
class Broken:
    """A lab with a fault in it; shows how the fault is noticed, not what it is.

    Attributes
    ----------
    lab
        The lab.
    fault
        What is wrong; a learner looks here last.
    target
        What it befell.
    recipe
        What was done, and what takes it back.
    addresses
        IPv4 address of each guest that had one before.
    """

    lab: Lab
    fault: Fault
    target: Mapping[str, str]
    recipe: Recipe
    addresses: Mapping[str, str]

    @property
    def complaint(self) -> str:
        """What somebody who uses the network would say."""
        return self.recipe.symptom.complaint

    def __repr__(self) -> str:
        return (
            f"Something is wrong in lab {self.lab.name!r}. The complaint:\n  {self.complaint}\n"
            "Find out what it is, and put it right. reveal() tells what was done, mend() takes it back."
        )

    def shows(self) -> bool:
        """Try what the complaint is about; tell whether it does not work."""
        return self.recipe.symptom.shows(self.lab)

    def is_there(self) -> bool:
        """Tell from the lab's state whether the fault is still in place."""
        return self.fault.is_there(read_scene(self.lab), self.target)

    def reveal(self) -> "Revealed":
        """Return what was done."""
        return Revealed(self.fault.name, self.fault.about, self.recipe)

    def mend(self) -> None:
        """Take it back, whatever was done to it meanwhile; wait until guests have their addresses again.

        Raises
        ------
        LabError
            If it is still there, or a guest has no address, after a minute.
        """
        said = [done for command in self.recipe.mends if (done := _try(self.lab, command))]
        deadline = time.monotonic() + MENDED_BOUND_S
        while left := self._left(read_scene(self.lab)):
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.fault.name} in lab {self.lab.name!r} is not mended: {left}",
                    hint="; ".join(said) or "end the lab and start it again",
                )
            time.sleep(_LOOK_S)
        _record(self.lab, self.fault.name).unlink(missing_ok=True)

    def _left(self, scene: Scene) -> str:
        """Say what is not yet as before; empty if all is."""
        if self.fault.is_there(scene, self.target):
            return "it is still there"
        held = {nic.domain: scene.addresses(nic) for nic in scene.running}
        lost = [
            domain
            for domain, address in self.addresses.items()
            if domain in held and address not in [cidr.split("/")[0] for cidr in held[domain]]
        ]
        return f"{', '.join(lost)} without the address of before" if lost else ""

    def save(self) -> None:
        """Keep what is needed to mend it in the lab's folder."""
        path = _record(self.lab, self.fault.name)
        path.parent.mkdir(exist_ok=True)
        kept = {"target": dict(self.target), "addresses": dict(self.addresses), "recipe": asdict(self.recipe)}
        path.write_text(json.dumps(kept), encoding="utf-8")


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """What was done to a lab; shows itself as text."""

    name: str
    about: str
    recipe: Recipe

    def __repr__(self) -> str:
        done = "\n".join(f"  {_line(command)}" for command in self.recipe.breaks)
        ends = "\n".join(f"  {_line(command)}" for command in self.recipe.mends)
        return f"{self.name}: {self.about}\nWhat was done:\n{done}\nWhat takes it back:\n{ends}"


def _line(command: Command) -> str:
    text = str(Command(command.argv, "")).split("\n", 1)[1]
    given = f" <<< {command.stdin!r}" if command.stdin else ""
    return f"{command.where}$ {text}{given}"


def run(lab: Lab, command: Command) -> None:
    """Run a command on a host of a lab or in a guest.

    Raises
    ------
    CommandError
        If it ends with another status than 0.
    """
    runner: Runner = (
        getattr(lab, command.where) if command.where in world.HOSTS else lab.domain(command.where)
    )
    command.run(runner)


def _try(lab: Lab, command: Command) -> str:
    """Run a command that may find nothing to undo; return what it complains about."""
    try:
        run(lab, command)
    except KvmlabError as error:  # such as a guest that was stopped meanwhile
        return str(error).splitlines()[0]
    return ""


def make(broken: Broken) -> None:
    """Put a fault in place, and wait until it is there; if it cannot be made, take back what was done.

    Raises
    ------
    LabError
        If it does not take.
    """
    try:
        for command in broken.recipe.breaks:
            run(broken.lab, command)
        deadline = time.monotonic() + TAKES_BOUND_S
        while not broken.is_there():
            if time.monotonic() > deadline:
                raise LabError(f"{broken.fault.name} does not take in lab {broken.lab.name!r}")
            time.sleep(_LOOK_S)
    except BaseException:
        for command in broken.recipe.mends:
            _try(broken.lab, command)
        _record(broken.lab, broken.fault.name).unlink(missing_ok=True)
        raise


def put(lab: Lab, scene: Scene, fault: Fault, target: Target) -> Broken:
    """Put a fault into a lab at one of its targets.

    Parameters
    ----------
    lab
        A running lab.
    scene
        The lab as it is now.
    fault
        What to put in.
    target
        What it is to befall: one of ``fault.targets(scene)``.

    Raises
    ------
    KvmlabError
        If it does not take; what was done is taken back.
    """
    addresses = {nic.domain: address for nic in scene.running if (address := scene.address(nic))}
    broken = Broken(lab, fault, target, fault.recipe(scene, target), addresses)
    broken.save()
    make(broken)
    return broken


def _record(lab: Lab, name: str) -> Path:
    return lab.path / "faults" / f"{name}.json"


def is_recorded(lab: Lab, name: str) -> bool:
    """Tell whether this fault was put in place and not mended."""
    return _record(lab, name).exists()


def recorded(lab: Lab, faults: Iterable[Fault]) -> list[Broken]:
    """Return the faults that were put in place and not mended, whoever did it, in the order of time."""
    known = [fault for fault in faults if is_recorded(lab, fault.name)]
    known.sort(key=lambda fault: _record(lab, fault.name).stat().st_mtime_ns)
    return [_read(lab, fault) for fault in known]


def _read(lab: Lab, fault: Fault) -> Broken:
    kept = json.loads(_record(lab, fault.name).read_text(encoding="utf-8"))
    return Broken(lab, fault, kept["target"], _recipe(kept["recipe"]), kept["addresses"])


def _recipe(kept: Mapping[str, Any]) -> Recipe:
    breaks, mends = (
        tuple(Command(**{**row, "argv": tuple(row["argv"])}) for row in kept[part])
        for part in ("breaks", "mends")
    )
    return Recipe(breaks, mends, Symptom(**kept["symptom"]))
