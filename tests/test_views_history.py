"""The history page as the server renders it: search, range, pages, and what is not held any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Gap
from dashboard.journal import open_journal, pack
from dashboard.journal.base import Journal, JournalError
from dashboard.stream import fragments
from dashboard.stream.lookback import TRACES
from dashboard.views import histogram as histograms
from dashboard.views import live
from dashboard.views.history import history
from dashboard.views.replay import replay

from .livepage import traces
from .samples import NOON, admin_add, at, boom, call, emission

STAFF = User(username="staff", is_staff=True)
EVIL = '<script>alert("1")</script>'
NOON_US = pack(emission()).at_us


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(view: Any = history, *, user: Any = STAFF, htmx: bool = False, **parameters: Any) -> HttpResponse:
    if "since" in parameters:
        parameters["from"] = parameters.pop("since")
    headers = {"HX-Request": "true"} if htmx else {}
    request = RequestFactory().get("/signals/history/", parameters, headers=headers)
    request.user = user
    response = view(request)
    assert isinstance(response, HttpResponse)
    return response


def html(response: HttpResponse) -> str:
    assert response.status_code == 200
    return response.content.decode()


def titles(page: str) -> list[str]:
    return re.findall(r"/page/(\d+)/</a>", page)


def link(page: str, text: str) -> str:
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?{text}</a>', page)
    assert found is not None, f"no link says {text}"
    return unescape(found[1])


def follow(address: str) -> str:
    asked = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    parameters: dict[str, Any] = {("since" if name == "from" else name): asked[name] for name in asked}
    return html(get(**parameters))


def test_all_that_is_held_is_shown_newest_first(journal: Journal) -> None:
    journal.append(traces(1, 3))
    page = html(get())
    assert titles(page) == ["3", "2", "1"]
    assert "all of the journal" in page
    assert 'aria-current="page"' in page


def test_a_search_reaches_the_oldest_of_many_entries(journal: Journal) -> None:
    journal.append(traces(1, 1, sender="demo_app.Rare"))
    for start in range(2, 12_002, 3_000):
        journal.append(traces(start, 3_000))
    page = html(get(q="sender:=demo_app.Rare"))
    assert titles(page) == ["1"]
    assert titles(html(get(live.live, q="sender:=demo_app.Rare"))) == ["1"], "on the live page too"


def test_pages_follow_each_other_without_loss_and_back_again(journal: Journal) -> None:
    journal.append(traces(1, 2 * TRACES + 5))
    first = html(get())
    second = follow(link(first, "Older"))
    third = follow(link(second, "Older"))
    numbers = [int(title) for page in (first, second, third) for title in titles(page)]
    assert numbers == [*range(2 * TRACES + 5, 0, -1)]
    assert ">Older<" not in third
    assert titles(follow(link(third, "Newer"))) == titles(second)
    assert ">Newer<" not in first
    assert titles(follow(link(third, "Newest"))) == titles(first)


def test_the_flat_layout_pages_emissions(journal: Journal) -> None:
    journal.append([emission(f"e{number}", number) for number in range(100)])
    first = html(get(layout="flat"))
    second = follow(link(first, "Older"))
    keys = re.findall(r'data-key="(e\d+)"', first + second)
    assert keys == [f"e{number}" for number in range(99, -1, -1)]


def test_a_range_of_time_limits_rows_and_moves_the_handles(journal: Journal) -> None:
    journal.append(traces(1, 20))
    since, until = at(500), at(1_150)
    page = html(get(since=since.isoformat(), to=until.isoformat()))
    assert titles(page) == [str(number) for number in range(11, 4, -1)]
    assert "all of the range" in page
    low, high = (int(value) for value in re.findall(r'data-handle="\w+"[^>]* value="(\d+)"', page))
    assert 0 < low < high
    assert f'value="{histograms.written(NOON_US + 500_000)}"' in page


def test_the_ends_of_a_range_may_be_open_or_swapped(journal: Journal) -> None:
    journal.append(traces(1, 4))
    assert titles(html(get(since=at(300).isoformat()))) == ["4", "3"]
    assert titles(html(get(to=at(200).isoformat()))) == ["1"]
    assert titles(html(get(since=at(350).isoformat(), to=at(200).isoformat()))) == ["3", "2"]


def test_a_range_in_which_nothing_happened_says_so(journal: Journal) -> None:
    journal.append(traces(1, 2))
    page = html(get(since="1999-01-01T00:00", to="1999-01-02T00:00"))
    assert "Nothing happened then" in page
    assert "Show the whole journal" in page


@pytest.mark.parametrize("text", ["yesterday", "2026-13-99", "9" * 30, EVIL])
def test_what_is_no_time_is_named_and_not_obeyed(journal: Journal, text: str) -> None:
    journal.append(traces(1, 1))
    page = html(get(since=text))
    assert "Not a time:" in page
    assert EVIL not in page
    assert titles(page) == ["1"]


def test_a_form_with_empty_fields_leads_to_the_short_address(journal: Journal) -> None:
    request = RequestFactory().get("/signals/history/?q=is:error&q=slow&from=&to=")
    request.user = STAFF
    response = history(request)
    assert response.status_code == 302
    assert response["Location"] == "/signals/history/?q=is%3Aerror+slow"


def test_chips_lead_to_the_search_without_them(journal: Journal) -> None:
    journal.append(admin_add())
    page = html(get(q="signal:post_save is:error", since=NOON.isoformat()))
    removals = [unescape(address) for address in re.findall(r'class="remove" href="([^"]*)"', page)]
    assert [parse_qs(urlsplit(address).query)["q"] for address in removals] == [
        ["is:error"],
        ["signal:post_save"],
    ]
    assert all("from=" in address for address in removals)


def test_a_query_that_is_none_says_why_and_filters_nothing(journal: Journal) -> None:
    journal.append(traces(1, 1))
    page = html(get(q="is:nonsense"))
    assert "Not a filter, at column" in page
    assert titles(page) == ["1"]


def test_a_cursor_of_what_was_pruned_is_told(journal: Journal) -> None:
    journal.append(traces(1, 10))
    epoch = journal.head().epoch
    journal.prune(9)
    page = html(get(before=f"{epoch}:5"))
    assert "What stood before seq 5 is not held any more." in page
    page = html(get(before="another:5"))
    assert "of a journal that was replaced" in page
    assert titles(page)[0] == "10"


def test_an_impatient_search_offers_to_look_further_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.stream.sieve.Sieve._patience_s", 0.0)
    for start in range(1, 12_001, 3_000):
        journal.append(traces(start, 3_000))
    page = html(get(q="signal:nowhere"))
    assert "Nothing found so far" in page
    assert "Looked at 10,000 entries" in page
    further = follow(link(page, "Look further back"))
    assert "Looked at 10,000 entries, back to seq 16,001" in further


def test_the_empty_journal_and_the_empty_search_are_explained(journal: Journal) -> None:
    assert "The journal is empty" in html(get())
    journal.append(traces(1, 1))
    assert "Nothing matches" in html(get(q="signal:nowhere"))
    assert "Nothing matches in this range" in html(get(q="signal:nowhere", since=NOON.isoformat()))


def test_the_histogram_draws_failures_in_red_and_counts_all(journal: Journal) -> None:
    journal.append([emission(f"e{n}", n * 10) for n in range(50)])
    journal.append([emission("bad", 200, calls=[call(outcome="raised", error=boom())])])
    times = journal.times()
    assert times is not None
    chart = histograms.histogram(journal, times, None)
    assert len(chart.edges_us) - 1 <= histograms.BARS
    assert sum(bar.failed > 0 for bar in chart.bars) == 1
    counted = [found[1] for bar in chart.bars if (found := re.search(r": (\d+) em", bar.says))]
    assert sum(map(int, counted)) == 51
    page = html(get())
    assert page.count('class="failed"') == 1
    assert "1 failed" in page


def test_gaps_stand_where_they_are_and_lead_to_their_time(journal: Journal) -> None:
    journal.append([*traces(1, 1), Gap(at=at(150), dropped=7, reason="a full buffer"), *traces(2, 1)])
    page = html(get(q="sender:demo_app.Post"))
    assert "7 emissions dropped: a full buffer" in page
    around = link(page, "look around it")
    assert parse_qs(urlsplit(around).query)["from"] == [
        histograms.written(NOON_US + 150_000 - int(fragments.AROUND.total_seconds() * 1e6))
    ]
    assert titles(follow(around)) == ["2", "1"]


def test_the_shown_stretch_can_be_opened_on_the_live_page_and_replayed(journal: Journal) -> None:
    journal.append(traces(1, 20))
    page = html(get(q="signal:post_save", since=at(500).isoformat(), to=at(1_150).isoformat()))
    played = parse_qs(urlsplit(link(page, "Replay this range")).query)
    after, upto = int(played["after"][0]), int(played["upto"][0])
    held = journal.read(after, upto - after)
    assert {entry.at for entry in held} == {
        entry.at for entry in journal.read(0, 100) if at(500) <= entry.at < at(1_150)
    }
    assert played["q"] == ["signal:post_save"]
    assert f"after={after}&upto={upto}" in link(page, "On the live page")


def test_names_stay_text(journal: Journal) -> None:
    journal.append(traces(1, 1, sender=EVIL, signal=EVIL))
    assert EVIL not in html(get(q=f'"{EVIL}"'.replace('"1"', '""1""')))


def test_a_journal_that_cannot_be_read_is_said(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The disk is gone.")

    monkeypatch.setattr(pipeline, "journal", broken)
    assert "The disk is gone." in html(get())
    assert "The journal is empty" not in html(get())
    assert "The disk is gone." in html(get(replay, after=0, upto=5))


@pytest.mark.parametrize("view", [history, replay])
def test_only_staff_may_look(journal: Journal, view: Any) -> None:
    assert get(view, user=AnonymousUser()).status_code == 302
    assert get(view, user=User(username="reader")).status_code == 403


def test_the_replay_page_begins_before_its_stretch_and_says_what_it_plays(journal: Journal) -> None:
    journal.append(traces(1, 5))
    page = html(get(replay, after=3, upto=9, speed="2", q="is:error"))
    assert f'data-cursor="{journal.head().epoch}:3"' in page
    assert "after=3&amp;upto=9&amp;speed=2" in page
    assert re.search(r'data-play-at="2" aria-current="true"', page)
    assert "<b>Replay</b>" in page
    part = get(replay, after=3, upto=9, at=5, htmx=True)
    assert f'data-cursor="{journal.head().epoch}:5"' in html(part)
    assert "<html" not in html(part)
    assert "at=5" in part["HX-Push-Url"]


def test_a_replay_of_what_is_not_held_any_more_says_so(journal: Journal) -> None:
    journal.append(traces(1, 10))
    journal.prune(10)
    assert "Seq 4 to 20 is not held any more." in html(get(replay, after=3, upto=25))
    assert "Nothing of seq 4 to 9 is held any more." in html(get(replay, after=3, upto=9))
