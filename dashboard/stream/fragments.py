"""The rows that page and socket both show, each rendered once and shared by all clients.

Comes in: summaries, emissions, stretches of the journal. Goes out: safe markup. What costs a
template is kept by what it shows and how new that is, as many pieces as ``Pieces`` has room for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from .. import wording
from ..events import Bypass, Gap, Origin, Unknown
from ..links import reverse
from ..query.selection import Sent
from ..sessions import current
from ..traces.rows import flat_row
from ..traces.summaries import TraceSummary, microseconds
from ..traces.tree import Rows
from .lookback import Found

TREE, FLAT, NONE = "tree", "flat", "none"
SOCKET = "ws/signals/"
"""Where the websocket is, below the root, or below the script name where there is one."""

WINDOW = 300
STEP_ON = 2_000
AROUND = timedelta(seconds=10)
"""So much time before and after a gap is shown with it."""

_NOTHING = mark_safe("")


class Pieces:
    """Rendered markup by key, the least recently used forgotten first."""

    def __init__(self, room: int = 4_000) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[Any, ...], SafeString] = OrderedDict()

    def get(self, key: tuple[Any, ...], render: Callable[[], SafeString]) -> SafeString:
        """Return the piece under ``key``, rendered now if it is not held.

        A session's are never held: another journal has other rows under the same key.
        """
        if current.shown() is not None:
            return render()
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
        rendered = render()
        with self._lock:
            self._held[key] = rendered
            if len(self._held) > self._room:
                self._held.popitem(last=False)
        return rendered

    def clear(self) -> None:
        """Let go of every piece."""
        with self._lock:
            self._held.clear()


_pieces = Pieces()


def forget() -> None:
    """Let go of all rendered rows: in another journal the same trace and seq may say something else."""
    _pieces.clear()


def keep(key: tuple[Any, ...], render: Callable[[], SafeString]) -> SafeString:
    """Return what was rendered under this key, as long as it is held; otherwise render it."""
    return _pieces.get(key, render)


# --- rows ----------------------------------------------------------------------------------------


def rows_url(trace: str, **parameters: Any) -> str:
    """Return the address of a trace's rows."""
    address = reverse("signalscope:rows", args=[trace])
    return f"{address}?{urlencode(parameters)}" if parameters else address


def trace_url(trace: str, **parameters: Any) -> str:
    """Return the address of a trace's page."""
    address = reverse("signalscope:trace", args=[trace])
    return f"{address}?{urlencode(parameters)}" if parameters else address


def cells(summary: TraceSummary) -> SafeString:
    """Return the part of an origin's row that changes while its trace goes on."""
    key = ("cells", summary.trace, summary.last_seq, summary.state)
    return _pieces.get(
        key,
        lambda: render_to_string(
            "signalscope/rows/cells.html", {"trace": summary, "url": trace_url(summary.trace)}
        ),
    )


def trace(summary: TraceSummary, rows: SafeString = _NOTHING) -> SafeString:
    """Return a trace's origin row, and its other rows when it is shown unfolded."""
    if rows:
        return _whole(summary, rows)
    return _pieces.get(
        ("trace", summary.trace, summary.last_seq, summary.state), lambda: _whole(summary, rows)
    )


def _whole(summary: TraceSummary, rows: SafeString) -> SafeString:
    context = {"trace": summary, "url": rows_url(summary.trace), "cells": cells(summary), "rows": rows}
    return render_to_string("signalscope/rows/trace.html", context)


def tree(rows: Rows, more_url: str = "") -> SafeString:
    """Return the rows of an unfolded trace."""
    return render_to_string(
        "signalscope/rows/tree.html", {"rows": rows, "more_url": more_url, "window": WINDOW}
    )


def flat(entry: Sent, slow_ms: float, origin: Origin | None = None) -> SafeString:
    """Return the row of an emission, or of a bypass, in the flat layout, with what started its trace."""
    return _pieces.get(
        ("flat", entry.id, entry.seq, slow_ms, origin is not None, _running(entry)),
        lambda: render_to_string("signalscope/rows/flat.html", _flat(entry, slow_ms, origin)),
    )


def _running(entry: Sent) -> int:
    """Return how many of its calls are not known to have ended."""
    return 0 if isinstance(entry, Bypass) else sum(call.outcome == "running" for call in entry.calls)


def _flat(entry: Sent, slow_ms: float, origin: Origin | None) -> dict[str, Any]:
    return {
        "row": flat_row(entry, slow_ms),
        "at": entry.at,
        "at_us": microseconds(entry.at),
        "url": entry_url(entry),
        "process": entry.process,
        "origin": _started_by(origin) if origin else "",
        "trace_url": trace_url(entry.trace, emission=entry.id) if entry.trace else "",
    }


def _started_by(origin: Origin) -> str:
    # Of a command its name says more than the program before it, and there is little room.
    title = origin.title or origin.type
    return title if origin.type == "command" else f"{origin.verb} {title}".strip()


def entry_url(entry: Sent, call: int | None = None) -> str:
    """Return the address of an emission (of one of its calls) or of a bypass."""
    address = reverse("signalscope:emission", args=[entry.id])
    if isinstance(entry, Bypass):
        # The journal finds emissions by their id alone, a bypass through its trace.
        return f"{address}?{urlencode({'trace': entry.trace})}"
    return address if call is None else f"{address}#call-{call}"


def batch(name: str, rows: Iterable[str], *, arrives: bool = False) -> SafeString:
    """Return rows as one batch: what is inserted, and later deleted, at once."""
    return format_html(
        '<div class="batch{}" id="{}" role="presentation">{}</div>',
        " is-new" if arrives else "",
        name,
        mark_safe("".join(rows)),  # noqa: S308  (each row was rendered by a template)
    )


def more(after: int, upto: int, number: int, layout: str, query: str) -> SafeString:
    """Return the row that stands for what a frame had no room for, and opens exactly that."""
    what = wording.many(number, "more emission" if layout == FLAT else "more trace")
    # Pages that saw the same are told the same. Made for each, it would be most of what a page costs.
    return _pieces.get(
        ("more", after, upto, number, layout, query),
        lambda: _stretch_row("more", f"+{what}", stretch_url(after, upto, layout, query), "open"),
    )


def skipped(after: int, upto: int, layout: str, query: str) -> SafeString:
    """Return the row for a stretch of the journal that a client was too far behind to be sent."""
    what = f"seq {after + 1:,} to {upto:,} passed while this page was not following"
    return _stretch_row("gap", what, stretch_url(after, upto, layout, query), "fill from the journal")


def older(found: Found, layout: str, query: str, after: int, shown_to: int) -> SafeString:
    """Return the row at the end of a list: how far the look back went, and a link further back.

    ``shown_to`` is the newest seq of the list, so that what it shows is not shown again.
    """
    what = f"looked at {wording.many(found.entries, 'entry', 'entries')}, back to seq {found.reached:,}"
    address = stretch_url(after, found.reached - 1, layout, query, shown=shown_to)
    return _stretch_row("older", what, address, "look further back")


def newer(upto: int, layout: str, query: str) -> SafeString:
    """Return the row at the beginning of a list that ends before the journal does."""
    address = stretch_url(upto, upto + STEP_ON, layout, query, further=1)
    return _stretch_row("newer", f"up to seq {upto:,}", address, "look further on")


def here(at: datetime) -> SafeString:
    """Return the row that marks the moment a reader jumped to."""
    return SafeString(render_to_string("signalscope/rows/here.html", {"at": at}))


def _stretch_row(name: str, what: str, address: str, action: str) -> SafeString:
    context = {"name": name, "key": address.partition("?")[2], "what": what, "address": address}
    context["action"] = action
    return SafeString(render_to_string("signalscope/rows/stretch.html", context))


def stretch_url(after: int, upto: int, layout: str, query: str, **parameters: int) -> str:
    """Return the address that shows what matches in the stretch ``(after, upto]`` of the journal."""
    return _live(_look(layout, query) | {"after": after, "upto": upto} | parameters)


def export_url(**parameters: str) -> str:
    """Return the address of a session file: ``q``, ``since``, ``until``, ``trace`` as far as given."""
    asked = urlencode({name: value for name, value in parameters.items() if value})
    address = reverse("signalscope:session_file")
    return f"{address}?{asked}" if asked else address


def around_url(upto: int, layout: str, query: str, here: str) -> str:
    """Return the address of the journal up to a seq, with the moment ``here`` (ISO 8601) marked in it."""
    return _live(_look(layout, query) | {"upto": upto, "here": here}) + "#here"


def history_url(**parameters: Any) -> str:
    """Return the address of the history with these parameters; empty ones are left out."""
    given = {name: value for name, value in parameters.items() if value}
    address = reverse("signalscope:history")
    return f"{address}?{urlencode(given)}" if given else address


def replay_url(after: int, upto: int, layout: str, query: str, **parameters: Any) -> str:
    """Return the address of the page that plays the stretch ``(after, upto]`` of the journal again."""
    asked = _look(layout, query) | {"after": after, "upto": upto} | parameters
    return f"{reverse('signalscope:replay')}?{urlencode(asked)}"


def live_url(layout: str, query: str) -> str:
    """Return the address of the live page with this look."""
    return _live(_look(layout, query))


def edit_url(layout: str, query: str, term: str) -> str:
    """Return the address of the live page with this look, and a term ready to be changed."""
    return _live(_look(layout, query) | {"edit": term})


def socket_url(layout: str, query: str) -> str:
    """Return the websocket's address for a page with this look."""
    return f"{get_script_prefix()}{SOCKET}?{urlencode({'q': query, 'layout': layout})}"


def replay_socket_url(after: int, upto: int, speed: str, layout: str, query: str) -> str:
    """Return the websocket's address for a page that plays this stretch of what is shown."""
    asked = {"q": query, "layout": layout, "after": after, "upto": upto, "speed": speed}
    if (shown := current.shown()) is not None:
        asked["session"] = shown.session.name
    return f"{get_script_prefix()}{SOCKET}?{urlencode(asked)}"


def _look(layout: str, query: str) -> dict[str, Any]:
    look: dict[str, Any] = {"q": query} if query else {}
    return look | ({"layout": layout} if layout != TREE else {})


def _live(parameters: dict[str, Any]) -> str:
    address = reverse("signalscope:live")
    return f"{address}?{urlencode(parameters)}" if parameters else address


def gap(entry: Gap) -> SafeString:
    """Return the row for entries that were dropped before they reached the journal."""
    where = f" in pid {entry.process.pid} on {entry.process.host}" if entry.process else ""
    return format_html(
        '<div class="row row-gap is-lost" role="row" aria-level="1" tabindex="-1" data-key="gap.{}">'
        '<span class="label" role="gridcell">gap</span> '
        '<span class="why" role="gridcell" title="{}">{} dropped{}: {}</span> '
        '<a class="link" role="gridcell" href="{}">look around it</a></div>',
        entry.seq,
        entry.reason,
        wording.many(entry.dropped, "emission"),
        where,
        entry.reason,
        _around(entry),
    )


def _around(entry: Gap) -> str:
    """Return the address of the history from a little before the gap to a little after it."""
    ends = {"from": entry.at - AROUND, "to": (entry.until or entry.at) + AROUND}
    return history_url(**{name: wording.field(at) for name, at in ends.items()})


def unknown(entry: Unknown, times: int) -> SafeString:
    """Return the row for entries of a kind that nobody here knows; ``entry`` is the newest of them."""
    return format_html(
        '<div class="row row-gap row-unknown" role="row" aria-level="1" tabindex="-1" data-key="unknown.{}">'
        '<span class="why" role="gridcell" title="{}">{}</span> '
        '<a class="link" role="gridcell" href="{}">look at {}</a></div>',
        entry.seq,
        wording.unknown(entry.kind, times),
        wording.unknown(entry.kind, times),
        unknown_url(entry),
        "it" if times == 1 else "the newest",
    )


def unknown_url(entry: Unknown) -> str:
    """Return the address of an entry of a kind that this version does not know."""
    return reverse("signalscope:entry", args=[entry.seq])


def oob(markup: str, how: str) -> SafeString:
    """Return markup as a fragment that htmx swaps in the way ``how`` says (``afterbegin:#rows``)."""
    return format_html('<div hx-swap-oob="{}">{}</div>', how, mark_safe(markup))  # noqa: S308  (made above)


def withdrawn(row: str) -> SafeString:
    """Return the fragment that deletes a row: of a trace, or in the flat layout of an emission."""
    return deleted(f"r-{row}")


def deleted(name: str) -> SafeString:
    """Return the fragment that deletes the element with this id."""
    return format_html('<div id="{}" hx-swap-oob="delete"></div>', name)
