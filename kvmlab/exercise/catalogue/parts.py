"""What several exercises have in common: guests that are there, and things to look at."""

import shutil
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, ip_network

from kvmlab.check.judgement import Missing, Seen, find_domain, find_network, judge
from kvmlab.check.result import CheckResult
from kvmlab.diagnosis import diagnose
from kvmlab.evidence.definition import DefinedNic, parse_nics
from kvmlab.exercise.exercise import Work
from kvmlab.exercise.values import Values
from kvmlab.fault import break_lab
from kvmlab.lab import Lab, start_all
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.virt import inventory
from kvmlab.virt.domain import Domain

#: Serves a page that names the guest and who asks. $1: port. Waits until it listens.
_SERVE = """\
page='printf "HTTP/1.0 200 OK\\r\\n\\r\\n%s sees %s\\n" "$(hostname)" "$NCAT_REMOTE_ADDR"'
ncat --listen --keep-open "$1" --sh-exec "$page" >/dev/null 2>&1 &
until ss --listening --tcp --numeric | grep -q ":$1 "; do sleep 0.1; done
"""


def plug(lab: Lab, nics: Mapping[str, InterfaceSpec]) -> list[Domain]:
    """Define guests with one NIC each, and start them; return them when they have their addresses."""
    guests = [lab.define(DomainSpec(name=name, interfaces=(nic,))) for name, nic in nics.items()]
    start_all(guests)
    return guests


def serve_name(guest: Domain, *, port: int = 80) -> None:
    """Let a guest serve a page over HTTP that says its name, and by which address it knows who asks.

    Parameters
    ----------
    guest
        A guest that runs.
    port
        TCP port.
    """
    guest.run(["/bin/sh", "-c", _SERVE, "sh", str(port)])


def first_address(subnet: str) -> str:
    """Return the address that libvirt gives the host in a subnet."""
    return str(next(IPv4Network(subnet).hosts()))


def has_subnet(lab: Lab, network: str, subnet: str) -> CheckResult:
    """Check that an active libvirt network has a subnet, and the host its first address there."""
    wanted = ip_network(subnet)

    def look() -> Seen:
        facts = inventory.network_facts(find_network(lab, network).xml(), is_active=True)
        return Seen(wanted in facts.subnets, ", ".join(map(str, facts.subnets)) or "no subnet")

    return judge(
        f"network {network} has the subnet {wanted}",
        look,
        expected=str(wanted),
        hint=f"`virsh net-dumpxml {network}` shows its <ip>",
    )


def nics_of(lab: Lab, domain: str) -> list[DefinedNic]:
    """Return the NICs of a domain that runs.

    Raises
    ------
    Missing
        If there is no such domain, or it does not run.
    """
    return list(parse_nics(domain, "running", find_domain(lab, domain).xml(), bridges={}))


def has_kind(lab: Lab, domain: str, kind: str) -> CheckResult:
    """Check what a domain's first NIC is plugged into: libvirt's type of its ``<interface>``."""

    def look() -> Seen:
        nics = nics_of(lab, domain)
        return Seen(bool(nics) and nics[0].kind == kind, nics[0].kind if nics else "no NIC")

    return judge(
        f"the NIC of {domain} is of type {kind}",
        look,
        expected=kind,
        hint=f"`virsh domiflist {domain}`",
    )


def answered(work: Work, name: str, fits: Callable[[str], bool], *, question: str) -> CheckResult:
    """Check an answer of the learner's; the right one is not told.

    Parameters
    ----------
    work
        The learner's work.
    name
        Name of the answer.
    fits
        Tells whether a text is right; a text that is no number where one is needed may raise ValueError.
    question
        What was asked, as a clause.
    """

    def look() -> Seen:
        if name not in work.answers:
            raise Missing(f"there is no answer yet: ex.answer({name}=…)")
        given = work.answers[name]
        try:
            return Seen(fits(given), repr(given[:80]))
        except ValueError:
            return Seen(False, f"{given[:80]!r} is no number")  # noqa: FBT003

    return judge(
        f"the answer {name!r}: {question}",
        look,
        expected="the right answer",
        hint="ex.answer(…) replaces an answer",
    )


def nothing_wrong(lab: Lab) -> CheckResult:
    """Check that a walk up the ladder finds nothing wrong with the network of any guest."""

    def look() -> Seen:
        found = diagnose(lab)
        if not found.steps:
            raise Missing("no guest runs")
        return Seen(not found.findings, "nothing found" if not found.findings else "something is still wrong")

    return judge(
        "the ladder finds nothing wrong",
        look,
        expected="nothing found",
        hint="kl.ladder(lab) shows the rungs, with the commands to look by hand",
    )


def until_wrong(*looks: Callable[[], CheckResult]) -> list[CheckResult]:
    """Make checks up to the first that does not pass: where little works, others take long."""
    results: list[CheckResult] = []
    for look in looks:
        results.append(look())
        if not results[-1].passed:
            break
    return results


def break_as_drawn(lab: Lab, values: Values) -> None:
    """Put in place the fault that was drawn for a learner, without the note that would tell of it."""
    break_lab(lab, str(values["_fault"]), seed=values["_seed"])
    shutil.rmtree(lab.path / "faults", ignore_errors=True)
