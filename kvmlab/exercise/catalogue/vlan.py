"""VLANs: who shares a bridge need not share a network."""

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network

from kvmlab.check import CheckResult, is_blocked, reaches
from kvmlab.check.judgement import Seen, find_domain, judge
from kvmlab.errors import MeasurementError
from kvmlab.exercise.catalogue.parts import first_address, plug
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.lab import Lab
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec

#: One line for each VLAN link of a guest: its name, its tag, its addresses.
_ASK = """\
[ -r /proc/net/vlan/config ] || exit 0
while read -r name _ tag _; do
    case $tag in '' | *[!0-9]*) continue ;; esac
    echo "$name $tag $(ip -4 -brief address show dev "$name")"
done </proc/net/vlan/config
"""


def _draw(chance: Chance) -> Mapping[str, Value]:
    one, other, third = chance.guests(3)
    subnet = ip_network(f"10.{chance.number(20, 200)}.{chance.number(1, 200)}.0/24")
    return {
        "network": chance.network(),
        "subnet": chance.subnet(),
        "tag": chance.number(2, 4000),
        "one": one,
        "one_address": f"{subnet[11]}/24",
        "other": other,
        "other_address": f"{subnet[12]}/24",
        "third": third,
        "third_address": f"{subnet[13]}/24",
    }


def _prepare(lab: Lab, values: Values) -> None:
    """Start three guests on one bridge; the third has an address of the VLAN's subnet, but no tag."""
    lab.define(NetworkSpec(name=values.network, subnet=values.subnet)).start()
    models = {values.one: "virtio", values.other: "rtl8139", values.third: "virtio"}
    plug(lab, {name: InterfaceSpec(network=values.network, model=model) for name, model in models.items()})
    lab.domain(values.third).run(["ip", "address", "add", values.third_address, "dev", "eth0"])


def _has_vlan(lab: Lab, domain: str, tag: str, address: str) -> CheckResult:
    def look() -> Seen:
        done = find_domain(lab, domain).run(["/bin/sh", "-c", _ASK], check=False)
        if done.returncode != 0:
            raise MeasurementError(f"{domain} does not tell its VLANs: {done.stderr.strip()}")
        lines = [line.split() for line in done.stdout.splitlines()]
        text = ", ".join(" ".join(line) for line in lines) or "no VLAN link"
        return Seen(any(len(line) > 1 and line[1] == tag and address in line[2:] for line in lines), text)

    return judge(
        f"{domain} has the address {address} in VLAN {tag}",
        look,
        expected=f"a link with the tag {tag} and this address",
        hint="in the guest: `ip -details link`, `ip address`",
    )


def _links(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        _has_vlan(lab, values.one, values.tag, values.one_address),
        _has_vlan(lab, values.other, values.tag, values.other_address),
    ]


def _apart(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    one, other, third = (
        str(ip_interface(values[f"{name}_address"]).ip) for name in ("one", "other", "third")
    )
    return [
        reaches(lab, values.one, other),
        reaches(lab, values.other, one),
        is_blocked(lab, values.third, one, control=first_address(values.subnet)),
        is_blocked(lab, values.other, third, control=one),
    ]


EXERCISE = Exercise(
    name="vlan",
    title="Two networks on one bridge",
    goal="Three guests share a bridge; two of them talk in a VLAN, of which the third sees nothing.",
    learns=(
        "make a link whose frames carry a tag (IEEE 802.1Q), in a guest",
        "know what tells two networks apart on one wire: the tag, not the subnet",
    ),
    minutes=20,
    notebook="11-vlans",
    subjects=frozenset({"vlan", "rtl8139", "virtio"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(
        Task(
            name="links",
            text="Three guests run at one bridge: `one`, `other` and `third`. Make a link with the "
            "tag `tag` in `one` "
            "and in `other`, and give them the addresses `one_address` and `other_address`.",
            points=2,
            look=_links,
            hints=(
                "A VLAN link is made on top of `eth0`: it is a link of its own, with its own addresses.",
                '`kl.add_vlan(lab, kl.VlanSpec(link="eth0", id=…, addresses=[…]), where=…)`',
            ),
        ),
        Task(
            name="apart",
            text="`one` and `other` reach each other under these addresses. `third`, which has an "
            "address of the same "
            "subnet, but no tag, reaches neither.",
            points=2,
            look=_apart,
            hints=("On which link does `third` have its address, and which frames does that one take?",),
        ),
    ),
)
