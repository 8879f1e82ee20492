"""Why the kernel refuses namespaces, from its own words and the settings of the machine."""

import pytest

from kvmlab._run import LocalRunner
from kvmlab.doctor.namespaces import (
    PROBE_STAGE,
    RANGE_STAGE,
    Limits,
    Refusal,
    explain,
    find_refusal,
    has_root_mount,
    lacking_capabilities,
    read_limits,
    status_field,
)

USER = Refusal("user namespace", "unshare: unshare failed: Operation not permitted")
SET_MAXIMUM = (
    "echo 'user.max_user_namespaces = 15000' | sudo tee -a /etc/sysctl.d/60-kvmlab.conf"
    " && sudo sysctl -p /etc/sysctl.d/60-kvmlab.conf"
)
# /proc/self/status of Debian 12 in a Podman container, shortened
STATUS = "Name:\tcat\nCapEff:\t00000000800405fb\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n"
MOUNTINFO = """\
22 27 0:21 / /sys rw,nosuid - sysfs sysfs rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("refusal", "limits", "cause", "fix"),
    [
        (
            USER,
            Limits(zero_sysctls=("user.max_user_namespaces",)),
            "user.max_user_namespaces is 0",
            SET_MAXIMUM,
        ),
        (
            USER,
            Limits(clone="0"),
            "kernel.unprivileged_userns_clone is 0",
            "'kernel.unprivileged_userns_clone = 1'",
        ),
        (
            Refusal(
                "root in it", "unshare: write failed /proc/self/uid_map: Operation not permitted"
            ),  # Ubuntu 24.04
            Limits(apparmor="1", clone="1"),
            "AppArmor: kernel.apparmor_restrict_unprivileged_userns is 1",
            "'kernel.apparmor_restrict_unprivileged_userns = 0'",
        ),
        (USER, Limits(chrooted=True), "in a chroot there are no user namespaces", "instead of chroot"),
        (USER, Limits(seccomp=True), "seccomp filters system calls", "--privileged"),
        (USER, Limits(), "no setting of this machine says why", "chroot"),
        (
            Refusal("further namespaces", "unshare: unshare failed: Operation not permitted"),
            Limits(root=True, lacks=("CAP_SYS_ADMIN",)),
            "this root lacks CAP_SYS_ADMIN",
            "--privileged",
        ),
        (
            Refusal(RANGE_STAGE, "newuidmap: uid range [1-65536) -> [100000-165535) not allowed"),
            Limits(granted_ids=0),
            "has no range of 65536 further ids",
            "sudo usermod --add-subuids ",
        ),
        (
            Refusal(RANGE_STAGE, "newuidmap: write to uid_map failed: Operation not permitted"),
            Limits(granted_ids=65536, no_new_privileges=True),
            "may not gain privileges",
            "NoNewPrivileges",
        ),
        (
            Refusal(RANGE_STAGE, "newuidmap: write to uid_map failed: Operation not permitted"),
            Limits(granted_ids=65536),
            "newuidmap may not map it",
            "--reinstall uidmap",
        ),
        (Refusal("user namespace", "program 'unshare' is not installed"), Limits(), "missing", "packages"),
        (Refusal(PROBE_STAGE, "No module named kvmlab"), Limits(), "tried in them failed", "readable"),
    ],
)
def test_the_cause_of_a_refusal_and_its_exact_fix(
    refusal: Refusal, limits: Limits, cause: str, fix: str
) -> None:
    found = explain(refusal, limits)

    assert found.outcome == "missing"
    assert found.observed.startswith(refusal.message)
    assert cause in found.observed
    assert fix in found.fix


def test_a_field_of_the_status_is_read_by_its_whole_name() -> None:
    assert status_field(STATUS, "Seccomp") == "2"
    assert status_field(STATUS, "Absent") == ""


@pytest.mark.parametrize(
    ("mask", "lacks"),
    [
        ("000001ffffffffff", ()),
        ("00000000800405fb", ("CAP_SYS_ADMIN", "CAP_NET_ADMIN")),
        ("00000000a80435fb", ("CAP_SYS_ADMIN",)),
    ],
)
def test_capabilities_are_read_from_the_mask(mask: str, lacks: tuple[str, ...]) -> None:
    assert lacking_capabilities(mask) == lacks


@pytest.mark.parametrize(
    ("mountinfo", "mounted"), [(MOUNTINFO, True), (MOUNTINFO.splitlines()[0], False), ("", True)]
)
def test_a_chroot_to_a_plain_directory_has_no_mount_at_its_root(mountinfo: str, mounted: bool) -> None:
    assert has_root_mount(mountinfo) is mounted


def test_a_program_that_is_not_there_is_a_refusal() -> None:
    found = find_refusal(LocalRunner(env={"PATH": "/nonexistent"}, prefix=("no-such-program",)))

    assert found is not None
    assert "no-such-program" in found.message


@pytest.mark.host
def test_a_machine_that_can_run_labs_refuses_nothing() -> None:
    assert find_refusal(LocalRunner()) is None
    assert not read_limits().chrooted
