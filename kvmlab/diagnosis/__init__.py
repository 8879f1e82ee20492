"""What is wrong with a lab's network: a ladder to walk by hand, and a function that walks it.

It knows nothing of the faults that can be put into a lab (:mod:`kvmlab.fault`):
the layers forbid the import. It goes by evidence.
"""

from kvmlab.diagnosis.cause import CAUSES, Cause
from kvmlab.diagnosis.rungs import Ladder, ladder
from kvmlab.diagnosis.walk import Diagnosis, Finding, Step, diagnose

__all__ = ["CAUSES", "Cause", "Diagnosis", "Finding", "Ladder", "Step", "diagnose", "ladder"]
