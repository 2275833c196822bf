"""``signals tail``: the journal's newest entries, and those to come.

Comes in: the journal that every process of the project writes. Goes out: one line an entry, for
people or as JSON, until interrupted.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError

from .. import conf, events
from ..events import Bypass, Emission, Entry, Late, Origin, Outcome
from ..journal import Cursor, Journal, JournalError, open_journal
from ..query import Background, Query, QuerySyntaxError, background_of, parse
from ..query.excerpt import excerpt
from .sampled import mention
from .sentences import sentence
from .terminal import Terminal, printable

HELP = "Print the journal's newest entries, and follow it."

BACKLOG = 10
CHUNK = 500
SEARCHED = 50_000
_POLL_S = 0.1
_RETRY_S = 1.0
_TRACES = 1_000
_TRACE_ENTRIES = 1_000
_NAMED = 10


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals tail``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--since", type=_number, metavar="SEQ", help="begin after the entry with this seq")
    parser.add_argument(
        "--no-follow", action="store_true", help="print what is there and end, instead of following"
    )
    parser.add_argument("--filter", default="", metavar="QUERY", help="print only what this query matches")
    parser.add_argument(
        "--limit",
        type=_positive,
        metavar="N",
        help="end after N entries; with --no-follow alone: the newest N",
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ArgumentTypeError(f"{text!r} is no seq; give a whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    number = _number(text)
    if not number:
        raise ArgumentTypeError("0 entries would print nothing; give a number from 1 on")
    return number


def run(options: dict[str, Any], terminal: Terminal, sleep: Callable[[float], object] = time.sleep) -> None:
    """Print entries until there is nothing to wait for. Raises ``CommandError`` for filter and journal."""
    settings = conf.get()
    query = query_of(options["filter"], settings.SLOW_MS)
    follows = not options["no_follow"]
    mention(terminal)
    try:
        with closing(open_journal(settings.JOURNAL)) as journal:
            found = _Reader(journal, query, terminal, sleep).entries(
                options["since"], options["limit"], follows
            )
            for count, entry in enumerate(found, start=1):
                if options["json"]:
                    terminal.json(events.encode(entry))
                else:
                    terminal.line(sentence(entry, settings.SLOW_MS))
                if count == options["limit"]:
                    return
    except JournalError as error:
        raise CommandError(printable(str(error))) from error


def query_of(text: str, slow_ms: float) -> Query:
    """Return the query of a ``--filter``; one that does not parse is a ``CommandError`` that shows where."""
    try:
        return parse(text, slow_ms=slow_ms)
    except QuerySyntaxError as error:
        found = excerpt(text, error)
        before, wrong = printable(found.before), printable(found.wrong)
        raise CommandError(
            f"The filter does not parse at column {found.column}. {printable(error.message)}\n"
            f"  {before}{wrong}{printable(found.after)}\n  {' ' * len(before)}{'^' * max(len(wrong), 1)}"
        ) from None


class _Reader:
    """Reads the entries that a query asks for: the newest, those after a seq, those to come."""

    def __init__(
        self, journal: Journal, query: Query, terminal: Terminal, sleep: Callable[[float], object]
    ) -> None:
        self._journal = journal
        self._query = query
        self._terminal = terminal
        self._sleep = sleep
        self._backgrounds = _Backgrounds(journal)
        self._needs_background = query.needs_origin or query.needs_outcomes
        self._cursor = Cursor("", 0)
        self._began = 0

    def entries(self, since: int | None, limit: int | None, follows: bool) -> Iterator[Entry]:
        self._journal.changed()
        self._cursor = self._journal.head()
        if since is None:
            count = min(BACKLOG, limit or BACKLOG) if follows else limit or BACKLOG
            yield from self._newest(count)
            self._began = self._cursor.seq
        else:
            self._say_what_is_missing(since)
            self._cursor = self._cursor._replace(seq=since)
            self._began = since
            yield from self._unread()
        if follows:
            yield from self._to_come()

    def _newest(self, count: int) -> list[Entry]:
        found: list[Entry] = []
        before, searched = self._cursor.seq + 1, 0
        while len(found) < count and searched < SEARCHED:
            chunk = self._journal.read_back(before, CHUNK)
            if not chunk:
                break
            found.extend(entry for entry in chunk if self._asked(entry))
            before, searched = chunk[-1].seq, searched + len(chunk)
        return found[:count][::-1]

    def _unread(self) -> Iterator[Entry]:
        while chunk := self._journal.read(self._cursor.seq, CHUNK):
            for entry in chunk:
                yield from self._belated(entry)
                if self._asked(entry):
                    yield entry
            self._cursor = self._cursor._replace(seq=chunk[-1].seq)

    def _to_come(self) -> Iterator[Entry]:
        said = ""
        while True:
            try:
                self._check_epoch()
                yield from self._unread()
                said = ""
                while not self._journal.changed():
                    self._pause(_POLL_S)
            except JournalError as error:
                if str(error) != said:
                    said = str(error)
                    self._terminal.notice(said)
                self._pause(_RETRY_S)

    def _check_epoch(self) -> None:
        head = self._journal.head()
        if head.epoch != self._cursor.epoch:
            self._terminal.notice("The journal began anew; what follows is the new one.")
            self._cursor = Cursor(head.epoch, 0)
            self._began = 0

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
        self._terminal.check_reader()

    def _asked(self, entry: Entry) -> bool:
        if not self._needs_background:
            return self._query.matches(entry, *(self._backgrounds.of_trace(entry.trace) or Background()))
        return self._query.matches(entry, *self._backgrounds.of(entry))

    def _belated(self, entry: Entry) -> list[Entry]:
        """Return what was read before, and is asked for because of what this entry tells of its trace.

        What is not asked for any more was printed: that is said.
        """
        if not (self._needs_background and isinstance(entry, Origin | Outcome)) and not (
            self._query.needs_ends and isinstance(entry, Late)
        ):
            return []
        before = self._backgrounds.of_trace(entry.trace)
        if before is None and not self._needs_background:
            before = Background()
        now = self._backgrounds.learn(entry)
        if before is None or not self._query.learns(before, now):
            return []
        gained: list[Entry] = []
        lost: list[Entry] = []
        for earlier in self._journal.read_trace(entry.trace, _TRACE_ENTRIES, after=self._began):
            if earlier.seq >= entry.seq or not isinstance(earlier, Emission | Bypass):
                continue
            did, does = self._query.matches(earlier, *before), self._query.matches(earlier, *now)
            if did != does:
                (gained if does else lost).append(earlier)
        if lost:
            self._terminal.notice(_taken_back(lost, entry))
        return gained

    def _say_what_is_missing(self, since: int) -> None:
        newest, extent = self._cursor.seq, self._journal.extent()
        if since > newest:
            self._terminal.notice(
                f"The journal's newest seq is {newest}: there is nothing after {since} yet."
            )
        elif extent.count and since + 1 < extent.oldest:
            self._terminal.notice(
                f"The journal begins at seq {extent.oldest}: {since + 1} to {extent.oldest - 1} are gone."
            )


def _taken_back(lost: list[Entry], told_by: Entry) -> str:
    seqs = ", ".join(str(entry.seq) for entry in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
    return f"Printed above, and not matching any more since seq {told_by.seq}: seq {seqs}{more}."


class _Backgrounds:
    """What is known of each trace as far as it was read; of a bounded number of traces."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: OrderedDict[str, Background] = OrderedDict()

    def of_trace(self, trace: str) -> Background | None:
        """Return what is known of the trace, or ``None`` when nothing of it was read yet."""
        return self._known.get(trace)

    def of(self, entry: Entry) -> Background:
        """Return what is known of the entry's trace; of one that was not met before, all there is."""
        if not entry.trace:
            return Background()
        if entry.trace not in self._known:
            self._remember(entry.trace, background_of(self._journal.read_trace(entry.trace, _TRACE_ENTRIES)))
        return self._known[entry.trace]

    def learn(self, entry: Entry) -> Background:
        """Take in what an entry tells of its trace, and return what is known then."""
        known = self._known.get(entry.trace, Background()).with_entry(entry)
        self._remember(entry.trace, known)
        return known

    def _remember(self, trace: str, background: Background) -> None:
        self._known[trace] = background
        self._known.move_to_end(trace)
        if len(self._known) > _TRACES:
            self._known.popitem(last=False)
