"""Calls that outlived their emission, put back where they belong.

Comes in: a trace's entries, in which such a call is *running* in its emission and whole in a ``late``
entry of its own. Goes out: the same entries, each emission with all that is known of its calls.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .events import Emission, Entry, Late


def settled(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with late ends in their emissions; an end without its emission stays."""
    held = list(entries)
    known = {entry.id: place for place, entry in enumerate(held) if isinstance(entry, Emission)}
    ends = [entry for entry in held if isinstance(entry, Late) and entry.emission in known]
    for end in ends:
        place = known[end.emission]
        emission = held[place]
        if isinstance(emission, Emission):
            held[place] = with_end(emission, end)
    done = set(map(id, ends))
    return [entry for entry in held if id(entry) not in done]


def with_end(emission: Emission, end: Late) -> Emission:
    """Return the emission with the end of one of its calls."""
    calls, stopped = list(emission.calls), list(emission.stopped)
    # One that had not even begun is among those that were kept from running.
    if end.index >= len(calls) and end.call.receiver in stopped:
        stopped.remove(end.call.receiver)
    calls[end.index : end.index + 1] = [end.call]
    # Entries are shared with whoever else reads them.
    return msgspec.structs.replace(emission, calls=calls, stopped=stopped)
