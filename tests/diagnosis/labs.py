"""Labs that faults are put into: NAT and open, bridged, direct; and which fault into which."""

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.changes.applied import run
from kvmlab.commands.direct import explain_host_macvlan

NAT = kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
OPEN = kl.NetworkSpec(name="lawn", subnet="192.168.70.0/24", forward="open")
UPLINK = "enp1s0"
#: Serves a page that names the guest; the first argument is the port.
SERVE = """\
ncat --listen --keep-open "$1" -c 'printf "HTTP/1.0 200 OK\\r\\n\\r\\n%s" "$(hostname)"' >/dev/null 2>&1 &
tries=0
until ss --listening --tcp --numeric | grep -q ":$1 "; do
    [ $((tries += 1)) -lt 300 ] || exit 1
    sleep 0.1
done
"""


def start(name: str) -> kl.Lab:
    return kl.Lab.start(name, progress=Silent())


def add_guests(lab: kl.Lab, nics: dict[str, kl.InterfaceSpec]) -> None:
    guests = [lab.define(kl.DomainSpec(name=name, interfaces=(nic,))) for name, nic in nics.items()]
    kl.start_all(guests, progress=Silent())


def nat_lab(name: str) -> kl.Lab:
    """Two guests behind NAT, port 8080 led to one of them; one in an open network."""
    lab = start(name)
    lab.define(NAT).start()
    lab.define(OPEN).start()
    kl.add_routes(lab, OPEN)
    nics = {
        "vm1": kl.InterfaceSpec(network="blue", model="virtio"),
        "vm2": kl.InterfaceSpec(network="blue", model="rtl8139"),
        "vm3": kl.InterfaceSpec(network="lawn", model="virtio"),
    }
    add_guests(lab, nics)
    vm1 = lab.domain("vm1")
    vm1.run(["/bin/sh", "-c", SERVE, "sh", "80"])
    kl.forward_port(lab, NAT, kl.PortForward(port=8080, address=vm1.address, guest_port=80))
    return lab


def lan_lab(name: str) -> kl.Lab:
    """Two guests on a bridge with the host's uplink."""
    lab = start(name)
    kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink=UPLINK))
    models = {"vm1": "virtio", "vm2": "rtl8139"}
    add_guests(lab, {name: kl.InterfaceSpec(bridge="br0", model=m) for name, m in models.items()})
    return lab


def direct_lab(name: str) -> kl.Lab:
    """One guest in direct mode, which the host reaches through a macvlan of its own."""
    lab = start(name)
    add_guests(lab, {"vm1": kl.direct_nic(lab, "vm1", kl.Direct(dev=UPLINK))})
    for command in explain_host_macvlan(UPLINK, name="host0", address="192.168.1.11/32").commands:
        run(lab, command)
    lab.host.run(["ip", "route", "add", f"{lab.domain('vm1').address}/32", "dev", "host0"])
    return lab


KINDS = {"nat": nat_lab, "lan": lan_lab, "direct": direct_lab}

#: The table: which lab each fault is put into. Its name is the cause that must be named, and no other.
TABLE = {
    "br-netfilter": "lan",
    "cable-unplugged": "nat",
    "dhcp-exhausted": "nat",
    "dns-wrong": "lan",
    "dnsmasq-dead": "nat",
    "driver-blacklisted": "nat",
    "driver-wrong": "nat",
    "duplicate-ip": "lan",
    "duplicate-mac": "nat",
    "forward-policy-drop": "nat",
    "forward-wrong-guest": "nat",
    "gateway-wrong": "nat",
    "ip-forward-off": "nat",
    "macvtap-host": "direct",
    "mtu-mismatch": "lan",
    "network-inactive": "nat",
    "network-not-autostarted": "nat",
    "nwfilter-mac": "lan",
    "pmtu-black-hole": "nat",
    "port-blocked": "lan",
    "port-isolated": "lan",
    "port-missing": "lan",
    "prefix-wrong": "nat",
    "rp-filter": "nat",
    "rules-flushed": "nat",
    "uplink-address-on-port": "lan",
    "uplink-down": "nat",
    "uplink-no-carrier": "direct",
}
