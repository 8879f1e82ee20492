"""The notebooks: stored with outputs, executed, and their outputs compared by nbval."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmlab.lab import Lab, list_labs
from kvmlab.virt.accelerator import accelerator

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = ROOT / "tests/sanitize.cfg"

#: Seconds after which a cell that hangs is interrupted.
CELL_BOUND_S = 300
LONGEST_CELL = 15

#: A personal folder of the machine where a notebook was executed; `make notebooks` writes /home/you.
PERSONAL = re.compile(r"(?<![\w.-])/(?:root|tmp|home/(?!you/)[^/\s]+)/[\w./-]*")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_the_course_has_its_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS][:2] == ["00-start-here", "01-nat"]


@each_notebook
def test_every_cell_was_executed_in_order_in_a_fresh_kernel(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(path)]

    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_outputs_are_stored_and_none_is_an_error(path: Path) -> None:
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]

    assert {"execute_result", "display_data"} <= {output["output_type"] for output in outputs}
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []


@each_notebook
def test_no_cell_is_skipped(path: Path) -> None:
    tags = {tag for cell in code_cells(path) for tag in cell["metadata"].get("tags", [])}

    assert tags <= {"nbval-ignore-output"}


@each_notebook
def test_cells_are_short(path: Path) -> None:
    long = {cell["id"]: source(cell).count("\n") + 1 for cell in code_cells(path)}

    assert {name: lines for name, lines in long.items() if lines > LONGEST_CELL} == {}


@each_notebook
def test_only_kvmlab_and_the_standard_library_are_imported(path: Path) -> None:
    nodes = [node for cell in code_cells(path) for node in ast.walk(ast.parse(source(cell)))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]

    assert "kvmlab" in names
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"kvmlab"}


@each_notebook
def test_nothing_of_the_authors_machine_is_stored(path: Path) -> None:
    assert PERSONAL.findall(path.read_text(encoding="utf-8")) == []


@pytest.fixture
def labs_end() -> Iterator[None]:
    """Know beforehand what guests run on, so that no cell shows the trial; end what a failed cell left."""
    accelerator()

    yield

    for info in list_labs():
        Lab.attach(info.name).stop()


def nbval(path: Path) -> "subprocess.CompletedProcess[str]":
    """Execute a notebook and compare its outputs with those that are stored."""
    line = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "--quiet"]
    options = ["--nbval", f"--nbval-sanitize-with={SANITIZE}", f"--nbval-cell-timeout={CELL_BOUND_S}"]
    where = [f"--rootdir={path.parent}", "--nbval-current-env", str(path)]
    # Jupyter's own folders (settings, running kernels) are this run's, as its labs are
    home = os.environ["KVMLAB_STATE_DIR"]
    env = {**os.environ, "JUPYTER_RUNTIME_DIR": f"{home}/jupyter", "IPYTHONDIR": f"{home}/ipython"}
    return subprocess.run([*line, *options, *where], env=env, capture_output=True, text=True, check=False)


@pytest.mark.notebook
@each_notebook
@pytest.mark.usefixtures("labs_end")
def test_a_notebook_shows_what_is_stored_also_after_a_run_that_was_broken_off(path: Path) -> None:
    names = {found[1] for found in re.finditer(r'Lab\.start\(\\"([\w-]+)\\"', path.read_text())}
    for name in names:
        Lab.start(name)

    done = nbval(path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(code_cells(path))} passed" in done.stdout
    assert names.isdisjoint(info.name for info in list_labs())


def executed_cell(name: str, program: str, *, shown: str) -> dict[str, Any]:
    output = {"output_type": "stream", "name": "stdout", "text": shown}
    cell = {"cell_type": "code", "id": name, "metadata": {}, "source": program}
    return {**cell, "execution_count": 1, "outputs": [output]}


def test_a_cell_that_shows_something_else_or_fails_is_found(tmp_path: Path) -> None:
    programs = {
        "same": "print('on the kvm, 0.5 ms')",
        "another": "print('on another')",
        "fails": "print('on the tcg, 7 ms') or 1 / 0",
    }
    cells = [executed_cell(name, text, shown="on the tcg, 12 ms\n") for name, text in programs.items()]
    path = tmp_path / "small.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))

    done = nbval(path)

    assert done.returncode == 1
    assert "2 failed, 1 passed" in done.stdout
