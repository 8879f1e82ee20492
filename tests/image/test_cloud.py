"""What a cloud image is told: the files that cloud-init reads, on a disk that it finds."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import ImageError
from kvmlab.image import cloud

MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ learner@example"


def user_data(login: cloud.Login) -> dict[str, object]:
    text = cloud.seed_files("vm1", identity="x", macs=MACS, login=login)["user-data"]
    first, rest = text.split("\n", 1)
    assert first == "#cloud-config"
    found: dict[str, object] = json.loads(rest)
    return found


def test_the_guest_is_told_its_name_and_who_it_is() -> None:
    files = cloud.seed_files("vm1", identity="of-vm1", macs=MACS, login=cloud.Login())

    assert json.loads(files["meta-data"]) == {"instance-id": "of-vm1", "local-hostname": "vm1"}


def test_every_nic_asks_for_an_address_and_holds_up_no_boot() -> None:
    files = cloud.seed_files("vm1", identity="x", macs=MACS, login=cloud.Login())

    network = json.loads(files["network-config"])
    assert network["version"] == 2
    assert [nic["match"]["macaddress"] for nic in network["ethernets"].values()] == list(MACS)
    assert all(nic["dhcp4"] and nic["optional"] for nic in network["ethernets"].values())


def test_without_a_login_nobody_may_log_in() -> None:
    assert set(user_data(cloud.Login())) == {"hostname", "prefer_fqdn_over_hostname"}


def test_a_password_does_not_have_to_be_changed_at_once() -> None:
    told = user_data(cloud.Login(password='quote " and \\ too'))

    assert told["password"] == 'quote " and \\ too'
    assert told["chpasswd"] == {"expire": False}


def test_a_key_is_handed_on() -> None:
    assert user_data(cloud.Login(ssh_key=KEY))["ssh_authorized_keys"] == [KEY]


def test_the_disk_has_the_label_that_cloud_init_looks_for(tmp_path: Path) -> None:
    files = cloud.seed_files("vm1", identity="x", macs=MACS, login=cloud.Login(password="learn"))

    cloud.make_seed(tmp_path / "seed.img", files)

    line = ["/usr/sbin/blkid", "-p", "-s", "LABEL", "-s", "TYPE", "-o", "export", str(tmp_path / "seed.img")]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"LABEL=cidata", "TYPE=vfat"} <= set(said)
    assert all(text.encode() in (tmp_path / "seed.img").read_bytes() for text in files.values())


def test_the_layer_shows_the_image_and_takes_what_is_written(tmp_path: Path) -> None:
    image = tmp_path / "image.raw"
    image.write_bytes(b"as it was".ljust(1 << 20, b"\0"))

    cloud.make_disk(image, "raw", tmp_path / "disk.qcow2", LocalRunner())

    writing = ["qemu-io", "-c", "write -P 0x41 0 512", "-c", "read -P 0x41 0 512", "-c", "read -P 0 4096 512"]
    done = subprocess.run(
        [*writing, str(tmp_path / "disk.qcow2")], capture_output=True, text=True, check=True
    )
    assert "Pattern verification failed" not in done.stdout
    assert image.read_bytes().startswith(b"as it was")


@pytest.mark.parametrize(
    "make",
    [
        lambda target: cloud.make_disk(Path("/dev/null"), "raw", target, LocalRunner()),
        lambda target: cloud.make_seed(target, {"meta-data": "{}"}),
    ],
    ids=["disk", "seed"],
)
def test_a_disk_that_cannot_be_written_is_named(make: Callable[[Path], None], tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "disk"

    with pytest.raises(ImageError, match=f"disk {target} could not be made: .*No such file") as caught:
        make(target)

    assert "full" in caught.value.hint
