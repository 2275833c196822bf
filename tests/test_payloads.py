"""What is kept of keyword arguments: plain values, bounded, redacted, nothing of the app asked."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from dashboard.payloads import MAX_KEYS, MAX_PKS, MAX_TEXT, Summaries, plain, primary_key
from dashboard.redaction import REDACTED, Redactor

SIGNALS = "django.db.models.signals"


@pytest.fixture
def summaries() -> Summaries:
    return Summaries(Redactor())


class Colour(enum.StrEnum):
    RED = "red"


class Hostile:
    """Answers nothing without an accident."""

    def __str__(self) -> str:
        raise AssertionError("str was asked")

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("eq was asked")

    __hash__ = None  # type: ignore[assignment]


def unasked() -> Any:
    raise AssertionError("evaluated")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, True),
        (None, None),
        (5, 5),
        (1.5, 1.5),
        ("text", "text"),
        ("ünï😀", "ünï😀"),
        (mark_safe("<b>"), "<b>"),
        (Colour.RED, "red"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (10**40, "<int of 133 bits>"),
        (b"secret", "<bytes of 6>"),
        ([1, 2], "<list of 2>"),
        ({"a": 1}, "<dict of 1>"),
        ("\ud800", "?"),
        (User, "<class auth.User>"),
        (User(pk=7), "auth.User #7"),
        (Group(), "auth.Group (new)"),
        (Hostile(), f"<{__name__}.Hostile>"),
        (SimpleLazyObject(unasked), "<django.utils.functional.SimpleLazyObject>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_kept_as_a_plain_value_or_by_its_type(value: Any, kept: Any) -> None:
    assert plain(value) == kept


def test_a_huge_text_is_cut_and_says_how_long_it_was() -> None:
    kept = plain("x" * 10_000_000)
    assert len(kept) < MAX_TEXT + 40
    assert kept.endswith("… (10,000,000 characters)")


def test_a_queryset_is_never_evaluated(summaries: Summaries) -> None:
    """Without a database mark, pytest-django lets no query through."""
    assert plain(User.objects.all()) == "<django.db.models.query.QuerySet>"
    summary = summaries.for_signal(f"{SIGNALS}.pre_delete")(
        {"using": "default", "origin": User.objects.all()}
    )
    assert summary == {"using": "default", "origin": "QuerySet of auth.User"}


def test_a_deferred_primary_key_is_not_fetched() -> None:
    user = User.from_db("default", ["username"], ["ann"])
    assert "id" not in user.__dict__
    assert primary_key(user) is None


def test_a_key_that_opens_something_is_never_shown_and_still_tells_objects_apart() -> None:
    one, other = Session(session_key="n0x0qhh3liguffl1"), Session(session_key="w7k1")
    shown = str(plain(one))
    assert re.fullmatch(r"sessions\.Session #\[redacted [0-9a-f]{8}\]", shown)
    assert shown == plain(Session(session_key="n0x0qhh3liguffl1")) != plain(other)
    assert plain(User(pk=7)) == "auth.User #7"


def test_a_save_keeps_its_documented_keywords_only(summaries: Summaries) -> None:
    summary = summaries.for_signal(f"{SIGNALS}.post_save")(
        {
            "instance": User(),
            "created": True,
            "raw": False,
            "using": "default",
            "update_fields": frozenset("ba"),
        }
    )
    assert summary == {"created": True, "raw": False, "using": "default", "update_fields": ["a", "b"]}


def test_an_m2m_change_keeps_at_most_twenty_keys_and_their_count(summaries: Summaries) -> None:
    named = {
        "action": "post_add",
        "reverse": False,
        "model": Group,
        "using": "default",
        "pk_set": set(range(50)),
    }
    summary = summaries.for_signal(f"{SIGNALS}.m2m_changed")(named)
    assert summary["pk_set"] == [str(pk) for pk in range(50)][:MAX_PKS]
    assert summary["pk_count"] == 50
    assert summary["model"] == "auth.Group"


def test_a_request_keeps_nothing_of_its_environ(summaries: Summaries) -> None:
    assert (
        summaries.for_signal("django.core.signals.request_started")({"environ": {"HTTP_COOKIE": "x"}}) == {}
    )


def test_other_signals_keep_names_and_plain_values_redacted_by_name(summaries: Summaries) -> None:
    summary = summaries.for_signal("shop.signals.paid")(
        {
            "amount": 5,
            "api_key": "k",
            "credentials": {"username": "ann"},
            "options": {"user": "ann", "Session-Token": "t", "deep": {"a": 1}},
            "thing": Hostile(),
        }
    )
    assert summary == {
        "amount": 5,
        "api_key": REDACTED,
        "credentials": REDACTED,
        "options": {"user": "ann", "Session-Token": REDACTED, "deep": "<dict of 1>"},
        "thing": f"<{__name__}.Hostile>",
    }


def test_the_number_of_keywords_kept_is_bounded(summaries: Summaries) -> None:
    summary = summaries.anything({f"k{number}": number for number in range(100)})
    assert len(summary) == MAX_KEYS + 1
    assert summary["…"] == "80 more"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("nothing to hide", "nothing to hide"),
        ("password=hunter2 and more", f"password={REDACTED} and more"),
        ('{"api-key": "abc", "a": 1}', f'{{"api-key": {REDACTED}, "a": 1}}'),
        ("Authorization: Bearer abc.def", f"Authorization: {REDACTED}"),
        ("the password is wrong", "the password is wrong"),
    ],
)
def test_secrets_in_free_text_are_redacted(text: str, kept: str) -> None:
    assert Redactor().text(text) == kept


def test_a_project_can_redact_further_names() -> None:
    redactor = Redactor(["Kontonummer"])
    assert redactor.is_secret("my_kontonummer")
    assert not Redactor().is_secret("my_kontonummer")


def test_redaction_of_a_long_hostile_text_stays_fast() -> None:
    text = "password" * 200 + "a-" * 5_000
    assert len(Redactor().text(text)) > 0
