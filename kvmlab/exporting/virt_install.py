"""The virt-install line of a domain, from its cleaned XML."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from kvmlab.commands import Command
from kvmlab.exporting.recipe import Recipe

#: A system of no particular make (libosinfo's database); gives virtio and the like.
OS_VARIANT = "linux2022"
_REMARKS = (
    f"--os-variant {OS_VARIANT} stands for any newer Linux: `virt-install --os-variant list` has yours.",
    "What is not said, such as a random number device, virt-install chooses for that system.",
)
#: Options of --network, by where they are in <interface>; what is not here goes by its XPath.
_OPTIONS = {
    "source/network": "network",
    "source/portgroup": "source.portgroup",
    "source/bridge": "bridge",
    "source/dev": "source",
    "source/mode": "source.mode",
    "target/dev": "target.dev",
    "mac/address": "mac.address",
    "model/type": "model.type",
    "mtu/size": "mtu.size",
}
#: Types that follow from the option that names the source.
_SAID_BY_SOURCE = ("network", "bridge")


def recipe(domains: list[ET.Element]) -> Recipe:
    """Return a virt-install line for each domain.

    Parameters
    ----------
    domains
        Cleaned ``<domain>`` elements.
    """
    return Recipe(
        tool="virt-install",
        commands=tuple(
            Command(_argv(root), f"Define {root.findtext('name')} and start it from its disk")
            for root in domains
        ),
        remarks=_REMARKS if domains else (),
    )


def _argv(root: ET.Element) -> tuple[str, ...]:
    os_type, cpu = root.find("os/type"), root.find("cpu")
    argv = ["virt-install", "--name", root.findtext("name", ""), "--memory", str(_memory_mib(root))]
    argv += ["--vcpus", root.findtext("vcpu", "1")]
    if cpu is not None and (cpu.get("mode") or "").startswith("host-"):
        argv += ["--cpu", cpu.get("mode", "")]
    if os_type is not None:
        argv += ["--machine", os_type.get("machine", "")]
    argv += ["--os-variant", OS_VARIANT, "--import"]
    argv += [word for disk in _disks(root) for word in ("--disk", disk)] or ["--disk", "none"]
    networks = [network_option(nic) for nic in root.iterfind("devices/interface")]
    argv += [word for network in networks or ["none"] for word in ("--network", network)]
    return (*argv, "--graphics", "none", "--noautoconsole")


def _memory_mib(root: ET.Element) -> int:
    """Return the memory: libvirt prints KiB."""
    memory = root.find("memory")
    if memory is None:
        return 0
    return int(memory.text or "0") // (1 if memory.get("unit") == "MiB" else 1024)


def _disks(root: ET.Element) -> Iterator[str]:
    for disk in root.iterfind("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        if source is None or target is None:
            continue
        words = [f"path={source.get('file') or source.get('dev', '')}", f"bus={target.get('bus', 'virtio')}"]
        words += ["readonly=on"] if disk.find("readonly") is not None else []
        yield ",".join(words)


def network_option(nic: ET.Element) -> str:
    """Return the value of ``--network`` for an interface.

    Examples
    --------
    >>> nic = '<interface type="network"><source network="blue"/><model type="rtl8139"/></interface>'
    >>> network_option(ET.fromstring(nic))
    'network=blue,model.type=rtl8139'
    >>> nic = '<interface type="mcast"><source address="230.0.0.1" port="5558"/></interface>'
    >>> network_option(ET.fromstring(nic))
    'type=mcast,xpath1.set=./source/@address=230.0.0.1,xpath2.set=./source/@port=5558'
    """
    kind = nic.get("type", "")
    said = [] if kind in _SAID_BY_SOURCE else [f"type={kind}"]
    others = [f"./@{name}={value}" for name, value in nic.attrib.items() if name != "type"]
    for path, name, value in _attributes(nic, ""):
        option = _OPTIONS.get(f"{path}/{name}".lstrip("/"))
        if option is not None:
            said.append(f"{option}={value}")
        else:
            others.append(f"./{path}/@{name}={value}")
    said.sort(key=lambda word: word.split("=")[0] not in (*_SAID_BY_SOURCE, "type"))  # the source first
    words = [*said, *(f"xpath{number}.set={setting}" for number, setting in enumerate(others, 1))]
    return ",".join(word.replace(",", ",,") for word in words)


def _attributes(parent: ET.Element, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, name and value of each attribute below an element; of equal elements with their number."""
    for index, child in enumerate(parent):
        same = [number for number, one in enumerate(parent) if one.tag == child.tag]
        step = child.tag if len(same) == 1 else f"{child.tag}[{same.index(index) + 1}]"
        below = f"{path}/{step}".lstrip("/")
        yield from ((below, name, value) for name, value in child.attrib.items())
        yield from _attributes(child, below)
