"""Figures of a stretch of the journal: how often, how long, how many raised, and by which path.

Comes in: entries. Goes out: ``Statistics`` for a page (``collect``), pulses for a live one.
"""

from .calls import CallFigures, Ran, Stray, calls_of, is_vague
from .collect import Key, Statistics, collect, orphans
from .figures import Figures, Histogram, Sample, counted
from .origins import origin_label, route_of
from .pulses import Pulses, pulse_key

__all__ = [
    "CallFigures",
    "Figures",
    "Histogram",
    "Key",
    "Pulses",
    "Ran",
    "Sample",
    "Statistics",
    "Stray",
    "calls_of",
    "collect",
    "counted",
    "is_vague",
    "origin_label",
    "orphans",
    "pulse_key",
    "route_of",
]
