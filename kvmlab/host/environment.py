"""The environment of what runs in a lab: the user's own, without what points out of it.

A proxy, an agent or a display of the user's machine cannot be reached from a
lab, or should not be; a libvirt URI of the user's would lead ``virsh`` past
the lab's own libvirtd.
"""

import os
from collections.abc import Mapping

_PREFIXES = ("LIBVIRT_", "VIRSH_", "DBUS_", "SSH_", "LISTEN_", "NOTIFY_SOCKET")
_NAMES = frozenset({"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DOCKER_HOST"})


def lab_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment, by default this process's, without what points out of a lab.

    Examples
    --------
    >>> lab_environment({"LANG": "C", "https_proxy": "http://10.0.0.1", "SSH_AUTH_SOCK": "/tmp/agent"})
    {'LANG': 'C'}
    """
    found = os.environ if env is None else env
    return {name: value for name, value in found.items() if not _points_out(name)}


def _points_out(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES) or name.lower().endswith("_proxy")
