"""A window of the journal: from memory as far as that reaches, and each entry once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import pipeline
from dashboard.events import Entry
from dashboard.journal.sqlite import SqliteJournal
from dashboard.views import stretch
from dashboard.views.stretch import read

from .samples import emission

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Counted(SqliteJournal):
    """A journal that counts what is read of it."""

    read_count = 0

    def read_back(self, before: int | None, limit: int) -> list[Entry]:
        entries = super().read_back(before, limit)
        self.read_count += len(entries)
        return entries


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Counted]:
    held = Counted(tmp_path / "journal.sqlite3")
    # One a second, the last of them now.
    held.append([emission(f"e{back}", at=NOW - timedelta(seconds=back)) for back in range(99, -1, -1)])
    yield held
    held.close()


def held(monkeypatch: pytest.MonkeyPatch, journal: Counted, count: int) -> None:
    """Let the newest entries be in memory."""
    newest = journal.read(100 - count, count)
    monkeypatch.setattr(pipeline, "recent", lambda: newest)


def seqs(found: stretch.Read) -> list[int]:
    return [entry.seq for entry in found.entries]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 40, 100])
@pytest.mark.parametrize("seconds", [None, 10.5, 500.0])
def test_a_window_is_the_same_however_much_of_it_is_in_memory(
    journal: Counted, monkeypatch: pytest.MonkeyPatch, count: int, seconds: float | None
) -> None:
    held(monkeypatch, journal, count)
    found = read(journal, seconds, NOW)
    assert seqs(found) == list(range(100, 89 if seconds == 10.5 else 0, -1))
    assert not found.cut


def test_a_window_that_is_in_memory_is_not_read(journal: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    held(monkeypatch, journal, 40)
    read(journal, 10.5, NOW)
    few = journal.read_count
    held(monkeypatch, journal, 0)
    read(journal, 10.5, NOW)
    # Whether older ones are still inside is asked once: the clocks of two processes may differ.
    assert few < journal.read_count


def test_who_asks_again_and_again_is_told_of_what_is_in_memory_and_that_there_is_more(
    journal: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(monkeypatch, journal, 40)
    found = read(journal, 60.5, NOW, recent=True)
    assert seqs(found) == list(range(100, 60, -1))
    assert found.cut
    assert found.length_s == 39.0
    assert journal.read_count == 1


def test_it_is_not_said_to_be_cut_where_only_older_ones_are_not_in_memory(
    journal: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(monkeypatch, journal, 40)
    found = read(journal, 39.5, NOW, recent=True)
    assert seqs(found) == list(range(100, 60, -1))
    assert not found.cut


def test_a_window_in_the_past_is_read_from_the_journal(
    journal: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(monkeypatch, journal, 40)
    found = read(journal, 10.5, NOW - timedelta(seconds=50), past=True)
    assert seqs(found) == list(range(50, 39, -1))


def test_a_window_with_more_than_are_read_is_cut(journal: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "MOST_ENTRIES", 30)
    held(monkeypatch, journal, 10)
    found = read(journal, 60.5, NOW)
    assert seqs(found) == list(range(100, 70, -1))
    assert found.cut
