"""A fresh lab as the real host that an export is taken to.

Its KVM host has what a real one has: a writable ``/etc`` (for the folders that are
written to), and the daemon that reads the files, started here without systemd.
"""

import contextlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import kvmlab as kl
from kvmlab import image
from kvmlab._progress import Silent
from kvmlab._run import end_group
from kvmlab.exporting import Export, Recipe
from kvmlab.exporting.plan import HostPlan
from kvmlab.virt.domain import Domain

#: Folders of a host that its administrator writes to.
FOLDERS = ("/etc/systemd/network", "/etc/netplan", "/etc/sysctl.d")
NETWORKD = "/lib/systemd/systemd-networkd"
#: What systemd would do with these is done here.
BY_SYSTEMD = (("systemctl", "restart", "systemd-networkd"), ("netplan", "apply"))
#: Without udev nobody tells the daemons that a link is ready; they do not wait where /sys is read-only.
WITHOUT_UDEV = "mount --bind /sys /sys && mount -o remount,bind,ro /sys"
BUS = "/run/dbus/system_bus_socket"
NM_CONF = "[main]\nplugins=keyfile\nauth-polkit=false\nno-auto-default=*\ndns=none\n"
BOUND_S = 30.0


def in_time(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + BOUND_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextlib.contextmanager
def running(lab: kl.Lab, script: str, log: Path) -> Iterator[None]:
    """Let a daemon run on the lab's host meanwhile."""
    line = ["unshare", "--mount", "sh", "-ec", f"{WITHOUT_UDEV}\n{script}"]
    with log.open("wb") as out:
        process = lab.host.popen(line, stdout=out, stderr=out)
    try:
        yield
        assert process.poll() is None, log.read_text(errors="replace")
    finally:
        end_group(process)


def write(lab: kl.Lab, path: str, text: str) -> None:
    lab.host.run(["mkdir", "-p", str(Path(path).parent)])
    lab.host.run(["tee", path], stdin=text)


@contextlib.contextmanager
def iproute2(lab: kl.Lab, recipe: Recipe, log: Path) -> Iterator[None]:
    for command in recipe.commands:
        command.run(lab.host)
    yield


@contextlib.contextmanager
def nmcli(lab: kl.Lab, recipe: Recipe, log: Path) -> Iterator[None]:
    for folder in ("/etc/NetworkManager", "/var/lib/NetworkManager", "/etc/sysctl.d"):
        lab.host.run(["mount", "-t", "tmpfs", "tmpfs", folder])
    write(lab, "/etc/NetworkManager/NetworkManager.conf", NM_CONF)
    lab.host.run(["mkdir", "-p", "/run/dbus"])
    bus = "dbus-daemon --system --nofork --nopidfile"
    with running(lab, f"exec {bus}", log.with_suffix(".dbus")):
        assert in_time(lambda: lab.host.run(["test", "-S", BUS], check=False).returncode == 0)
        with running(lab, "exec NetworkManager --no-daemon", log):
            assert in_time(lambda: lab.host.run(["nmcli", "general"], check=False).returncode == 0)
            for command in recipe.commands:
                command.run(lab.host)
            yield


@contextlib.contextmanager
def networkd(lab: kl.Lab, recipe: Recipe, log: Path) -> Iterator[None]:
    """Write the files and boot: the host has no address until its daemon gives it one."""
    for folder in FOLDERS:
        lab.host.run(["mount", "-t", "tmpfs", "tmpfs", folder])
    for path, text in recipe.files.items():
        write(lab, path, text)
    for command in recipe.commands:
        if command.argv not in BY_SYSTEMD:
            command.run(lab.host)
    if recipe.tool == "netplan":
        lab.host.run(["netplan", "generate"])
    lab.host.run(["mkdir", "-p", "/run/systemd"])  # where the daemon makes its own folder
    if recipe.files:
        lab.host.run(["ip", "address", "flush", "dev", "enp1s0", "scope", "global"])
    with running(lab, f"exec env SYSTEMD_LOG_LEVEL=info {NETWORKD}", log):
        yield
    said = log.read_text(errors="replace")
    assert [line for line in said.splitlines() if "Unknown" in line or "Failed to parse" in line] == []


#: How each kind of host configuration is applied.
TOOLS = {"iproute2": iproute2, "nmcli": nmcli, "networkd": networkd, "netplan": networkd}


@contextlib.contextmanager
def configured(lab: kl.Lab, found: Export, tool: str, log: Path) -> Iterator[None]:
    """Configure the host of a fresh lab, and what is elsewhere, as an export says."""
    for command in found.elsewhere:
        command.run(getattr(lab, command.where))
    with TOOLS[tool](lab, found.host[tool], log):
        yield


def reached(lab: kl.Lab, plan: HostPlan) -> bool:
    """Tell whether the links of a lab's host are as planned."""
    present = {link.name for link in lab.network_state(["host"])["host"].links}
    if not {link.name for link in plan.links} <= present:
        return False
    now = kl.export(lab).plan
    return (now.links, now.forwarding) == (plan.links, plan.forwarding)


def define(lab: kl.Lab, found: Export) -> list[Domain]:
    """Define networks and guests from exported XML, with what a reader fills in: a system to boot."""
    roots = {name: ET.fromstring(text) for name, text in found.xml.items()}
    for root in roots.values():
        if root.tag == "network":
            lab.vir.networkDefineXML(ET.tostring(root, encoding="unicode")).create()
    return [_define_guest(lab, root) for root in roots.values() if root.tag == "domain"]


def _define_guest(lab: kl.Lab, exported: ET.Element) -> Domain:
    """Define a machine that is quick to start, with the NICs of the exported one."""
    name = exported.findtext("name", "")
    own = _bootable(lab, name)
    _devices(own).extend(exported.findall("devices/interface"))
    lab.vir.defineXML(ET.tostring(own, encoding="unicode"))
    return lab.domain(name)


def define_whole(lab: kl.Lab, xml: str) -> Domain:
    """Define an exported machine as it is, but for what it boots and this machine's accelerator."""
    root = ET.fromstring(xml)
    name = root.findtext("name", "")
    own = _bootable(lab, name)
    root.set("type", own.get("type", ""))
    for tag in ("os", "cpu"):
        for old, new in zip(root.findall(tag), own.findall(tag), strict=True):
            root[list(root).index(old)] = new
    devices = _devices(root)
    for disk in devices.findall("disk"):
        devices.remove(disk)
    devices.extend(own.findall("devices/disk"))
    lab.vir.defineXML(ET.tostring(root, encoding="unicode"))
    return lab.domain(name)


def _bootable(lab: kl.Lab, name: str) -> ET.Element:
    spec = kl.DomainSpec(name=name)
    return spec.to_element(lab=lab.name, accelerator=lab.accelerator, image=image.find_image(None))


def _devices(root: ET.Element) -> ET.Element:
    found = root.find("devices")
    assert found is not None
    return found


def silent(name: str) -> kl.Lab:
    return kl.Lab.start(name, replace=True, progress=Silent())
