"""Two traces, or two stretches of a journal, side by side: what is new, gone, slower, reordered.

Comes in: the entries of both sides, A and B. Goes out: ``Comparison``: one tree in which the same path
(origin, signal and sender, receiver, …) of both sides is one row, with a word for each difference, and a
sentence that sums it up. Nothing here reads a journal or the settings.
"""

from __future__ import annotations

from .aligning import Comparison, Row, compare
from .marks import RULE, Mark
from .profile import Side, profile
from .summing import sentence

__all__ = ["RULE", "Comparison", "Mark", "Row", "Side", "compare", "profile", "sentence"]
