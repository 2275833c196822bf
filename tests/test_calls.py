"""Whose a call was: registrations matched with what ran, and what ran without one."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.events import Emission, Entry
from dashboard.registrations import COLLECTED, UNRESOLVED, Registration
from dashboard.statistics import CallFigures, Stray, calls_of

from .samples import POST_SAVE, PRE_SAVE, boom, call, emission, origin

RECEIVER = "demo_app.receivers.make_thumbnail"
POST = "demo_app.Post"


def registration(key: str = "k", **fields: Any) -> Registration:
    values: dict[str, Any] = {"signal": POST_SAVE, "family": "save", "receiver": RECEIVER, "sender": POST}
    return Registration(key, **(values | fields))


def sent(*receivers: str, **fields: Any) -> Emission:
    return emission(calls=[call(name) for name in receivers], **fields)


def counted(entries: list[Entry], *registered: Registration) -> dict[str, int]:
    ran = calls_of(entries, registered, 60.0)
    return {key: calls.figures.count for key, calls in ran.registered.items()}


def strays(entries: list[Entry], *registered: Registration) -> dict[Stray, CallFigures]:
    return calls_of(entries, registered, 60.0).strays


def test_calls_are_counted_for_their_registration_and_no_other() -> None:
    mine, other = registration("mine"), registration("other", receiver="demo_app.other")
    elsewhere, earlier = (
        registration("elsewhere", sender="demo_app.Tag"),
        registration("pre", signal=PRE_SAVE),
    )

    assert counted([sent(RECEIVER), sent(RECEIVER)], mine, other, elsewhere, earlier) == {"mine": 2}


def test_a_registration_for_any_sender_has_the_calls_of_all() -> None:
    entries: list[Entry] = [
        sent(RECEIVER),
        sent(RECEIVER, sender="demo_app.Tag"),
        sent(RECEIVER, sender=None),
    ]

    assert counted(entries, registration("all", sender=None)) == {"all": 3}


def test_figures_hold_durations_errors_queries_flags_and_the_last_call() -> None:
    entries: list[Entry] = [
        emission("late", 20, calls=[call(duration_us=100.0, queries=1, flags=["n+1:9"], line=90)]),
        emission("early", 10, calls=[call(duration_us=900.0, queries=4, outcome="raised", error=boom())]),
    ]

    calls = calls_of(entries, [registration()], 10.0).registered["k"]

    figures = calls.figures
    assert (figures.count, figures.rate, figures.p50_us, figures.p99_us) == (2, 0.2, 100.0, 900.0)
    assert (figures.errors, calls.queries, calls.queries_per_call, calls.flags) == (1, 5, 2.5, {"n+1"})
    assert calls.last is not None
    assert (calls.last.line, calls.last_at) == (90, entries[0].at)


def test_a_call_that_changed_the_instance_is_flagged() -> None:
    entry = emission(calls=[call(mutations={"slug": ["", "hello"]})])

    assert calls_of([entry], [registration()], 60.0).registered["k"].flags == {"mutated"}


def test_of_a_receiver_connected_twice_each_registration_has_one_of_two_calls() -> None:
    first, second = registration("first", order=1), registration("second", order=2, dispatch_uid="again")

    assert counted([sent(RECEIVER, RECEIVER)], first, second) == {"first": 1, "second": 1}
    assert counted([sent(RECEIVER)], first, second) == {"first": 1}


def test_calls_for_any_sender_and_for_one_are_told_apart_by_their_order() -> None:
    entries: list[Entry] = [sent(RECEIVER, RECEIVER), sent(RECEIVER, sender="demo_app.Tag")]

    assert counted(entries, registration("post"), registration("all", sender=None)) == {"post": 1, "all": 2}


@pytest.mark.parametrize("sender", [UNRESOLVED, "demo_app.Tower object"])
def test_registrations_whose_senders_cannot_be_told_apart_share_their_figures(sender: str) -> None:
    shared = registration("a", sender=sender), registration("b", sender=sender)
    entries: list[Entry] = [sent(RECEIVER, sender="demo_app.Tower object"), sent(RECEIVER, sender="x object")]

    assert counted(entries, *shared) == {"a": 2, "b": 2}


def test_what_ran_without_a_registration_is_kept_by_name() -> None:
    entries: list[Entry] = [origin(), sent("demo_app.gone", RECEIVER), sent("demo_app.gone", sender="x.Y")]

    found = strays(entries, registration())

    assert {(stray.receiver, stray.sender, calls.figures.count) for stray, calls in found.items()} == {
        ("demo_app.gone", POST, 1),
        ("demo_app.gone", "x.Y", 1),
    }


def test_more_calls_than_registrations_are_strays() -> None:
    (found,) = strays([sent(RECEIVER, RECEIVER, RECEIVER)], registration()).values()

    assert found.figures.count == 2


def test_a_receiver_that_is_gone_owns_no_calls() -> None:
    gone = registration("gone", receiver=COLLECTED, alive=False, order=0)

    assert counted([sent(COLLECTED)], gone) == {}
    assert [stray.receiver for stray in strays([sent(COLLECTED)], gone)] == [COLLECTED]
