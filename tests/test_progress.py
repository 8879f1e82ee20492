"""The line that says what is going on, as a notebook cell shows it."""

from typing import Any

import pytest

from kvmlab import _progress


class Display:
    """Keeps what a cell displayed, and what the display was changed to."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def __call__(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> "Display":
        self.update(bundle, raw=raw)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        self.shown.append(bundle)

    @property
    def texts(self) -> list[str]:
        return [bundle["text/plain"] for bundle in self.shown]


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    """Let progress be shown as in a cell; it is the choice of the place that is replaced."""
    cell = Display()
    monkeypatch.setattr(_progress, "_suitable", lambda title: _progress._Cell(title, cell))
    return cell


def act(*, lasting: bool = True, error: type[BaseException] | None = None) -> None:
    with _progress.shown(None, "lab <nat>", lasting=lasting) as steps:
        steps.step("starting libvirtd", done=0.5)
        if error:
            raise error


def test_a_cell_first_shows_the_title_alone_then_each_step_then_how_it_ended(display: Display) -> None:
    act()

    assert display.texts == ["lab <nat>: …", "lab <nat>: starting libvirtd …", "lab <nat>: ready"]


def test_every_state_of_the_line_has_the_same_formats(display: Display) -> None:
    act()

    assert {tuple(bundle) for bundle in display.shown} == {("text/html", "text/plain")}


def test_a_share_is_shown_as_a_bar_and_names_are_text(display: Display) -> None:
    act()

    assert "lab &lt;nat&gt;" in display.shown[1]["text/html"]
    assert "<progress value='0.500' max='1'></progress> 50%" in display.shown[1]["text/html"]


@pytest.mark.parametrize(("error", "ending"), [(ValueError, "failed"), (KeyboardInterrupt, "interrupted")])
def test_a_line_says_that_it_did_not_end_well(
    display: Display, error: type[BaseException], ending: str
) -> None:
    with pytest.raises(error):
        act(error=error)

    assert display.texts[-1] == f"lab <nat>: {ending}"


def test_a_line_that_shall_not_last_ends_empty(display: Display) -> None:
    act(lasting=False)

    assert display.texts[-1] == ""


def test_an_action_without_steps_shows_nothing(display: Display) -> None:
    with _progress.shown(None, "accelerator"):
        pass

    assert display.shown == []


def test_somebodys_own_progress_is_used_and_nothing_else_shown(display: Display) -> None:
    own: Any = _progress.Silent()

    with _progress.shown(own, "lab nat") as steps:
        steps.step("starting")

    assert steps is own
    assert display.shown == []
