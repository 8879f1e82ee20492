"""What ping measured: the distribution of round-trip times, with its figures."""

from dataclasses import dataclass

from kvmlab import plot
from kvmlab._repr import html_table, text_table
from kvmlab.measure.facts import described
from kvmlab.measure.quantiles import mean, mean_step, quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class PingRow:
    """Figures of a :class:`PingResult`, as its table shows them."""

    source: str
    target: str
    transmitted: int
    loss_percent: float
    min_ms: float | None
    median_ms: float | None
    p95_ms: float | None
    max_ms: float | None
    jitter_ms: float | None
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PingResult:
    """Round-trip times from a source to a target.

    Figures about times are None when no answer came.

    Attributes
    ----------
    source
        Name of the runner that sent the requests.
    target
        Address or name that they were sent to.
    rtt_ms
        Milliseconds, one per answered request, in order of sending.
    transmitted
        Requests sent, without those for warm-up.
    lost
        ICMP sequence numbers of the requests without an answer.
    duplicates
        Answers to requests that were answered already.
    icmp_messages
        Other ICMP messages that came instead, each once, such as
        ``Destination Host Unreachable (from 192.168.1.1)``.
    method
        How it was measured.
    accelerator
        ``kvm`` or ``tcg`` (emulation); empty when the source is no guest.
    """

    source: str
    target: str
    rtt_ms: tuple[float, ...]
    transmitted: int
    lost: tuple[int, ...]
    duplicates: int
    icmp_messages: tuple[str, ...]
    method: str
    accelerator: str = ""

    @property
    def received(self) -> int:
        """Requests that were answered, each counted once."""
        return len(self.rtt_ms)

    @property
    def loss(self) -> float:
        """Share of the requests without an answer, 0.0-1.0."""
        return len(self.lost) / self.transmitted

    @property
    def min_ms(self) -> float | None:
        """Shortest round-trip time."""
        return min(self.rtt_ms, default=None)

    @property
    def median_ms(self) -> float | None:
        """Median round-trip time."""
        return quantile(self.rtt_ms, 0.5)

    @property
    def mean_ms(self) -> float | None:
        """Arithmetic mean; one late answer moves it far, unlike the median."""
        return mean(self.rtt_ms)

    @property
    def quartiles_ms(self) -> tuple[float | None, float | None]:
        """Half of the answers lie between these two."""
        return quantile(self.rtt_ms, 0.25), quantile(self.rtt_ms, 0.75)

    @property
    def p95_ms(self) -> float | None:
        """95 % of the answers came within this time."""
        return quantile(self.rtt_ms, 0.95)

    @property
    def p99_ms(self) -> float | None:
        """99 % of the answers came within this time; little more than the maximum below 100 answers."""
        return quantile(self.rtt_ms, 0.99)

    @property
    def max_ms(self) -> float | None:
        """Longest round-trip time."""
        return max(self.rtt_ms, default=None)

    @property
    def jitter_ms(self) -> float | None:
        """Mean absolute difference of successive round-trip times.

        The plain mean of the differences that RFC 3550 (section 6.4.1) takes
        for its running estimate, here of round-trip times; None below two
        answers. Not ping's own ``mdev``, which is a standard deviation.
        """
        return mean_step(self.rtt_ms)

    def plot(self) -> plot.Plot:
        """Draw each round-trip time with median and quartiles."""
        name = f"{self.source} → {self.target}"
        caption = described(self.method, self.accelerator)
        return plot.round_trip_times({name: self.rtt_ms}, lost={name: len(self.lost)}, caption=caption)

    def _row(self) -> PingRow:
        return PingRow(
            source=self.source,
            target=self.target,
            transmitted=self.transmitted,
            loss_percent=100 * self.loss,
            min_ms=self.min_ms,
            median_ms=self.median_ms,
            p95_ms=self.p95_ms,
            max_ms=self.max_ms,
            jitter_ms=self.jitter_ms,
            accelerator=self.accelerator,
        )

    def _caption(self) -> str:
        remarks = [f"duplicates: {self.duplicates}"] if self.duplicates else []
        return "\n".join([f"method: {self.method}", *remarks, *self.icmp_messages])

    def __repr__(self) -> str:
        return text_table([self._row()], caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table([self._row()], caption=self._caption())
