"""What a guest tries, where its surroundings look right: who answers, how large, which names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kvmlab._run import Runner
from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.errors import CommandTimeout, GuestError
from kvmlab.host import world

#: Seconds for an answer; it takes milliseconds, but an emulated guest on a busy machine some tenths
#: of a second to start each program.
ANSWER_BOUND_S = 4
#: Headers of IPv4 and of an echo request in bytes.
_HEADERS = 28
#: Size of the packets that everybody takes, and that of Ethernet's.
_LARGEST = 1500

#: Arguments: triples of name, kind, argument. All run at once; prints "NAME STATUS WORDS" for each.
#: busybox starts in a fifth of the time of a program with shared libraries, but knows no -M.
_SCRIPT = """\
box=''
[ -x /bin/busybox ] && box=/bin/busybox
while [ $# -ge 3 ]; do
    (
        case $2 in
        ping) said=$($box ping -q -c 2 ${box:+-A} -W $BOUND "$3" 2>&1) ;;
        whole) said=$(ping -n -q -M do -c 2 -i 0.2 -W $BOUND -s ${3#*,} ${3%,*} 2>&1) ;;
        name) said=$(RES_OPTIONS="timeout:$BOUND attempts:1" getent ahostsv4 "$3" 2>&1) ;;
        alone) said=$(arping -q -D -c 1 -w 1 -I ${3#*,} ${3%,*} 2>&1) ;;
        esac
        status=$?
        set -- "$1" $said
        echo "$1 $status $*"
    ) &
    shift 3
done
wait
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a probe.

    Attributes
    ----------
    good
        Whether it came out as it should.
    said
        What the program said, in one line.
    """

    good: bool
    said: str


def probes_of(spot: Spot) -> list[tuple[str, str, str]]:
    """Return what a NIC's guest should be able to do: name, kind and argument of each probe."""
    link = spot.link
    if link is None or not spot.addresses:
        return []
    found = []
    if spot.near:
        found.append(("near", "ping", spot.near))
    if not spot.is_apart:
        found.append(("alone", "alone", f"{spot.addresses[0].ip},{link.name}"))
    if spot.reaches_out:
        found.append(("lan", "ping", world.PC_ADDRESS))
        found.append(("internet", "ping", world.WEB_ADDRESS))
        found.append(("name", "name", world.WEB_NAME))
        if not spot.is_apart:
            size = min(link.mtu, _LARGEST) - _HEADERS
            found.append(("whole", "whole", f"{world.WEB_ADDRESS},{size}"))
    return found


def ask(guest: Runner, probes: list[tuple[str, str, str]]) -> dict[str, Answer]:
    """Run probes in a guest, all at the same time; those that did not end are left out."""
    words = [word for probe in probes for word in probe]
    line = ["/bin/sh", "-c", _SCRIPT.replace("$BOUND", str(ANSWER_BOUND_S)), "sh", *words]
    try:
        said = guest.run(line, check=False, timeout_s=10.0 * ANSWER_BOUND_S).stdout if probes else ""
    except (GuestError, CommandTimeout):
        return {}
    return dict(_read(said))


def _read(said: str) -> Iterator[tuple[str, Answer]]:
    for line in said.splitlines():
        name, status, *words = line.split()
        yield name, Answer(status == "0", " ".join(words[1:]))


def neighbour(spot: Spot, answers: Mapping[str, Answer]) -> Seen | None:
    """Say what the neighbours' answers mean."""
    alone, near = answers.get("alone"), answers.get("near")
    if alone is not None and not alone.good:
        address = str(spot.addresses[0].ip)
        return Seen(f"another machine answers for {address}, too", "duplicate-ip", address)
    if near is not None and not near.good:
        return Seen(f"{spot.near} does not answer", is_symptom=True)
    return None


def bridge(spot: Spot, answers: Mapping[str, Answer]) -> Seen | None:
    """Say whether frames are lost in the rules for forwarded packets."""
    near, settings = answers.get("near"), spot.scene.settings
    if near is None or near.good or not spot.is_in_lan or not spot.nic.bridge:
        return None
    if settings.filters_bridged and (chains := settings.dropping("forward")):
        text = f"bridge-nf-call-iptables is 1, and the policy of {chains[0].table} {chains[0].name} is drop"
        return Seen(text, "br-netfilter", spot.nic.bridge)
    return None


def forwarding(spot: Spot, answers: Mapping[str, Answer]) -> Seen | None:
    """Say whether the host drops what it should forward."""
    lan, near = answers.get("lan"), answers.get("near")
    if lan is None or lan.good or near is None or not near.good or not spot.is_routed:
        return None
    if chains := spot.scene.settings.dropping("forward"):
        chain = f"{chains[0].family} {chains[0].table} {chains[0].name}"
        return Seen(f"the policy of {chain} is drop, and the PC is not reached", "forward-policy-drop", chain)
    return None


def route_back(spot: Spot, answers: Mapping[str, Answer]) -> Seen | None:
    """Say what answers from far away mean."""
    missing = [name for name in ("lan", "internet") if name in answers and not answers[name].good]
    if missing:
        return Seen(f"no answer from {' and '.join(missing)}", is_symptom=True)
    whole, name = answers.get("whole"), answers.get("name")
    if whole is not None and not whole.good and not _is_told(whole):
        text = f"small packets reach {world.WEB_ADDRESS}, large ones do not, and nobody says why"
        return Seen(text, "pmtu-black-hole", world.WEB_ADDRESS)
    if name is not None and not name.good:
        servers = spot.view.name_servers if spot.view else ()
        text = f"{', '.join(servers) or 'no name server'}: {world.WEB_NAME} is not found"
        return Seen(text, "dns-wrong", spot.nic.domain)
    return None


def _is_told(whole: Answer) -> bool:
    """Tell whether a message said that the packet is too large: then path MTU discovery works (RFC 1191)."""
    return "Frag needed" in whole.said or "too long" in whole.said or "+" in whole.said.split("received")[-1]


def summary(answers: Mapping[str, Answer]) -> str:
    """Return what answered, in words."""
    names = {
        "near": "neighbour",
        "lan": "LAN",
        "internet": "internet",
        "whole": "1500 bytes",
        "name": "names",
    }
    good = [word for name, word in names.items() if name in answers and answers[name].good]
    return f"reached: {', '.join(good)}" if good else ""
