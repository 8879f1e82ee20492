"""Examine whether this machine can run labs, and say how to mend what is missing.

Nothing is judged by its looks where it can be tried: namespaces are made,
devices opened, links and rules made in a throw-away namespace, and a kernel
booted under KVM. All of it is gone afterwards.
"""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from kvmlab import _paths
from kvmlab._progress import Progress, shown
from kvmlab._run import LocalRunner
from kvmlab.doctor import features, guests, machine, namespaces, packages, passthrough, subids
from kvmlab.doctor.report import Check, Report
from kvmlab.errors import CommandTimeout, HostError
from kvmlab.host.namespaces import unshare_argv

__all__ = ["Check", "Report", "examine"]

#: Seconds for all that is tried inside the namespaces.
PROBE_BOUND_S = 30.0


def examine(*, progress: Progress | None = None) -> Report:
    """Check all that labs need on this machine, by trying it.

    Takes about a second; the first time after a start of the machine some
    seconds longer where KVM hangs.

    Parameters
    ----------
    progress
        Told the steps; by default they show in the cell or the terminal.

    Returns
    -------
    Report
        The checks in an order that is always the same.

    Notes
    -----
    Same as ``kvmlab doctor``. The kernel may load modules for what is tried,
    as it would for a lab.
    """
    runner = LocalRunner()
    user = _user_check()
    with shown(progress, "doctor") as steps:
        steps.step("looking for programs")
        programs = packages.checks(runner)
        steps.step("making namespaces")
        inside = _namespace_checks(runner)
        if user.outcome == "missing":  # the rest would look into folders of somebody else's
            return Report((user, *programs, *inside))
        steps.step("looking at the machine")
        resources = machine.resource_checks()
        steps.step("trying KVM")
        boots = guests.checks(steps)
    return Report((user, *programs, *inside, *resources, *boots))


def _namespace_checks(runner: LocalRunner) -> list[Check]:
    """Try everything inside namespaces at once, or find out why they cannot be made."""
    refusal = namespaces.find_refusal(runner)
    if refusal is not None:
        return _refused(refusal)
    line = [*unshare_argv(), sys.executable, "-m", "kvmlab.doctor.probe"]
    try:
        done = runner.run(line, check=False, timeout_s=PROBE_BOUND_S)
    except CommandTimeout as error:
        return _refused(namespaces.Refusal(namespaces.PROBE_STAGE, str(error)))
    if done.returncode != 0:
        message = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return _refused(namespaces.Refusal(namespaces.PROBE_STAGE, message))
    return _inside_checks(runner, json.loads(done.stdout))


def _refused(refusal: namespaces.Refusal) -> list[Check]:
    ids = [] if os.geteuid() == 0 else [subids.check(subids.user_name(), None)]
    tun = machine.tun_check(machine.try_device("/dev/net/tun"))
    return [namespaces.explain(refusal, namespaces.read_limits()), *ids, tun]


def _inside_checks(runner: LocalRunner, found: dict[str, Any]) -> list[Check]:
    root = os.geteuid() == 0
    made = "made as root: net, mount, uts, ipc, pid" if root else "made: user, net, mount, uts, ipc, pid"
    devices = found["devices"]
    tried = features.checks(found["features"], old_libvirt=packages.version(runner, "libvirtd") < (10, 4))
    return [
        Check("namespaces", "ok", made, namespaces.WHY),
        *([] if root else [subids.check(subids.user_name(), found["ids"])]),
        machine.tun_check(devices["/dev/net/tun"]),
        machine.vhost_check(devices["/dev/vhost-net"]),
        *passthrough.checks(),
        *tried,
        *features.modules_check(tried, Path("/lib/modules", platform.release())),
    ]


def _user_check() -> Check:
    why = "an ordinary user is enough; root's labs do without a user namespace"
    try:
        _paths.cache_dir(), _paths.state_dir()
    except HostError as error:
        return Check("user", "missing", str(error), why, error.hint)
    if os.geteuid() == 0:
        return Check("user", "ok", "root", why)
    return Check("user", "ok", f"{subids.user_name()} (uid {os.geteuid()})", why)
