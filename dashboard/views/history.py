"""The history: the whole journal searched with the filter language, a range of time, page by page.

Comes in: a query, a layout, a range, a cursor. Goes out: the rows that the live page would have shown,
the rate over time to choose a range from, and links to older and newer pages and to a replay.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.safestring import mark_safe

from .. import conf, pipeline, wording
from ..journal.base import Cursor, Journal, JournalError
from ..query import Query
from ..query.nodes import Or
from ..security import guarded
from ..stream import fragments, legends
from ..stream.fragments import FLAT, TREE
from ..stream.lookback import Found, page_above, search
from ..stream.sieve import Sieve, Within
from . import histogram
from .filters import Chip, Look
from .live import drawn_rows, roll_of
from .page import page

_LONGEST = 40


class Asked(NamedTuple):
    """What the address asks for: a look, a range of time, and where the page begins or ends.

    ``wrong`` names the ends of the range that are no times; they count as not given.
    """

    look: Look
    since: int | None
    until: int | None
    wrong: list[str]
    before: Cursor | None
    above: Cursor | None
    edited: str = ""

    @classmethod
    def of(cls, parameters: QueryDict) -> Asked:
        """Read the address."""
        ends: dict[str, int | None] = {}
        wrong = []
        for name in ("from", "to"):
            text = parameters.get(name, "").strip()[:_LONGEST]
            ends[name] = histogram.read(text) if text else None
            if text and ends[name] is None:
                wrong.append(text)
        since, until = ends["from"], ends["to"]
        if since is not None and until is not None and until <= since:
            since, until = until, since + 1
        return cls(
            Look.of(parameters),
            since,
            until,
            wrong,
            Cursor.parse(parameters.get("before", "")),
            Cursor.parse(parameters.get("newer", "")),
            parameters.get("edit", "")[:500],
        )

    @property
    def has_range(self) -> bool:
        """Whether a range of time was chosen."""
        return self.since is not None or self.until is not None

    def address(self, query: str | None = None, layout: str = "", **cursor: object) -> str:
        """Return the address of this search, with another query, layout or cursor."""
        chosen = layout or self.look.layout
        return fragments.history_url(
            q=self.text if query is None else query,
            layout="" if chosen == TREE else chosen,
            **{"from": self.since_text, "to": self.until_text},
            **cursor,
        )

    @property
    def text(self) -> str:
        """The query as it stands in addresses."""
        return str(self.look.query)

    @property
    def since_text(self) -> str:
        """Where the range begins, as the form's field holds it."""
        return "" if self.since is None else histogram.written(self.since)

    @property
    def until_text(self) -> str:
        """Where the range ends, as the form's field holds it."""
        return "" if self.until is None else histogram.written(self.until)


class Bounds(NamedTuple):
    """Between which numbers the range lies (both not in it), and the cursor's fate."""

    after: int
    before: int
    within: Within | None
    gone: str = ""


@guarded
def history(request: HttpRequest) -> HttpResponse:
    """Show one page of what is found, with the rate over time."""
    asked = Asked.of(request.GET)
    if not asked.look.wrong and (len(request.GET.getlist("q")) > 1 or "" in request.GET.values()):
        # What a form sends: the address that the reader keeps is shorter.
        return HttpResponseRedirect(asked.address())
    context: dict[str, Any] = {"asked": asked, "found": Found(), "bounds": None, "chart": None}
    try:
        context |= _found(pipeline.journal(), asked)
    except JournalError as problem:
        context["journal_error"] = str(problem)
    rows = drawn_rows(context["found"], asked.look)
    context |= {
        "look": asked.look,
        "batches": mark_safe("".join(rows)),  # noqa: S308  (made of rendered templates)
        "empty": not rows,
        "processes": legends.legend(roll_of(context["found"]), asked.look.query, asked.address),
    }
    return page(request, "signalscope/history.html", context | _box(asked), name="history")


def _found(journal: Journal, asked: Asked) -> dict[str, Any]:
    head, times = journal.head(), journal.times()
    if times is None:
        return {}
    bounds = _bounds(journal, asked, head, times)
    chart = histogram.histogram(journal, times, bounds.within)
    look = asked.look
    top = bounds.before

    def sieve() -> Sieve:
        return Sieve(journal, look.query, flat=look.layout == FLAT, within=bounds.within)

    if asked.before is not None and not bounds.gone:
        top = min(top, asked.before.seq)
    elif asked.above is not None and not bounds.gone:
        top = page_above(journal, look.query, sieve(), max(asked.above.seq, bounds.after), top)
    found = search(
        journal,
        look.query,
        sieve(),
        before=top,
        after=bounds.after,
        shown_to=bounds.before - 1,
        slow_ms=conf.get().SLOW_MS,
    )
    return {"found": found, "bounds": bounds, "chart": chart} | _links(asked, head, bounds, found, top)


def _bounds(journal: Journal, asked: Asked, head: Cursor, times: tuple[int, int]) -> Bounds:
    after, before, within = 0, head.seq + 1, None
    if asked.has_range:
        until = max(times[1], asked.since or 0) + 1 if asked.until is None else asked.until
        within = Within(min(times[0], until - 1) if asked.since is None else asked.since, until)
        lowest, highest = journal.span(*within)
        after, before = max(lowest - 1, 0), (highest + 1 if highest else 0)
    return Bounds(after, before, within, _gone(journal, asked, head))


def _gone(journal: Journal, asked: Asked, head: Cursor) -> str:
    cursor = asked.before or asked.above
    if cursor is None:
        return ""
    if cursor.epoch != head.epoch:
        return "This address is of a journal that was replaced since."
    oldest = journal.read(0, 1)
    if asked.before is not None and oldest and cursor.seq <= oldest[0].seq:
        return f"What stood before seq {cursor.seq:,} is not held any more."
    return ""


def _links(asked: Asked, head: Cursor, bounds: Bounds, found: Found, top: int) -> dict[str, Any]:
    lowest = max(found.reached, bounds.after + 1)
    stretch = (bounds.after, bounds.before - 1) if asked.has_range else (lowest - 1, top - 1)
    links: dict[str, Any] = {
        "older": asked.address(before=Cursor(head.epoch, found.reached)) if found.more else "",
        "newer": asked.address(newer=Cursor(head.epoch, top - 1)) if top < bounds.before else "",
        "newest": asked.address(),
        "looked": wording.many(found.entries, "entry", "entries"),
    }
    if stretch[0] < stretch[1]:
        layout, text = asked.look.layout, str(asked.look.query)
        links["live_stretch"] = fragments.stretch_url(*stretch, layout, text)
        links["replay"] = fragments.replay_url(*stretch, layout, text)
    return links


def _box(asked: Asked) -> dict[str, Any]:
    """Return what the query box and the form around the range need."""
    look, query = asked.look, asked.look.query
    text = str(query)
    return {
        "text": text,
        "chips": _chips(asked, query),
        "given": f"({text})" if isinstance(query.root, Or) else text,
        "typed": look.wrong.text if look.wrong else asked.edited,
        "wrong": look.wrong,
        "until": look.until,
        "layouts": [
            (name, title, name == look.layout, asked.address(layout=name))
            for name, title in ((TREE, "Tree"), (FLAT, "Flat"))
        ],
        "whole": fragments.history_url(q=asked.text, layout="" if look.layout == TREE else look.layout),
        "everything": fragments.history_url(),
    }


def _chips(asked: Asked, query: Query) -> list[Chip]:
    return [
        Chip(term, asked.address(term.without), asked.address(term.without, edit=term.text))
        for term in query.terms
    ]
