"""NIC models and their drivers, as running guests have them.

Its names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmlab.nics.drivers import try_drivers
    from kvmlab.nics.forcing import force_8139too
    from kvmlab.nics.models import nic_models

_HOMES = {"force_8139too": "forcing", "nic_models": "models", "try_drivers": "drivers"}

__all__ = ["force_8139too", "nic_models", "try_drivers"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kvmlab.nics' has no attribute {name!r}")
    return getattr(import_module(f"kvmlab.nics.{_HOMES[name]}"), name)
