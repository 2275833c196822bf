"""The filter language: what each key matches, where text does not parse, and that nothing else is raised."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dashboard.events import (
    Bypass,
    Cause,
    Effect,
    Emission,
    Entry,
    Gap,
    Instance,
    Outcome,
    Site,
    Statement,
    Transaction,
    Unknown,
)
from dashboard.query import (
    FLAGS,
    KEYS,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    Background,
    Query,
    QuerySyntaxError,
    background_of,
    parse,
)
from dashboard.query.excerpt import excerpt

from .samples import NOON, PRE_SAVE, PROCESS, TRACE, at, boom, call, emission, origin

POST = emission(calls=[call(), call("demo_app.receivers.update_search_index", queries=6)])
FAILED = emission(
    "e5",
    signal="demo_app.signals.post_published",
    family="custom",
    method="send_robust",
    calls=[call("demo_app.mail.notify_author", outcome="raised", error=boom())],
)
TAGS = emission(
    "e6",
    signal="django.db.models.signals.m2m_changed",
    family="m2m",
    sender="demo_app.Post.tags",
    instance=Instance(pk="42", model="demo_app.Post"),
)
IMAGE = emission("e7", sender="demo_app.PostImage")
ORPHAN = emission("e8", sender=None, instance=None, site=None, process=None, payload={})
BYPASS = Bypass(
    at=NOON,
    id="b1",
    trace=TRACE,
    operation="bulk_create",
    sender="demo_app.Tag",
    rows=3,
    duration_us=700.0,
    site=Site("demo_app/admin.py", 31, "save_model"),
    skipped=["demo_app.receivers.audit_log"],
    process=PROCESS,
)
UNDONE = Outcome(at=NOON, block="t1", trace=TRACE, alias="default", state="rolled back", process=PROCESS)
OPENED = origin("opened")
CLOSED = origin("closed")


def matches(text: str, entry: Entry, known: bool = False) -> bool:
    return parse(text, now=NOON).matches(entry, CLOSED if known else None)


def error_of(text: str) -> QuerySyntaxError:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    return caught.value


# --- how terms combine -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   ", "\t\n"])
def test_an_empty_query_matches_everything(text: str) -> None:
    query = parse(text)

    assert query.matches_everything
    assert query.terms == []
    assert str(query) == ""
    assert all(query.matches(entry) for entry in (POST, FAILED, ORPHAN, OPENED, CLOSED))


def test_terms_beside_each_other_must_all_match() -> None:
    assert matches("signal:post_save sender:Post", POST)
    assert not matches("signal:post_save sender:Comment", POST)


def test_and_between_terms_changes_nothing() -> None:
    assert parse("signal:save AND sender:Post") == parse("signal:save sender:Post")


def test_or_matches_when_one_side_does_and_binds_weaker_than_terms_side_by_side() -> None:
    query = "signal:pre_save sender:Post or signal:post_published is:error"

    assert matches(query, FAILED)
    assert not matches(query, POST)
    assert matches("signal:nothing OR signal:post_save", POST)


def test_parentheses_group() -> None:
    assert not matches("sender:Comment (signal:post_save or signal:pre_save)", POST)
    assert matches("sender:Post (signal:post_save or signal:pre_save)", POST)


def test_minus_negates_a_term_a_group_and_free_text() -> None:
    assert not matches("-sender:Post", POST)
    assert matches("-sender:Comment", POST)
    assert not matches("-(sender:Post is:error)", FAILED)
    assert matches("-(sender:Post is:error)", POST)
    assert not matches("-thumbnail", POST)
    assert matches("--sender:Post", POST)


def test_a_minus_inside_a_word_is_part_of_it() -> None:
    assert matches("admin-post", emission(payload={"slug": "admin-post"}))
    assert matches("process:web-1", POST)


def test_gaps_and_unknown_kinds_match_every_query() -> None:
    gap = Gap(at=NOON, dropped=3, reason="buffer full")
    unknown = Unknown(kind="telepathy", body={}, at=NOON)

    for text in ("signal:nothing", "-signal:nothing", "-trace:*", "nothing", "took:>9s"):
        assert parse(text).matches(gap)
        assert parse(text).matches(unknown)


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signal:post_save", True),
        ("signal:POST_Save", True),
        ("SIGNAL:save", True),
        ("signal:models.signals", True),
        ("signal:pre_save", False),
        ("signal:post_*", True),
        ("signal:*_save", True),
        ("signal:save*", False),
        ("signal:django.*.post_save", True),
        ("signal:=post_save", True),
        ("signal:=django.db.models.signals.post_save", True),
        ("signal:=save", False),
        ("sender:post", True),
        ("sender:demo_app", True),
        ("sender:demo_app.*", True),
        ("sender:=Post", True),
        ("sender:=demo_app.Post", True),
        ("sender:app.Post", True),
        ("sender:=app.Post", False),
        ("sender:*", True),
        ("receiver:make_thumbnail", True),
        ("receiver:update_search", True),
        ("receiver:receivers.*", True),
        ("receiver:notify", False),
        ("family:save", True),
        ("family:sav", False),
        ("family:s*", True),
        ("method:send", True),
        ("method:send_robust", False),
        ("method:send*", True),
        ("pk:42", True),
        ("pk:=42", True),
        ("pk:4", False),
        ("pk:4*", True),
        ("trace:b3b3", True),
        ("trace:3b3", False),
        ("trace:=b3b3", False),
        ("trace:*b3", True),
        ("site:admin.py", True),
        ("site:admin.py:31", True),
        ("site:admin.py:3", True),
        ("site:=admin.py:31", True),
        ("site:=admin.py:3", False),
        ("site:demo_app/*", True),
        ("site:save_model", True),
        ("site:views.py", False),
        ("process:web-1", True),
        ("process:4711", True),
        ("process:=web-1:4711", True),
        ("process:web-2", False),
        ("process:MainThread", True),
    ],
)
def test_a_name_is_matched_as_documented(text: str, expected: bool) -> None:
    assert matches(text, POST) is expected


def test_an_exact_sender_is_neither_a_longer_name_nor_its_many_to_many() -> None:
    assert not matches("sender:=demo_app.Post", IMAGE)
    assert matches("sender:demo_app.Post", IMAGE)
    assert not matches("sender:=Post", emission(sender="demo_app.Post.tags"))


def test_sender_is_also_the_model_of_the_instance() -> None:
    assert matches("sender:=demo_app.Post pk:42", TAGS)
    assert matches("sender:=demo_app.Post.tags", TAGS)


def test_what_an_emission_lacks_matches_only_negated() -> None:
    for text in ("sender:*", "pk:*", "site:*", "process:*", "receiver:*", "user:*"):
        assert not matches(text, ORPHAN)
        assert matches(f"-{text}", ORPHAN)


def test_a_star_in_quotes_is_a_star() -> None:
    assert not matches('signal:"post_*"', POST)
    assert matches('signal:"post_*"', emission(signal="app.post_*"))
    assert matches('pk:"*"', emission(instance=Instance(pk="*")))
    assert not matches('pk:"*"', POST)
    assert not matches('trace:"b*"', POST)


# --- free text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "thumbnail",
        "#42",
        "demo_app.Post",
        "created=true",
        "admin.py:31",
        "save_model",
        "make_*nail",
        "POST_SAVE",
    ],
)
def test_free_text_looks_into_names_payload_and_emitting_line(text: str) -> None:
    assert matches(text, POST)


@pytest.mark.parametrize("text", ['"connection refused"', "ConnectionRefused", "Errno*refused", "notify"])
def test_free_text_looks_into_exceptions(text: str) -> None:
    assert matches(text, FAILED)
    assert not matches(text, POST)


def test_free_text_looks_into_the_origin() -> None:
    assert matches("/admin/demo_app/post", CLOSED)
    assert matches('"POST /admin/"', OPENED)
    assert matches("demo_app_post_add", POST, known=True)
    assert not matches("demo_app_post_add", POST)
    assert not matches("-/admin/", POST, known=True)


def test_free_text_looks_into_flags() -> None:
    assert matches("n+1", emission(flags=["n+1"]))


def test_free_text_looks_into_sql_and_effects_and_what_was_stopped() -> None:
    entry = emission(
        calls=[call(statements=[Statement("UPDATE demo_app_post")], effects=[Effect("mail", "to ann")])],
        stopped=["demo_app.feeds.rebuild"],
    )

    for text in ('"update demo_app_post"', '"to ann"', "feeds.rebuild"):
        assert matches(text, entry)
        assert not matches(text, POST)


def test_words_with_colons_that_are_no_keys_are_free_text() -> None:
    assert matches("admin.py:31", POST)
    assert parse("12:30").terms[0].key == ""


# --- origins ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "origin:request",
        "origin:=request",
        'origin:"POST /admin/"',
        "origin:/admin/*",
        "origin:=/admin/demo_app/post/add/",
        "origin:admin:demo_app",
        "user:admin",
        "user:ADM*",
    ],
)
def test_origin_terms_match_the_origin_and_the_emissions_of_its_trace(text: str) -> None:
    assert matches(text, CLOSED)
    assert matches(text, POST, known=True)
    assert not matches(text, POST)
    assert matches(f"-{text}", POST)


def test_a_user_is_matched_whole() -> None:
    assert not matches("user:adm", CLOSED)


def test_an_open_origin_has_no_user_and_took_no_time_yet() -> None:
    assert not matches("user:admin", OPENED)
    assert not matches("took:>=0ms", OPENED)
    assert matches("took:>100ms", CLOSED)
    assert not matches("took:>1s", CLOSED)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"status": "500"}, True),
        ({"status": "404"}, False),
        ({"error": "ValueError"}, True),
        ({"type": "command", "status": "done"}, False),
        ({"type": "command", "status": "failed"}, True),
        ({"type": "task", "status": "500"}, False),
    ],
)
def test_an_origin_is_an_error_when_it_raised_failed_or_answered_5xx(
    fields: dict[str, Any], expected: bool
) -> None:
    assert matches("is:error", origin("closed", **fields)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "signal:*",
        "sender:*",
        "receiver:*",
        "pk:*",
        "site:*",
        "family:*",
        "method:*",
        "queries:>=0",
        "is:slow",
    ],
)
def test_terms_about_emissions_match_no_origin(text: str) -> None:
    assert not matches(text, CLOSED)


@pytest.mark.parametrize("text", ["trace:b3b3", "process:4711", "since:1d"])
def test_terms_that_every_entry_has_match_origins_too(text: str) -> None:
    assert matches(text, OPENED)


def test_a_query_says_whether_it_needs_the_origin() -> None:
    assert parse("signal:save -(is:error or user:x)").needs_origin
    assert parse("text").needs_origin
    assert not parse("signal:save is:error took:>1ms").needs_origin
    assert not parse("").needs_origin


# --- bypasses and outcomes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("is:bypass", True),
        ("family:bypass", True),
        ("family:save", False),
        ("sender:=demo_app.Tag", True),
        ("sender:Post", False),
        ("site:admin.py:31", True),
        ("took:>500us", True),
        ("is:slow", False),
        ("is:error", False),
        ("is:rolled-back", False),
        ("signal:*", False),
        ("receiver:*", False),
        ("queries:>=0", False),
        ("process:4711 trace:b3b3 since:1m", True),
        ("bulk_create audit_log save_model", True),
        ("/admin/", False),
    ],
)
def test_a_bypass_is_matched_by_what_it_has(text: str, expected: bool) -> None:
    assert matches(text, BYPASS) is expected


def test_a_bypass_can_be_slow_and_belongs_to_its_origin() -> None:
    assert parse("is:slow", slow_ms=0.7).matches(BYPASS)
    assert matches("user:admin /admin/", BYPASS, known=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("is:rolled-back", True),
        ("is:error", False),
        ("is:slow", False),
        ('"rolled back" default', True),
        ("trace:b3b3 process:web-1", True),
        ("sender:*", False),
        ("family:*", False),
        ("signal:*", False),
    ],
)
def test_an_outcome_is_matched_by_what_it_has(text: str, expected: bool) -> None:
    assert matches(text, UNDONE) is expected


def test_what_was_sent_in_a_block_that_was_rolled_back_is_rolled_back_once_that_is_known() -> None:
    inside = Transaction("default", "open", ["outer", "savepoint"])
    query = parse("is:rolled-back")

    for entry in (emission(transaction=inside), msgspec.structs.replace(BYPASS, transaction=inside)):
        assert not query.matches(entry)
        assert not query.matches(entry, undone=frozenset({"another"}))
        assert query.matches(entry, undone=frozenset({"savepoint"}))
        assert not parse("-is:rolled-back").matches(entry, undone=frozenset({"outer"}))
    assert not query.matches(POST, undone=frozenset({"outer"}))


def test_a_query_says_whether_it_needs_the_outcomes() -> None:
    assert parse("-(is:Rolled-Back or user:x)").needs_outcomes
    assert not parse("is:error rolled-back").needs_outcomes


def test_what_is_known_of_a_trace_grows_with_its_entries() -> None:
    known = background_of([OPENED, POST, UNDONE, CLOSED, OPENED])

    assert known == Background(CLOSED, frozenset({"t1"}))
    assert background_of([POST, BYPASS]) == Background()


@pytest.mark.parametrize(
    ("text", "by_close", "by_rollback"),
    [
        ("user:admin", True, False),
        ("signal:x -(user:admin or a)", True, False),
        ("user:ann", False, False),
        ("origin:request", False, False),
        ("origin:admin:demo_app", True, False),
        ("302", True, False),
        ("/admin/", False, False),
        ("is:rolled-back", False, True),
        ("-is:rolled-back user:ann", False, True),
        ("is:error took:>1ms", False, False),
    ],
)
def test_a_query_says_what_news_of_a_trace_can_change(text: str, by_close: bool, by_rollback: bool) -> None:
    before = Background(OPENED)

    assert parse(text).learns(before, before.with_entry(CLOSED)) is by_close
    assert parse(text).learns(before, before.with_entry(UNDONE)) is by_rollback
    assert not parse(text).learns(before, before.with_entry(POST))


def test_a_commit_is_not_rolled_back() -> None:
    assert not matches("is:rolled-back", Outcome(at=NOON, block="t", alias="default", state="committed"))


# --- numbers, times, flags -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took:>50ms", True),
        ("took:>50", True),
        ("took:93.4ms", True),
        ("took:94ms", False),
        ("took:=93.4ms", True),
        ("took:>=93.4ms", True),
        ("took:<=93.4ms", True),
        ("took:<93.4ms", False),
        ("took:>93.4ms", False),
        ("took:>93399us", True),
        ("took:>93399µs", True),
        ("took:<0.1s", True),
        ("took:>1S", False),
        ("took:50ms..0.1s", True),
        ("took:93.4ms..93.4ms", True),
        ("took:0..93399us", False),
        ("-took:1s..2s", True),
    ],
)
def test_took_compares_in_its_unit(text: str, expected: bool) -> None:
    assert matches(text, emission(duration_us=93_400.0)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("queries:>5", True),
        ("queries:>6", False),
        ("queries:6", True),
        ("queries:=6", True),
        ("queries:5", False),
        ("queries:>=6", True),
        ("queries:<7", True),
        ("queries:<=5", False),
        ("queries:6..7", True),
        ("queries:1..5", False),
    ],
)
def test_queries_counts_over_all_receivers(text: str, expected: bool) -> None:
    assert matches(text, emission(calls=[call(queries=2), call(queries=4)])) is expected


def test_since_counts_back_from_the_given_now() -> None:
    later = NOON + timedelta(minutes=10)

    assert parse("since:10m", now=later).matches(POST)
    assert not parse("since:599s", now=later).matches(POST)
    assert parse("since:1H", now=later).matches(POST)
    assert parse("since:999999999d", now=later).matches(POST)


def test_since_takes_a_utc_time() -> None:
    assert matches("since:2026-01-01T12:00", POST)
    assert matches("since:2026-01-01T13:00+01:00", POST)
    assert not matches("since:2026-01-01T12:00:01Z", POST)


def test_since_without_a_clock_counts_from_the_present() -> None:
    assert parse("since:1m").matches(emission(at=datetime.now(UTC)))
    assert not parse("since:1m").matches(POST)


FLAGGED: dict[str, Entry] = {
    "error": FAILED,
    "slow": emission(duration_us=50_000.0),
    "loop": emission(flags=["loop"]),
    "rolled-back": emission(flags=["rolled-back"]),
    "bypass": BYPASS,
    "n+1": emission(flags=["n+1"]),
    "mutated": emission(calls=[call(mutations={"slug": ["", "x"]})]),
    "async": emission(calls=[call(is_async=True)]),
}


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_matches_where_it_was_recorded_and_nowhere_else(flag: str) -> None:
    assert matches(f"is:{flag}", FLAGGED[flag])
    assert matches(f"is:{flag.upper()}", FLAGGED[flag])
    assert matches(f"is:{flag}", emission(flags=[flag]))
    assert not matches(f"is:{flag}", POST)
    assert not matches(f"is:{flag}", CLOSED)


def test_a_flag_with_a_detail_is_that_flag() -> None:
    assert matches("is:loop", emission(flags=["loop:3"]))
    assert matches("is:slow", emission(flags=["slow:x"]))
    assert matches("is:n+1", emission(calls=[call(), call(flags=["n+1:5"])]))
    assert not matches("is:loop", emission(flags=["looping"]))


def test_slow_follows_the_given_threshold_and_looks_at_calls() -> None:
    entry = emission(duration_us=10_000.0, calls=[call(duration_us=30_000.0)])

    assert parse("is:slow", slow_ms=30).matches(entry)
    assert not parse("is:slow", slow_ms=30.1).matches(entry)
    assert parse("is:slow", slow_ms=30).slow_ms == 30


def test_cancelled_is_no_error() -> None:
    assert not matches("is:error", emission(calls=[call(outcome="cancelled")]))


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("is:error sendr:Post", 9, "Did you mean sender:?"),
        ("zzzz:1", 0, "zzzz: is no key. Keys: signal"),
        ("http://x", 0, "put it in quotes"),
        ("sender:", 0, "sender: has no value"),
        ("signal:x sender:=", 9, "sender: has no value"),
        ("sender: Post", 0, "right after the colon"),
        ('""', 0, "The quotes are empty"),
        ('is:error "abc', 9, "never closed"),
        ('sender:"abc', 7, "never closed"),
        ('ab"c"', 2, "follows a word directly"),
        ('"ab"c', 4, "follows a quote directly"),
        ("partial(x)", 7, "A parenthesis follows a word directly"),
        ('"a"(b)', 3, "'(' follows a quote directly"),
        ("(a)(b)", 3, "'(' follows a closing parenthesis directly"),
        ("(a)b", 3, "'b' follows a closing parenthesis directly"),
        ("(a", 0, "never closed"),
        ("a )", 2, "closes nothing"),
        ("()", 1, "A closing parenthesis stands where a term is expected"),
        ("a or", 4, "The end stands where a term is expected"),
        ("or a", 0, "'or' stands where a term is expected"),
        ("a and", 5, "The end stands"),
        ("a or and b", 5, "'and' stands"),
        ("a -", 2, "'-' negates what follows it directly"),
        ("- a", 0, "'-' negates what follows it directly"),
        ("(a -)", 3, "'-' negates what follows it directly"),
        ("-or", 1, "'or' stands"),
        ("is:eror", 3, "Did you mean 'error'?"),
        ("is:>slow", 3, "is: takes no operator, and '>' stands here"),
        ("sender:>x", 7, "sender: takes only ="),
        ("method:sned", 7, "Did you mean 'send'?"),
        ("took:>fast", 6, "'fast' is no duration"),
        ("took:>5m", 6, "'5m' is no duration"),
        ("took:-5ms", 5, "'-5ms' is no duration"),
        ("took:>٣ms", 6, "is no duration"),
        ("queries:>1.5", 9, "'1.5' is no count"),
        ("queries:>*", 9, "'*' is no count"),
        ("took:1s..10ms", 5, "ends before it begins"),
        ("took:>1ms..10ms", 6, "A range takes no operator. Remove '>'"),
        ("took:1ms..", 5, "'' is no duration"),
        ("took:1ms..2ms..3ms", 5, "'2ms..3ms' is no duration"),
        ("queries:1..x", 8, "'x' is no count"),
        ("since:yesterday", 6, "'yesterday' is no time"),
        ("since:10", 6, "'10' is no time"),
    ],
)
def test_what_does_not_parse_names_position_and_remedy(text: str, position: int, message: str) -> None:
    error = error_of(text)

    assert (error.position, message in error.message) == (position, True), error.message
    assert str(error) == error.message


@pytest.mark.parametrize(
    ("text", "before", "wrong", "after"),
    [
        ("is:error sendr:Post x", "is:error ", "sendr:Post", " x"),
        ("(a", "", "(", "a"),
        ("a or", "a or", "", ""),
        ("a -", "a ", "-", ""),
        (f"{'a' * 900} sendr:x {'b' * 900}", "…" + "a" * 39 + " ", "sendr:x", " " + "b" * 39 + "…"),
        (f"{'x' * 90}:y", "", "x" * 40, "x" * 40 + "…"),
    ],
)
def test_the_place_of_an_error_is_shown_with_what_stands_around_it(
    text: str, before: str, wrong: str, after: str
) -> None:
    error = error_of(text)

    assert excerpt(text, error) == (before, wrong, after, error.position + 1)


def test_a_query_that_is_too_long_is_refused() -> None:
    assert parse("x" * MAX_LENGTH)
    assert error_of("x" * (MAX_LENGTH + 1)).position == MAX_LENGTH


def test_nesting_is_bounded() -> None:
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    assert "nested deeper" in error_of("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1)).message
    assert parse("-" * (MAX_LENGTH - 1) + "a") == parse("-a")


def test_the_number_of_terms_is_bounded() -> None:
    assert parse("a " * MAX_TERMS)
    assert error_of("a " * (MAX_TERMS + 1)).position == 2 * MAX_TERMS


# --- text, terms, links ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  signal:post_save   is:error ", "signal:post_save is:error"),
        ("SENDER:Post", "sender:Post"),
        ('sender:"Post"', "sender:Post"),
        ('"a b" "c"', '"a b" c'),
        ('"or" "and" "-x" "key:x" "(x)"', '"or" "and" "-x" "key:x" "(x)"'),
        ('sender:"=x" sender:="a b"', 'sender:"=x" sender:="a b"'),
        ('"say ""hi"""', '"say ""hi"""'),
        ('pk:"*" pk:*', 'pk:"*" pk:*'),
        ("a and b", "a b"),
        ("(a b) or (c or d)", "a b or c or d"),
        ("(a or b) c", "(a or b) c"),
        ("-(a) -(a b) -(a or b)", "-a -(a b) -(a or b)"),
        ("--a", "a"),
        ("((a))", "a"),
    ],
)
def test_the_text_of_a_query_is_canonical(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)
    assert hash(parse(canonical)) == hash(parse(text))


def test_queries_that_differ_are_not_equal() -> None:
    assert parse("a") != parse("b")
    assert parse("is:slow", slow_ms=1) != parse("is:slow", slow_ms=2)
    assert parse('pk:"*"') != parse("pk:*")
    assert parse("a") != "a"
    assert repr(parse("a  b")) == "Query('a b')"


def test_each_term_comes_with_the_query_without_it() -> None:
    terms = parse('-is:error took:>50ms "a b" -(x or sender:"y z")').terms

    assert [(term.key, term.value, term.negated, term.text) for term in terms] == [
        ("is", "error", True, "-is:error"),
        ("took", ">50ms", False, "took:>50ms"),
        ("", "a b", False, '"a b"'),
        ("", 'x or sender:"y z"', True, '-(x or sender:"y z")'),
    ]
    assert [term.without for term in terms] == [
        'took:>50ms "a b" -(x or sender:"y z")',
        '-is:error "a b" -(x or sender:"y z")',
        '-is:error took:>50ms -(x or sender:"y z")',
        '-is:error took:>50ms "a b"',
    ]


def test_a_query_joined_by_or_is_one_term() -> None:
    (term,) = parse("a b or c").terms

    assert (term.key, term.value, term.text, term.without) == ("", "a b or c", "(a b or c)", "")


def test_a_single_term_without_itself_is_the_empty_query() -> None:
    assert [term.without for term in parse("is:error").terms] == [""]


@pytest.mark.parametrize(
    ("text", "key", "value", "expected"),
    [
        ("", "is", "error", "is:error"),
        ("is:slow", "is", "error", "is:slow is:error"),
        ("is:error sender:x", "is", "error", "is:error sender:x"),
        ("-is:error sender:x", "is", "error", "sender:x is:error"),
        ("sender:a is:error", "sender", "b", "is:error sender:b"),
        ("-sender:a", "sender", "b", "-sender:a sender:b"),
        ("receiver:a", "receiver", "b", "receiver:a receiver:b"),
        ("a or b", "pk", "1", "(a or b) pk:1"),
        ("", "sender", "DemoConfig (app)", 'sender:"DemoConfig (app)"'),
        ("", "pk", 'a"*', 'pk:"a""*"'),
        ("", "took", ">50ms", "took:>50ms"),
        ("", "took", "50ms", "took:50ms"),
        ("took:<1s", "took", ">50ms", "took:<1s took:>50ms"),
        ("", "", "a b", '"a b"'),
        ("", "sender", ">x", 'sender:">x"'),
    ],
)
def test_a_link_adds_one_term(text: str, key: str, value: str, expected: str) -> None:
    linked = parse(text).with_term(key, value)

    assert linked == expected
    assert str(parse(linked)) == expected


def test_a_link_can_be_exact_or_hide() -> None:
    query = parse("sender:Post")

    assert query.with_term("sender", "demo_app.Post", exact=True) == "sender:=demo_app.Post"
    assert query.with_term("signal", PRE_SAVE, exact=True, negated=True) == f"sender:Post -signal:={PRE_SAVE}"
    assert query.with_term("sender", "Post", negated=True) == "-sender:Post"


def test_a_link_with_a_hostile_value_matches_just_that_value() -> None:
    for value in ('") or (is:error', "*", "-x", "or", "a:b", "=x", '""', "(", "sender:x"):
        (term,) = parse(parse("").with_term("pk", value)).terms
        assert (term.key, term.value) == ("pk", value)
        assert matches(parse("").with_term("pk", value), emission(instance=Instance(pk=value)))
        assert not matches(parse("").with_term("pk", value), POST)


@pytest.mark.parametrize(
    ("key", "value", "exact"), [("nokey", "x", False), ("is", "error", True), ("pk", "", False)]
)
def test_a_link_that_cannot_be_is_a_value_error(key: str, value: str, exact: bool) -> None:
    with pytest.raises(ValueError, match="with_term"):
        parse("").with_term(key, value, exact=exact)


def test_every_key_says_what_it_asks() -> None:
    assert all(key.help for key in KEYS.values())


# --- whatever is typed -----------------------------------------------------------------------

PIECES = [
    *(f"{key}:" for key in KEYS if key),
    *FLAGS,
    *("(", ")", "-", " ", " ", " ", '"', '""', " or ", " and ", "*", "=", ">", "<=", ":", ".", "/", "\\"),
    *(
        "50ms",
        "1s",
        "10m",
        "5",
        "post_save",
        "demo_app.Post",
        "x",
        "ß",
        "İ",
        "µs",
        "\x00",
        "\u2028",
        "\ud800",
        "🎯",
    ),
]
SAMPLES: list[Entry] = [POST, FAILED, TAGS, ORPHAN, BYPASS, UNDONE, OPENED, CLOSED]


def random_texts(count: int) -> list[str]:
    source = random.Random(20260101)  # noqa: S311  (the same texts in every run)
    texts = []
    for _ in range(count):
        if source.random() < 0.2:
            texts.append("".join(chr(source.randrange(0x250)) for _ in range(source.randrange(30))))
        else:
            texts.append("".join(source.choices(PIECES, k=source.randrange(1, 14))))
    return texts


TYPED = random_texts(20_000)


def parsed_or_none(text: str) -> Query | None:
    try:
        return parse(text, now=NOON)
    except QuerySyntaxError:
        return None


def test_random_text_raises_only_syntax_errors_and_what_parses_survives_its_own_text() -> None:
    parsed = 0
    for text in TYPED:
        query = parsed_or_none(text)
        if query is None:
            continue
        parsed += 1
        again = parse(str(query), now=NOON)
        assert again == query
        assert len(str(query)) <= len(text)
        for entry in SAMPLES:
            assert query.matches(entry, CLOSED) == again.matches(entry, CLOSED)
            assert query.matches(entry) == again.matches(entry)
    assert len(TYPED) // 10 < parsed < len(TYPED) // 10 * 9


def test_the_terms_of_random_queries_parse_and_without_them_the_rest_does() -> None:
    for query in filter(None, map(parsed_or_none, TYPED[:5_000])):
        terms = query.terms
        for term in terms:
            rest = parse(term.without, now=NOON)
            assert len(parse(term.text, now=NOON).terms) == 1
            assert len(rest.terms) == len(terms) - 1 or len(terms) == 2


def test_every_syntax_error_points_into_the_text() -> None:
    refused = 0
    for text in TYPED[:5_000]:
        try:
            parse(text)
        except QuerySyntaxError as error:
            refused += 1
            position = error.position
        else:
            position = 0
        assert 0 <= position <= len(text)
    assert refused > 500


def test_no_wildcard_makes_matching_slow() -> None:
    entry = emission(sender="a." * 100, payload={"text": "a" * 4_000})
    began = time.perf_counter()

    for text in ("sender:" + "*a" * 900 + "b", "a*" * 900 + "b", "sender:=" + "a." * 900):
        assert not matches(text, entry)

    assert time.perf_counter() - began < 1.0


def test_a_query_of_many_terms_answers_quickly_enough_for_a_live_stream() -> None:
    query = parse("sender:demo_app.* -receiver:audit is:error (took:>50ms or queries:>5)", now=NOON)
    entries: list[Emission] = [emission(str(n), calls=[call(), call()]) for n in range(2_000)]
    began = time.perf_counter()

    assert not any(query.matches(entry) for entry in entries)

    assert time.perf_counter() - began < 0.5


def test_times_of_entries_are_compared_across_offsets() -> None:
    assert parse("since:0001-01-01T00:00+14:00").matches(emission(at=at(0)))


def test_cause_matches_what_an_emission_caused_itself_and_through_others() -> None:
    direct = emission("e2", cause=Cause("e1", 0))
    deeper = emission("e3", cause=Cause("e2", 0, ("e1",)))
    row = Bypass(at=NOON, id="b2", operation="update", sender="demo_app.Tag", cause=Cause("e2", 1, ("e1",)))
    assert [matches("cause:e1", one) for one in (direct, deeper, row)] == [True, True, True]
    assert not any(matches("cause:e1", one) for one in (emission("e1"), OPENED, CLOSED, UNDONE))
    assert not matches("cause:e", direct)
