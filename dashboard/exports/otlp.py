"""A trace as OpenTelemetry spans, in OTLP's JSON encoding.

Comes in: entries. Goes out: one ``TracesData`` object: ids in hex, 64 bit numbers as text, enums
as numbers. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
Attributes follow https://opentelemetry.io/docs/specs/semconv/ where it has a name for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from ..events import Entry, Frame, Origin, Process, Raised, Transaction
from .spans import Span, spans

_INTERNAL, _SERVER, _CLIENT, _CONSUMER = 1, 2, 3, 5
_OK_OR_UNSET, _ERROR = 0, 2
_SAMPLED = 1
_TRACE = re.compile(r"[0-9a-f]{32}")
SCHEMA = "https://opentelemetry.io/schemas/1.37.0"

Attributes = dict[str, Any]


def export(entries: Sequence[Entry]) -> bytes:
    """Return the trace as OTLP JSON, one resource for each process that took part."""
    found = spans(entries)
    trace = trace_id(entries[0].trace if entries else "")
    by_process: dict[tuple[str, int], list[Span]] = {}
    for span in found:
        process = span.process
        by_process.setdefault((process.host, process.pid) if process else ("", 0), []).append(span)
    resources = [
        {
            "resource": {"attributes": _attributes(_resource(host, pid))},
            "scopeSpans": [
                {
                    "scope": {"name": "signalscope"},
                    "spans": [_span(span, trace) for span in held],
                    "schemaUrl": SCHEMA,
                }
            ],
            "schemaUrl": SCHEMA,
        }
        for (host, pid), held in by_process.items()
    ]
    return msgspec.json.encode({"resourceSpans": resources})


def trace_id(trace: str) -> str:
    """Return the trace's id as 32 hex digits: its own, where it has that form already."""
    if _TRACE.fullmatch(trace) and trace.strip("0"):
        return trace
    return blake2b(trace.encode(), digest_size=16).hexdigest()


def _resource(host: str, pid: int) -> Attributes:
    return {
        "service.name": "django",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "signalscope",
        "host.name": host or None,
        "process.pid": pid or None,
    }


def _span(span: Span, trace: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": trace,
        "spanId": span.id,
        "flags": _SAMPLED,
        "name": span.name,
        "kind": _kind(span),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(_described(span)),
        "status": _status(span),
    }
    if span.parent:
        made["parentSpanId"] = span.parent
    if events := _events(span):
        made["events"] = events
    return made


def _kind(span: Span) -> int:
    if span.kind == "query":
        return _CLIENT
    if span.task is not None:
        return _CONSUMER
    if span.origin is not None and span.kind == "origin":
        return {"request": _SERVER, "task": _CONSUMER}.get(span.origin.type, _INTERNAL)
    return _INTERNAL


def _status(span: Span) -> dict[str, Any]:
    if span.call is not None and span.call.outcome == "raised":
        return {"code": _ERROR, "message": span.call.error.message if span.call.error else ""}
    if span.task is not None and span.task.error:
        return {"code": _ERROR, "message": span.task.error}
    if span.origin is not None and (span.origin.error or (span.origin.status or "").startswith("5")):
        return {"code": _ERROR, "message": span.origin.error or ""}
    return {"code": _OK_OR_UNSET}


def _events(span: Span) -> list[dict[str, Any]]:
    if span.call is None:
        return []
    events = [
        {
            "timeUnixNano": str(min(span.start_ns + round(effect.offset_us * 1000), span.end_ns)),
            "name": f"django.{effect.kind}",
            "attributes": _attributes({"signalscope.effect": effect.what}),
        }
        for effect in span.call.effects
    ]
    if span.call.error is not None:
        events.append(
            {
                "timeUnixNano": str(span.end_ns),
                "name": "exception",
                "attributes": _attributes(_exception(span.call.error)),
            }
        )
    return events


def _exception(error: Raised) -> Attributes:
    return {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": "\n".join([*map(_frame, error.frames), f"{error.type}: {error.message}"]),
    }


def _frame(frame: Frame) -> str:
    source = f"\n    {frame.source}" if frame.source else ""
    return f'  File "{frame.file}", line {frame.line}, in {frame.function}{source}'


# --- attributes ----------------------------------------------------------------------------------


def _described(span: Span) -> Attributes:
    common: Attributes = {"signalscope.kind": span.kind, "thread.name": _thread(span.process)}
    if span.statement is not None:
        return common | {
            "db.query.text": span.statement.sql,
            "db.operation.name": span.statement.sql.split(" ", 1)[0].upper(),
            "db.namespace": span.statement.alias,
        }
    if span.call is not None:
        return common | _of_call(span)
    if span.emission is not None:
        return common | _of_emission(span)
    if span.bypass is not None:
        bypass = span.bypass
        return common | {
            "signalscope.operation": bypass.operation,
            "signalscope.sender": bypass.sender,
            "signalscope.skipped": bypass.skipped,
            "signalscope.rows": bypass.rows,
            "db.namespace": bypass.using,
        }
    if span.outcome is not None:
        return common | {
            "signalscope.transaction.state": span.outcome.state,
            "signalscope.transaction.savepoint": span.outcome.savepoint,
            "db.namespace": span.outcome.alias,
        }
    return common | (_of_origin(span.origin) if span.origin else {})


def _of_emission(span: Span) -> Attributes:
    emission = span.emission
    if emission is None:
        return {}
    site, about = emission.site, emission.instance
    return {
        "signalscope.emission": emission.id,
        "signalscope.signal": emission.signal,
        "signalscope.sender": emission.sender,
        "signalscope.method": emission.method,
        "signalscope.instance.pk": about.pk if about else None,
        "signalscope.flags": emission.flags,
        "code.file.path": site.file if site else None,
        "code.line.number": site.line if site else None,
        "code.function.name": site.function if site else None,
    } | _of_transaction(emission.transaction, rolled_back=span.rolled_back)


def _of_transaction(transaction: Transaction | None, *, rolled_back: bool) -> Attributes:
    if transaction is None:
        return {}
    return {
        "db.namespace": transaction.alias,
        "signalscope.transaction.depth": len(transaction.blocks),
        "signalscope.transaction.rolled_back": rolled_back,
    }


def _of_call(span: Span) -> Attributes:
    call = span.call
    if call is None:
        return {}
    return {
        "code.function.name": call.receiver,
        "code.file.path": call.file or None,
        "code.line.number": call.line or None,
        "signalscope.outcome": call.outcome,
        "signalscope.queries": call.queries,
        "signalscope.mutated": sorted(call.mutations),
        "error.type": call.error.type if call.error else None,
    }


def _of_origin(origin: Origin) -> Attributes:
    status = origin.status or ""
    if origin.type == "request":
        return {
            "http.request.method": origin.verb,
            "url.path": origin.title,
            "http.response.status_code": int(status) if status.isascii() and status.isdigit() else None,
            "signalscope.view": origin.view,
            "enduser.id": origin.user,
            "error.type": _type_of(origin.error),
        }
    return {
        "signalscope.origin": origin.type,
        "process.command": f"{origin.verb} {origin.title}" if origin.type == "command" else None,
        "signalscope.status": status or None,
        "enduser.id": origin.user,
        "error.type": _type_of(origin.error),
    }


def _type_of(error: str | None) -> str | None:
    return error.partition(":")[0] if error else None


def _thread(process: Process | None) -> str | None:
    return (process.thread or None) if process else None


def _attributes(held: Attributes) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": _value(value)}
        for key, value in held.items()
        if value is not None and value != []
    ]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
