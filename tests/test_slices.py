"""Long work in slices: everything is done, in order, and others get their turn."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from dashboard.slices import SLICE_S, sliced


def test_all_items_come_in_order() -> None:
    assert list(sliced(range(1_000))) == list(range(1_000))
    assert list(sliced([])) == []


@pytest.fixture
def unwilling() -> Iterator[None]:
    """Let no thread have the GIL taken away: only who gives it up lets another run."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


def test_another_thread_gets_its_turn_in_the_middle(unwilling: None) -> None:
    turns: list[int] = []
    reached = 0
    begun = threading.Event()

    def wait_for_turns() -> None:
        begun.set()
        while reached < 50:
            turns.append(reached)
            time.sleep(0.0001)

    other = threading.Thread(target=wait_for_turns)
    other.start()
    begun.wait()
    for item in sliced(range(1, 51)):
        until = time.perf_counter() + SLICE_S
        while time.perf_counter() < until:
            pass
        reached = item
    other.join()
    assert len({*turns} - {0, 50}) > 3
