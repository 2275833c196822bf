"""How many rows a page is given, and how often, by what it says that they cost it."""

from __future__ import annotations

import pytest

from dashboard.stream.pace import BURST, CALM_S, LEAST, LONGEST_REST_S, SHARE, SMOOTH_MS, STEADY, Pace


def test_after_a_silence_a_page_is_given_more_at_once_than_while_rows_keep_coming() -> None:
    pace = Pace()
    assert pace.room(10.0) == BURST
    pace.note_sent(10.0, with_rows=True)
    assert pace.room(10.1) == STEADY < BURST
    pace.note_sent(10.2, with_rows=False)
    assert pace.room(10.0 + CALM_S) == BURST


def test_a_page_that_paints_slowly_is_given_fewer_rows_and_more_again_when_it_is_quick() -> None:
    pace = Pace()
    pace.note_sent(0.0, with_rows=True)
    rooms = []
    for _ in range(20):
        pace.note_painted(SMOOTH_MS * 3)
        rooms.append(pace.room(0.1))
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[-1] == LEAST
    for _ in range(20):
        pace.note_painted(SMOOTH_MS / 3)
    assert pace.room(0.1) == STEADY


def test_a_page_that_is_neither_slow_nor_quick_keeps_what_it_has() -> None:
    pace = Pace()
    pace.note_sent(0.0, with_rows=True)
    pace.note_painted(SMOOTH_MS * 2)
    before = pace.room(0.1)
    pace.note_painted(SMOOTH_MS * 0.9)
    assert pace.room(0.1) == before < STEADY


def test_frames_take_their_share_of_a_pages_time_and_no_more() -> None:
    pace = Pace()
    assert pace.rest_s(0.0) == 0.0
    for _ in range(50):
        pace.note_painted(100.0)
    pace.note_sent(5.0, with_rows=False)
    assert pace.rest_s(5.0) == pytest.approx(0.1 / SHARE, rel=0.01)
    assert pace.rest_s(5.15) == pytest.approx(0.1 / SHARE - 0.15, rel=0.05)
    assert pace.rest_s(6.0) == 0.0


def test_a_page_that_stands_still_is_still_told_now_and_then() -> None:
    pace = Pace()
    for _ in range(50):
        pace.note_painted(60_000.0)
    pace.note_sent(5.0, with_rows=True)
    assert pace.rest_s(5.0) == LONGEST_REST_S
