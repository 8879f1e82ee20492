"""A lab that cannot start says why and leaves nothing; as ordinary user and as root."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import STATE_DIR, own_processes, traces_of_labs

from kvmlab.host import namespaces

pytestmark = pytest.mark.host

#: Starts a lab; prints the error that it ends with, and its remedy.
START = """
import sys
import kvmlab as kl
try:
    kl.Lab.start("refused").stop()
    print("it started")
except kl.KvmlabError as error:
    print(type(error).__name__)
    print(error)
    print("Hint:", error.hint)
"""
#: May mount, and sees what a lab of this user sees.
MOUNTING = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user", "--map-auto")), "--mount")
#: Root of a user namespace of its own: it may set the limits of user_namespaces(7).
AS_ROOT_OF_ITS_OWN = ("unshare", "--user", "--map-root-user")
#: The same person with the power to set limits, given up before the lab is started.
AS_THE_SAME_USER = ("unshare", "--user", "--map-current-user", "--keep-caps")
WITHOUT_POWER = ("setpriv", "--inh-caps=-all", "--ambient-caps=-all")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before, running = traces_of_labs(), own_processes()

    yield

    assert own_processes() == running
    assert not (STATE_DIR / "labs/refused").exists()
    assert traces_of_labs() == before


def attempt(enter: tuple[str, ...], script: str, *drop: str) -> str:
    """Run a shell script in namespaces of its own, then try to start a lab there."""
    line = [*enter, "sh", "-c", f'set -e; {script}; exec "$@"', "sh", *drop, sys.executable, "-c", START]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "program",
    ["/usr/sbin/libvirtd", "/usr/sbin/dnsmasq", "/usr/sbin/nft", "/usr/bin/iperf3", "/usr/bin/nsenter"],
)
def test_a_missing_program_is_named(program: str) -> None:
    said = attempt(MOUNTING, f"mount --bind /dev/null $(readlink -f {program})")

    assert said.splitlines() == [
        "ExecutableNotFound",
        f"program '{Path(program).name}' is not installed",
        "Hint: run `kvmlab doctor`",
    ]


def test_a_missing_qemu_is_named() -> None:
    name = f"qemu-system-{os.uname().machine}"

    said = attempt(MOUNTING, f"mount --bind /dev/null $(readlink -f /usr/bin/{name})")

    assert f"program '{name}' is not installed" in said


def test_missing_directories_of_libvirt_are_named() -> None:
    said = attempt(MOUNTING, "mount -t tmpfs tmpfs /var/lib")

    assert said.splitlines() == [
        "HostError",
        "lab 'refused' did not start: [Errno 2] No such file or directory: '/var/lib/libvirt'",
        "Hint: run `kvmlab doctor`",
    ]


def test_a_libvirtd_that_cannot_run_shows_the_end_of_its_log() -> None:
    broken = "printf '#!/bin/sh\\necho no way >&2\\nexit 7\\n' >/tmp/libvirtd-$$; chmod +x /tmp/libvirtd-$$"
    mount = "mount --bind /tmp/libvirtd-$$ $(readlink -f /usr/sbin/libvirtd); rm /tmp/libvirtd-$$"

    said = attempt(MOUNTING, f"{broken}; {mount}")

    assert said.splitlines()[1:] == [
        "lab 'refused' did not start: libvirtd: ended with status 7",
        "no way",
        "Hint: run `kvmlab doctor`",
    ]


def test_a_sysctl_that_the_kernel_refuses_is_named() -> None:
    said = attempt(AS_ROOT_OF_ITS_OWN, "true")  # without a range of group ids

    assert "the kernel refused on 'host': net.ipv4.ping_group_range = 0 65535: Invalid argument" in said


def test_a_world_that_cannot_be_built_names_the_step() -> None:
    refuse = "printf '#!/bin/sh\\necho refused >&2\\nexit 1\\n' >/tmp/nft-$$; chmod +x /tmp/nft-$$"
    mount = "mount --bind /tmp/nft-$$ $(readlink -f /usr/sbin/nft); rm /tmp/nft-$$"

    said = attempt(MOUNTING, f"{refuse}; {mount}")

    assert "did not start: the kernel refused the firewall rules of the router: refused" in said


@pytest.mark.parametrize("size", ["8k", "40k"])
def test_a_full_disk_is_named(size: str) -> None:
    said = attempt(MOUNTING, f"mount -t tmpfs -o size={size} tmpfs {STATE_DIR}")

    kind, message, hint = said.splitlines()
    assert kind == "HostError"
    assert "lab 'refused'" in message
    assert "No space left on device" in message
    assert "df " in hint or "KVMLAB_STATE_DIR" in hint


@pytest.mark.parametrize("kind", ["net", "pid", "mnt", "uts", "ipc"])
def test_a_kernel_that_refuses_namespaces_to_root_is_quoted(kind: str) -> None:
    said = attempt(AS_ROOT_OF_ITS_OWN, f"echo 0 >/proc/sys/user/max_{kind}_namespaces")

    assert said.splitlines() == [
        "NamespaceError",
        "lab 'refused' did not start: unshare: unshare failed: No space left on device",
        "Hint: run `kvmlab doctor`",
    ]


if os.geteuid() != 0:  # real root needs no user namespace

    @pytest.mark.parametrize("kind", ["user", "net"])
    def test_a_kernel_that_refuses_namespaces_to_a_user_is_quoted(kind: str) -> None:
        limit = f"echo 0 >/proc/sys/user/max_{kind}_namespaces"

        said = attempt(AS_THE_SAME_USER, limit, *WITHOUT_POWER)

        assert said.splitlines() == [
            "NamespaceError",
            "lab 'refused' did not start: unshare: unshare failed: No space left on device",
            "Hint: run `kvmlab doctor`",
        ]


def test_a_start_ends_although_what_began_it_ended_before_it_could_be_watched() -> None:
    reports, held = os.pipe()  # held open, as by the helper that a refused `unshare --map-auto` leaves
    os.write(held, b'{"step": "starting libvirtd"}\n')
    with subprocess.Popen(["true"]) as ended:
        pass

    with ThreadPoolExecutor() as pool:
        said = pool.submit(list, namespaces._messages(reports, ended.pid))
        try:
            assert said.result(timeout=30) == [{"step": "starting libvirtd"}]
        finally:
            os.close(held)
    os.close(reports)


def test_a_lab_needs_a_user_namespace_unless_root_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {}
    for uid in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        lines[uid] = ("--user" in namespaces.unshare_argv(), "--user" in namespaces.enter_argv(1))

    assert lines == {0: (False, False), 1000: (True, True)}
