"""A cloud image that is quick to make and to boot, as CirrOS is: a kernel, busybox, and a script.

Everything that kvmlab has to do with a cloud image is real: it boots by BIOS
and GRUB from a partitioned qcow2 disk, and its script reads the NoCloud disk,
takes its name from there and asks for an address by DHCP.
"""

import os
import struct
import subprocess
from pathlib import Path

from kvmlab._progress import Silent
from kvmlab.image import modules, packages
from kvmlab.image.archive import Sorter
from kvmlab.image.distribution import source_lines, this_distribution

PACKAGES = {
    "debian": ("linux-image-cloud-amd64", "busybox-static", "grub-common", "grub-pc-bin"),
    "ubuntu": ("linux-image-virtual", "busybox-static", "grub-common", "grub-pc-bin"),
}
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "vfat", "nls_cp437")
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "normal", "configfile")
SECTOR, PARTITION_START, PARTITION_MIB = 512, 2048, 48
INIT = """\
#!/bin/busybox sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order
while seed=$(findfs LABEL=cidata) && [ -z "$seed" ]; do sleep 0.1; done
mount -t vfat -o ro,iocharset=default "$seed" /seed || { dmesg | tail -n 5; poweroff -f; }
name=$(sed -n 's/.*"local-hostname": "\\(.*\\)".*/\\1/p' /seed/meta-data)
echo "written by $name" | dd of=/dev/vda bs=512 seek=1000 conv=notrunc
sync
hostname "$name"
ip link set eth0 up
udhcpc -f -i eth0 -x "hostname:$name" -s /bin/true
"""
COMMANDS = (
    *("dd", "dmesg", "findfs", "hostname", "insmod", "ip", "mount", "sed", "sleep", "sync", "tail", "true"),
    "udhcpc",
)
GRUB_CFG = "linux /vmlinuz console=ttyS0 quiet\ninitrd /initrd\nboot\n"


def make(folder: Path) -> Path:
    """Make the image in a folder; return its path."""
    _fetch(folder / "packages.tar", folder / "scratch")
    sorter = Sorter(folder / "packages.tar", folder)
    sorter.take_kernel()
    boot = folder / "boot"
    boot.mkdir()
    (boot / "vmlinuz").write_bytes((folder / "vmlinuz").read_bytes())
    (boot / "grub.cfg").write_text(GRUB_CFG)
    _pack_initrd(folder, sorter.kernel_version, boot / "initrd")
    _write_disk(folder, boot)
    image = folder / "small-cloud.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", str(folder / "disk.raw"), str(image))
    return image


def run(*argv: str, cwd: Path | None = None, text: str = "") -> None:
    done = subprocess.run(argv, cwd=cwd, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"


def _fetch(target: Path, scratch: Path) -> None:
    this = this_distribution()
    selection = packages.Selection(
        suite=this.suite, architecture="amd64", names=PACKAGES[this.id], sources=source_lines(this)
    )
    scratch.mkdir()
    packages.fetch(selection, target, scratch, Silent(), share=1.0)


def _pack_initrd(folder: Path, version: str, target: Path) -> None:
    first = folder / "first"
    for name in ("bin", "modules", "dev", "proc", "sys", "seed"):
        (first / name).mkdir(parents=True)
    (first / "bin/busybox").write_bytes((folder / "busybox").read_bytes())
    for command in COMMANDS:
        (first / "bin" / command).symlink_to("busybox")
    (first / "init").write_text(INIT)
    for path in (first / "bin/busybox", first / "init"):
        path.chmod(0o755)
    order = modules.load_order(MODULES, modules.keep_selected(folder, version))
    for name in order:
        module = folder / "lib/modules" / version / "kernel" / f"{name}.ko"
        (first / "modules" / module.name).write_bytes(module.read_bytes())
    (first / "modules/order").write_text("".join(f"{Path(name).name}.ko\n" for name in order))
    paths = sorted(path.relative_to(first).as_posix() for path in first.rglob("*"))
    line = ["cpio", "--create", "--format=newc", "--owner=+0:+0", "--quiet", f"--file={target}"]
    run(*line, cwd=first, text="\n".join(paths))


def _write_disk(folder: Path, boot: Path) -> None:
    """Write boot sector, GRUB behind it, and one partition."""
    part, tree = folder / "part.img", folder / "tree"
    run("/sbin/mke2fs", "-q", "-t", "ext2", "-d", str(boot), str(part), f"{PARTITION_MIB}M")
    tree.mkdir()
    run("tar", "--extract", "--exclude=./dev/*", f"--directory={tree}", f"--file={folder}/packages.tar")
    if not (tree / "lib64").exists():  # since Debian 13 base-files has the link, not libc6 the folder
        (tree / "lib64").symlink_to("usr/lib64")
    core = _grub_core(tree)
    disk = bytearray((tree / "usr/lib/grub/i386-pc/boot.img").read_bytes()[:440].ljust(SECTOR, b"\0"))
    sectors = part.stat().st_size // SECTOR
    struct.pack_into(
        "<B3sB3sII", disk, 446, 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_START, sectors
    )
    disk[510:512] = b"\x55\xaa"
    disk += core
    with (folder / "disk.raw").open("wb") as stream:
        stream.write(disk.ljust(PARTITION_START * SECTOR, b"\0"))
        stream.write(part.read_bytes())


def _grub_core(tree: Path) -> bytes:
    (tree / "early.cfg").write_text("set root=(hd0,msdos1)\nconfigfile /grub.cfg\n")
    own = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    line = ["/usr/bin/grub-mkimage", "-O", "i386-pc", "-o", "/core.img", "-c", "/early.cfg", "-p", "/"]
    run(*own, "/usr/sbin/chroot", str(tree), *line, *GRUB_MODULES)
    return (tree / "core.img").read_bytes()
