"""What is exported of a lab: what was asked for, with all that it needs, and what the reader has to know."""

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.errors import HostError, SpecError
from kvmlab.exporting import Export, find
from tests.exporting.real_host import silent

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def everything(lab: kl.Lab) -> Export:
    return kl.export(lab)


def about(found: Export, subject: str) -> str:
    return " ".join(note.text for note in found.notes if note.about == subject)


def test_a_network_of_libvirts_own_needs_nothing_of_the_host(lab: kl.Lab) -> None:
    found = kl.export(lab, lab.network("nat"))

    assert list(found.xml) == ["network-nat.xml"]
    assert all(recipe.is_empty for recipe in found.host.values())
    assert "libvirt makes virbr-nat" in str(found.nmcli)
    assert "nothing is needed of the host but libvirt" in about(found, "network nat")


def test_a_network_on_a_bridge_of_the_host_needs_that_bridge(lab: kl.Lab) -> None:
    found = kl.export(lab, lab.network("lan"))

    assert [link.name for link in found.plan.links] == ["br0", "enp1s0"]
    assert "192.168.1.10/24, 2001:db8:1::10/64, router 192.168.1.1" in about(found, "br0")
    assert "write the name of yours" in about(found, "enp1s0")


def test_a_guest_comes_with_the_networks_that_it_is_plugged_into(lab: kl.Lab) -> None:
    found = kl.export(lab, lab.domain("otherwise"))

    assert list(found.xml) == ["network-nat.xml", "domain-otherwise.xml"]
    assert [link.name for link in found.plan.links] == ["br0", "enp1s0"]


def test_a_routed_network_needs_a_route_elsewhere(lab: kl.Lab) -> None:
    found = kl.export(lab, lab.network("green"))

    assert [(command.where, " ".join(command.argv)) for command in found.elsewhere] == [
        ("router", "ip route add 192.168.52.0/24 via 192.168.1.10"),
        ("router", "ip -6 route add fd00:52::/64 via 2001:db8:1::10"),
    ]


def test_libvirts_schema_accepts_all_that_is_exported_of_a_live_lab(
    everything: Export, tmp_path: Path
) -> None:
    for name, text in everything.xml.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    done = [
        subprocess.run(["virt-xml-validate", tmp_path / name], capture_output=True, text=True, check=False)
        for name in everything.xml
    ]

    assert len(done) == 7
    assert [one.stdout + one.stderr for one in done if one.returncode != 0] == []


def test_virt_install_makes_the_same_nics_of_its_line(lab: kl.Lab, everything: Export) -> None:
    """Also those that its own options have no words for, through their XPath."""
    disks = "/var/lib/libvirt/images"
    lab.host.run(["mkdir", "-p", disks])
    for command in everything.virt_install.commands:
        name = command.argv[command.argv.index("--name") + 1]
        lab.host.run(["truncate", "--size", "1M", f"{disks}/{name}.qcow2"])
        line = ["env", "XDG_CACHE_HOME=/run", "XDG_DATA_HOME=/run", *command.argv]
        # no KVM where guests are emulated, and none of its CPU
        line[line.index("host-passthrough")] = "qemu64" if lab.accelerator == "tcg" else "host-passthrough"

        printed = lab.host.run([*line, "--print-xml", "--dry-run"]).stdout

        assert nics(printed) == nics(everything.xml[f"domain-{name}.xml"])
        machine = ET.fromstring(printed).find("os/type")
        assert machine is not None
        assert machine.get("machine") == "q35"


def nics(xml: str) -> list[tuple[str | None, list[str]]]:
    """Type of each NIC, and its elements in an order of their own; without MAC addresses made up."""
    found = []
    for nic in ET.fromstring(xml).iterfind("devices/interface"):
        mac = nic.find("mac")
        if mac is not None and mac.get("address") != "52:54:00:00:00:42":
            nic.remove(mac)
        found.append(
            (nic.get("type"), sorted("".join(ET.tostring(e, encoding="unicode").split()) for e in nic))
        )
    return found


def test_an_export_is_shown_with_its_notes_first_and_every_part_behind_a_heading(everything: Export) -> None:
    html = everything._repr_html_()

    assert html.count("<details>") == len(everything.xml) + 2 + 4 + 1
    assert html.index("write the name of yours") < html.index("<details>")
    assert "&lt;domain type=&quot;kvm&quot;&gt;" in html
    assert "write the name of yours" in repr(everything)


def test_an_export_is_saved_as_files_and_scripts(everything: Export, tmp_path: Path) -> None:
    folder = everything.save(tmp_path / "out")

    assert (folder / "libvirt/network-lan.xml").read_text() == everything.xml["network-lan.xml"]
    assert (folder / "networkd/etc/systemd/network/10-br0.netdev").exists()
    assert (folder / "netplan/etc/netplan/60-vm-networks.yaml").exists()
    assert "router" in (folder / "README.txt").read_text()
    scripts = sorted(folder.rglob("*.sh"))
    assert len(scripts) == 6
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)


def test_what_is_in_a_folder_is_not_written_over(everything: Export, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(SpecError, match="not an empty folder"):
        everything.save(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_neither_network_nor_guest_is_refused(lab: kl.Lab) -> None:
    with pytest.raises(SpecError, match="neither a network nor a guest"):
        kl.export(lab, "nat")  # type: ignore[arg-type]


def test_what_is_not_defined_is_named_with_what_is(lab: kl.Lab) -> None:
    with pytest.raises(SpecError, match="network 'blue' is not defined in lab 'exporting'") as caught:
        kl.export(lab, lab.network("blue"))

    assert "green, island, lan, nat, private" in caught.value.hint


def test_a_name_is_looked_for_among_networks_and_guests(lab: kl.Lab) -> None:
    assert (find(lab, "nat").name, find(lab, "guest/everywhere").name) == ("nat", "everywhere")
    with pytest.raises(SpecError, match="no network and no guest 'blue'"):
        find(lab, "blue")


@pytest.fixture(scope="module")
def other() -> Iterator[kl.Lab]:
    """An empty lab beside the first."""
    with silent("exporting-2") as lab:
        yield lab


def test_an_empty_lab_has_nothing_to_export(other: kl.Lab) -> None:
    with pytest.raises(SpecError, match="'exporting-2' has nothing to export"):
        kl.export(other)


def test_what_is_of_another_lab_is_refused(lab: kl.Lab, other: kl.Lab) -> None:
    with pytest.raises(SpecError, match="network 'nat' is of another lab than 'exporting-2'"):
        kl.export(other, lab.network("nat"))


def test_a_name_of_a_network_and_of_a_guest_has_to_be_told_apart(other: kl.Lab) -> None:
    other.define(kl.NetworkSpec(name="twin"))
    other.define(kl.DomainSpec(name="twin"))

    with pytest.raises(SpecError, match="is a network and a guest"):
        find(other, "twin")

    assert isinstance(find(other, "network/twin"), type(other.network("twin")))
    other.domain("twin").undefine()
    other.network("twin").undefine()


def test_a_bridge_that_was_taken_away_by_hand_is_missed(other: kl.Lab) -> None:
    spec = kl.NetworkSpec(name="five", forward="bridge", bridge="br5")
    other.vir.networkDefineXML(spec.to_xml())  # Lab.define would miss it at once
    network = other.network("five")

    with pytest.raises(HostError, match="no link 'br5'"):
        kl.export(other, network)

    network.undefine()


def test_a_network_that_a_guest_needs_is_missed(other: kl.Lab) -> None:
    network = other.define(kl.NetworkSpec(name="five"))
    guest = other.define(kl.DomainSpec(name="vm1", interfaces=[kl.InterfaceSpec(network="five")]))
    network.undefine()

    with pytest.raises(SpecError, match="guest 'vm1' is plugged into network 'five', which is not defined"):
        kl.export(other, guest)

    guest.undefine()


def test_rules_and_ports_that_were_set_by_hand_are_told(other: kl.Lab) -> None:
    network = other.define(kl.NetworkSpec(name="five")).start()
    by_hand = [
        ["nft", "add", "table", "inet", "mine"],
        ["nft", "add", "chain", "inet", "mine", "forward", "{ type filter hook forward priority 0; }"],
        ["nft", "add", "rule", "inet", "mine", "forward", "counter", "accept"],
        ["ip", "link", "set", "dev", "enp2s0", "master", "virbr-five"],
    ]
    for line in by_hand:
        other.host.run(line)

    found = kl.export(other, network)

    assert "nft list table inet mine" in about(found, "table inet mine")
    assert "ip link set dev enp2s0 master virbr-five" in about(found, "enp2s0")
    other.host.run(["nft", "delete", "table", "inet", "mine"])
    network.destroy()
    network.undefine()
