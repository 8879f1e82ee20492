"""Labs from the command line: up, ls, status, down."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.host import client
from tests.cli.conftest import COMMAND, Run

pytestmark = pytest.mark.host


@contextlib.contextmanager
def own_lab(name: str) -> Iterator[kl.Lab]:
    """A lab that may have ended at the end of the block."""
    lab = kl.Lab.start(name, progress=Silent())
    try:
        yield lab
    finally:
        if name in [info.name for info in kl.list_labs()]:
            lab.stop()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.001)


def test_a_lab_goes_on_after_up_which_says_what_comes_next(kvmlab: Run) -> None:
    try:
        done = kvmlab("up", "fresh")
        lab = kl.Lab.attach("fresh")
        names = [domain.name() for domain in lab.vir.listAllDomains()]
    finally:
        kvmlab("down", "fresh")

    assert done.returncode == 0
    assert names == []
    for command in (f"virsh -c '{lab.uri}'", 'kl.Lab.attach("fresh")', "kvmlab down fresh"):
        assert command in done.stdout


def test_up_prints_the_row_of_ls_as_json(kvmlab: Run) -> None:
    try:
        row = json.loads(kvmlab("up", "fresh", "--json").stdout)
        listed = json.loads(kvmlab("ls", "--json").stdout)
    finally:
        kvmlab("down", "fresh")

    assert row in listed
    assert (row["name"], row["state"]) == ("fresh", "running")


def test_a_lab_that_runs_is_not_started_again(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("up", lab.name)

    assert done.returncode == 1
    assert f"a lab named '{lab.name}' runs already" in done.stderr


def test_ctrl_c_while_a_lab_starts_leaves_none_and_ends_with_130(kvmlab: Run) -> None:
    home = Path(os.environ["KVMLAB_STATE_DIR"], "labs", "cut")
    with subprocess.Popen([COMMAND, "up", "cut"], stderr=subprocess.PIPE, text=True) as process:
        wait_for(home / "lock")

        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in said
    assert "cut" not in [row["name"] for row in json.loads(kvmlab("ls", "--json").stdout)]
    assert not home.exists()


def test_ls_names_the_outermost_process_and_the_uri(kvmlab: Run, lab: kl.Lab) -> None:
    rows = json.loads(kvmlab("ls", "--json").stdout)

    row = next(row for row in rows if row["name"] == lab.name)
    assert row == {
        "name": lab.name,
        "pid": client.outer_pid(client.init_pid(lab.path)),
        "uri": lab.uri,
        "state": "running",
    }


def test_ls_prints_a_uri_in_one_piece(kvmlab: Run, lab: kl.Lab) -> None:
    assert lab.uri in kvmlab("ls", COLUMNS="40").stdout


def test_the_end_of_the_process_that_ls_names_is_the_end_of_the_lab(kvmlab: Run) -> None:
    with own_lab("gone"):
        rows = json.loads(kvmlab("ls", "--json").stdout)
        os.kill(next(row["pid"] for row in rows if row["name"] == "gone"), signal.SIGKILL)

        deadline = time.monotonic() + 30
        while "gone" in kvmlab("ls").stdout:
            assert time.monotonic() < deadline


def test_status_shows_daemons_and_networks(kvmlab: Run, lab: kl.Lab) -> None:
    found = json.loads(kvmlab("status", lab.name, "--json").stdout)

    assert {"name": "libvirtd", "state": "running"} in found["daemons"]
    assert found["networks"] == [
        {"name": "blue", "state": "active", "forward": "nat", "bridge": lab.network("blue").bridge}
    ]
    assert found["accelerator"] == lab.accelerator
    assert found["uri"] == lab.uri


@pytest.mark.vm
def test_status_shows_domains_with_their_addresses(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    shown = kvmlab("status", lab.name).stdout

    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert lab.domain(guest).address in rows[guest]
    assert "running" in rows[guest]
    assert "shut off" in rows["asleep"]


def test_status_of_a_lab_without_its_libvirtd_shows_the_daemons_and_fails(kvmlab: Run) -> None:
    with own_lab("broken") as lab:
        lab.host.run(["pkill", "-KILL", "-x", "libvirtd"])
        deadline = time.monotonic() + 30
        while "degraded" not in kvmlab("ls").stdout:
            assert time.monotonic() < deadline

        done = kvmlab("status", "broken")

    assert done.returncode == 1
    assert "killed by signal 9" in done.stdout
    assert "libvirtd" in done.stderr


def test_down_ends_the_labs_that_run_and_fails_for_the_one_that_does_not(kvmlab: Run, lab: kl.Lab) -> None:
    with own_lab("one"), own_lab("two"):
        done = kvmlab("down", "one", "nosuch", "two")

        left = [row["name"] for row in json.loads(kvmlab("ls", "--json").stdout)]

    assert done.returncode == 1
    assert done.stdout.splitlines() == ["lab one has ended", "lab two has ended"]
    assert "lab 'nosuch' is not running" in done.stderr
    assert lab.name in left
    assert not {"one", "two"} & set(left)


def test_down_and_status_without_a_name_mean_the_only_lab_that_runs(kvmlab: Run, tmp_path: Path) -> None:
    home = {"KVMLAB_STATE_DIR": f"{os.environ['KVMLAB_STATE_DIR']}/own"}
    try:
        kvmlab("up", "only", **home)
        status = json.loads(kvmlab("status", "--json", **home).stdout)
        done = kvmlab("down", **home)
    finally:
        kvmlab("down", "--all", **home)

    assert status["name"] == "only"
    assert done.stdout == "lab only has ended\n"


def test_without_a_name_and_with_several_labs_the_question_is_which(kvmlab: Run, lab: kl.Lab) -> None:
    with own_lab("second"):
        done = kvmlab("down")

    assert done.returncode == 1
    assert f"there are {lab.name}, second" in done.stderr


def test_down_all_ends_nothing_where_nothing_runs(kvmlab: Run, tmp_path: Path) -> None:
    done = kvmlab("down", "--all", KVMLAB_STATE_DIR=str(tmp_path))

    assert (done.returncode, done.stdout) == (0, "no lab runs\n")
