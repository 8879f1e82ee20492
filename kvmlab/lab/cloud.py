"""Guests of a cloud image get their disks, in the lab's own folder."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kvmlab._run import Runner
from kvmlab.image import cloud
from kvmlab.spec.boot import CloudImage, DiskBoot
from kvmlab.spec.domain import DomainSpec


@contextlib.contextmanager
def disks_made(spec: DomainSpec, *, lab: str, folder: Path, host: Runner) -> Iterator[DomainSpec]:
    """Yield the description with disks made from its cloud image; if what follows fails, they go.

    Parameters
    ----------
    spec
        The description; every NIC has a MAC address. Without a cloud image
        it is yielded as it is.
    lab
        Name of the lab.
    folder
        Where the disks go; they end with the lab.
    host
        Runs commands where QEMU runs.

    Raises
    ------
    ImageError
        If the image cannot be booted from, or a disk cannot be written.
    """
    boot = spec.boot
    if not isinstance(boot, CloudImage):
        yield spec
        return
    image_format = cloud.examine(boot.image, host)
    disk, seed = folder / f"{spec.name}.qcow2", folder / f"{spec.name}-seed.img"
    files = cloud.seed_files(
        spec.name,
        identity=str(spec.uuid(lab)),
        macs=[nic.mac or "" for nic in spec.interfaces],
        login=cloud.Login(boot.password, boot.ssh_key),
    )
    try:
        cloud.make_disk(boot.image, image_format, disk, host)
        cloud.make_seed(seed, files)
        yield replace(spec, boot=DiskBoot(disk=disk, seed=seed, agent=boot.agent))
    except BaseException:
        disk.unlink(missing_ok=True)
        seed.unlink(missing_ok=True)
        raise
