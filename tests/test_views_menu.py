"""The menu of a row: plain links, each to the stream filtered as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Bypass, Cause, Instance
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.views import menu

from .samples import NOON, TRACE, admin_add, call, emission

STAFF = User(username="staff", is_staff=True)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(view: Any, name: str, *, htmx: bool = True, **parameters: Any) -> HttpResponse:
    request = RequestFactory().get("/", parameters, headers={"HX-Request": "true"} if htmx else {})
    request.user = STAFF
    response = view(request, name)
    assert isinstance(response, HttpResponse)
    return response


def links(response: HttpResponse) -> dict[str, str]:
    """Return where each entry leads: the filter of those that filter, the path of the others."""
    found = re.findall(
        r'href="([^"]*)" data-menu="(\w+)">.*?class="words">([^<]*)<', response.content.decode(), re.DOTALL
    )
    made = {}
    for address, kind, words in found:
        parts = urlsplit(unescape(address))
        made[words] = parse_qs(parts.query).get("q", [""])[0] if kind == "filter" else unescape(address)
    return made


def test_an_emission_can_be_followed_to_its_object_its_effects_and_its_signal(journal: Journal) -> None:
    journal.append(admin_add())
    assert links(get(menu.emission, "e3")) == {
        "Open trace": f"/signals/traces/{TRACE}/?emission=e3",
        "Only this object": "sender:=demo_app.Post pk:42",
        "Only what this caused": "cause:e3",
        "Only this signal": "signal:=django.db.models.signals.post_save",
        "Hide this signal": "-signal:=django.db.models.signals.post_save",
        "Compare with\u2026": f"/signals/compare/?b={TRACE}",
        "Copy link": "/signals/emissions/e3/",
    }


def test_a_call_can_be_followed_to_its_receiver_and_copied_as_such(journal: Journal) -> None:
    journal.append(admin_add())
    found = links(get(menu.emission, "e3", call="1"))
    assert found["Only this receiver"] == "receiver:=demo_app.receivers.update_search_index"
    assert found["Copy link"] == "/signals/emissions/e3/#call-1"


@pytest.mark.parametrize("place", ["2", "-1", "x", "9" * 30])
def test_a_call_that_is_none_is_left_out(journal: Journal, place: str) -> None:
    journal.append(admin_add())
    assert "Only this receiver" not in links(get(menu.emission, "e3", call=place))


def test_hiding_adds_to_the_filter_and_keeps_the_layout(journal: Journal) -> None:
    journal.append(admin_add())
    response = get(menu.emission, "e5", q="sender:Post", layout="flat")
    assert links(response)["Hide this signal"] == "sender:Post -signal:=demo_app.signals.post_published"
    assert response.content.decode().count("layout=flat") == 4


def test_the_object_of_an_m2m_change_is_the_instance_not_the_model_between(journal: Journal) -> None:
    journal.append([emission("m", sender="demo_app.Post.tags", instance=Instance("7", "demo_app.Post"))])
    assert links(get(menu.emission, "m"))["Only this object"] == "sender:=demo_app.Post pk:7"


def test_what_has_no_object_or_caused_nothing_offers_neither(journal: Journal) -> None:
    journal.append([emission("e1", instance=None), emission("e2", instance=Instance(None))])
    for name in ("e1", "e2"):
        assert not {"Only this object", "Only what this caused"} & set(links(get(menu.emission, name)))


def test_a_bypass_has_a_menu_too(journal: Journal) -> None:
    skipped = Bypass(at=NOON, trace=TRACE, id="b1", operation="update", sender="demo_app.Tag", rows=2)
    journal.append([skipped])
    assert links(get(menu.emission, "b1", trace=TRACE)) == {
        "Open trace": f"/signals/traces/{TRACE}/?emission=b1",
        "Hide bypasses": "-family:bypass",
        "Compare with\u2026": f"/signals/compare/?b={TRACE}",
        "Copy link": f"/signals/emissions/b1/?trace={TRACE}",
    }


def test_a_trace_can_be_opened_shown_alone_or_hidden_with_its_like(journal: Journal) -> None:
    journal.append(admin_add())
    assert links(get(menu.trace, TRACE)) == {
        "Open trace": f"/signals/traces/{TRACE}/",
        "Only this trace": f"trace:{TRACE}",
        "Only this origin": 'origin:"POST /admin/demo_app/post/add/"',
        "Hide this origin": '-origin:"POST /admin/demo_app/post/add/"',
        "Compare with\u2026": f"/signals/compare/?b={TRACE}",
        "Copy link": f"/signals/traces/{TRACE}/",
    }


def test_what_is_gone_says_so(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for view, name in ((menu.emission, "gone"), (menu.trace, "gone")):
        assert "no longer in the journal" in get(view, name).content.decode()
        assert get(view, name, htmx=False).status_code == 302

    def broken() -> Journal:
        raise JournalError("The journal is no database: x. Delete it.")

    monkeypatch.setattr(pipeline, "journal", broken)
    assert "no longer in the journal" in get(menu.emission, "e1").content.decode()


def test_without_a_script_the_address_leads_to_the_page_itself(journal: Journal) -> None:
    journal.append(admin_add())
    assert get(menu.emission, "e3", htmx=False).headers["Location"] == "/signals/emissions/e3/"
    assert get(menu.trace, TRACE, htmx=False).headers["Location"] == f"/signals/traces/{TRACE}/"


def test_names_from_the_app_stay_text(journal: Journal) -> None:
    evil = '<img src=x onerror="alert(1)">'
    journal.append([emission("e1", signal=f"a.{evil}", instance=Instance(evil), calls=[call(evil)])])
    page = get(menu.emission, "e1", call="0").content.decode()
    assert "<img" not in page
    assert "&lt;img" in page


def test_the_filter_for_what_an_emission_caused_finds_all_of_it(journal: Journal) -> None:
    from dashboard.query import parse

    journal.append([emission("deep", cause=Cause("middle", 0, ("top",))), emission("other")])
    found = parse("cause:top")
    assert [found.matches(entry) for entry in journal.read(0, 9)] == [True, False]
