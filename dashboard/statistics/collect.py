"""Figures for every node and edge of the receiver graph.

Comes in: the entries of a window, in any order. Goes out: ``Statistics``, keyed by what was seen:
origins, senders, emission points (a signal sent by a sender), signals, receivers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from ..events import Emission, Entry, Origin
from .figures import Figures, Sample
from .origins import RouteOf, origin_label, route_of

Key = tuple[str, ...]
"""``("origin", label)``, ``("sender", name)``, ``("signal", name)``, ``("point", signal, sender)`` or
``("receiver", name)``. A sender of ``None`` has the empty name."""

Link = tuple[Key, Key]

K = TypeVar("K")


class Statistics:
    """The figures of a window of ``window_s`` seconds.

    ``nodes`` and ``flows`` count emissions and calls; ``caused`` counts the emissions that a
    receiver's own code sent; ``requests`` holds, per origin, its traces with their whole duration;
    ``via`` says which emission points a flow from an origin to a sender led to; ``labels`` what the
    origin of a trace is called.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.nodes: dict[Key, Figures] = {}
        self.flows: dict[Link, Figures] = {}
        self.caused: dict[Link, Figures] = {}
        self.requests: dict[Key, Figures] = {}
        self.traces: dict[Key, set[str]] = defaultdict(set)
        self.via: dict[Link, set[Key]] = defaultdict(set)
        self.labels: dict[str, str] = {}
        self.emissions = 0

    def count(self, table: dict[K, Figures], key: K, sample: Sample) -> None:
        """Add a sample to one of the tables."""
        figures = table.get(key)
        if figures is None:
            figures = table[key] = Figures(self.window_s)
        figures.add(sample)


def orphans(entries: Iterable[Entry]) -> set[str]:
    """Return the traces whose emissions are among the entries while their origin is not."""
    traces = {entry.trace for entry in entries if isinstance(entry, Emission)}
    return traces - {entry.trace for entry in entries if isinstance(entry, Origin)} - {""}


def collect(
    entries: Sequence[Entry],
    window_s: float,
    for_all_senders: Collection[tuple[str, str]] = frozenset(),
    known: Iterable[Origin] = (),
    route: RouteOf = route_of,
) -> Statistics:
    """Return the figures of these entries.

    Args:
        entries: what the journal held for the window, in any order.
        window_s: the window's length in seconds, which rates are relative to.
        for_all_senders: (signal, receiver) pairs registered for every sender: their calls flow
            from the signal and not from one emission point.
        known: origins that began before the window.
        route: gives a request's path its route.
    """
    statistics = Statistics(window_s)
    keys = _origins(statistics, entries, known, route)
    emissions = [entry for entry in entries if isinstance(entry, Emission)]
    receivers = {one.id: [call.receiver for call in one.calls] for one in emissions if one.calls}
    for emission in emissions:
        point = _count_emission(statistics, emission)
        _count_calls(statistics, emission, point, for_all_senders)
        _count_cause(statistics, emission, point, keys, receivers)
    return statistics


def _origins(
    statistics: Statistics, entries: Iterable[Entry], known: Iterable[Origin], route: RouteOf
) -> dict[str, Key]:
    keys: dict[str, Key] = {origin.trace: ("origin", origin_label(origin, route)) for origin in known}
    for entry in entries:
        if not isinstance(entry, Origin):
            continue
        key = keys[entry.trace] = ("origin", origin_label(entry, route))
        statistics.traces[key].add(entry.trace)
        if entry.state == "closed":
            failed = bool(entry.error) or (entry.status or "").startswith("5")
            sample = Sample(entry.duration_us, entry.at, entry.trace, failed)
            statistics.count(statistics.requests, key, sample)
    statistics.labels = {trace: key[1] for trace, key in keys.items()}
    return keys


def _count_emission(statistics: Statistics, emission: Emission) -> Key:
    sender = ("sender", emission.sender or "")
    point = ("point", emission.signal, emission.sender or "")
    failed = any(call.outcome == "raised" for call in emission.calls)
    sample = Sample(emission.duration_us, emission.at, emission.trace, failed)
    for key in (sender, point, ("signal", emission.signal)):
        statistics.count(statistics.nodes, key, sample)
    statistics.count(statistics.flows, (sender, point), sample)
    statistics.emissions += 1
    return point


def _count_calls(
    statistics: Statistics, emission: Emission, point: Key, for_all_senders: Collection[tuple[str, str]]
) -> None:
    for call in emission.calls:
        whole = (emission.signal, call.receiver) in for_all_senders
        source = ("signal", emission.signal) if whole else point
        receiver = ("receiver", call.receiver)
        sample = Sample(call.duration_us, emission.at, emission.trace, call.outcome == "raised")
        statistics.count(statistics.nodes, receiver, sample)
        statistics.count(statistics.flows, (source, receiver), sample)


def _count_cause(
    statistics: Statistics,
    emission: Emission,
    point: Key,
    keys: Mapping[str, Key],
    receivers: Mapping[str, Sequence[str]],
) -> None:
    failed = any(call.outcome == "raised" for call in emission.calls)
    sample = Sample(emission.duration_us, emission.at, emission.trace, failed)
    cause = emission.cause
    if cause is not None:
        calls = receivers.get(cause.emission, ())
        if cause.call is not None and cause.call < len(calls):
            statistics.count(statistics.caused, (("receiver", calls[cause.call]), point), sample)
        return
    origin = keys.get(emission.trace)
    if origin is not None:
        flow = (origin, ("sender", emission.sender or ""))
        statistics.traces[origin].add(emission.trace)
        statistics.count(statistics.nodes, origin, sample)
        statistics.count(statistics.flows, flow, sample)
        statistics.via[flow].add(point)
