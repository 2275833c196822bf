"""``signals import``: a session file becomes a journal of its own, to be looked at on the pages.

Comes in: a file. Goes out: an imported session, and where to look at it; or why there is none.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.urls import NoReverseMatch

from .. import links, pipeline, wording
from ..sessions import SessionError
from .terminal import Part, Terminal, printable

HELP = "Import a file that signals export made. It becomes a session of its own beside the journal."


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals import``."""
    parser.add_argument("file", metavar="FILE", help="the session file")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Import the file. Raises ``CommandError`` when nothing was imported."""
    path = Path(options["file"])
    try:
        with path.open("rb") as stream:
            session = pipeline.sessions().add(stream, path.name)
    except SessionError as error:
        raise CommandError(printable(str(error))) from error
    except OSError as error:
        raise CommandError(f"The file cannot be read: {printable(str(error))}. Name another one.") from error
    entries = wording.many(session.taken, "entry", "entries")
    terminal.line(["Imported ", Part(entries, "good"), " as session ", Part(session.name, "name"), "."])
    terminal.line([f"Look at it under {_address(session.name)}"])
    for remark in session.remarks:
        terminal.notice(remark)


def _address(name: str) -> str:
    try:
        return links.in_session(name, "signalscope:live")
    except NoReverseMatch:
        return f"sessions/{name}/ of Signalscope's pages"
