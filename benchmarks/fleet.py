"""Many hosts on one Redis: what gets through, how fast, and what it costs to keep.

Comes in: options, see ``python -m benchmarks.fleet --help``; ``redis-server`` must be installed. Goes
out: three tables. *Flow*: each writer, a process as every host has one, pushes as fast as its buffer
empties, and each dashboard, a process with one tail, follows all of them as a page does. *Latency*: the
same with a steady trickle, from the push to the moment a dashboard has the entry. *A million*: memory
and look-ups of both journals. Flow and latency run in turns with one writer and one dashboard, so that
the ratios hold on another machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, NamedTuple

import redis

from dashboard.events import Call, Emission, Entry, Instance, Process, Site
from dashboard.journal import Journal, open_journal, pack
from dashboard.tail import Tail
from dashboard.writer import BATCH, Writer
from tests.redis_server import RedisServer

ROUNDS = 3
PAGE = 250
BUFFER = 100_000
BEHIND = 2 * BATCH
KEPT = 5_000_000
SIGNALS = [f"django.db.models.signals.{name}" for name in ("pre_save", "post_save", "m2m_changed")]

_spawn = multiprocessing.get_context("spawn")


class Source:
    """Emissions as varied as those of a project with twenty models: ids, times and durations are random."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._chance = random.Random(name)  # noqa: S311
        self._trace = ""

    def emission(self, raw: tuple[int, float]) -> Entry:
        """Return the emission with this number, pushed at this time (seconds since 1970)."""
        number, pushed = raw
        chance = self._chance
        if number % 25 == 0 or not self._trace:
            self._trace = f"{chance.getrandbits(128):032x}"
        model = f"shop.Model{chance.randrange(20)}"
        calls = [
            Call(
                f"shop.receivers.receiver_{chance.randrange(60)}",
                round(chance.random() * 10, 1),
                round(chance.expovariate(1 / 900), 1),
                queries=chance.randrange(4),
                query_us=round(chance.random() * 500, 1),
                file="shop/receivers.py",
                line=chance.randrange(900),
            )
            for _ in range(chance.choice((0, 1, 1, 2, 3)))
        ]
        return Emission(
            id=f"{chance.getrandbits(40):010x}-{number:x}",
            trace=self._trace,
            at=datetime.fromtimestamp(pushed, UTC),
            signal=chance.choice(SIGNALS),
            sender=model,
            family="save",
            duration_us=round(chance.expovariate(1 / 1800), 1),
            instance=Instance(pk=str(chance.randrange(50_000))),
            payload={
                "created": chance.random() < 0.3,
                "raw": False,
                "using": "default",
                "update_fields": None,
            },
            site=Site(file="shop/views.py", line=chance.randrange(900), function="save"),
            process=Process(host=self._name, pid=4711, thread="MainThread"),
            calls=calls,
        )


def write(url: str, name: str, seconds: float, rate: float, results: Queue[Any]) -> None:
    """Push for so long, at ``rate`` a second or (0) as fast as the buffer empties; tell how many."""
    source = Source(name)
    writer = Writer(
        lambda: open_journal(url), lambda raw: pack(source.emission(raw)), BUFFER, keep_entries=KEPT
    )
    began = time.time()
    number = 0
    while time.time() - began < seconds:
        if rate and number >= (time.time() - began) * rate:
            time.sleep(0.5 / rate)
        elif writer.waiting > BEHIND:
            time.sleep(0.01)
        else:
            writer.push((number, time.time()))
            number += 1
    assert writer.flush(300)
    results.put((name, number, writer.dropped, began, time.time()))
    writer.stop()


def follow(url: str, ready: Queue[Any], wanted: Any, results: Queue[Any]) -> None:
    """Follow as a page does; tell how many entries of each writer came, and how late."""
    tail = Tail(open_journal(url), capacity=8_000)
    cursor = tail.head
    tail.acquire()
    counts: Counter[str] = Counter()
    late: list[float] = []
    ready.put(None)
    deadline = time.monotonic() + 600
    while sum(counts.values()) < wanted.value and time.monotonic() < deadline:
        part = tail.since(cursor.seq, PAGE)
        now = time.time()
        cursor = part.cursor
        for entry in part.entries:
            if isinstance(entry, Emission) and entry.process is not None:
                counts[entry.process.host] += 1
                late.append(now - entry.at.timestamp())
        if not part.entries:
            time.sleep(0.005)
    tail.close()
    results.put((dict(counts), statistics.quantiles(late, n=100)))


class Run(NamedTuple):
    """What one run gave. ``lost`` counts what a dashboard did not get; latencies are in milliseconds.

    ``server_us`` is what Redis' own processor time was for each emission, all its readers included.
    """

    rate: float
    server_us: float
    lost: int
    dropped: int
    median_ms: float
    p99_ms: float


def run(server: RedisServer, writers: int, dashboards: int, seconds: float, rate: float) -> Run:
    """Let so many writers and dashboards work for so long, on a journal of their own."""
    server.client.flushall()
    url = server.url
    busy_s = processor_s(server)
    ready, written, seen = _spawn.Queue(), _spawn.Queue(), _spawn.Queue()
    wanted = _spawn.Value("q", sys.maxsize)
    followers = [
        _spawn.Process(target=follow, args=(url, ready, wanted, seen), daemon=True) for _ in range(dashboards)
    ]
    for each in followers:
        each.start()
    for _ in followers:
        ready.get(timeout=60)
    names = [f"web-{number}-{time.monotonic_ns()}" for number in range(writers)]
    hosts = [
        _spawn.Process(target=write, args=(url, name, seconds, rate, written), daemon=True) for name in names
    ]
    for each in hosts:
        each.start()
    pushed = [written.get(timeout=600) for _ in hosts]
    wanted.value = sum(number - dropped for _, number, dropped, _, _ in pushed)
    followed = [seen.get(timeout=600) for _ in followers]
    for each in (*hosts, *followers):
        each.join(60)
    lost = sum(
        number - dropped - counts.get(name, 0)
        for counts, _ in followed
        for name, number, dropped, _, _ in pushed
    )
    took = max(end for *_, end in pushed) - min(began for *_, began, _ in pushed)
    return Run(
        wanted.value / took,
        (processor_s(server) - busy_s) / wanted.value * 1e6,
        lost,
        sum(dropped for _, _, dropped, _, _ in pushed),
        max(late[49] for _, late in followed) * 1e3,
        max(late[98] for _, late in followed) * 1e3,
    )


def processor_s(server: RedisServer) -> float:
    """Return the seconds of processor that the server has used."""
    used = server.client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def compare(server: RedisServer, options: argparse.Namespace) -> None:
    """Print flow and latency, in turns with one writer and one dashboard."""
    many: tuple[int, int] = (options.writers, options.dashboards)
    few = (1, 1)
    for name, rate in (("flow", 0.0), (f"latency, {options.rate:g} a second and writer", options.rate)):
        runs: dict[tuple[int, int], list[Run]] = {many: [], few: []}
        for _ in range(ROUNDS):
            for fleet in (few, many):
                runs[fleet].append(run(server, *fleet, options.seconds, rate))
        print(f"\n{name:40} {'a second':>9} {'lost':>5} {'dropped':>8} {'Redis':>8} {'p50':>9} {'p99':>9}")
        for fleet, results in runs.items():
            middle = Run(*[statistics.median(values) for values in zip(*results, strict=True)])
            title = f"{fleet[0]} writers, {fleet[1]} dashboards"
            print(
                f"{title:40} {middle.rate:9,.0f} {sum(each.lost for each in results):5} "
                f"{sum(each.dropped for each in results):8} {middle.server_us:5.1f} µs "
                f"{middle.median_ms:6.0f} ms {middle.p99_ms:6.0f} ms"
            )
        fast, late = (ratio(runs[many], runs[few], field) for field in ("rate", "p99_ms"))
        print(f"{'ratio':40} {fast:9.2f} {'':33} {late:9.2f}")


def ratio(ones: list[Run], others: list[Run], field: str) -> float:
    """Return the ratio of a field's medians."""
    first, second = (statistics.median(getattr(each, field) for each in runs) for runs in (ones, others))
    return float(first / second)


def fill(journal: Journal, source: Source, start: int, end: int) -> tuple[float, Emission]:
    """Append entries up to number ``end``; return how many a second, packing aside, and one of them."""
    spent, kept = 0.0, None
    for first in range(start, end, BATCH):
        entries = [source.emission((number, time.time())) for number in range(first, first + BATCH)]
        kept = kept or entries[BATCH // 2]
        packed = [pack(entry) for entry in entries]
        began = time.perf_counter()
        journal.append_packed(packed)
        spent += time.perf_counter() - began
    assert isinstance(kept, Emission)
    return (end - start) / spent, kept


def look_ups(journal: Journal, known: Emission) -> Iterator[tuple[str, float]]:
    """Yield what each look-up takes, in milliseconds: the median of nine."""
    pk = known.instance.pk if known.instance else None
    middle = journal.head().seq // 2
    works: dict[str, Callable[[], object]] = {
        "read a page of 250": lambda: journal.read(middle, 250),
        "read the last 100": lambda: journal.read_back(None, 100),
        "read a trace of 25": lambda: journal.read_trace(known.trace, 1_000),
        "read an object's": lambda: journal.read_object(known.sender or "", pk or "", None, 100),
        "find an emission": lambda: journal.find_emission(known.id),
        "changed()": journal.changed,
        "extent()": journal.extent,
    }
    for name, work in works.items():
        spent = []
        for _ in range(9):
            began = time.perf_counter()
            work()
            spent.append(time.perf_counter() - began)
        yield name, statistics.median(spent) * 1e3


def million(server: RedisServer, folder: Path, entries: int) -> None:
    """Print what so many entries cost in both journals, and the look-ups at a hundredth of it and at all."""
    server.client.flushall()
    empty = server.client.info("memory")["used_memory"]
    journals = {
        "Redis": open_journal(server.url),
        "SQLite": open_journal(f"sqlite:///{folder}/million.sqlite3"),
    }
    table: dict[str, list[float]] = {}
    for name, journal in journals.items():
        source = Source("web-1")
        _, known = fill(journal, source, 0, entries // 100)
        for work, ms in look_ups(journal, known):
            table.setdefault(work, []).append(ms)
        rate, _ = fill(journal, source, entries // 100, entries)
        for work, ms in look_ups(journal, known):
            table[work].append(ms)
        if name == "Redis":
            size = server.client.info("memory")["used_memory"] - empty
        else:
            journal.close()
            size = sum(path.stat().st_size for path in folder.glob("million.sqlite3*"))
            journal = open_journal(f"sqlite:///{folder}/million.sqlite3")
        print(
            f"\n{name}: {entries:,} entries, {size / 1e6:,.0f} MB, {size / entries:,.0f} bytes each, "
            f"stored at {rate:,.0f} a second"
        )
        began = time.perf_counter()
        pruned = journal.prune(0, chunk=2_000)
        print(f"{name}: pruning {pruned:,} took {(time.perf_counter() - began) * 1e3:.1f} ms")
        journal.close()
    small, large = f"{entries // 100:,}", f"{entries:,}"
    print(f"\n{'ms, at so many':22} {f'Redis {small}':>16} {large:>12} {f'SQLite {small}':>16} {large:>12}")
    for work, values in table.items():
        print(f"{work:22} {values[0]:16.2f} {values[1]:12.2f} {values[2]:16.2f} {values[3]:12.2f}")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--dashboards", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each run pushes; 0: none")
    parser.add_argument(
        "--rate", type=float, default=50.0, help="emissions a second and writer, for the latency"
    )
    parser.add_argument("--entries", type=int, default=1_000_000, help="how many to keep; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name))
        version = server.client.info("server")["redis_version"]
        print(
            f"Python {sys.version.split()[0]}, Redis {version}, redis-py {redis.__version__}, {ROUNDS} rounds"
        )
        try:
            if options.entries:
                million(server, Path(name), options.entries)
            if options.seconds:
                compare(server, options)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
