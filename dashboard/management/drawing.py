"""``signals graph``: the receiver graph as a file.

Comes in: the registrations of this process, and a window of the journal that all processes write.
Goes out: SVG, or the text of Graphviz or Mermaid, on stdout or into a file.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from .. import conf
from ..views.looks import COLOURS, GROUPINGS, Look
from ..views.picture import FORMATS, picture
from ..views.scene import scene_of
from ..views.windows import WINDOWS
from .listing import import_views
from .sampled import mention
from .tailing import query_of
from .terminal import Terminal, printable

HELP = "Draw the receiver graph: what is registered, and which paths signals took."


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals graph``."""
    parser.add_argument("--format", choices=sorted(FORMATS), default="svg", help="what to write (svg)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of stdout")
    parser.add_argument(
        "--window", choices=list(WINDOWS), default="all", help="how far to look back (all that is held)"
    )
    parser.add_argument(
        "--filter", default="", metavar="QUERY", help="count only the emissions that this query matches"
    )
    parser.add_argument("--find", default="", metavar="TEXT", help="keep nodes of this name, and their paths")
    parser.add_argument("--group", choices=list(GROUPINGS), default="auto", help="group nodes by app (auto)")
    parser.add_argument("--colour", choices=list(COLOURS), default="duration", help="of edges, in SVG")
    for name, what in (
        ("idle", "what the window saw nothing of"),
        ("caused", "edges that lead back from receivers"),
        ("bypasses", "rows changed with no signal"),
    ):
        parser.add_argument(f"--hide-{name}", action="store_true", help=f"leave out {what}")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Write the graph. Raises ``CommandError`` for a filter, a journal or a file that does not do."""
    import_views(terminal)
    query = query_of(options["filter"], conf.get().SLOW_MS) if options["filter"] else None
    scene = scene_of(_look(options), query)
    if scene.stretch.error:
        raise CommandError(printable(scene.stretch.error))
    mention(terminal)
    text = picture(scene, options["format"])
    file: Path | None = options["output"]
    if file is None:
        terminal.text(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"The graph cannot be written to {printable(str(file))!r} ({error.strerror}). "
            "Name a file in a folder that you may write to."
        ) from error


def _look(options: dict[str, Any]) -> Look:
    return Look(
        window=WINDOWS[options["window"]],
        hide_idle=options["hide_idle"],
        hide_caused=options["hide_caused"],
        hide_bypasses=options["hide_bypasses"],
        find=options["find"].strip(),
        q=options["filter"].strip(),
        grouping=options["group"],
        colour=options["colour"],
    )
