"""The machine's own distribution: a guest image is made from its packages."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.errors import ExecutableNotFound, ImageError

#: Keys that sign each distribution's packages; the first that exists is used.
_KEYRINGS = {
    "debian": ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"),
    "ubuntu": ("ubuntu-archive-keyring.gpg", "ubuntu-archive-keyring.pgp"),
}
_KERNEL_DEPENDENCY = re.compile(r"^\s*\|?Depends: (linux-(?:image|modules)-\S+)$", re.MULTILINE)
_TARGET_FORMAT = "$(IDENTIFIER)|$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A release of a distribution.

    Attributes
    ----------
    id
        ``debian`` or ``ubuntu``.
    version
        Such as ``12`` or ``24.04``.
    suite
        Its code name, such as ``bookworm``.
    """

    id: str
    version: str
    suite: str

    @property
    def name(self) -> str:
        """Name with version, such as ``debian-12``."""
        return f"{self.id}-{self.version}"


def parse_os_release(text: str) -> Distribution:
    r"""Read a distribution from the text of ``/etc/os-release`` (os-release(5)).

    Raises
    ------
    ImageError
        If its packages are not Debian's or Ubuntu's.

    Examples
    --------
    >>> parse_os_release('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n').name
    'debian-12'
    """
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    fields = {key.strip(): " ".join(shlex.split(value)) for key, value in pairs}
    name, suite = fields.get("ID", ""), fields.get("VERSION_CODENAME", "")
    if name not in _KEYRINGS or not suite:
        raise ImageError(
            f"guest images cannot be built on {fields.get('PRETTY_NAME') or name or 'this system'!r}",
            hint="kvmlab builds them on Debian 12 and 13 and on Ubuntu 24.04",
        )
    return Distribution(name, fields.get("VERSION_ID", suite), suite)


def this_distribution() -> Distribution:
    """Return the distribution of this machine."""
    return parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))


def parse_index_targets(text: str, distribution: Distribution) -> list[tuple[str, str, str]]:
    """Return the package sources among apt's index targets.

    Parameters
    ----------
    text
        Lines of ``IDENTIFIER|ORIGIN|CODENAME|REPO_URI|RELEASE|COMPONENT``.
    distribution
        Only its own packages are of use: no third party's, no other release's.

    Returns
    -------
    list of tuple
        Address, suite and components (separated by spaces), in the order of the text.
    """
    components: dict[tuple[str, str], list[str]] = {}
    for line in text.splitlines():
        identifier, origin, codename, uri, release, component = (*line.split("|"), *[""] * 6)[:6]
        own = origin.lower() == distribution.id and distribution.suite in (codename, codename.split("-")[0])
        if identifier == "Packages" and own and "backports" not in release:
            known = components.setdefault((uri, release), [])
            if component not in known:
                known.append(component)
    return [(uri, release, " ".join(names)) for (uri, release), names in components.items()]


def source_lines(distribution: Distribution) -> list[str]:
    """Return lines as in sources.list(5) with the machine's own package sources.

    Returns
    -------
    list of str
        Empty if apt has no package lists; mmdebstrap then uses its own default.
    """
    try:
        done = LocalRunner().run(["apt-get", "indextargets", "--format", _TARGET_FORMAT], check=False)
    except ExecutableNotFound:
        return []
    option = _signed_by(distribution)
    return [
        f"deb {option}{uri} {suite} {components}"
        for uri, suite, components in parse_index_targets(done.stdout, distribution)
    ]


def _signed_by(distribution: Distribution) -> str:
    for name in _KEYRINGS[distribution.id]:
        path = Path("/usr/share/keyrings") / name
        if path.is_file():
            return f"[signed-by={path}] "
    return ""


def without_firmware(names: Sequence[str]) -> list[str]:
    """Return kernel packages in place of those that only depend on them, and on firmware beside.

    Ubuntu's ``linux-image-generic`` brings the kernel, its modules, and some
    500 MB of firmware, which no emulated device needs.

    Parameters
    ----------
    names
        Packages.

    Returns
    -------
    list of str
        A package that brings no firmware, or that apt does not know, stays as it is.
    """
    found: list[str] = []
    for name in names:
        try:
            said = LocalRunner().run(["apt-cache", "depends", "--important", name], check=False).stdout
        except ExecutableNotFound:
            said = ""
        found += parse_kernel_dependencies(said) or [name]
    return found


def parse_kernel_dependencies(text: str) -> list[str]:
    r"""Read the parts of a kernel from what ``apt-cache depends`` prints; none if no firmware is among them.

    Examples
    --------
    >>> parse_kernel_dependencies("linux-image-generic\n  Depends: linux-image-6.8.0-31-generic\n"
    ...     "  Depends: linux-modules-extra-6.8.0-31-generic\n  Depends: linux-firmware\n")
    ['linux-image-6.8.0-31-generic', 'linux-modules-extra-6.8.0-31-generic']
    """
    if "Depends: linux-firmware" not in text:
        return []
    return [str(name) for name in _KERNEL_DEPENDENCY.findall(text)]
