"""The course in JupyterLab: a working copy of the notebooks, and the server for it.

The wheel carries notebooks and exercises; a checkout has them beside the
package. Neither is opened itself: a learner works on a copy in a folder of
their own, so that an update of kvmlab never meets their edits.
"""

import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import replace_process
from kvmlab.errors import HostError

FIRST_NOTEBOOK = "notebooks/00-start-here.ipynb"
#: Where a learner's copy of the course lives, unless they say otherwise.
DEFAULT_FOLDER = Path("~/kvmlab-course")
#: Folders of the course, in a checkout as in the wheel.
EXERCISES = "exercises"
PARTS = ("notebooks", EXERCISES)
#: File in a learner's folder that says what was put there, by checksum.
MANIFEST = ".kvmlab-course.json"
_LEFT_OUT = {".ipynb_checkpoints", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Workspace:
    """A learner's folder after the course was put into it.

    Attributes
    ----------
    folder
        The folder.
    added
        Files that were not there, relative to the folder.
    updated
        Files that had not been edited and were replaced by a newer version.
    beside
        Newer versions put beside a file that had been edited, as ``NAME.new.ipynb``.
    """

    folder: Path
    added: tuple[Path, ...]
    updated: tuple[Path, ...]
    beside: tuple[Path, ...]


def course_dir() -> Path:
    """Return the directory of the original notebooks and exercises.

    Raises
    ------
    HostError
        If this installation has none.
    """
    package = Path(__file__).parent
    for candidate in (package / "course", package.parent):
        if (candidate / "notebooks").is_dir():
            return candidate
    raise HostError("this installation of kvmlab has no notebooks", hint="install it again with pip")


def workspace(folder: Path, *, source: Path | None = None) -> Workspace:
    """Put the course into a learner's folder without touching what they edited.

    A missing file is added (to get a fresh copy of a notebook, delete it or
    move it away). A file that is as it was delivered is replaced by a newer
    version. Where the learner edited it, or ran and saved it, the newer
    version is put beside it, once, as ``NAME.new.ipynb``.

    Parameters
    ----------
    folder
        The learner's folder; made if it is missing.
    source
        Where the originals are; those of this installation by default.

    Raises
    ------
    HostError
        If the folder cannot be written.
    """
    source = source or course_dir()
    folder = folder.expanduser().absolute()
    try:
        return _fill(folder, source)
    except OSError as error:
        message = f"the course cannot be put into {folder}: {error.strerror or error}"
        raise HostError(message, hint="choose another one: kvmlab jupyter FOLDER") from error


def _fill(folder: Path, source: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    delivered = _read_manifest(folder)
    added, updated, beside = [], [], []
    for name in _originals(source):
        content = _content(source, name)
        target = _place(folder, name, content, delivered)
        if target is None:
            continue
        if target != name:
            beside.append(target)
        elif (folder / name).exists():
            updated.append(name)
        else:
            added.append(name)
        _write(folder / target, content)
        delivered[str(target)] = delivered[str(name)] = _checksum(content)
    manifest = json.dumps(delivered, indent=1, sort_keys=True)
    if not (folder / MANIFEST).exists() or (folder / MANIFEST).read_text(encoding="utf-8") != manifest:
        _write(folder / MANIFEST, manifest.encode())
    return Workspace(folder, tuple(added), tuple(updated), tuple(beside))


def _originals(source: Path) -> Iterator[Path]:
    for part in PARTS:
        for path in sorted((source / part).rglob("*")):
            name = path.relative_to(source)
            is_for_teachers = part == EXERCISES and path.suffix == ".py"
            if path.is_file() and not is_for_teachers and not _LEFT_OUT.intersection(name.parts):
                yield name


def _content(source: Path, name: Path) -> bytes:
    """Return what a learner gets: of an exercise, the notebook without its solutions."""
    if name.parts[0] != EXERCISES or name.suffix != ".ipynb":
        return (source / name).read_bytes()
    from kvmlab import assignment  # takes longer to load than all of this

    notebook = assignment.released(assignment.read_notebook(source / name))
    return assignment.notebook_text(notebook).encode()


def _place(folder: Path, name: Path, content: bytes, delivered: dict[str, str]) -> Path | None:
    """Return the name to write an original under, or None if it is there already."""
    offered = delivered.get(str(name)) == _checksum(content)
    if not (folder / name).exists():
        return name
    if offered or _is_same(folder / name, content):
        delivered[str(name)] = _checksum(content)
        return None
    if _is_untouched(folder, name, delivered):
        return name
    return next(_free_names(folder, name, delivered))


def _free_names(folder: Path, name: Path, delivered: dict[str, str]) -> Iterator[Path]:
    """Yield names beside an edited file that no work of the learner's stands under."""
    number = 1
    while True:
        candidate = name.with_name(f"{name.stem}.new{number if number > 1 else ''}{name.suffix}")
        if not (folder / candidate).exists() or _is_untouched(folder, candidate, delivered):
            yield candidate
        number += 1


def _is_untouched(folder: Path, name: Path, delivered: dict[str, str]) -> bool:
    return (folder / name).is_file() and delivered.get(str(name)) == _checksum((folder / name).read_bytes())


def _is_same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_manifest(folder: Path) -> dict[str, str]:
    """Read what was delivered; without it, every file counts as the learner's own."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {str(name): str(checksum) for name, checksum in found.items()}
    return {}


def _write(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def trust(made: Workspace) -> None:
    """Sign the notebooks that were just put there: without that, JupyterLab shows no picture stored in them.

    What a learner edited is not signed again (`jupyter trust` does that).

    Parameters
    ----------
    made
        The learner's folder, and what is new in it.
    """
    from nbformat import read  # takes longer to load than all of this
    from nbformat.sign import NotebookNotary, SQLiteSignatureStore

    notary = NotebookNotary()
    for name in (*made.added, *made.updated, *made.beside):
        if name.suffix == ".ipynb":
            notary.sign(read(made.folder / name, as_version=4))
    if isinstance(notary.store, SQLiteSignatureStore):
        notary.store.close()  # not left to the garbage collector


def start(
    folder: Path, *, notebook: str = FIRST_NOTEBOOK, port: int | None = None, browser: bool = True
) -> None:
    """Replace this process by JupyterLab, open at a notebook.

    The server listens on 127.0.0.1 only and asks for a token, which is in the
    URL that it prints; it looks for neither news nor updates.

    Parameters
    ----------
    folder
        What JupyterLab shows.
    notebook
        Notebook to open, relative to ``folder``.
    port
        TCP port; by default 8888, or the next one that is free.
    browser
        Open a browser, where there is a display.

    Raises
    ------
    HostError
        As root, when there is an ordinary user to be.
    """
    _refuse_root()
    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    os.environ.update(server_environment())
    folder = folder.expanduser().absolute()
    replace_process(server_argv(folder, notebook=notebook, port=port, browser=browser and has_display))


def _refuse_root() -> None:
    person = os.environ.get("SUDO_USER", "root")
    if os.geteuid() == 0 and person != "root":
        raise HostError(
            "labs need no root, and JupyterLab should not have it", hint=f"run this as {person}, without sudo"
        )


def server_argv(folder: Path, *, notebook: str, port: int | None, browser: bool) -> list[str]:
    """Return the command that :func:`start` becomes."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    line = [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{notebook}",
        "--LabApp.extension_manager=readonly",
        "--LanguageServerManager.autodetect=False",  # or each start lists those that are not installed
        f"--Application.log_level={logging.WARNING}",  # the URL is printed at a level above
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        # not a login shell: that would forget the PATH on which `kvmlab` is
        f"--ServerApp.terminado_settings=shell_command=['{shell}']",
    ]
    if port is not None:
        line += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        line.append("--no-browser")
    if os.geteuid() == 0:
        line.append("--allow-root")
    return line


def server_environment() -> dict[str, str]:
    """Return the environment variables that :func:`start` sets.

    JupyterLab's defaults come from a folder of this package, which is read
    before (and so gives way to) the learner's own settings; ``kvmlab`` is
    found in JupyterLab's terminals.
    """
    config = str(Path(__file__).parent / "jupyterlab")
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    programs = str(Path(sys.executable).parent)
    return {
        "JUPYTER_CONFIG_PATH": os.pathsep.join([*([others] if others else []), config]),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
    }
