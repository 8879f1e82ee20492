"""Limit what a NIC of a running domain carries; libvirt's ``<bandwidth>``."""

import libvirt

from kvmlab.errors import LibvirtError
from kvmlab.virt.domain import Domain


def set_bandwidth(domain: Domain, tap: str, rate_mbit_s: float) -> None:
    """Limit both directions of a NIC; same as ``virsh domiftune NAME TAP --inbound … --outbound …``.

    libvirt counts in KiB per second (formatdomain, "Quality of service") and
    has tc set it up: htb with sfq or fq_codel, and police for what the guest
    sends. A kernel without them refuses.

    Raises
    ------
    LibvirtError
        If the kernel or libvirt refuses; nothing is limited then.
    """
    average = max(1, round(rate_mbit_s * 1e6 / 8 / 1024))
    try:
        domain.vir.setInterfaceParameters(tap, {"inbound.average": average, "outbound.average": average})
    except libvirt.libvirtError as error:
        code = error.get_error_code() or 0
        raise LibvirtError(f"cannot limit {tap!r} of domain {domain.name!r}: {error}", code=code) from error
