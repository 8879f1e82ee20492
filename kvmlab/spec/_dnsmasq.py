"""Options of dnsmasq that libvirt has no words for (formatnetwork, "Network namespaces")."""

import xml.etree.ElementTree as ET

DNSMASQ_NAMESPACE = "http://libvirt.org/schemas/network/dnsmasq/1.0"
ET.register_namespace("dnsmasq", DNSMASQ_NAMESPACE)


def dnsmasq_options() -> ET.Element:
    """Return the options of a network that serves DHCP.

    Without ``no-ping`` dnsmasq pings each address for up to 3 s before it
    gives it out (dnsmasq(8)).
    """
    options = ET.Element(f"{{{DNSMASQ_NAMESPACE}}}options")
    ET.SubElement(options, f"{{{DNSMASQ_NAMESPACE}}}option", value="no-ping")
    return options
