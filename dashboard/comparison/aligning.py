"""The two sides become one tree: each path once, with what differs.

Comes in: two ``Side``s. Goes out: ``Comparison``. Steps are matched by their path alone, so a step that
moved under another parent is gone there and new here. Of the steps that both sides have under the same
parent, those outside of the longest run in common order are *reordered*: the fewest moves that explain it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from . import marks
from .marks import Mark, Times
from .profile import Key, Side, Step

Status = Literal["new", "gone", "both"]


class Row(NamedTuple):
    """A path on both sides. ``before`` and ``after`` are ``None`` where the side does not have it."""

    level: int
    key: Key
    status: Status
    before: Step | None
    after: Step | None
    marks: tuple[Mark, ...] = ()

    @property
    def step(self) -> Step:
        """The step, of B where it has it."""
        found = self.after or self.before
        assert found is not None  # noqa: S101  (a row is made of at least one)
        return found

    @property
    def times(self) -> Times | None:
        """The typical own times, where both sides have it."""
        return marks.times(self.before, self.after) if self.before and self.after else None


class Comparison(msgspec.Struct, eq=False):
    """All rows, outer ones first. ``counts`` counts the marks' names, of calls, emissions and bypasses."""

    before: Side
    after: Side
    rows: list[Row]
    counts: Counter[str]

    @property
    def differs(self) -> bool:
        """Whether any row has a mark."""
        return any(row.marks for row in self.rows)

    def changed(self) -> list[Row]:
        """Return the rows with a mark, and those around them that say where they are."""
        kept: list[Row] = []
        deepest = 0
        for row in reversed(self.rows):
            if row.marks or row.level < deepest:
                kept.append(row)
                deepest = row.level
        return kept[::-1]


class _Pair(NamedTuple):
    level: int
    key: Key
    before: Step | None
    after: Step | None
    above: tuple[Step, Step] | None
    moved: bool = False


def compare(before: Side, after: Side) -> Comparison:
    """Return how B, ``after``, differs from A, ``before``. Both are one trace, or both stretches."""
    single = before.single and after.single
    rows = []
    counts: Counter[str] = Counter()
    # By hand instead of by recursion: a loop of signals nests deeper than Python's stack.
    waiting = [_Pair(1, before.whole.key, before.whole, after.whole, None)]
    while waiting:
        pair = waiting.pop()
        row = _row(pair, single=single)
        rows.append(row)
        counts.update(f"{pair.key.kind} {mark.name}" for mark in row.marks)
        waiting.extend(reversed(list(_below(pair, single=single))))
    return Comparison(before, after, rows, counts)


def _row(pair: _Pair, *, single: bool) -> Row:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return _one_sided(pair)
    found: list[Mark | None] = [Mark("order", "reordered", "runs at another place")] if pair.moved else []
    if pair.above is not None and pair.key.kind != "origin":
        found.append(marks.of_runs(before, after, pair.above, exact=single))
    if pair.key.kind != "emission" and (single or pair.key.kind != "whole"):
        found.append(marks.of_time(before, after))
    found.append(marks.of_queries(before, after))
    found.extend(marks.of_errors(before, after))
    return Row(pair.level, pair.key, "both", before, after, tuple(mark for mark in found if mark))


def _one_sided(pair: _Pair) -> Row:
    status: Status = "gone" if pair.after is None else "new"
    found = [Mark(status, status, "only in A" if status == "gone" else "only in B")]
    step = pair.after or pair.before
    if step is not None and step.errors:
        names = ", ".join(list(step.errors)[:3])
        found.append(
            Mark("heals", "no longer raises", names) if status == "gone" else Mark("raises", "raises", names)
        )
    return Row(pair.level, pair.key, status, pair.before, pair.after, tuple(found))


def _below(pair: _Pair, *, single: bool) -> Iterator[_Pair]:
    before = pair.before.children if pair.before else {}
    after = pair.after.children if pair.after else {}
    above = (pair.before, pair.after) if pair.before and pair.after else None
    judged = [key for key in after if key in before and (single or key.kind == "call")]
    moved = _moved(judged, list(before))
    for key in _merged(list(before), list(after)):
        yield _Pair(pair.level + 1, key, before.get(key), after.get(key), above, key in moved)


def _moved(keys: Sequence[Key], order: Sequence[Key]) -> set[Key]:
    """Return the fewest of ``keys`` without which the rest stand as in ``order``."""
    place = {key: number for number, key in enumerate(order)}
    return set(keys) - {keys[index] for index in longest_rising([place[key] for key in keys])}


def longest_rising(numbers: Sequence[int]) -> list[int]:
    """Return the indexes of a longest rising subsequence (patience sorting, n log n)."""
    tops: list[int] = []
    ends: list[int] = []
    came_from: list[int] = []
    for index, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        tops[pile : pile + 1] = [number]
        ends[pile : pile + 1] = [index]
        came_from.append(ends[pile - 1] if pile else -1)
    found: list[int] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(index)
        index = came_from[index]
    return found[::-1]


def _merged(before: Sequence[Key], after: Sequence[Key]) -> Iterator[Key]:
    """Yield all keys in the order of B, each one that is gone behind the one it followed in A."""
    follows: dict[Key | None, list[Key]] = {}
    held, last = set(after), None
    for key in before:
        if key in held:
            last = key
        else:
            follows.setdefault(last, []).append(key)
    yield from follows.get(None, ())
    for key in after:
        yield key
        yield from follows.get(key, ())
