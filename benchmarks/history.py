"""Searching a million entries: how long each kind of search takes, and by which way SQLite goes.

Comes in: a file for the journal and how many entries, ``python -m benchmarks.history [FILE] [ENTRIES]``; a
file that holds that many is searched as it is. Goes out: one table, best and median of some rounds, and
the query plans. The page's own code is timed, from the query's text to the rows' entries, with more
patience than the page has. "CPU" is what all threads used together: what remains comparable on a busy
machine. Exits with 1 when a search that should be whole and under a second is not.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from benchmarks.million import NEEDLE, RARE_USER, entries  # noqa: E402
from dashboard.journal.sqlite import SqliteJournal  # noqa: E402
from dashboard.journal.sqlite_search import where  # noqa: E402
from dashboard.query import parse  # noqa: E402
from dashboard.stream.lookback import Found, search  # noqa: E402
from dashboard.stream.sieve import Sieve  # noqa: E402
from dashboard.views.histogram import histogram  # noqa: E402

ROUNDS = 5
TO_REACH_S = 1.0
PATIENCE_S = 60.0


class Case(NamedTuple):
    """A search: its text, in the flat layout or as traces, and whether it must come to an end in time."""

    text: str
    flat: bool = False
    whole: bool = True


CASES = (
    Case("", whole=False),
    Case(NEEDLE),
    Case(NEEDLE, flat=True),
    Case("nothing-like-this"),
    Case(f"user:{RARE_USER}"),
    Case(f"user:{RARE_USER} signal:post_save", flat=True),
    Case("connection refused", whole=False),
    Case("is:error", whole=False),
    Case("is:error signal:pre_save"),
    Case("sender:=shop.Order pk:42"),
    Case("took:>200ms"),
    Case("signal:nowhere"),
    Case("receiver:audit took:>80ms"),
    Case("site:nowhere.py"),
    Case("is:rolled-back", whole=False),
    Case("queries:>3", whole=False),
)


def filled(path: Path, number: int) -> SqliteJournal:
    """Return the journal in the file, with so many entries."""
    journal = SqliteJournal(path)
    if journal.extent().count < number:
        began, source = time.perf_counter(), entries(number)
        while batch := list(islice(source, 1_000)):
            journal.append(batch)
        spent = time.perf_counter() - began
        print(f"{number:,} entries stored in {spent:.0f} s, {path.stat().st_size / 1e6:,.0f} MB\n")
    return journal


def run(journal: SqliteJournal, case: Case) -> Found:
    """Search as the page does."""
    query = parse(case.text)
    sieve = Sieve(journal, query, flat=case.flat, patience_s=PATIENCE_S if case.whole else TO_REACH_S)
    return search(journal, query, sieve, before=journal.head().seq + 1)


class Spent(NamedTuple):
    """How long the rounds took: by the clock, and of the processors' time."""

    clock: list[float]
    cpu: list[float]


def seconds(work: Callable[[], object]) -> Spent:
    """Return how long each round took, after one that does not count."""
    work()
    spent = Spent([], [])
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        work()
        spent.clock.append(time.perf_counter() - began)
        spent.cpu.append(time.process_time() - used)
    return spent


def report(name: str, spent: Spent, what: str) -> None:
    """Print one line of the table."""
    clock, cpu = spent
    print(f"{name:45} {min(clock):8.3f} {statistics.median(clock):8.3f} {min(cpu):8.3f}   {what}")


def searches(journal: SqliteJournal) -> list[str]:
    """Time every case; return those that missed what is to be reached."""
    missed = []
    print(f"{'':45} {'best s':>8} {'median':>8} {'CPU':>8}")
    for case in CASES:
        found = run(journal, case)
        spent = seconds(lambda case=case: run(journal, case))  # type: ignore[misc]
        rows = len(found.sent) + len(found.traces)
        whole = "all of it looked at" if not found.more else f"looked at {found.entries:,}"
        report(f"{case.text or '(everything)'}{', flat' * case.flat}", spent, f"{rows} rows, {whole}")
        if case.whole and (found.more or min(spent.clock) > TO_REACH_S):
            missed.append(case.text)
    return missed


def others(journal: SqliteJournal) -> None:
    """Time what else the page reads."""
    times = journal.times()
    assert times is not None
    report("times()", seconds(journal.times), "earliest and latest")
    report("span() of all", seconds(lambda: journal.span(*times)), "the numbers of a range of time")
    report("histogram of all", seconds(lambda: histogram(journal, times, None)), "120 bars")
    print()


def plans(journal: SqliteJournal) -> None:
    """Print by which way SQLite goes for each case."""
    for case in CASES:
        narrow = Sieve(journal, parse(case.text), flat=case.flat).narrow
        condition, arguments = where(narrow)
        sql = f"SELECT seq, body FROM entries WHERE seq BETWEEN ? AND ?{condition} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        with journal._pool.lend("read") as connection:
            steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 50_000, *arguments, 1_000)).fetchall()
        print(f"{case.text or '(everything)'}{', flat' * case.flat}:{condition or ' (no condition)'}")
        for step in steps:
            print(f"    {step[3]}")


def main() -> None:
    """Fill, measure, print."""
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "journal.sqlite3"
        journal = filled(path, number)
        load = os.getloadavg()[0]
        versions = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
        print(f"{versions}, load {load:.1f}, {ROUNDS} rounds")
        missed = searches(journal)
        others(journal)
        plans(journal)
        journal.close()
    if missed:
        sys.exit(f"Not whole, or not under {TO_REACH_S:g} s: {', '.join(missed)}")


if __name__ == "__main__":
    main()
