"""A domain and its NICs."""

from kvmlab.commands.command import Command, Explanation
from kvmlab.spec.interface import InterfaceSpec


def explain_domain(name: str, *, xml: str) -> Explanation:
    """Return the commands that give a real host this domain.

    Parameters
    ----------
    name
        Name of the domain.
    xml
        Its XML, as :meth:`kvmlab.spec.domain.DomainSpec.to_xml` prints it.
    """
    commands = [
        Command(
            ("virsh", "define", "/dev/stdin"), "Give libvirt the description; nothing runs yet", stdin=xml
        ),
        Command(("virsh", "start", name), "Start it: libvirt makes the taps and starts QEMU"),
        Command(
            ("virsh", "domiflist", name), "Show each NIC: its tap, its network, its model, its MAC address"
        ),
        Command(
            ("virsh", "domxml-to-native", "qemu-argv", "--domain", name),
            "Show the QEMU command line that the description stands for",
        ),
    ]
    for source, place in (("lease", "network's DHCP server"), ("agent", "guest's agent")):
        argv = ("virsh", "domifaddr", name, "--source", source)
        commands.append(Command(argv, f"Show its addresses, as the {place} knows them"))
    return Explanation(f"Domain {name} with libvirt", tuple(commands))


def explain_interface(domain: str, spec: InterfaceSpec) -> Explanation:
    """Return the commands that plug a NIC into a running domain.

    Parameters
    ----------
    domain
        Name of the domain.
    spec
        The NIC.
    """
    where = f"{spec.kind} {spec.network or spec.bridge or ''}".strip()
    plug = Command(_plug_argv(domain, spec), f"Plug a {spec.model} NIC into the running guest")
    # attach-interface has no words for these
    if spec.source is not None or spec.mtu is not None or spec.isolated or spec.vlans:
        device = ("virsh", "attach-device", domain, "/dev/stdin", "--live")
        plug = Command(device, plug.comment, stdin=spec.to_xml())
    return Explanation(
        f"A {spec.model} NIC for {domain} in {where}",
        (
            plug,
            Command(("virsh", "domiflist", domain), "Show the NICs and their taps"),
            Command(("bridge", "link", "show"), "Show which tap is a port of which bridge, and its state"),
            Command(("bridge", "fdb", "show"), "Show which MAC address was seen at which port"),
        ),
    )


def _plug_argv(domain: str, spec: InterfaceSpec) -> tuple[str, ...]:
    argv = ["virsh", "attach-interface", domain, spec.kind, spec.network or spec.bridge or ""]
    argv += ["--model", spec.model, "--live"]
    if spec.mac is not None:
        argv += ["--mac", spec.mac]
    if spec.target is not None:
        argv += ["--target", spec.target]
    return tuple(argv)
