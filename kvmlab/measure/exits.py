"""Exits from a guest to its hypervisor: what KVM counts, and emulation has none of.

Under KVM a guest runs on the CPU itself until it touches something that is
emulated, such as a register of its NIC: each time the CPU leaves the guest, an
*exit*. Under TCG QEMU is the CPU, there is nothing to leave, and nothing is
counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmlab._repr import Table
from kvmlab.measure.counters import CounterChange, changes
from kvmlab.virt import usage
from kvmlab.virt.domain import Domain

NOT_UNDER_TCG = "not available under TCG: an emulated CPU has no exits"


@dataclass(frozen=True, slots=True, repr=False)
class Exits:
    """Exits of a guest since its start.

    Attributes
    ----------
    guest
        Its name.
    counts
        By KVM's names, such as ``exits``, ``halt_exits``, ``io_exits``; None where there is no KVM.
    """

    guest: str
    counts: Mapping[str, int] | None = field(default=None)

    @property
    def is_available(self) -> bool:
        """Whether KVM counts them."""
        return self.counts is not None

    def since(self, before: "Exits") -> Table[CounterChange] | None:
        """Return what was counted since an earlier look; None where there is no KVM."""
        if self.counts is None or before.counts is None:
            return None
        return changes(before.counts, self.counts)

    def __repr__(self) -> str:
        if self.counts is None:
            return f"exits of {self.guest}: {NOT_UNDER_TCG}"
        found = {name: count for name, count in self.counts.items() if "exits" in name and count}
        return f"exits of {self.guest}: " + ", ".join(f"{name} {count}" for name, count in found.items())


def read_exits(guest: Domain) -> Exits:
    """Return the exits of a guest; under TCG the answer says that there are none to count.

    Parameters
    ----------
    guest
        A guest that runs.

    Raises
    ------
    LibvirtError
        If QEMU does not tell, for example because it is older than 7.1.

    Notes
    -----
    Same as ``virsh qemu-monitor-command NAME '{"execute": "query-stats",
    "arguments": {"target": "vcpu"}}'``, in place of ``perf kvm stat``, which needs root.
    """
    if guest.accelerator != "kvm":
        return Exits(guest.name)
    return Exits(guest.name, usage.kvm_counts(guest))
