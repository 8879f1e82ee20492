"""Translated addresses, as the other end sees them."""

from kvmlab.check.judgement import Seen, find_address, find_domain, find_runner, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import MeasurementError
from kvmlab.host import world
from kvmlab.lab import Lab

_CURL = ("curl", "--silent", "--show-error", "--max-time", "5")
#: What curl(1) says by its status if the other end cannot be reached, or says nothing.
_NOT_REACHED = (7, 28, 52, 56)
_SEEN = "hello, you are "


def seen_as(lab: Lab, domain: str, address: str | None = None) -> CheckResult:
    """Check under which address the LAN's PC sees a guest.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of the domain.
    address
        The address; by default the guest's own: nothing is translated.
    """

    def look() -> Seen:
        guest = find_domain(lab, domain)
        wanted = address or find_address(lab, domain)
        done = guest.run([*_CURL, f"http://{world.PC_ADDRESS}/"], check=False)
        if done.returncode in _NOT_REACHED:
            return Seen(False, f"{domain} does not reach the PC: {done.stderr.strip()}")  # noqa: FBT003
        if _SEEN not in done.check().stdout:
            raise MeasurementError(f"the PC's page does not name its caller: {done.stdout.strip()}")
        seen = done.stdout.split(_SEEN)[1].strip()
        return Seen(seen == wanted, f"the PC sees {seen}")

    return judge(
        f"the LAN sees {domain} as {address or 'itself'}",
        look,
        expected=f"the PC sees {address or 'the own address of the guest'}",
        hint=f"in the guest: `curl http://{world.PC_ADDRESS}/`; on the host: `nft list ruleset`, "
        "`iptables-save -t nat`",
    )


def answers(lab: Lab, source: str, target: str, port: int, *, text: str) -> CheckResult:
    """Check what a server says, and so which one it is that answers behind a forwarded port.

    Parameters
    ----------
    lab
        A running lab.
    source
        Who asks: a host of the lab, or a domain.
    target
        Whom: an address, a host of the lab, or a domain.
    port
        TCP port; the server speaks HTTP.
    text
        What must occur in the answer.
    """

    def look() -> Seen:
        runner = find_runner(lab, source)
        url = f"http://{find_address(lab, target)}:{port}/"
        done = runner.run([*_CURL, url], check=False)
        if done.returncode in _NOT_REACHED:
            return Seen(False, f"nobody answers at {url}")  # noqa: FBT003
        said = " ".join(done.check().stdout.split())
        return Seen(text in said, f"{url} says {said[:80]!r}")

    return judge(
        f"{source} finds the right server at port {port} of {target}",
        look,
        expected=f"an answer with {text!r} in it",
        hint="`nft list ruleset` shows where the port leads; does a server listen there? `ss -ltn`",
    )
