"""The tail: everybody who follows sees every entry once, from memory where it reaches.

Comes in: a journal that others append to. Goes out: slices, rates and calls to subscribers.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard import causality
from dashboard.events import Emission, Entry
from dashboard.journal import Cursor, JournalError
from dashboard.journal.sqlite import SqliteJournal
from dashboard.rates import Counts
from dashboard.tail import Tail

from .samples import NOON, emission, origin

ROOT = Path(__file__).resolve().parent.parent


class Watched(SqliteJournal):
    """A journal that counts what is read, and fails with ``failure`` while it is set."""

    failure: JournalError | None = None
    read_count = 0

    def head(self) -> Cursor:
        if self.failure is not None:
            raise self.failure
        return super().head()

    def read(self, after: int, limit: int) -> list[Entry]:
        entries = super().read(after, limit)
        self.read_count += len(entries)
        return entries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Watched:
    return Watched(path)


@pytest.fixture
def app(path: Path) -> Iterator[SqliteJournal]:
    """Return the same journal as the watched app has it open."""
    opened = SqliteJournal(path)
    yield opened
    opened.close()


Make = Callable[..., Tail]


@pytest.fixture
def make(journal: Watched) -> Iterator[Make]:
    made: list[Tail] = []

    def one(**options: Any) -> Tail:
        made.append(Tail(journal, **({"interval_s": 0.005} | options)))
        return made[-1]

    yield one
    for tail in made:
        tail.close()


@pytest.fixture
def tail(make: Make) -> Tail:
    """Return a tail that is followed, and has read what there is."""
    followed = make()
    followed.acquire()
    caught_up(followed)
    return followed


def eventually(holds: Callable[[], object], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.002)


def caught_up(tail: Tail, seq: int | None = None) -> None:
    """Wait until the ring reaches ``seq``, or the end of the journal."""
    target = tail._journal.head().seq if seq is None else seq
    eventually(lambda: tail._head is not None and tail._head.seq >= target)


def many(count: int, start: int = 0, **fields: Any) -> list[Entry]:
    return [emission(f"e{number}", number, **fields) for number in range(start, start + count)]


def seqs(entries: list[Entry]) -> list[int]:
    return [entry.seq for entry in entries]


def walk(tail: Tail, limit: int, until: int, seq: int = 0) -> list[int]:
    """Follow by cursor, as a client does, until ``until`` has come; return every seq seen."""
    seen: list[int] = []
    deadline = time.monotonic() + 10
    while seq < until:
        assert time.monotonic() < deadline
        part = tail.since(seq, limit)
        assert part.cursor.seq >= seq
        seen += seqs(part.entries)
        seq = part.cursor.seq
    return seen


def test_new_entries_come_from_memory(tail: Tail, journal: Watched, app: SqliteJournal) -> None:
    app.append(many(3))
    caught_up(tail, 3)
    read = journal.read_count
    part = tail.since(0, 10)
    assert seqs(part.entries) == [1, 2, 3]
    assert part.cursor == tail.head == app.head()
    assert part.behind == 0
    assert journal.read_count == read
    assert part.entries == app.read(0, 10)


def test_a_slice_says_how_many_more_wait(tail: Tail, app: SqliteJournal) -> None:
    app.append(many(10))
    caught_up(tail, 10)
    first = tail.since(0, 4)
    assert (seqs(first.entries), first.cursor.seq, first.behind) == ([1, 2, 3, 4], 4, 6)
    second = tail.since(first.cursor.seq, 6)
    assert (seqs(second.entries), second.cursor.seq, second.behind) == ([5, 6, 7, 8, 9, 10], 10, 0)
    assert tail.since(10, 6) == ([], Cursor(app.head().epoch, 10), 0)


def test_a_cursor_ahead_of_the_tail_is_never_moved_back(tail: Tail, app: SqliteJournal) -> None:
    app.append(many(2))
    caught_up(tail, 2)
    assert tail.since(50, 10).cursor.seq == 50


def test_acquiring_reads_only_the_last_part(make: Make, journal: Watched, app: SqliteJournal) -> None:
    app.append(many(3_000))
    tail = make(capacity=400, page=30)
    tail.acquire()
    caught_up(tail)
    assert tail.oldest == 2_901
    assert journal.read_count == 100
    assert tail.reaches(2_900)
    assert not tail.reaches(2_899)


def test_what_the_ring_no_longer_holds_comes_from_the_journal(make: Make, app: SqliteJournal) -> None:
    app.append(many(500))
    tail = make(capacity=40)
    tail.acquire()
    caught_up(tail)
    part = tail.since(100, 5)
    assert seqs(part.entries) == [101, 102, 103, 104, 105]
    assert (part.cursor, part.behind) == (Cursor(app.head().epoch, 105), 395)
    assert walk(tail, 60, 500) == list(range(1, 501))


def test_the_ring_is_bounded(make: Make, app: SqliteJournal) -> None:
    tail = make(capacity=50, page=20)
    tail.acquire()
    caught_up(tail)
    for start in range(0, 200, 40):
        app.append(many(40, start))
        caught_up(tail)
        assert len(tail._ring) <= 50
    assert tail.oldest == 151
    assert seqs(tail.since(150, 100).entries) == list(range(151, 201))


@pytest.mark.parametrize(("limit", "capacity"), [(7, 10_000), (7, 60), (500, 60)])
def test_followers_lose_nothing_and_see_nothing_twice(
    make: Make, app: SqliteJournal, limit: int, capacity: int
) -> None:
    app.append(many(100))
    tail = make(capacity=capacity, page=25)
    tail.acquire()
    appending = threading.Thread(target=lambda: [app.append(many(17, n * 17)) for n in range(60)])
    appending.start()
    seen = walk(tail, limit, 100 + 17 * 60)
    appending.join()
    assert seen == list(range(1, 101 + 17 * 60))


def test_holes_in_the_numbers_are_passed_over(make: Make, app: SqliteJournal, path: Path) -> None:
    app.append(many(100))
    editor = sqlite3.connect(path)
    with editor:
        editor.execute("DELETE FROM entries WHERE seq % 3 = 0 OR seq BETWEEN 40 AND 60 OR seq > 97")
    editor.close()
    left = [n for n in range(1, 98) if n % 3 and not 40 <= n <= 60]
    tail = make(capacity=80)
    tail.acquire()
    caught_up(tail, 97)
    assert walk(tail, 4, 97) == left
    assert walk(tail, 4, 97, seq=50) == [n for n in left if n > 50]
    assert tail.since(97, 5).behind == 0
    assert app.append(many(1)) == 101
    caught_up(tail, 101)
    assert seqs(tail.since(97, 5).entries) == [101]


def test_the_ring_still_has_what_the_journal_has_pruned(tail: Tail, app: SqliteJournal) -> None:
    app.append(many(20))
    caught_up(tail, 20)
    app.prune(5)
    assert seqs(tail.since(0, 100).entries) == list(range(1, 21))


def test_a_burst_larger_than_the_ring_is_not_dragged_through_it(make: Make, app: SqliteJournal) -> None:
    app.append(many(5))
    tail = make(capacity=40)
    tail.acquire()
    caught_up(tail)
    app.append(many(3_000))
    caught_up(tail, 3_005)
    assert tail.oldest == 3_005 - 10 + 1
    assert walk(tail, 700, 3_005, seq=5) == list(range(6, 3_006))


def test_it_follows_only_while_somebody_holds_it(make: Make, journal: Watched, app: SqliteJournal) -> None:
    app.append(many(3))
    tail = make()
    assert tail.oldest == 0
    assert tail.head == app.head()
    assert seqs(tail.since(1, 10).entries) == [2, 3]
    assert not tail.reaches(3)
    tail.acquire()
    tail.acquire()
    caught_up(tail)
    tail.release()
    app.append(many(2))
    caught_up(tail, 5)
    assert tail.oldest == 1
    tail.release()
    tail.release()
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "signalscope-tail"])
    assert tail.oldest == 0
    assert not tail.reaches(5)
    app.append(many(2))
    assert tail.head.seq == 7
    assert seqs(tail.since(4, 10).entries) == [5, 6, 7]
    tail.acquire()
    caught_up(tail, 7)
    assert seqs(tail.since(4, 10).entries) == [5, 6, 7]


def test_subscribers_are_called_after_new_entries_and_not_once_unsubscribed(
    tail: Tail, app: SqliteJournal
) -> None:
    heads: list[int] = []
    contexts: list[object] = []

    def look() -> None:
        heads.append(tail.head.seq)
        contexts.append(causality.current.get())

    tail.subscribe(look)
    app.append(many(2))
    eventually(lambda: heads)
    assert heads[-1] == 2
    assert set(contexts) == {causality.SUPPRESSED}
    tail.unsubscribe(look)
    tail.unsubscribe(look)
    called = len(heads)
    app.append(many(2))
    caught_up(tail, 4)
    assert len(heads) == called


def test_a_subscriber_that_fails_is_counted_and_the_others_are_called(tail: Tail, app: SqliteJournal) -> None:
    called = threading.Event()

    def fail() -> None:
        raise RuntimeError("a test")

    tail.subscribe(fail)
    tail.subscribe(called.set)
    app.append(many(1))
    assert called.wait(5)
    assert tail.faults == 1
    called.clear()
    app.append(many(1))
    assert called.wait(5)
    assert tail.faults == 2


def test_another_epoch_empties_the_ring(tail: Tail, app: SqliteJournal, path: Path) -> None:
    app.append(many(5))
    caught_up(tail, 5)
    before = tail.head
    called = threading.Event()
    tail.subscribe(called.set)
    path.unlink()
    app.append(many(2))
    eventually(lambda: tail.head.epoch != before.epoch)
    assert called.is_set()
    caught_up(tail, 2)
    assert tail.head == app.head()
    assert seqs(tail.since(0, 10).entries) == [1, 2]
    assert tail.since(0, 10).cursor.epoch == app.head().epoch


def test_a_slice_never_mixes_two_lives_of_the_journal(
    make: Make, journal: Watched, app: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.append(many(5))
    tail = make()
    read = journal.read

    def read_and_replace(after: int, limit: int) -> list[Entry]:
        entries = read(after, limit)
        monkeypatch.setattr(journal, "read", read)
        path.unlink()
        app.append([origin()])
        return entries

    monkeypatch.setattr(journal, "read", read_and_replace)
    part = tail.since(0, 10)
    assert part.cursor == app.head()
    assert not isinstance(part.entries[0], Emission)


def test_an_error_is_told_and_following_goes_on_when_it_is_over(
    tail: Tail, journal: Watched, app: SqliteJournal
) -> None:
    app.append(many(1))
    caught_up(tail, 1)
    errors: list[str | None] = []
    tail.subscribe(lambda: errors.append(tail.error))
    journal.failure = JournalError("The journal cannot be read: a test. Wait.")
    app.append(many(1))
    eventually(lambda: errors)
    assert tail.error == "The journal cannot be read: a test. Wait."
    assert seqs(tail.since(0, 10).entries) == [1], "what is in the ring can still be seen"
    journal.failure = None
    caught_up(tail, 2)
    eventually(lambda: tail.error is None)
    assert seqs(tail.since(0, 10).entries) == [1, 2]
    assert errors[0] is not None
    eventually(lambda: errors[-1] is None)


def test_a_journal_that_cannot_be_read_from_the_start_is_an_error_too(make: Make, path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)
    tail = make()
    tail.acquire()
    eventually(lambda: tail.error)
    assert "file is not a database" in str(tail.error)
    with pytest.raises(JournalError):
        tail.since(0, 1)


def test_what_another_process_appends_is_seen_soon(tail: Tail, path: Path) -> None:
    script = (
        "import sys, time\n"
        "from dashboard.journal.sqlite import SqliteJournal\n"
        "from tests.samples import emission\n"
        "SqliteJournal(sys.argv[1]).append([emission('there')])\n"
        "print(time.time())\n"
    )
    seen: list[float] = []
    tail.subscribe(lambda: seen.append(time.time()))
    command = [sys.executable, "-c", script, str(path)]
    stored = float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    eventually(lambda: seen)
    assert seen[0] - stored < 0.5
    assert [entry.id for entry in tail.since(0, 1).entries if isinstance(entry, Emission)] == ["there"]


def follow_in_child(tail: Tail) -> None:
    assert not tail.reaches(10)
    tail.acquire()
    caught_up(tail, 3)
    assert seqs(tail.since(0, 10).entries) == [1, 2, 3]
    tail.release()


def test_a_forked_child_follows_by_itself(tail: Tail, app: SqliteJournal) -> None:
    app.append(many(3))
    caught_up(tail, 3)
    child = multiprocessing.get_context("fork").Process(target=follow_in_child, args=(tail,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    app.append(many(1))
    caught_up(tail, 4)


# Rates


class Clock:
    now = NOON.timestamp() + 100.0

    def __call__(self) -> float:
        return self.now


def emitted(at: float, family: str = "save") -> Emission:
    return emission(at=datetime.fromtimestamp(at, UTC), family=family)


def test_rates_count_emissions_by_second_and_family() -> None:
    clock = Clock()
    counts = Counts(clock)
    clock.now += 0.5
    second = int(clock.now)
    counts.add([emitted(second - 1), emitted(second - 0.5), emitted(second - 0.1, "custom"), origin()])
    counts.add([emitted(second - 2), emitted(second + 0.1)])
    rates = counts.rates()
    assert rates.per_second == 3.0
    assert len(rates.seconds) == 60
    assert rates.seconds[-1] == {"save": 2, "custom": 1}
    assert rates.seconds[-2] == {"save": 1}
    assert rates.seconds[-3] == {}


def test_a_second_counts_as_full_only_when_its_entries_have_come() -> None:
    clock = Clock()
    counts = Counts(clock)
    second = int(clock.now)
    counts.add([emitted(second - 1)])
    clock.now = second + 0.1
    assert counts.rates().per_second == 0.0
    clock.now = second + 0.3
    assert counts.rates().per_second == 1.0


def test_rates_forget_what_is_older_than_a_minute_and_distrust_the_future() -> None:
    clock = Clock()
    counts = Counts(clock)
    second = int(clock.now)
    counts.add([emitted(second - 500), emitted(second - 60), emitted(second + 500)])
    clock.now += 0.5
    assert [sum(each.values()) for each in counts.rates().seconds] == [1, *[0] * 59]
    clock.now += 1
    assert counts.rates().per_second == 1.0, "the entry from the future counts when it came"
    clock.now += 100
    counts.add([])
    assert counts._seconds == {}


def test_the_tail_counts_what_it_follows_and_what_it_finds(make: Make, app: SqliteJournal) -> None:
    clock = Clock()
    app.append([emitted(clock.now - 10.0)])
    tail = make(clock=clock)
    assert tail.rates().per_second == 0.0
    tail.acquire()
    caught_up(tail, 1)
    app.append([emitted(clock.now - 1), emitted(clock.now - 1)])
    caught_up(tail, 3)
    clock.now += 0.5
    rates = tail.rates()
    assert rates.per_second == 2.0
    assert rates.seconds[-10] == {"save": 1}


def test_what_is_in_memory_can_be_had_without_a_read(
    make: Make, journal: Watched, app: SqliteJournal
) -> None:
    tail = make(capacity=4)
    app.append(many(3))
    assert tail.recent() == []
    tail.acquire()
    caught_up(tail, 3)
    app.append(many(3, 3))
    caught_up(tail, 6)
    read = journal.read_count
    assert seqs(tail.recent()) == [3, 4, 5, 6]
    assert journal.read_count == read
    tail.release()
    assert tail.recent() == []


def test_what_is_in_memory_is_not_passed_off_as_the_newest_while_the_journal_cannot_be_read(
    tail: Tail, journal: Watched, app: SqliteJournal
) -> None:
    app.append(many(3))
    caught_up(tail, 3)
    journal.failure = JournalError("Away.")
    app.append(many(1, 3))
    eventually(lambda: tail.error)
    assert tail.recent() == []
    journal.failure = None
    eventually(lambda: len(tail.recent()) == 4)
