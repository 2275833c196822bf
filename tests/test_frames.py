"""What a page is sent: every row once, every fragment with a target, however it comes and goes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboard.events import Entry, Gap, Outcome, Process, Transaction
from dashboard.journal import open_journal
from dashboard.journal.base import Cursor, Journal, JournalError
from dashboard.query import Query, parse
from dashboard.stream import following as following_module
from dashboard.stream import frames as frames_module
from dashboard.stream.digests import Digest, digest
from dashboard.stream.fragments import FLAT, NONE, TREE
from dashboard.stream.hello import Act, Hello
from dashboard.stream.lookback import look_back
from dashboard.stream.pace import LEAST

from .livepage import Live, Page, eventually, following, traces
from .samples import PROCESS, at, emission, origin

ROWS = frames_module.ROWS


@pytest.fixture
async def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    async with following(tmp_path, monkeypatch) as made:
        yield made


async def test_a_new_trace_arrives_on_top_and_once(live: Live) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, 2))
    await live.frame(client, page)
    await live.write(traces(3, 1))
    await live.frame(client, page)
    assert page.traces == ["3", "2", "1"]
    assert await live.frame(client) == ""


async def test_a_trace_that_goes_on_is_changed_in_place(live: Live) -> None:
    client, page = live.client(), Page()
    opened, first, second, closed = traces(1, 1, size=2)
    await live.write([opened, first])
    await live.frame(client, page)
    assert "running" in page.texts[page.batches[0][0]]
    await live.write([second, closed])
    text = await live.frame(client, page)
    assert page.traces == ["1"]
    assert "2 emissions" in page.texts[f"c-{1:032d}"]
    assert "afterbegin" not in text


async def test_what_finds_no_room_stands_in_one_row_that_opens_exactly_it(live: Live) -> None:
    client, page = live.client(), Page()
    before = live.journal.head().seq
    await live.write(traces(1, ROWS + 12))
    text = await live.frame(client, page)
    assert page.traces == [str(n) for n in range(ROWS + 12, 12, -1)]
    # The 13th trace is the oldest one shown; its first entry is the first that is not left out.
    assert f"after={before}&amp;upto={before + 36}" in text
    assert "+12 more traces" in text


async def test_the_flat_layout_sends_emissions(live: Live) -> None:
    client, page = live.client(layout=FLAT), Page()
    await live.write(traces(1, 1, size=ROWS + 3))
    text = await live.frame(client, page)
    assert text.count("row-flat") == ROWS
    assert "+3 more emissions" in text
    assert f"{1:032d}-{ROWS + 2}" in text


async def test_a_page_that_paints_slowly_is_sent_fewer_rows_and_all_are_counted(live: Live) -> None:
    client, page = live.client(layout=FLAT), Page()
    await live.write(traces(1, 1, size=3))
    await live.frame(client, page)
    for _ in range(20):
        client.note_painted(200.0)
    await live.write(traces(2, 1, size=10))
    live.now -= 0.4  # while rows keep coming
    text = await live.frame(client, page)
    assert text.count("row-flat") == LEAST
    assert f"+{10 - LEAST} more emissions" in text
    assert f"{2:032d}-9" in text
    await live.frame(client, page)
    assert page.texts["matching"] == "matching 13 of 13"


async def test_rows_glow_when_they_come_after_a_silence_and_not_while_they_keep_coming(live: Live) -> None:
    client, page = live.client(layout=FLAT), Page()
    await live.write(traces(1, 1, size=2))
    assert "batch is-new" in await live.frame(client, page)
    await live.write(traces(2, 1, size=2))
    live.now -= 0.4
    text = await live.frame(client, page)
    assert text.count("row-flat") == 2
    assert "is-new" not in text
    await live.write(traces(3, 1, size=2))
    assert "batch is-new" in await live.frame(client, page)


async def test_old_batches_are_deleted_and_kept_ones_are_not(live: Live) -> None:
    client, page = live.client(), Page()
    for start in range(1, 200, ROWS):
        await live.write(traces(start, ROWS))
        await live.frame(client, page)
        if start == 1:
            client.act(Act("keep", {f"{3:032d}"}))
    assert len(page.traces) == 75
    assert "3" in page.traces
    assert str(1 + ROWS) not in page.traces


async def test_only_what_the_filter_asks_for_is_sent(live: Live) -> None:
    client, page = live.client("sender:demo_app.Tag"), Page()
    await live.write(traces(1, 5), traces(6, 1, sender="demo_app.Tag"), traces(7, 5))
    await live.frame(client, page)
    assert page.traces == ["6"]
    assert page.texts["matching"] == "matching 1 of 11"
    assert page.texts["n-save"] == "11"


# --- what is known only when a request or a transaction has ended ----------------------------------


def mixed(number: int, name: str = "ann") -> list[Entry]:
    """Return a request by this user: two saves, one of them in a block that is then rolled back."""
    trace, ms = f"{number:032d}", 100.0 * number
    inside = Transaction("default", "open", [f"block{number}"])
    return [
        origin("opened", ms, trace=trace, title=f"/page/{number}/"),
        emission(f"{number}-undone", ms + 1, trace=trace, transaction=inside),
        emission(f"{number}-sent", ms + 2, trace=trace, sender="demo_app.Tag"),
        Outcome(
            at=at(ms + 3),
            trace=trace,
            block=f"block{number}",
            alias="default",
            state="rolled back",
            emissions=1,
        ),
        origin("closed", ms + 50, trace=trace, title=f"/page/{number}/", user=name),
    ]


def flat_ids(text: str) -> list[str]:
    return re.findall(r'data-key="([^"]+)"', text)


@pytest.mark.parametrize("layout", [TREE, FLAT])
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("user:ann signal:post_save", ["1-sent", "1-undone"]),
        ("sender:Tag user:ann", ["1-sent"]),
        ("is:rolled-back sender:Post", ["1-undone"]),
        ("is:rolled-back user:ann", ["1-undone"]),
        ("sender:Tag 302", ["1-sent"]),
        ("sender:Tag is:rolled-back", []),
        ("user:bob signal:post_save", []),
    ],
)
async def test_an_emission_comes_once_what_makes_it_match_is_known(
    live: Live, layout: str, query: str, shown: list[str]
) -> None:
    client, page = live.client(query, layout), Page()
    sent: list[str] = []
    for entry in mixed(1):
        await live.write([entry])
        sent.append(await live.frame(client, page))
    if layout == FLAT:
        assert sorted(name for text in sent for name in flat_ids(text)) == shown
        assert page.texts["matching"] == f"matching {len(shown)} of 2"
    else:
        assert page.traces == (["1"] if shown else [])
    if shown:
        assert "/page/1/" not in "".join(sent[:2])
        assert not flat_ids("".join(sent[:3]))


NEGATED = [
    ("-user:ann signal:post_save", []),
    ("-user:bob signal:post_save", ["1-sent", "1-undone"]),
    ("sender:Tag -user:ann", []),
    ("signal:post_save -is:rolled-back", ["1-sent"]),
    ("sender:Post -is:rolled-back", []),
    ("-user:ann", []),
    ("-is:rolled-back", ["1-sent"]),
    ("-(is:rolled-back user:ann)", ["1-sent"]),
    ("-302 sender:Tag", []),
]


@pytest.mark.parametrize("layout", [TREE, FLAT])
@pytest.mark.parametrize(("query", "shown"), NEGATED)
async def test_a_row_goes_again_once_it_is_known_that_it_does_not_match(
    live: Live, layout: str, query: str, shown: list[str]
) -> None:
    client, page = live.client(query, layout), Page()
    for entry in mixed(1):
        await live.write([entry])
        await live.frame(client, page)
    again = look_back(live.journal, parse(query), flat=layout == FLAT)
    if layout == FLAT:
        assert sorted(page.flat) == shown == sorted(entry.id for entry in again.sent)
    else:
        assert page.traces == [trace.trace.lstrip("0") for trace in again.traces]
        assert page.traces == (["1"] if shown else [])
    assert page.texts["matching"] == f"matching {len(shown)} of 2"
    assert page.texts["void"].startswith("Nothing matches yet") != bool(page.traces or page.flat)


@pytest.mark.parametrize("layout", [TREE, FLAT])
async def test_what_was_not_shown_yet_is_not_shown_once_it_does_not_match(live: Live, layout: str) -> None:
    client, page = live.client("-user:ann signal:post_save", layout), Page()
    client.act(Act("hold"))
    for entry in mixed(1) + mixed(2, "bob"):
        await live.write([entry])
        await live.frame(client, page)
    assert page.texts["pill"] == ("2 new N" if layout == FLAT else "1 new N")
    client.act(Act("release"))
    await live.frame(client, page)
    assert page.traces == ([] if layout == FLAT else ["2"])
    assert sorted(page.flat) == (["2-sent", "2-undone"] if layout == FLAT else [])
    assert page.texts["matching"] == "matching 2 of 4"


@pytest.mark.parametrize("act", ["pause", "hold"])
async def test_nothing_is_taken_from_a_page_that_stands_still_until_it_goes_on(live: Live, act: str) -> None:
    client, page = live.client("-user:ann signal:post_save"), Page()
    *rest, closed = mixed(1)
    await live.write(rest)
    await live.frame(client, page)
    client.act(Act(act))
    await live.write([closed])
    await live.frame(client, page)
    assert page.traces == ["1"]
    assert page.texts["matching"] == "matching 0 of 2"
    client.act(Act("resume" if act == "pause" else "release"))
    await live.frame(client, page)
    assert page.traces == []


async def test_what_its_reader_keeps_goes_when_it_is_let_go_of(live: Live) -> None:
    client, page = live.client("-user:ann signal:post_save"), Page()
    *rest, closed = mixed(1)
    await live.write(rest)
    await live.frame(client, page)
    client.act(Act("keep", {rest[0].trace}))
    await live.write([closed])
    await live.frame(client, page)
    assert page.traces == ["1"]
    client.act(Act("keep"))
    await live.frame(client, page)
    assert page.traces == []


async def test_a_row_is_taken_back_after_a_reconnection_too(live: Live) -> None:
    client, page = live.client("-user:ann signal:post_save"), Page()
    *rest, closed = mixed(1)
    await live.write(rest)
    await live.frame(client, page)
    again = live.client("-user:ann signal:post_save", hello=page.hello())
    await live.write([closed])
    await live.frame(again, page)
    assert page.traces == []
    assert page.texts["matching"] == "matching 0 of 2"


async def test_what_has_no_room_is_counted_without_what_matches_no_more(live: Live) -> None:
    client, page = live.client("-user:ann signal:post_save", FLAT), Page()
    client.act(Act("hold"))
    opened, *sent, closed = traces(1, 1, size=ROWS + 7, sender="demo_app.Tag")
    await live.write([opened, *sent], mixed(2)[:-1])
    await live.frame(client, page)
    await live.write([mixed(2)[-1]])
    await live.frame(client, page)
    await live.write([closed])
    client.act(Act("release"))
    text = await live.frame(client, page)
    assert f"+{ROWS + 7 - len(page.flat)} more emissions" in text
    assert not {"2-sent", "2-undone"} & set(page.flat)
    assert page.texts["matching"] == f"matching {ROWS + 7} of {ROWS + 9}"


async def test_a_client_that_reads_a_request_in_pieces_after_its_end_is_told_of_each_emission_once(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "STEP", 2)
    client, page = live.client("user:ann", FLAT), Page()
    await live.write(mixed(1) + mixed(2))
    texts = [await live.frame(client, page) for _ in range(8)]
    assert sorted(flat_ids("".join(texts))) == ["1-sent", "1-undone", "2-sent", "2-undone"]


async def test_a_request_that_was_met_in_the_middle_is_asked_for_its_origin(live: Live) -> None:
    opened, first, *_ = mixed(1)
    await live.write([opened, first])
    live.following._begin_anew(live.following.head)
    client, page = live.client("origin:/page/1/", FLAT), Page()
    await live.write(mixed(1)[2:3])
    await live.frame(client, page)
    assert page.texts["matching"] == "matching 1 of 1"


async def test_what_matches_late_says_what_started_it_and_is_counted_in_what_came(live: Live) -> None:
    client, page = live.client("user:ann is:error", FLAT), Page()
    opened, _, _, rolled_back, closed = mixed(1)
    failed = emission("failed", 101, trace=opened.trace, flags=["error"])
    await live.write([opened, failed, rolled_back])
    live.following._traces.clear()
    await live.frame(client, page)
    live.now += frames_module.SAID_S
    await live.write([closed])
    text = await live.frame(client, page)
    assert flat_ids(text) == ["failed"]
    assert ">POST /page/1/</a>" in text
    assert page.texts["said"] == "1 new emission, 1 of them with an error."


async def test_a_late_match_in_a_trace_that_has_its_place_is_no_new_trace(live: Live) -> None:
    client, page = live.client("sender:Tag or user:ann"), Page()
    opened, undone, sent, rolled_back, closed = mixed(1)
    await live.write([opened, undone, sent, rolled_back])
    await live.frame(client, page)
    live.now += frames_module.SAID_S
    await live.write([closed])
    await live.frame(client, page)
    assert page.traces == ["1"]
    assert page.texts["matching"] == "matching 2 of 2"
    assert page.texts["said"] == "1 new trace, 2 emissions."


async def test_late_matches_without_room_are_counted_and_open_from_the_journal(live: Live) -> None:
    client, page = live.client("user:admin", FLAT), Page()
    opened, *sent, closed = traces(1, 1, size=ROWS + 7)
    await live.write([opened, *sent])
    assert "row-flat" not in await live.frame(client, page)
    await live.write([closed])
    text = await live.frame(client, page)
    assert text.count("row-flat") == ROWS
    assert "+7 more emissions" in text
    assert page.texts["matching"] == f"matching {ROWS + 7} of {ROWS + 7}"
    ((after, upto),) = set(re.findall(r"after=(\d+)&amp;upto=(\d+)", text))
    opened_by_it = look_back(
        live.journal, parse("user:admin"), flat=True, after=int(after), before=int(upto) + 1
    )
    assert len(opened_by_it.sent) == 7


async def test_of_very_many_traces_that_end_at_once_the_rest_is_counted(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.stream.digests.MAX_LEARNT", 3)
    client, page = live.client("user:admin signal:post_save"), Page()
    every = [traces(number, 1) for number in range(1, 6)]
    await live.write(*([opened, sent] for opened, sent, _ in every))
    await live.frame(client, page)
    await live.write([closed for _, _, closed in every])
    text = await live.frame(client, page)
    assert page.traces == ["5", "4", "3"]
    assert "+2 more traces" in text


async def test_a_paused_page_counts_and_shows_it_all_when_it_goes_on(live: Live) -> None:
    client, page = live.client(), Page()
    client.act(Act("pause"))
    await live.write(traces(1, 3, size=2))
    await live.frame(client, page)
    assert page.traces == []
    assert page.texts["waiting"] == "6 emissions"
    assert page.texts["lamp"] == "paused · 6 waiting"
    client.act(Act("resume"))
    await live.frame(client, page)
    assert page.traces == ["3", "2", "1"]
    assert page.texts["lamp"] == "live"


async def test_a_page_that_is_read_holds_new_rows_and_changes_those_it_shows(live: Live) -> None:
    client, page = live.client(), Page()
    opened, *rest = traces(1, 1, size=2)
    await live.write([opened])
    await live.frame(client, page)
    client.act(Act("hold"))
    await live.write(rest, traces(2, 4))
    await live.frame(client, page)
    assert page.traces == ["1"]
    assert "2 emissions" in page.texts[f"c-{1:032d}"]
    assert page.texts["pill"] == "4 new N"
    client.act(Act("release"))
    await live.frame(client, page)
    assert page.traces == ["5", "4", "3", "2", "1"]
    assert page.texts["pill"] == ""


async def test_a_cleared_page_is_empty_and_goes_on_with_what_comes(live: Live) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, 3))
    await live.frame(client, page)
    client.act(Act("clear"))
    await live.frame(client, page)
    assert page.traces == []
    assert page.texts["void"].startswith("Cleared")
    assert page.texts["matching"] == "matching 0 of 0"
    await live.write(traces(4, 1))
    await live.frame(client, page)
    assert page.traces == ["4"]
    assert page.texts["matching"] == "matching 1 of 1"
    assert page.texts["void"] == ""


async def test_nothing_is_lost_or_doubled_across_reconnections(live: Live) -> None:
    page = Page()
    client = live.client()
    number = 1
    for turn in range(12):
        await live.write(traces(number, 3))
        number += 3
        await live.frame(client, page)
        if turn % 3 == 2:
            # Rows that were held back, or not even sent, when the connection broke.
            client.act(Act("hold"))
            await live.write(traces(number, 2))
            number += 2
            await live.frame(client)
            client = live.client(hello=page.hello())
    await live.frame(client, page)
    assert page.traces == [str(n) for n in range(number - 1, 0, -1)]
    assert page.texts["matching"] == f"matching {number - 1} of {number - 1}"


async def test_a_trace_on_the_page_is_updated_after_a_reconnection(live: Live) -> None:
    client, page = live.client(), Page()
    opened, *rest = traces(1, 1)
    await live.write([opened])
    await live.frame(client, page)
    again = live.client(hello=page.hello())
    await live.write(rest)
    await live.frame(again, page)
    assert page.traces == ["1"]
    assert "running" not in page.texts[f"c-{1:032d}"]


async def test_a_trace_that_was_open_before_anybody_followed_is_shown_whole(live: Live) -> None:
    old = origin("opened", 0, trace=f"{7:032d}", title="/long/")
    live.following.detach()
    live.journal.append([old, emission("e1", 1, trace=f"{7:032d}")])
    live.following.attach()
    await live.write([])
    client, page = live.client(), Page()
    await live.write([emission("e2", 2, trace=f"{7:032d}")])
    await live.frame(client, page)
    assert "/long/" in page.texts[page.batches[0][0]]
    assert "2 emissions" in page.texts[page.batches[0][0]]


async def test_another_life_of_the_journal_empties_the_list_first(live: Live) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, 3))
    await live.frame(client, page)
    stale = page.hello()
    reborn = live.client(hello=Hello(Cursor("otherlife", 999), stale.tally, stale.shown))
    await live.frame(reborn, page)
    # The list was emptied, and what this life of the journal holds came once.
    assert page.traces == ["3", "2", "1"]
    assert page.texts["matching"] == "matching 3 of 3"


async def test_a_page_read_from_the_journal_may_be_ahead_of_the_tail(live: Live) -> None:
    await live.write(traces(1, 1))
    head = live.following.head
    client, page = live.client(hello=Hello(Cursor(head.epoch, head.seq + 3), shown=[("bp0", ["x"])])), Page()
    assert "#rows" not in await live.frame(client, page)
    await live.write(traces(2, 2))
    await live.frame(client, page)
    assert page.traces == ["3"]


async def test_an_end_that_stays_lower_than_the_page_starts_it_over(live: Live) -> None:
    await live.write(traces(1, 1))
    client, page = live.client(hello=Hello(Cursor(live.following.head.epoch, 10**12))), Page()
    for _ in range(6):
        await live.frame(client, page)
    assert page.traces == ["1"]


async def test_a_tail_that_is_kept_from_reading_empties_no_page(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, 2))
    await live.frame(client, page)
    head = live.following.head
    monkeypatch.setattr(live.following.tail, "_follow", lambda ending: None)
    live.journal.append(traces(3, 1))
    ahead = live.client(hello=Hello(live.journal.head(), client._tally, [("b1", ["x"])]))
    texts = [await live.frame(ahead) for _ in range(10)]
    assert live.following.head == head
    assert not any("#rows" in text for text in texts)


async def test_a_page_that_opens_after_a_silence_does_not_begin_with_what_was_known_before_it(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    journal: Journal = open_journal(url)
    live = Live(journal, open_journal(url))
    assert live.following.attach() == 0
    await live.write(traces(1, 1))
    live.following.detach()
    journal.append(traces(2, 1))
    known = live.following.head
    begun_at = live.following.attach()
    assert live.following.attach() == begun_at
    assert live.following.head == known
    await live.following.beat_after(begun_at)
    assert live.following.head == journal.head()
    live.following.detach()
    live.following.detach()
    live.following.tail.close()
    journal.close()


async def test_a_client_far_behind_gets_a_row_that_fills_the_gap(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames_module, "MAX_BEHIND", 100)
    monkeypatch.setattr(frames_module, "STEP", 30)
    start = live.journal.head()
    await live.write(traces(1, 50))
    client, page = live.client(hello=Hello(start)), Page()
    text = await live.frame(client, page)
    assert page.traces == [str(n) for n in range(50, 40, -1)]
    assert f"after={start.seq}&amp;upto={start.seq + 120}" in text
    assert "passed while this page was not following" in text


async def test_a_client_that_is_behind_catches_up_in_steps_before_it_shows_rows(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "STEP", 40)
    start = live.journal.head()
    await live.write(traces(1, 50))
    client, page = live.client(hello=Hello(start)), Page()
    for _ in range(8):
        await live.frame(client, page)
    assert page.traces == [str(n) for n in range(50, 50 - ROWS, -1)]
    assert page.texts["matching"] == "matching 50 of 50"
    assert len(page.batches) == 1


async def test_dropped_entries_are_a_row_of_their_own(live: Live) -> None:
    client, page = live.client("is:error"), Page()
    await live.write([Gap(at=at(1), dropped=412, reason="the buffer was full", process=PROCESS)])
    await live.frame(client, page)
    assert "412 emissions dropped in pid 4711 on web-1: the buffer was full" in page.texts[page.batches[0][0]]


async def test_names_with_markup_are_escaped(live: Live) -> None:
    evil = "<img src=x onerror=alert(1)>"
    named: list[Entry] = [
        origin("opened", trace="a" * 32, title=evil, verb=evil),
        emission(
            "e1", trace="a" * 32, sender=evil, signal=f"x.{evil}", family=f'"{evil}', payload={evil: evil}
        ),
        origin("closed", 9, trace="a" * 32, title=evil, user=evil, status=evil, view=evil),
    ]
    for layout in ("tree", FLAT):
        client, page = live.client(layout=layout), Page()
        await live.write(named)
        text = await live.frame(client, page)
        assert "&lt;img" in text
        assert "<img" not in text
        assert 'fam-"' not in text


async def test_a_page_without_rows_gets_numbers_alone(live: Live) -> None:
    client, page = live.client(layout=NONE), Page()
    await live.write(traces(1, 3))
    text = await live.frame(client, page)
    assert page.traces == []
    assert page.texts["seq"] == str(live.journal.head().seq)
    assert "matching" not in text
    # Not even another life of the journal sends it what it has no place for.
    text = await live.frame(live.client(layout=NONE, hello=Hello(Cursor("otherlife", 3))))
    assert "#rows" not in text
    assert 'id="void"' not in text


async def test_numbers_come_at_most_twice_a_second_and_only_when_they_changed(live: Live) -> None:
    client = live.client()
    await live.write(traces(1, 1))
    first = await client.frame(1.0)
    assert 'id="seq"' in first
    await live.write(traces(2, 1))
    assert 'id="seq"' not in await client.frame(1.1)
    assert 'id="seq"' in await client.frame(1.6)
    assert await client.frame(2.6) == ""


async def test_a_journal_that_fails_while_a_trace_is_read_loses_no_row(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, page = live.client(), Page()
    reader: Callable[..., list[Entry]] = live.journal.read_trace

    def broken(*arguments: object) -> list[Entry]:
        raise JournalError("The journal is locked: x. Wait.")

    live.following._read_trace = broken
    await live.write([emission("e1", trace="a" * 32)])
    with pytest.raises(JournalError):
        await live.frame(client)
    live.following._read_trace = reader
    await live.frame(client, page)
    assert [ids for _, ids in page.batches] == [[f"r-{'a' * 32}", f"c-{'a' * 32}"]]


async def test_clients_with_one_filter_share_the_work(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(entries: Sequence[Entry], query: Query, *rest: Any) -> Digest:
        made.append(str(query))
        return digest(entries, query, *rest)

    monkeypatch.setattr(following_module, "digest", counted)
    clients = [live.client() for _ in range(20)] + [live.client("is:error")]
    await live.write(traces(1, 30))
    for client in clients:
        await live.frame(client)
    assert sorted(made) == ["", "is:error"]


async def test_the_shared_side_follows_only_while_somebody_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'alone.sqlite3'}"
    journal: Journal = open_journal(url)
    live = Live(journal, open_journal(url))
    tail = live.following.tail
    live.following.attach()
    live.following.attach()
    live.following.detach()
    await live.write(traces(1, 1))
    await eventually(lambda: tail.reaches(journal.head().seq))
    live.following.detach()
    assert not tail.reaches(journal.head().seq)
    tail.close()
    journal.close()


async def test_a_trace_that_found_no_room_keeps_its_place_when_it_goes_on(live: Live) -> None:
    client, page = live.client(), Page()
    begun = [traces(number, 1, size=2) for number in range(1, ROWS + 4)]
    await live.write([entry for trace in begun for entry in trace[:2]])
    text = await live.frame(client, page)
    assert "+3 more traces" in text
    await live.write([entry for trace in begun for entry in trace[2:]])
    text = await live.frame(client, page)
    assert "afterbegin" not in text
    assert page.traces == [str(number) for number in range(ROWS + 3, 3, -1)]


async def test_traces_that_the_reader_opened_are_kept_up_to_date_where_they_stand(live: Live) -> None:
    client, page = live.client(), Page()
    begun = [traces(number, 1, size=2) for number in range(1, ROWS + 2)]
    await live.write([entry for trace in begun for entry in trace[:2]])
    await live.frame(client, page)
    batch, names = page.batches[0]
    opened = f"{1:032d}"
    client.act(Act("opened", shown=[(batch, [opened])]))
    page.batches[0] = batch, [*names, f"c-{opened}"]
    await live.write(begun[0][2:])
    await live.frame(client, page)
    assert "2 emissions" in page.texts[f"c-{opened}"]
    for start in range(100, 100 + 4 * ROWS, ROWS):
        await live.write(traces(start, ROWS))
        await live.frame(client, page)
    assert batch not in [name for name, _ in page.batches]
    late = traces(1, 1, size=3)[3]
    await live.write([late])
    await live.frame(client, page)
    assert page.traces[0] == "1", "a trace whose batch is gone comes anew"


async def test_what_came_is_said_in_one_sentence_now_and_then(live: Live) -> None:
    client, page = live.client(), Page()
    await live.frame(client, page)
    await live.write(traces(1, 2, size=3), traces(3, 1, flags=["error"]))
    await live.frame(client, page)
    assert "said" not in page.texts
    live.now += frames_module.SAID_S
    await live.frame(client, page)
    assert page.texts["said"] == "3 new traces, 7 emissions, 1 of them with an error."
    live.now += frames_module.SAID_S
    assert "#said" not in await live.frame(client, page)


async def test_a_reader_who_holds_the_page_is_told_that_rows_wait(live: Live) -> None:
    client, page = live.client(layout=FLAT), Page()
    await live.frame(client, page)
    client.act(Act("hold"))
    await live.write(traces(1, 2))
    live.now += frames_module.SAID_S
    await live.frame(client, page)
    assert page.texts["said"] == "2 new emissions: they wait above."


async def test_the_guide_for_newcomers_goes_once_there_is_something_to_look_at(live: Live) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, frames_module.FEW - 1))
    assert 'id="guide"' not in await live.frame(client, page)
    await live.write(traces(50, 1))
    assert 'id="guide" hidden' in await live.frame(client, page)
    await live.write(traces(60, 1))
    assert 'id="guide"' not in await live.frame(client, page)


async def test_a_flat_row_says_what_started_it_also_when_that_was_long_ago(live: Live) -> None:
    opened, first, second, _ = traces(1, 1, size=2)
    await live.write([opened, first])
    live.following._traces.clear()
    client, page = live.client(layout=FLAT), Page()
    await live.write([second])
    assert ">POST /page/1/</a>" in await live.frame(client, page)


async def test_a_reader_who_never_confirms_makes_nothing_grow(live: Live) -> None:
    client = live.client()
    for _ in range(1_000):
        client.act(Act("pause"))
        client.act(Act("resume"))
        client.act(Act("clear"))
    assert len(client._now) < 10


# --- processes ------------------------------------------------------------------------------------

SHELL = Process("web-1", 4712, "MainThread", "shell")


async def test_the_legend_comes_with_the_second_process_and_stays_through_a_reconnection(live: Live) -> None:
    client, page = live.client(), Page()
    await live.write(traces(1, 1))
    await live.frame(client, page)
    assert page.texts["processes"] == ""
    await live.write(traces(2, 1, process=SHELL))
    await live.frame(client, page)
    assert page.texts["processes"] == "processesshell web-1:4712pid web-1:4711"
    assert "process shell web-1:4712 admin" in page.texts[page.batches[0][0]]
    again = live.client(hello=page.hello())
    await live.write(traces(3, 1))
    await live.frame(again, page)
    assert page.texts["processes"] == "processesshell web-1:4712pid web-1:4711"


async def test_the_legend_is_not_sent_again_while_nobody_new_records(live: Live) -> None:
    client = live.client()
    await live.write(traces(1, 1), traces(2, 1, process=SHELL))
    assert 'id="processes"' in await live.frame(client)
    await live.write(traces(3, 1), traces(4, 1, process=SHELL))
    assert 'id="processes"' not in await live.frame(client)


async def test_who_filters_to_one_process_still_sees_the_others_in_the_legend(live: Live) -> None:
    client, page = live.client("process:=web-1:4712", FLAT), Page()
    await live.write([emission("mine", 1, process=SHELL), emission("other", 2)])
    await live.frame(client, page)
    assert page.flat == ["mine"]
    assert "web-1:4711" in page.texts["processes"]


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [TREE, FLAT])
async def test_what_a_clock_put_back_records_arrives_on_top_all_the_same(live: Live, layout: str) -> None:
    client, page = live.client(layout=layout), Page()
    await live.write(traces(900, 1))
    await live.frame(client, page)
    await live.write(traces(1, 1))
    await live.frame(client, page)
    assert len(page.batches) == 2
    assert "12:00:00.1" in page.texts[page.batches[0][0]]
    assert page.texts["seq"] == "6"
    assert await live.frame(client) == ""
