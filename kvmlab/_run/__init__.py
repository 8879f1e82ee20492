"""Run commands: one protocol for the machine, the hosts of a lab and its guests.

Only here :mod:`subprocess` is imported. Commands are argument lists; there is no shell.
"""

from kvmlab._run.local import (
    BOUND_TO_THIS,
    DEVNULL,
    MAPPED_ROOT,
    PIPE,
    Completed,
    LocalRunner,
    Process,
    Runner,
    end_group,
    interrupt_held,
    remove_tree,
)
from kvmlab._run.programs import complete_environment, replace_process, require

__all__ = [
    "BOUND_TO_THIS",
    "DEVNULL",
    "MAPPED_ROOT",
    "PIPE",
    "Completed",
    "LocalRunner",
    "Process",
    "Runner",
    "complete_environment",
    "end_group",
    "interrupt_held",
    "remove_tree",
    "replace_process",
    "require",
]
