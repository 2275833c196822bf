"""A million saves in a row, recorded: does memory stay flat, is what was dropped counted, what does it cost?

Run it with ``python -m benchmarks.import_storm [SAVES]`` (default 1,000,000; ``--buffer`` makes the
buffer smaller, so that it overflows on a fast machine too). Saves cheap rows to a SQLite file in
transactions of 10,000, with Signalscope as installed: writer thread, SQLite journal, retention. After every
fifth transaction a second process saves as many without it, for the ratio. Exits with 1 when memory grew
or the counts do not add up.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any, NamedTuple

from .subject.__main__ import configure, create_tables
from .subject.tools import tool

CHUNK = 10_000
BARE_EVERY = 5
SHOWN = 20
GROWTH_MB = 150
"""What a full buffer may add to the process (docs/performance.md)."""
FLAT_MB = 20
"""How much the last quarter of the saves may add to what the second quarter held."""


class Chunk(NamedTuple):
    """How long a chunk took, and how long its thread computed, in seconds."""

    seconds: float
    cpu: float


class Sample(NamedTuple):
    """The process after a chunk: saves so far, its time, the bare one's beside it, memory, the writer."""

    saves: int
    chunk: Chunk
    bare: Chunk | None
    rss_mb: float
    waiting: int
    dropped: int


def rss_mb() -> float:
    """Return how much memory the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def save_chunk(first: int) -> Chunk:
    """Save ``CHUNK`` new rows in one transaction."""
    from django.db import transaction

    from .subject.models import Line

    began, computed = perf_counter(), thread_time()
    with transaction.atomic():
        for number in range(first, first + CHUNK):
            Line(number=number).save()
    return Chunk(perf_counter() - began, thread_time() - computed)


class Bare:
    """A process without Signalscope that saves a chunk when asked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __spec__.name, "--bare"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def chunk(self) -> Chunk:
        """Let it save, and return how long that took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, cpu = self._process.stdout.readline().split()
        return Chunk(float(seconds), float(cpu))

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


def serve_bare() -> int:
    """Be that process: save a chunk for each line on standard input."""
    with prepared("bare", None):
        for number, _ in enumerate(sys.stdin):
            print(*save_chunk(number * CHUNK), flush=True)
    return 0


@contextmanager
def prepared(name: str, buffer: int | None) -> Iterator[None]:
    """Set Django up in a folder of its own, with one receiver for the saves."""
    with tempfile.TemporaryDirectory(prefix="signalscope-storm-") as folder:
        chosen = tool(name, Path(folder))
        if buffer:
            chosen.settings["SIGNALSCOPE"]["BUFFER"] = buffer
        configure(chosen, Path(folder))
        create_tables()
        from django.db.models.signals import post_save

        from .subject.models import Line

        post_save.connect(_receive, sender=Line)
        yield


class Gaps:
    """The gap entries in the journal, collected while they are there: retention deletes the oldest."""

    def __init__(self) -> None:
        self.dropped: dict[int, int] = {}

    def look(self) -> None:
        """Take in those that are new."""
        from dashboard import pipeline

        for entry in pipeline.journal().read_kind("gap", None, 1_000):
            self.dropped[entry.seq] = entry.dropped  # type: ignore[union-attr]


def storm(saves: int, gaps: Gaps, bare: Bare) -> list[Sample]:
    """Save with Signalscope recording; return a sample after each chunk."""
    from dashboard import pipeline

    samples = []
    for number in range(saves // CHUNK):
        chunk = save_chunk(number * CHUNK)
        health = pipeline.health()
        memory = rss_mb()
        gaps.look()
        beside = bare.chunk() if number % BARE_EVERY == 0 else None
        samples.append(Sample((number + 1) * CHUNK, chunk, beside, memory, health.waiting, health.dropped))
    return samples


def main() -> int:
    """Run the storm and print what became of it."""
    arguments = _arguments()
    if arguments.bare:
        return serve_bare()
    with prepared("signalscope", arguments.buffer):
        return _run(max(CHUNK, arguments.saves // CHUNK * CHUNK))


def _run(saves: int) -> int:
    import dashboard
    from dashboard import pipeline

    bare = Bare()
    bare.chunk()
    gc.collect()
    at_rest, gaps = rss_mb(), Gaps()
    samples = storm(saves, gaps, bare)
    bare.end()
    began = perf_counter()
    drained = pipeline.flush(120)
    took = perf_counter() - began
    gaps.look()
    health = pipeline.health()
    held = pipeline.journal().extent()
    dashboard.uninstall()

    _print_samples(samples, at_rest)
    pairs = [(sample.chunk, sample.bare) for sample in samples if sample.bare]
    clock = median(own.seconds / other.seconds for own, other in pairs)
    cpu = median(own.cpu / other.cpu for own, other in pairs)
    print(f"\nThe app's own slowdown: x{clock:.2f} by the clock, x{cpu:.2f} by its thread's CPU time")
    print(f"  (medians of {len(pairs)} pairs of {CHUNK:,} saves).")
    print(f"Emptying the buffer afterwards took {took:.1f} s{'' if drained else ' and was not finished'}.")
    print(f"Recorded {health.recorded:,}, dropped {health.dropped:,}, faults {health.faults}.")
    print(f"Gap entries in the journal: {len(gaps.dropped)}, which count {sum(gaps.dropped.values()):,}.")
    print(f"The journal now holds {held.count:,} entries.")
    return _verdict(samples, at_rest, health, gaps)


def _receive(**named: Any) -> None:
    pass


def _print_samples(samples: list[Sample], at_rest: float) -> None:
    print(f"{'saves':>10} {'us/save':>8} {'RSS MB':>8} {'added':>7} {'waiting':>8} {'dropped':>10}")
    step = max(1, len(samples) // SHOWN)
    for sample in samples[step - 1 :: step]:
        print(
            f"{sample.saves:>10,} {sample.chunk.seconds / CHUNK * 1e6:>8.1f} {sample.rss_mb:>8.1f} "
            f"{sample.rss_mb - at_rest:>+7.1f} {sample.waiting:>8,} {sample.dropped:>10,}"
        )


def _verdict(samples: list[Sample], at_rest: float, health: Any, gaps: Gaps) -> int:
    quarter = max(1, len(samples) // 4)
    early = max(sample.rss_mb for sample in samples[quarter : 2 * quarter] or samples)
    late = max(sample.rss_mb for sample in samples[-quarter:])
    wrong = []
    if late - at_rest > GROWTH_MB:
        wrong.append(f"{late - at_rest:.0f} MB were added; at most {GROWTH_MB} may be.")
    if late - early > FLAT_MB:
        wrong.append(f"Memory grew by {late - early:.0f} MB between the second and the last quarter.")
    if sum(gaps.dropped.values()) != health.dropped:
        wrong.append(f"{health.dropped} events were dropped, the gaps count {sum(gaps.dropped.values())}.")
    print("\n".join(wrong) or "Memory stayed flat, and every dropped event is counted in a gap.")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A million recorded saves.")
    parser.add_argument("saves", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--buffer", type=int, help="how many events may wait (default: as installed)")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
