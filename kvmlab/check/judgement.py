"""How a check comes to its outcome."""

from collections.abc import Callable
from dataclasses import dataclass

from kvmlab._run import LocalRunner, Runner
from kvmlab.check.result import CheckResult, Outcome
from kvmlab.errors import KvmlabError, SpecError
from kvmlab.evidence.guest import GuestView, read_guest
from kvmlab.host import world
from kvmlab.host.links import Link, NetworkState
from kvmlab.lab import Lab
from kvmlab.virt.domain import Domain
from kvmlab.virt.network import Network


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the lab, and whether it is as it should be."""

    holds: bool
    text: str


class Missing(Exception):
    """Something that should be there is known not to be; its message says what."""


def judge(check: str, look: Callable[[], Seen], *, expected: str, hint: str) -> CheckResult:
    """Look, and say what came of it.

    Parameters
    ----------
    check
        What is to be shown.
    look
        Looks at the lab. If it raises :class:`Missing` the check failed: it
        is known that something is not there. If it raises an error of kvmlab's
        the check could not be made.
    expected
        What should be seen.
    hint
        Where to look if it is not.

    Raises
    ------
    SpecError
        If what is asked for makes no sense: no outcome of a check, but a mistake of who asks.
    """
    try:
        seen = look()
    except Missing as missing:
        return CheckResult(check, Outcome.FAILED, expected, str(missing), hint)
    except SpecError:
        raise
    except KvmlabError as error:
        said = str(error).splitlines()[0]
        return CheckResult(check, Outcome.ERROR, expected, said, error.hint or hint)
    if seen.holds:
        return CheckResult(check, Outcome.PASSED, expected, seen.text, "")
    return CheckResult(check, Outcome.FAILED, expected, seen.text, hint)


def find_domain(lab: Lab, name: str, *, running: bool = True) -> Domain:
    """Return a domain.

    Raises
    ------
    Missing
        If there is none of that name, or it does not run.
    """
    if name not in [domain.name for domain in lab.domains()]:
        raise Missing(f"there is no domain {name!r}")
    domain = lab.domain(name)
    if running and (state := domain.state) != "running":
        raise Missing(f"domain {name!r} is {state}")
    return domain


def ask_guest(lab: Lab, name: str) -> GuestView:
    """Return what a guest says about its network.

    Raises
    ------
    Missing
        If there is no such domain, or it does not run.
    """
    return read_guest(find_domain(lab, name))


def find_network(lab: Lab, name: str, *, active: bool = True) -> Network:
    """Return a libvirt network.

    Raises
    ------
    Missing
        If there is none of that name, or it is not started.
    """
    if name not in [network.name for network in lab.networks()]:
        raise Missing(f"there is no libvirt network {name!r}")
    network = lab.network(name)
    if active and not network.is_active:
        raise Missing(f"network {name!r} is not active")
    return network


def find_link(state: NetworkState, name: str, *, host: str = "host") -> Link:
    """Return a link of a host.

    Raises
    ------
    Missing
        If there is none of that name.
    """
    link = state.link(name)
    if link is None:
        raise Missing(f"there is no link {name!r} on {host}")
    return link


def host_runner(lab: Lab, name: str) -> LocalRunner:
    """Return the runner of a host of the lab, such as ``pc``."""
    runner: LocalRunner = getattr(lab, check_host(name))
    return runner


def check_host(name: str) -> str:
    """Refuse what is no host of a lab.

    Raises
    ------
    SpecError
        Saying which there are.
    """
    if name not in world.HOSTS:
        raise SpecError(f"a lab has no host {name!r}", hint=f"one of {', '.join(world.HOSTS)}")
    return name


def find_runner(lab: Lab, name: str) -> Runner:
    """Return what runs commands under a name: a host of the lab, or a domain.

    Raises
    ------
    Missing
        If it is a domain that does not exist or does not run.
    """
    return host_runner(lab, name) if name in world.HOSTS else find_domain(lab, name)


#: Addresses under which hosts of the world are known in the LAN and on the internet.
_KNOWN = {
    "host": world.HOST_ADDRESS,
    "router": world.ROUTER_ADDRESS,
    "pc": world.PC_ADDRESS,
    "internet": world.WEB_ADDRESS,
}


def find_address(lab: Lab, name: str) -> str:
    """Return the address of a host of the world or of a domain; an address or a name stays what it is.

    Raises
    ------
    Missing
        If it is a domain that does not run, or that has no address.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    if ("." in name or ":" in name) and name not in [domain.name for domain in lab.domains()]:
        return name
    address = find_domain(lab, name).address
    if not address:
        raise Missing(f"guest {name!r} has no IPv4 address")
    return address
