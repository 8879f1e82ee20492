"""What a domain uses of its host: CPU time, and exits to the hypervisor."""

from collections.abc import Mapping

import libvirt

from kvmlab.errors import LibvirtError
from kvmlab.virt.connection import qmp
from kvmlab.virt.domain import Domain


def qemu_cpu_s(domain: Domain) -> float:
    """Return the seconds of CPU that the domain's QEMU has used, with all its threads.

    Same as ``virsh domstats --cpu-total NAME`` (``cpu.time``). libvirt reads
    it from ``/proc/PID/stat``, whose clock ticks every 10 ms on most machines
    (proc(5), ``utime`` and ``stime``).

    Raises
    ------
    LibvirtError
        If libvirt does not tell it.
    """
    try:
        return float(domain.vir.info()[4]) / 1e9
    except libvirt.libvirtError as error:
        raise LibvirtError(f"cannot read the CPU time of domain {domain.name!r}: {error}") from error


def kvm_counts(domain: Domain) -> Mapping[str, int]:
    """Return what KVM counted for all CPUs of a domain: ``exits``, ``halt_exits`` and so on.

    Same as ``virsh qemu-monitor-command NAME '{"execute": "query-stats", …}'``,
    which QEMU has since 7.1 and Linux feeds since 5.14 (QEMU, qapi/stats.json;
    Linux, Documentation/virt/kvm/api, "KVM_GET_STATS_FD"). Empty under emulation.

    Raises
    ------
    LibvirtError
        If QEMU does not answer.
    """
    try:
        return sum_counts(qmp(domain.vir, "query-stats", target="vcpu"))
    except libvirt.libvirtError as error:
        raise LibvirtError(f"cannot read what KVM counted for domain {domain.name!r}: {error}") from error


def sum_counts(answer: object) -> dict[str, int]:
    """Add up the counters of all CPUs in the answer of ``query-stats``; histograms are left out.

    Examples
    --------
    >>> one = {"provider": "kvm", "stats": [{"name": "exits", "value": 3}, {"name": "hist", "value": [0]}]}
    >>> sum_counts([one, one])
    {'exits': 6}
    """
    counts: dict[str, int] = {}
    for cpu in answer if isinstance(answer, list) else []:
        for counter in cpu["stats"]:
            if isinstance(counter["value"], int) and not isinstance(counter["value"], bool):
                counts[counter["name"]] = counts.get(counter["name"], 0) + counter["value"]
    return counts
