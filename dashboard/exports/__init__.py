"""A trace as a file that other programs open: one module for each format.

Comes in: the entries of one trace, as they were journalled. Goes out: the file's bytes, and how
it is called. Nothing here reads the journal or the settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..events import Entry
from ..traces.summaries import summarise
from . import chrome, json, otlp

_LONGEST = 60


class Format(NamedTuple):
    """A format: its word in addresses, its name on a button, what opens it, how it is made."""

    key: str
    title: str
    opens: str
    suffix: str
    export: Callable[[Sequence[Entry]], bytes]


FORMATS = {
    one.key: one
    for one in (
        Format("json", "JSON", "the journal's entries, one array", "json", json.export),
        Format(
            "chrome",
            "Chrome trace",
            "opens in ui.perfetto.dev and chrome://tracing",
            "chrome.json",
            chrome.export,
        ),
        Format("otlp", "OpenTelemetry", "spans as OTLP JSON, for a collector", "otlp.json", otlp.export),
    )
}


def filename(entries: Sequence[Entry], wanted: Format) -> str:
    """Return a file name without surprises: ``signalscope-post-admin-demo-app-post-add-b3b3b3b3.json``."""
    summary = summarise(entries)
    words = re.sub(r"[^a-z0-9]+", "-", f"{summary.verb} {summary.title}".lower()).strip("-")
    ident = re.sub(r"[^a-zA-Z0-9]", "", summary.trace)[:8]
    return (
        "-".join(part for part in ("signalscope", words[:_LONGEST].strip("-"), ident) if part)
        + f".{wanted.suffix}"
    )
