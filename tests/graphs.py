"""Graphs for tests: from entries and registrations, and one of any size that is the same every time."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dashboard.events import Cause, Entry
from dashboard.graph import FULL, Graph, arrange, build, lay_out
from dashboard.naming import family_of
from dashboard.registrations import Registration
from dashboard.statistics import collect

from .samples import POST_SAVE, call, emission, origin

RECEIVER = "demo_app.receivers.make_thumbnail"
SAVED = ("point", POST_SAVE, "demo_app.Post")


def registration(
    receiver: str = RECEIVER, sender: str | None = "demo_app.Post", signal: str = POST_SAVE
) -> Registration:
    return Registration("key", signal, family_of(signal), receiver, sender)


def graph_of(entries: Sequence[Entry], registered: Sequence[Registration] = ()) -> Graph:
    for_all = {(one.signal, one.receiver) for one in registered if one.sender is None}
    return build(registered, collect(entries, 60.0, for_all), family_of)


def laid_out(graph: Graph) -> Graph:
    arrange(graph)
    lay_out(graph, FULL)
    return graph


def many(seed: int = 1, senders: int = 12, signals: int = 6, receivers: int = 30) -> Graph:
    """A graph of random registrations and emissions, the same for the same numbers."""
    chance = random.Random(seed)  # noqa: S311  (the same graph every time)
    registered: list[Registration] = []
    entries: list[Entry] = []
    for index in range(receivers):
        sender = None if chance.random() < 0.3 else f"app.Model{chance.randrange(senders)}"
        signal = f"app.signals.signal{chance.randrange(signals)}"
        registered.append(registration(f"app.receivers.receiver{index}", sender, signal))
    for index in range(receivers * 2):
        trace = f"{index:032x}"
        sender, signal = (
            f"app.Model{chance.randrange(senders)}",
            f"app.signals.signal{chance.randrange(signals)}",
        )
        ran = [
            call(one.receiver) for one in registered if one.signal == signal and one.sender in (None, sender)
        ]
        entries.append(origin(trace=trace, title=f"/page{chance.randrange(9)}x/"))
        entries.append(emission(f"e{index}", trace=trace, sender=sender, signal=signal, calls=ran))
        if ran and chance.random() < 0.3:
            cause = Cause(f"e{index}", chance.randrange(len(ran)))
            entries.append(
                emission(f"c{index}", trace=trace, sender="app.Model0", signal=signal, cause=cause)
            )
    return graph_of(entries, registered)
