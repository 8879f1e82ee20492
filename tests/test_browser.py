"""The course as a learner meets it: JupyterLab, started by ``kvmlab jupyter``, in a real browser."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kvmlab import _paths
from kvmlab.jupyter import course_dir
from kvmlab.lab import Lab, list_labs

pytestmark = [pytest.mark.browser, pytest.mark.notebook]

NOTEBOOK = "01-nat.ipynb"
#: Milliseconds until JupyterLab is there, and until all cells have run, on a busy machine.
LOAD_BOUND_MS, RUN_BOUND_MS = 120_000, 600_000
#: Settings of a learner: all outputs are in the page, not only those in sight; scripts can ask the app.
SETTINGS = {
    "jupyter_lab_config.json": {"LabApp": {"expose_app_in_browser": True}},
    "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
}

WIDGET = "application/vnd.jupyter.widget-view+json"
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
IS_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.context?.sessionContext;
  const kernel = context?.session?.kernel;
  return context?.isReady && kernel?.status === 'idle' && kernel?.connectionStatus === 'connected';
}"""
#: The stored outputs go first, so that all that is seen later was made here.
RUN_ALL = """async () => {
  await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
  window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""
CELLS = """window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code').map(cell => cell.model)"""
HAS_RUN = f"""() => {CELLS}.every(cell => cell.executionCount !== null && cell.executionState !== 'running')
  || {CELLS}.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'))"""
OUTPUTS = f"() => {CELLS}.flatMap(cell => cell.outputs.toJSON())"
SIZES = """images => images.map(image => {
  const box = image.getBoundingClientRect();
  const area = image.closest('.jp-OutputArea-output').getBoundingClientRect();
  return {loaded: image.complete && image.naturalWidth > 0, width: box.width, height: box.height,
          inside: box.left >= area.left && box.right <= area.right + 1};
})"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def course(home: Path) -> Iterator[str]:
    """Run ``kvmlab jupyter`` for a learner with this home; yield the address that it prints."""
    for name, settings in SETTINGS.items():
        (home / ".jupyter" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / ".jupyter" / name).write_text(json.dumps(settings))
    env = {key: value for key, value in os.environ.items() if not key.startswith(("JUPYTER", "IPYTHON"))}
    env |= {"HOME": str(home), "KVMLAB_CACHE_DIR": str(_paths.cache_dir())}
    program = [sys.executable, "-c", "from kvmlab.cli import main; main()"]
    line = [*program, "jupyter", str(home / "course"), "--no-browser", f"--port={free_port()}"]
    log = home / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, stderr=stream)
    try:
        yield printed_address(server, log)
    finally:
        server.terminate()  # it ends its kernels first
        server.wait(30)


def printed_address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + LOAD_BOUND_MS / 1000
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"http://127\S+token=\w+", log.read_text()):
            return found[0]
        time.sleep(0.05)
    pytest.fail(f"JupyterLab printed no address:\n{log.read_text()}")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with course(tmp_path_factory.mktemp("home")) as found:
        yield found
    for info in list_labs():
        Lab.attach(info.name).stop()


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    options = ["--disable-dev-shm-usage", "--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable, args=options)


def opened(chromium: Any, address: str, notebook: str, *, folder: str = "notebooks") -> Any:
    """Return the page with a notebook whose kernel is ready."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(re.sub(r"notebooks/[\w-]+\.ipynb", f"{folder}/{notebook}", address))
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=LOAD_BOUND_MS)
    page.wait_for_selector(PANEL, timeout=LOAD_BOUND_MS)
    page.wait_for_function(IS_READY, timeout=LOAD_BOUND_MS)
    return page


@pytest.fixture(scope="module")
def executed(address: str) -> Iterator[Any]:
    """The notebook after all of its cells have run."""
    with browser() as chromium:
        page = opened(chromium, address, NOTEBOOK)
        page.evaluate(RUN_ALL)
        page.wait_for_function(HAS_RUN, timeout=RUN_BOUND_MS)
        yield page


def test_all_cells_run_and_none_shows_an_error(executed: Any) -> None:
    outputs = executed.evaluate(OUTPUTS)

    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert executed.locator(".jp-Dialog").count() == 0


@pytest.mark.parametrize(("kind", "form"), [("SVG", "image/svg+xml"), ("Image", "image/png")])
def test_every_picture_is_seen_whole(executed: Any, kind: str, form: str) -> None:
    data = [output["data"] for output in executed.evaluate(OUTPUTS) if "data" in output]
    made = [each for each in data if form in each and WIDGET not in each]

    sizes = executed.locator(f"{PANEL} .jp-Rendered{kind} img").evaluate_all(SIZES)

    assert len(sizes) == len(made) >= 2
    assert [size for size in sizes if not (size["loaded"] and size["inside"])] == []
    assert [size for size in sizes if size["width"] < 400 or size["height"] < 150] == []


def test_the_live_picture_followed_the_guests_that_were_started(executed: Any) -> None:
    (shown,) = [output["data"] for output in executed.evaluate(OUTPUTS) if WIDGET in output.get("data", {})]

    picture = executed.locator(f"{PANEL} .jupyter-widgets svg")

    assert "vnet0" not in shown["image/svg+xml"]  # as it was when its cell ran
    assert {"vnet0", "vnet1", "driver 8139cp"} <= {
        text.strip() for text in picture.locator("text").all_text_contents()
    }
    area = executed.locator(f"{PANEL} .jp-OutputArea-output:has(.jupyter-widgets svg)").bounding_box()
    box = picture.bounding_box()
    assert area["x"] <= box["x"]
    assert box["x"] + box["width"] <= area["x"] + area["width"] + 1


def test_tables_and_commands_are_shown_as_such(executed: Any) -> None:
    tables = executed.locator(f"{PANEL} .jp-OutputArea-output table")
    commands = executed.locator(f"{PANEL} .jp-OutputArea-output[data-mime-type='text/markdown'] pre")

    assert tables.count() >= 5
    assert commands.count() >= 3


def test_the_first_page_is_the_first_notebook(address: str) -> None:
    assert "/lab/tree/notebooks/00-start-here.ipynb?token=" in address
    assert (course_dir() / "notebooks" / NOTEBOOK).is_file()
