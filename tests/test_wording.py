"""How numbers, times and names are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings
from django.utils import timezone

from dashboard import wording


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
