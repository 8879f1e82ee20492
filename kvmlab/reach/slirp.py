"""What the machine's libslirp does: user mode is a library that QEMU loads."""

import ctypes
import functools
import re

#: The first libslirp that passes echo requests on over IPv6 (ip6_icmp.c), as it does over IPv4.
ECHO6_SINCE = (4, 8)
_LIBRARY = "libslirp.so.0"


@functools.cache
def version() -> str:
    """Return the version of libslirp (libslirp.h, ``slirp_version_string``); empty if there is none."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return ""
    library.slirp_version_string.restype = ctypes.c_char_p
    return str(library.slirp_version_string().decode())


def passes_echo6(version: str) -> bool:
    """Tell whether a version passes echo requests on over IPv6.

    Examples
    --------
    >>> passes_echo6("4.7.0"), passes_echo6("4.8.0"), passes_echo6("")
    (False, True, False)
    """
    return tuple(map(int, re.findall(r"\d+", version)[:2])) >= ECHO6_SINCE
