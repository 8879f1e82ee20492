"""What decides an image's content is in its digest; what a lesson needs is in the recipe."""

import shutil
from pathlib import Path

import pytest

from kvmlab.errors import ImageError
from kvmlab.image import recipe

X86 = recipe.architecture("x86_64")
#: Where Debian 12's kernel (6.1) has what lessons load.
PROMISED = (
    "drivers/net/bonding/bonding",
    "drivers/net/ethernet/8390/ne2k-pci",
    "drivers/net/ethernet/amd/pcnet32",
    "drivers/net/ethernet/intel/e1000/e1000",
    "drivers/net/ethernet/intel/e1000e/e1000e",
    "drivers/net/ethernet/intel/igb/igb",
    "drivers/net/ethernet/realtek/8139cp",
    "drivers/net/ethernet/realtek/8139too",
    "drivers/net/macsec",
    "drivers/net/macvlan",
    "drivers/net/macvtap",
    "drivers/net/tun",
    "drivers/net/veth",
    "drivers/net/virtio_net",
    "drivers/net/vmxnet3/vmxnet3",
    "drivers/net/vxlan/vxlan",
    "drivers/net/wireguard/wireguard",
    "drivers/vhost/vhost_net",
    "net/8021q/8021q",
    "net/bridge/bridge",
    "net/ipv4/esp4",
    "net/ipv6/esp6",
    "net/sched/sch_netem",
    "net/sched/sch_tbf",
)
UNWANTED = ["sound/soundcore", "drivers/gpu/drm/i915/i915", "drivers/net/wireless/intel/iwlwifi/iwlwifi"]


def test_the_same_recipe_has_the_same_digest() -> None:
    assert recipe.digest(X86, "bookworm") == recipe.digest(X86, "bookworm")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FORMAT", 0),
        ("CMDLINE", "quiet"),
        ("PACKAGES", ("bash",)),
        ("EXCLUDED_PATHS", ()),
        ("KEPT_MODULES", ("net/*",)),
        ("DROPPED_MODULES", ()),
        ("INITRD_MODULES", ()),
        ("INITRD_COMMANDS", ()),
        ("LINKS", {}),
        ("SCRIPTS", ()),
    ],
)
def test_a_change_of_the_recipe_changes_the_digest(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recipe.digest(X86, "bookworm")

    monkeypatch.setattr(recipe, name, value)

    assert recipe.digest(X86, "bookworm") != before


def test_each_release_and_architecture_has_its_own_digest() -> None:
    digests = {
        recipe.digest(each, suite)
        for each in recipe.ARCHITECTURES.values()
        for suite in ("bookworm", "trixie")
    }

    assert len(digests) == 2 * len(recipe.ARCHITECTURES)


@pytest.mark.parametrize("change", ["content", "name"])
def test_a_changed_file_changes_the_digest(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"
    shutil.copytree(recipe.FILES, files)
    monkeypatch.setattr(recipe, "FILES", files)
    before = recipe.digest(X86, "bookworm")

    if change == "content":
        (files / "root/etc/motd").write_text("changed\n")
    else:
        (files / "root/etc/motd").rename(files / "root/etc/motto")

    assert recipe.digest(X86, "bookworm") != before


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ImageError, match="'s390x'") as caught:
        recipe.architecture("s390x")

    assert caught.value.hint == "known are: aarch64, x86_64"


def test_what_lessons_load_is_kept() -> None:
    assert recipe.select_modules(dict.fromkeys([*PROMISED, *UNWANTED], ())) == set(PROMISED)


def test_documentation_of_packages_is_left_out_and_tools_are_not() -> None:
    assert "usr/share/doc" in recipe.EXCLUDED_PATHS
    assert {"iproute2", "iputils-ping", "ethtool", "iperf3", "tcpdump", "nftables", "pciutils"} <= set(
        recipe.PACKAGES
    )
