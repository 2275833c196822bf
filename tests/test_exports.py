"""The exports: each file is what the programs that open it expect."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import msgspec
import pytest

from dashboard.events import Cause, Effect, Entry, Process, Statement, decode, encode
from dashboard.exports import FORMATS, filename, spans
from dashboard.exports.otlp import trace_id

from .samples import TRACE, admin_add, boom, call, emission, origin
from .test_waterfall import bypass, loop, outcome, within


def rich() -> list[Entry]:
    """Return a trace with everything in it: SQL, effects, a bypass, a rollback, coroutines, a thread."""
    queried = call(
        "app.index",
        offset_us=2.0,
        duration_us=5000.0,
        queries=3,
        statements=[Statement("SELECT a FROM t WHERE b = ?", 3, 900.0, [100.0, 500.0, 4000.0])],
        effects=[Effect("mail", "to 1 recipient", 4500.0)],
        mutations={"slug": ["", "x"]},
    )
    at_once = [
        call("app.first", offset_us=0.0, duration_us=9000.0, is_async=True),
        call("app.second", offset_us=100.0, duration_us=9500.0, is_async=True),
    ]
    elsewhere = Process("web-1", 4711, "worker")
    return [
        *admin_add()[:-1],
        emission("e6", 150, transaction=within("k1"), duration_us=6000.0, calls=[queried]),
        emission("e7", 151, cause=Cause("e6", 0), duration_us=900.0, process=elsewhere, calls=[call()]),
        emission("e8", 160, method="asend", duration_us=9700.0, calls=at_once),
        bypass("b1", 153, cause=Cause("e6", 0)),
        outcome("k1", 158, 10),
        origin("closed", 200, duration_us=200e3),
    ]


def exported(key: str, entries: list[Entry]) -> Any:
    return json.loads(FORMATS[key].export(entries))


# --- JSON ----------------------------------------------------------------------------------------


def test_json_is_one_array_of_the_entries_as_they_are() -> None:
    entries = rich()
    assert [decode(msgspec.json.encode(one)) for one in exported("json", entries)] == [
        decode(encode(entry)) for entry in entries
    ]


def test_json_of_nothing_is_an_empty_array() -> None:
    assert exported("json", []) == []


# --- spans ---------------------------------------------------------------------------------------


def test_spans_come_after_their_parents_and_lie_within_them() -> None:
    seen: dict[str, spans.Span] = {}
    for span in spans.spans(rich()):
        assert span.parent in seen or span.kind == "origin"
        assert span.start_ns <= span.end_ns
        if span.parent:
            around = seen[span.parent]
            assert around.start_ns <= span.start_ns
            assert span.end_ns <= around.end_ns
        seen[span.id] = span
    assert {span.kind for span in seen.values()} == {
        "origin", "emission", "call", "query", "bypass", "transaction",
    }  # fmt: skip


def test_rounded_clocks_do_not_let_a_span_stand_out() -> None:
    inner = emission("e2", 0.999, duration_us=1000.7, cause=Cause("e1", 0))
    outer = emission("e1", 0, duration_us=2000.0, calls=[call(offset_us=1000.4, duration_us=998.0)])
    by_kind = {(span.kind, span.emission.id): span for span in spans.spans([inner, outer]) if span.emission}
    around, within = by_kind["call", "e1"], by_kind["emission", "e2"]
    assert around.start_ns <= within.start_ns
    assert within.end_ns <= around.end_ns


def test_span_ids_are_unique_in_a_large_trace() -> None:
    ids = [span.id for span in spans.spans(loop(500))]
    assert len(set(ids)) == len(ids) == 1001


# --- Chrome --------------------------------------------------------------------------------------


def chrome_events(entries: list[Entry], phase: str) -> list[dict[str, Any]]:
    return [event for event in exported("chrome", entries)["traceEvents"] if event["ph"] == phase]


def test_every_chrome_event_has_what_the_format_requires() -> None:
    whole = exported("chrome", rich())
    assert whole["displayTimeUnit"] == "ms"
    for event in whole["traceEvents"]:
        assert isinstance(event["name"], str)
        assert event["ph"] in "XMsf"
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] != "M":
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0


@pytest.mark.parametrize("entries", [rich(), admin_add(), loop(40)])
def test_complete_events_of_one_chrome_track_nest(entries: list[Entry]) -> None:
    tracks = defaultdict(list)
    for event in chrome_events(entries, "X"):
        tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for held in tracks.values():
        stack: list[float] = []
        for start, end in sorted(held, key=lambda one: (one[0], -one[1])):
            while stack and stack[-1] <= start + 1e-6:
                stack.pop()
            assert not stack or end <= stack[-1] + 1e-6
            stack.append(end)


def test_what_runs_at_once_gets_tracks_of_its_own_with_names() -> None:
    names = [event["args"]["name"] for event in chrome_events(rich(), "M")]
    assert names == ["pid 4711 on web-1", "MainThread", "MainThread +1", "worker"]
    tids = {event["name"]: event["tid"] for event in chrome_events(rich(), "X")}
    assert tids["app.first"] != tids["app.second"]


def test_what_was_caused_in_another_track_is_joined_by_a_flow() -> None:
    starts, ends = chrome_events(rich(), "s"), chrome_events(rich(), "f")
    assert {event["id"] for event in starts} == {event["id"] for event in ends} != set()
    assert all(event["bp"] == "e" for event in ends)
    before = {event["id"]: event["ts"] for event in starts}
    assert all(before[event["id"]] <= event["ts"] for event in ends)


# --- OpenTelemetry -------------------------------------------------------------------------------


def otlp_spans(entries: list[Entry]) -> list[dict[str, Any]]:
    return [
        span
        for resource in exported("otlp", entries)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


VALUES = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": float, "arrayValue": dict}


def test_otlp_spans_have_the_ids_times_and_enums_of_the_json_encoding() -> None:
    found = otlp_spans(rich())
    ids = {span["spanId"] for span in found}
    assert len(ids) == len(found)
    for span in found:
        assert span["traceId"] == TRACE
        assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert span["spanId"] != "0" * 16
        assert span["kind"] in range(1, 6)
        assert span["status"]["code"] in (0, 1, 2)
        assert re.fullmatch(r"\d{19}", span["startTimeUnixNano"])
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        for one in span["attributes"]:
            ((kind, value),) = one["value"].items()
            assert isinstance(value, VALUES[kind])


def test_otlp_parents_exist_and_there_is_one_root() -> None:
    found = otlp_spans(rich())
    ids = {span["spanId"] for span in found}
    assert [span["name"] for span in found if "parentSpanId" not in span] == [
        "POST /admin/demo_app/post/add/"
    ]
    assert all(span["parentSpanId"] in ids for span in found if "parentSpanId" in span)


def test_otlp_follows_the_semantic_conventions() -> None:
    by_name = {span["name"]: span for span in otlp_spans(rich())}
    request = by_name["POST /admin/demo_app/post/add/"]
    assert request["kind"] == 2
    assert attributes(request).items() >= {
        "http.request.method": "POST", "url.path": "/admin/demo_app/post/add/",
        "http.response.status_code": "302", "enduser.id": "admin",
    }.items()  # fmt: skip
    query = by_name["SELECT a FROM t WHERE b = ?"]
    assert query["kind"] == 3
    assert (
        attributes(query).items() >= {"db.query.text": query["name"], "db.operation.name": "SELECT"}.items()
    )
    called = attributes(by_name["app.index"])
    assert called["code.function.name"] == "app.index"
    assert called["code.line.number"] == "88"


def test_an_exception_is_an_error_and_an_event() -> None:
    (failed,) = [span for span in otlp_spans(rich()) if span["status"]["code"] == 2]
    assert failed["name"] == "demo_app.mail.notify_author"
    (event,) = failed["events"]
    held = attributes(event)
    assert event["name"] == "exception"
    assert held["exception.type"] == boom().type
    assert 'File "demo_app/mail.py", line 57, in notify_author' in held["exception.stacktrace"]


def test_a_request_that_failed_is_an_error() -> None:
    closed = origin("closed", 5, status="500", error="builtins.ValueError: no")
    (span,) = otlp_spans([origin(), closed])
    assert span["status"] == {"code": 2, "message": "builtins.ValueError: no"}
    assert attributes(span)["error.type"] == "builtins.ValueError"


def test_a_trace_id_that_is_not_hex_becomes_32_digits() -> None:
    assert trace_id(TRACE) == TRACE
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id("t-8c3e"))
    assert trace_id("0" * 32) != "0" * 32


# --- names ---------------------------------------------------------------------------------------


def test_file_names_say_what_is_inside() -> None:
    assert (
        filename(admin_add(), FORMATS["chrome"])
        == "signalscope-post-admin-demo-app-post-add-b3b3b3b3.chrome.json"
    )


def test_file_names_hold_nothing_that_a_header_or_a_disk_could_take_amiss() -> None:
    hostile = origin(title='/..\\"\r\nSet-Cookie: x;é' * 20, trace='../"')
    name = filename([hostile], FORMATS["json"])
    assert re.fullmatch(r"[a-z0-9.-]{1,90}", name)
    assert ".." not in name
