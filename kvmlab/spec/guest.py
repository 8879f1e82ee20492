"""What a domain that boots kvmlab's guest image tells the guest about itself.

On its kernel command line, for a boot; on a port, when it starts from a saved
guest, which booted long ago (``kvmlab/image/files/root/usr/lib/kvmlab``).
"""

from collections.abc import Sequence

#: Virtio port on which a guest that starts from a saved one learns who it is.
IDENTITY_PORT = "org.kvmlab.identity.0"
#: How the words of the kernel command line begin that differ from domain to domain.
IDENTITY_WORDS = ("hostname=", "kvmlab.nics=")
#: Word of the kernel command line of a guest that is to be saved.
TEMPLATE_WORD = "kvmlab.template=1"


def identity_words(name: str, macs: Sequence[str]) -> list[str]:
    """Return the words of the kernel command line that give a guest its name and its NICs their order.

    The first is the kernel's own (admin-guide, kernel-parameters).

    Examples
    --------
    >>> identity_words("vm1", ["52:54:00:00:00:01", "52:54:00:00:00:02"])
    ['hostname=vm1', 'kvmlab.nics=52:54:00:00:00:01,52:54:00:00:00:02']
    """
    nics = [f"kvmlab.nics={','.join(macs)}"] if macs else []
    return [f"hostname={name}", *nics]


def identity_line(name: str, *, now: float, seed: str, macs: Sequence[str], present: int = 0) -> str:
    r"""Return the line for the port.

    Parameters
    ----------
    name
        Host name.
    now
        The present time, seconds since 1970.
    seed
        At least 32 hexadecimal digits, random.
    macs
        MAC addresses of the NICs, in their order.
    present
        How many of them are not plugged in but there already, so that the guest must look for them.

    Examples
    --------
    >>> identity_line("vm1", now=1.5, seed="ab", macs=["52:54:00:00:00:01"])
    'vm1 1.500 ab 0 52:54:00:00:00:01\n'
    """
    return " ".join([name, f"{now:.3f}", seed, str(present), *macs]) + "\n"
