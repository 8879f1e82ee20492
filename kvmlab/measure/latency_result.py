"""What sockperf and iperf measured: how long requests and connections take."""

from collections.abc import Mapping
from dataclasses import dataclass

from kvmlab._repr import html_table, text_table
from kvmlab.measure.quantiles import quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """Figures of a :class:`RequestResult`, as its table shows them."""

    client: str
    target: str
    requests_per_s: float
    min_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RequestResult:
    """Requests over one TCP connection, each answered before the next one is sent.

    Attributes
    ----------
    client, target
        Who asked, and whom.
    requests
        Answered requests that were counted.
    requests_per_s
        How many of them a second had.
    percentiles_ms
        Milliseconds from a request to its answer, by per cent of the
        requests; 0 is the shortest time, 100 the longest.
    message_bytes
        Length of a request and of its answer.
    method
        How it was measured.
    accelerator
        ``kvm`` or ``tcg`` of the guests among the two ends; empty when none is a guest.
    """

    client: str
    target: str
    requests: int
    requests_per_s: float
    percentiles_ms: Mapping[float, float]
    message_bytes: int
    method: str
    accelerator: str = ""

    @property
    def median_ms(self) -> float:
        """Half of the requests took less."""
        return self.percentiles_ms[50.0]

    @property
    def p99_ms(self) -> float:
        """99 % of the requests took less."""
        return self.percentiles_ms[99.0]

    def _row(self) -> RequestRow:
        return RequestRow(
            client=self.client,
            target=self.target,
            requests_per_s=self.requests_per_s,
            min_ms=self.percentiles_ms[0.0],
            median_ms=self.median_ms,
            p90_ms=self.percentiles_ms[90.0],
            p99_ms=self.p99_ms,
            max_ms=self.percentiles_ms[100.0],
            accelerator=self.accelerator,
        )

    def __repr__(self) -> str:
        return text_table([self._row()], caption=f"method: {self.method}")

    def _repr_html_(self) -> str:
        return html_table([self._row()], caption=f"method: {self.method}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRow:
    """Figures of a :class:`ConnectResult`, as its table shows them."""

    client: str
    target: str
    connects_per_s: float
    min_ms: float | None
    median_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    connects: int
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectResult:
    """TCP connections, opened and closed one after the other.

    Attributes
    ----------
    client, target
        Who connected, and to whom.
    connect_ms
        Milliseconds that each handshake took.
    elapsed_s
        Seconds from the start of the client to its end.
    method
        How it was measured.
    accelerator
        ``kvm`` or ``tcg`` of the guests among the two ends; empty when none is a guest.
    """

    client: str
    target: str
    connect_ms: tuple[float, ...]
    elapsed_s: float
    method: str
    accelerator: str = ""

    @property
    def connects_per_s(self) -> float:
        """Connections in a second; the start of the client is part of the time."""
        return len(self.connect_ms) / self.elapsed_s

    @property
    def median_ms(self) -> float | None:
        """Half of the handshakes took less."""
        return quantile(self.connect_ms, 0.5)

    @property
    def p99_ms(self) -> float | None:
        """99 % of the handshakes took less."""
        return quantile(self.connect_ms, 0.99)

    def _row(self) -> ConnectRow:
        return ConnectRow(
            client=self.client,
            target=self.target,
            connects_per_s=self.connects_per_s,
            min_ms=min(self.connect_ms, default=None),
            median_ms=self.median_ms,
            p99_ms=self.p99_ms,
            max_ms=max(self.connect_ms, default=None),
            connects=len(self.connect_ms),
            accelerator=self.accelerator,
        )

    def __repr__(self) -> str:
        return text_table([self._row()], caption=f"method: {self.method}")

    def _repr_html_(self) -> str:
        return html_table([self._row()], caption=f"method: {self.method}")
