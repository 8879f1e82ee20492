"""Instruments and experiments through the real command, in a lab and through a libvirt's URI."""

import json
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.host import world
from tests.cli.conftest import Run

PC = world.PC_ADDRESS


@pytest.mark.vm
def test_a_guest_of_a_lab_is_measured(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    done = kvmlab("measure", "ping", guest, PC, "--count", "3", "--lab", lab.name, "--json")

    found = json.loads(done.stdout)
    assert (found["source"], found["transmitted"], len(found["rtt_ms"])) == (guest, 3, 3)


@pytest.mark.vm
def test_a_guest_of_any_libvirt_is_measured_by_its_uri(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    options = ["--connect", lab.uri, "--time", "1", "--json"]

    done = kvmlab("measure", "tcp", guest, PC, *options, KVMLAB_STATE_DIR="/nonexistent")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"][0]["received_mbit_s"] > 0


@pytest.mark.vm
def test_a_guest_of_any_libvirt_runs_commands_in_python(lab: kl.Lab, guest: str) -> None:
    found = kl.guest(guest, uri=lab.uri)

    assert found.run(["hostname"]).stdout == f"{guest}\n"
    assert kl.ping(found, PC, count=2).received == 2


@pytest.mark.host
def test_a_server_is_started_where_asked_for(kvmlab: Run, lab: kl.Lab) -> None:
    for instrument, options in (
        ("tcp", ["--time", "1"]),
        ("udp", ["--time", "1"]),
        ("connects", ["-n", "5"]),
    ):
        done = kvmlab("measure", instrument, "host", PC, "--server", "pc", *options, "--lab", lab.name)

        assert done.returncode == 0, done.stderr
        assert "a server on pc for" in done.stdout


@pytest.mark.host
def test_without_a_server_the_message_says_what_to_do(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("measure", "requests", "host", PC, "--lab", lab.name)

    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "server=" in done.stderr


@pytest.mark.host
def test_a_guest_that_libvirt_does_not_have_is_named(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("measure", "ping", "nobody", PC, "--connect", lab.uri)

    assert done.returncode == 1
    assert "'nobody'" in done.stderr
    assert "virsh list --all" in done.stderr


def test_this_machine_can_be_an_end(kvmlab: Run) -> None:
    done = kvmlab("measure", "ping", "here", "127.0.0.1", "--count", "2")

    assert done.returncode == 0, done.stderr
    assert "this machine" in done.stdout


def test_factors_and_measures_are_listed(kvmlab: Run) -> None:
    rows = json.loads(kvmlab("measure", "factors", "--json").stdout)

    assert {row["name"] for row in rows} >= {"mode", "model", "mtu", "ping", "tcp", "cpu"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--factor", "mode"], "NAME=LEVEL,LEVEL"),
        (["--factor", "colour=blue"], "factor 'colour' is unknown"),
        (["--factor", "mtu=9"], "mtu is 9"),
        (["--repeats", "0"], "'--repeats'"),
        (["--measure", "speed"], "measure 'speed' is unknown"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused_and_makes_no_file(
    kvmlab: Run, tmp_path: Path, options: list[str], message: str
) -> None:
    path = tmp_path / "run.jsonl"

    done = kvmlab("measure", "run", str(path), *options)

    assert done.returncode != 0
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert not path.exists()


@pytest.mark.vm
def test_an_experiment_is_run_shown_saved_and_compared(kvmlab: Run, tmp_path: Path) -> None:
    path, saved = tmp_path / "run.jsonl", tmp_path / "run.csv"
    line = ["--factor", "mode=nat", "--factor", "direction=forward,reverse", "--repeats", "1", "--time", "1"]

    ran = kvmlab("measure", "run", str(path), *line)
    shown = kvmlab("measure", "show", str(path), "--column", "tcp_mbit_s", "--json")
    kvmlab("measure", "show", str(path), "--save", str(saved))
    compared = kvmlab("measure", "compare", str(path), str(saved), "--json")

    assert ran.returncode == 0, ran.stderr
    assert [row["group"] for row in json.loads(shown.stdout)] == ["forward", "reverse"]
    assert {row["verdict"] for row in json.loads(compared.stdout)} == {"no difference seen"}
