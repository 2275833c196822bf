"""A whole trace on one small screen: bars by depth, transactions as bands, and the ruler's figures.

Comes in: a trace's tree. Goes out: places in percent of the trace's time, so that an SVG can be
drawn without a ``style`` attribute. Bounded: a trace of many emissions is drawn as its lane is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .. import wording
from ..events import Bypass, Outcome
from .branches import Branch, Leaf, Stage
from .lanes import Path, Span, span
from .summaries import microseconds
from .tree import TraceTree

MOST_BARS = 300
MOST_BANDS = 20
_LEVELS = 2
_TICKS = 5
_LABELLED = 12.0


class Bar(NamedTuple):
    """An emission, a call or a bypass: how it looks (``emission blip err ghost``), where it lies."""

    look: str
    family: str
    span: Span
    y: int
    height: int


class Band(NamedTuple):
    """A transaction. Its words are empty where they would not fit."""

    span: Span
    began: str
    ended: str
    end: str
    rolled_back: bool


class Overview(NamedTuple):
    """Bars while they are few, else ``paths`` in the box of a lane."""

    bars: list[Bar]
    paths: list[Path]
    bands: list[Band]


class Tick(NamedTuple):
    """A figure on the ruler, at so many percent; the last one stands before its mark."""

    x: int
    text: str
    last: bool = False


def overview(tree: TraceTree) -> Overview:
    """Return what to draw of the trace."""
    bands = [_band(outcome, tree) for outcome in tree.fates.outcomes if not outcome.savepoint][:MOST_BANDS]
    if len(tree.nodes) > MOST_BARS:
        return Overview([], tree.summary.paths, bands)
    return Overview(list(_bars(tree)), [], bands)


def _bars(tree: TraceTree) -> Iterator[Bar]:
    waiting: list[tuple[Branch, int]] = [(branch, 0) for branch in tree.roots]
    began, took = tree.summary.started_us, tree.summary.lasted_us
    while waiting:
        branch, level = waiting.pop()
        place = span(branch.start_us - began, branch.duration_us, took)
        y = 12 + 17 * level
        if isinstance(branch, Leaf):
            if isinstance(branch.entry, Bypass):
                yield Bar("ghost", "bypass", place, y, 7)
            continue
        if isinstance(branch, Stage):
            yield Bar("emission" if place.wide else "blip", "none", place, y, 7)
            waiting += [(inside, level + 1) for inside in branch.caused.get(None, ()) if level + 1 < _LEVELS]
            continue
        family = branch.emission.family
        yield Bar("emission" if place.wide else "blip", family, place, y, 7)
        for index, call in enumerate(branch.emission.calls):
            look = "err" if call.outcome == "raised" else "blip"
            lies = span(branch.call_start(index) - began, call.duration_us, took)
            yield Bar(look, family, lies, y + 8, 8)
        if level + 1 < _LEVELS:
            waiting += [(inside, level + 1) for held in branch.caused.values() for inside in held]


def _band(outcome: Outcome, tree: TraceTree) -> Band:
    end_us = microseconds(outcome.at) - tree.summary.started_us
    place = span(end_us - outcome.duration_us, outcome.duration_us, tree.summary.lasted_us)
    roomy = float(place.width) >= _LABELLED
    how = "rollback" if outcome.state == "rolled back" else "commit"
    return Band(
        place,
        "atomic" if roomy else "",
        f"{how} {wording.offset(end_us)}" if roomy else "",
        f"{float(place.x) + float(place.width) - 0.3:.2f}",
        outcome.state == "rolled back",
    )


def ruler(took_us: float) -> list[Tick]:
    """Return the figures above the waterfall: milliseconds, with the unit at the end."""
    took_ms = took_us / wording.MILLISECOND
    digits = 0 if took_ms >= 50 else 1 if took_ms >= 5 else 2
    step = took_ms / _TICKS
    ticks = [Tick(100 * at // _TICKS, f"{step * at:.{digits}f}" if at else "0") for at in range(_TICKS)]
    return [*ticks, Tick(100, str(wording.took(took_us)), last=True)]
