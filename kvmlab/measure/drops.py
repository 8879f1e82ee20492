"""Packets that were dropped on their way through a machine, and where.

A packet is lost in one of several queues, and each counts for itself: the
card (``ethtool -S``), the queueing discipline in front of it (``tc -s qdisc``),
the backlog between card and protocol (``/proc/net/softnet_stat``), the link
(``ip -s link``). Not all of them know of all losses: what an emulated rtl8139
has no room for is in its own counters as ``rx_fifo`` only.
"""

import json
import re
from typing import Any

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError, SpecError

#: One program after the other: under emulation each start costs a guest a tenth of a second.
_READ = """\
ip -s -json link show dev "$1" || exit 1
echo ---
tc -s -json qdisc show dev "$1"
echo ---
cat /proc/net/softnet_stat
echo ---
ethtool -S "$1" 2>/dev/null
exit 0
"""
_STATISTIC = re.compile(r"^ +(?P<name>\S.*?): (?P<value>\d+)$", re.MULTILINE)
#: Words in a driver's names of its own counters that speak of a packet that got lost.
_LOST = re.compile(r"drop|err|fifo|miss|abort|underrun|overrun|timeout|no_buf|discard", re.IGNORECASE)
_LINK_COUNTERS = ("errors", "dropped", "missed_errors", "over_errors", "fifo_errors")
_QDISC_COUNTERS = ("drops", "overlimits", "requeues")


def read_drops(runner: Runner, link: str) -> dict[str, int]:
    """Return what counts lost packets on a link, by place.

    Parameters
    ----------
    runner
        Whose link: a guest, or a host of a lab.
    link
        Its name, such as ``eth0`` or ``vnet0``.

    Returns
    -------
    dict
        Counts by names such as ``ethtool rx_fifo``, ``tc fq_codel drops``,
        ``softnet dropped``, ``link rx dropped``. Those of softnet are of the
        whole machine. ``softnet time_squeeze`` counts no loss, but rounds in
        which more had arrived than the kernel takes at once.

    Raises
    ------
    SpecError
        If there is no such link.
    MeasurementError
        If the counters cannot be read.

    Notes
    -----
    Same as ``ethtool -S LINK``, ``tc -s qdisc show dev LINK``,
    ``cat /proc/net/softnet_stat`` and ``ip -s link show dev LINK``.
    """
    done = runner.run(["/bin/sh", "-c", _READ, "sh", link], check=False)
    if done.returncode != 0:
        raise SpecError(f"{runner.name}: {done.stderr.strip()}", hint="see the names with `ip link`")
    about_link, qdiscs, softnet, card = done.stdout.split("---\n")
    return {
        **parse_ethtool_statistics(card),
        **parse_qdiscs(qdiscs),
        **parse_softnet(softnet),
        **parse_link(about_link),
    }


def parse_ethtool_statistics(text: str) -> dict[str, int]:
    """Read the counters of ``ethtool -S`` that speak of lost packets; none where a driver has none."""
    found = ((match["name"], int(match["value"])) for match in _STATISTIC.finditer(text))
    return {f"ethtool {name}": value for name, value in found if _LOST.search(name)}


def parse_qdiscs(text: str) -> dict[str, int]:
    """Read ``tc -s -json qdisc show``; what several of one kind counted is added up."""
    counts: dict[str, int] = {}
    for qdisc in _records(text, "tc"):
        for counter in _QDISC_COUNTERS:
            name = f"tc {qdisc['kind']} {counter}"
            counts[name] = counts.get(name, 0) + int(qdisc.get(counter, 0))
    return counts


def parse_softnet(text: str) -> dict[str, int]:
    """Read ``/proc/net/softnet_stat``: one line per CPU, hexadecimal.

    The second column counts packets for which the backlog had no room, the
    third rounds that ended early (Linux, net/core/net-procfs.c,
    ``softnet_seq_show``).

    Raises
    ------
    MeasurementError
        If the text is not of that form.
    """
    try:
        rows = [[int(word, 16) for word in line.split()[:3]] for line in text.splitlines()]
        _, dropped, squeezed = zip(*rows, strict=True)
    except ValueError as error:
        raise MeasurementError("/proc/net/softnet_stat cannot be read", output=text) from error
    return {"softnet dropped": sum(dropped), "softnet time_squeeze": sum(squeezed)}


def parse_link(text: str) -> dict[str, int]:
    """Read the counters of ``ip -s -json link show dev LINK`` that speak of lost packets."""
    counters = _records(text, "ip")[0].get("stats64", {})
    return {
        f"link {way} {name}": int(counters[way][name])
        for way in ("rx", "tx")
        for name in _LINK_COUNTERS
        if name in counters.get(way, {})
    }


def _records(text: str, program: str) -> list[dict[str, Any]]:
    try:
        records = json.loads(text)
    except ValueError as error:
        raise MeasurementError(f"{program} printed no JSON", output=text) from error
    # iproute2 up to 6.1 leaves an empty object where there is nothing to tell
    return [record for record in records if record]
