"""scripts/setup says what is missing and why, before anything else happens.

Each test hides something in a mount namespace of its own, so that this
machine lacks it for the script alone.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUP = str(ROOT / "scripts/setup")
FAKE_SUDO = """#!/bin/sh
echo "sudo $*"
"""

pytestmark = pytest.mark.host


def run_without(
    hide: str, command: str, *, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a shell command as root of a namespace in which ``hide`` was run before."""
    line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", f"{hide}\n{command}"]
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_is_asked_for_where_nothing_is_missing() -> None:
    done = subprocess.run([SETUP], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_device_is_named_with_its_reason_and_not_made_by_check() -> None:
    done = run_without("mount -t tmpfs tmpfs /dev/net", f"{SETUP} --check || echo status $?; ls /dev/net")

    assert "make /dev/net/tun: guests are connected through it" in done.stderr
    assert done.stdout == "status 1\n"


def test_missing_packages_are_named_with_their_reasons() -> None:
    done = run_without("mount -t tmpfs tmpfs /usr/include", f"{SETUP} --check")

    assert done.returncode == 1
    assert re.search(r"^    libvirt-dev +builds libvirt-python$", done.stderr, re.MULTILINE)


def test_what_and_why_is_said_before_sudo_is_asked(tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(FAKE_SUDO)
    sudo.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = run_without("mount -t tmpfs tmpfs /dev/net", f"unshare --user --map-user=1000 {SETUP}", env=env)

    before, _, after = done.stdout.partition("sudo mknod")
    assert "make /dev/net/tun: guests are connected through it" in before
    assert "/dev/net/tun c 10 200" in after
    assert done.returncode == 1
    assert "this is still missing" in done.stderr


def test_without_sudo_the_plan_is_printed_and_nothing_is_tried() -> None:
    hide = "mount -t tmpfs tmpfs /dev/net; [ ! -e /usr/bin/sudo ] || mount --bind /dev/null /usr/bin/sudo"

    done = run_without(hide, f"unshare --user --map-user=1000 {SETUP}")

    assert done.returncode == 1
    assert "make /dev/net/tun" in done.stdout
    assert "sudo is not installed" in done.stderr


def test_an_unknown_argument_is_refused() -> None:
    done = subprocess.run([SETUP, "--chekc"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "unknown argument --chekc" in done.stderr
