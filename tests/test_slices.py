"""Long work in slices: everything is done, in order, and others get their turn."""

from __future__ import annotations

import threading
import time

from dashboard.slices import SLICE_S, sliced


def test_all_items_come_in_order() -> None:
    assert list(sliced(range(1_000))) == list(range(1_000))
    assert list(sliced([])) == []


def test_another_thread_gets_its_turn_in_the_middle() -> None:
    turns: list[int] = []
    reached = 0
    begun = threading.Event()

    def wait_for_turns() -> None:
        begun.set()
        while reached < 20:
            turns.append(reached)
            time.sleep(0.0001)

    other = threading.Thread(target=wait_for_turns)
    other.start()
    begun.wait()
    for item in sliced(range(1, 21)):
        until = time.perf_counter() + 2 * SLICE_S
        while time.perf_counter() < until:
            pass
        reached = item
    other.join()
    assert len({*turns}) > 10
