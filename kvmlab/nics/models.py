"""The driver matrix: every NIC model that QEMU offers, read from running guests."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmlab._progress import Progress, Silent, shown
from kvmlab._repr import Table, html_table, text_table
from kvmlab._run import LocalRunner, Runner
from kvmlab.errors import SpecError
from kvmlab.lab import Lab, start_all
from kvmlab.nics import reading
from kvmlab.nics.reading import NicFacts
from kvmlab.spec._devices import PCI_NICS, PCIE_NICS
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import NIC_MODELS, InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.virt.domain import Domain

#: Name of the network that the guests are plugged into, and of the guests without their number. It
#: needs taps: what a virtio NIC can do depends on what is behind it, and user mode takes no offloads.
_NAME = "nics"
#: Seconds in which links must have found their carrier.
_CARRIER_BOUND_S = 20.0
#: What libvirt calls otherwise than QEMU.
_QEMU_NAMES = {"virtio": "virtio-net-pci"}
_DEVICE = re.compile(r'^name "(?P<name>[^"]+)", bus PCI', re.MULTILINE)


@dataclass(frozen=True, slots=True, repr=False)
class NicModels:
    """NIC models as the guest image's kernel has them; made by :func:`nic_models`.

    Attributes
    ----------
    rows
        One per model.
    kernel
        Version of the guest's kernel.
    others
        PCI network devices of this QEMU that are not among them.
    """

    rows: Table[NicFacts]
    kernel: str
    others: tuple[str, ...]

    def __getitem__(self, model: str) -> NicFacts:
        """Return the row of a model.

        Raises
        ------
        SpecError
            If there is none.
        """
        for row in self.rows:
            if row.model == model:
                return row
        raise SpecError(
            f"no row for model {model!r}", hint=f"there are: {', '.join(row.model for row in self.rows)}"
        )

    def _caption(self) -> str:
        lines = [f"read from running guests, kernel {self.kernel}; modules below /lib/modules/…/kernel"]
        lines += [f"not tried, QEMU has them, too: {', '.join(self.others)}"] if self.others else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        return text_table(self.rows, caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.rows, caption=self._caption())


def nic_models(lab: Lab, *, progress: Progress | None = None) -> NicModels:
    """Return what the kernel of the guest image makes of each NIC model.

    Guests with one NIC of each model start, are asked, and end.

    Parameters
    ----------
    lab
        Where they run; nothing stays in it.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    KvmlabError
        If a guest does not start or does not tell.

    Notes
    -----
    Same as ``lspci -nnk``, ``ip -details link``, ``ethtool -k`` and ``ethtool -l``
    in a guest with one of each.
    """
    offered = pci_devices(lab.host)
    models = [model for model in NIC_MODELS if _QEMU_NAMES.get(model, model) in offered]
    with shown(progress, "NIC models") as steps, contextlib.ExitStack() as made:
        network = lab.define(NetworkSpec(name=_NAME))
        made.callback(network.undefine)
        network.start()
        made.callback(network.destroy, force=True)
        guests = [_defined(lab, number, part, made) for number, part in enumerate(_parts(models), 1)]
        steps.step(f"starting a guest with {len(models)} NICs")
        start_all(guests, addresses=False, progress=Silent())
        steps.step("asking its kernel")
        told = [reading.parse(*_said(guest)) for guest in guests]
        found = {
            nic.model: reading.facts(said, nic.link, nic.model)
            for guest, said in zip(guests, told, strict=True)
            for nic in guest.nics()
        }
    known = {_QEMU_NAMES.get(model, model) for model in models}
    others = [name for name in offered if name not in known and not name.startswith("virtio-net")]
    return NicModels(Table(found[model] for model in models), told[0].kernel, tuple(others))


def _parts(models: Sequence[str]) -> Iterator[list[str]]:
    """Share the models out among as few guests as have slots for them."""
    buses = [[m for m in models if NIC_MODELS[m].slot == slot] for slot in ("pcie", "pci")]
    slots = min(PCIE_NICS, PCI_NICS)
    for start in range(0, max(map(len, buses)), slots):
        yield [model for bus in buses for model in bus[start : start + slots]]


def _defined(lab: Lab, number: int, models: Sequence[str], made: contextlib.ExitStack) -> Domain:
    nics = tuple(InterfaceSpec(network=_NAME, model=model) for model in models)
    guest = lab.define(DomainSpec(name=f"{_NAME}{number}", interfaces=nics))

    def end() -> None:
        if guest.is_active:
            guest.destroy()
        guest.undefine()

    made.callback(end)
    return guest


def _said(guest: Domain) -> tuple[str, str]:
    """Ask a guest once its links are up: before, some drivers know no speed."""
    deadline = time.monotonic() + _CARRIER_BOUND_S
    while not all(nic.has_carrier for nic in guest.nics()) and time.monotonic() < deadline:
        time.sleep(0.2)
    said = guest.run(reading.ASK)
    return said.stdout, said.stderr


def pci_devices(runner: Runner | None = None) -> tuple[str, ...]:
    """Return the network devices for PCI that QEMU has; same as ``qemu-system-x86_64 -device help``."""
    program = f"qemu-system-{os.uname().machine}"
    return parse_devices((runner or LocalRunner()).run([program, "-device", "help"]).stdout)


def parse_devices(text: str) -> tuple[str, ...]:
    r"""Read the network devices in ``-device help``.

    Examples
    --------
    >>> parse_devices('Network devices:\nname "e1000", bus PCI, alias "e1000-82540em"\n\nInput devices:\n')
    ('e1000',)
    """
    section = text.partition("Network devices:\n")[2].partition("\n\n")[0]
    return tuple(match["name"] for match in _DEVICE.finditer(section))
