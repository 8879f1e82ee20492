"""A cloud image boots a guest, and stays as it is; a file that cannot boot one is refused."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import GuestError, ImageError, LibvirtError
from kvmlab.virt.domain import Domain
from tests.lab import small_cloud_image

SUBNET = "192.168.50.0/24"
#: A real cloud image of your own that these tests shall boot as well.
OWN_IMAGE = os.environ.get("KVMLAB_TEST_CLOUD_IMAGE", "")


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files(lab: kl.Lab) -> list[str]:
    return sorted(path.name for path in (lab.path / "guests").iterdir())


def described(image: Path | str, name: str = "cloud") -> kl.DomainSpec:
    nics = (kl.InterfaceSpec(network="blue"),)
    return kl.DomainSpec(name=name, memory_mib=512, interfaces=nics, boot=kl.CloudImage(image=Path(image)))


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("cloud", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet=SUBNET, forward="nat")).start()
        yield lab


@pytest.fixture(scope="module")
def small_image() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kvmlab-cloud-") as folder:
        yield small_cloud_image.make(Path(folder))


@pytest.fixture(scope="module", params=["small", *(["own"] if OWN_IMAGE else [])])
def booted(request: pytest.FixtureRequest, lab: kl.Lab) -> Iterator[tuple[Domain, Path, str]]:
    """A guest that was booted from an image, the image, and the image's checksum before."""
    image = Path(OWN_IMAGE) if request.param == "own" else request.getfixturevalue("small_image")
    before = digest(image)
    guest = lab.define(described(image, f"{request.param}-cloud"))
    guest.start().wait_until_ready()
    yield guest, image, before
    if guest.is_active:
        guest.destroy()
    guest.undefine()


@pytest.mark.vm
def test_a_cloud_image_gets_the_name_that_was_asked_for_and_an_address(
    booted: tuple[Domain, Path, str], lab: kl.Lab
) -> None:
    guest, *_ = booted

    (lease,) = [lease for lease in lab.network("blue").leases() if lease.hostname == guest.name]

    assert lease.address == f"{guest.address}/24"


@pytest.mark.vm
def test_a_guest_without_an_agent_is_known_by_its_lease(
    booted: tuple[Domain, Path, str], lab: kl.Lab
) -> None:
    guest, *_ = booted

    (nic,) = guest.nics()

    assert nic.addresses == (f"{guest.address}/24",)
    assert guest.address in repr(kl.snapshot(lab))


@pytest.mark.vm
def test_a_command_for_a_guest_without_an_agent_is_refused_with_another_way(
    booted: tuple[Domain, Path, str],
) -> None:
    with pytest.raises(GuestError, match="has no agent") as caught:
        booted[0].run(["hostname"])

    assert "kvmlab console" in caught.value.hint
    assert "agent=True" in caught.value.hint


@pytest.mark.vm
def test_what_the_guest_wrote_is_in_a_layer_and_not_in_the_image(
    booted: tuple[Domain, Path, str], lab: kl.Lab
) -> None:
    guest, image, before = booted
    layer = str(lab.path / "guests" / f"{guest.name}.qcow2")

    guest.destroy()  # QEMU writes its tables

    parts = json.loads(lab.host.run(["qemu-img", "map", "--output=json", layer]).stdout)
    assert {part["depth"] for part in parts if part["data"]} == {0, 1}
    assert digest(image) == before


@pytest.mark.vm
def test_the_disks_of_a_cloud_image_end_with_the_lab(small_image: Path) -> None:
    with kl.Lab.start("shortcloud", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet=SUBNET, forward="nat"))
        lab.define(described(small_image))
        assert files(lab) == ["cloud-seed.img", "cloud.qcow2"]
        guests = lab.path / "guests"

    assert not guests.exists()


# ------------------------------------------------------------ what cannot be booted


def made(*argv: str) -> None:
    subprocess.run(["qemu-img", *argv], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of which none boots."""
    (tmp_path / "notes.txt").write_text("no disk at all\n" * 100)
    made("create", "-f", "qcow2", f"{tmp_path}/empty.qcow2", "1M")
    made("create", "-f", "vmdk", f"{tmp_path}/other.vmdk", "1M")
    made("create", "-f", "qcow2", f"{tmp_path}/base.qcow2", "1M")
    made("create", "-f", "qcow2", "-b", f"{tmp_path}/base.qcow2", "-F", "qcow2", f"{tmp_path}/layer.qcow2")
    (tmp_path / "base.qcow2").unlink()
    (tmp_path / "broken.qcow2").write_bytes((tmp_path / "empty.qcow2").read_bytes()[:80])
    return tmp_path


def refused(lab: kl.Lab, image: Path) -> ImageError:
    """The error for an image; nothing of the guest is left."""
    before = files(lab)
    reserved = lab.network("blue").reservations()

    with pytest.raises(ImageError) as caught:
        lab.define(described(image, "refused"))

    assert "refused" not in [domain.name for domain in lab.domains()]
    assert (files(lab), lab.network("blue").reservations()) == (before, reserved)
    assert str(image) in str(caught.value)
    return caught.value


@pytest.mark.host
@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("missing.qcow2", "there is no cloud image", "qcow2 or raw"),
        (".", "is no file", "qcow2 or raw"),
        ("notes.txt", "no disk that boots", "cloud image"),
        ("empty.qcow2", "no disk that boots", "cloud image"),
        ("other.vmdk", "has the format 'vmdk'", "qemu-img convert -O qcow2"),
        ("layer.qcow2", "base.qcow2", "qemu-img convert"),
        ("broken.qcow2", "cannot be opened", "qemu-img convert"),
    ],
)
def test_a_file_that_cannot_boot_is_refused_and_nothing_is_changed(
    name: str, message: str, hint: str, folder: Path, lab: kl.Lab
) -> None:
    error = refused(lab, folder / name)

    assert message in str(error)
    assert hint in error.hint


@pytest.mark.host
def test_a_file_that_a_lab_does_not_see_is_refused(lab: kl.Lab) -> None:
    with tempfile.NamedTemporaryFile(dir="/run/lock") as stream:
        error = refused(lab, Path(stream.name))

    assert "cannot be read by the lab's QEMU" in str(error)
    assert "/var/lib/libvirt" in error.hint


@pytest.mark.vm
def test_disks_go_when_libvirt_refuses_the_domain(lab: kl.Lab, small_image: Path) -> None:
    spec = described(small_image, "refused")
    twin = lab.vir.defineXML(
        f"<domain type='qemu'><name>twin</name><uuid>{spec.uuid(lab.name)}</uuid><memory>65536</memory>"
        "<os><type>hvm</type></os></domain>"
    )

    with pytest.raises(LibvirtError, match="with uuid"):
        lab.define(spec)

    twin.undefine()
    assert [name for name in files(lab) if name.startswith("refused")] == []
    assert "refused" not in [r.name for r in lab.network("blue").reservations()]
