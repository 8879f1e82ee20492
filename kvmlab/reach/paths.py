"""Probe every path between the guests of a lab and all others."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from kvmlab._run import Runner
from kvmlab.errors import SpecError
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.reach.expectation import Expectation
from kvmlab.reach.expected import EXPECTED, FAMILIES, LINK_LOCAL, PATHS
from kvmlab.reach.matrix import Cell, Matrix
from kvmlab.reach.probe import (
    ANSWER_BOUND_S,
    FIRST_BOUND_S,
    HOST_PORT,
    USUAL,
    Answer,
    Probe,
    Reach,
    Shell,
    ask,
    listening,
)
from kvmlab.reach.station import GUEST_PORT, Station, ready
from kvmlab.virt import guest_nics
from kvmlab.virt.domain import Domain

#: Protocols of the probes: each path is tried with both, in each family of addresses.
PROTOCOLS = ("icmp", "tcp")
#: Under which addresses guests know the KVM host where it is a station of the LAN.
HOST_ADDRESSES = (world.HOST_ADDRESS, world.HOST_ADDRESS6)


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a path: who asks, and under which address it is found.

    Attributes
    ----------
    kind
        ``host``, ``guest``, ``pc`` or ``internet``.
    runner, shell
        Who asks, and what runs its script.
    addresses
        Address by family; of the host one for each guest.
    port
        TCP port that something listens on.
    link
        Its link to the guests, for addresses that hold on one link only.
    nic
        Model of a guest's NIC.
    index
        Number of a guest.
    """

    kind: str
    runner: Runner
    addresses: Mapping[int, tuple[str, ...]]
    port: int
    link: str
    nic: str = ""
    index: int = 0
    shell: Shell = USUAL

    def seen_by(self, other: "_End", family: int) -> str:
        """Return the address that the other one has to ask for; empty if it has none."""
        found = self.addresses[family]
        address = found[other.index % len(found)] if found else ""
        is_local = bool(address) and ip_address(address).is_link_local
        return f"{address}%{other.link}" if is_local and family == 6 else address


@dataclass(frozen=True, slots=True)
class _Question:
    """What one end asks another."""

    source: _End
    target: _End
    family: int
    protocol: str

    @property
    def path(self) -> tuple[str, str]:
        return self.source.kind, self.target.kind

    @property
    def probe(self) -> Probe:
        return Probe(self.protocol, self.target.seen_by(self.source, self.family), self.target.port)


def reachability(
    lab: Lab,
    mode: str,
    guests: Sequence[Domain],
    *,
    host_addresses: Sequence[str] = HOST_ADDRESSES,
    families: Sequence[int] | None = None,
) -> Matrix:
    """Probe who reaches whom between the guests of a lab and its host, LAN PC and internet.

    Parameters
    ----------
    lab
        A running lab.
    mode
        Whose expectations to compare with: one of :data:`kvmlab.reach.expected.EXPECTED`.
    guests
        Guests that run, with one NIC each; at least one.
    host_addresses
        IPv4 and IPv6 addresses under which guests know the host: of each family
        one for all guests, or one for each, in their order.
    families
        4, 6 or both; by default IPv4, and IPv6 where the guests' network has it.

    Raises
    ------
    SpecError
        If the mode or a family is unknown, or there are no guests.
    GuestError
        If a guest does not answer.
    """
    _check(mode, guests, families)
    families = families or _families(lab, mode, guests[0])
    scope = "" if 6 not in families else "link" if mode in LINK_LOCAL else "wide"
    with ThreadPoolExecutor(max_workers=len(guests)) as pool:
        stations = list(pool.map(lambda guest: ready(guest, scope=scope), guests))
    return probe_all(lab, mode, stations, host_addresses=host_addresses, families=families)


def _families(lab: Lab, mode: str, guest: Domain) -> tuple[int, ...]:
    """Return 4, and 6 unless the guest is in a libvirt network that advertises no prefix."""
    network = guest_nics.from_xml("", "", guest.xml())[0].network
    subnets = lab.network(network).subnets if network else ()
    is_ipv4_only = bool(subnets) and all(subnet.version == 4 for subnet in subnets)
    return (4,) if is_ipv4_only and mode not in LINK_LOCAL else FAMILIES


def _check(mode: str, guests: Sequence[Domain], families: Sequence[int] | None) -> None:
    if mode not in EXPECTED:
        raise SpecError(f"mode {mode!r} is unknown", hint=f"one of {', '.join(EXPECTED)}")
    if not guests:
        raise SpecError("there is nobody to reach", hint="give one guest or more")
    if families is not None and (not families or not set(families) <= set(FAMILIES)):
        raise SpecError(f"families {tuple(families)} are unknown", hint="4 (IPv4), 6 (IPv6), or both")


def probe_all(
    lab: Lab,
    mode: str,
    stations: Sequence[Station],
    *,
    host_addresses: Sequence[str],
    families: Sequence[int] = FAMILIES,
) -> Matrix:
    """Probe every path of stations that are ready; see :func:`reachability`."""
    with listening(lab.host):
        ends = _ends(lab, stations, host_addresses)
        return Matrix(tuple(_probe(mode, ends, families)), method(families))


def method(families: Sequence[int] = FAMILIES) -> str:
    """Say how paths are probed.

    Examples
    --------
    >>> method([4]).split(", ")[1]
    'over IPv4'
    """
    over = " and ".join(f"IPv{family}" for family in families)
    return (
        f"each path by ping (2 requests) and by a TCP handshake, over {over}, with each guest's NIC, "
        f"at most {FIRST_BOUND_S} s each; what is not as expected is asked again, with {ANSWER_BOUND_S} s"
    )


def _ends(lab: Lab, stations: Sequence[Station], host_addresses: Sequence[str]) -> list[_End]:
    by_family = {
        family: tuple(a for a in host_addresses if ip_address(a).version == family) for family in FAMILIES
    }
    nic = guest_nics.from_xml("", "", stations[0].guest.xml())[0]
    bridge = nic.bridge or (lab.network(nic.network).bridge if nic.network else "")
    pc = {4: (world.PC_ADDRESS,), 6: (world.PC_ADDRESS6,)}
    internet = {4: (world.WEB_ADDRESS,), 6: (world.WEB_ADDRESS6,)}
    return [
        _End("host", lab.host, by_family, HOST_PORT, link=bridge or world.HOST_UPLINK),
        *(_guest(station, index) for index, station in enumerate(stations)),
        _End("pc", lab.pc, pc, world.WEB_PORT, link="eth0"),
        _End("internet", lab.internet, internet, world.WEB_PORT, link="isp0"),
    ]


def _guest(station: Station, index: int) -> _End:
    nic = guest_nics.from_xml("", "", station.guest.xml())[0]
    own = {4: station.ipv4, 6: station.ipv6}
    addresses = {family: (address,) if address else () for family, address in own.items()}
    return _End(
        "guest",
        station.guest,
        addresses,
        GUEST_PORT,
        link=station.link,
        nic=nic.model,
        index=index,
        shell=station.shell,
    )


def _probe(mode: str, ends: Sequence[_End], families: Sequence[int]) -> Iterator[Cell]:
    """Ask all sources, and again where an answer is not as expected; answer in the order of the paths.

    A busy machine may lose an answer, but it never makes one up: what the last one says, counts.
    """
    questions = [
        _Question(source, target, family, protocol)
        for source in ends
        for target in ends
        if source is not target and (source.kind, target.kind) in PATHS
        for family in families
        for protocol in PROTOCOLS
    ]
    cells = _cells(mode, questions, bound_s=FIRST_BOUND_S)
    unexpected = [number for number, cell in enumerate(cells) if cell.is_finding]
    again = _cells(mode, [questions[number] for number in unexpected], bound_s=ANSWER_BOUND_S)
    for number, cell in zip(unexpected, again, strict=True):
        cells[number] = cell
    found = zip(questions, cells, strict=True)
    for _, cell in sorted(found, key=lambda pair: (pair[0].family, PATHS.index(pair[0].path))):
        yield cell
    yield from _nobody(mode, ends, families)


def _cells(mode: str, questions: Sequence[_Question], *, bound_s: int) -> list[Cell]:
    """Ask all sources at the same time, each all of its questions."""
    by_source: dict[int, list[int]] = {}
    for number, question in enumerate(questions):
        by_source.setdefault(id(question.source), []).append(number)
    cells: dict[int, Cell] = {}
    with ThreadPoolExecutor(max_workers=len(by_source) or 1) as pool:
        asked = [[questions[number] for number in numbers] for numbers in by_source.values()]
        for numbers, answers in zip(
            by_source.values(), pool.map(partial(_answers, bound_s=bound_s), asked), strict=True
        ):
            for number, answer in zip(numbers, answers, strict=True):
                cells[number] = _cell(mode, questions[number], answer)
    return [cells[number] for number in range(len(questions))]


def _nobody(mode: str, ends: Sequence[_End], families: Sequence[int]) -> Iterator[Cell]:
    """Say for each path that there can be nobody on that nobody was."""
    guest = next(end for end in ends if end.kind == "guest")
    for family in families:
        for (source, target), expectation in EXPECTED[mode][family].items():
            if expectation.reaches is None:
                said = Answer(Reach.UNTESTED, "there is no second one")
                for protocol in PROTOCOLS:
                    yield _told(mode, (source, target), (guest.nic, family, protocol), expectation, said)


def _answers(questions: Sequence[_Question], *, bound_s: int) -> list[Answer]:
    source = questions[0].source
    probes = [question.probe for question in questions]
    return ask(source.runner, probes, shell=source.shell, bound_s=bound_s)


def _cell(mode: str, asked: _Question, answer: Answer) -> Cell:
    expectation = EXPECTED[mode][asked.family][asked.path].of(asked.protocol)
    how = (asked.source.nic or asked.target.nic, asked.family, asked.protocol)
    return _told(mode, asked.path, how, expectation, answer)


def _told(
    mode: str, path: tuple[str, str], how: tuple[str, int, str], expectation: Expectation, answer: Answer
) -> Cell:
    nic, family, protocol = how
    return Cell(
        mode=mode,
        source=path[0],
        target=path[1],
        nic=nic,
        family=f"IPv{family}",
        protocol=protocol,
        expected=expectation.outcome,
        observed=answer.reach.value,
        reason=expectation.reason,
        said=answer.said,
    )
