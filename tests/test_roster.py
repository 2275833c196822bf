"""The roster: flags that say what is known and no more, columns that sort, picks that filter."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.events import Entry
from dashboard.registrations import COLLECTED, Registration
from dashboard.roster import COLUMNS, FLAGS, Pick, Row, Seen, choices, counts, in_order, picked, rows_of
from dashboard.statistics import calls_of

from .samples import POST_SAVE, boom, call, emission

RECEIVER = "demo_app.receivers.posts.make_thumbnail"


def registration(key: str = "k", **fields: Any) -> Registration:
    values: dict[str, Any] = {
        "signal": POST_SAVE,
        "family": "save",
        "receiver": RECEIVER,
        "sender": "demo_app.Post",
        "file": "demo_app/receivers/posts.py",
        "line": 67,
    }
    return Registration(key, **(values | fields))


def seen(*entries: Entry, of: tuple[Registration, ...] = (), **fields: Any) -> Seen:
    return Seen(calls_of(entries, of, 60.0), **fields)


def rows(*registered: Registration, entries: tuple[Entry, ...] = (), **fields: Any) -> list[Row]:
    return rows_of(registered, seen(*entries, of=registered, **fields))


def flags(row: Row) -> list[str]:
    return [flag.name for flag in row.flags]


def ran(**fields: Any) -> Entry:
    return emission(calls=[call(RECEIVER, **fields)])


# --- flags -----------------------------------------------------------------------------------


def test_what_was_not_called_is_flagged_never_run() -> None:
    (row,) = rows(registration())

    assert [(flag.name, flag.label) for flag in row.flags] == [("never-fired", "never fired")]
    assert row.figures is None


def test_in_a_window_that_is_not_all_there_is_it_is_only_idle() -> None:
    (row,) = rows(registration(), whole=False, words="in the last minute")

    assert row.flags[0].label == "idle"
    assert "in the last minute" in row.flags[0].title


def test_what_ran_is_not_flagged() -> None:
    (row,) = rows(registration(), entries=(ran(),))

    assert flags(row) == []
    assert row.figures is not None
    assert row.figures.count == 1


def test_what_leaves_no_trace_is_not_called_never_run() -> None:
    (row,) = rows(registration(), unrecorded=[POST_SAVE])

    assert flags(row) == ["unrecorded"]


def test_what_is_gone_is_dead_and_nothing_else() -> None:
    (row,) = rows(registration(receiver=COLLECTED, alive=False, order=0))

    assert flags(row) == ["dead"]
    assert row.app == ""


def test_without_the_journal_nothing_is_said_about_runs() -> None:
    (row,) = rows_of([registration()], Seen(None))

    assert flags(row) == []


def test_errors_slow_calls_and_repeated_sql_are_flagged_in_that_order() -> None:
    bad = ran(outcome="raised", error=boom(), duration_us=80_000.0, flags=["n+1:3"], mutations={"a": [1, 2]})
    (row,) = rows(registration(duplicate=True, is_async=True), entries=(bad,))

    assert flags(row) == ["error", "slow", "n+1", "duplicate", "mutated", "async"]
    assert row.flags[0].title == "raised in 1 of 1 calls"
    assert row.is_slow


def test_slow_begins_at_the_limit() -> None:
    assert rows(registration(), entries=(ran(duration_us=9_999.0),), slow_ms=10.0)[0].is_slow is False
    assert rows(registration(), entries=(ran(duration_us=10_000.0),), slow_ms=10.0)[0].is_slow is True


def test_what_ran_and_is_not_registered_has_a_row_of_its_own_after_the_others() -> None:
    gone = emission(calls=[call("demo_app.gone", is_async=True, file="demo_app/gone.py", line=3)])
    kept, stray = rows(registration(), entries=(gone,))

    assert (kept.registered, stray.registered) == (True, False)
    assert (stray.one.receiver, stray.sender, stray.one.file, stray.one.line) == (
        "demo_app.gone",
        "demo_app.Post",
        "demo_app/gone.py",
        3,
    )
    assert flags(stray) == ["unregistered", "async"]
    assert stray.traits == {"unregistered", "async"}
    assert kept.one.key != stray.one.key


def test_a_sender_of_none_is_not_taken_for_any_sender() -> None:
    (stray,) = rows(entries=(emission(sender=None, calls=[call("demo_app.gone")]),))

    assert stray.sender == "no sender"


@pytest.mark.parametrize(
    ("receiver", "app"),
    [
        (RECEIVER, "demo_app"),
        ("partial(django.contrib.auth.management.create_permissions)", "auth"),
        ("django.db.close_old_connections", "django"),
        ("somewhere.else.f", "somewhere"),
    ],
)
def test_a_receiver_belongs_to_its_app_or_its_package(receiver: str, app: str) -> None:
    assert rows(registration(receiver=receiver))[0].app == app


# --- sorting ---------------------------------------------------------------------------------


def three() -> list[Row]:
    registered = (
        registration("b", receiver="demo_app.b", sender="demo_app.Tag", order=2, among=2, file=""),
        registration("a", receiver="demo_app.a", sender=None, dispatch_uid="uid", weak=False, is_async=True),
        registration("c", receiver="demo_app.c", signal="django.db.models.signals.post_delete", line=9),
    )
    entries = (
        emission(ms=1, sender="demo_app.Tag", calls=[call("demo_app.b", duration_us=10.0)]),
        emission(ms=2, sender="demo_app.X", calls=[call("demo_app.a", duration_us=90.0, queries=2)]),
        emission(
            ms=3,
            sender="demo_app.X",
            calls=[call("demo_app.a", duration_us=90.0, outcome="raised", error=boom())],
        ),
    )
    return rows(*registered, entries=entries)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "bac"),
        ("signal", "cba"),
        ("-signal", "bac"),
        ("sender", "acb"),
        ("receiver", "abc"),
        ("-receiver", "cba"),
        ("where", "cab"),
        ("-where", "acb"),
        ("-order", "bac"),
        ("ref", "abc"),
        ("uid", "abc"),
        ("-uid", "abc"),
        ("mode", "abc"),
        ("calls", "bac"),
        ("-calls", "abc"),
        ("-rate", "abc"),
        ("p50", "bac"),
        ("-p95", "abc"),
        ("-p99", "abc"),
        ("-errors", "abc"),
        ("-sql", "abc"),
        ("last", "bac"),
        ("-last", "abc"),
        ("flags", "acb"),
        ("no-such-column", "bac"),
    ],
)
def test_rows_are_sorted_by_a_column_and_those_it_says_nothing_of_come_last(sort: str, order: str) -> None:
    assert "".join(row.one.key for row in in_order(three(), sort)) == order


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_every_column_can_compare_what_is_missing_with_what_is_there(column: Any) -> None:
    mixed = [*three(), *rows(registration("d", receiver=COLLECTED, alive=False, order=0, file=""))]

    for sort in (column.first, column.second):
        assert {row.one.key for row in in_order(mixed, sort)} == {"a", "b", "c", "d"}


# --- picking ---------------------------------------------------------------------------------


def keys(pick: Pick) -> str:
    return "".join(row.one.key for row in picked(three(), pick))


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        (Pick(), "bac"),
        (Pick(find="POST_DELETE"), "c"),
        (Pick(find="demo_app.t"), "b"),
        (Pick(find="any sender"), "a"),
        (Pick(find="posts.py:9"), "c"),
        (Pick(find="uid"), "a"),
        (Pick(find="demo_app.c delete"), "c"),
        (Pick(find="demo_app.c tag"), ""),
        (Pick(signal=POST_SAVE), "ba"),
        (Pick(sender="any sender"), "a"),
        (Pick(app="demo_app"), "bac"),
        (Pick(app="auth"), ""),
        (Pick(flags=("weak",)), "bc"),
        (Pick(flags=("async", "error")), "a"),
        (Pick(flags=("never-fired",)), "c"),
        (Pick(flags=("weak", "never-fired"), signal=POST_SAVE), ""),
    ],
)
def test_rows_are_picked_by_what_all_of_it_asks(pick: Pick, expected: str) -> None:
    assert keys(pick) == expected
    assert pick.everything is (pick == Pick())


def test_what_can_be_picked_is_what_there_is() -> None:
    assert choices(three()) == {
        "signal": ["django.db.models.signals.post_delete", POST_SAVE],
        "sender": ["any sender", "demo_app.Post", "demo_app.Tag"],
        "app": ["demo_app"],
    }


def test_every_flag_is_counted_also_those_that_no_row_has() -> None:
    counted = counts(three())

    assert tuple(counted) == FLAGS
    assert (counted["weak"], counted["error"], counted["never-fired"], counted["dead"]) == (2, 1, 1, 0)
