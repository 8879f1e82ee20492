"""The command line of plain QEMU, made from libvirt's."""

import json
from pathlib import Path

import pytest

from kvmlab.bench import rawline

FOLDER = Path("/run/raw")
#: Parts of what ``virsh domxml-to-native`` of libvirt 9.0 printed.
NATIVE = """\
LC_ALL=C PATH=/bin HOME=/var/lib/libvirt/qemu/domain--1-vm1 /usr/bin/qemu-system-x86_64 \
-name guest=vm1,debug-threads=on -S \
-object '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/x/master-key.aes"}' \
-machine pc-q35-7.2,usb=off -no-shutdown \
-chardev socket,id=charmonitor,path=/x/monitor.sock,server=on,wait=off \
-mon chardev=charmonitor,id=monitor,mode=control \
-device '{"driver":"pcie-root-port","id":"pci.1","bus":"pcie.0"}' \
-device '{"driver":"pcie-root-port","id":"pci.2","bus":"pcie.0"}' \
-device '{"driver":"pcie-root-port","id":"pci.3","bus":"pcie.0"}' \
-device '{"driver":"pcie-pci-bridge","id":"pci.4","bus":"pci.1","addr":"0x0"}' \
-device '{"driver":"virtio-serial-pci","id":"virtio-serial0","bus":"pci.2","addr":"0x0"}' \
-netdev '{"type":"tap","fd":"23","vhost":true,"vhostfd":"25","id":"hostnet0"}' \
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
-chardev pty,id=charserial0,logfile=/x/vm1.log,logappend=off \
-chardev socket,id=charchannel0,path=/x/org.qemu.guest_agent.0,server=on,wait=off
"""


@pytest.fixture
def argv() -> list[str]:
    return rawline.parse(NATIVE)


def value_after(line: list[str], option: str, word: str = "") -> str:
    return next(line[i + 1] for i, item in enumerate(line) if item == option and word in line[i + 1])


def test_the_environment_of_libvirt_is_left_out(argv: list[str]) -> None:
    assert argv[:3] == ["/usr/bin/qemu-system-x86_64", "-name", "guest=vm1,debug-threads=on"]


def test_the_machine_starts_by_itself_and_needs_no_secret_of_libvirt(argv: list[str]) -> None:
    line = rawline.plain(argv, FOLDER)

    assert "-S" not in line
    assert "masterKey0" not in " ".join(line)
    assert "-sandbox" not in line
    assert "-no-shutdown" in line


def test_monitor_agent_and_console_are_files_of_our_own(argv: list[str]) -> None:
    line = rawline.plain(argv, FOLDER)

    assert value_after(line, "-chardev", "charmonitor").split(",")[2] == "path=/run/raw/monitor.sock"
    assert value_after(line, "-chardev", "charchannel0").split(",")[2] == "path=/run/raw/agent.sock"
    assert value_after(line, "-chardev", "charserial0") == "file,id=charserial0,path=/run/raw/console.log"


def test_a_tap_of_libvirt_becomes_one_that_qemu_makes(argv: list[str]) -> None:
    line = rawline.plain(argv, FOLDER)

    assert json.loads(value_after(line, "-netdev")) == {
        "type": "tap",
        "id": "hostnet0",
        "script": "/run/raw/tap-up",
        "downscript": "no",
    }


def test_nics_are_plugged_into_slots_that_are_free(argv: list[str]) -> None:
    nics = [("virtio-net-pci", "52:54:00:00:00:01"), ("rtl8139", "52:54:00:00:00:02")]

    virtio, rtl8139 = rawline.hotplug(argv, nics)

    assert virtio.device["bus"] == "pci.3"
    assert (rtl8139.device["bus"], rtl8139.device["addr"]) == ("pci.4", "0x2")
    assert rtl8139.device["netdev"] == rtl8139.netdev(FOLDER)["id"]
