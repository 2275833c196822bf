"""Figures of a stretch of the journal: how often, how long, how many raised, and by which path.

Comes in: entries. Goes out: ``Statistics`` for a page (``collect``), pulses for a live one.
"""

from .collect import Key, Statistics, collect, orphans
from .figures import Figures, Histogram, Sample
from .origins import origin_label, route_of
from .pulses import Pulses, pulse_key

__all__ = [
    "Figures",
    "Histogram",
    "Key",
    "Pulses",
    "Sample",
    "Statistics",
    "collect",
    "origin_label",
    "orphans",
    "pulse_key",
    "route_of",
]
