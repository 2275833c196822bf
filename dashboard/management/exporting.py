"""``signals export``: a stretch of the journal as one file.

Comes in: a filter, a range, a trace. Goes out: a session file, into a file or to stdout, and a line on
stderr that says what is in it.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError

from .. import __version__, conf, wording
from ..journal import JournalError, open_journal
from ..sessions import Asked, Header, SessionError, write
from ..sessions.stretch import Wanted, read
from .sampled import mention
from .terminal import Terminal, printable

HELP = "Export a stretch of the journal as one file, to be looked at elsewhere."

_PLACE = "a seq, a date with a time, or a time of today"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals export``."""
    parser.add_argument(
        "--filter", default="", metavar="QUERY", help="only traces in which this query matches"
    )
    parser.add_argument(
        "--since", default="", metavar="PLACE", help=f"begin after this seq or time: {_PLACE}"
    )
    parser.add_argument("--until", default="", metavar="PLACE", help=f"end with this seq or time: {_PLACE}")
    parser.add_argument("--trace", default="", metavar="ID", help="only this trace")
    parser.add_argument("--output", default="-", metavar="FILE", help="write to this file instead of stdout")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Write the file. Raises ``CommandError``; then no file is left behind."""
    settings = conf.get()
    asked = Asked(options["filter"], options["since"], options["until"], options["trace"])
    try:
        wanted = asked.wanted(settings.SLOW_MS)
        if options["output"] == "-":
            header = _to_stdout(settings.JOURNAL, wanted, asked.header(__version__))
        else:
            header = _to_file(Path(options["output"]), settings.JOURNAL, wanted, asked.header(__version__))
    except (SessionError, JournalError) as error:
        raise CommandError(printable(str(error))) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(
            f"The session cannot be written to {options['output']}: {error}. Name another file with --output."
        ) from error
    terminal.notice(_told(header))
    mention(terminal)


def _to_stdout(url: str, wanted: Wanted, asked: Header) -> Header:
    out = sys.stdout.buffer
    if sys.stdout.isatty():
        raise SessionError(
            "A session is packed bytes, and stdout is a terminal. Name a file with --output, or use a pipe."
        )
    header = _write(out, url, wanted, asked)
    out.flush()
    return header


def _to_file(path: Path, url: str, wanted: Wanted, asked: Header) -> Header:
    # Beside it first: an export that fails leaves an earlier file as it was.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as out:
            header = _write(out, url, wanted, asked)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return header


def _write(out: BinaryIO, url: str, wanted: Wanted, asked: Header) -> Header:
    with closing(open_journal(url)) as journal:
        return write(out, read(journal, wanted), asked)


def _told(header: Header) -> str:
    parts = [
        wording.many(header.entries, "entry", "entries"),
        wording.many(header.emissions, "emission"),
        wording.many(header.traces, "trace"),
    ]
    if header.dropped:
        parts.append(f"{wording.many(header.gaps, 'gap')} of {header.dropped:,} dropped")
    text = f"Exported {', '.join(parts)}."
    if not header.entries:
        return f"{text} Nothing in the journal is in this stretch."
    return f"{text} Secrets were redacted when they were recorded; whatever else was recorded is in the file."
