"""Which fault shows, what the diagnosis calls it, and how long that takes; prints the table.

``python -m tests.diagnosis.measured`` measures every fault, with ``--all`` at every
target that a lab offers, ``python -m tests.diagnosis.measured dns-wrong …`` some.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import kvmlab as kl
from kvmlab._repr import Table
from kvmlab.evidence.scene import read_scene
from kvmlab.fault import FAULTS, Broken, put
from tests.diagnosis.labs import KINDS, TABLE


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault.

    Attributes
    ----------
    fault, difficulty, lab, befell
        Which one, and where.
    shows
        Whether what the complaint is about did not work.
    named
        The causes that the diagnosis named.
    break_s, diagnose_s, mend_s
        Seconds until it was in place, until it was named, and until nothing was left of it.
    """

    fault: str
    difficulty: str
    lab: str
    befell: str
    shows: bool
    named: str
    break_s: float
    diagnose_s: float
    mend_s: float


def measure(lab: kl.Lab, name: str) -> Row:
    """Put a fault into a lab, look what it does and what the diagnosis says, and mend it."""
    started = time.monotonic()
    return _looked_at(kl.break_lab(lab, name, seed=1), started)


def measure_all(lab: kl.Lab, name: str) -> Iterator[Row]:
    """Measure a fault at every target that the lab offers."""
    for target in FAULTS[name].targets(read_scene(lab)):
        started = time.monotonic()
        yield _looked_at(put(lab, read_scene(lab), FAULTS[name], target), started)


def _looked_at(broken: Broken, started: float) -> Row:
    broke = time.monotonic()
    try:
        with ThreadPoolExecutor() as pool:
            shows = pool.submit(broken.shows)
            named = kl.diagnose(broken.lab).causes
            diagnosed = time.monotonic()
        showed = shows.result()
    finally:
        mends = time.monotonic()
        broken.mend()
    return Row(
        fault=broken.fault.name,
        difficulty=broken.fault.difficulty,
        lab=broken.lab.name,
        befell=" ".join(broken.target.values()),
        shows=showed,
        named=" ".join(named),
        break_s=broke - started,
        diagnose_s=diagnosed - broke,
        mend_s=time.monotonic() - mends,
    )


def rows_of(names: list[str], *, everywhere: bool) -> Iterator[Row]:
    """Measure faults, each in the lab of the table, or at every target of every lab."""
    for kind, make in KINDS.items():
        with make(f"ill-{kind}") as lab:
            for name in names:
                if everywhere:
                    yield from measure_all(lab, name)
                elif TABLE[name] == kind:
                    yield measure(lab, name)


def main(words: list[str]) -> None:
    names = [word for word in words if not word.startswith("-")] or list(FAULTS)
    rows = []
    for row in rows_of(names, everywhere="--all" in words):
        sys.stderr.write(f"{row.fault} at {row.befell}: {row.named or 'nothing named'}\n")
        rows.append(row)
    wrong = [row for row in rows if row.named != row.fault or not row.shows]
    sys.stdout.write(f"{Table(rows)}\n{len(rows) - len(wrong)} of {len(rows)} show and are named\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
