"""Playing again: in the order and the timing of then, at any speed, with silences that end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard import replay
from dashboard.events import Bypass, Emission
from dashboard.journal import Journal, open_journal
from dashboard.replay import LONGEST_PAUSE_S, MOST_AT_ONCE, Player, TooManyError, moment

from .samples import NOON, emission, origin


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


class Clock:
    """A clock that moves only while somebody waits, and notes for how long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, state: threading.Condition, seconds: float | None) -> None:
        if seconds is None:
            # Paused: the reader is in another thread.
            state.wait(0.005)
            return
        self.waited.append(round(seconds, 3))
        self.now += seconds


def at(ms: float, id: str = "") -> Emission:
    return emission(id or f"e{ms:g}", ms, duration_us=0.0)


def played(player: Player) -> list[int]:
    """Play in this thread until the end, and return what came due."""
    player._play()
    return [entry.seq for entry in player.since(0, 1_000).entries]


def test_entries_come_due_in_their_own_timing(journal: Journal) -> None:
    journal.append([at(0), at(500), at(1_500)])
    clock = Clock()
    player = Player(journal, 3, 0, clock=clock, wait=clock.wait)
    assert played(player) == [1, 2, 3]
    assert clock.waited == [0.5, 1.0]
    assert player.ended


@pytest.mark.parametrize(("speed", "waited"), [(0.25, [2.0, 2.0]), (1.0, [0.5, 1.0]), (10.0, [0.05, 0.1])])
def test_speed_divides_the_silences(journal: Journal, speed: float, waited: list[float]) -> None:
    journal.append([at(0), at(500), at(1_500)])
    clock = Clock()
    assert played(Player(journal, 3, 0, speed, clock=clock, wait=clock.wait)) == [1, 2, 3]
    assert clock.waited == waited


def test_many_short_silences_are_not_lost(journal: Journal) -> None:
    journal.append([at(number) for number in range(1_001)])
    clock = Clock()
    player = Player(journal, 1_001, 0, clock=clock, wait=clock.wait)
    player._play()
    assert clock.now == pytest.approx(1.0)


def test_a_long_silence_is_shortened_and_said(journal: Journal) -> None:
    journal.append([at(0), at(3_600_000)])
    clock = Clock()
    said = []

    def wait(state: threading.Condition, seconds: float | None) -> None:
        said.append(player.shortened_s)
        clock.wait(state, seconds)

    player = Player(journal, 2, 0, clock=clock, wait=wait)
    player._play()
    assert clock.waited == [LONGEST_PAUSE_S]
    assert said == [3_600.0]
    assert player.shortened_s == 0


def test_what_ended_earlier_comes_earlier_and_a_clock_put_back_makes_no_silence(journal: Journal) -> None:
    journal.append([at(1_000), at(0), at(1_100)])
    clock = Clock()
    assert played(Player(journal, 3, 0, clock=clock, wait=clock.wait)) == [1, 2, 3]
    assert clock.waited == [0.1]


def test_the_moment_of_an_emission_is_its_end() -> None:
    assert moment(emission(duration_us=2_000.0)) == NOON + timedelta(milliseconds=2)
    bypass = Bypass(id="b", operation="update", sender="a.B", at=NOON, duration_us=1_000.0)
    assert moment(bypass) == NOON + timedelta(milliseconds=1)
    assert moment(origin("closed", 148)) == NOON + timedelta(milliseconds=148)


def test_only_the_stretch_is_played_from_where_it_starts(journal: Journal) -> None:
    journal.append([at(number) for number in range(10)])
    clock = Clock()
    player = Player(journal, 6, 3, clock=clock, wait=clock.wait)
    assert player.head.seq == 3
    player._play()
    assert [entry.seq for entry in player.since(3, 100).entries] == [4, 5, 6]
    assert player.head.seq == 6
    assert [entry.seq for entry in player.since(1, 100).entries] == [2, 3, 4, 5, 6], "read from the journal"


def test_a_stretch_that_is_not_held_any_more_ends_at_once(journal: Journal) -> None:
    journal.append([at(number) for number in range(10)])
    journal.prune(2)
    clock = Clock()
    player = Player(journal, 5, 0, clock=clock, wait=clock.wait)
    player._play()
    assert player.ended
    assert player.since(0, 10).entries == []


def test_a_paused_replay_stands_still_until_it_goes_on(journal: Journal) -> None:
    journal.append([at(0), at(500), at(1_000)])
    clock = Clock()
    player = Player(journal, 3, 0, clock=clock, wait=clock.wait)
    player.pause(paused=True)
    thread = threading.Thread(target=player._play)
    thread.start()
    assert clock.waited == []
    assert not player.ended
    player.pause(paused=False)
    thread.join(20)
    assert player.ended
    assert clock.waited == [0.5, 0.5]


def test_an_unknown_speed_is_left_aside(journal: Journal) -> None:
    player = Player(journal, 0, 0)
    player.play_at(10.0)
    player.play_at(1_000.0)
    assert player.speed == 10.0


def test_releasing_ends_a_replay_in_the_middle_and_gives_its_place_free(journal: Journal) -> None:
    journal.append([at(0), at(1_500), at(3_000)])
    players = [Player(journal, 3, 0) for _ in range(MOST_AT_ONCE)]
    for player in players:
        player.acquire()
    with pytest.raises(TooManyError, match=f"{MOST_AT_ONCE} replays"):
        Player(journal, 3, 0).acquire()
    for player in players:
        player.release()
    for thread in threading.enumerate():
        if thread.name == "signalscope-replay":
            thread.join(20)
    assert not players[0].ended
    again = Player(journal, 3, 0)
    again.acquire()
    again.release()


def test_followers_are_told_and_a_broken_journal_is_said(journal: Journal) -> None:
    journal.append([at(0), at(1)])
    told = []
    player = Player(journal, 2, 0)
    player.subscribe(lambda: told.append(player.head.seq))
    assert played(player) == [1, 2]
    assert told == [2]
    assert player.rates().per_second >= 0
    broken = Player(journal, 2, 0)
    journal.close()
    assert replay._running.acquire(blocking=False)
    broken._run()
    assert "closed" in (broken.error or "")
