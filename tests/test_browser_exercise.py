"""An exercise as a learner does it, from start to finish: JupyterLab, a real browser, the check button."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmlab import assignment
from kvmlab.lab import Lab, list_labs
from tests.exercise.proving import source_of
from tests.test_browser import PANEL, RUN_BOUND_MS, browser, course, opened

pytestmark = [pytest.mark.browser, pytest.mark.notebook]

NAME = "private"
STUDENT, BEGIN, CHECK = 0, 1, 2
#: Each task has two cells with code: the learner's, and the one that earns the points.
TASKS = {"network": 3, "guests": 5, "apart": 7}
SOLUTIONS = assignment.solutions(assignment.read_notebook(source_of(NAME)))
CELL = f"{PANEL} .jp-CodeCell"
BUTTON = f"{PANEL} .jupyter-widgets button:has-text('Check')"
WIDGETS = f"{PANEL} .jp-OutputArea-output:has(.jupyter-widgets)"
HAS_RUN = """number => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
  const model = cells[number].model;
  return model.executionCount !== null && model.executionState === 'idle';
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code')
  .flatMap(cell => cell.model.outputs.toJSON()).filter(output => output.output_type === 'error')"""


def run(page: Any, number: int, code: str = "") -> None:
    """Click into a cell, type over what is in it if there is code, and run it by the keyboard."""
    editor = page.locator(CELL).nth(number).locator(".cm-content")
    editor.click()
    if code:
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(HAS_RUN, arg=number, timeout=RUN_BOUND_MS)


def pressed(page: Any, expected: str) -> None:
    """Press the button, and wait until it says what is expected."""
    page.locator(BUTTON).click()
    page.locator(WIDGETS).get_by_text(expected).wait_for(timeout=RUN_BOUND_MS)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("home")
    with course(home) as address, browser() as chromium:
        yield opened(chromium, address, f"{NAME}.ipynb", folder=f"exercises/{NAME}")
    for info in list_labs():
        Lab.attach(info.name).stop()


def test_a_learner_begins_checks_works_and_is_done(page: Any, tmp_path: Path) -> None:
    run(page, STUDENT, 'STUDENT = "kim"')
    run(page, BEGIN)
    assert "Exercise private of kim" in page.locator(CELL).nth(BEGIN).inner_text()
    run(page, CHECK)
    pressed(page, "✘ 0 of 5 points")

    run(page, TASKS["network"], SOLUTIONS["network"])
    pressed(page, "✘ 1 of 5 points")
    run(page, TASKS["network"] + 1)
    run(page, TASKS["guests"], SOLUTIONS["guests"])
    run(page, TASKS["guests"] + 1)
    run(page, TASKS["apart"] + 1)
    pressed(page, "✔ 5 of 5 points")

    assert page.evaluate(ERRORS) == []
    table = page.locator(f"{WIDGETS} table")
    assert table.count() == 1
    assert table.inner_text().count("passed") >= 9
    page.locator(BUTTON).scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "exercise.png")
    inside = page.locator(WIDGETS).bounding_box()
    box = table.bounding_box()
    assert inside["x"] <= box["x"]
    assert box["width"] > 300
