"""A session file is written: gzip'd JSON lines, the header first.

Comes in: entries with their JSON. Goes out: the file, and its header. Memory does not grow with the
number of entries: they are packed into a temporary file while they are counted, and the header, which
needs the counts, becomes a gzip member of its own before them (https://www.rfc-editor.org/rfc/rfc1952).
"""

from __future__ import annotations

import gzip
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import BinaryIO

import django
import msgspec

from ..events import Emission, Entry, Gap, encode
from .header import FORMAT, Header
from .stretch import Body

_IN_MEMORY = 4_000_000
_LEVEL = 6
_MOST_TRACES = 1_000_000


def write(out: BinaryIO, entries: Iterable[Body], asked: Header | None = None) -> Header:
    """Write the entries, and return the header: ``asked`` with the rest filled in.

    Raises what ``entries`` raises, before anything is written.
    """
    counts = _Counts()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as packed:
        # No name, no time: the same entries give the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as lines:
            for entry, body in entries:
                counts.add(entry)
                lines.write(_line(entry, body))
        header = counts.header(asked or Header(signalscope_session=FORMAT))
        with gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as first:
            first.write(msgspec.json.encode(header) + b"\n")
        packed.seek(0)
        shutil.copyfileobj(packed, out, 1 << 20)
    return header


def _line(entry: Entry, body: bytes) -> bytes:
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Stored, and damaged since: what the journal tells of it instead.
        return encode(entry) + b"\n"
    fields["seq"] = msgspec.Raw(str(entry.seq).encode())
    return msgspec.json.encode(fields) + b"\n"


class _Counts:
    def __init__(self) -> None:
        self.entries = self.emissions = self.gaps = self.dropped = 0
        self.oldest = self.newest = 0
        self.traces: set[str] = set()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, entry: Entry) -> None:
        self.entries += 1
        self.emissions += isinstance(entry, Emission)
        if isinstance(entry, Gap):
            self.gaps += 1
            self.dropped += entry.dropped
        if entry.trace and len(self.traces) < _MOST_TRACES:
            self.traces.add(entry.trace)
        self.oldest = min(self.oldest or entry.seq, entry.seq)
        self.newest = max(self.newest, entry.seq)
        self.first = min(self.first or entry.at, entry.at)
        self.last = max(self.last or entry.at, entry.at)

    def header(self, asked: Header) -> Header:
        return msgspec.structs.replace(
            asked,
            python=platform.python_version(),
            django=django.get_version(),
            host=socket.gethostname(),
            exported_at=datetime.now(UTC),
            entries=self.entries,
            emissions=self.emissions,
            traces=len(self.traces),
            gaps=self.gaps,
            dropped=self.dropped,
            first=self.first,
            last=self.last,
            oldest=self.oldest,
            newest=self.newest,
        )


def filename(host: str, at: datetime) -> str:
    """Return a file name without surprises: ``signalscope-web-1-20261120-101112.jsonl.gz``."""
    words = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:40].strip("-")
    return "-".join(part for part in ("signalscope", words, f"{at:%Y%m%d-%H%M%S}") if part) + ".jsonl.gz"
