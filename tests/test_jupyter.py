"""The learner's working copy of the course, and the JupyterLab that shows it."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from kvmlab import jupyter
from kvmlab.errors import HostError

NAME = Path("notebooks/00-start-here.ipynb")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in (NAME, Path("notebooks/01-nat.ipynb"), Path("exercises/README.md")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name} of version 1")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "course"


def files(folder: Path) -> dict[str, str]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in found.items() if name != jupyter.MANIFEST}


def test_an_empty_folder_is_filled_with_the_whole_course(source: Path, folder: Path) -> None:
    made = jupyter.workspace(folder, source=source)

    assert files(folder) == files(source)
    assert set(map(str, made.added)) == set(files(source))
    assert made.updated == made.beside == ()


def test_a_second_call_changes_nothing(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    made = jupyter.workspace(folder, source=source)

    assert (made.added, made.updated, made.beside) == ((), (), ())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_edited_notebook_is_never_overwritten(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    (folder / NAME).write_text("my work")

    made = jupyter.workspace(folder, source=source)

    assert (folder / NAME).read_text() == "my work"
    assert made.beside == ()


def test_a_newer_version_is_put_beside_an_edited_notebook_once(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    (folder / NAME).write_text("my work")
    (source / NAME).write_text("version 2")

    first = jupyter.workspace(folder, source=source)
    (folder / first.beside[0]).unlink()
    second = jupyter.workspace(folder, source=source)

    assert (folder / NAME).read_text() == "my work"
    assert first.beside == (Path("notebooks/00-start-here.new.ipynb"),)
    assert second.beside == ()


def test_work_in_a_file_put_beside_is_kept_too(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    (folder / NAME).write_text("my work")
    (source / NAME).write_text("version 2")
    (first,) = jupyter.workspace(folder, source=source).beside
    (folder / first).write_text("my other work")
    (source / NAME).write_text("version 3")

    (second,) = jupyter.workspace(folder, source=source).beside

    assert (folder / first).read_text() == "my other work"
    assert (folder / second).read_text() == "version 3"


def test_a_newer_version_replaces_a_notebook_that_nobody_edited(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    (source / NAME).write_text("version 2")

    made = jupyter.workspace(folder, source=source)

    assert (folder / NAME).read_text() == "version 2"
    assert made.updated == (NAME,)


def test_a_deleted_notebook_comes_back_fresh(source: Path, folder: Path) -> None:
    jupyter.workspace(folder, source=source)
    (folder / NAME).unlink()

    made = jupyter.workspace(folder, source=source)

    assert (folder / NAME).read_text() == (source / NAME).read_text()
    assert made.added == (NAME,)


@pytest.mark.parametrize("manifest", ["", "{", "[1, 2]", None])
def test_files_of_unknown_origin_count_as_the_learners(
    source: Path, folder: Path, manifest: str | None
) -> None:
    (folder / NAME).parent.mkdir(parents=True)
    (folder / NAME).write_text("from somewhere")
    if manifest is not None:
        (folder / jupyter.MANIFEST).write_text(manifest)

    made = jupyter.workspace(folder, source=source)

    assert (folder / NAME).read_text() == "from somewhere"
    assert made.beside == (Path("notebooks/00-start-here.new.ipynb"),)


def test_checkpoints_of_the_original_are_not_delivered(source: Path, folder: Path) -> None:
    (source / "notebooks/.ipynb_checkpoints").mkdir()
    (source / "notebooks/.ipynb_checkpoints/old.ipynb").write_text("old")

    jupyter.workspace(folder, source=source)

    assert not (folder / "notebooks/.ipynb_checkpoints").exists()


def test_a_folder_that_cannot_be_made_is_a_clear_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(HostError, match=r"cannot be put into .*: Not a directory") as caught:
        jupyter.workspace(tmp_path / "file/course", source=source)

    assert "kvmlab jupyter FOLDER" in caught.value.hint


def test_this_installation_has_a_course_with_the_first_notebook() -> None:
    assert (jupyter.course_dir() / jupyter.FIRST_NOTEBOOK).is_file()


def test_what_was_delivered_is_trusted_and_what_was_edited_is_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    made = jupyter.workspace(folder)

    jupyter.trust(made)

    nat = folder / "notebooks/01-nat.ipynb"
    first = nbformat.read(folder / NAME, as_version=4)
    edited = nbformat.reads(nat.read_text().replace("<svg", "<svg onload='alert(1)'"), as_version=4)
    notary = NotebookNotary()
    assert notary.check_signature(first)
    assert not notary.check_signature(edited)
    notary.store.close()


def test_root_with_a_person_behind_it_is_sent_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "ada")

    with pytest.raises(HostError, match="labs need no root") as caught:
        jupyter.start(tmp_path)

    assert "ada" in caught.value.hint


def wait_until_answering(port: int, server: "subprocess.Popen[str]") -> None:
    """Wait for an answer: the server tries its port once before it listens for good."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            answer(f"http://127.0.0.1:{port}/api")
            return
        time.sleep(0.05)
    pytest.fail(f"JupyterLab does not answer on port {port}")


@contextlib.contextmanager
def served(folder: Path, home: Path) -> Iterator[tuple[int, str]]:
    """Run the real server; yield its port and the URL with the token that it printed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    line = jupyter.server_argv(folder, notebook=str(NAME), port=port, browser=False)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    env = {**clean, **jupyter.server_environment(), "HOME": str(home)}
    server = subprocess.Popen(line, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert server.stderr is not None
    try:
        printed = (re.search(r"http://127\S+token=\w+", text) for text in server.stderr)
        url = next((found[0] for found in printed if found), "")
        wait_until_answering(port, server)
        yield port, url
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def test_the_server_asks_for_a_token_and_starts_kernels_without_asking(source: Path, tmp_path: Path) -> None:
    with served(source, tmp_path) as (port, url):
        base, token = f"http://127.0.0.1:{port}", url.rpartition("=")[2]

        with pytest.raises(urllib.error.HTTPError, match="403"):
            answer(f"{base}/api/contents")
        listing = json.loads(answer(f"{base}/api/contents/notebooks?token={token}"))
        settings = [
            json.loads(answer(f"{base}/lab/api/settings/@jupyterlab/{name}?token={token}"))["schema"][
                "properties"
            ]
            for name in ("notebook-extension:tracker", "apputils-extension:notification")
        ]

    assert f":{port}/lab/tree/{NAME}?token=" in url
    assert sorted(entry["name"] for entry in listing["content"]) == ["00-start-here.ipynb", "01-nat.ipynb"]
    notebook, notification = settings
    assert notebook["autoStartDefaultKernel"]["default"] is True
    assert notification["fetchNews"]["default"] == "false"
    assert notification["checkForUpdates"]["default"] is False


def test_the_server_listens_on_the_loopback_address_only(source: Path, tmp_path: Path) -> None:
    with served(source, tmp_path) as (port, _):
        table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()

    listening = [row.split() for row in table.splitlines() if f":{port:04X} " in row]
    assert {row[1].rpartition(":")[0] for row in listening if row[3] == "0A"} == {"0100007F"}


def test_programs_of_the_environment_are_found_in_terminals() -> None:
    assert jupyter.server_environment()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
