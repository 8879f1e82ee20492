"""What the kernel must be able to do, each as commands that try it.

The commands run one after the other in a throw-away network namespace, in
which the veth pair ``kv0``-``kv1`` exists already. Later features may use what
earlier ones made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab.doctor.report import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that is tried in the kernel.

    Attributes
    ----------
    name
        Name shown in the report.
    commands
        Commands that work only if the kernel has it; words are separated by blanks.
    why
        What it is for.
    option
        The kernel's build options, to look for or to ask for.
    needed
        Whether every lab needs it.
    without
        What happens where it is absent, if not every lab needs it.
    """

    name: str
    commands: tuple[str, ...]
    why: str
    option: str
    needed: bool = False
    without: str = "shown inside guests instead, whose kernel has it"


MASQUERADE = "-t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE"
REDIRECT = "action mirred egress redirect dev kv0"
CHAIN = "add chain ip kvmlab nat { type nat hook postrouting priority 100 ; }"

FEATURES = (
    Feature(
        name="mounts",
        commands=("mount -t sysfs sysfs /sys", "mount -t tmpfs tmpfs /run"),
        why="libvirt sees the lab's links in /sys and has a /run of its own",
        option="CONFIG_SYSFS, CONFIG_TMPFS",
        needed=True,
    ),
    Feature(
        name="hosts of the LAN",
        commands=("ip netns add kvmlab", "ip netns exec kvmlab ip link set lo up"),
        why="router, switch, PC and internet are network namespaces",
        option="CONFIG_NET_NS",
        needed=True,
    ),
    Feature(
        name="veth",
        commands=("ip link show kv0",),
        why="the cables of a lab",
        option="CONFIG_VETH",
        needed=True,
    ),
    Feature(
        name="bridge",
        commands=("ip link add kb0 type bridge", "ip link set kv1 master kb0", "ip link set kv1 nomaster"),
        why="the switches of a lab, and libvirt's networks",
        option="CONFIG_BRIDGE",
        needed=True,
    ),
    Feature(
        name="tap",
        commands=("ip tuntap add dev kt0 mode tap",),
        why="connects a guest's NIC with the host",
        option="CONFIG_TUN",
        needed=True,
    ),
    Feature(
        name="IPv6",
        commands=("ip -6 address add 2001:db8::1/64 dev kv0",),
        why="the LAN of a lab has IPv6 beside IPv4",
        option="CONFIG_IPV6",
        needed=True,
    ),
    Feature(
        name="nftables NAT",
        commands=("nft add table ip kvmlab", f"nft {CHAIN}", "nft add rule ip kvmlab nat masquerade"),
        why="the LAN's router, and NAT networks",
        option="CONFIG_NF_TABLES, CONFIG_NFT_MASQ, CONFIG_NFT_NAT",
        needed=True,
    ),
    Feature(
        name="connection tracking",
        commands=(
            "nft add chain ip kvmlab forward { type filter hook forward priority 0 ; }",
            "nft add rule ip kvmlab forward ct state established accept",
        ),
        why="firewalls that let answers through",
        option="CONFIG_NF_CONNTRACK, CONFIG_NFT_CT",
        needed=True,
    ),
    Feature(
        name="iptables",
        commands=(f"iptables {MASQUERADE}", f"ip6tables {MASQUERADE.replace('10.0.0.0/8', '2001:db8::/32')}"),
        why="libvirt before 10.4 writes the rules of NAT networks with it",
        option="CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_MASQUERADE",
        without="libvirt uses nftables instead",
    ),
    Feature(
        name="ebtables",
        commands=("ebtables -t nat -N kvmlab", "ebtables -t nat -A kvmlab -p ARP -j DROP"),
        why="libvirt's packet filters per guest (nwfilter)",
        option="CONFIG_NF_TABLES_BRIDGE, CONFIG_BRIDGE_NF_EBTABLES",
        without="libvirt refuses guests with a <filterref>",
    ),
    Feature(
        name="macvlan",
        commands=("ip link add link kv0 name km0 type macvlan mode bridge",),
        why="direct mode without root",
        option="CONFIG_MACVLAN",
        without="that mode is left out",
    ),
    Feature(
        name="macvtap",
        commands=("ip link add link kv0 name kmt0 type macvtap mode bridge",),
        why="direct mode as root, and the comparison with it",
        option="CONFIG_MACVTAP",
        without="the mode without root remains",
    ),
    Feature(
        name="ingress redirect",
        commands=(
            "tc qdisc add dev kv1 ingress",
            f"tc filter add dev kv1 parent ffff: protocol all u32 match u32 0 0 {REDIRECT}",
        ),
        why="direct mode without root, and mirror ports",
        option="CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED",
        without="that mode is left out",
    ),
    Feature(
        name="8021q",
        commands=("ip link add link kv0 name kv0.5 type vlan id 5",),
        why="VLAN links of the host",
        option="CONFIG_VLAN_8021Q",
    ),
    Feature(
        name="bridge VLAN filtering",
        commands=("ip link set kb0 type bridge vlan_filtering 1", "bridge vlan add dev kb0 vid 5 self"),
        why="VLANs on the host's bridge",
        option="CONFIG_BRIDGE_VLAN_FILTERING",
    ),
    Feature(
        name="vxlan",
        commands=("ip link add kx0 type vxlan id 42 dstport 4789",),
        why="overlay networks between hosts",
        option="CONFIG_VXLAN",
    ),
    Feature(
        name="bonding",
        commands=("ip link add ko0 type bond",),
        why="two uplinks as one",
        option="CONFIG_BONDING",
    ),
    Feature(
        name="tbf",
        commands=(
            "tc qdisc add dev kb0 root tbf rate 1mbit burst 10kb latency 50ms",
            "tc qdisc del dev kb0 root",
        ),
        why="limits of a link's rate",
        option="CONFIG_NET_SCH_TBF",
    ),
    Feature(
        name="htb",
        commands=("tc qdisc add dev kb0 root handle 1: htb", "tc qdisc del dev kb0 root"),
        why="libvirt's <bandwidth>: shares of a link",
        option="CONFIG_NET_SCH_HTB",
        without="libvirt refuses <bandwidth>",
    ),
    Feature(
        name="sfq",
        commands=("tc qdisc add dev kb0 root sfq", "tc qdisc del dev kb0 root"),
        why="libvirt's <bandwidth>: fairness between flows",
        option="CONFIG_NET_SCH_SFQ",
        without="libvirt refuses <bandwidth>",
    ),
    Feature(
        name="fq_codel",
        commands=("tc qdisc add dev kb0 root fq_codel", "tc qdisc del dev kb0 root"),
        why="queues that stay short (bufferbloat)",
        option="CONFIG_NET_SCH_FQ_CODEL",
    ),
    Feature(
        name="netem",
        commands=("tc qdisc add dev kb0 root netem delay 1ms", "tc qdisc del dev kb0 root"),
        why="delay and loss on the host's links",
        option="CONFIG_NET_SCH_NETEM",
    ),
)


def checks(refusals: Mapping[str, str], *, old_libvirt: bool) -> list[Check]:
    """Return a check per feature, in their order.

    Parameters
    ----------
    refusals
        By name of the feature, what the kernel or the program said; empty
        when it works, absent when it was not tried.
    old_libvirt
        Whether libvirt needs iptables.
    """
    return [
        _check(
            feature,
            refusals.get(feature.name, "not tried"),
            needed=feature.needed or (old_libvirt and feature.name == "iptables"),
        )
        for feature in FEATURES
    ]


def modules_check(found: Sequence[Check], modules: Path) -> list[Check]:
    """Return the check of the running kernel's modules, if some feature is absent and they are too."""
    if modules.is_dir() or all(check.outcome == "ok" for check in found):
        return []
    why = "the kernel loads what is absent above from there, if it was not built in"
    fix = "if the kernel was upgraded, restart the machine; in a container, the machine outside has them"
    return [Check("kernel modules", "warning", f"{modules} does not exist", why, fix)]


def _check(feature: Feature, refusal: str, *, needed: bool) -> Check:
    if not refusal:
        return Check(feature.name, "ok", "works", feature.why)
    fix = f"the kernel needs {feature.option}: use the distribution's standard kernel"
    if needed:
        return Check(feature.name, "missing", refusal, feature.why, fix)
    return Check(feature.name, "warning", refusal, f"{feature.why}; {feature.without}", fix)
