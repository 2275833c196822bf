"""What a client says: a hello, then acts; anything else is refused, and all of it is bounded."""

from __future__ import annotations

import json

import pytest

from dashboard.journal.base import Cursor
from dashboard.stream.hello import ACTS, MAX_KEPT, MAX_MESSAGE, MAX_ROWS, act_of, hello_of
from dashboard.stream.holdings import ROWS, Holdings


def test_a_hello_says_up_to_where_the_page_is_and_what_it_shows() -> None:
    hello = hello_of(
        json.dumps(
            {"cursor": "ab12:7", "shown": "b2=t3,t2;bp0=t1", "tally": "3/4 save=2", "kept": "t1", "held": "1"}
        )
    )
    assert hello is not None
    assert hello.cursor == Cursor("ab12", 7)
    assert hello.shown == [("bp0", ["t1"]), ("b2", ["t3", "t2"])]
    assert (hello.tally, hello.kept, hello.held, hello.paused) == ("3/4 save=2", {"t1"}, True, False)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[]",
        "{}",
        '{"cursor": 7}',
        '{"cursor": "no seq"}',
        '{"cursor": "a:-1"}',
        '{"cursor": "a:1", "shown": "<b>=x"}',
        '{"cursor": "a:1", "shown": "b1=a b"}',
        '{"cursor": "a:1", "shown": "b1=\\"><script>"}',
        "[" * 60_000,
        json.dumps({"cursor": "a:1", "shown": "x" * MAX_MESSAGE}),
    ],
)
def test_a_malformed_hello_is_none(text: str | None) -> None:
    assert hello_of(text) is None


def test_a_page_that_shows_very_much_is_taken_in_as_far_as_there_is_room() -> None:
    shown = ";".join(f"b{n}=" + ",".join(f"t{n}-{m}" for m in range(100)) for n in range(20))
    hello = hello_of(json.dumps({"cursor": "a:1", "shown": shown}))
    assert hello is not None
    assert sum(len(ids) for _, ids in hello.shown) == MAX_ROWS


@pytest.mark.parametrize("name", sorted(ACTS))
def test_every_act_is_understood(name: str) -> None:
    act = act_of(json.dumps({"action": name, "ids": "a,b", "frame": 3}))
    assert act is not None
    assert (act.name, act.ids, act.frame) == (name, {"a", "b"}, 3)


@pytest.mark.parametrize("text", ["", "{}", '{"action": "drop table"}', '{"action": ["pause"]}', "\ud800"])
def test_an_unknown_act_is_none(text: str) -> None:
    assert act_of(text) is None


def test_kept_rows_are_bounded_and_strange_ids_left_out() -> None:
    act = act_of(json.dumps({"action": "keep", "ids": ",".join(["<b>", *(f"t{n}" for n in range(99))])}))
    assert act is not None
    assert len(act.ids) == MAX_KEPT - 1


def test_the_oldest_batches_go_when_there_are_more_rows_than_stay() -> None:
    holdings = Holdings()
    for number in range(5):
        holdings.add(f"b{number}", [f"t{number}-{n}" for n in range(25)], [1] * 25)
    assert holdings.trim(set()) == ["b0", "b1"]
    assert len(holdings) == ROWS
    assert "t0-0" not in holdings
    assert "t4-0" in holdings


def test_a_batch_with_a_kept_row_stays() -> None:
    holdings = Holdings()
    for number in range(6):
        holdings.add(f"b{number}", [f"t{number}-{n}" for n in range(25)], [1] * 25)
    assert holdings.trim({"t1-7"}) == ["b0", "b2", "b3"]
    assert "t1-7" in holdings
    assert holdings.trim(set()) == []


@pytest.mark.parametrize(
    ("said", "understood"),
    [(12, 12.0), (0.5, 0.5), (10**9, 60_000.0), (0, 0.0), (-3, 0.0), ("12", 0.0), (None, 0.0), ([1], 0.0)],
)
def test_a_confirmed_frame_comes_with_what_painting_it_took_if_the_page_could_tell(
    said: object, understood: float
) -> None:
    act = act_of(json.dumps({"action": "ack", "frame": 3, "took": said}))
    assert act is not None
    assert act.took_ms == understood
