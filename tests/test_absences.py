"""What did not run for an emission, and the reasons that are given."""

from __future__ import annotations

from typing import Any

from dashboard.events import Emission
from dashboard.registrations import COLLECTED, Registration
from dashboard.traces.absences import Absence, absences

from .samples import POST_SAVE, boom, call, emission


def registered(receiver: str, sender: str | None = "demo_app.Post", **fields: Any) -> Registration:
    values: dict[str, Any] = {"key": f"{receiver}{sender}", "signal": POST_SAVE, "family": "save"}
    return Registration(receiver=receiver, sender=sender, **(values | fields))


def only(found: list[Absence]) -> Absence:
    (absence,) = found
    return absence


RAN = "demo_app.receivers.make_thumbnail"


def sent(*calls: str, **fields: Any) -> Emission:
    return emission(calls=[call(name) for name in calls], **fields)


def test_a_registration_that_ran_is_not_absent() -> None:
    assert absences(sent(RAN), [registered(RAN)]) == []
    assert absences(sent(RAN), [registered(RAN, sender=None)]) == []


def test_registrations_of_other_signals_are_left_out() -> None:
    other = registered("a.b", signal="django.db.models.signals.pre_save")
    assert absences(sent(RAN), [registered(RAN), other]) == []


def test_receivers_of_other_senders_are_one_group_with_two_names() -> None:
    others = [registered(f"app.receiver_{letter}", "demo_app.Comment") for letter in "dcba"]

    found = only(absences(sent(RAN), [registered(RAN), *others]))

    assert found.reason == "other-sender"
    assert found.names == ["app.receiver_a", "app.receiver_b"]
    assert (found.others, found.number) == (2, 4)
    assert found.why == "listen to other senders."
    assert found.listening[3] == ("app.receiver_d", "demo_app.Comment")


def test_the_only_receiver_of_another_sender_is_said_with_it() -> None:
    found = only(absences(sent(), [registered("app.sync", "demo_app.Newsletter")]))
    assert found.why == "listens to demo_app.Newsletter only."


def test_a_receiver_that_ran_for_this_sender_is_not_missed_for_another_one() -> None:
    assert absences(sent(RAN), [registered(RAN), registered(RAN, "demo_app.Comment")]) == []


def test_what_an_exception_stopped_names_who_raised() -> None:
    raising = call("app.mail.send", outcome="raised", error=boom())
    stopped = emission(calls=[raising], stopped=["app.late.tell"])

    found = only(absences(stopped, [registered("app.mail.send"), registered("app.late.tell")]))

    assert (found.reason, found.names) == ("stopped", ["app.late.tell"])
    assert found.why == "send raised ConnectionRefusedError before it."
    assert "send_robust()" in found.remedy


def test_a_dead_weak_reference_is_collected() -> None:
    dead = registered(COLLECTED, alive=False, order=0)

    found = only(absences(sent(RAN), [registered(RAN), dead]))

    assert (found.reason, found.names) == ("collected", ["a receiver"])
    assert found.remedy == "Connect with weak=False."


def test_a_dead_weak_reference_gets_the_name_that_ran_before() -> None:
    dead = registered(COLLECTED, alive=False, order=0)
    earlier = [sent("app.Feed.on_save", id="e0")]

    found = only(absences(sent(RAN), [registered(RAN), dead], earlier))

    assert (found.reason, found.names, found.at) == ("collected", ["app.Feed.on_save"], earlier[0].at)


def test_a_function_that_ran_and_is_connected_no_more_was_disconnected() -> None:
    gone = "tests.samples.admin_add"
    found = only(absences(sent(), [], [sent(gone, id="e0")]))
    assert (found.reason, found.names) == ("disconnected", [gone])


def test_of_a_method_that_is_gone_both_reasons_are_said() -> None:
    found = only(absences(sent(), [], [sent("app.Feed.on_save", id="e0")]))
    assert found.reason == "gone"
    assert "disconnected, or held weakly and collected" in found.why


def test_what_ran_for_another_sender_before_is_not_gone() -> None:
    earlier = [sent("app.on_comment", id="e0", sender="demo_app.Comment")]
    assert absences(sent(), [], earlier) == []


def test_a_receiver_that_ran_twice_is_hinted_at_and_not_counted() -> None:
    found = only(absences(sent(RAN, RAN), [registered(RAN), registered(RAN)]))
    assert (found.reason, found.number) == ("duplicate", 0)
    assert found.why == "ran 2 times: it is connected 2 times."
    assert "dispatch_uid" in found.remedy


def test_a_receiver_connected_since_is_not_blamed() -> None:
    found = only(absences(sent(), [registered("app.new")]))
    assert found.reason == "later"
