"""Filters of libvirt's, and whether they hold."""

from kvmlab.check.judgement import Missing, Seen, find_domain, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import GuestError, MeasurementError
from kvmlab.evidence.definition import parse_nics
from kvmlab.evidence.guest import read_guest
from kvmlab.lab import Lab

#: A locally administered address that nobody has (RFC 9542, section 2.1).
_SPOOFED = "0a:6b:76:6d:00:01"
#: $1: link, $2: MAC address, $3: who has to answer. Asks twice: with the guest's own MAC address, and
#: with another one. arping(8): ``-D`` ends with 0 if nobody answers, with 1 if somebody does.
_TRY = """\
arping -q -D -c 2 -w 3 -I "$1" "$3"; own=$?; echo "own $own"; [ $own = 1 ] || exit 0
ip link add link "$1" name spoofed address "$2" type macvlan mode private || exit 2
trap 'ip link delete spoofed' EXIT
ip link set spoofed up || exit 2
arping -q -D -c 2 -w 3 -I spoofed "$3"; echo "spoofed $?"
"""


def has_filter(lab: Lab, domain: str, name: str) -> CheckResult:
    """Check that libvirt filters every NIC of a domain with an nwfilter.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of the domain.
    name
        Name of the filter, such as ``clean-traffic``.
    """

    def look() -> Seen:
        nics = list(parse_nics(domain, "", find_domain(lab, domain, running=False).xml(), bridges={}))
        if not nics:
            raise Missing(f"domain {domain!r} has no NIC")
        text = ", ".join(f"{nic.mac}: {nic.filter or 'no filter'}" for nic in nics)
        return Seen(all(nic.filter == name for nic in nics), text)

    return judge(
        f"{domain} is filtered by {name}",
        look,
        expected=f"filter {name} on each NIC",
        hint="`virsh dumpxml` shows <filterref>; `virsh nwfilter-list` the filters that there are",
    )


def spoofing_is_stopped(lab: Lab, domain: str, neighbor: str) -> CheckResult:
    """Check that frames with a foreign MAC address do not get out of a guest.

    It is tried: the guest asks for its neighbour's MAC address, once under
    its own and once under another one. Nobody must answer the second time.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of the domain.
    neighbor
        IPv4 address that answers ARP requests, such as the gateway's.
    """

    def look() -> Seen:
        guest = find_domain(lab, domain)
        links = [link for link in read_guest(guest).links if link.is_up]
        if not links:
            raise GuestError(domain, "has no link to try it with")
        words = ["/bin/sh", "-c", _TRY, "sh", links[0].name, _SPOOFED, neighbor]
        done = guest.run(words, check=False, timeout_s=30)
        said = dict(line.split() for line in done.stdout.splitlines())
        if done.returncode != 0 or said.get("own") != "1" or said.get("spoofed") not in ("0", "1"):
            why = done.stderr.strip() or f"{neighbor} does not even answer the guest's own address"
            raise MeasurementError(f"it cannot be tried: {why}")
        answered = said["spoofed"] == "1"
        return Seen(not answered, f"{neighbor} {'answered' if answered else 'did not answer'} {_SPOOFED}")

    return judge(
        f"{domain} cannot use a foreign MAC address",
        look,
        expected=f"no answer from {neighbor} to a foreign MAC address",
        hint="an nwfilter such as no-mac-spoofing or clean-traffic drops them: `ebtables --list -t nat`",
    )
