"""What tests need of the machine, and the promise that they leave nothing on it.

Labs of the tests live in a state directory of their own, so that neither the
developer's labs nor those of another run are seen. Images and saved guests
come from the usual cache.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STATE_DIR = Path(tempfile.mkdtemp(prefix="kvmlab-"))  # short: a Unix socket's path holds 107 bytes
os.environ["KVMLAB_STATE_DIR"] = str(STATE_DIR)

# Started in the background by a shell, Ctrl-C is ignored (POSIX, 2.11), also by all that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent

# Helpers of tests that compare what is before and after: what differs is shown.
pytest.register_assert_rewrite("tests.changes.everything", "lab.watching")

#: Markers that must not be skipped, as in KVMLAB_REQUIRE="host vm": a promise
#: that a run (of `make test`, of CI) makes, broken by a skip.
REQUIRED = frozenset(os.environ.get("KVMLAB_REQUIRE", "").split())

#: Markers that say what a test needs of the machine.
CAPABILITIES = frozenset({"host", "vm", "notebook", "browser", "root", "user"})


@functools.cache
def lacks(marker: str) -> str:
    """Say why this machine cannot run tests with this marker; empty if it can."""
    if marker == "root":
        return "" if os.geteuid() == 0 else "needs real root: run pytest with sudo"
    if marker == "user":
        return "" if os.geteuid() != 0 else "is about ordinary users: run pytest as one"
    if marker == "browser":
        return browser_lacks()
    if marker in ("host", "vm", "notebook"):
        return host_lacks() or ("" if marker == "host" else image_lacks())
    return ""


def host_lacks() -> str:
    done = subprocess.run([ROOT / "scripts/setup", "--check"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{done.stderr.strip()}\nrun `make setup`"


def image_lacks() -> str:
    from kvmlab import image
    from kvmlab.errors import KvmlabError

    try:
        image.find_image(None)
    except KvmlabError as error:
        return f"no guest image ({error}): run `make image`"
    return ""


def browser_lacks() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: run `make test`, or pip install 'kvmlab[dev]'"
    if not any(shutil.which(name) for name in ("chromium", "chromium-browser")):
        return "no Chromium: run `sudo apt-get install chromium`"
    return ""


def pytest_report_header() -> str:
    return f"kvmlab: markers that must not be skipped: {' '.join(sorted(REQUIRED)) or 'none'}"


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together what shares a lab."""
    if config.getvalue("dist") != "loadscope":
        return None
    from distribution import ByLabs

    return ByLabs(config, log)


def pytest_unconfigure() -> None:
    """Remove the state directory where no test ran: in the process that only distributes tests."""
    with contextlib.suppress(OSError):  # removed after the tests, or kept with what is left in it
        STATE_DIR.rmdir()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers():
        reason = lacks(marker.name)
        if reason:
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip into a failure where the run promised not to skip.

    What needs real root as well as a lab was not promised by a run that promises labs only.
    """
    report = yield
    needs = {marker.name for marker in item.iter_markers()} & CAPABILITIES
    promised = sorted(needs) if needs <= REQUIRED else []
    if report.skipped and promised and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"KVMLAB_REQUIRE promises {' and '.join(promised)}, but: {report.longrepr[2]}"
    return report


def own_processes() -> dict[str, str]:
    """Processes of this run's labs by PID: its state directory is in their mounts or environment."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            traces = (process / "mountinfo").read_bytes() + (process / "environ").read_bytes()
            if os.fsencode(STATE_DIR.name) in traces:
                found[process.name] = (process / "comm").read_text().strip()
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def still_running() -> dict[str, str]:
    """Processes left after a moment in which what was told to end may do so."""
    deadline = time.monotonic() + 5
    while (left := own_processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir()) if Path(folder).is_dir() else []


def nft_rules() -> list[str]:
    if os.geteuid() != 0 or not Path("/usr/sbin/nft").exists():
        return []
    done = subprocess.run(["/usr/sbin/nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def traces_of_labs() -> dict[str, list[str]]:
    """What a lab could leave on this machine."""
    return {
        "links": names("/sys/class/net"),
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "named network namespaces": names("/run/netns"),
        "nft rules": nft_rules(),
        "routes": Path("/proc/net/route").read_text().splitlines(),
    }


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Compare this machine before and after all tests."""
    before = traces_of_labs()

    yield

    assert still_running() == {}, "processes of labs are left"
    assert [name for name in names(f"{STATE_DIR}/labs") if name[0] != "."] == [], (
        "directories of labs are left"
    )
    assert traces_of_labs() == before
    shutil.rmtree(STATE_DIR)
