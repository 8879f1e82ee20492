"""Live views of a lab that was recorded, which can be changed without guests; and of a real one."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape

import pytest
from observe.recorded import RecordedLab

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import LabError, SpecError
from kvmlab.watching import Live

#: Seconds in which a look must show what changed, on a busy machine.
BOUND_S = 30.0


def soon(condition: Callable[[], object]) -> bool:
    """Wait until something holds, at most ``BOUND_S`` seconds."""
    deadline = time.monotonic() + BOUND_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def lab() -> RecordedLab:
    return RecordedLab()


@pytest.fixture
def view(lab: RecordedLab) -> Iterator[Live]:
    view = kl.live(lab, every_s=0.2)
    yield view
    view.end()


def shown(view: Live) -> dict[str, str]:
    """What the widgets of a view show."""
    page = view._page
    parts = {"status": page._status, "picture": page._picture, "tables": page._tables}
    return {name: unescape(widget.value) for name, widget in parts.items()}


def looks(view: Live) -> int:
    """How often a view has looked."""
    return int(shown(view)["status"].partition("look ")[2].partition(",")[0] or 0)


def test_the_first_picture_is_there_at_once(view: Live, lab: RecordedLab) -> None:
    assert view.is_live
    assert view.topology == kl.snapshot(lab)
    assert "virbr-blue" in shown(view)["picture"]


def test_a_change_is_drawn_and_told(view: Live, lab: RecordedLab) -> None:
    lab.with_link("host", "vnet0", port_state="blocking")

    assert soon(lambda: "port state blocking" in shown(view)["tables"])
    assert "✗ port state blocking" in shown(view)["picture"]
    assert soon(lambda: "✗ 1 not as expected" in shown(view)["status"])
    assert ("host/vnet0 -- host/virbr-blue", "label", "forwarding", "blocking") in [
        (change.item, change.field, change.before, change.after) for change in view.changes
    ]


def test_what_does_not_change_is_not_sent_again(view: Live) -> None:
    sent: list[object] = []
    view._page._picture.observe(sent.append, "value")

    assert soon(lambda: looks(view) >= 4)
    assert sent == []


def test_ending_it_at_once_leaves_the_picture_as_it_is(view: Live, lab: RecordedLab) -> None:
    picture = shown(view)["picture"]

    view.end()
    view.end()

    lab.with_link("host", "vnet0", port_state="blocking")
    assert not view.is_live
    assert repr(view) == "Live view of lab 'nat': ended"
    assert "stopped at" in shown(view)["status"]
    assert shown(view)["picture"] == picture


def test_stopping_takes_a_last_look_so_that_nothing_is_missed(lab: RecordedLab) -> None:
    view = kl.live(lab, every_s=3600.0)

    lab.with_link("host", "vnet0", port_state="blocking")
    view.stop()

    assert not view.is_live
    assert "✗ port state blocking" in shown(view)["picture"]


def test_after_it_was_stopped_nothing_is_looked_at_any_more(view: Live, lab: RecordedLab) -> None:
    view.stop()
    lab.with_link("host", "vnet0", port_state="blocking")

    view.stop()

    assert list(view.changes) == []


def test_its_button_stops_it(view: Live) -> None:
    view._page._button.click()

    assert not view.is_live
    assert view._page._button.disabled


def test_it_ends_by_itself_after_its_time(lab: RecordedLab) -> None:
    view = kl.live(lab, every_s=0.2, for_s=0.5)

    assert view.wait(BOUND_S)
    assert "stopped at" in shown(view)["status"]


def test_it_ends_with_its_lab_and_says_so(view: Live, lab: RecordedLab) -> None:
    def gone() -> object:
        raise LabError("lab 'nat' is not running")

    lab.network_state = gone  # type: ignore[method-assign,assignment]

    assert view.wait(BOUND_S)
    assert "ended: lab 'nat' is not running" in shown(view)["status"]


def test_an_error_that_nobody_foresaw_ends_it_and_is_told(view: Live, lab: RecordedLab) -> None:
    def broken() -> object:
        raise ZeroDivisionError("nobody thought of this")

    lab.network_state = broken  # type: ignore[method-assign,assignment]

    assert view.wait(BOUND_S)
    assert "ended: ZeroDivisionError: nobody thought of this" in shown(view)["status"]


def test_a_second_view_of_a_lab_ends_the_first(view: Live, lab: RecordedLab) -> None:
    second = kl.live(lab, every_s=0.2)

    assert not view.is_live
    assert second.is_live
    second.end()


def test_a_notebook_gets_widgets_and_other_pages_a_picture(view: Live) -> None:
    bundle = view._repr_mimebundle_()

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert bundle["text/plain"] == "Live view of lab 'nat': live"


@pytest.mark.parametrize("times", [{"every_s": 0.0}, {"for_s": 0.0}, {"for_s": -1.0}])
def test_times_that_make_no_sense_are_refused_before_a_view_ends(
    view: Live, lab: RecordedLab, times: dict[str, float]
) -> None:
    with pytest.raises(SpecError):
        kl.live(lab, **times)

    assert view.is_live


def test_a_lab_that_does_not_run_is_refused(lab: RecordedLab) -> None:
    def gone() -> object:
        raise LabError("lab 'nat' is not running")

    lab.network_state = gone  # type: ignore[method-assign,assignment]
    before = threading.active_count()

    with pytest.raises(LabError):
        kl.live(lab)

    assert threading.active_count() == before


def test_guests_at_rest_are_asked_rarely_and_at_once_after_a_change(view: Live, lab: RecordedLab) -> None:
    asked: list[float] = []
    nics = lab.guest_nics
    lab.guest_nics = lambda: asked.append(time.monotonic()) or nics()  # type: ignore[method-assign,func-returns-value]

    assert soon(lambda: looks(view) >= 6)
    at_rest = len(asked)
    host = lab.states["host"]
    lab.states["host"] = replace(host, links=host.links[:-1])

    assert at_rest <= 1
    assert soon(lambda: len(asked) > at_rest)


@pytest.mark.vm
def test_a_guest_that_starts_and_a_lab_that_ends_are_seen() -> None:
    with kl.Lab.start("live", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        vm1 = lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network="blue"),)))
        view = kl.live(lab, every_s=0.2)
        assert [node.state for node in view.topology.nodes if node.id == "guest/vm1"] == ["off"]

        vm1.start(progress=Silent()).wait_until_ready()

        assert soon(lambda: f"{vm1.address}/24" in shown(view)["picture"])
        assert "guest/vm1/nic0 -- host/vnet0" in [change.item for change in view.changes]
    assert view.wait(BOUND_S)
    assert "ended: lab" in shown(view)["status"]
