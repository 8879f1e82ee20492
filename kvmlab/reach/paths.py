"""Probe every path between the guests of a lab and all others."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kvmlab._run import Runner
from kvmlab.errors import SpecError
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.reach.expected import EXPECTED, PATHS
from kvmlab.reach.matrix import Cell, Matrix
from kvmlab.reach.probe import ANSWER_BOUND_S, GUEST_PORT, HOST_PORT, Answer, Probe, Reach, ask, listening
from kvmlab.virt.domain import Domain

#: Protocols of the probes: each path is tried with both.
PROTOCOLS = ("icmp", "tcp")
METHOD = (
    "each path by ping (2 requests) and by a TCP handshake, with each guest's NIC, "
    f"at most {ANSWER_BOUND_S} s each"
)
#: Starts a server in a guest unless there is one, and ends when it listens.
_LISTEN = """\
[ -z "$(ss -Hltn "sport = :$1")" ] || exit 0
ncat --listen --keep-open "$1" >/dev/null 2>&1 &
tries=0
until [ -n "$(ss -Hltn "sport = :$1")" ]; do
    [ $tries -lt 100 ] || { echo "nothing listens on port $1" >&2; exit 1; }
    tries=$((tries + 1))
    sleep 0.05
done
"""


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a path: who asks, and under which address it is found."""

    runner: Runner
    address: str
    port: int
    nic: str = ""
    index: int = 0
    own_addresses: tuple[str, ...] = ()

    def seen_by(self, other: "_End") -> str:
        """Return the address that the other one has to ask for."""
        return self.own_addresses[other.index] if self.own_addresses else self.address


def reachability(
    lab: Lab, mode: str, guests: Sequence[Domain], *, host_addresses: Sequence[str] = (world.HOST_ADDRESS,)
) -> Matrix:
    """Probe who reaches whom between the guests of a lab and its host, LAN PC and internet.

    Parameters
    ----------
    lab
        A running lab.
    mode
        Whose expectations to compare with: one of :data:`kvmlab.reach.expected.EXPECTED`.
    guests
        Guests that run and have an address, with one NIC each; at least one.
    host_addresses
        Address under which each guest knows the host; one for all, or one for each.

    Raises
    ------
    SpecError
        If the mode is unknown, or there are no guests.
    GuestError
        If a guest does not answer.
    """
    if mode not in EXPECTED:
        raise SpecError(f"mode {mode!r} is unknown", hint=f"one of {', '.join(EXPECTED)}")
    if not guests:
        raise SpecError("there is nobody to reach", hint="give one guest or more")
    known = tuple(host_addresses) * (len(guests) if len(host_addresses) == 1 else 1)
    with listening(lab.host):
        return Matrix(tuple(_probe(mode, _ends(lab, guests, known))), METHOD)


def _ends(lab: Lab, guests: Sequence[Domain], host_addresses: tuple[str, ...]) -> dict[str, list[_End]]:
    for guest in guests:
        guest.run(["/bin/sh", "-c", _LISTEN, "sh", str(GUEST_PORT)])
    web = world.WEB_PORT
    return {
        "host": [_End(lab.host, "", HOST_PORT, own_addresses=host_addresses)],
        "guest": [
            _End(guest, guest.address, GUEST_PORT, guest.nics()[0].model, index)
            for index, guest in enumerate(guests)
        ],
        "pc": [_End(lab.pc, world.PC_ADDRESS, web)],
        "internet": [_End(lab.internet, world.WEB_ADDRESS, web)],
    }


def _probe(mode: str, ends: dict[str, list[_End]]) -> Iterator[Cell]:
    """Ask all sources at the same time; give the answers in the order of the paths."""
    questions: dict[int, list[tuple[str, str, _End, _End, str]]] = {}
    for source, target in PATHS:
        for one in ends[source]:
            for other in ends[target]:
                if one is not other:
                    asked = questions.setdefault(id(one), [])
                    asked += [(source, target, one, other, protocol) for protocol in PROTOCOLS]
    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        answered = pool.map(lambda asked: _cells(mode, asked), questions.values())
        found = [cell for cells in answered for cell in cells]
    yield from sorted(found, key=lambda cell: PATHS.index((cell.source, cell.target)))


def _cells(mode: str, questions: Sequence[tuple[str, str, _End, _End, str]]) -> list[Cell]:
    runner = questions[0][2].runner
    probes = [Probe(protocol, other.seen_by(one), other.port) for _, _, one, other, protocol in questions]
    answers = ask(runner, probes)
    return [_cell(mode, question, answer) for question, answer in zip(questions, answers, strict=True)]


def _cell(mode: str, question: tuple[str, str, _End, _End, str], answer: Answer) -> Cell:
    source, target, one, other, protocol = question
    expectation = EXPECTED[mode][source, target]
    return Cell(
        mode=mode,
        source=source,
        target=target,
        nic=one.nic or other.nic,
        protocol=protocol,
        expected=(Reach.REACHES if expectation.reaches else Reach.BLOCKED).value,
        observed=answer.reach.value,
        reason=expectation.reason,
        said=answer.said,
    )
