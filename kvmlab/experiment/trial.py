"""One trial: what is measured at a station."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from kvmlab.errors import MeasurementError
from kvmlab.experiment.factors import Level
from kvmlab.experiment.plan import METERS, Plan
from kvmlab.experiment.site import Station
from kvmlab.measure.connects import connects
from kvmlab.measure.cpu import CpuCost, cpu_cost
from kvmlab.measure.drops import read_drops
from kvmlab.measure.interrupts import read_interrupts
from kvmlab.measure.iperf3 import iperf3
from kvmlab.measure.ping import ping
from kvmlab.measure.ports import free_ports
from kvmlab.measure.requests import request_response
from kvmlab.measure.udp import udp
from kvmlab.measure.udp_result import FRAME_OVERHEAD_BYTES

#: Seconds between two pings: short, so that the traffic is most of the time.
PING_INTERVAL_S = 0.005
#: Seconds of silence on a connection after which a run is given up.
SILENCE_S = 5
#: First port of the servers; each guest has its own. A server that lost its client in the trial
#: before may listen on for a while: the sender of iperf 3.16 and 3.18 for 100 s, as seen.
_FIRST_PORT = 5301
#: What a counter of drops is called that counts no lost packet, or one that another counts as well.
_NO_LOSS = ("overlimits", "requeues", "time_squeeze", "rx errors", "tx errors", "rx_err")

_QUEUE = re.compile(r"virtio\d+-(input|output)\.\d+")

Values = dict[str, float | None]


def measure(station: Station, plan: Plan, point: Mapping[str, Level]) -> Values:
    """Measure once what a plan asks for.

    Raises
    ------
    KvmlabError
        If one of the instruments failed; what the others found is not used.
    """
    values: Values = {}
    if not station.is_warm and ("tcp" not in plan.measures or set(METERS) & set(plan.measures)):
        _warm_up(station, plan, point)
    # TCP comes first: where nothing is read around it, its own first seconds are the warm-up
    for name in sorted(plan.measures, key=lambda name: name != "tcp"):
        if name not in METERS:
            values |= _INSTRUMENTS[name](station, plan, point)
            station.is_warm = True
    return {column: values[column] for column in plan.columns}


def _warm_up(station: Station, plan: Plan, point: Mapping[str, Level]) -> None:
    if plan.warmup_s:
        _tcp(station, point, plan.warmup_s)
    station.is_warm = True


def _ping(station: Station, plan: Plan, _point: Mapping[str, Level]) -> Values:
    found = ping(station.guests[0], station.target, count=plan.pings, interval_s=PING_INTERVAL_S)
    if found.median_ms is None:
        said = ", ".join(found.icmp_messages) or "no answer"
        raise MeasurementError(
            f"ping from {found.source} to {found.target}: {said} to {found.transmitted} requests"
        )
    return {
        "rtt_min_ms": found.min_ms,
        "rtt_median_ms": found.median_ms,
        "rtt_p99_ms": found.p99_ms,
        "rtt_jitter_ms": found.jitter_ms,
        "ping_loss_percent": 100 * found.loss,
    }


def _tcp_metered(station: Station, plan: Plan, point: Mapping[str, Level]) -> Values:
    guest, link = station.guests[0], station.links[0]
    meters: dict[str, Callable[[], Mapping[str, int]]] = {
        "interrupts": lambda: read_interrupts(guest),
        "drops": lambda: read_drops(guest, link),
    }
    wanted = {name: meters[name] for name in plan.measures if name in meters}
    before = {name: read() for name, read in wanted.items()}
    if "cpu" in plan.measures:
        with cpu_cost(guest) as cost:
            values, carried = _tcp(station, point, plan.duration_s)
        values |= _cost(cost, carried)
    else:
        values, carried = _tcp(
            station, point, plan.duration_s, omit_s=0 if station.is_warm else plan.warmup_s
        )
    spent = {name: _rise(before[name], read()) for name, read in wanted.items()}
    if "interrupts" in spent:
        own = sum(count for name, count in spent["interrupts"].items() if is_nic(name, link))
        values["nic_interrupts_per_mbyte"] = own / (carried / 1e6)
    if "drops" in spent:
        lost = (count for name, count in spent["drops"].items() if not name.endswith(_NO_LOSS))
        values["dropped_packets"] = max(lost, default=0)  # several counters may count the same packet
    return values


def _cost(cost: CpuCost, carried: int) -> Values:
    gbytes = carried / 1e9
    return {
        "qemu_cpu_s_per_gbyte": cost.qemu_s_per_gbyte(carried),
        "guest_cpu_s_per_gbyte": cost.guest_busy_s / gbytes,
    }


def is_nic(interrupt: str, link: str) -> bool:
    """Tell whether an interrupt is that of a guest's only NIC.

    A driver names it after its link, virtio after its queues (Linux,
    drivers/net/virtio_net.c, ``init_vqs``: ``input.N`` and ``output.N``).

    Examples
    --------
    >>> is_nic("22 eth1", "eth1"), is_nic("31 virtio3-input.0", "eth0"), is_nic("29 virtio2-input", "eth0")
    (True, True, False)
    """
    words = interrupt.replace(",", " ").split()
    return any(word == link or word.startswith(f"{link}-") or _QUEUE.fullmatch(word) for word in words)


def _rise(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def _tcp(
    station: Station, point: Mapping[str, Level], duration_s: int, *, omit_s: int = 0
) -> tuple[Values, int]:
    """Let all guests send, or receive, at the same time; return the sums, and the bytes that arrived."""
    ports = free_ports(station.peer, _FIRST_PORT, len(station.guests))

    def one(number: int) -> tuple[float, int | None, int]:
        found = iperf3(
            station.guests[number],
            station.target,
            server=station.peer,
            reverse=point["direction"] == "reverse",
            duration_s=duration_s,
            omit_s=omit_s,
            streams=int(point["streams"]),
            silence_s=SILENCE_S,
            port=ports[number],
        ).runs[0]
        return found.received_mbit_s, found.retransmits, found.received_bytes

    if len(station.guests) == 1:  # in this thread, where Ctrl-C ends it at once
        runs = [one(0)]
    else:
        with ThreadPoolExecutor(max_workers=len(station.guests)) as pool:
            runs = list(pool.map(one, range(len(station.guests))))
    carried = sum(count for _, _, count in runs)
    if not carried:
        raise MeasurementError(f"of {duration_s} s of TCP traffic with {station.target} nothing arrived")
    known = [count for _, count, _ in runs if count is not None]
    return {
        "tcp_mbit_s": sum(rate for rate, _, _ in runs),
        "tcp_retransmits": sum(known) if len(known) == len(runs) else None,
    }, carried


def _udp(station: Station, plan: Plan, point: Mapping[str, Level]) -> Values:
    run = udp(
        station.guests[0],
        station.target,
        server=station.peer,
        reverse=point["direction"] == "reverse",
        payload_bytes=int(point["frame_bytes"]) - FRAME_OVERHEAD_BYTES,
        duration_s=plan.duration_s,
    ).runs[0]
    return {
        "udp_offered_mbit_s": run.offered_mbit_s,
        "udp_mbit_s": run.received_mbit_s,
        "udp_packets_per_s": run.received_packets_per_s,
        "udp_loss_percent": 100 * run.loss,
        "udp_jitter_ms": run.jitter_ms,
    }


def _requests(station: Station, plan: Plan, _point: Mapping[str, Level]) -> Values:
    found = request_response(
        station.guests[0], station.target, server=station.peer, duration_s=plan.duration_s
    )
    return {
        "request_median_ms": found.median_ms,
        "request_p99_ms": found.p99_ms,
        "requests_per_s": found.requests_per_s,
    }


def _connects(station: Station, _plan: Plan, _point: Mapping[str, Level]) -> Values:
    found = connects(station.guests[0], station.target, server=station.peer)
    return {"connect_median_ms": found.median_ms, "connects_per_s": found.connects_per_s}


_INSTRUMENTS: Mapping[str, Callable[[Station, Plan, Mapping[str, Level]], Values]] = {
    "ping": _ping,
    "tcp": _tcp_metered,
    "udp": _udp,
    "requests": _requests,
    "connects": _connects,
}
