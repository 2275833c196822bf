"""Going to a time: what a person may type, and where in the journal that is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.journal import open_journal
from dashboard.journal.base import Journal
from dashboard.stream.jumps import moment_of, seq_at

from .samples import at, emission

NOW = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:15", "2026-07-01T10:15:00+02:00"),
        ("8:05", "2026-07-01T08:05:00+02:00"),
        ("10:15:03", "2026-07-01T10:15:03+02:00"),
        ("10:15:03.25", "2026-07-01T10:15:03.250000+02:00"),
        ("23:59", "2026-06-30T23:59:00+02:00"),
        ("-5m", "2026-07-01T10:25:00+00:00"),
        ("90s ago", "2026-07-01T10:28:30+00:00"),
        ("1.5h", "2026-07-01T09:00:00+00:00"),
        ("-2d", "2026-06-29T10:30:00+00:00"),
        ("2026-01-31T12:00", "2026-01-31T12:00:00+01:00"),
        ("2026-01-31 12:00:01Z", "2026-01-31T12:00:01+00:00"),
    ],
)
def test_a_time_is_read_in_the_readers_zone(text: str, expected: str) -> None:
    assert moment_of(text, NOW, BERLIN) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "noon", "25:00", "10:61", "-5", "-5y", "2026-13-01", "-999999999d"])
def test_what_is_no_time_says_so_and_what_is_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time\. Write a time of day as 10:15"):
        moment_of(text, NOW, UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


def test_a_moment_has_its_place_in_the_journal(journal: Journal) -> None:
    journal.append([emission(f"e{number}", 100.0 * number) for number in range(50)])
    for number in range(50):
        assert seq_at(journal, at(100.0 * number)) == number
        assert seq_at(journal, at(100.0 * number + 1)) == number + 1


def test_before_the_first_entry_is_the_beginning_and_after_the_last_the_end(journal: Journal) -> None:
    assert seq_at(journal, at(0)) == 0
    journal.append([emission(f"e{number}", 100.0 * number) for number in range(9)])
    assert seq_at(journal, at(-1)) == 0
    assert seq_at(journal, at(0) + timedelta(days=900)) == 9


def test_what_was_pruned_changes_no_place(journal: Journal) -> None:
    journal.append([emission(f"e{number}", 100.0 * number) for number in range(50)])
    journal.prune(keep=10)
    assert seq_at(journal, at(4_501)) == 46
    assert seq_at(journal, at(0)) == 40
