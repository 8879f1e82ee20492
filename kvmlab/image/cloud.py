"""A learner's own cloud image as a guest's disk: the image itself is only read.

The guest writes to a qcow2 layer over it (qemu-img(1), "backing file"). What
cloud-init shall do is on a second disk with a file system labelled ``cidata``
(cloud-init, "NoCloud"); qemu-img makes it from a folder, so that no other
program is needed.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kvmlab._run import LocalRunner, Runner
from kvmlab.errors import CommandError, ImageError

#: Formats that a guest boots from as they are.
FORMATS = ("qcow2", "raw")
#: What a BIOS looks for at the end of the first sector of a disk that boots.
_BOOT_SIGNATURE = b"\x55\xaa"
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Login:
    """Who may log in to a guest as the image's own user.

    Attributes
    ----------
    password, ssh_key
        Empty for none.
    """

    password: str = ""
    ssh_key: str = ""


def examine(image: Path, lab: Runner) -> Literal["qcow2", "raw"]:
    """Return the format of a disk image, after a look whether a guest could boot from it.

    Parameters
    ----------
    image
        The file.
    lab
        Runs commands where QEMU runs, which sees other files than this process.

    Raises
    ------
    ImageError
        If the file is missing, cannot be read there, or is no disk that boots.
    """
    if not image.is_file():
        raise ImageError(
            f"cloud image {image} is no file" if image.exists() else f"there is no cloud image {image}",
            hint="give the path of a disk image in the format qcow2 or raw",
        )
    found = _format(image, lab)
    if found not in FORMATS:
        raise ImageError(
            f"cloud image {image} has the format {found!r}",
            hint=f"convert it: qemu-img convert -O qcow2 {image} {image.with_suffix('.qcow2')}",
        )
    if not _first_sector(image, found).endswith(_BOOT_SIGNATURE):
        raise ImageError(
            f"{image} is no disk that boots: there is no boot sector at its beginning",
            hint="give a distribution's cloud image, such as debian-12-generic-amd64.qcow2",
        )
    return "qcow2" if found == "qcow2" else "raw"


def _format(image: Path, lab: Runner) -> str:
    if lab.run(["test", "-r", str(image)], check=False).returncode != 0:
        raise ImageError(
            f"cloud image {image} cannot be read by the lab's QEMU",
            hint="is it yours to read? A lab has its own /run, /etc/libvirt and /var/lib/libvirt: "
            "a file in these must be copied elsewhere",
        )
    line = ["qemu-img", "info", "--output=json", "--backing-chain", "--force-share", str(image)]
    done = lab.run(line, check=False)
    if done.returncode != 0:
        raise ImageError(
            f"cloud image {image} cannot be opened: {done.stderr.strip().removeprefix('qemu-img: ')}",
            hint="if a file that it is based on is missing, make one file of both with `qemu-img convert`",
        )
    chain: list[dict[str, Any]] = json.loads(done.stdout)
    return str(chain[0]["format"])


def _first_sector(image: Path, image_format: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="kvmlab-") as folder:
        target = Path(folder) / "sector"
        line = ["qemu-img", "dd", "-U", "-f", image_format, "-O", "raw", f"bs={_SECTOR}", "count=1"]
        LocalRunner().run([*line, f"if={image}", f"of={target}"])
        return target.read_bytes()[:_SECTOR]


def make_disk(image: Path, image_format: str, target: Path, lab: Runner) -> None:
    """Make a disk that shows what is in the image and keeps what the guest writes.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    line = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", image_format, str(target)]
    _make(line, target, lab)


def seed_files(name: str, *, identity: str, macs: Sequence[str], login: Login) -> dict[str, str]:
    """Return the files that cloud-init reads.

    Parameters
    ----------
    name
        Host name of the guest.
    identity
        Whatever differs from guest to guest: cloud-init acts anew when it changes.
    macs
        MAC addresses of its NICs, each of which asks for an address.
    login
        Who may log in.

    Notes
    -----
    cloud-init, "NoCloud", "Networking config Version 2" and "Cloud config
    examples"; JSON is YAML.
    """
    nics = {
        f"nic{index}": {"match": {"macaddress": mac}, "dhcp4": True, "optional": True}
        for index, mac in enumerate(macs)
    }
    user: dict[str, Any] = {"hostname": name, "prefer_fqdn_over_hostname": False}
    if login.password:
        user |= {"password": login.password, "chpasswd": {"expire": False}, "ssh_pwauth": True}
    if login.ssh_key:
        user["ssh_authorized_keys"] = [login.ssh_key]
    return {
        "meta-data": json.dumps({"instance-id": identity, "local-hostname": name}, indent=1) + "\n",
        "user-data": "#cloud-config\n" + json.dumps(user, indent=1) + "\n",
        "network-config": json.dumps({"version": 2, "ethernets": nics}, indent=1) + "\n",
    }


def make_seed(target: Path, files: dict[str, str]) -> None:
    """Make the disk that cloud-init finds: a FAT file system labelled ``cidata``.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="kvmlab-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        options = f"driver=vvfat,dir={folder.replace(',', ',,')},label=cidata,floppy=on,fat-type=12"
        _make(
            ["qemu-img", "convert", "--image-opts", options, "-O", "raw", str(target)], target, LocalRunner()
        )


def _make(line: list[str], target: Path, runner: Runner) -> None:
    try:
        runner.run(line)
    except CommandError as error:
        target.unlink(missing_ok=True)
        raise ImageError(
            f"disk {target} could not be made: {error.stderr.strip()}", hint="is the disk that holds it full?"
        ) from error
