"""What live pages cost the server: nobody, five, fifty, fifty in hidden tabs; and whether they lose anything.

Run it with ``python -m benchmarks.clients [EMISSIONS A SECOND]``. The server runs in a process of its
own, the journal is written in another, so that only following and framing are measured: processor time
a second, medians of interleaved rounds. Exits with 1 when a page lost something.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import django

from .served import Server, prepare, serving
from .sockets import Page

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

ROUNDS = 3
SECONDS = 8.0
BATCH_S = 0.05
TRACE_SIZE = 10
HIDDEN_S = 6.0
"""Longer than ``dashboard.stream.consumers.LINGER_S``."""


class Case(NamedTuple):
    """So many pages, in which layout, in hidden tabs or not."""

    name: str
    pages: int
    layout: str = "flat"
    hidden: bool = False


CASES = (
    Case("nobody", 0),
    Case("5 pages, flat", 5),
    Case("50 pages, flat", 50),
    Case("5 pages, tree", 5, "tree"),
    Case("50 pages, tree", 50, "tree"),
    Case("50 hidden tabs", 50, hidden=True),
)


# --- the journal is written ----------------------------------------------------------------------


async def write(rate: int, seconds: float, first: int) -> int:
    """Store traces of ``TRACE_SIZE`` emissions, ``rate`` emissions a second, and return how many."""
    from dashboard import pipeline
    from dashboard.events import Call, Emission, Entry, Instance, Origin

    written, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate) // TRACE_SIZE * TRACE_SIZE
        entries: list[Entry] = []
        while written < due:
            number = first + written
            trace = f"{number // TRACE_SIZE:032x}"
            now = datetime.now(UTC)
            if written % TRACE_SIZE == 0:
                opened = Origin(state="opened", type="request", verb="GET", title="/", trace=trace, at=now)
                entries.append(opened)
            calls = [Call("demo_app.receivers.posts.make_thumbnail", 3.1, 702.0)]
            sent = Emission(
                id=f"bench-{number:x}",
                trace=trace,
                at=now,
                signal="django.db.models.signals.post_save",
                sender="demo_app.Post",
                family="save",
                duration_us=830.0,
                instance=Instance(pk=str(number % 500)),
                payload={"created": True},
                calls=calls,
            )
            entries.append(sent)
            written += 1
        if entries:
            await asyncio.to_thread(pipeline.journal().append, entries)
        await asyncio.sleep(BATCH_S)
    return written


# --- one round -----------------------------------------------------------------------------------


async def measure(case: Case, server: Server, session: str, rate: int, first: int) -> tuple[float, int, int]:
    """Return processor milliseconds a second, what was written, and how many emissions a page missed."""
    from dashboard import pipeline

    pages = [Page() for _ in range(case.pages)]
    cursor = str(pipeline.journal().head())
    for page in pages:
        await page.open(server.port, session, cursor, f"layout={case.layout}")
        if case.hidden:
            page.say(action="hide")
    await asyncio.sleep(HIDDEN_S if case.hidden else 1.0)
    cpu, began = server.cpu(), time.monotonic()
    written = await write(rate, SECONDS, first)
    spent = (server.cpu() - cpu) / (time.monotonic() - began)
    if case.hidden:
        for page in pages:
            page.say(action="show")
    await asyncio.sleep(2.5)
    unit = 1 if case.layout == "flat" else TRACE_SIZE
    missed = max((written - min(page.matched, (page.rows + page.more) * unit) for page in pages), default=0)
    for page in pages:
        await page.close()
    await asyncio.sleep(0.5)
    return spent * 1000, written, missed


async def rounds(rate: int, session: str) -> bool:
    """Print the table; return whether nothing was lost."""
    spent: dict[str, list[float]] = {case.name: [] for case in CASES}
    missed: dict[str, int] = dict.fromkeys(spent, 0)
    first = 0
    with serving() as server:
        for _ in range(ROUNDS):
            for case in CASES:
                cost, written, lost = await measure(case, server, session, rate, first)
                first += (written // TRACE_SIZE + 1) * TRACE_SIZE
                spent[case.name].append(cost)
                missed[case.name] = max(missed[case.name], lost)
    print(f"{rate:,} emissions/s for {SECONDS:.0f} s, median of {ROUNDS} rounds")
    print(f"{'':16}  ms of processor a second  most missed by a page")
    for name, costs in spent.items():
        print(f"{name:16}  {statistics.median(costs):24.0f}  {missed[name]:21}")
    for layout in ("flat", "tree"):
        few, many = (statistics.median(spent[f"{number} pages, {layout}"]) for number in (5, 50))
        print(f"50 pages cost {many / few:.1f} times what 5 do ({layout}).")
    return not any(missed.values())


def main() -> int:
    """Measure in a folder of its own; return 0 when no page missed anything."""
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["SIGNALSCOPE_JOURNAL"] = f"sqlite:///{Path(folder) / 'journal.sqlite3'}"
        django.setup()
        return 0 if asyncio.run(rounds(rate, prepare())) else 1


if __name__ == "__main__":
    sys.exit(main())
