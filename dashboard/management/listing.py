"""``signals list``: every registration, grouped by signal.

Comes in: the registrations of this process. Goes out: an aligned table for people, or one JSON
object a line.
"""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec
from django.urls import get_resolver

from .. import wording
from ..registrations import Registration, registrations, signals
from ..traces.flags import LABELS
from .terminal import Part, Terminal

HELP = "List every receiver, by signal: order, sender, place in the source, weak or strong, dispatch_uid."

_WIDTH = 100


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals list``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Print the registrations."""
    import_views(terminal)
    found = registrations()
    if options["json"]:
        for one in found:
            terminal.json(msgspec.json.encode(one))
        return
    for signal, group in groupby(found, key=lambda one: one.signal):
        _print_signal(signal, list(group), terminal)
    _print_silent(sorted(set(signals()) - {one.signal for one in found}), terminal)
    terminal.line([f"{wording.many(len(found), 'registration')}."])


def import_views(terminal: Terminal) -> None:
    """Import what a server imports with its first request: modules beside the views connect receivers too."""
    try:
        get_resolver().url_patterns  # noqa: B018
    except Exception as error:  # noqa: BLE001  (importing a project's modules can raise anything)
        terminal.notice(
            f"The project's URLs cannot be imported ({type(error).__name__}: {error}), so receivers "
            "that its views' modules connect are missing here. Run manage.py check."
        )


def _print_signal(signal: str, group: Sequence[Registration], terminal: Terminal) -> None:
    terminal.line([Part(signal, "name"), f"  {wording.many(len(group), 'registration')}"])
    group = sorted(group, key=lambda one: (one.sender is not None, one.sender or "", one.order))
    rows = [_cells(one) for one in group]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for one, row in zip(group, rows, strict=True):
        columns = [f"{cell:{width}}  " for cell, width in zip(row, widths, strict=True)]
        terminal.line(["  ", *columns, *_traits(one)])
    terminal.line([])


def _cells(one: Registration) -> tuple[str, str, str, str]:
    place = f"{one.file}:{one.line}" if one.file else "-"
    return one.place_in_order or "-", one.listens_to, one.receiver, place


def _traits(one: Registration) -> Iterable[Part]:
    yield Part(one.reference, "" if one.alive else "warning")
    yield Part(f", {one.mode}")
    if one.dispatch_uid is not None:
        yield Part(f", uid={one.dispatch_uid}")
    if one.duplicate:
        yield Part(f", {LABELS['duplicate']}", "warning")


def _print_silent(names: Sequence[str], terminal: Terminal) -> None:
    if not names:
        return
    terminal.line([f"{wording.many(len(names), 'signal')} without receivers"])
    text = ", ".join(names)
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        terminal.line([f"  {line}"])
    terminal.line([])
