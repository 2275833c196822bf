"""Filters and calls that outlived their emission: how they ended counts, wherever a filter is applied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dashboard.events import Emission, Entry, Late
from dashboard.journal import open_journal
from dashboard.journal.base import Journal
from dashboard.query import parse
from dashboard.query.background import MOST_ENDS, Background, background_of
from dashboard.sessions.stretch import Wanted
from dashboard.sessions.stretch import read as read_session
from dashboard.stream import sieve as sieve_module
from dashboard.stream.fragments import FLAT, TREE
from dashboard.stream.lookback import look_back, search
from dashboard.stream.sieve import Sieve

from .livepage import Live, Page, following, traces
from .samples import at, boom, call, emission, origin

FAILED = f"{1:032d}"

MATCHING = [
    ("is:error signal:post_save", ["1-late"]),
    ("signal:post_save -is:error", ["1-sent"]),
    ("sender:Post is:error", ["1-late"]),
    ("is:error user:ann sender:Post", ["1-late"]),
    ("signal:post_save is:slow", ["1-late"]),
    ("queries:>3", ["1-late"]),
    ("signal:post_save -queries:>3", ["1-sent"]),
    ("refused", ["1-late"]),
    ("signal:post_save -refused", ["1-sent"]),
    ("is:error sender:Tag", []),
    ("took:>1s", []),
]


def late(number: int = 1) -> list[Entry]:
    """Return a request with two saves; when it has ended, a receiver of the first raises after 5 queries."""
    trace, ms = f"{number:032d}", 100.0 * number
    running = call("app.tell", outcome="running", duration_us=0.0)
    ended = call("app.tell", outcome="raised", error=boom(), duration_us=2e6, queries=5)
    return [
        origin("opened", ms, trace=trace, title=f"/page/{number}/"),
        emission(f"{number}-late", ms + 1, trace=trace, calls=[running]),
        emission(f"{number}-sent", ms + 2, trace=trace, sender="demo_app.Tag"),
        origin("closed", ms + 50, trace=trace, title=f"/page/{number}/", user="ann"),
        Late(trace=trace, at=at(ms + 2_000), emission=f"{number}-late", index=0, call=ended),
    ]


@pytest.fixture(params=["sqlite", "redis"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        held = open_journal(url)
    else:
        held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


@pytest.fixture
async def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    async with following(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("layout", [TREE, FLAT])
@pytest.mark.parametrize(("query", "shown"), MATCHING)
async def test_the_live_page_shows_what_matches_once_the_call_has_ended(
    live: Live, layout: str, query: str, shown: list[str]
) -> None:
    client, page = live.client(query, layout), Page()
    for entry in late():
        await live.write([entry])
        await live.frame(client, page)
    if layout == FLAT:
        assert sorted(page.flat) == shown
    else:
        assert page.traces == (["1"] if shown else [])
    assert page.texts["matching"] == f"matching {len(shown)} of 2"


@pytest.mark.parametrize("layout", [TREE, FLAT])
@pytest.mark.parametrize(("query", "shown"), MATCHING)
async def test_the_live_page_shows_it_too_when_all_of_it_comes_at_once(
    live: Live, layout: str, query: str, shown: list[str]
) -> None:
    client, page = live.client(query, layout), Page()
    await live.write(late())
    await live.frame(client, page)
    await live.frame(client, page)
    assert sorted(page.flat) == (shown if layout == FLAT else [])
    assert page.traces == (["1"] if shown and layout == TREE else [])
    assert page.texts["matching"] == f"matching {len(shown)} of 2"


async def test_the_row_that_comes_shows_how_the_call_ended(live: Live) -> None:
    client, page = live.client("is:error", FLAT), Page()
    *rest, end = late()
    await live.write(rest)
    assert "1-late" not in await live.frame(client, page)
    await live.write([end])
    assert 'data-flag="error"' in await live.frame(client, page)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("query", "shown"), MATCHING)
def test_a_page_that_opens_shows_the_same(journal: Journal, flat: bool, query: str, shown: list[str]) -> None:
    journal.append(traces(5, 3))
    journal.append(late())
    journal.append(traces(8, 3))
    found = look_back(journal, parse(f"({query}) trace:{FAILED}"), flat=flat)
    assert sorted(one.id for one in found.sent) == (shown if flat else [])
    assert [one.trace for one in found.traces] == ([FAILED] if shown and not flat else [])


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("query", "shown"), MATCHING)
def test_the_history_finds_the_same(journal: Journal, flat: bool, query: str, shown: list[str]) -> None:
    journal.append(late())
    journal.append(traces(5, 3))
    asked = parse(query)
    found = search(journal, asked, Sieve(journal, asked, flat=flat), before=journal.head().seq + 1)
    here = [one for one in found.sent if one.trace == FAILED]
    assert sorted(one.id for one in here) == (shown if flat else [])
    assert (FAILED in [one.trace for one in found.traces]) == (bool(shown) and not flat)


def test_the_history_finds_it_among_more_late_ends_than_it_reads(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve_module, "MOST_LATE", 3)
    for number in range(1, 8):
        journal.append(late(number))
    asked = parse("is:error signal:post_save")
    found = search(journal, asked, Sieve(journal, asked, flat=True), before=journal.head().seq + 1)
    assert [one.id for one in found.sent] == [f"{number}-late" for number in range(7, 0, -1)]


def test_a_session_takes_it_along(journal: Journal) -> None:
    journal.append(traces(5, 3))
    journal.append(late())
    taken = [entry.trace for entry, _ in read_session(journal, Wanted(query=parse("is:error sender:Post")))]
    assert taken == [FAILED] * 5


def test_what_a_trace_remembers_of_late_ends_is_bounded() -> None:
    known = Background()
    for number in range(MOST_ENDS + 10):
        known = known.with_entry(
            Late(trace=FAILED, at=at(number), emission=f"e{number}", index=0, call=call(outcome="raised"))
        )
    assert len(known.ends) == MOST_ENDS


def test_an_end_that_is_told_twice_counts_once() -> None:
    *rest, end = late()
    known = background_of([*rest, end])
    assert known.with_entry(end) is known
    (entry,) = (one for one in rest if isinstance(one, Emission) and one.id == "1-late")
    assert [one.outcome for one in known.settle(entry).calls] == ["raised"]
    assert [one.outcome for one in entry.calls] == ["running"]


def test_a_query_says_whether_it_needs_late_ends() -> None:
    for text in ("is:error", "-queries:3", "a or receiver:b", "text"):
        assert parse(text).needs_ends, text
    for text in ("", "signal:save", "is:rolled-back", "took:>1s user:ann"):
        assert not parse(text).needs_ends, text
