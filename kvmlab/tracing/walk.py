"""Follow one packet through a lab: where it was seen, what was done to it, where it died."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kvmlab._repr import Table, html_table, text_table
from kvmlab._run import DEVNULL, Runner, end_group
from kvmlab.drawing import Drawing, draw
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.observe import snapshot
from kvmlab.topology import Topology, Trail, ended, follow
from kvmlab.tracing import pcap, rules, trails
from kvmlab.tracing.capture import (
    READY_BOUND_S,
    GuestCapture,
    HostCapture,
    captured,
    captured_in_guest,
    wait_for_capture,
    wait_until_quiet,
)
from kvmlab.tracing.hop import Hop
from kvmlab.tracing.pcap import Mark, Sighting
from kvmlab.tracing.rules import RuleHit
from kvmlab.virt.domain import Domain

#: Seconds for the answer to the packet.
ANSWER_BOUND_S = 2


@dataclass(frozen=True, slots=True, repr=False)
class Walk:
    """The way of one packet; shows itself as a table.

    Attributes
    ----------
    source, destination
        Who sent it, and to which address.
    hops
        In the order of time; those in a guest at the end that they belong to.
    rules
        What the packets met in the firewall of the KVM host.
    captures
        The pcap file of each host and guest, for Wireshark.
    topology
        What was connected to what.
    """

    source: str
    destination: str
    hops: tuple[Hop, ...]
    rules: Table[RuleHit]
    captures: Mapping[str, bytes]
    topology: Topology

    @property
    def answered(self) -> bool:
        """Whether an answer came back to the one who asked."""
        last = self.hops[-1] if self.hops else None
        return last is not None and last.host == self.source and last.what in ("echo reply", "SYN, ACK")

    @property
    def outcome(self) -> str:
        """What became of the packet, in one sentence."""
        if self.answered:
            return "It arrived, and the answer came back."
        killer = rules.killer(self.rules)
        if killer is not None:
            return f"A rule dropped it: {killer.family} {killer.table} {killer.chain}: {killer.rule}"
        if not self.hops:
            return "It was seen nowhere: its sender knows no way."
        reported = [hop for hop in self.hops if hop.what in pcap.REPORTS]
        last = next((hop for hop in reversed(self.hops) if hop not in reported), self.hops[-1])
        if last.what == pcap.ARP_QUESTION:
            return f"It was never sent: nobody said which MAC address {last.destination} has."
        if reported and reported[0].what == "unreachable":
            return f"{reported[0].source} knew no way on, and said so to its sender (ICMP, unreachable)."
        return f"It was last seen at {last.link} of {last.host} ({last.direction}, {last.what})."

    def trail(self, topology: Topology) -> Trail:
        """Return the nodes and edges of a topology that it came by, and where it died."""
        found = follow(topology, list(trails.sights(self.hops)))
        if self.answered:
            return found
        end = trails.end(self.hops, rules.killer(self.rules))
        return ended(topology, found, end.note, at=end.interface, forwarded=end.is_forwarded)

    def draw(self) -> Drawing:
        """Return a picture of the lab with the way in it.

        Numbers are those of the table: blue for the packet, orange for what
        came back. A red cross marks the place where it died, with the reason.
        """
        return draw(self.topology, walk=self)

    def save(self, folder: str | Path) -> list[Path]:
        """Write the captures, one pcap file per host and guest; Wireshark opens them."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        files = [target / f"{name}.pcap" for name in self.captures]
        for file, content in zip(files, self.captures.values(), strict=True):
            file.write_bytes(content)
        return files

    def __repr__(self) -> str:
        return text_table(self.hops, caption=self.outcome)

    def _repr_html_(self) -> str:
        return html_table(self.hops, caption=self.outcome)


def trace(lab: Lab, source: Domain | Runner, destination: Domain | str, *, port: int | None = None) -> Walk:
    """Send one marked packet and follow it on every interface that it can cross.

    Parameters
    ----------
    lab
        A running lab.
    source
        A guest, or a host of the lab such as ``lab.pc``.
    destination
        A guest, or an address or name.
    port
        TCP port to send a SYN to; None for an ICMP echo request.

    Raises
    ------
    SpecError
        If the destination has no address.
    MeasurementError
        If a capture does not start.

    Notes
    -----
    Same as ``tcpdump -i any`` on every host at once, and ``nft monitor trace``.
    """
    address = destination if isinstance(destination, str) else destination.address
    if not address:
        raise SpecError("the destination has no address", hint="see wait_until_ready()")
    mark = _mark(address, port, asker=source.address if isinstance(source, Domain) else "")
    guests = [end for end in (source, destination) if isinstance(end, Domain)]
    with contextlib.ExitStack() as stack:
        captures = [stack.enter_context(captured(getattr(lab, name), name)) for name in world.HOSTS]
        in_guests = [stack.enter_context(captured_in_guest(guest)) for guest in guests]
        traced = stack.enter_context(_traced(lab, mark, port))
        source.run(_send(address, mark, port), check=False, timeout_s=10.0 * ANSWER_BOUND_S)
        # An answer, or a report of the packet's fate, may still be on its way.
        wait_until_quiet([capture.path for capture in captures])
        everywhere: list[HostCapture | GuestCapture] = [*captures, *in_guests]
        for each in everywhere:
            wait_for_capture(each.runner, each.read)
        found = {each.name: each.read() for each in everywhere}
        _wait_for_trace(lab, traced)  # the kernel reports in order: what came before is there, too
        hits = rules.parse(traced.read_text(errors="replace").splitlines())
    hops = _hops(lab, found, mark, source.name, [guest.name for guest in guests])
    met = Table(rules.with_hooks(hits, lab.firewall_rules().chains))
    return Walk(source.name, address, tuple(hops), met, found, snapshot(lab))


def _mark(address: str, port: int | None, *, asker: str) -> Mark:
    if port is None:
        return Mark("icmp", payload=os.urandom(8), address=address, asker=asker)
    sport = 40000 + int.from_bytes(os.urandom(2), "big") % 20000
    return Mark("tcp", port=sport, address=address, asker=asker)


def _send(address: str, mark: Mark, port: int | None) -> list[str]:
    if port is None:
        pattern = (mark.payload * 2).hex()
        return ["ping", "-n", "-c", "1", "-s", "64", "-W", str(ANSWER_BOUND_S), "-p", pattern, address]
    target = f"[{address}]" if ":" in address else address
    return [
        *("curl", "--silent", "--max-time", str(ANSWER_BOUND_S), "--local-port", str(mark.port)),
        f"http://{target}:{port}/",
    ]


@contextlib.contextmanager
def _traced(lab: Lab, mark: Mark, port: int | None) -> Iterator[Path]:
    """Let the kernel report each rule that the packet meets on the KVM host."""
    # ping(8): 8 bytes of header and 16 of its own come before the pattern.
    match = f"@th,192,64 0x{mark.payload.hex()}" if port is None else f"tcp sport {mark.port}"
    lab.host.run(["nft", "--file", "-"], stdin=rules.ruleset(match))
    with tempfile.TemporaryDirectory(prefix="kvmlab-trace-") as folder:
        path = Path(folder, "nft")
        try:
            with path.open("wb") as target:
                line = ["stdbuf", "--output=L", "nft", "monitor", "trace"]
                process = lab.host.popen(line, stdin=DEVNULL, stdout=target, stderr=DEVNULL)
            try:
                _wait_for_trace(lab, path)
                yield path
            finally:
                end_group(process)
        finally:
            lab.host.run(["nft", "delete", "table", "inet", rules.TABLE])


def _wait_for_trace(lab: Lab, path: Path) -> None:
    """Ping the host itself until the monitor reports it: it prints nothing when it is ready."""
    deadline = time.monotonic() + READY_BOUND_S
    before = path.stat().st_size
    while '"lo"' not in path.read_text(errors="replace")[before:]:
        lab.host.run(["ping", "-n", "-c", "1", "-W", "1", "127.0.0.1"], check=False)
        if time.monotonic() > deadline:
            raise MeasurementError(
                f"nft monitor on {lab.host.name} reports nothing after {READY_BOUND_S:g} s"
            )


def _hops(lab: Lab, found: Mapping[str, bytes], mark: Mark, source: str, guests: Sequence[str]) -> list[Hop]:
    states = lab.network_state()
    seen: list[tuple[str, Sighting]] = []
    inside: dict[str, list[Sighting]] = {}
    for name, capture in found.items():
        if name in guests:
            links = _guest_links(lab, name)
            inside[name] = pcap.sightings(capture, links, mark)
        else:
            links = {link.index: link.name for link in states[name].links}
            seen += [(name, sighting) for sighting in pcap.sightings(capture, links, mark)]
    if any(sighting.what != pcap.ARP_QUESTION for _, sighting in seen):  # the packet itself was sent
        seen = [(name, sighting) for name, sighting in seen if sighting.what != pcap.ARP_QUESTION]
        inside = {n: [s for s in own if s.what != pcap.ARP_QUESTION] for n, own in inside.items()}
    seen.sort(key=lambda pair: pair[1].time_s)
    seen = _each_once(seen)
    inside = {name: [s for _, s in _each_once([(name, s) for s in own])] for name, own in inside.items()}
    first_s = seen[0][1].time_s if seen else 0.0
    middle = [_hop(name, sighting, 1e6 * (sighting.time_s - first_s)) for name, sighting in seen]
    inner = {name: [_hop(name, s, None) for s in own] for name, own in inside.items()}
    ordered = _with_guests(middle, inner, source)
    return [replace(hop, number=number) for number, hop in enumerate(ordered, 1)]


def _each_once(seen: Sequence[tuple[str, Sighting]]) -> list[tuple[str, Sighting]]:
    """Leave out what a sender that got no answer sent again."""
    first: dict[tuple[str, str, str, str], tuple[str, Sighting]] = {}
    for name, sighting in seen:
        key = (name, sighting.link, sighting.direction, sighting.what)
        first.setdefault(key, (name, sighting))
    return list(first.values())


def _guest_links(lab: Lab, name: str) -> dict[int, str]:
    rows = json.loads(lab.domain(name).run(["ip", "-json", "link", "show"]).stdout)
    return {row["ifindex"]: row["ifname"] for row in rows}


def _hop(host: str, sighting: Sighting, offset_us: float | None) -> Hop:
    return Hop(
        number=0,  # known once all are in order
        offset_us=offset_us,
        host=host,
        link=sighting.link,
        direction=sighting.direction,
        source=sighting.source,
        destination=sighting.destination,
        what=sighting.what,
    )


def _with_guests(middle: list[Hop], inside: Mapping[str, list[Hop]], source: str) -> list[Hop]:
    """Put what guests saw where it belongs: the sender around all, the receiver before the first answer."""
    own = inside.get(source, [])
    others = [hop for name, hops in inside.items() if name != source for hop in hops]
    turn = next((i for i, hop in enumerate(middle) if hop.what in pcap.ANSWERS), len(middle))
    sent = [hop for hop in own if hop.direction == "out"]
    received = [hop for hop in own if hop.direction == "in"]
    return [*sent, *middle[:turn], *others, *middle[turn:], *received]
