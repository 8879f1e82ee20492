"""What iperf3 measured over UDP: how much was offered, and how much of it arrived."""

from dataclasses import dataclass
from statistics import median

from kvmlab._repr import Table, html_table, text_table
from kvmlab.measure.iperf3_result import Direction

#: Bytes of an Ethernet frame around a UDP payload: 14 of header and 4 of check
#: sequence (IEEE 802.3), 20 of IPv4 (RFC 791), 8 of UDP (RFC 768).
FRAME_OVERHEAD_BYTES = 46


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpRun:
    """One run of iperf3 over UDP.

    Attributes
    ----------
    direction
        ``forward``: the client sends; ``reverse``: the server sends.
    offered_mbit_s
        Payload that the sender handed to its kernel, in 10^6 bits per second.
    received_mbit_s
        Payload that arrived.
    sent_packets, received_packets
        Datagrams; what was still under way at the end did not arrive.
    received_packets_per_s
        Datagrams that arrived, per second.
    jitter_ms
        As RFC 3550 (section 6.4.1) smooths it, computed by the receiver.
    duration_s
        Seconds that the figures cover, as measured.
    payload_bytes
        Payload of a datagram.
    """

    direction: Direction
    offered_mbit_s: float
    received_mbit_s: float
    sent_packets: int
    received_packets: int
    received_packets_per_s: float
    jitter_ms: float
    duration_s: float
    payload_bytes: int

    @property
    def loss(self) -> float:
        """Share of the datagrams that did not arrive, 0.0-1.0."""
        return 1 - self.received_packets / self.sent_packets

    @property
    def frame_bytes(self) -> int:
        """Length of its Ethernet frames, with the check sequence."""
        return self.payload_bytes + FRAME_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpRow:
    """Figures of runs with one size of datagrams, as a table shows them: medians of the repeats."""

    direction: Direction
    frame_bytes: int
    offered_mbit_s: float
    received_mbit_s: float
    received_packets_per_s: float
    loss_percent: float
    jitter_ms: float
    repeats: int
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UdpResult:
    """Datagrams in one direction, measured one or more times, in one size or several.

    Attributes
    ----------
    client
        Name of the runner that ran the client.
    target
        Address or name that it connected to.
    runs
        In order of time.
    method
        How it was measured.
    accelerator
        ``kvm`` or ``tcg`` (emulation) of the guests among the two ends;
        empty when none is a guest.
    """

    client: str
    target: str
    runs: tuple[UdpRun, ...]
    method: str
    accelerator: str = ""

    @property
    def rows(self) -> Table[UdpRow]:
        """One row per size of datagrams, the smallest first."""
        sizes = sorted({run.payload_bytes for run in self.runs})
        return Table(self._row([run for run in self.runs if run.payload_bytes == size]) for size in sizes)

    def _row(self, runs: list[UdpRun]) -> UdpRow:
        return UdpRow(
            direction=runs[0].direction,
            frame_bytes=runs[0].frame_bytes,
            offered_mbit_s=median(run.offered_mbit_s for run in runs),
            received_mbit_s=median(run.received_mbit_s for run in runs),
            received_packets_per_s=median(run.received_packets_per_s for run in runs),
            loss_percent=100 * median(run.loss for run in runs),
            jitter_ms=median(run.jitter_ms for run in runs),
            repeats=len(runs),
            accelerator=self.accelerator,
        )

    def __repr__(self) -> str:
        return text_table(self.rows, caption=f"method: {self.method}")

    def _repr_html_(self) -> str:
        return html_table(self.rows, caption=f"method: {self.method}")
