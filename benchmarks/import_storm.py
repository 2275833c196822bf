"""A million saves in a row, recorded: does memory stay flat, is what was dropped counted, what does it cost?

Run it with ``python -m benchmarks.import_storm [SAVES]`` (default 1,000,000; ``--buffer`` makes the
buffer smaller, so that it overflows on a fast machine too). Saves cheap rows to a SQLite file in
transactions of 10,000, with Signalscope as installed: writer thread, SQLite journal, retention. Before and
after, the same saves without it, for the ratio. Exits with 1 when memory grew or the counts do not
add up.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from .subject.__main__ import configure, create_tables
from .subject.tools import tool

CHUNK = 10_000
BARE_SHARE = 10
SHOWN = 20
GROWTH_MB = 150
"""What a full buffer may add to the process (docs/performance.md)."""
FLAT_MB = 20
"""How much the last quarter of the saves may add to what the second quarter held."""


class Sample(NamedTuple):
    """The process after a chunk: saves so far, seconds for this chunk, RSS, and what the writer says."""

    saves: int
    seconds: float
    rss_mb: float
    waiting: int
    dropped: int


def rss_mb() -> float:
    """Return how much memory the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def save_chunk(first: int) -> float:
    """Save ``CHUNK`` new rows in one transaction and return the seconds."""
    from django.db import transaction

    from .subject.models import Line

    began = perf_counter()
    with transaction.atomic():
        for number in range(first, first + CHUNK):
            Line(number=number).save()
    return perf_counter() - began


def bare(chunks: int, first: int) -> list[float]:
    """Save without Signalscope; return the seconds of each chunk."""
    return [save_chunk(first + number * CHUNK) for number in range(chunks)]


class Gaps:
    """The gap entries in the journal, collected while they are there: retention deletes the oldest."""

    def __init__(self) -> None:
        self.dropped: dict[int, int] = {}

    def look(self) -> None:
        """Take in those that are new."""
        from dashboard import pipeline

        for entry in pipeline.journal().read_kind("gap", None, 1_000):
            self.dropped[entry.seq] = entry.dropped  # type: ignore[union-attr]


def storm(saves: int, gaps: Gaps) -> list[Sample]:
    """Save with Signalscope recording; return a sample after each chunk."""
    from dashboard import pipeline

    samples = []
    for first in range(0, saves, CHUNK):
        seconds = save_chunk(first)
        health = pipeline.health()
        gaps.look()
        samples.append(Sample(first + CHUNK, seconds, rss_mb(), health.waiting, health.dropped))
    return samples


def main() -> int:
    """Run the storm and print what became of it."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="signalscope-storm-") as folder:
        chosen = tool("signalscope", Path(folder))
        if arguments.buffer:
            chosen.settings["SIGNALSCOPE"]["BUFFER"] = arguments.buffer
        configure(chosen, Path(folder))
        create_tables()
        return _run(max(CHUNK, arguments.saves // CHUNK * CHUNK))


def _run(saves: int) -> int:
    from django.db.models.signals import post_save

    import dashboard
    from dashboard import pipeline

    from .subject.models import Line

    post_save.connect(_receive, sender=Line)
    dashboard.uninstall()
    chunks = max(1, saves // CHUNK // BARE_SHARE)
    before = bare(chunks, 0)
    dashboard.install()
    gc.collect()
    at_rest, gaps = rss_mb(), Gaps()
    samples = storm(saves, gaps)
    began = perf_counter()
    drained = pipeline.flush(120)
    took = perf_counter() - began
    gaps.look()
    health = pipeline.health()
    held = pipeline.journal().extent()
    dashboard.uninstall()
    after = bare(chunks, 0)

    _print_samples(samples, at_rest)
    ratio = median(sample.seconds for sample in samples) / median([*before, *after])
    print(f"\nThe app's own slowdown: x{ratio:.2f} (median chunk, against {2 * chunks} chunks without)")
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
            f"{sample.saves:>10,} {sample.seconds / CHUNK * 1e6:>8.1f} {sample.rss_mb:>8.1f} "
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
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
