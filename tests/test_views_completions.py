"""The suggestions below the filter's box: their markup, and that no key press reads the journal again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.query.seen import Seen
from dashboard.tail import Tail
from dashboard.views import completions as views
from dashboard.views import vocabulary as module
from dashboard.views.vocabulary import Vocabulary

from .samples import admin_add, emission

STAFF = User(username="staff", is_staff=True)
EVIL = '"><script>alert("1")</script>'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, a second later at each reading."""
        self.now += 1.0
        return self.now


@pytest.fixture
def vocabulary(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vocabulary]:
    """That of a tail of its own, which takes in what is new each time it is asked."""
    tail = Tail(open_journal(journal.url))
    made = Vocabulary(lambda: tail, Clock())
    monkeypatch.setattr(views, "vocabulary", made)
    yield made
    tail.close()


def get(user: Any = STAFF, **parameters: Any) -> HttpResponse:
    request = RequestFactory().get("/signals/query/complete/", parameters)
    request.user = user
    response = views.completions(request)
    assert isinstance(response, HttpResponse)
    return response


def offered(**parameters: Any) -> list[str]:
    return [unescape(text) for text in re.findall(r'data-text="([^"]*)"', get(**parameters).content.decode())]


def senders(seen: Seen) -> list[str]:
    return [value.text for value in seen.values("sender", "", 99)]


def test_the_address_is_documented_by_its_name() -> None:
    assert reverse("signalscope:complete") == "/signals/query/complete/"


def test_options_say_what_the_box_holds_once_they_are_chosen(
    journal: Journal, vocabulary: Vocabulary
) -> None:
    journal.append(admin_add())
    page = get(q="-sender:po is:error", at="10").content.decode()
    assert page.count('role="option"') == 1
    assert 'id="completion-1"' in page
    assert 'data-text="-sender:demo_app.Post is:error" data-cursor="21"' in page
    assert "data-goes-on" not in page
    assert "data-goes-on" in get(q="sen").content.decode()


@pytest.mark.parametrize("at", ["", "x", "-1", "9" * 30, "\u0663"])
def test_a_strange_cursor_is_the_end(journal: Journal, vocabulary: Vocabulary, at: str) -> None:
    journal.append(admin_add())
    assert offered(q="is:error sender:de", at=at) == ["is:error sender:demo_app.Post "]


def test_a_hostile_name_stays_text(journal: Journal, vocabulary: Vocabulary) -> None:
    journal.append([emission(sender=EVIL)])
    page = get(q="sender:").content.decode()
    assert "<script>" not in page
    assert len(offered(q="sender:")) == 1


def test_who_may_not_look_is_offered_nothing(journal: Journal, vocabulary: Vocabulary) -> None:
    journal.append(admin_add())
    assert get(AnonymousUser(), q="sender:").status_code == 302
    assert get(User(username="reader"), q="sender:").status_code == 403


def test_a_journal_that_cannot_be_read_leaves_the_box_without_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Tail:
        raise JournalError("The journal is no database. Delete it.")

    monkeypatch.setattr(views, "vocabulary", Vocabulary(broken))
    assert (get(q="sender:").status_code, offered(q="sender:")) == (200, [])


# --- what the journal has seen -------------------------------------------------------------------


def test_what_comes_later_is_taken_in_once(journal: Journal, vocabulary: Vocabulary) -> None:
    journal.append([emission(sender="app.One")])
    assert vocabulary.ask(senders) == ["app.One"]
    journal.append([emission("e2", sender="app.Two"), emission("e3", sender="app.Two")])
    assert vocabulary.ask(senders) == ["app.Two", "app.One"]
    assert vocabulary.ask(lambda seen: seen.values("sender", "two", 9)[0].times) == 2


def test_within_a_second_nothing_is_read(journal: Journal, vocabulary: Vocabulary) -> None:
    vocabulary._clock = lambda: 5.0
    journal.append([emission(sender="app.One")])
    assert vocabulary.ask(senders) == ["app.One"]
    journal.append([emission("e2", sender="app.Two")])
    assert vocabulary.ask(senders) == ["app.One"]


def test_of_a_long_journal_the_end_is_read(
    journal: Journal, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    monkeypatch.setattr(module, "PAGE", 3)
    journal.append([emission(f"e{number}", sender=f"app.M{number}") for number in range(10)])
    assert sorted(vocabulary.ask(senders)) == ["app.M6", "app.M7", "app.M8", "app.M9"]


def test_a_journal_that_begins_anew_is_read_anew(
    journal: Journal, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    journal.append([emission(sender="app.Old")])
    assert vocabulary.ask(senders) == ["app.Old"]
    other = open_journal(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.append([emission(sender="app.New")])
    tail = Tail(other)
    vocabulary._tail = lambda: tail
    assert vocabulary.ask(senders) == ["app.New"]
    tail.close()
