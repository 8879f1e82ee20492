"""The same plan on many machines: each worker of a Dask cluster measures in a lab of its own.

A repeat of all points is measured by one worker as long as that lives, so
that points are compared on one machine; repeats are spread over the workers.
"""

import atexit
import os
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kvmlab.errors import SpecError
from kvmlab.experiment.plan import Plan, Trial
from kvmlab.experiment.site import LabSite

if TYPE_CHECKING:
    from distributed import Client

#: The lab of this process, if it is a worker, and the lock that lets one trial run at a time.
_SITES: dict[str, LabSite] = {}
_ONE_AT_A_TIME = threading.Lock()


def run_distributed(plan: Plan, todo: Sequence[Trial], client: "Client") -> Iterator[dict[str, Any]]:
    """Run trials on the workers of a cluster; yield their records as they end.

    Parameters
    ----------
    plan
        What they belong to.
    todo
        Those that are still to be run.
    client
        Of a cluster whose workers have kvmlab and can run labs.

    Raises
    ------
    SpecError
        If the cluster has no workers.
    """
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    if not workers:
        raise SpecError("the cluster has no workers", hint="start some with `dask worker ADDRESS`")
    futures = {
        client.submit(
            _on_worker,
            plan.to_dict(),
            trial,
            workers=[workers[trial.repeat % len(workers)]],
            allow_other_workers=True,  # one that is lost is replaced by another
            priority=-trial.index,
            pure=False,
        ): trial
        for trial in todo
    }
    try:
        for future in _ended(list(futures)):
            error = future.exception()
            yield future.result() if error is None else _lost(futures[future], error)
    finally:
        client.cancel(list(futures))  # type: ignore[no-untyped-call]
        client.run(_close)


def _ended(futures: Sequence[Any]) -> Iterator[Any]:
    from distributed import as_completed

    yield from as_completed(futures)  # type: ignore[no-untyped-call]


def _on_worker(plan: dict[str, Any], trial: Trial) -> dict[str, Any]:
    from kvmlab.experiment.run import run_trial
    from kvmlab.measure.machine import host_facts

    with _ONE_AT_A_TIME:
        if not _SITES:
            _SITES["own"] = LabSite(f"experiment-{os.getpid()}")
            atexit.register(_close)
        return run_trial(_SITES["own"], Plan.from_dict(plan), trial, host_facts())


def _close() -> None:
    with _ONE_AT_A_TIME:
        if _SITES:
            _SITES.pop("own").close()


def _lost(trial: Trial, error: BaseException) -> dict[str, Any]:
    """Return the record of a trial whose worker was lost."""
    return {
        "index": trial.index,
        "repeat": trial.repeat,
        "point": dict(trial.point),
        "outcome": "failed",
        "reason": f"its worker was lost: {type(error).__name__}: {error}",
        "values": {},
        "limiter": "",
        "site": "",
        "began": "",
        "elapsed_s": 0.0,
        "host": {},
    }
