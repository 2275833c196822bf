"""A trace in Chrome's trace event format, for ui.perfetto.dev and chrome://tracing.

Comes in: entries. Goes out: a JSON object with ``traceEvents``: complete events (``X``), names of
processes and threads (``M``), and a flow (``s``, ``f``) from each call to what it caused elsewhere.
The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..events import Entry
from .spans import Span, spans

_NO_PROCESS = ("", 0, "")


class _Track:
    """A row of the viewer. Its events must nest, so what overlaps (coroutines do) gets another row."""

    def __init__(self, pid: int, tid: int) -> None:
        self.pid = pid
        self.tid = tid
        self._open: list[Span] = []

    def takes(self, span: Span, of: _Track | None) -> bool:
        """Take the span if all that is still running here is around it."""
        while self._open and self._open[-1].end_ns <= span.start_ns:
            self._open.pop()
        if self._open:
            around = self._open[-1]
            if around.id != span.parent and not _transparent(around):
                return False
            if around.end_ns < span.end_ns:
                return False
        elif of is self and span.parent:
            return False
        self._open.append(span)
        return True


def _transparent(span: Span) -> bool:
    return span.kind == "transaction"


def export(entries: Sequence[Entry]) -> bytes:
    """Return the trace as a trace event file. Times are microseconds since the trace began."""
    found = spans(entries)
    begin = min(span.start_ns for span in found)
    tracks = _Tracks()
    events: list[dict[str, Any]] = []
    placed: dict[str, _Track] = {}
    by_id = {span.id: span for span in found}
    for span in sorted(found, key=lambda span: (span.start_ns, -span.end_ns, _DEPTH[span.kind])):
        track = tracks.place(span, placed.get(span.parent))
        placed[span.id] = track
        event = {
            "name": span.name,
            "cat": span.kind if span.emission is None else f"{span.kind},{span.emission.family}",
            "ph": "X",
            "ts": (span.start_ns - begin) / 1000,
            "dur": (span.end_ns - span.start_ns) / 1000,
            "pid": track.pid,
            "tid": track.tid,
            "args": _args(span),
        }
        events.append(event)
        parent = placed.get(span.parent)
        if parent is not None and parent is not track:
            events += _flow(span, by_id[span.parent], parent, track, begin)
    whole = {
        "displayTimeUnit": "ms",
        "otherData": {"trace": entries[0].trace if entries else "", "producer": "Signalscope"},
        "traceEvents": [*tracks.names(), *events],
    }
    return msgspec.json.encode(whole)


# Of two that begin and end together, the outer one comes first.
_DEPTH = {"origin": 0, "task": 0, "transaction": 1, "emission": 2, "call": 3, "bypass": 4, "query": 5}


class _Tracks:
    """Rows by thread: the first for what nests, further ones for what runs at the same time."""

    def __init__(self) -> None:
        self._by_thread: dict[tuple[str, int, str], list[_Track]] = {}
        self._next = 1

    def place(self, span: Span, parent: _Track | None) -> _Track:
        process = span.process
        key = (process.host, process.pid, process.thread) if process else _NO_PROCESS
        tracks = self._by_thread.setdefault(key, [])
        # First where its parent runs, so that it is drawn below it.
        for track in sorted(tracks, key=lambda track: track is not parent):
            if track.takes(span, parent):
                return track
        track = _Track(key[1], self._next)
        self._next += 1
        tracks.append(track)
        track.takes(span, None)
        return track

    def names(self) -> list[dict[str, Any]]:
        """Return the events that name processes and threads."""
        events: list[dict[str, Any]] = []
        for (host, pid, thread), tracks in self._by_thread.items():
            if all(event["pid"] != pid for event in events):
                what = f"pid {pid} on {host}" if host else "unknown process"
                events.append(_named("process_name", pid, 0, what))
            for number, track in enumerate(tracks):
                name = thread or "thread"
                events.append(_named("thread_name", pid, track.tid, f"{name} +{number}" if number else name))
        return events


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _flow(span: Span, cause: Span, parent: _Track, track: _Track, begin: int) -> list[dict[str, Any]]:
    at = min(max(span.start_ns, cause.start_ns), cause.end_ns)
    common = {"name": "caused", "cat": "cause", "id": span.id}
    return [
        common | {"ph": "s", "ts": (at - begin) / 1000, "pid": parent.pid, "tid": parent.tid},
        common
        | {"ph": "f", "bp": "e", "ts": (span.start_ns - begin) / 1000, "pid": track.pid, "tid": track.tid},
    ]


def _args(span: Span) -> dict[str, Any]:
    if span.call is not None:
        call = span.call
        held: dict[str, Any] = {
            "outcome": call.outcome,
            "queries": call.queries,
            "query_us": call.query_us,
            "place": f"{call.file}:{call.line}" if call.file else None,
            "error": f"{call.error.type}: {call.error.message}" if call.error else None,
            "mutations": call.mutations,
            "effects": [f"{effect.kind} {effect.what}" for effect in call.effects],
        }
    elif span.emission is not None:
        emission = span.emission
        held = {
            "id": emission.id,
            "signal": emission.signal,
            "sender": emission.sender,
            "pk": emission.instance.pk if emission.instance else None,
            "method": emission.method,
            "payload": emission.payload,
            "flags": emission.flags,
            "site": f"{emission.site.file}:{emission.site.line}" if emission.site else None,
            "rolled_back": span.rolled_back,
        }
    elif span.statement is not None:
        held = {"sql": span.statement.sql, "times": span.statement.times, "database": span.statement.alias}
    elif span.bypass is not None:
        held = {"rows": span.bypass.rows, "skipped": span.bypass.skipped}
    elif span.outcome is not None:
        held = {"state": span.outcome.state, "database": span.outcome.alias}
    else:
        origin = span.origin
        held = {"status": origin.status, "user": origin.user, "view": origin.view} if origin else {}
    return {key: value for key, value in held.items() if value not in (None, "", [], {}, False)}
