"""Taking networks of a lab to a real host, from the command line."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import kvmlab as kl
from tests.cli.conftest import Run

pytestmark = pytest.mark.host


def test_a_network_is_printed_with_all_that_it_needs(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("export", "--lab", lab.name, "blue")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("network blue\n")
    assert "=== network-blue.xml ===" in done.stdout
    assert (
        "=== host: netplan ===\n# The host needs no configuration: libvirt makes virbr-blue." in done.stdout
    )


def test_a_part_is_printed_alone(kvmlab: Run, lab: kl.Lab) -> None:
    xml = kvmlab("export", "--lab", lab.name, "blue", "--only", "xml")
    virsh = kvmlab("export", "--lab", lab.name, "blue", "--only", "virsh")

    assert ET.fromstring(xml.stdout).findtext("name") == "blue"
    assert "virsh net-define network-blue.xml" in virsh.stdout


def test_everything_is_written_into_a_folder(kvmlab: Run, lab: kl.Lab, tmp_path: Path) -> None:
    done = kvmlab("export", "--lab", lab.name, "--to", str(tmp_path / "out"))

    assert done.stdout == f"lab {lab.name} is in {tmp_path}/out: begin with README.txt\n"
    assert ET.parse(tmp_path / "out/libvirt/network-blue.xml").getroot().tag == "network"


def test_a_name_that_is_not_there_is_named_with_those_that_are(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("export", "--lab", lab.name, "nosuch")

    assert done.returncode == 1
    assert f"lab '{lab.name}' has no network and no guest 'nosuch'" in done.stderr
    assert "networks: blue" in done.stderr
