"""The roster: every receiver that is registered or ran, with its figures and flags.

Comes in: registrations, and the figures of their calls. Goes out: rows; those that are asked for, in
the order that is asked for.
"""

from .columns import COLUMNS, Column, in_order
from .picking import Pick, choices, counts, picked
from .rows import FLAGS, Row, Seen, rows_of

__all__ = [
    "COLUMNS",
    "FLAGS",
    "Column",
    "Pick",
    "Row",
    "Seen",
    "choices",
    "counts",
    "in_order",
    "picked",
    "rows_of",
]
