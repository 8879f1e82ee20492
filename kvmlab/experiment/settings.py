"""What is set on links while guests run: MTU, offloads, limits of the rate."""

import contextlib
import json
from collections.abc import Mapping

from kvmlab._run import Runner
from kvmlab.errors import CommandError, GuestError, LibvirtError
from kvmlab.experiment.factors import FACTORS, Level
from kvmlab.lab import Lab
from kvmlab.virt.bandwidth import set_bandwidth
from kvmlab.virt.domain import Domain

#: Hosts of a lab whose links packets pass.
_ON_THE_WAY = ("host", "switch", "pc", "router")
#: A bucket of a hundredth of a second, and no less than some packets (tc-tbf(8): it must hold what
#: comes between two ticks of the clock).
_LEAST_BURST_BYTES = 32_768


def set_path_mtu(lab: Lab, mtu: int) -> None:
    """Let all links of a lab carry packets of this size.

    Raises
    ------
    CommandError
        If a link refuses.
    """
    for name in _ON_THE_WAY:
        host: Runner = getattr(lab, name)
        links = json.loads(host.run(["ip", "-json", "link", "show"]).stdout)
        for link in links:
            if link["ifname"] != "lo" and link["mtu"] != mtu:
                host.run(["ip", "link", "set", "dev", link["ifname"], "mtu", str(mtu)])


def set_up_guest(guest: Domain, link: str, host: Runner, point: Mapping[str, Level]) -> str:
    """Set what a point asks for on the NIC of a guest that has just started.

    Returns
    -------
    str
        What limits the rate; empty if nothing does.

    Raises
    ------
    CommandError
        If the guest's kernel refuses, for example an MTU that its NIC cannot have.
    GuestError
        If an offload did not take the value that was asked for.
    """
    if point["mtu"] != FACTORS["mtu"].default:
        guest.run(["ip", "link", "set", "dev", link, "mtu", str(point["mtu"])])
    if point["offloads"]:
        _set_offloads(guest, link, str(point["offloads"]).split())
    return _limit(guest, link, host, float(point["rate_mbit_s"])) if point["rate_mbit_s"] else ""


def _set_offloads(guest: Domain, link: str, words: list[str]) -> None:
    # ethtool 6.1 ends with status 0 also where the driver keeps its own value, and says so
    said = guest.run(["ethtool", "-K", link, *words])
    if "requested" in said.stdout + said.stderr:
        line = " ".join((said.stdout + said.stderr).split())
        raise GuestError(
            guest.name, f"{link} keeps its own offloads: {line}", hint="see `ethtool -k`: [fixed]"
        )


def _limit(guest: Domain, link: str, host: Runner, rate_mbit_s: float) -> str:
    """Limit both directions: by libvirt, or where the kernel lacks what that needs, by tbf at both ends."""
    tap = guest.nics()[0].tap
    with contextlib.suppress(LibvirtError):
        set_bandwidth(guest, tap, rate_mbit_s)
        return "libvirt <bandwidth>"
    # libvirt leaves its half-made qdisc behind
    with contextlib.suppress(CommandError):
        host.run(["tc", "qdisc", "delete", "dev", tap, "root"])
    host.run(["tc", "qdisc", "replace", "dev", tap, "root", *_tbf(rate_mbit_s)])
    guest.run(["tc", "qdisc", "replace", "dev", link, "root", *_tbf(rate_mbit_s)])
    return "tbf on the tap and in the guest"


def _tbf(rate_mbit_s: float) -> list[str]:
    burst = max(_LEAST_BURST_BYTES, round(rate_mbit_s * 1e6 / 8 / 100))
    return ["tbf", "rate", f"{rate_mbit_s:g}mbit", "burst", str(burst), "latency", "50ms"]
