"""Figures for every node and edge of the receiver graph.

Comes in: the entries of a window, in any order. Goes out: ``Statistics``, keyed by what was seen:
origins, senders, emission points (a signal sent by a sender), signals, receivers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from ..events import Bypass, Emission, Entry, Origin
from ..late import settled
from ..slices import sliced
from ..traces.fates import Fates
from .figures import Figures, Sample
from .origins import RouteOf, origin_label, route_of

Key = tuple[str, ...]
"""``("origin", label)``, ``("sender", name)``, ``("signal", name)``, ``("point", signal, sender)``,
``("receiver", name)``, or ``("ghost", operation, sender)`` for a bypass. A sender of ``None`` has
the empty name."""

Link = tuple[Key, Key]

K = TypeVar("K")


class Statistics:
    """The figures of a window of ``window_s`` seconds.

    ``nodes`` and ``flows`` count emissions and calls; ``caused`` counts the emissions that a
    receiver's own code sent; ``requests`` holds, per origin, its traces with their whole duration;
    ``via`` says which emission points a flow from an origin to a sender led to; ``labels`` what the
    origin of a trace is called. Bypasses are no emissions, and count apart: ``bypasses`` on the ways
    origin, sender, ghost, skipped receiver, and ``changed`` the rows that each ghost changed.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.nodes: dict[Key, Figures] = {}
        self.flows: dict[Link, Figures] = {}
        self.caused: dict[Link, Figures] = {}
        self.requests: dict[Key, Figures] = {}
        self.bypasses: dict[Link, Figures] = {}
        self.changed: Counter[Key] = Counter()
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
    """Return the traces whose emissions or bypasses are among the entries while their origin is not."""
    traces = {entry.trace for entry in entries if isinstance(entry, Emission | Bypass)}
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
    entries = settled(entries)
    keys = _origins(statistics, entries, known, route)
    fates = Fates(entries)
    emissions = [entry for entry in entries if isinstance(entry, Emission)]
    receivers = {one.id: [call.receiver for call in one.calls] for one in emissions if one.calls}
    for emission in sliced(emissions):
        fate = fates.of(emission.transaction)
        rolled_back = fate is not None and fate.rolled_back
        point = _count_emission(statistics, emission, rolled_back)
        _count_calls(statistics, emission, point, for_all_senders, rolled_back)
        _count_cause(statistics, emission, point, keys, receivers)
    for entry in entries:
        if isinstance(entry, Bypass):
            _count_bypass(statistics, entry, keys, receivers)
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
            sample = Sample(entry.duration_us, entry.at, entry.trace, failed, process=entry.process)
            statistics.count(statistics.requests, key, sample)
    statistics.labels = {trace: key[1] for trace, key in keys.items()}
    return keys


def _count_emission(statistics: Statistics, emission: Emission, rolled_back: bool) -> Key:
    sender = ("sender", emission.sender or "")
    point = ("point", emission.signal, emission.sender or "")
    failed = any(call.outcome == "raised" for call in emission.calls)
    sample = Sample(emission.duration_us, emission.at, emission.trace, failed, rolled_back, emission.process)
    for key in (sender, point, ("signal", emission.signal)):
        statistics.count(statistics.nodes, key, sample)
    statistics.count(statistics.flows, (sender, point), sample)
    statistics.emissions += 1
    return point


def _count_calls(
    statistics: Statistics,
    emission: Emission,
    point: Key,
    for_all_senders: Collection[tuple[str, str]],
    rolled_back: bool,
) -> None:
    for call in emission.calls:
        whole = (emission.signal, call.receiver) in for_all_senders
        source = ("signal", emission.signal) if whole else point
        receiver = ("receiver", call.receiver)
        failed = call.outcome == "raised"
        sample = Sample(call.duration_us, emission.at, emission.trace, failed, rolled_back, emission.process)
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
    sample = Sample(emission.duration_us, emission.at, emission.trace, failed, process=emission.process)
    if emission.cause is not None:
        receiver = _causing(emission, receivers)
        if receiver is not None:
            statistics.count(statistics.caused, (receiver, point), sample)
        return
    origin = keys.get(emission.trace)
    if origin is not None:
        flow = (origin, ("sender", emission.sender or ""))
        statistics.traces[origin].add(emission.trace)
        statistics.count(statistics.nodes, origin, sample)
        statistics.count(statistics.flows, flow, sample)
        statistics.via[flow].add(point)


def _count_bypass(
    statistics: Statistics, bypass: Bypass, keys: Mapping[str, Key], receivers: Mapping[str, Sequence[str]]
) -> None:
    sample = Sample(bypass.duration_us, bypass.at, bypass.trace, process=bypass.process)
    sender: Key = ("sender", bypass.sender)
    ghost: Key = ("ghost", bypass.operation, bypass.sender)
    statistics.count(statistics.bypasses, (sender, ghost), sample)
    statistics.changed[ghost] += bypass.rows or 0
    for receiver in bypass.skipped:
        statistics.count(statistics.bypasses, (ghost, ("receiver", receiver)), sample)
    if bypass.cause is not None:
        causing = _causing(bypass, receivers)
        if causing is not None:
            statistics.count(statistics.caused, (causing, ghost), sample)
        return
    origin = keys.get(bypass.trace)
    if origin is not None:
        statistics.traces[origin].add(bypass.trace)
        statistics.count(statistics.bypasses, (origin, sender), sample)
        statistics.via[origin, sender].add(ghost)


def _causing(entry: Emission | Bypass, receivers: Mapping[str, Sequence[str]]) -> Key | None:
    """Return the receiver whose code sent it, as far as the entries name it."""
    cause = entry.cause
    calls = receivers.get(cause.emission, ()) if cause else ()
    if cause is None or cause.call is None or cause.call >= len(calls):
        return None
    return ("receiver", calls[cause.call])
