"""What a guest image consists of; nothing here touches the machine.

An image is the distribution's own kernel and tools, without a boot loader,
udev or systemd: busybox is the first process, and a handful of scripts (the
folder ``files``) do the rest. So a guest boots in seconds even when its CPU
is emulated, and still everything a lesson is about is real.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from kvmlab.errors import ImageError

#: Raised by hand when code that shapes an image changes what it makes, or when guests must be
#: able to do something new: an image of another format is not booted.
FORMAT = 5

#: Files that are added to every image: ``root`` to the root file system,
#: ``initrd`` to the first boot stage. The firmware of the Intel 82551, which no
#: distribution may ship freely, is replaced by zeros of the right length: its driver
#: wants some, and the card that QEMU emulates ignores it (QEMU, hw/net/eepro100.c).
FILES = Path(__file__).parent / "files"

#: Steps of the kernel's start that a guest does without: tables for tracing, and Ubuntu's monitors for
#: runtime verification (kernel/trace/rv), which need them; random numbers from the jitter of a clock that
#: is emulated, beside those of virtio-rng; the key that modules are signed with (their signatures are
#: taken off); hot-plug by SHPC, which ACPI does here. The jitter alone takes a tenth of a second.
SKIPPED_INITCALLS = (
    *("init_kprobe_trace", "trace_eval_init", "tracer_init_tracefs", "register_wip", "register_wwnr"),
    *("jent_mod_init", "load_system_certificate_list", "shpcd_init"),
)
#: Kernel command line of a guest, beside its console (the kernel's admin-guide, kernel-parameters).
#: Each part saves time under emulation: no fences against the CPU's side channels, no self-tests of
#: ciphers, no search for pages that can be written and run, no security modules, audit or pressure
#: figures, none of PCI Express's own services; the time stamp counter is trusted.
CMDLINE = " ".join(
    (
        *("quiet", "panic=-1", "mitigations=off", "cryptomgr.notests", "rodata=off", "lsm=capability"),
        *("audit=0", "psi=0", "pcie_ports=compat", "tsc=reliable"),
        f"initcall_blacklist={','.join(SKIPPED_INITCALLS)}",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What differs between processor architectures.

    Attributes
    ----------
    machine
        Name as ``uname -m`` gives it.
    debian
        Name of the architecture in Debian and Ubuntu.
    kernel_packages
        Packages of the kernel with all its network drivers, by distribution; Ubuntu's only depends
        on others (see :func:`kvmlab.image.distribution.without_firmware`).
    kernel_format
        ``bzimage``: an ELF kernel is packed in it, and is taken out because a
        guest without hardware support unpacks slowly; ``image``: used as it is.
    console
        Serial console of QEMU's usual machine type.
    """

    machine: str
    debian: str
    kernel_packages: Mapping[str, tuple[str, ...]]
    kernel_format: Literal["bzimage", "image"]
    console: str


_UBUNTU_KERNEL = ("linux-image-generic",)

ARCHITECTURES: Mapping[str, Architecture] = {
    each.machine: each
    for each in (
        Architecture(
            machine="x86_64",
            debian="amd64",
            kernel_packages={"debian": ("linux-image-amd64",), "ubuntu": _UBUNTU_KERNEL},
            kernel_format="bzimage",
            console="ttyS0",
        ),
        Architecture(
            machine="aarch64",
            debian="arm64",
            kernel_packages={"debian": ("linux-image-arm64",), "ubuntu": _UBUNTU_KERNEL},
            kernel_format="image",
            console="ttyAMA0",
        ),
    )
}

#: Packages of every image, with the same names in Debian and Ubuntu.
PACKAGES = (
    # the base
    *("base-files", "bash", "busybox-static", "coreutils", "dash", "findutils", "grep", "gzip", "hostname"),
    *(
        "kmod",
        "less",
        "libc-bin",
        "login",
        "mawk",
        "netbase",
        "pciutils",
        "procps",
        "sed",
        "tar",
        "util-linux",
    ),
    # addresses, names, agent
    *("ca-certificates", "dhcpcd-base", "qemu-guest-agent"),
    # the tools that lessons are about
    *("bind9-dnsutils", "bridge-utils", "conntrack", "curl", "ethtool", "iperf", "iperf3", "iproute2"),
    *("iptables", "iputils-arping", "iputils-ping", "iputils-tracepath", "ncat", "nftables", "sockperf"),
    *("tcpdump", "traceroute", "wireguard-tools"),
)

#: What is not taken over from the packages: documentation, and what only the
#: packages' own installation scripts use.
EXCLUDED_PATHS = (
    *(
        "boot",
        "var/cache/*",
        "var/lib/apt",
        "var/lib/dpkg",
        "var/log/*",
        "usr/games",
        "usr/include",
        "usr/src",
    ),
    *("usr/lib/udev", "usr/lib/systemd", "usr/lib/klibc*", "usr/lib/init", "usr/lib/initramfs-tools"),
    *(
        "usr/lib/firmware",
        "usr/lib/*/gconv",
        "usr/lib/*/perl*",
        "usr/lib/*/libperl*",
        "usr/lib/*/libicui*",
        "usr/lib/*/libicut*",
    ),
    *("usr/lib/dracut", "usr/share/initramfs-tools", "usr/bin/perl*", "usr/bin/udevadm"),
    *(
        f"usr/share/{name}"
        for name in ("bash-completion", "bug", "common-licenses", "debconf", "dict", "doc")
    ),
    *(f"usr/share/{name}" for name in ("doc-base", "gcc", "gdb", "info", "lintian", "locale", "man", "menu")),
    *(f"usr/share/{name}" for name in ("perl", "perl5", "pixmaps", "pkgconfig", "polkit-1", "zsh")),
)

#: Kernel modules by their path below ``kernel/``: first the kept, then, among
#: those, the left out. What a kept module depends on is kept in any case.
KEPT_MODULES = (
    *("arch/*/crypto/*", "crypto/*", "lib/*", "net/*"),
    *("drivers/net/*", "drivers/vhost/*", "drivers/virtio/*"),
    *("drivers/block/loop", "drivers/block/virtio_blk", "drivers/char/virtio_console"),
    *("drivers/char/hw_random/virtio-rng", "drivers/acpi/button", "drivers/input/evdev"),
    *(
        "drivers/firmware/qemu_fw_cfg",
        "drivers/virt/vmgenid",
        "drivers/ptp/ptp_kvm",
        "drivers/misc/pvpanic/*",
    ),
    *("fs/9p/*", "fs/ext4/*", "fs/fat/*", "fs/fuse/*", "fs/isofs/*", "fs/nls/*", "fs/overlayfs/*"),
    *("fs/squashfs/*",),
)
#: Makers of NICs that QEMU does not emulate.
_NIC_MAKERS = (
    *("3com", "adaptec", "agere", "alacritech", "alteon", "amazon", "aquantia", "arc", "asix", "atheros"),
    *(
        "broadcom",
        "brocade",
        "cadence",
        "cavium",
        "chelsio",
        "cisco",
        "dlink",
        "ec_bhf*",
        "emulex",
        "engleder",
    ),
    *("fealnx*", "fujitsu", "fungible", "google", "huawei", "jme*", "marvell", "mellanox", "meta", "micrel"),
    *(
        "microchip",
        "microsoft",
        "mucse",
        "myricom",
        "natsemi",
        "neterion",
        "netronome",
        "nvidia",
        "packetengines",
    ),
    *("pensando", "qlogic", "qualcomm", "rdc", "samsung", "sfc", "silan", "sis", "smsc", "stmicro", "sun"),
    *("synopsys", "tehuti", "ti", "vertexcom", "via", "wangxun", "wiznet", "xilinx", "xircom"),
    *("intel/fm10k", "intel/i40e", "intel/iavf", "intel/ice", "intel/idpf", "intel/ixgbe*", "intel/ipw*"),
)
DROPPED_MODULES = (
    *(f"drivers/net/ethernet/{maker}*" for maker in _NIC_MAKERS),
    *(f"drivers/net/{kind}/*" for kind in ("arcnet", "can", "dsa", "fddi", "hamradio", "hippi", "hyperv")),
    *(f"drivers/net/{kind}/*" for kind in ("ieee802154", "mctp", "ovpn", "plip", "slip", "usb", "wan")),
    *(f"drivers/net/{kind}/*" for kind in ("wireless", "wwan", "xen-netback", "appletalk", "fjes")),
    "drivers/net/thunderbolt*",
    *("drivers/net/xen*", "drivers/vhost/*vdpa*", "lib/*test*"),
    *(
        f"net/{kind}/*"
        for kind in ("appletalk", "atm", "ax25", "batman-adv", "bluetooth", "caif", "can", "ceph")
    ),
    *(f"net/{kind}/*" for kind in ("dccp", "decnet", "dsa", "hsr", "ieee802154", "ipx", "lapb", "mac80211")),
    *(
        f"net/{kind}/*"
        for kind in ("mac802154", "mctp", "netrom", "nfc", "phonet", "rds", "rose", "rxrpc", "qrtr")
    ),
    *(
        f"net/{kind}/*"
        for kind in ("smc", "sunrpc", "tipc", "wireless", "x25", "6lowpan", "vmw_vsock", "xdp")
    ),
)

#: Modules of the first boot stage, which mounts the root file system.
INITRD_MODULES = ("virtio_pci", "virtio_blk", "squashfs", "overlay")
#: Commands of the first boot stage, all of them busybox.
INITRD_COMMANDS = ("insmod", "mkdir", "mount", "poweroff", "sleep", "switch_root")

#: Links, most of which the packages' installation scripts would have made (update-alternatives(1)).
LINKS: Mapping[str, str] = {
    "etc/resolv.conf": "/run/resolv.conf",
    "usr/bin/awk": "mawk",
    "usr/bin/nc": "ncat",
    "usr/bin/pager": "less",
    "usr/bin/traceroute": "traceroute.db",
    "usr/bin/traceroute6": "traceroute6.db",
    "usr/bin/which": "which.debianutils",
    **{
        f"usr/sbin/{name}": "/usr/bin/busybox"
        for name in ("acpid", "getty", "halt", "init", "mdev", "poweroff", "reboot")
    },
    **{
        f"usr/sbin/{family}{part}": f"{family}-nft{part}"
        for family in ("iptables", "ip6tables", "arptables", "ebtables")
        for part in ("", "-save", "-restore")
    },
}

#: Scripts among the files; all others are not executable.
SCRIPTS = ("usr/lib/kvmlab/*", "usr/sbin/*", "etc/acpi/*/*")


def architecture(machine: str) -> Architecture:
    """Return the architecture with the name that ``uname -m`` prints.

    Raises
    ------
    ImageError
        If kvmlab does not know how to make images for it.

    Examples
    --------
    >>> architecture("x86_64").debian
    'amd64'
    """
    try:
        return ARCHITECTURES[machine]
    except KeyError:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ImageError(
            f"no guest image can be built for the architecture {machine!r}", hint=f"known are: {known}"
        ) from None


def cmdline(arch: Architecture) -> str:
    """Return the kernel command line of a guest.

    Examples
    --------
    >>> cmdline(architecture("x86_64")).split()[0]
    'console=ttyS0'
    """
    return f"console={arch.console} {CMDLINE}"


def select_modules(dependencies: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the kernel modules that an image keeps.

    Parameters
    ----------
    dependencies
        The modules and what each depends on, as paths below ``kernel/``
        without the ending (``drivers/net/tun``).

    Examples
    --------
    >>> sorted(select_modules({"net/tls": ["sound/odd"], "sound/odd": [], "sound/ac97_bus": []}))
    ['net/tls', 'sound/odd']
    """
    kept = {
        path for path in dependencies if _matches(path, KEPT_MODULES) and not _matches(path, DROPPED_MODULES)
    }
    waiting = list(kept)
    while waiting:
        new = set(dependencies[waiting.pop()]) - kept
        kept |= new
        waiting.extend(new)
    return kept


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def is_script(path: str) -> bool:
    """Tell whether an added file must be executable.

    Examples
    --------
    >>> is_script("usr/lib/kvmlab/boot"), is_script("etc/passwd")
    (True, False)
    """
    return _matches(path, SCRIPTS)


def digest(arch: Architecture, suite: str) -> str:
    """Return the digest of all that decides what an image contains.

    Parameters
    ----------
    arch
        Processor architecture.
    suite
        Release of the distribution, such as ``bookworm``.

    Notes
    -----
    The versions of the packages are not part of it: an image is as new as the
    day it was built, and is built again only when the recipe changes.
    """
    sha = hashlib.sha256()
    modules = (KEPT_MODULES, DROPPED_MODULES, INITRD_MODULES)
    tables = (EXCLUDED_PATHS, modules, INITRD_COMMANDS, dict(LINKS), SCRIPTS)
    recipe = (FORMAT, suite, asdict(arch), PACKAGES, CMDLINE, tables)
    sha.update(json.dumps(recipe, sort_keys=True).encode())
    for path in sorted(path for path in FILES.rglob("*") if path.is_file()):
        sha.update(f"\0{path.relative_to(FILES).as_posix()}\0".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()
