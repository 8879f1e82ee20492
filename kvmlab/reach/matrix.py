"""The reachability matrix: what is expected of each mode, beside what is observed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from kvmlab import plot
from kvmlab._progress import Progress, Silent, shown
from kvmlab._repr import Table, html_table, text_table
from kvmlab._run import Runner
from kvmlab.errors import SpecError
from kvmlab.host import world
from kvmlab.lab import Lab, start_all
from kvmlab.reach.expected import EXPECTED, PATHS
from kvmlab.reach.modes import GUESTS, MODES, Prepared
from kvmlab.reach.probe import ANSWER_BOUND_S, GUEST_PORT, HOST_PORT, Answer, Probe, Reach, ask, listening
from kvmlab.spec.domain import DomainSpec
from kvmlab.virt.domain import Domain

#: Protocols of the probes: each path is tried with both.
PROTOCOLS = ("icmp", "tcp")
#: Modes that are set up at the same time, each in its lab: most of the time is waiting.
AT_ONCE = 2
METHOD = (
    "each path by ping (2 requests) and by a TCP handshake, "
    f"from one virtio and one rtl8139 guest, at most {ANSWER_BOUND_S} s each"
)


#: Starts a server in a guest, and ends when it listens.
_LISTEN = """\
ncat --listen --keep-open "$1" >/dev/null 2>&1 &
tries=0
until [ -n "$(ss -Hltn "sport = :$1")" ]; do
    [ $tries -lt 100 ] || { echo "nothing listens on port $1" >&2; exit 1; }
    tries=$((tries + 1))
    sleep 0.05
done
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One path in one mode.

    Attributes
    ----------
    mode, source, target
        Such as ``nat``, ``guest`` and ``pc``.
    nic
        Model of the guest's NIC; of the sender's, between guests.
    protocol
        ``icmp`` or ``tcp``.
    expected, observed
        ``reaches``, ``blocked``; observed also ``could not test``.
    reason
        Why the expected is expected.
    said
        What the probe said.
    """

    mode: str
    source: str
    target: str
    nic: str
    protocol: str
    expected: str
    observed: str
    reason: str
    said: str

    @property
    def is_finding(self) -> bool:
        """Whether the observed is not what was expected."""
        return self.observed != self.expected


@dataclass(frozen=True, slots=True, repr=False)
class Matrix:
    """What was expected and observed; shows itself as a table of modes and paths.

    Attributes
    ----------
    cells
        One per mode, path, NIC and protocol.
    method
        How it was probed.
    """

    cells: tuple[Cell, ...]
    method: str

    @property
    def findings(self) -> Table[Cell]:
        """What was observed against the expectation."""
        return Table(cell for cell in self.cells if cell.is_finding)

    def of(self, mode: str) -> Table[Cell]:
        """Return the cells of one mode."""
        return Table(cell for cell in self.cells if cell.mode == mode)

    def reasons(self, mode: str) -> Table[dict[str, str]]:
        """Return for each path of a mode what is expected of it and why."""
        rows = {(c.source, c.target): (c.expected, c.reason) for c in self.cells if c.mode == mode}
        return Table({"path": f"{s} → {t}", "expected": e, "reason": r} for (s, t), (e, r) in rows.items())

    def rows(self) -> Table[dict[str, str]]:
        """Return one row per mode: what was observed on each path, in short."""
        return Table(dict(self._row(mode)) for mode in dict.fromkeys(cell.mode for cell in self.cells))

    def _row(self, mode: str) -> Iterator[tuple[str, str]]:
        yield "mode", mode
        for source, target in PATHS:
            found = [c for c in self.of(mode) if (c.source, c.target) == (source, target)]
            yield f"{source} → {target}", summary(found)

    def plot(self) -> plot.Plot:
        """Draw it as a heat map: modes below each other, paths side by side."""
        rows = {str(row.pop("mode")): row for row in self.rows().to_dicts()}
        return plot.heat_map(rows, caption=self.method)

    def __repr__(self) -> str:
        return text_table(self.rows(), caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.rows(), caption=self._caption())

    def _caption(self) -> str:
        count = len(self.findings)
        told = f"{count} of {len(self.cells)} probes found something else than expected: see .findings"
        return "\n".join([self.method, told if count else "All is as expected."])


def summary(cells: Sequence[Cell]) -> str:
    """Return the outcome of one path in a word; ``!`` marks what was not expected.

    Examples
    --------
    >>> seen = Cell("nat", "pc", "guest", "virtio", "icmp", "blocked", "blocked", "", "")
    >>> summary([seen, seen])
    'blocked'
    """
    if not cells:
        return ""
    outcomes = dict.fromkeys(cell.observed for cell in cells)
    mark = " !" if any(cell.is_finding for cell in cells) else ""
    if len(outcomes) == 1:
        return f"{cells[0].observed}{mark}"
    return ", ".join(f"{cell.protocol} {cell.observed}" for cell in cells) + mark


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


def matrix(modes: Sequence[str] = tuple(MODES), *, progress: Progress | None = None) -> Matrix:
    """Set up network modes, each in a lab of its own, and probe who reaches whom.

    Parameters
    ----------
    modes
        Some of :data:`kvmlab.reach.modes.MODES`; all by default.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    SpecError
        If a mode is unknown.
    KvmlabError
        If a lab or a guest does not start; the labs made so far are gone then.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown:
        raise SpecError(f"mode {unknown[0]!r} is unknown", hint=f"one of {', '.join(MODES)}")
    cells: dict[str, list[Cell]] = {}
    with shown(progress, "reachability") as steps, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        waiting = {pool.submit(_in_own_lab, mode): mode for mode in modes}
        try:
            for count, one in enumerate(as_completed(waiting), 1):
                cells[waiting[one]] = one.result()
                steps.step(f"{count} of {len(modes)} modes", done=count / len(modes))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Matrix(tuple(cell for mode in modes for cell in cells[mode]), METHOD)


def _in_own_lab(mode: str) -> list[Cell]:
    with Lab.start(f"reach-{mode}", progress=Silent()) as lab:
        return list(probe_mode(lab, mode))


def probe_mode(lab: Lab, mode: str) -> Iterator[Cell]:
    """Set up a mode in a lab that is otherwise empty, and probe every path.

    Parameters
    ----------
    lab
        A running lab.
    mode
        One of :data:`kvmlab.reach.modes.MODES`.
    """
    prepared = MODES[mode](lab)
    nics = zip(GUESTS, prepared.nics, strict=True)
    guests = [lab.define(DomainSpec(name=name, interfaces=(nic,))) for name, nic in nics]
    with listening(lab.host):
        start_all(guests, progress=Silent(), addresses=not prepared.static)
        yield from _probe(mode, _ends(lab, guests, prepared))


def _ends(lab: Lab, guests: Sequence[Domain], prepared: Prepared) -> dict[str, list[_End]]:
    for guest, address in zip(guests, prepared.static, strict=False):
        guest.run(["ip", "address", "add", str(address), "dev", guest.links()[0].name])
    for guest in guests:
        guest.run(["/bin/sh", "-c", _LISTEN, "sh", str(GUEST_PORT)])
    web = world.WEB_PORT
    return {
        "host": [_End(lab.host, "", HOST_PORT, own_addresses=prepared.host_addresses)],
        "guest": [
            _End(guest, guest.address, GUEST_PORT, GUESTS[guest.name], index)
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
        found = [cell for cells in pool.map(lambda q: _cells(mode, q), questions.values()) for cell in cells]
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
