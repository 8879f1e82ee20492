"""Instruments: a module each, with its command line, its parser and its result.

Every result says how it was measured (``method``), how often, and under which
accelerator its guests ran. A failed measurement raises
:class:`~kvmlab.errors.MeasurementError`; no figure is made up from it.
"""
