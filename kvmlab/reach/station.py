"""A guest as a station that is probed: it has addresses, and something listens on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Address

from kvmlab._run import Completed
from kvmlab.errors import GuestError
from kvmlab.reach.probe import BUSYBOX, USUAL, Shell
from kvmlab.virt.domain import Domain

#: TCP port on which guests listen while they are probed.
GUEST_PORT = 7
#: Seconds in which a guest must have addresses and listen. IPv6 takes the longest: a second for each
#: address, in which the guest asks whether somebody else has it (RFC 4862, section 5.4), and as long
#: as the router takes to advertise.
READY_BOUND_S = 30

#: Arguments: port, the same in hexadecimal, link (empty: the first with an IPv4 address), IPv4 address to
#: set (may be empty), scope of the IPv6 address to wait for (``link``, ``wide``; empty: none). Prints the
#: link, then addresses as in /proc/net/if_inet6 and as `ip` shows them. It starts only the programs that
#: it has to: under emulation each costs a guest some hundredths of a second.
_READY = """\
PAUSE
port=$1 hex=$2 link=$3 static=$4 scope=$5 tries=0
if [ "$static" ]; then ip address add "$static" dev "${link:=eth0}" 2>/dev/null; fi
has_ipv4() {
    while read -r name destination _; do
        case "$destination" in Destination) ;; *) case "$name" in "${link:-$name}") return 0 ;; esac ;; esac
    done </proc/net/route
    return 1
}
has_ipv6() {
    [ "$scope" ] || return 0
    while read -r _ _ _ kind flags name; do
        case "$scope$kind" in link20 | wide00 | wide40) ;; *) continue ;; esac
        # neither tentative (40) nor found to be somebody else's (08)
        [ "$name" = "$link" ] && [ $((0x$flags & 0x48)) = 0 ] && return 0
    done </proc/net/if_inet6
    return 1
}
listens() {
    for table in /proc/net/tcp /proc/net/tcp6; do
        while read -r _ local _ state _; do
            case "$local $state" in *":$hex 0A") return 0 ;; esac
        done <$table
    done
    return 1
}
in_time() {
    until "$@"; do
        [ $tries -lt $((BOUND * 5)) ] || return 1
        tries=$((tries + 1))
        pause
    done
}
in_time has_ipv4 && link=${link:-$name}
: "${link:=eth0}"
in_time has_ipv6
listens || SERVE
in_time listens || { echo "nothing listens on port $port" >&2; exit 1; }
echo "$link"
cat /proc/net/if_inet6
ip -4 -o address show dev "$link"
"""


@dataclass(frozen=True, slots=True)
class Station:
    """A guest that can be probed.

    Attributes
    ----------
    guest
        The domain.
    shell
        What runs scripts in it.
    link
        Its link that is probed.
    ipv4, ipv6
        Addresses of that link; empty if it has none. Of IPv6 the one that reaches furthest.
    """

    guest: Domain
    shell: Shell
    link: str
    ipv4: str
    ipv6: str


def ready(
    guest: Domain, *, link: str = "", static: IPv4Interface | None = None, scope: str = "wide"
) -> Station:
    """Wait until a guest has addresses, let it listen, and return it.

    Parameters
    ----------
    guest
        A guest that runs.
    link
        The link that is probed; by default the first that has an IPv4 address.
    static
        IPv4 address that the link gets.
    scope
        ``wide``: wait for an IPv6 address that routers know; ``link``: for
        one of the link itself; empty: for none.

    Raises
    ------
    GuestError
        If it does not answer, or nothing listens on it.
    """
    words = [str(GUEST_PORT), f"{GUEST_PORT:04X}", link, "" if static is None else str(static), scope]
    shell = BUSYBOX
    try:
        done = _run(guest, shell, words)
    except GuestError:
        if guest.state != "running":
            raise
        shell = USUAL  # an image without busybox
        done = _run(guest, shell, words)
    if done.returncode != 0:
        raise GuestError(guest.name, f"cannot be probed: {done.stderr.strip()}")
    return _station(guest, shell, done.stdout.splitlines())


def _run(guest: Domain, shell: Shell, words: Sequence[str]) -> Completed:
    script = _READY.replace("PAUSE", shell.pause).replace("SERVE", shell.serve)
    script = script.replace("BOUND", str(READY_BOUND_S))
    return guest.run(shell.line(script, *words), check=False, timeout_s=4 * READY_BOUND_S)


def _station(guest: Domain, shell: Shell, lines: Sequence[str]) -> Station:
    link, *rest = lines
    ipv4, ipv6 = "", IPv6Address(0)
    for words in map(str.split, rest):
        if "inet" in words:
            ipv4 = ipv4 or words[words.index("inet") + 1].split("/")[0]
        elif words[-1] == link:
            found = IPv6Address(int(words[0], 16))
            ipv6 = found if ipv6.is_unspecified or ipv6.is_link_local else ipv6
    return Station(guest, shell, link, ipv4, "" if ipv6.is_unspecified else str(ipv6))
