"""Run a plan: trial after trial, each written down when it ends."""

import contextlib
import os
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmlab._progress import Progress, shown
from kvmlab.errors import KvmlabError
from kvmlab.experiment.journal import Journal
from kvmlab.experiment.plan import Plan, Trial
from kvmlab.experiment.results import Results
from kvmlab.experiment.site import LabSite, Site
from kvmlab.experiment.trial import measure
from kvmlab.measure.machine import host_facts

if TYPE_CHECKING:
    from distributed import Client

Record = dict[str, Any]


def run_experiment(
    plan: Plan,
    path: str | Path | None = None,
    *,
    site: Site | None = None,
    client: "Client | None" = None,
    progress: Progress | None = None,
) -> Results:
    """Run a plan and return its results.

    Each trial is written to the file when it ends. Stopped by Ctrl-C (or a
    notebook's stop button), the same call goes on where it was. A trial that
    fails is recorded with the reason, without a figure, and the others go on.

    Parameters
    ----------
    plan
        What is to be measured.
    path
        File for the results, in JSON lines; None keeps them in memory only.
    site
        Where to measure; by default in a lab of its own, which ends with it.
    client
        A ``distributed.Client``: the trials run on its workers, each of them
        in a lab of its own on its machine.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    SpecError
        If the file holds results of another plan.
    OSError
        If the file cannot be opened.
    KeyboardInterrupt
        If it is stopped; a note says how to go on.
    """
    journal = Journal(None if path is None else Path(path), plan)
    done = {record["index"] for record in journal.records if "index" in record}
    todo = [trial for trial in plan.trials() if trial.index not in done]
    title = f"experiment, {len(plan.trials())} trials"
    try:
        with (
            shown(progress, title) as steps,
            contextlib.closing(_records(plan, todo, site, client)) as records,
        ):
            started, total = time.monotonic(), len(plan.trials())
            steps.step(_left(None), done=(total - len(todo)) / total)
            for count, record in enumerate(records, 1):
                journal.write(record)
                rest_s = (time.monotonic() - started) / count * (len(todo) - count)
                steps.step(_left(rest_s, record), done=(total - len(todo) + count) / total)
    except KeyboardInterrupt as stopped:
        stopped.add_note(_how_to_go_on(journal, plan))
        raise
    finally:
        journal.close()
    return Results(plan, journal.records, unwritten=journal.trouble)


def _records(
    plan: Plan, todo: list[Trial], site: Site | None, client: "Client | None"
) -> Generator[Record, None, None]:
    if not todo:
        return
    if client is not None:
        from kvmlab.experiment.distributed import run_distributed

        yield from run_distributed(plan, todo, client)
        return
    place = site or LabSite(f"experiment-{os.getpid()}")
    facts = host_facts()
    try:
        for trial in todo:
            yield run_trial(place, plan, trial, facts)
    finally:
        if site is None:
            place.close()


def run_trial(site: Site, plan: Plan, trial: Trial, facts: Mapping[str, Any]) -> Record:
    """Run one trial; what goes wrong with it is in the record.

    Parameters
    ----------
    site
        Where to measure.
    plan
        What the trial belongs to.
    trial
        Which one.
    facts
        Of the machine, kept beside the figures.
    """
    began, started = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    values: dict[str, float | None] = {}
    reason, limiter = "", ""
    try:
        with site.at(trial.point) as station:
            limiter = station.limiter
            values = measure(station, plan, trial.point)
    except (KvmlabError, OSError) as error:
        hint = getattr(error, "hint", "")
        reason = " ".join(f"{error}{f' ({hint})' if hint else ''}".split())
        values = {}
    return {
        "index": trial.index,
        "repeat": trial.repeat,
        "point": dict(trial.point),
        "outcome": "failed" if reason else "measured",
        "reason": reason,
        "values": values,
        "limiter": limiter,
        "site": site.name,
        "began": began,
        "elapsed_s": round(time.monotonic() - started, 3),
        "host": dict(facts),
    }


def _left(rest_s: float | None, record: Mapping[str, Any] | None = None) -> str:
    if rest_s is None or record is None:
        return "preparing"
    minutes, seconds = divmod(round(rest_s), 60)
    failed = " (the last one failed)" if record["outcome"] == "failed" else ""
    return f"{minutes}:{seconds:02} min left{failed}"


def _how_to_go_on(journal: Journal, plan: Plan) -> str:
    count = f"{len(journal.records)} of {len(plan.trials())} trials are finished"
    where = f" and in {journal.path}: the same call goes on with the rest" if journal.path else ""
    return count + (where or "; give a file to be able to go on")
