"""The kernel modules of an image: which to keep, and those of the first boot stage."""

import lzma
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.errors import ImageError
from kvmlab.image import recipe

#: How a signed module ends, and the length of what describes the signature before that.
_SIGNATURE_END, _SIGNATURE_INFO = b"~Module signature appended~\n", 12


def module_path(file: str) -> str:
    """Return a module's path without ``kernel/`` and endings.

    Examples
    --------
    >>> module_path("kernel/drivers/net/tun.ko.xz")
    'drivers/net/tun'
    """
    return file.removeprefix("kernel/").split(".ko")[0]


def read_dependencies(text: str) -> dict[str, list[str]]:
    r"""Read ``modules.dep`` (modules.dep(5)): each module with all that it depends on.

    Examples
    --------
    >>> read_dependencies("kernel/net/tls.ko: kernel/lib/crc.ko\n")
    {'net/tls': ['lib/crc']}
    """
    lines = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {module_path(name): [module_path(other) for other in others.split()] for name, others in lines}


def keep_selected(folder: Path, version: str) -> Mapping[str, Sequence[str]]:
    """Unpack the modules that an image keeps, delete the others, write the index anew.

    Parameters
    ----------
    folder
        Has the modules in ``lib/modules/VERSION``.
    version
        Of the kernel.

    Returns
    -------
    Mapping
        The dependencies of the modules that are left.

    Raises
    ------
    ImageError
        If the kernel came without modules.
    kvmlab.errors.CommandError
        If ``depmod`` or an unpacker fails.
    """
    home = folder / "lib/modules" / version
    _depmod(folder, version)
    found = read_dependencies((home / "modules.dep").read_text(encoding="utf-8"))
    if not found:
        raise ImageError(f"kernel {version} came without modules")
    kept = recipe.select_modules(found)
    for path in sorted((home / "kernel").rglob("*.ko*")):
        if module_path(path.relative_to(home).as_posix()) in kept:
            _take_off_signature(_unpack(path))
        else:
            path.unlink()
    _depmod(folder, version)
    return {name: found[name] for name in kept}


def _depmod(folder: Path, version: str) -> None:
    LocalRunner().run(["depmod", "--basedir", str(folder), version], timeout_s=300)


def _unpack(path: Path) -> Path:
    """Unpack a module (the kernel's MODULE_COMPRESS; the distributions' kmod reads these two)."""
    if path.suffix == ".xz":
        with lzma.open(path) as packed, path.with_suffix("").open("wb") as stream:
            shutil.copyfileobj(packed, stream)
        path.unlink()
    elif path.suffix == ".zst":
        LocalRunner().run(["zstd", "--decompress", "--rm", "--quiet", str(path)])
    return path.with_suffix("") if path.suffix in (".xz", ".zst") else path


def _take_off_signature(path: Path) -> None:
    """Cut off what follows the module itself.

    To check a signature takes an emulated CPU some 20 ms for each module, and
    nothing depends on it: a guest has no secrets. The kernel notes it as a
    taint (``E``, the kernel's admin-guide, tainted-kernels). At the end stand
    the signature, 12 bytes whose last four are its length, and a closing line
    (Linux, include/linux/module_signature.h).
    """
    content = path.read_bytes()
    if content.endswith(_SIGNATURE_END):
        body = content.removesuffix(_SIGNATURE_END)
        length = int.from_bytes(body[-4:], "big")
        path.write_bytes(body[: -_SIGNATURE_INFO - length])


def load_order(names: Iterable[str], dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    """Return modules and all that they depend on, each after its own dependencies.

    Parameters
    ----------
    names
        Names as ``modprobe`` takes them; those that the kernel has built in are left out.
    dependencies
        Paths of modules and what each depends on.

    Examples
    --------
    >>> load_order(["tls", "built_in"], {"net/tls": ["lib/crc"], "lib/crc": []})
    ['lib/crc', 'net/tls']
    """
    by_name = {Path(path).name.replace("-", "_"): path for path in dependencies}
    ordered: dict[str, None] = {}

    def add(path: str) -> None:
        for other in dependencies[path]:
            if other not in ordered:
                add(other)
        ordered[path] = None

    for name in names:
        if name in by_name:
            add(by_name[name])
    return list(ordered)
