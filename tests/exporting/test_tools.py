"""The same host in the words of each tool, read by the tool itself."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kvmlab.exporting import iproute2, netplan, networkd, nmcli
from kvmlab.exporting.plan import Addressing, HostLink, HostPlan, StaticRoute
from kvmlab.exporting.recipe import Recipe

#: A host with one of each, also of what a lab's kernel may lack.
PLAN = HostPlan(
    links=(
        HostLink(name="br0", kind="bridge", stp=True, forward_delay_s=4, mtu=9000, vlan_filtering=True,
                 addressing=Addressing(addresses=("192.0.2.5/24", "2001:db8::5/64"),
                                       gateways=("192.0.2.1", "2001:db8::1"),
                                       routes=(StaticRoute(destination="10.0.0.0/8", gateway="192.0.2.7"),))),
        HostLink(name="br7", kind="bridge", addressing=Addressing(dhcp=True, accept_ra=True)),
        HostLink(name="br9", kind="bridge", addressing=Addressing(addresses=("10.9.9.1/24",), ipv6=False)),
        HostLink(name="eno1", kind="nic", master="br0", isolated=True, mtu=9000),
        HostLink(name="eno2", kind="nic", addressing=Addressing(addresses=("198.51.100.5/24",))),
        HostLink(name="eno2.7", kind="vlan", lower="eno2", vlan_id=7, master="br7"),
        HostLink(name="host0", kind="macvlan", lower="eno2", mode="bridge",
                 addressing=Addressing(addresses=("198.51.100.6/32",),
                                       routes=(StaticRoute(destination="198.51.100.9/32"),))),
        HostLink(name="tap7", kind="tap", master="br9"),
    ),
    forwarding=(4, 6),
)  # fmt: skip


def lines(recipe: Recipe) -> list[str]:
    return [" ".join(command.argv) for command in recipe.commands]


def sections(text: str) -> dict[str, list[str]]:
    """Lines of a networkd file by section; of equal ones the lines of all."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return found


def defined(recipe: Recipe) -> Mapping[str, Mapping[str, object]]:
    text = yaml.safe_load(recipe.files[netplan.FILE])["network"]
    return {name: found for kind in ("ethernets", "bridges", "vlans") for name, found in text[kind].items()}


def test_ip_makes_what_is_below_before_what_is_above() -> None:
    said = lines(iproute2.recipe(PLAN))

    made = [line.split("name ")[1].split()[0] for line in said if " name " in line]
    assert made == ["br0", "br7", "br9", "eno2.7", "host0"]
    assert said.index("ip tuntap add dev tap7 mode tap") < said.index("ip link set dev tap7 master br9")


def test_ip_takes_the_addresses_from_a_port_before_it_gives_them_to_the_bridge() -> None:
    said = lines(iproute2.recipe(PLAN))

    taken = said.index("ip address flush dev eno1 scope global")
    assert taken < said.index("ip address add 192.0.2.5/24 broadcast + dev br0")
    assert "ip -6 route replace default via 2001:db8::1 dev br0" in said
    assert not any("flush dev eno2" in line for line in said)


def test_ip_sets_stp_delay_mtu_isolation_and_forwarding() -> None:
    said = lines(iproute2.recipe(PLAN))

    assert {
        "ip link add name br0 type bridge stp_state 1 forward_delay 400 vlan_filtering 1",
        "ip link set dev br0 mtu 9000",
        "bridge link set dev eno1 isolated on",
        "sysctl --write net/ipv6/conf/br9/disable_ipv6=1",
        "sysctl --write net.ipv4.ip_forward=1",
        "sysctl --write net.ipv6.conf.all.forwarding=1",
        "ip route replace 198.51.100.9/32 dev host0",
    } <= set(said)


@pytest.mark.host
def test_networkmanager_reads_every_profile() -> None:
    added = [c.argv for c in nmcli.recipe(PLAN).commands if c.argv[:3] == ("nmcli", "connection", "add")]

    keyfiles = [
        subprocess.run(["nmcli", "--offline", *argv[1:]], capture_output=True, text=True, check=False)
        for argv in added
    ]

    assert [done.stderr for done in keyfiles if done.returncode != 0] == []
    found = {line for done in keyfiles for line in done.stdout.splitlines()}
    assert {"forward-delay=4", "vlan-filtering=true", "mtu=9000", "id=7", "parent=eno2"} <= found
    assert "route1=10.0.0.0/8,192.0.2.7" in found
    # NetworkManager 1.50 and later call both otherwise
    apart = {"address1=192.0.2.5/24", "gateway=192.0.2.1"}
    assert "address1=192.0.2.5/24,192.0.2.1" in found or apart <= found
    assert found & {"slave-type=bridge", "port-type=bridge"}


@pytest.mark.host
def test_networkmanager_refuses_what_is_wrong() -> None:
    line = [
        "nmcli",
        "--offline",
        "connection",
        "add",
        "type",
        "bridge",
        "ifname",
        "br0",
        "bridge.stp",
        "perhaps",
    ]

    done = subprocess.run(line, capture_output=True, check=False)

    assert done.returncode != 0


def test_networkmanager_leaves_a_card_alone_that_has_its_address() -> None:
    said = lines(nmcli.recipe(PLAN))

    assert [line for line in said if line.endswith(" eno2") or " ifname eno2 " in line] == []
    assert said[-4:] == [
        "nmcli connection up host0",
        "nmcli connection up br9-port-tap7",
        "tee /etc/sysctl.d/60-vm-forwarding.conf",
        "sysctl --load /etc/sysctl.d/60-vm-forwarding.conf",
    ]


def test_networkd_has_a_file_for_each_link_and_for_each_that_it_makes() -> None:
    recipe = networkd.recipe(PLAN)

    names = [path.rsplit("/", 1)[1] for path in recipe.files]
    made = ["br0", "br7", "br9", "eno2.7", "host0", "tap7"]
    assert [name for name in names if name.endswith(".netdev")] == [f"10-{name}.netdev" for name in made]
    assert {f"20-{link.name}.network" for link in PLAN.links} <= set(names)


def test_networkd_ties_vlans_and_macvlans_to_the_card_below() -> None:
    card = sections(networkd.recipe(PLAN).files[f"{networkd.FOLDER}/20-eno2.network"])

    assert {"Address=198.51.100.5/24", "VLAN=eno2.7", "MACVLAN=host0"} <= set(card["Network"])


def test_networkd_gives_a_bridge_without_ports_its_address_at_once() -> None:
    lonely = HostPlan(links=(PLAN.links[2],))

    found = sections(networkd.recipe(lonely).files[f"{networkd.FOLDER}/20-br9.network"])

    assert found["Link"] == ["RequiredForOnline=no"]
    assert found["Network"] == [
        "Address=10.9.9.1/24",
        "LinkLocalAddressing=no",
        "IPv6AcceptRA=no",
        "ConfigureWithoutCarrier=yes",
    ]


@pytest.mark.host
def test_netplan_reads_its_file(tmp_path: Path) -> None:
    recipe = netplan.recipe(PLAN)
    target = tmp_path / netplan.FILE.lstrip("/")
    target.parent.mkdir(parents=True)
    target.write_text(recipe.files[netplan.FILE])
    target.chmod(0o600)

    line = ["/usr/sbin/netplan", "generate", "--root-dir", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "run/systemd/network").iterdir()}
    assert {"10-netplan-br0.netdev", "10-netplan-br0.network", "10-netplan-eno2.7.netdev"} <= made


def test_netplan_says_of_each_link_what_it_has_words_for() -> None:
    found = defined(netplan.recipe(PLAN))

    assert set(found) == {"br0", "br7", "br9", "eno1", "eno2", "eno2.7"}
    assert found["br0"]["parameters"] == {"stp": True, "forward-delay": 4}
    assert (found["br7"]["dhcp4"], found["br7"]["accept-ra"]) == (True, True)
    assert (found["eno2.7"]["id"], found["eno2.7"]["link"]) == (7, "eno2")


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (iproute2, ["gone with the next boot", "DHCP client on br7", "VLANs the ports of br0"]),
        (nmcli, ["isolated port", "VLANs the ports of br0", "Forwarding"]),
        (networkd, ["VLANs the ports of br0", "forwarding"]),
        (netplan, ["macvlan: host0", "tap: tap7", "isolated port", "VLAN filtering", "forwarding"]),
    ],
    ids=["iproute2", "nmcli", "networkd", "netplan"],
)
def test_what_a_tool_has_no_words_for_is_said(tool: object, words: list[str]) -> None:
    recipe: Recipe = tool.recipe(PLAN)  # type: ignore[attr-defined]

    assert [word for word in words if not any(word in remark for remark in recipe.remarks)] == []
    assert str(recipe).startswith(f"# {recipe.remarks[0]}")


def test_a_script_ends_at_the_first_command_that_fails(tmp_path: Path) -> None:
    recipe = replace(
        iproute2.recipe(HostPlan(links=(replace(PLAN.links[2], name="no/such"),))), remarks=("One.", "Two.")
    )
    script = tmp_path / "ip.sh"
    script.write_text(recipe.script())

    done = subprocess.run(["sh", "-x", str(script)], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert done.stderr.count("+ ip ") == 1
