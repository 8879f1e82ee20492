"""What is shown is typed in: a shell of the lab's host reads the text, comments and all."""

import contextlib
from collections.abc import Iterator, Sequence

from kvmlab._run import Completed, Runner
from kvmlab.commands import Command, Explanation, explain_by_hand, explain_network
from kvmlab.lab import Lab
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation


def type_in(lab: Lab, command: Command) -> Completed:
    """Type in one command, on its host or in its guest, as it is shown; it must end with status 0."""
    runner: Runner = getattr(lab, command.where, None) or lab.domain(command.where)
    return runner.run(["sh", "-ec", str(command)])


def type_all(lab: Lab, explanation: Explanation) -> str:
    """Type in all commands, one after the other; return what they printed."""
    return "".join(type_in(lab, command).stdout for command in explanation.commands)


@contextlib.contextmanager
def by_libvirt(lab: Lab, spec: NetworkSpec) -> Iterator[str]:
    """A network that the commands for libvirt made; yields what they printed."""
    try:
        yield type_all(lab, explain_network(spec))
    finally:
        for verb in ("net-destroy", "net-undefine"):
            lab.host.run(["virsh", verb, spec.name], check=False)


@contextlib.contextmanager
def by_hand(lab: Lab, spec: NetworkSpec, *, reservations: Sequence[Reservation] = ()) -> Iterator[None]:
    """A network that the commands for a host without libvirt made."""
    try:
        type_all(lab, explain_by_hand(spec, reservations=reservations))
        yield
    finally:
        lab.host.run(["sh", "-c", f"kill $(cat /run/dnsmasq-{spec.name}.pid)"], check=False)
        lab.host.run(["ip", "link", "delete", "dev", spec.bridge_name], check=False)
        for family in ("ip", "ip6"):
            lab.host.run(["nft", "delete", "table", family, f"network-{spec.name}"], check=False)
