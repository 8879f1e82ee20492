"""Take networks and guests of a lab to a real host.

What is there is read from libvirt and the kernel (:mod:`~kvmlab.exporting.reading`);
from links, addresses and routes follows what another host needs, in no tool's words
(:mod:`~kvmlab.exporting.plan`, :mod:`~kvmlab.exporting.survey`); one module per tool writes
it down in its own.
"""

from kvmlab.exporting.collect import export, find
from kvmlab.exporting.libvirt_xml import Note
from kvmlab.exporting.recipe import Recipe
from kvmlab.exporting.result import Export

__all__ = ["Export", "Note", "Recipe", "export", "find"]
