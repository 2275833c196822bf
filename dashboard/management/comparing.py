"""``signals compare``: two traces, or two session files' whole content, and what differs.

Comes in: two names, each a trace's id or an imported session. Goes out: the sentence of the page that
compares, and a line for each difference; exit code 0 either way.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.core.management.base import CommandError

from .. import pipeline
from ..comparison import Row, compare, profile, sentence
from ..comparison.summing import name_of
from ..events import Entry
from ..journal.base import JournalError
from ..sessions import LIVE, SessionError
from ..sessions.stretch import Wanted, read
from ..statistics.origins import origin_label
from .terminal import Part, Terminal, printable

HELP = "Compare two traces, or two sessions: which calls are new, gone, slower, in another order."

MOST_ENTRIES = 50_000
_ROLES = {"raises": "error", "new": "good", "slower": "warning", "queries": "warning", "gone": "warning"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals compare``."""
    what = "a trace's id, an imported session's name, SESSION:TRACE, or live for the whole journal"
    parser.add_argument("a", metavar="A", help=what)
    parser.add_argument("b", metavar="B", help="what is compared with it, named likewise")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Print what differs. Raises ``CommandError`` when a side cannot be read."""
    try:
        (before, one), (after, other) = _read(options["a"]), _read(options["b"])
    except (SessionError, JournalError) as error:
        raise CommandError(printable(str(error))) from error
    label = None if one and other else origin_label
    found = compare(profile(before, label), profile(after, label))
    terminal.line([sentence(found)])
    for row in found.changed():
        if row.key.kind != "whole" or row.marks:
            terminal.line(_line(row))


def _read(name: str) -> tuple[Sequence[Entry], bool]:
    """Return a side's entries, and whether they are one trace."""
    session, colon, trace = name.rpartition(":")
    if not colon:
        held = pipeline.sessions().find(name)
        session, trace = (name, "") if held or name == LIVE else (LIVE, name)
    with pipeline.reading(session) as journal:
        if trace:
            entries = journal.read_trace(trace, MOST_ENTRIES)
        else:
            entries = [entry for entry, _ in islice(read(journal, Wanted()), MOST_ENTRIES)]
    if not entries or not name:
        raise SessionError(
            f"{name!r} is neither a trace in the journal nor an imported session with anything in it. "
            "signals tail --json prints the ids of traces, the page of sessions their names."
        )
    return entries, bool(trace)


def _line(row: Row) -> list[Part | str]:
    parts: list[Part | str] = ["  " * row.level, name_of(row)]
    if row.key.kind == "emission" and row.key.of:
        parts.append(f" {row.key.of}")
    for mark in row.marks:
        more = f" ({mark.title})" if mark.title and mark.name not in ("new", "gone") else ""
        parts += ["  ", Part(mark.word, _ROLES.get(mark.name, "")), more]
    return parts
