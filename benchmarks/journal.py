"""What storing costs: rows a second, and what a busy thread of the app feels of it.

Comes in: optionally a folder for the journals; run ``python -m benchmarks.journal [FOLDER]`` in the
repository. Goes out: one table, medians of interleaved rounds. "App" is a thread that only computes,
the worst neighbour for a writer: it never gives the GIL back by itself. "Stall" is its longest gap.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dashboard.events import Call, Emission, Instance, Process, Site
from dashboard.journal import Packed, pack
from dashboard.journal.sqlite import SqliteJournal
from dashboard.writer import BATCH, Writer

ROUNDS = 5
BATCHES = 5
PUSHED = 20_000
PROCESS = Process(host="web-1", pid=4711, thread="MainThread")
SITE = Site(file="demo_app/admin.py", line=31, function="save_model")


def encode(number: Any) -> Packed:
    """Return a typical emission: two receivers, a payload of four values."""
    return pack(_emission(number))


def _emission(number: int) -> Emission:
    return Emission(
        id=f"a1b2c3d4-{number:x}",
        trace=f"{number // 30:032x}",
        at=datetime.now(UTC),
        signal="django.db.models.signals.post_save",
        sender="demo_app.Post",
        family="save",
        duration_us=1830.2,
        instance=Instance(pk=str(number % 500)),
        payload={"created": True, "raw": False, "using": "default", "update_fields": None},
        site=SITE,
        process=PROCESS,
        calls=[
            Call("demo_app.receivers.make_thumbnail", 3.1, 1702.0, file="demo_app/receivers.py", line=88),
            Call(
                "demo_app.receivers.update_search_index",
                1706.0,
                101.0,
                file="demo_app/receivers.py",
                line=112,
            ),
        ],
    )


class Felt(NamedTuple):
    """What the app's thread felt: its speed as a share of its own undisturbed speed, its longest gap."""

    speed: float
    stall_ms: float


class App(threading.Thread):
    """Computes in short steps, and notes how many it did and the longest time between two."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ending = False
        self.steps = 0
        self.longest = 0.0

    def run(self) -> None:
        """Compute until ``ending``."""
        last = time.perf_counter()
        while not self.ending:
            sum(range(300))
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now
            self.steps += 1

    def pace(self, seconds: float) -> float:
        """Return steps a second over the next seconds."""
        steps, began = self.steps, time.perf_counter()
        time.sleep(seconds)
        return (self.steps - steps) / (time.perf_counter() - began)


class Beside:
    """Runs the app's thread while something is measured, and tells what it felt of it."""

    def __init__(self) -> None:
        self.app = App()
        self.app.start()
        self.app.pace(0.05)
        self.undisturbed = self.app.pace(0.3)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """What is inside is what the app felt; once."""
        time.sleep(0.02)
        self.app.longest = 0.0
        steps, began = self.app.steps, time.perf_counter()
        yield
        pace = (self.app.steps - steps) / (time.perf_counter() - began)
        self.felt = Felt(pace / self.undisturbed, self.app.longest * 1000)
        self.app.ending = True
        self.app.join()


Store = Callable[[SqliteJournal, list[Packed]], None]


def one_statement(journal: SqliteJournal, batch: list[Packed]) -> None:
    """Append as the journal does."""
    journal.append_packed(batch)


def executemany(journal: SqliteJournal, batch: list[Packed]) -> None:
    """Append as one would: a row at a time, in one transaction."""
    columns = "kind, trace, at, signal, sender, model, pk, id, duration_us, failed, body"
    marks = ", ".join("?" * (len(Packed._fields) - 1))
    sql = f"INSERT INTO entries ({columns}) VALUES ({marks}, CAST(? AS TEXT))"  # noqa: S608
    with journal._pool.lend("written") as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sql, batch)
        connection.execute("COMMIT")


def stored_per_second(store: Store, folder: Path, beside: Beside | None = None) -> float:
    """Return rows a second for a few batches, or as many as two seconds allow."""
    journal = SqliteJournal(Path(tempfile.mkdtemp(dir=folder)) / "journal.sqlite3")
    batch = [encode(number) for number in range(BATCH)]
    store(journal, batch)
    with beside.measured() if beside else nullcontext():
        began, rows = time.perf_counter(), 0
        for _ in range(BATCHES):
            store(journal, batch)
            rows += len(batch)
            if time.perf_counter() - began > 2:
                break
        elapsed = time.perf_counter() - began
    journal.close()
    return rows / elapsed


def written_per_second(folder: Path, beside: Beside | None = None, *, paced: bool = True) -> float:
    """Return emissions a second from the buffer to the journal."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "journal.sqlite3"
    writer = Writer(lambda: SqliteJournal(path), encode, PUSHED, sleep=time.sleep if paced else unpaced)
    writer.push(0)
    assert writer.flush(60)
    with beside.measured() if beside else nullcontext():
        began = time.perf_counter()
        for number in range(PUSHED):
            writer.push(number)
        assert writer.flush(60)
        elapsed = time.perf_counter() - began
    writer.stop()
    return PUSHED / elapsed


def unpaced(seconds: float) -> None:
    """Do not pause: what the writer's pauses are for shows in what the app feels without them."""


def push_us(folder: Path) -> float:
    """Return the microseconds of one push."""
    writer = Writer(lambda: SqliteJournal(folder / "push.sqlite3"), encode, PUSHED, interval_s=60)
    writer.push(0)
    began = time.perf_counter()
    for number in range(PUSHED - 1):
        writer.push(number)
    elapsed = time.perf_counter() - began
    writer.stop(60)
    return elapsed / PUSHED * 1e6


class Row(NamedTuple):
    """One measurement: its name, rows a second, and what the app felt where it ran beside."""

    name: str
    rate: float
    felt: Felt | None = None


def measure(folder: Path) -> list[Row]:
    """Return one round of everything."""
    rows = []
    for store in (one_statement, executemany):
        rows.append(Row(f"{store.__name__}, alone", stored_per_second(store, folder)))
        beside = Beside()
        rate = stored_per_second(store, folder, beside)
        rows.append(Row(f"{store.__name__}, beside a busy app", rate, beside.felt))
    rows.append(Row("writer, alone", written_per_second(folder)))
    for name, paced in (("writer, beside a busy app", True), ("the same without pauses", False)):
        beside = Beside()
        rate = written_per_second(folder, beside, paced=paced)
        rows.append(Row(name, rate, beside.felt))
    return rows


def read_and_prune(folder: Path) -> None:
    """Print what reading and pruning cost."""
    journal = SqliteJournal(Path(tempfile.mkdtemp(dir=folder)) / "journal.sqlite3")
    for start in range(0, 100_000, BATCH):
        journal.append_packed([encode(number) for number in range(start, start + BATCH)])
    works: dict[str, Callable[[], object]] = {
        "read 1,000 entries": lambda: journal.read(50_000, 1_000),
        "read the last 100": lambda: journal.read_back(None, 100),
        "read a trace of 30": lambda: journal.read_trace(f"{1000:032x}", 1_000),
        "find an emission": lambda: journal.find_emission("a1b2c3d4-c350"),
        "changed()": journal.changed,
        "extent() of 100,000": journal.extent,
        "prune 2,000": lambda: journal.prune(50_000, chunk=2_000),
    }
    for name, work in works.items():
        spent = []
        for _ in range(9):
            began = time.perf_counter()
            work()
            spent.append(time.perf_counter() - began)
        print(f"{name:42} {statistics.median(spent) * 1e3:10.3f} ms")
    journal.close()


def main() -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {ROUNDS} rounds, medians")
        rounds = [measure(folder) for _ in range(ROUNDS)]
        print(f"{'':42} {'rows/s':>10} {'app speed':>10} {'stall, median':>14} {'worst':>8}")
        for rows in zip(*rounds, strict=True):
            line = f"{rows[0].name:42} {statistics.median(row.rate for row in rows):10,.0f}"
            felt = [row.felt for row in rows if row.felt is not None]
            if felt:
                line += f" {statistics.median(each.speed for each in felt):10.2f}"
                line += f" {statistics.median(each.stall_ms for each in felt):11.1f} ms"
                line += f" {max(each.stall_ms for each in felt):5.1f} ms"
            print(line)
        push = statistics.median(push_us(folder) for _ in range(ROUNDS))
        print(f"{'one push':42} {push:10.3f} µs")
        read_and_prune(folder)


if __name__ == "__main__":
    main()
