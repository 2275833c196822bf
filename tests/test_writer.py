"""The writer: what is pushed is stored, what cannot be is counted and shown, and the app never waits.

Comes in: pushed numbers, which the tests' ``encode`` makes emissions of. Goes out: the journal's entries.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboard import causality, exits
from dashboard.events import Emission, Entry, Gap
from dashboard.journal import Journal, JournalError, Packed, pack
from dashboard.journal.sqlite import SqliteJournal
from dashboard.slices import PAUSE_S
from dashboard.writer import Writer

from .samples import emission

ROOT = Path(__file__).resolve().parent.parent
BROKEN = "The journal cannot be written: a test. Wait."


class Unsteady(SqliteJournal):
    """A journal that fails with ``failure`` while it is set, and waits while ``open`` is not set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, busy_s=0.05)
        self.failure: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.sizes: list[int] = []
        self.suppressed: list[bool] = []

    def append_packed(self, batch: Sequence[Packed]) -> int:
        self.entered.set()
        assert self.open.wait(10)
        self.suppressed.append(causality.current.get() is causality.SUPPRESSED)
        if self.failure is not None:
            raise self.failure
        self.sizes.append(len(batch))
        return super().append_packed(batch)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Unsteady]:
    opened = Unsteady(tmp_path / "journal.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def reader(journal: Unsteady) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(journal._file.path)
    yield opened
    opened.close()


Make = Callable[..., Writer]


@pytest.fixture
def make(journal: Unsteady) -> Iterator[Make]:
    """Return what makes writers into ``journal``; they are stopped after the test."""
    made: list[Writer] = []

    def one(capacity: int = 1_000, **options: Any) -> Writer:
        defaults: dict[str, Any] = {"journal_factory": lambda: journal, "encode": encode, "interval_s": 0.005}
        made.append(Writer(capacity=capacity, **(defaults | options)))
        return made[-1]

    yield one
    journal.failure = None
    journal.open.set()
    for writer in made:
        writer.stop(10)


def encode(number: Any) -> Packed:
    return pack(emission(f"e{number}"))


def stored(journal: Journal) -> list[Entry]:
    return journal.read(0, 100_000)


def ids(journal: Journal) -> list[str]:
    return [entry.id for entry in stored(journal) if isinstance(entry, Emission)]


def gaps(journal: Journal) -> list[Gap]:
    return [entry for entry in stored(journal) if isinstance(entry, Gap)]


def eventually(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.005)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "signalscope-writer"]


def test_flush_waits_for_no_interval_however_many_batches_there_are(
    make: Make, reader: SqliteJournal
) -> None:
    writer = make(interval_s=60, batch=10)
    for number in range(20):
        writer.push(number)
    assert writer.flush(5)
    assert len(ids(reader)) == 20


def test_what_is_pushed_is_stored_in_order(make: Make, reader: SqliteJournal) -> None:
    writer = make()
    for number in range(100):
        writer.push(number)
    assert writer.flush()
    assert ids(reader) == [f"e{number}" for number in range(100)]
    assert (writer.written, writer.dropped, writer.faults, writer.waiting) == (100, 0, 0, 0)
    assert writer.error is None


def test_it_writes_without_being_asked_to(make: Make, reader: SqliteJournal) -> None:
    writer = make(interval_s=0.05)
    writer.push(1)
    eventually(lambda: ids(reader) == ["e1"], within_s=2)


def test_the_thread_starts_with_the_first_push_and_is_a_daemon(make: Make) -> None:
    writer = make()
    assert threads() == []
    writer.push(1)
    (thread,) = threads()
    assert thread.daemon
    writer.stop(10)
    assert threads() == []


def test_everything_of_its_own_runs_suppressed(make: Make, journal: Unsteady) -> None:
    seen: list[object] = []

    def look(number: Any) -> Packed:
        seen.append(causality.current.get())
        return encode(number)

    writer = make(encode=look)
    writer.push(1)
    assert writer.flush()
    assert seen == [causality.SUPPRESSED]
    assert journal.suppressed == [True]
    assert causality.current.get() is None


def test_an_event_that_encodes_to_nothing_leaves_nothing(make: Make, reader: SqliteJournal) -> None:
    writer = make(encode=lambda number: encode(number) if number % 2 else None)
    for number in range(4):
        writer.push(number)
    assert writer.flush()
    assert ids(reader) == ["e1", "e3"]
    assert (writer.faults, writer.dropped) == (0, 0)


def test_batches_are_bounded(make: Make, journal: Unsteady, reader: SqliteJournal) -> None:
    writer = make(batch=10)
    journal.open.clear()
    writer.push(0)
    assert journal.entered.wait(5)
    for number in range(1, 36):
        writer.push(number)
    journal.open.set()
    assert writer.flush()
    assert len(ids(reader)) == 36
    assert journal.sizes == [1, 10, 10, 10, 5]


def test_encoding_lets_the_others_run_again_and_again(make: Make) -> None:
    pauses: list[float] = []

    def slow(number: Any) -> Packed:
        until = time.perf_counter() + 0.0006
        while time.perf_counter() < until:
            pass
        return encode(number)

    writer = make(encode=slow, sleep=pauses.append, interval_s=0.2)
    for number in range(20):
        writer.push(number)
    assert writer.flush()
    assert 10 <= len(pauses) <= 20
    assert set(pauses) == {PAUSE_S}


# Dropped and counted


def test_push_does_not_wait_for_a_journal_that_hangs(make: Make, journal: Unsteady) -> None:
    writer = make(capacity=50)
    journal.open.clear()
    writer.push(0)
    assert journal.entered.wait(5)
    began = time.monotonic()
    for number in range(1_000):
        writer.push(number)
    assert time.monotonic() - began < 0.5
    assert writer.waiting == 51
    assert writer.dropped == 950


def test_a_full_buffer_drops_the_newest_and_a_gap_stands_where_they_are_missing(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    writer = make(capacity=20, batch=10)
    journal.open.clear()
    writer.push(0)
    assert journal.entered.wait(5)
    before = time.time()
    for number in range(1, 31):
        writer.push(number)
    after = time.time()
    assert writer.dropped == 10
    journal.open.set()
    eventually(lambda: writer.waiting == 0)
    writer.push(99)
    assert writer.flush()
    entries = stored(reader)
    assert ids(reader) == [*(f"e{number}" for number in range(21)), "e99"]
    gap = entries[21]
    assert isinstance(gap, Gap)
    assert gap.dropped == 10
    assert gap.reason == "The buffer of 20 events was full."
    assert gap.until is not None
    assert before - 0.001 <= gap.at.timestamp() <= gap.until.timestamp() <= after + 0.001
    assert gap.process is not None
    assert gap.process.pid == os.getpid()


def test_the_counts_of_all_gaps_make_up_what_was_dropped(make: Make, reader: SqliteJournal) -> None:
    writer = make(capacity=100, batch=50)

    def push(name: int) -> None:
        for number in range(5_000):
            writer.push((name, number))

    pushers = [threading.Thread(target=push, args=(name,)) for name in range(3)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    writer.stop(5)
    assert writer.dropped > 0
    assert sum(gap.dropped for gap in gaps(reader)) == writer.dropped
    assert len(ids(reader)) + writer.dropped == 15_000


def test_a_fault_in_encoding_is_counted_shown_and_skipped(make: Make, reader: SqliteJournal) -> None:
    def faulty(number: Any) -> Packed:
        if number == 1:
            raise RecursionError("in encode")
        if number == 2:
            return pack(emission("e2", payload={"not": object()}))
        return encode(number)

    writer = make(encode=faulty, interval_s=0.2)
    for number in range(4):
        writer.push(number)
    writer.stop(10)
    assert ids(reader) == ["e0", "e3"]
    assert writer.faults == 2
    assert {(gap.dropped, gap.reason) for gap in gaps(reader)} == {
        (1, "They could not be encoded: RecursionError."),
        (1, "They could not be encoded: TypeError."),
    }


def test_a_batch_that_the_journal_cannot_take_is_not_in_the_way_of_the_next(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    writer = make()
    journal.failure = OverflowError("a test")
    writer.push(1)
    eventually(lambda: len(journal.suppressed) >= 3)
    assert "OverflowError: a test" in str(writer.error)
    journal.failure = None
    writer.push(2)
    writer.stop(10)
    assert ids(reader) == ["e2"]
    assert writer.faults == 1
    assert writer.error is None
    assert [(gap.dropped, gap.reason) for gap in gaps(reader)] == [
        (1, "They could not be stored: OverflowError.")
    ]


# The journal fails


def test_while_the_journal_fails_all_is_kept_and_stored_when_it_works_again(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    writer = make()
    journal.failure = JournalError(BROKEN)
    for number in range(50):
        writer.push(number)
    eventually(lambda: writer.error)
    assert writer.error == BROKEN
    assert not writer.flush(0.05)
    assert writer.waiting >= 50
    journal.failure = None
    eventually(lambda: writer.error is None)
    assert writer.flush()
    assert ids(reader) == [f"e{number}" for number in range(50)]
    assert writer.dropped == 0
    assert gaps(reader) == []


def test_what_overflowed_while_the_journal_failed_is_a_gap_that_names_its_error(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    writer = make(capacity=10, batch=5)
    journal.failure = JournalError(BROKEN)
    writer.push(0)
    eventually(lambda: writer.error)
    for number in range(1, 31):
        writer.push(number)
    journal.failure = None
    assert writer.flush()
    writer.stop(10)
    assert ids(reader) == [f"e{number}" for number in range(11)]
    (gap,) = gaps(reader)
    assert gap.dropped == writer.dropped == 20
    assert gap.reason == f"The buffer of 10 events was full while the journal failed: {BROKEN}"


def test_a_failing_journal_is_tried_again_with_growing_pauses(make: Make, journal: Unsteady) -> None:
    writer = make()
    journal.failure = JournalError(BROKEN)
    writer.push(1)
    eventually(lambda: writer._retry_s >= 0.4)
    assert len(journal.suppressed) == 3


def test_a_journal_that_cannot_be_opened_is_opened_later(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    failures: list[Exception] = [JournalError(BROKEN)]

    def factory() -> Journal:
        if failures:
            raise failures.pop()
        return journal

    writer = make(journal_factory=factory)
    writer.push(1)
    eventually(lambda: writer.error == BROKEN)
    assert writer.flush()
    assert writer.error is None
    assert ids(reader) == ["e1"]


def test_a_lock_of_some_seconds_costs_nothing_but_time(make: Make, reader: SqliteJournal) -> None:
    writer = make()
    writer.push(1)
    assert writer.flush()
    other = sqlite3.connect(reader._file.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    pushed = [2]
    writer.push(2)
    eventually(lambda: writer.error)
    assert "database is locked" in str(writer.error)
    slowest = 0.0
    until = time.monotonic() + 1
    while time.monotonic() < until:
        began = time.perf_counter()
        pushed.append(pushed[-1] + 1)
        writer.push(pushed[-1])
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.01)
    other.execute("COMMIT")
    other.close()
    assert writer.flush()
    assert writer.error is None
    assert ids(reader) == [f"e{number}" for number in range(1, pushed[-1] + 1)]
    assert slowest < 0.05


def test_a_damaged_journal_is_begun_anew_and_nothing_pushed_is_lost(
    make: Make, reader: SqliteJournal
) -> None:
    reader._file.path.write_bytes(b"rubbish" * 1000)
    writer = make()
    for number in range(3):
        writer.push(number)
    assert writer.flush()
    assert writer.error is None
    assert ids(reader) == ["e0", "e1", "e2"]
    (gap,) = gaps(reader)
    assert "damaged" in gap.reason


# Ending


def test_flush_with_nothing_to_do_starts_nothing(make: Make) -> None:
    assert make().flush(0.0)
    assert threads() == []


def test_stop_writes_what_waits_closes_the_journal_and_may_be_repeated(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    writer = make(interval_s=60)
    for number in range(10):
        writer.push(number)
    writer.stop(10)
    writer.stop(10)
    assert len(ids(reader)) == 10
    with pytest.raises(JournalError, match="closed"):
        journal.head()
    writer.push(11)
    assert writer.dropped == 1
    assert writer.flush(0.0)
    assert threads() == []


def test_stop_does_not_wait_long_for_a_journal_that_fails(make: Make, journal: Unsteady) -> None:
    writer = make()
    journal.failure = JournalError(BROKEN)
    writer.push(1)
    eventually(lambda: writer.error)
    began = time.monotonic()
    writer.stop()
    assert time.monotonic() - began < 1.5
    assert (writer.dropped, writer.waiting) == (1, 0)


def test_retention_keeps_the_newest_in_the_writers_thread(
    make: Make, reader: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.writer.PRUNE_EVERY_S", 0.01)
    writer = make(keep_entries=10)
    for number in range(60):
        writer.push(number)
    eventually(lambda: reader.extent().count == 10)
    assert ids(reader) == [f"e{number}" for number in range(50, 60)]


def test_retention_by_age_deletes_the_old(make: Make, reader: SqliteJournal) -> None:
    writer = make(keep_seconds=60.0)
    writer.push(1)  # of the samples' day, long ago
    eventually(lambda: reader.head().seq == 1 and reader.extent().count == 0)


def test_a_journal_that_cannot_be_pruned_is_an_error_until_it_can(
    make: Make, journal: Unsteady, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.writer.PRUNE_EVERY_S", 0.01)
    failures: list[Exception] = [JournalError(BROKEN)]

    def prune(*arguments: Any) -> int:
        if failures:
            raise failures[0]
        return 0

    monkeypatch.setattr(journal, "prune", prune)
    writer = make(keep_entries=10)
    writer.push(1)
    eventually(lambda: writer.error == BROKEN)
    failures.clear()
    eventually(lambda: writer.error is None)


# Processes


def push_and_flush(writer: Writer, number: int) -> None:
    assert writer.waiting == 0
    assert writer.written == 0
    writer.push(number)
    assert writer.flush()
    assert writer.written == 1


def test_a_forked_child_starts_empty_and_writes_its_own(
    make: Make, journal: Unsteady, reader: SqliteJournal
) -> None:
    parent = os.getpid()
    writer = make(
        interval_s=60,
        journal_factory=lambda: journal if os.getpid() == parent else SqliteJournal(journal._file.path),
    )
    writer.push(0)
    assert writer.flush()
    journal.failure = JournalError(BROKEN)
    for number in (1, 2, 3):
        writer.push(number)
    child = multiprocessing.get_context("fork").Process(target=push_and_flush, args=(writer, 9))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert writer.waiting == 3
    journal.failure = None
    assert writer.flush()
    assert ids(reader) == ["e0", "e9", "e1", "e2", "e3"]


def push_only(writer: Writer, number: int) -> None:
    writer.push(number)


def test_a_multiprocessing_child_writes_before_it_ends(make: Make, reader: SqliteJournal) -> None:
    writer = make(interval_s=60, journal_factory=lambda: SqliteJournal(reader._file.path))
    child = multiprocessing.get_context("fork").Process(target=push_only, args=(writer, 7))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert ids(reader) == ["e7"]


def run(script: str, path: Path, **options: Any) -> subprocess.Popen[str]:
    """Run a script in a process of its own, with a writer that would wait for a minute."""
    setup = """
        import os, signal, sys, time
        from dashboard.journal.sqlite import SqliteJournal
        from dashboard.writer import Writer
        from tests.test_writer import encode
        writer = Writer(lambda: SqliteJournal(sys.argv[1]), encode, 1000, interval_s=60)
        for number in range(5):
            writer.push(number)
    """
    command = [sys.executable, "-c", textwrap.dedent(setup) + textwrap.dedent(script), str(path)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, **options)


def test_what_waits_is_written_when_the_process_exits(reader: SqliteJournal) -> None:
    process = run("", reader._file.path)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(ids(reader)) == 5


def test_what_waits_is_written_on_sigterm_and_the_process_dies_of_it_all_the_same(
    reader: SqliteJournal,
) -> None:
    process = run("print('ready', flush=True); time.sleep(60)", reader._file.path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert len(ids(reader)) == 5


def test_a_handler_that_calls_the_one_before_it_is_not_cut_short(reader: SqliteJournal) -> None:
    script = """
        def handler(*arguments):
            if callable(before):
                before(*arguments)
            print("the app's own end", flush=True)
            sys.exit(3)
        before = signal.signal(signal.SIGTERM, handler)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    """
    process = run(script, reader._file.path)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert output == "the app's own end\n"
    assert len(ids(reader)) == 5


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Give SIGTERM its default for a test that nobody else's writer disturbs, and put it back."""
    assert exits._keepers == []
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm")
def test_sigterm_has_its_default_again_when_the_last_writer_stops(make: Make) -> None:
    first, second = make(), make()
    assert signal.getsignal(signal.SIGTERM) is exits._flush_and_die
    first.stop()
    assert signal.getsignal(signal.SIGTERM) is exits._flush_and_die
    second.stop()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("sigterm")
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_apps_own_sigterm_handler_is_left_alone(make: Make, when: str) -> None:
    def handler(*arguments: object) -> None:
        pass

    if when == "before":
        signal.signal(signal.SIGTERM, handler)
    writer = make()
    if when == "after":
        signal.signal(signal.SIGTERM, handler)
    assert signal.getsignal(signal.SIGTERM) is handler
    writer.stop(10)
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.usefixtures("sigterm")
def test_a_writer_made_outside_the_main_thread_touches_no_signal(make: Make) -> None:
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
