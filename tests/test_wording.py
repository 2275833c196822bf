"""How numbers, times and names are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from dashboard import wording


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "now"), (0.4, "now"), (2.9, "2 s ago"), (60, "1 m ago"), (7_199, "1 h ago"), (900_000, "10 d ago")],
)
def test_the_time_since_a_moment_has_one_unit(seconds: float, text: str) -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert wording.ago(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0.0"), (30, "<0.1"), (1_940, "1.9"), (99_960, "100"), (12_345_678, "12,346")],
)
def test_a_column_of_milliseconds_rounds_as_a_duration_does(us: float, text: str) -> None:
    assert wording.milliseconds(us) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(0, "0.0"), (0.01, "<0.1"), (0.5, "0.5"), (9.96, "10"), (1_234.5, "1,234")]
)
def test_a_column_of_rates_has_one_decimal_below_ten(rate: float, text: str) -> None:
    assert wording.per_second(rate) == text


@pytest.mark.parametrize(
    ("receiver", "name"),
    [
        ("demo_app.receivers.make_thumbnail", "make_thumbnail"),
        ("demo_app.feeds.PostFeed.on_save", "PostFeed.on_save"),
        ("demo_app.feeds.PostFeed", "PostFeed"),
        ("partial(demo_app.mail.notify)", "partial(notify)"),
        ("demo_app.apps.<lambda>", "<lambda>"),
        ("demo_app.make.<locals>.inner", "inner"),
        ("(collected)", "(collected)"),
    ],
)
def test_a_receiver_is_called_by_its_own_name(receiver: str, name: str) -> None:
    assert wording.called(receiver) == name


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0.0 ms"),
        (30, "<0.1 ms"),
        (1_940, "1.9 ms"),
        (99_900, "99.9 ms"),
        (99_960, "100 ms"),
        (148_400, "148 ms"),
        (999_499, "999 ms"),
        (999_500, "1.0 s"),
        (2_100_000, "2.1 s"),
        (150_000_000, "2.5 min"),
        (7_200_000_000, "2.0 h"),
    ],
)
def test_a_duration_has_one_decimal_below_100_ms_and_seconds_from_1_s(us: float, text: str) -> None:
    assert str(wording.took(us)) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "+0.0"),
        (24_800, "+24.8"),
        (-30, "+0.0"),
        (-2_000, "-2.0"),
        (12_345_000, "+12.3s"),
        (9e8, "+15.0m"),
    ],
)
def test_an_offset_is_in_ms_unless_it_names_its_unit(us: float, text: str) -> None:
    assert wording.offset(us) == text


def test_the_clock_is_the_projects_and_the_exact_time_names_its_zone(settings: LazySettings) -> None:
    settings.TIME_ZONE = "Europe/Vienna"
    noon = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    with timezone.override("Asia/Tokyo"):
        assert wording.clock(noon) == "13:00:00.1"
        assert wording.exact(noon) == "2026-01-01 13:00:00.123456 CET"


def test_counts_come_with_the_fitting_word() -> None:
    assert wording.many(1, "query", "queries") == "1 query"
    assert wording.many(12_000, "query", "queries") == "12,000 queries"
    assert wording.many(0, "call") == "0 calls"


def test_a_model_keeps_its_label_and_another_class_loses_its_module() -> None:
    assert wording.sender("demo_app.Post.tags") == "demo_app.Post.tags"
    assert wording.sender("django.core.handlers.asgi.ASGIHandler") == "ASGIHandler"
    assert wording.sender(None) == "no sender"
