"""``signals prune``: what is old leaves the journal now, and not when the writer comes to it.

Comes in: how many entries to keep, how old they may be. Goes out: a smaller journal.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError

from .. import conf, wording
from ..journal import JournalError, open_journal
from .terminal import Terminal, printable

HELP = "Delete the journal's oldest entries, beyond KEEP_ENTRIES and KEEP_SECONDS or the limits given."

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals prune``."""
    parser.add_argument("--keep", type=_number, metavar="N", help="keep the newest N entries")
    parser.add_argument(
        "--older-than", type=_age, metavar="AGE", help="delete what is older: 90s, 15m, 12h, 7d"
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ArgumentTypeError(f"{text!r} is no number of entries; give a whole number from 0 on")
    return int(text)


def _age(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) < 10):
        raise ArgumentTypeError(f"{text!r} is no age; give a number with s, m, h or d, such as 15m")
    return float(int(number) * _UNITS[unit])


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Prune the journal. Raises ``CommandError``."""
    settings = conf.get()
    keep = settings.KEEP_ENTRIES if options["keep"] is None else options["keep"]
    age = settings.KEEP_SECONDS if options["older_than"] is None else options["older_than"]
    deleted = 0
    try:
        with closing(open_journal(settings.JOURNAL)) as journal:
            while count := journal.prune(keep, age):
                deleted += count
            left = journal.extent().count
    except JournalError as error:
        raise CommandError(printable(str(error))) from error
    terminal.line([f"Deleted {wording.many(deleted, 'entry', 'entries')}; {left:,} are left."])
