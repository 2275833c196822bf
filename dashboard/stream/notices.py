"""What tells a reader how the page itself fares: paused, waiting, empty, broken, over.

Comes in: the state of one client. Goes out: small pieces of markup by the id of the element that
each one replaces.
"""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from .. import wording
from ..journal.base import Cursor
from ..query import QuerySyntaxError
from ..query.excerpt import excerpt
from ..sampling import Left
from .fragments import FLAT, TREE, live_url

_NOTHING = mark_safe("")


def token(cursor: Cursor, tally: str, frame: int = 0) -> SafeString:
    """Return where to go on after a reconnection, as the page's hello will say it."""
    return format_html(
        '<div id="token" hidden data-cursor="{}" data-tally="{}" data-frame="{}"></div>', cursor, tally, frame
    )


def pill(number: int, layout: str) -> SafeString:
    """Return what waits above while the reader reads; hidden when nothing does."""
    context = {"number": number, "what": "emissions" if layout == FLAT else "traces"}
    return SafeString(render_to_string("signalscope/pill.html", context))


def pause(*, paused: bool, waiting_now: int = 0) -> SafeString:
    """Return the pause button, and the notice that stands while the page is paused."""
    context = {"paused": paused, "waiting": waiting(waiting_now)}
    button = render_to_string("signalscope/pause.html", context)
    return SafeString(button + render_to_string("signalscope/paused.html", context))


def waiting(number: int) -> SafeString:
    """Return the number of emissions that wait while the page is paused."""
    return format_html('<b id="waiting">{}</b>', wording.many(number, "emission"))


def void(*, shown: bool, cleared: bool = False, filtered: bool = False) -> SafeString:
    """Return the sentence that stands in an empty list, hidden when the list is not empty."""
    context = {"shown": shown, "cleared": cleared, "filtered": filtered, "live": live_url(TREE, "")}
    return SafeString(render_to_string("signalscope/void.html", context))


def no_guide() -> SafeString:
    """Return what takes away the guide for newcomers, once there is enough to look at."""
    return mark_safe('<section class="guide" id="guide" hidden></section>')


def said(traces: int, emissions: int, failed: int, *, flat: bool, waits: bool) -> SafeString:
    """Return a summary for those who listen: what came, in one sentence."""
    came = [] if flat else [wording.many(traces, "new trace")]
    came.append(wording.many(emissions, "new emission" if flat else "emission"))
    if failed:
        came.append(f"{wording.count(failed)} of them with an error")
    return format_html("{}{}", ", ".join(came), ": they wait above." if waits else ".")


def journal_error(error: str | None) -> SafeString:
    """Return the notice that the journal cannot be read or written; empty and hidden when it can."""
    if not error:
        return mark_safe('<div class="notice is-error" id="journal-error" role="alert" hidden></div>')
    return format_html(
        '<div class="notice is-error" id="journal-error" role="alert"><b>Journal:</b> <span>{}</span></div>',
        error,
    )


def sampled(left: Left) -> SafeString:
    """Return the notice that the journal holds a share of the traces; empty and hidden where it holds all."""
    if not left:
        return mark_safe('<div class="notice is-info" id="sampled" hidden></div>')
    return format_html(
        '<div class="notice is-info" id="sampled"><b>Sample</b> <span>{}</span></div>', wording.sampled(left)
    )


def filter_error(text: str, error: QuerySyntaxError) -> SafeString:
    """Return the notice that a filter does not parse, and where."""
    wrong = {"error": error, "excerpt": excerpt(text, error)}
    context = {"wrong": wrong, "until": "No rows come until then."}
    return SafeString(render_to_string("signalscope/filter_error.html", context))


def ended(reason: str, remedy: str, href: str = "", action: str = "") -> SafeString:
    """Return the notice that the socket was closed for good, and what to do."""
    context = {"reason": reason, "remedy": remedy, "href": href, "action": action}
    return SafeString(render_to_string("signalscope/ended.html", context))


def nothing_there(reason: str) -> SafeString:
    """Return the row that stands where rows were asked for and there are none."""
    return SafeString(render_to_string("signalscope/rows/nothing.html", {"reason": reason}))
