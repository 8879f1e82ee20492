"""Counters of the kernel and of the hypervisor: recorded, and read for real in a guest."""

import json
from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.counters import changes
from kvmlab.measure.cpu import CpuCost, difference, parse_times, read_times
from kvmlab.measure.drops import (
    parse_ethtool_statistics,
    parse_link,
    parse_qdiscs,
    parse_softnet,
    read_drops,
)
from kvmlab.measure.exits import Exits
from kvmlab.measure.interrupts import parse_interrupts, read_interrupts
from kvmlab.virt.usage import sum_counts

DATA = Path(__file__).parent.parent / "data"


def sample(name: str) -> str:
    return (DATA / "kernel" / name).read_text()


def test_interrupts_of_all_cpus_are_added_up() -> None:
    found = parse_interrupts(sample("interrupts-virtio-rtl8139.txt"))

    assert found["22 eth1"] == 16
    assert found["33 virtio3-output.0"] == 1506
    assert found["LOC Local timer interrupts"] == 3269 + 2627
    assert found["ERR"] == 0


def test_what_is_no_list_of_interrupts_is_refused() -> None:
    with pytest.raises(MeasurementError, match="CPUs"):
        parse_interrupts("cat: /proc/interrupts: No such file")


def test_interrupts_of_this_machine_are_read() -> None:
    assert sum(read_interrupts(LocalRunner()).values()) > 0


def test_an_rtl8139_counts_what_it_has_no_room_for_as_rx_fifo() -> None:
    found = parse_ethtool_statistics(sample("ethtool-rtl8139.txt"))

    assert found["ethtool rx_fifo"] == 13161
    assert "ethtool rx_ok" not in found


def test_a_virtio_nic_counts_drops_of_each_queue() -> None:
    assert parse_ethtool_statistics(sample("ethtool-virtio.txt"))["ethtool rx_queue_0_drops"] == 0


def test_a_driver_without_counters_has_none() -> None:
    assert parse_ethtool_statistics("") == {}


def test_drops_of_a_queueing_discipline_are_read() -> None:
    found = parse_qdiscs(sample("tc-tbf.json"))

    assert (found["tc tbf drops"], found["tc tbf overlimits"]) == (14206, 21174)


def test_disciplines_of_one_kind_are_added_up() -> None:
    assert parse_qdiscs(sample("tc-guest.json"))["tc fq_codel drops"] == 0


def test_the_backlog_is_read_as_hexadecimal() -> None:
    assert parse_softnet(sample("softnet-guest.txt")) == {
        "softnet dropped": 0,
        "softnet time_squeeze": 0x3B + 0x50,
    }


def test_the_link_counts_what_its_driver_missed() -> None:
    assert parse_link(sample("link-eth1.json"))["link rx missed_errors"] == 13161


@pytest.mark.parametrize("read", [parse_qdiscs, parse_link, parse_softnet])
def test_what_cannot_be_read_is_refused(read: object) -> None:
    with pytest.raises(MeasurementError):
        read("Cannot find device")  # type: ignore[operator]


@pytest.mark.host
def test_drops_are_read_before_and_after(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, _ = cable
    near.run(
        [
            "tc",
            "qdisc",
            "replace",
            "dev",
            "cable",
            "root",
            "tbf",
            "rate",
            "1mbit",
            "burst",
            "2k",
            "latency",
            "1ms",
        ]
    )
    before = read_drops(near, "cable")

    near.run(["ping", "-q", "-c", "50", "-i", "0.002", "-s", "1400", "10.9.0.2"], check=False)

    found = {row.counter: row.change for row in changes(before, read_drops(near, "cable"))}
    assert found["tc tbf drops"] > 0


@pytest.mark.host
def test_a_link_that_is_not_there_is_refused(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(SpecError, match="nosuch"):
        read_drops(cable[0], "nosuch")


def test_cpu_times_are_read_from_ticks() -> None:
    found = parse_times(sample("stat-guest.txt"))

    ticks = [int(word) for word in sample("stat-guest.txt").splitlines()[0].split()[1:]]
    assert found.busy_s == pytest.approx((sum(ticks[:3]) + sum(ticks[5:8])) / 100)
    assert found.softirq_s == pytest.approx(ticks[6] / 100)


def test_threads_of_the_kernel_are_found_by_name() -> None:
    stat = "cpu  1 0 0 0 0 0 0 0 0 0\n"
    threads = [
        "15 (ksoftirqd/0) S 2 0 0 0 -1 69238848 0 0 0 0 0 150 0 0 20",
        "99 (vhost-1234) S 2 0 0 0 -1 69238848 0 0 0 0 30 20 0 0 20",
        "7 (a (b) ksoftirqd/0) S 2 0 0 0 -1 0 0 0 0 0 500 500 0 0 20",
    ]

    found = parse_times(stat + "\n".join(threads) + "\n")

    assert (found.ksoftirqd_s, found.vhost_s) == (1.5, 0.5)


def test_threads_of_this_machine_are_read_for_real() -> None:
    first = read_times(LocalRunner())
    spent = difference(first, read_times(LocalRunner()))

    assert first.busy_s > 0
    assert spent.busy_s >= 0


def test_what_is_no_clock_is_refused() -> None:
    with pytest.raises(MeasurementError, match="times"):
        parse_times("cpu\n")


def test_no_cost_is_made_up_for_no_traffic() -> None:
    cost = CpuCost("vm1", "tcg", qemu_s=1.0)

    assert cost.qemu_s_per_gbyte(500_000_000) == 2.0
    with pytest.raises(MeasurementError, match="no bytes"):
        cost.qemu_s_per_gbyte(0)


def test_what_kvm_counts_is_added_up() -> None:
    answer = json.loads((DATA / "qmp/query-stats-vcpu.json").read_text())

    counts = sum_counts(answer)

    assert (counts["exits"], counts["signal_exits"]) == (309, 1)
    assert "halt_wait_hist" not in counts
    assert "guest_mode" not in counts


def test_exits_are_compared_where_there_are_any() -> None:
    before, after = Exits("vm1", {"exits": 5, "io_exits": 1}), Exits("vm1", {"exits": 9, "io_exits": 1})

    rows = after.since(before)

    assert rows is not None
    assert [(row.counter, row.change) for row in rows] == [("exits", 4)]


def test_under_tcg_there_are_no_exits_and_none_are_made_up() -> None:
    none = Exits("vm1")

    assert none.since(none) is None
    assert not none.is_available
    assert "not available under TCG" in repr(none)


def test_only_what_changed_is_shown_the_most_first() -> None:
    rows = changes({"a": 1, "b": 2, "gone": 3}, {"a": 1, "b": 9, "c": 1})

    assert [(row.counter, row.change) for row in rows] == [("b", 7), ("c", 1)]
