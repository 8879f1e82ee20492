"""The whole examination on this machine, whole and with things taken away for real."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kvmlab import doctor
from kvmlab.doctor.features import FEATURES

IS_ROOT = os.geteuid() == 0
PROGRAM = "import json; from kvmlab import doctor; print(json.dumps(doctor.examine().to_dict()))"
#: User namespace of the test's own, in which it may take away what it likes.
AS_ROOT_OF_OWN = ["unshare", *([] if IS_ROOT else ["--user", "--map-root-user", "--map-auto"]), "--mount"]
AS_MYSELF = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]

# not `host`: a run as root may promise that no such test is skipped


def examined(
    prefix: list[str], script: str = 'exec "$@"', *arguments: str, path: str = ""
) -> dict[str, dict[str, Any]]:
    """Checks by name of an examination behind a prefix; ``script`` runs the rest as ``"$@"``."""
    env = {**os.environ, "KVMLAB_ACCELERATOR": "tcg", **({"PATH": path} if path else {})}
    line = [*prefix, "/bin/sh", "-ec", script, "sh", *arguments, sys.executable, "-c", PROGRAM]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=env, timeout=60)
    data = json.loads(done.stdout)
    assert data["can_run_labs"] is all(check["outcome"] != "missing" for check in data["checks"])
    return {check["name"]: check for check in data["checks"]}


def outcomes(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["outcome"] for name, check in found.items()}


@pytest.mark.host
def test_a_machine_for_labs_lacks_nothing_but_perhaps_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_ACCELERATOR", "tcg")
    started = time.monotonic()

    report = doctor.examine()

    assert [c.name for c in report.checks if c.outcome == "missing" and c.name != "guest image"] == []
    assert {feature.name for feature in FEATURES} <= {check.name for check in report.checks}
    assert time.monotonic() - started < 10


@pytest.mark.host
def test_the_order_is_the_same_each_time() -> None:
    assert list(examined([])) == list(examined([]))


@pytest.mark.host
def test_everything_that_was_made_is_gone() -> None:
    before = sorted(Path("/sys/class/net").iterdir()), Path("/proc/self/mountinfo").read_text()

    examined([])

    assert (sorted(Path("/sys/class/net").iterdir()), Path("/proc/self/mountinfo").read_text()) == before


@pytest.mark.host
def test_without_qemu_in_path_the_folder_to_add_is_named(tmp_path: Path) -> None:
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith("qemu-system"):
            (tmp_path / program.name).symlink_to(program)

    found = examined([], path=str(tmp_path))

    assert found["QEMU"]["outcome"] == "missing"
    assert "/usr/bin/qemu-system-" in found["PATH"]["observed"]
    assert found["PATH"]["fix"] == 'export PATH="$PATH:/usr/bin"'
    assert found["packages"]["outcome"] == "ok"


@pytest.mark.host
def test_a_program_that_is_gone_is_installed_by_its_package(tmp_path: Path) -> None:
    """An empty file that cannot be executed hides dnsmasq in a mount namespace."""
    (tmp_path / "empty").touch(mode=0o644)

    found = examined(
        AS_ROOT_OF_OWN,
        'mount --bind "$1" "$(readlink -f /usr/sbin/dnsmasq)"; shift; exec "$@"',
        str(tmp_path / "empty"),
    )

    assert found["packages"]["outcome"] == "missing"
    assert "dnsmasq-base" in found["packages"]["observed"]


@pytest.mark.host
def test_without_a_tun_device_no_tap_works_and_both_say_so() -> None:
    found = examined(AS_ROOT_OF_OWN, 'mount -t tmpfs none /dev/net; exec "$@"')

    assert found["/dev/net/tun"]["observed"] == "No such file or directory"
    assert "mknod" in found["/dev/net/tun"]["fix"]
    assert outcomes(found)["tap"] == "missing"
    assert outcomes(found)["bridge"] == "ok"


@pytest.mark.host
def test_a_limit_of_network_namespaces_is_found(tmp_path: Path) -> None:
    user = ["unshare", "--user", "--map-root-user"]

    found = examined(user, 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"')

    assert "user.max_net_namespaces is 0" in found["namespaces"]["observed"]
    assert "user.max_net_namespaces = 15000" in found["namespaces"]["fix"]
    assert "bridge" not in found


@pytest.mark.user
def test_a_limit_of_user_namespaces_is_found_at_once() -> None:
    started = time.monotonic()

    found = examined(AS_MYSELF, 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"')

    assert "No space left on device (user.max_user_namespaces is 0)" in found["namespaces"]["observed"]
    assert time.monotonic() - started < 10


@pytest.mark.user
def test_in_a_chroot_the_kernel_refuses_and_the_chroot_is_named(tmp_path: Path) -> None:
    script = """
        root=$1; shift
        for entry in /*; do
            if [ -L "$entry" ]; then cp -P "$entry" "$root/"
            elif [ -d "$entry" ]; then mkdir -p "$root$entry"; mount --rbind "$entry" "$root$entry"
            fi
        done
        exec /usr/sbin/chroot "$root" "$@"
    """

    found = examined(AS_MYSELF, script, str(tmp_path))

    assert "Operation not permitted (in a chroot" in found["namespaces"]["observed"]
    assert "pivot_root" in found["namespaces"]["fix"]


@pytest.mark.user
def test_without_a_range_of_ids_labs_cannot_run() -> None:
    """In a user namespace of one id the kernel refuses newuidmap, though the files grant a range."""
    found = examined(AS_MYSELF)

    assert "newuidmap" in found["namespaces"]["observed"]
    assert outcomes(found)["namespaces"] == "missing"
