"""The legend of the stream: which processes its rows come from, and a link to the rows of each.

Comes in: a roll, and what the page asks for. Goes out: markup, hidden while there is but one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from ..events import Process
from ..query import Query
from . import fragments
from .roll import Roll


class Key(NamedTuple):
    """A process in the legend: whether the page shows it alone, and the address that turns this round."""

    process: Process
    id: str
    on: bool
    toggled: str


def processes(roll: Roll, layout: str, query: Query) -> SafeString:
    """Return the legend of a live page with this look. Rendered once for all pages that show the same."""
    return fragments.keep(
        ("processes", roll.text, roll.others, layout, str(query)),
        lambda: legend(roll, query, lambda text: fragments.live_url(layout, text), boosted=True),
    )


def legend(roll: Roll, query: Query, address: Callable[[str], str], *, boosted: bool = False) -> SafeString:
    """Return the legend; ``address`` gives the page's with another filter, ``boosted`` lets htmx go there."""
    shown = roll.shown
    context = {
        "keys": [_key(process, query, address) for process in shown],
        "many_hosts": len({process.host for process in shown}) > 1,
        "others": roll.others,
        "roll": roll.text,
        "boosted": boosted,
    }
    return SafeString(render_to_string("signalscope/processes.html", context))


def _key(process: Process, query: Query, address: Callable[[str], str]) -> Key:
    value = f"={process.name}"
    chosen = [
        term for term in query.terms if term.key == "process" and term.value == value and not term.negated
    ]
    toggled = chosen[0].without if chosen else query.with_term("process", process.name, exact=True)
    named = f"p-{crc32(process.name.encode(errors='replace')):08x}"
    return Key(process, named, bool(chosen), address(toggled))
