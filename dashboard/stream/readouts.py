"""The numbers around the stream: the top bar's, the filter bar's, and the scope.

Comes in: counts and rates. Goes out: small pieces of markup by the id of the element that each
one replaces.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from .. import wording
from ..naming import FAMILIES

REMEMBERED = 200
"""Pages with the same filter are told the same numbers."""

CHANNELS = {
    "save": "model save",
    "delete": "model delete",
    "m2m": "m2m_changed",
    "request": "request",
    "auth": "auth",
    "custom": "custom",
    "db": "db",
    "migrate": "migrate",
    "init": "init",
    "bypass": "bypass",
}
"""The families as channels, with the words on them."""

_LAMP = (
    '<span class="conn" id="lamp" data-conn="{}"><span class="led" aria-hidden="true"></span>'
    "<span>{}{}</span></span>"
)
_SCOPE_WIDTH, _SCOPE_HEIGHT = 240, 36
_SCOPE_STEP = _SCOPE_WIDTH / 59


def readouts(
    *,
    rate: float = 0.0,
    seq: int = 0,
    dropped: int = 0,
    seconds: Sequence[Mapping[str, int]] = (),
    waiting: int | None = None,
) -> dict[str, SafeString]:
    """Return the numbers of the top bar, by name; each can be swapped on its own."""
    return {
        "rate": format_html('<output id="rate">{}</output>', f"{rate:,.1f}"),
        "seq": format_html('<output id="seq">{}</output>', wording.count(seq)),
        "dropped": _dropped(dropped),
        "scope": scope(seconds),
        "lamp": lamp(waiting),
    }


def dropped(number: int) -> SafeString:
    """Return how many emissions found no room."""
    lost = mark_safe(' class="is-lost"') if number else ""
    return format_html('<output id="dropped"{}>{}</output>', lost, wording.count(number))


_dropped = dropped
"""The same for ``readouts``, which has a parameter of that name."""


def fill(number: int) -> SafeString:
    """Return how many entries the journal holds."""
    return format_html('<b id="fill">{}</b>', wording.count(number))


def lamp(waiting: int | None) -> SafeString:
    """Return the lamp of a working connection: live, or paused with the number that waits."""
    if waiting is None:
        return format_html(_LAMP, "live", "live", "")
    # Read out once, and not with every number.
    count = format_html('<span aria-hidden="true"> · {} waiting</span>', wording.count(waiting))
    return format_html(_LAMP, "paused", "paused", count)


def scope(seconds: Sequence[Mapping[str, int]]) -> SafeString:
    """Return the last minute as an oscilloscope draws it: stacked by family, oldest on the left."""
    peak = max((sum(second.values()) for second in seconds), default=0)
    said = f"Emissions per second over the last 60 seconds, at most {peak:,}"
    layers, crest = _layers(seconds, peak)
    return format_html(
        '<svg id="scope" role="img" aria-label="{}" preserveAspectRatio="none" viewBox="0 0 {} {}">'
        '<path class="grat" d="M24 0v36M48 0v36M72 0v36M96 0v36M120 0v36M144 0v36M168 0v36M192 0v36M216 0v36'
        'M0 12h240M0 24h240"/>{}<path class="crest" vector-effect="non-scaling-stroke" d="{}"/></svg>',
        said,
        _SCOPE_WIDTH,
        _SCOPE_HEIGHT,
        format_html_join("", '<path class="layer fam-{}" d="{}"/>', layers),
        crest,
    )


def _layers(seconds: Sequence[Mapping[str, int]], peak: int) -> tuple[list[tuple[str, str]], str]:
    base = [float(_SCOPE_HEIGHT - 1)] * len(seconds)
    if not peak:
        return [], f"M0 {_SCOPE_HEIGHT - 1}h{_SCOPE_WIDTH}"
    scale = (_SCOPE_HEIGHT - 5) / peak
    known = [family for family in FAMILIES if any(second.get(family) for second in seconds)]
    layers = []
    for family in known:
        under = list(base)
        base = [y - second.get(family, 0) * scale for y, second in zip(base, seconds, strict=True)]
        outline = _line(base) + _line(under[::-1], start=len(under) - 1, step=-1).replace("M", "L", 1)
        layers.append((family, outline + "z"))
    return layers, _line(base)


def _line(heights: Sequence[float], start: int = 0, step: int = 1) -> str:
    points = (
        f"{(start + step * index) * _SCOPE_STEP:.1f} {height:.1f}" for index, height in enumerate(heights)
    )
    return "M" + "L".join(points)


@lru_cache(REMEMBERED)
def channel_count(family: str, number: int) -> SafeString:
    """Return the count on a channel's button."""
    return format_html('<span class="count" id="n-{}">{}</span>', family, wording.count(number))


@lru_cache(REMEMBERED)
def matching(matched: int, looked: int) -> SafeString:
    """Return how many of the emissions looked at pass the filter."""
    return format_html(
        '<span class="note" id="matching">matching <b>{}</b> of <b>{}</b></span>',
        wording.count(matched),
        wording.count(looked),
    )


def tallies(matched: int, looked: int, families: Mapping[str, int]) -> dict[str, SafeString]:
    """Return the numbers of the filter bar, by name."""
    counts = {f"n-{family}": channel_count(family, families.get(family, 0)) for family in CHANNELS}
    return counts | {"matching": matching(matched, looked)}


def pulses(counts: Mapping[str, int]) -> SafeString:
    """Return what the graph's dots travel by: paths with how often each was taken."""
    return format_html(
        '<div id="pulses" hidden data-pulses="{}"></div>', json.dumps(counts, ensure_ascii=False)
    )


def tally_text(matched: int, looked: int, families: Mapping[str, int]) -> str:
    """Return counts as one text, for ``tally_of``."""
    return " ".join(
        [f"{matched}/{looked}", *(f"{family}={number}" for family, number in families.items() if number)]
    )


def tally_of(text: str) -> tuple[int, int, Counter[str]]:
    """Return matched, looked and the families' counts of such a text; what is malformed counts as 0."""
    matched = looked = 0
    families: Counter[str] = Counter()
    for part in text[:500].split():
        name, equals, number = part.partition("=")
        first, slash, second = part.partition("/")
        if slash and _is_count(first) and _is_count(second):
            matched, looked = int(first), int(second)
        elif equals and name in CHANNELS and _is_count(number):
            families[name] = int(number)
    return matched, looked, families


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
