"""A trace drawn on its own time axis: bars while they are few, a histogram when they are many.

Comes in: emissions, in any order, as many as there are. Goes out: SVG paths in a box of 1000 by 26
units that stretches with its row, so that no position needs a ``style`` attribute. What is kept is
bounded: at most ``BARS`` emissions, then at most ``2 * BARS`` slices of time.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from ..events import Bypass, Emission

WIDTH = 1000
HEIGHT = 26
BARS = 60

_NARROWEST = 6.0
_CALLS = 8
_TOPS = (4, 10, 16)


class Path(NamedTuple):
    """All bars of one look: what it marks (``blip err ghost back``), the family, the SVG path data."""

    mark: str
    family: str
    data: str


class Span(NamedTuple):
    """A place on a lane, in percent of its length, as the attributes of a ``rect``."""

    x: str
    width: str
    wide: bool

    @property
    def end(self) -> str:
        """Where the span ends, so far in that a mark of 3 pixels still shows."""
        return f"{min(float(self.x) + float(self.width), 99.0):.2f}"


def span(start_us: float, duration_us: float, total_us: float) -> Span:
    """Return where a stretch lies within ``total_us``; clocks may disagree, so it is kept inside."""
    total = max(total_us, 1.0)
    x = min(max(100 * start_us / total, 0.0), 99.3)
    width = min(max(100 * duration_us / total, 0.0), 100 - x)
    return Span(f"{x:.2f}", f"{width:.2f}", width >= 0.9)


class _Bar(msgspec.Struct):
    id: str
    cause: str
    family: str
    start: int
    end: int
    calls: list[tuple[int, int, bool]]


class Lane:
    """Collects a trace's emissions. Times are whole microseconds since any one moment."""

    __slots__ = ("_bars", "_failed", "_families", "_first", "_last", "_marks", "_seen", "_width")

    def __init__(self) -> None:
        self._bars: list[_Bar] = []
        self._marks: list[tuple[str, int, int]] = []
        self._seen: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._families: Counter[str] = Counter()
        self._width = self._first = self._last = 0

    def add(self, emission: Emission, start: int) -> None:
        """Add an emission that began at ``start``."""
        self._families[emission.family] += 1
        if self._width:
            self._count(start, any(call.outcome == "raised" for call in emission.calls))
            return
        calls = [
            (
                start + int(call.offset_us),
                start + int(call.offset_us + call.duration_us),
                call.outcome == "raised",
            )
            for call in emission.calls[:_CALLS]
        ]
        cause = emission.cause.emission if emission.cause else ""
        self._bars.append(
            _Bar(emission.id, cause, emission.family, start, start + int(emission.duration_us), calls)
        )
        if len(self._bars) > BARS:
            self._become_histogram()

    def mark_bypass(self, bypass: Bypass, start: int) -> None:
        """Add rows that changed without a signal, beginning at ``start``: a dashed box."""
        self._mark("ghost", start, start + int(bypass.duration_us))

    def mark_rollback(self, start: int, end: int) -> None:
        """Add a transaction that was rolled back: a hatched strip below its time."""
        self._mark("back", start, end)

    def _mark(self, kind: str, start: int, end: int) -> None:
        if len(self._marks) < BARS:
            self._marks.append((kind, start, end))

    def paths(self, start: int, total_us: float) -> list[Path]:
        """Return what to draw when the trace began at ``start`` and lasted ``total_us``."""
        scale = WIDTH / max(total_us, 1.0)
        bars = self._slices(start, scale) if self._width else self._rects(start, scale)
        return [*bars, *self._marked(start, scale)]

    def _marked(self, start: int, scale: float) -> list[Path]:
        looks: dict[str, list[str]] = {}
        for kind, began, ended in self._marks:
            wide = min(max((ended - began) * scale, _NARROWEST), WIDTH)
            x = min(max((began - start) * scale, 0.0), WIDTH - wide)
            y, high = (8, 10) if kind == "ghost" else (21, 4)
            looks.setdefault(kind, []).append(_rect(x, y, wide, high))
        return [Path(kind, "bypass", "".join(data)) for kind, data in looks.items()]

    # --- few: one bar for each emission and call -------------------------------------------------

    def _rects(self, start: int, scale: float) -> list[Path]:
        levels = self._levels()
        flat = max(levels.values(), default=0) == 0 and not any(bar.calls for bar in self._bars)
        looks: dict[tuple[str, str], list[str]] = {}
        for bar in sorted(self._bars, key=lambda bar: bar.start):
            level = levels[bar.id]
            top = 10 if flat else _TOPS[min(level, 2)]
            _draw(looks, ("blip", bar.family), bar.start - start, bar.end - bar.start, scale, top)
            below = _TOPS[min(level + 1, 2)]
            for began, ended, failed in bar.calls:
                if failed or (ended - began) * scale >= _NARROWEST:
                    look = ("err" if failed else "blip", bar.family)
                    _draw(looks, look, began - start, ended - began, scale, below)
        return [Path(mark, family, "".join(data)) for (mark, family), data in _errors_last(looks)]

    def _levels(self) -> dict[str, int]:
        causes = {bar.id: bar.cause for bar in self._bars}
        levels: dict[str, int] = {}
        for emission in causes:
            chain: list[str] = []
            above = emission
            while above in causes and above not in levels and above not in chain:
                chain.append(above)
                above = causes[above]
            level = levels.get(above, -1)
            for link in reversed(chain):
                level += 1
                levels[link] = level
        return levels

    # --- many: how many emissions began in each slice of time ------------------------------------

    def _become_histogram(self) -> None:
        starts = [bar.start for bar in self._bars]
        reach = max(starts) - min(starts)
        self._width = max(1, -(-reach // BARS))
        self._first = self._last = starts[0] // self._width
        for bar in self._bars:
            self._count(bar.start, any(failed for *_, failed in bar.calls))
        self._bars.clear()

    def _count(self, start: int, failed: bool) -> None:
        at = start // self._width
        self._seen[at] += 1
        if failed:
            self._failed[at] += 1
        self._first, self._last = min(self._first, at), max(self._last, at)
        while self._last - self._first >= 2 * BARS:
            self._width *= 2
            self._first, self._last = self._first // 2, self._last // 2
            self._seen = _halved(self._seen)
            self._failed = _halved(self._failed)

    def _slices(self, start: int, scale: float) -> list[Path]:
        (family, _), *_ = self._families.most_common(1)
        tallest = max(self._seen.values())
        wide = max(self._width * scale * 0.72, 1.5)
        seen, failed = [], []
        for at, number in sorted(self._seen.items()):
            x = min(max((at * self._width - start) * scale, 0.0), WIDTH - wide)
            high = 3 + 19 * number / tallest
            seen.append(_rect(x, (HEIGHT - high) / 2, wide, high))
            if errors := self._failed.get(at):
                high *= errors / number
                failed.append(_rect(x, (HEIGHT - high) / 2, wide, high))
        paths = [Path("blip", family, "".join(seen))]
        return [*paths, Path("err", family, "".join(failed))] if failed else paths


def _halved(slices: Counter[int]) -> Counter[int]:
    merged: Counter[int] = Counter()
    for at, number in slices.items():
        merged[at // 2] += number
    return merged


def _draw(
    looks: dict[tuple[str, str], list[str]],
    look: tuple[str, str],
    began: float,
    lasted: float,
    scale: float,
    top: int,
) -> None:
    wide = min(max(lasted * scale, _NARROWEST), WIDTH)
    x = min(max(began * scale, 0.0), WIDTH - wide)
    looks.setdefault(look, []).append(_rect(x, top, wide, 5 if top < 16 else 4))


def _rect(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def _errors_last(looks: dict[tuple[str, str], list[str]]) -> list[tuple[tuple[str, str], list[str]]]:
    return sorted(looks.items(), key=lambda item: item[0][0] == "err")
