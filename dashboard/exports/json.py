"""A trace as JSON: the journal's entries, each as the command line prints it.

Comes in: entries. Goes out: one array of objects, one object a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..events import Entry, encode


def export(entries: Sequence[Entry]) -> bytes:
    """Return the entries as one JSON array."""
    return b"[" + b",\n ".join(map(encode, entries)) + b"]\n"
