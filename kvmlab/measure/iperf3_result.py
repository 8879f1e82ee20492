"""What iperf3 measured: a throughput per repeat, and their spread."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from kvmlab import plot
from kvmlab._repr import html_table, text_table
from kvmlab.measure.facts import described

Direction = Literal["forward", "reverse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """One run of iperf3 over TCP.

    Attributes
    ----------
    direction
        ``forward``: the client sends; ``reverse``: the server sends.
    received_mbit_s
        Payload that arrived, in 10^6 bits per second. This is the
        throughput: what was sent includes what was still under way.
    sent_mbit_s
        Payload that was handed to the sender's kernel.
    retransmits
        TCP segments that the sender sent again; None where its system does
        not tell.
    duration_s
        Seconds that the figures cover, as measured.
    streams
        TCP connections at the same time; the figures are their sum.
    received_bytes
        Payload that arrived.
    """

    direction: Direction
    received_mbit_s: float
    sent_mbit_s: float
    retransmits: int | None
    duration_s: float
    streams: int
    received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputRow:
    """Figures of an :class:`Iperf3Result`, as its table shows them."""

    sender: str
    receiver: str
    median_mbit_s: float
    min_mbit_s: float
    max_mbit_s: float
    retransmits: int | None
    streams: int
    repeats: int
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Iperf3Result:
    """Throughput in one direction, measured one or more times.

    Attributes
    ----------
    client
        Name of the runner that ran the client.
    target
        Address or name that it connected to.
    runs
        One per repeat, in order of time.
    method
        How it was measured.
    accelerator
        ``kvm`` or ``tcg`` (emulation) of the guests among the two ends;
        empty when none is a guest.
    """

    client: str
    target: str
    runs: tuple[Throughput, ...]
    method: str
    accelerator: str = ""

    @property
    def direction(self) -> Direction:
        """``forward`` when the client sent, ``reverse`` when the server did."""
        return self.runs[0].direction

    @property
    def received_mbit_s(self) -> tuple[float, ...]:
        """Throughput of each repeat, in order of time."""
        return tuple(run.received_mbit_s for run in self.runs)

    @property
    def median_mbit_s(self) -> float:
        """Median throughput of the repeats."""
        return median(self.received_mbit_s)

    @property
    def min_mbit_s(self) -> float:
        """Least throughput of the repeats."""
        return min(self.received_mbit_s)

    @property
    def max_mbit_s(self) -> float:
        """Greatest throughput of the repeats."""
        return max(self.received_mbit_s)

    @property
    def retransmits(self) -> int | None:
        """TCP segments sent again in all repeats; None if a sender did not tell."""
        counts = [run.retransmits for run in self.runs if run.retransmits is not None]
        return sum(counts) if len(counts) == len(self.runs) else None

    def plot(self) -> plot.Plot:
        """Draw each repeat and the median."""
        name = f"{self.client} and {self.target}"
        return plot.throughputs(
            {name: {self.direction: self.received_mbit_s}}, caption=described(self.method, self.accelerator)
        )

    def row(self) -> ThroughputRow:
        """Return its figures as a row of a table."""
        ends = (self.client, self.target)
        sender, receiver = ends if self.direction == "forward" else reversed(ends)
        return ThroughputRow(
            sender=sender,
            receiver=receiver,
            median_mbit_s=self.median_mbit_s,
            min_mbit_s=self.min_mbit_s,
            max_mbit_s=self.max_mbit_s,
            retransmits=self.retransmits,
            streams=self.runs[0].streams,
            repeats=len(self.runs),
            accelerator=self.accelerator,
        )

    def __repr__(self) -> str:
        return text_table([self.row()], caption=f"method: {self.method}")

    def _repr_html_(self) -> str:
        return html_table([self.row()], caption=f"method: {self.method}")


@dataclass(frozen=True, slots=True, repr=False)
class BothDirections:
    """Throughput in both directions, measured in turns.

    Attributes
    ----------
    forward
        From the client to the target.
    reverse
        From the target to the client.
    """

    forward: Iperf3Result
    reverse: Iperf3Result

    @property
    def method(self) -> str:
        """How it was measured."""
        return f"{self.forward.method}; in turns with --reverse"

    @property
    def accelerator(self) -> str:
        """``kvm`` or ``tcg`` of the guests among the two ends; empty when none is a guest."""
        return self.forward.accelerator

    def plot(self) -> plot.Plot:
        """Draw each repeat and the medians of both directions."""
        name = f"{self.forward.client} and {self.forward.target}"
        samples = {"forward": self.forward.received_mbit_s, "reverse": self.reverse.received_mbit_s}
        return plot.throughputs({name: samples}, caption=described(self.method, self.accelerator))

    def __repr__(self) -> str:
        return text_table([self.forward.row(), self.reverse.row()], caption=f"method: {self.method}")

    def _repr_html_(self) -> str:
        return html_table([self.forward.row(), self.reverse.row()], caption=f"method: {self.method}")
