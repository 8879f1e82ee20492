"""The guest image of this machine has what lessons are about, and it works in a guest."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab import image as images
from kvmlab.virt.domain import Domain

pytestmark = pytest.mark.vm

TOOLS = """\
ip -Version
bridge -Version
tc -Version
ss --version
ping -V
arping -V
tracepath -V
traceroute --version
ethtool --version
iperf3 --version
sockperf --version
tcpdump --version
nft --version
iptables --version
ip6tables --version
conntrack --version
lspci -n
modprobe --version
curl --version
nc --version
dig -v
host -V
wg --version
dhcpcd --version
qemu-ga --version
less --version
ps --version
""".splitlines()
MODULES = """\
8021q bonding macsec esp4 esp6 wireguard sch_netem sch_tbf sch_htb act_mirred cls_u32 bridge br_netfilter
macvlan macvtap veth tun vxlan dummy ip_gre xfrm_interface nft_chain_nat nf_conntrack vhost_net
8139cp 8139too virtio_net e1000 e1000e igb vmxnet3 pcnet32 ne2k-pci
""".split()  # noqa: SIM905  words of which each is a test
#: A traffic class for ATM, a network of the 1990s; its library comes with no package of the recipe.
NOT_NEEDED = {"libatm.so.1"}


@pytest.fixture(scope="module")
def guest() -> Iterator[Domain]:
    with kl.Lab.start("image") as lab:
        yield lab.define(kl.DomainSpec(name="vm1")).start()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the image."""
    folder = tmp_path_factory.mktemp("image") / "root"
    line = ["unsquashfs", "-quiet", "-no-progress", "-dest", str(folder), str(images.find_image().root)]
    subprocess.run(line, check=True, capture_output=True)
    return folder


def test_the_image_is_as_it_was_built() -> None:
    images.verify(images.find_image())


@pytest.mark.parametrize("command", TOOLS)
def test_a_tool_runs(command: str, guest: Domain) -> None:
    done = guest.run(command.split())

    assert done.stdout + done.stderr != ""


@pytest.mark.parametrize("module", MODULES)
def test_a_kernel_module_loads_or_is_built_in(module: str, guest: Domain) -> None:
    guest.run(["modprobe", module])

    loaded = guest.run(["ls", "/sys/module"]).stdout.split()
    where = guest.run(["modinfo", "--field=filename", module]).stdout.strip()
    assert module.replace("-", "_") in loaded or where.endswith("(builtin)")


def test_the_kernel_is_the_one_of_the_manifest(guest: Domain) -> None:
    assert guest.run(["uname", "-r"]).stdout.strip() == images.find_image().kernel_version


def test_the_root_file_system_is_roots(guest: Domain) -> None:
    assert guest.run(["stat", "-c", "%U:%G %a", "/"]).stdout == "root:root 755\n"


def test_nothing_of_the_machine_that_built_it_is_inside(root: Path) -> None:
    assert not (root / "etc/apt").exists()
    assert not (root / "etc/resolv.conf").exists()


def test_every_library_that_a_program_needs_is_inside(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    programs = [str(path) for path in files if is_elf(path) and path.suffix != ".ko"]
    present = {path.name for path in root.rglob("*.so*")}

    done = subprocess.run(["readelf", "--dynamic", *programs], capture_output=True, text=True, check=True)

    needed = {line.split("[")[1].rstrip("]") for line in done.stdout.splitlines() if "(NEEDED)" in line}
    assert "libc.so.6" in needed
    assert needed - present <= NOT_NEEDED


def is_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"
