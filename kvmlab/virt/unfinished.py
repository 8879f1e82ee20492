"""Guests that stand still because who started them is gone: marked while they start, so that they are told.

A guest that starts from a saved one is paused until it has its NICs and knows
who it is. If its starter is killed meanwhile, libvirt keeps it as it is; to let
it run on would make it a second copy of the saved guest. The mark names the
starting process, and is taken off when the guest runs.
"""

import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import libvirt

#: Namespace of the mark in a domain's ``<metadata>`` (libvirt, formatdomain, "General metadata").
NAMESPACE = "urn:kvmlab:start"
_TAG = f"{{{NAMESPACE}}}starter"


def marked(xml: str) -> str:
    """Return a domain's XML with the mark of this process."""
    root = ET.fromstring(xml)
    metadata = root.find("./metadata")
    if metadata is None:
        metadata = ET.SubElement(root, "metadata")
    pid = os.getpid()
    ET.SubElement(metadata, _TAG, pid=str(pid), since=_since(pid))
    return ET.tostring(root, encoding="unicode")


def unmark(domain: Any) -> None:
    """Take the mark off a domain that runs.

    Raises
    ------
    libvirt.libvirtError
        If libvirt refuses.
    """
    kind, live = libvirt.VIR_DOMAIN_METADATA_ELEMENT, libvirt.VIR_DOMAIN_AFFECT_LIVE
    domain.setMetadata(kind, None, None, NAMESPACE, live)


def is_abandoned(xml: str) -> bool:
    """Tell whether a domain has the mark of a process that is gone."""
    mark = ET.fromstring(xml).find(f"./metadata/{_TAG}")
    if mark is None:
        return False
    return not mark.get("since") or _since(int(mark.get("pid", "0"))) != mark.get("since")


def _since(pid: int) -> str:
    """Return when a process started, which tells it from a later one with its number; empty if it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]  # field 22, starttime (proc_pid_stat(5))
