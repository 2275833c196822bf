"""One line of a trace's tree, with all that a template needs, positions on the lane included.

Comes in: an emission, a call, a bypass, a transaction, a task or several quiet emissions. Goes out:
``Row`` values; times are microseconds since the trace began.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from .. import wording
from ..events import Bypass, Call, Emission, Process, Task, Unknown
from ..query.selection import Sent, family_of
from . import flags
from .fates import Fate
from .flags import Flag
from .lanes import Span, span
from .loops import Cut

QUIET_NAMED = 4
PALE_PARTS = 12
NOTCHES = 24
MAX_TAG = 60


class Row(msgspec.Struct, eq=False):
    """One line of the tree. ``level`` is 2 for what the origin sent itself.

    ``own_us`` is the part of a call that it spent outside of the emissions it caused; ``loop`` is a
    round spelled out; ``rolled_back`` says that the transaction around it was.
    """

    kind: Literal["emission", "call", "quiet", "bypass", "transaction", "cut", "task", "unknown"]
    key: str
    level: int
    start_us: float
    duration_us: float
    span: Span
    family: str
    emission: Emission | None = None
    call: Call | None = None
    call_index: int = 0
    flags: list[Flag] = []
    quiet: list[Emission] = []
    pale: list[Span] = []
    opens: bool = False
    hidden: bool = False
    matched: bool = True
    orphan: bool = False
    bypass: Bypass | None = None
    fate: Fate | None = None
    task: Task | None = None
    unknown: Unknown | None = None
    process: Process | None = None
    cut: Cut | None = None
    notches: list[Span] = []
    own_us: float | None = None
    loop: str = ""
    rolled_back: bool = False
    critical: bool = False

    @property
    def took(self) -> wording.Took:
        """Its duration, written."""
        return wording.took(self.duration_us)

    @property
    def own(self) -> wording.Took | None:
        """Its own part of the duration, written, where that is less than the whole."""
        if self.own_us is None or self.own_us > self.duration_us * 0.99:
            return None
        return wording.took(self.own_us)

    @property
    def offset(self) -> str:
        """When it began, from the beginning of the trace."""
        return wording.offset(self.start_us)

    @property
    def tag(self) -> str:
        """The one argument that says most about the emission; what a bypass did, to how many rows."""
        if self.bypass:
            return bypass_text(self.bypass)
        return main_argument(self.emission) if self.emission else ""

    @property
    def queries(self) -> int:
        """SQL queries inside: of the call, or of all calls of a row without call rows."""
        if self.call:
            return self.call.queries
        return sum(call.queries for call in self.emission.calls) if self.emission else 0

    @property
    def quiet_text(self) -> str:
        """``2 quiet: request_started, connection_created``."""
        names: dict[str, None] = {}
        for emission in self.quiet:
            sender = f" {wording.sender(emission.sender)}" if emission.instance else ""
            names.setdefault(emission.name + sender)
        shown = ", ".join(list(names)[:QUIET_NAMED])
        rest = len(names) - QUIET_NAMED
        return f"{len(self.quiet)} quiet: {shown}{f' and {rest} more' if rest > 0 else ''}"

    @property
    def quiet_families(self) -> list[str]:
        """The families in a quiet row, in order of appearance."""
        return list(dict.fromkeys(emission.family for emission in self.quiet))

    @property
    def cut_text(self) -> str:
        """``237 more rounds left out``."""
        if self.cut is None:
            return ""
        return f"{wording.many(self.cut.rounds, 'more round')} left out"


class Rows(NamedTuple):
    """A window of a tree's rows: the rows, where the window begins, how many there are in all."""

    rows: list[Row]
    start: int
    total: int

    @property
    def next_start(self) -> int | None:
        """Where the next window begins, or ``None`` at the end."""
        end = self.start + len(self.rows)
        return end if end < self.total else None


def flat_row(entry: Sent, slow_ms: float = 50.0) -> Row:
    """Return an emission or a bypass alone as a row, an emission's calls on its own time axis."""
    total = entry.duration_us
    row = Row("emission", entry.id, 1, 0.0, total, span(0, total, total), family_of(entry))
    if isinstance(entry, Bypass):
        row.kind = "bypass"
        row.bypass = entry
        row.flags = flags.of_bypass(entry)
        return row
    row.emission = entry
    row.flags = flags.of_emission(entry, slow_ms, with_calls=True)
    row.pale = [span(call.offset_us, call.duration_us, total) for call in entry.calls[:PALE_PARTS]]
    return row


# --- the one argument that says most ---------------------------------------------------------------


def main_argument(emission: Emission) -> str:
    """Return what a row says of the arguments: ``created``, ``update_fields=image``, ``post_add {3, 7}``."""
    payload = emission.payload
    if emission.family == "m2m":
        return _m2m(payload)
    parts: list[str] = []
    if emission.method != "send":
        parts.append(emission.method)
    if payload.get("created") is True:
        parts.append("created")
    if payload.get("raw") is True:
        parts.append("raw")
    if fields := payload.get("update_fields"):
        parts.append(f"update_fields={','.join(map(str, fields)) if isinstance(fields, list) else fields}")
    if emission.family in ("custom", "auth", "db", "migrate"):
        parts += [f"{key}={_plain(value)}" for key, value in list(payload.items())[:3]]
    return _cut(" ".join(parts))


def bypass_text(bypass: Bypass) -> str:
    """Return what a bypass did: ``update() of 2 rows``."""
    rows = "" if bypass.rows is None else f" of {wording.many(bypass.rows, 'row')}"
    return f"{bypass.operation}{rows}"


def _m2m(payload: dict[str, Any]) -> str:
    pks = payload.get("pk_set")
    shown = (
        f" {{{', '.join(map(str, pks[:5]))}{', …' if len(pks) > 5 else ''}}}" if isinstance(pks, list) else ""
    )
    return _cut(f"{payload.get('action') or ''}{shown}")


def _plain(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TAG else f"{text[: MAX_TAG - 1]}…"
