"""Walk the ladder for every guest, and say what was found."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kvmlab._repr import Table, html_table, text_table
from kvmlab.diagnosis import probe
from kvmlab.diagnosis.cause import CAUSES
from kvmlab.diagnosis.probe import Answer
from kvmlab.diagnosis.rungs import RUNGS, spots_of
from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.errors import KvmlabError
from kvmlab.evidence.scene import read_scene
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.tracing import trace

_AT_ONCE = 8
#: Seconds until a guest without an address is taken for one: it may just be asking for it, or have given
#: it up for a moment because it heard another machine with it (RFC 5227, section 2.4).
ADDRESS_BOUND_S = 5.0
_LOOK_S = 0.5
_GOOD, _WRONG, _ODD, _OPEN = "good", "wrong", "odd", "not looked at"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    cause
        One of :data:`kvmlab.diagnosis.cause.CAUSES`.
    where
        The thing that is to be put right.
    rung
        Rung of the ladder at which it was found.
    guests
        Whom it befalls.
    evidence
        What was seen.
    remedy
        What puts it right.
    """

    cause: str
    where: str
    rung: str
    guests: tuple[str, ...]
    evidence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Step:
    """What was seen at one rung for one NIC.

    Attributes
    ----------
    domain, rung
        Where.
    outcome
        ``good``; ``wrong``: a cause; ``odd``: a consequence of something
        else; ``not looked at``: the ladder broke before.
    seen
        In words.
    """

    domain: str
    rung: str
    outcome: str
    seen: str


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis:
    """What a walk up the ladder found; shows itself as a table.

    Attributes
    ----------
    findings
        What is wrong: one row for each cause and place.
    steps
        What was seen on the way: one row for each NIC and rung.
    """

    findings: Table[Finding]
    steps: Table[Step]

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of the causes, each once, in alphabetical order."""
        return tuple(sorted({finding.cause for finding in self.findings}))

    def of(self, domain: str) -> Table[Step]:
        """Return what was seen for one guest."""
        return self.steps.where(domain=domain)

    def _caption(self) -> str:
        if not self.findings:
            guests = ", ".join(dict.fromkeys(step.domain for step in self.steps)) or "no guest"
            return f"Nothing is wrong with the network of {guests}."
        return "\n".join(f"{name}: {CAUSES[name].about}" for name in self.causes)

    def __repr__(self) -> str:
        return text_table(self.findings or self.steps, caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.findings or self.steps, caption=self._caption())


def diagnose(lab: Lab, domain: str | None = None) -> Diagnosis:
    """Walk the ladder from each guest's card outward, and name the causes of what does not work.

    It goes by the lab's state and by what the guests reach, and stops for a
    guest at the first rung that is broken: what is above may be its
    consequence. Put that right, and look again.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Only this guest; by default all that run.

    Raises
    ------
    SpecError
        If no such domain runs.
    LabError
        If the lab does not run.

    Notes
    -----
    :func:`~kvmlab.diagnosis.rungs.ladder` shows the commands that do the same.
    """
    spots = _settled(lab, domain)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        climbs = list(pool.map(lambda spot: _climb(lab, spot), spots))
    steps = [step for climb in climbs for step in climb.steps()]
    return Diagnosis(Table(_merged(climbs)), Table(steps))


def _settled(lab: Lab, domain: str | None) -> list[Spot]:
    """Return what is known of each NIC, once those that seem to ask for an address had time to get one."""
    deadline = time.monotonic() + ADDRESS_BOUND_S
    while True:
        spots = spots_of(read_scene(lab), domain)
        if time.monotonic() > deadline or not any(map(_asks, spots)):
            return spots
        time.sleep(_LOOK_S)


def _asks(spot: Spot) -> bool:
    """Tell whether a NIC has no address though nothing around it says why."""
    held = spot.addresses or spot.upper
    return spot.link is not None and not held and not any(seen.cause for _, seen in _looked(spot))


@dataclass(frozen=True, slots=True)
class _Climb:
    """What was seen at the rungs for one NIC, up to the one that is broken."""

    spot: Spot
    seen: Mapping[str, Seen]

    @property
    def broken(self) -> tuple[str, Seen] | None:
        """The rung with a cause."""
        return next(((rung, seen) for rung, seen in self.seen.items() if seen.cause), None)

    def steps(self) -> Iterator[Step]:
        for rung in RUNGS:
            seen = self.seen.get(rung.name)
            if seen is None:
                yield Step(self.spot.nic.domain, rung.name, _OPEN, "")
            else:
                outcome = _WRONG if seen.cause else _ODD if seen.is_symptom else _GOOD
                yield Step(self.spot.nic.domain, rung.name, outcome, seen.text)


def _climb(lab: Lab, spot: Spot) -> _Climb:
    seen = dict(_looked(spot))
    if any(one.cause for one in seen.values()):
        return _Climb(spot, seen)
    answers = probe.ask(lab.domain(spot.nic.domain), probe.probes_of(spot))
    for rung in RUNGS:
        judged = rung.judge(spot, answers) if rung.judge else None
        if judged is not None:
            seen[rung.name] = judged
            if judged.cause:
                break
    if not any(one.cause for one in seen.values()):
        seen.update(_unexplained(lab, spot, seen, answers))
    return _Climb(spot, seen)


def _looked(spot: Spot) -> Iterator[tuple[str, Seen]]:
    for rung in RUNGS:
        seen = rung.look(spot)
        yield rung.name, seen
        if seen.cause:
            return


def _unexplained(
    lab: Lab, spot: Spot, seen: Mapping[str, Seen], answers: Mapping[str, Answer]
) -> dict[str, Seen]:
    """Name what no rung explains: no address, or a rule that only a followed packet shows."""
    odd = {rung: one for rung, one in seen.items() if one.is_symptom}
    last = RUNGS[-1].name
    if not odd:
        said = probe.summary(answers)
        return {last: Seen("; ".join(filter(None, (seen[last].text, said))))}
    if spot.nic.domain in spot.scene.silent:
        return {}
    if not spot.addresses:
        return {"address": Seen("no IPv4 address", "no-address", spot.nic.domain)}
    rung, symptom = next(iter(odd.items()))
    target = spot.near if rung == "neighbour" else world.PC_ADDRESS
    try:
        outcome = trace(lab, lab.domain(spot.nic.domain), target).outcome
    except KvmlabError as error:
        outcome = str(error).splitlines()[0]
    cause = "rule-drops" if outcome.startswith("A rule dropped it") else "unknown"
    return {rung: Seen(f"{symptom.text}. {outcome}", cause, target)}


def _merged(climbs: Sequence[_Climb]) -> Iterator[Finding]:
    """Yield each cause once for each place, with all guests that it befalls."""
    found: dict[tuple[str, str], list[tuple[str, str, Seen]]] = {}
    for climb in climbs:
        if climb.broken:
            rung, seen = climb.broken
            found.setdefault((seen.cause, seen.where), []).append((climb.spot.nic.domain, rung, seen))
    for (cause, where), rows in found.items():
        guests = tuple(dict.fromkeys(domain for domain, _, _ in rows))
        yield Finding(cause, where, rows[0][1], guests, rows[0][2].text, CAUSES[cause].remedy)
