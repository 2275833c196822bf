"""How long the receiver graph takes: figures, model, order, places, markup, for 100 to 2,000 nodes.

Run it with ``python -m benchmarks.graph``. It prints medians in milliseconds of the processor, on
made-up registrations and entries that are the same every time, ungrouped and as the page groups them,
and exits with 1 when a figure to reach is missed. ``--browser`` goes on to open the page in Chromium.
"""

from __future__ import annotations

import os
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

ROUNDS = 5
LAYOUT_MS = {500: 80.0, 2_000: 300.0}
"""The figures to reach, by number of nodes: model, order and places together."""


def main() -> int:
    """Print the tables; return 0 when every figure is reached."""
    arguments = ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--browser", action="store_true", help="measure the page in Chromium too")
    options = arguments.parse_args()
    os.environ["SIGNALSCOPE_JOURNAL"] = "sqlite:////tmp/signalscope-benchmark.sqlite3"
    django.setup()
    print(" nodes  drawn  edges  entries   figures    layout    markup     KB  crossings")
    missed = [nodes for nodes in (100, 500, 2_000) for way in ("none", "auto") if not _measure(nodes, way)]
    for nodes in missed:
        print(f"Missed: the layout of {nodes} nodes is to take {LAYOUT_MS[nodes]:.0f} ms at most.")
    if options.browser:
        from . import graph_page

        missed += graph_page.measure({nodes: project(nodes)[1] for nodes in (500, 2_000)})
    return 1 if missed else 0


def _measure(nodes: int, grouping: Any) -> bool:
    from django.template.loader import render_to_string

    from dashboard import graph, naming, wording
    from dashboard.statistics import collect
    from dashboard.views.looks import Look

    registered, entries = project(nodes)
    figures_ms, statistics = _timed(lambda: collect(entries, 60.0, route=lambda path: path))

    def lay_out() -> graph.Graph:
        drawn = graph.build(registered, statistics, naming.family_of)
        drawn = graph.fold(drawn, naming.app_of, grouping=grouping)
        graph.arrange(drawn)
        graph.describe(drawn, "idle", wording.took)
        graph.lay_out(drawn, graph.metrics_for(drawn))
        return drawn

    layout_ms, drawn = _timed(lay_out)
    whole = graph.build(registered, statistics, naming.family_of)
    found = sum(1 for _ in whole.nodes())
    before = graph.crossings(graph.fold(whole, naming.app_of, grouping=grouping))
    context = {
        "graph": drawn,
        "metrics": graph.metrics_for(drawn),
        "look": Look(),
        "headings": list(zip(graph.COLUMNS, drawn.lefts, strict=True)),
        "stretch": {"statistics": statistics},
    }
    markup_ms, markup = _timed(lambda: render_to_string("signalscope/graph_drawing.html", context))
    shown, edges = sum(1 for _ in drawn.nodes()), len(drawn.edges)
    print(
        f"{found:>6} {shown:>6} {edges:>6} {len(entries):>8} {figures_ms:>9.1f} {layout_ms:>9.1f} "
        f"{markup_ms:>9.1f} {len(markup) / 1024:>6.0f}  {before:,} -> {graph.crossings(drawn):,}"
    )
    return layout_ms <= LAYOUT_MS.get(nodes, float("inf"))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    taken = []
    result = None
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        taken.append((time.process_time() - began) * 1000)
    return median(taken), result


def project(nodes: int) -> tuple[list[Any], list[Any]]:
    """Return registrations and entries of a project whose graph has about so many nodes.

    Each model has its own two or three signals, each receiver one sender (one in eight: all), each
    page saves two models, and one emission in ten was caused by a receiver.
    """
    from dashboard.events import Call, Cause, Emission, Origin
    from dashboard.registrations import Registration

    chance = random.Random(7)  # noqa: S311  (the same project every time)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    signals = [f"app{index % 12}.signals.signal{index}" for index in range(max(nodes // 40, 4))]
    points = [
        (signal, f"app{index % 12}.Model{index}")
        for index in range(nodes // 8)
        for signal in chance.sample(signals, chance.choice((2, 3)))
    ]
    registered = []
    for index in range(nodes // 3):
        signal, sender = chance.choice(points)
        name = f"app{index % 12}.receivers.receiver_{index}"
        registered.append(
            Registration(str(index), signal, "custom", name, None if index % 8 == 0 else sender)
        )
    listening = {
        point: [
            one.receiver for one in registered if one.signal == point[0] and one.sender in (None, point[1])
        ]
        for point in points
    }
    entries: list[Any] = []
    for index in range(nodes * 4):
        trace, begun = f"{index:032x}", at + timedelta(milliseconds=index)
        page = index % (nodes // 6)
        signal, sender = points[(page * 2 + chance.randrange(2)) % len(points)]
        calls = [Call(one, duration_us=chance.expovariate(1 / 3000)) for one in listening[signal, sender]]
        entries += [
            Origin(state="opened", type="request", verb="GET", title=f"/page{page}/", trace=trace, at=begun),
            Emission(id=f"e{index}", trace=trace, at=begun, signal=signal, sender=sender, calls=calls),
        ]
        if calls and page % 10 == 0:
            signal, sender = points[page % len(points)]
            cause = Cause(f"e{index}", 0)
            entries.append(
                Emission(id=f"c{index}", trace=trace, at=begun, signal=signal, sender=sender, cause=cause)
            )
    return registered, entries


if __name__ == "__main__":
    sys.exit(main())
