"""A distribution of two packages: real ones, in a real repository, but small.

One package provides all that a guest image takes from the distribution, the
other is the kernel: a bzImage with a small ELF file in it, and modules that
the machine's compiler made.
"""

import gzip
import hashlib
import lzma
import platform
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kvmlab.image import recipe
from kvmlab.image.distribution import this_distribution

VERSION = "6.1.0-small"
#: Modules below ``kernel/``, what each calls in others, and how the file is packed.
MODULES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "drivers/virtio/virtio": ((), ""),
    "drivers/virtio/virtio_pci": (("virtio",), ""),
    "drivers/block/virtio_blk": (("virtio",), ".xz"),
    "fs/squashfs/squashfs": ((), ".zst"),
    "sound/soundcore": ((), ""),
    "net/8021q/8021q": (("soundcore",), ""),
    "drivers/net/wireless/radio": ((), ""),
}
FILES = {
    "bin/busybox": "#!/bin/sh\n",
    "bin/ip": "#!/bin/sh\n",
    "etc/services": "http 80/tcp\n",
    "usr/share/doc/ip/README": "read me\n",
}
ARCHITECTURE = recipe.architecture(platform.machine())


def make(folder: Path, *, kernel: bool = True, ballast: bytes = b"") -> str:
    """Make the distribution in a folder; return its line for sources.list.

    ``ballast`` is the content of one more file; without ``kernel`` the kernel's package is empty.
    """
    this = this_distribution()
    kernel_names = ARCHITECTURE.kernel_packages[this.id]
    of_kernel = kernel_files(folder / "build") if kernel else {}
    pool = folder / "pool"
    pool.mkdir(parents=True)
    entries = [
        _package(folder, "small-tools", recipe.PACKAGES, {**FILES, "usr/lib/ballast": ballast}),
        _package(folder, "small-kernel", kernel_names, of_kernel),
    ]
    index = folder / f"dists/{this.suite}/main/binary-{ARCHITECTURE.debian}/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(entries))
    checksum = hashlib.sha256(index.read_bytes()).hexdigest()
    place = index.relative_to(folder / f"dists/{this.suite}")
    (folder / f"dists/{this.suite}/Release").write_text(
        f"Origin: Small\nSuite: {this.suite}\nCodename: {this.suite}\nComponents: main\n"
        f"Architectures: {ARCHITECTURE.debian}\nSHA256:\n {checksum} {index.stat().st_size} {place}\n"
    )
    return f"deb [trusted=yes] copy:{folder} {this.suite} main"


def _package(folder: Path, name: str, provides: tuple[str, ...], files: Mapping[str, str | bytes]) -> str:
    """Make one package; return its entry for the repository's index."""
    tree = folder / "build" / name
    for file, content in files.items():
        path = tree / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755 if "bin/" in file else 0o644)
    control = (
        f"Package: {name}\nVersion: 1.0\nArchitecture: {ARCHITECTURE.debian}\nMaintainer: nobody\n"
        f"Provides: {', '.join(provides)}\nDescription: for a test\n"
    )
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(control)
    target = folder / f"pool/{name}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    checksum = hashlib.sha256(target.read_bytes()).hexdigest()
    return f"{control}Filename: pool/{name}.deb\nSize: {target.stat().st_size}\nSHA256: {checksum}\n"


def kernel_files(folder: Path) -> dict[str, bytes]:
    """Return the files of the kernel's package."""
    elf = compiled(folder, "kernel", "int main;")
    files = {f"boot/vmlinuz-{VERSION}": bzimage(lzma.compress(elf, check=lzma.CHECK_CRC32) + size_of(elf))}
    for path, (calls, packing) in MODULES.items():
        content = compiled(folder, Path(path).name, module_source(Path(path).name, calls))
        files[f"lib/modules/{VERSION}/kernel/{path}.ko{packing}"] = packed(content, packing)
    return files


def module_source(name: str, calls: tuple[str, ...]) -> str:
    """Return C text of a module that offers a symbol and uses those of others (see depmod(8))."""
    offered = f'const char s_{name}[] __attribute__((section("__ksymtab_strings"))) = "f_{name}";'
    entry = f'int f_{name}; void *__ksymtab_f_{name} __attribute__((section("__ksymtab"))) = &f_{name};'
    used = "".join(f"extern int f_{other}; int *u_{name}_{other} = &f_{other};" for other in calls)
    info = f'const char i_{name}[] __attribute__((section(".modinfo"))) = "license=GPL";'
    return "\n".join([offered, entry, used, info, ""])


def compiled(folder: Path, name: str, source: str) -> bytes:
    """Return an ELF object file."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.o"
    command = ["gcc", "-c", "-x", "c", "-o", str(target), "-"]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return target.read_bytes()


def packed(content: bytes, packing: str) -> bytes:
    """Return a file's content packed as its ending says."""
    if packing == ".zst":
        return subprocess.run(["zstd", "-q", "-c"], input=content, check=True, capture_output=True).stdout
    return {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress}[packing](content)


def size_of(content: bytes) -> bytes:
    """Return the four bytes that follow a packed kernel (the kernel's scripts/Makefile.lib)."""
    return struct.pack("<I", len(content))


def bzimage(payload: bytes) -> bytes:
    """Return a bzImage around a packed kernel (the kernel's Documentation/arch/x86/boot.rst)."""
    sectors, offset = 3, 0x40
    setup = bytearray((sectors + 1) * 512)
    setup[0x1F1] = sectors
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", setup, 0x248, offset, len(payload))
    return bytes(setup) + bytes(offset) + payload + b"the end"
