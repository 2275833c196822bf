"""The page that compares: what can be chosen, what is chosen unasked, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import strip_tags

from dashboard import pipeline
from dashboard.events import Call, Entry
from dashboard.journal import Journal, open_journal
from dashboard.views import compare as views

from .samples import admin_add, boom, call, emission, origin
from .test_views_sessions import imported

COMPARE = "/signals/compare/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    """The live journal."""
    held = open_journal(journal_url)
    held.head()
    yield held
    held.close()
    pipeline.stop()


@pytest.fixture
def staff(client: Client, journal: Journal) -> Client:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def trace(name: str, *calls: Call, ms: float = 0.0, title: str = "/pages/1/") -> list[Entry]:
    """Return a request of this trace, with one ``post_save``."""
    ends = {"trace": name, "title": title}
    return [
        origin("opened", ms, **ends),
        emission(f"{name}-e", ms + 1, trace=name, calls=list(calls)),
        origin("closed", ms + 50, **ends, duration_us=50e3),
    ]


def page(client: Client, status: int = 200, session: str = "", **asked: str) -> str:
    address = f"/signals/sessions/{session}/compare/" if session else COMPARE
    response = client.get(address, asked)
    assert response.status_code == status, response.content[:400]
    return response.content.decode()


def summary(markup: str) -> str:
    found = re.search(r'<p class="summary"[^>]*>(.*?)</p>', markup)
    return strip_tags(found[1]) if found else ""


def names(markup: str) -> list[str]:
    """Return the rows shown, by their names."""
    return re.findall(r'class="(?:who|sig)"[^>]*>([^<]+)<', markup.partition("<tbody>")[2])


# --- traces ----------------------------------------------------------------------------------


def test_two_traces_are_compared_in_a_sentence_and_a_tree(staff: Client, journal: Journal) -> None:
    journal.append(
        [*trace("t1", call("app.a"), call("app.b")), *trace("t2", call("app.a"), call("app.c"), ms=200)]
    )
    shown = page(staff, a="t1", b="t2")
    assert summary(shown) == "In B, against A: 1 call (c) is new; 1 call (b) is gone."
    assert names(shown) == ["the trace", "post_save", "b", "c"]


def test_each_difference_is_a_word_and_not_a_colour_alone(staff: Client, journal: Journal) -> None:
    journal.append(trace("t1", call("app.a", duration_us=2e3), call("app.b"), call("app.x"), call("app.y")))
    broken = call("app.x", outcome="raised", error=boom(), queries=4)
    journal.append(trace("t2", call("app.y"), call("app.a", duration_us=9e3), broken, call("app.c"), ms=200))
    text = " ".join(strip_tags(page(staff, a="t1", b="t2")).split())
    for word in (
        "new",
        "gone",
        "slower",
        "reordered",
        "raises",
        "more queries",
        "+7.0 ms",
        "0 q to 4 q a run",
    ):
        assert word in text


def test_rows_alike_are_counted_and_shown_on_demand(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1", call("app.a"), call("app.b")), *trace("t2", call("app.a"), ms=200)])
    assert "Show 1 row alike" in page(staff, a="t1", b="t2")
    assert names(page(staff, a="t1", b="t2", all="1")) == ["the trace", "post_save", "a", "b"]


def test_the_same_trace_twice_has_no_difference(staff: Client, journal: Journal) -> None:
    journal.append(trace("t1", call("app.a")))
    shown = page(staff, a="t1", b="t1")
    assert "B does what A did" in summary(shown)
    assert "No difference." in shown


def test_a_trace_alone_is_compared_with_the_one_before_it_of_the_same_origin(
    staff: Client, journal: Journal
) -> None:
    journal.append(
        [
            *trace("t1", ms=0, title="/pages/1/"),
            *trace("t2", ms=100, title="/pages/2/"),
            *trace("xx", ms=200, title="/elsewhere/"),
            *trace("t3", ms=300, title="/pages/3/"),
            *trace("t4", ms=400, title="/pages/4/"),
        ]
    )
    for shown in (page(staff, b="t3"), page(staff, a="t3")):
        assert '<a class="link" href="/signals/traces/t2/">' in shown
        assert '<a class="link" href="/signals/traces/t3/">' in shown
        others = re.findall(r"a=(\w+)&amp;a_session=live&amp;b=t3", shown)
        assert set(others) >= {"t1", "t2", "t4"}
        assert "xx" not in others


def test_the_first_trace_of_an_origin_is_compared_with_a_later_one(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1"), *trace("t2", ms=100)])
    assert "/signals/traces/t2/" in page(staff, b="t1")


def test_a_trace_like_no_other_asks_for_another_one(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1"), *trace("xx", title="/elsewhere/", ms=100)])
    shown = page(staff, b="t1")
    assert summary(shown) == ""
    assert 'name="a" value="xx"' in shown


def test_the_trace_page_offers_the_comparison(staff: Client, journal: Journal) -> None:
    journal.append(trace("t1"))
    assert f'href="{COMPARE}?b=t1"' in staff.get("/signals/traces/t1/").content.decode()


def test_without_anything_chosen_the_newest_traces_are_offered(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1"), *trace("t2", ms=100)])
    shown = page(staff)
    assert re.findall(r'name="([ab])" value="(t\d)"[^>]*checked', shown) == [("b", "t2"), ("a", "t1")]


def test_the_sides_can_be_swapped(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1", call("app.a")), *trace("t2", ms=200)])
    swapped = re.search(r'href="([^"]+)">Swap', page(staff, a="t1", b="t2"))
    assert swapped
    response = staff.get(swapped[1].replace("&amp;", "&"))
    assert summary(response.content.decode()) == "In B, against A: 1 call (a) is new."


def test_many_rows_come_in_parts(staff: Client, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "ROWS", 10)
    journal.append([*trace("t1"), *trace("t2", *(call(f"app.r{n}") for n in range(25)), ms=200)])
    first = page(staff, a="t1", b="t2")
    assert len(names(first)) == 10
    assert "17 further rows" in first
    last = page(staff, a="t1", b="t2", start="20")
    assert len(names(last)) == 7
    assert "earlier rows" in last
    assert "No rows from here on" in page(staff, a="t1", b="t2", start="999")


# --- stretches and sessions ------------------------------------------------------------------


def test_two_ranges_of_the_journal_are_compared(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1", call("app.a")), *trace("t2", call("app.a"), call("app.b"), ms=100)])
    shown = page(staff, a_until="3", b_since="3")
    assert summary(shown) == "In B, against A: 1 call (b) is new."
    assert "until 3" in shown
    assert "runs each time" not in shown


def test_a_filter_chooses_what_is_compared(staff: Client, journal: Journal) -> None:
    journal.append([*trace("t1", call("app.a")), *trace("t2", call("app.b"), ms=100, title="/other/")])
    assert "1 origin (POST /other/) is new" in summary(page(staff, a_q="receiver:app.a", b_session="live"))


def test_a_session_is_compared_with_the_live_journal(staff: Client, journal: Journal) -> None:
    imported(trace("old", call("app.a")), "before")
    journal.append(trace("new", call("app.a"), call("app.b")))
    shown = page(staff, a_session="before", b_session="live")
    assert summary(shown) == "In B, against A: 1 call (b) is new."
    assert '"/signals/sessions/before/"' in shown


def test_traces_of_two_sessions_are_compared_and_linked_where_they_are(staff: Client) -> None:
    imported(trace("t", call("app.a")), "one")
    imported(trace("t", call("app.a"), call("app.b")), "two")
    shown = page(staff, a="t", a_session="one", b="t", b_session="two")
    assert "1 call (b) is new" in summary(shown)
    assert '"/signals/sessions/one/traces/t/"' in shown
    assert '"/signals/sessions/two/emissions/t-e/"' in shown


def test_within_a_session_the_session_is_what_is_compared(staff: Client, journal: Journal) -> None:
    imported([*trace("t1", call("app.a")), *trace("t2", ms=100)], "one")
    journal.append(trace("t3", ms=50))
    shown = page(staff, session="one", b="t2")
    assert "1 call (a) is gone" in summary(shown)
    assert '"/signals/sessions/one/traces/t1/"' in shown
    live = page(staff, session="one", b="t2", a="t3", a_session="live")
    assert '"/signals/traces/t3/"' in live


def test_a_side_that_is_longer_than_what_is_read_says_so(
    staff: Client, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.views.sides.MOST_ENTRIES", 3)
    journal.append([*trace("t1"), *trace("t2", ms=100)])
    assert "Only its first 3 entries are compared" in page(staff, a_session="live", b="t1")


# --- what cannot be compared -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"a": "nope", "b": "t1"}, "A is empty"),
        ({"a": "t1", "b": "<script>"}, "B is empty"),
        ({"a_session": "nobody", "b": "t1"}, "no imported session"),
        ({"a_session": "../etc", "b_session": "live"}, "no imported session"),
        ({"a_q": "is:", "b": "t1"}, "does not parse"),
        ({"a_since": "yesterday", "b": "t1"}, "no place in a journal"),
        ({"a_q": "signal:nothing", "b": "t1"}, "A is empty"),
    ],
)
def test_a_side_that_cannot_be_read_is_named_with_the_remedy(
    staff: Client, journal: Journal, asked: dict[str, str], said: str
) -> None:
    journal.append(trace("t1"))
    shown = page(staff, 404, **asked)
    assert said in shown
    assert "<script>alert" not in shown
    assert "Two stretches, or traces by id" in shown


def test_an_empty_journal_offers_nothing_and_fails_nothing(staff: Client) -> None:
    assert "Two stretches" in page(staff)


def test_whatever_the_address_says_the_page_answers(staff: Client, journal: Journal) -> None:
    journal.append(admin_add())
    odd: list[dict[str, Any]] = [
        {"start": "-1"},
        {"start": "9" * 40},
        {"all": "2"},
        {"a": "\x00", "b": "\u202e"},
        {"a": "x" * 9_000},
        {"a_q": "(" * 900},
    ]
    for asked in odd:
        assert staff.get(COMPARE, asked).status_code in (200, 404)
