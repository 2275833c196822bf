"""The inspector: everything that is stored of one emission or bypass, as a part and as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Bypass, Cause, Effect, Outcome, Statement, Transaction
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.views.emission import MAX_CALLS
from dashboard.views.emission import emission as view
from dashboard.wording import TIMES

from .samples import TRACE, admin_add, at, boom, call, emission

STAFF = User(username="staff", is_staff=True)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(id: str, *, htmx: bool = True, **parameters: Any) -> HttpResponse:
    headers = {"HX-Request": "true"} if htmx else {}
    request = RequestFactory().get(f"/signals/emissions/{id}/", parameters, headers=headers)
    request.user = STAFF
    response = view(request, id)
    assert isinstance(response, HttpResponse)
    return response


def text(response: HttpResponse) -> str:
    """Return what a reader sees, in one line."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(bare.split())


def test_the_facts_of_an_emission_are_shown(journal: Journal) -> None:
    journal.append(admin_add())
    shown = text(get("e3"))
    assert "created True raw False using &quot;default&quot; update_fields None" in shown
    assert "emitted at demo_app/admin.py:31 save_model" in shown
    assert "caused by POST /admin/demo_app/post/add/ directly" in shown
    assert "+24.8 ms" in shown
    assert "took 93.4 ms method send" in shown
    assert "pid 4711 on web-1 MainThread" in shown


def test_the_receivers_are_listed_in_order_with_what_became_of_them(journal: Journal) -> None:
    journal.append(admin_add())
    response = get("e3")
    listed = re.findall(
        r'<li class="fam-save" id="call-(\d)"><span class="ord">(\d)</span>', response.content.decode()
    )
    assert listed == [("0", "1"), ("1", "2")]
    assert "make_thumbnail receivers.py:88 slow 2 q 75.6 ms" in text(response)


def test_an_exception_is_shown_with_its_traceback(journal: Journal) -> None:
    journal.append(admin_add())
    shown = text(get("e5"))
    assert "Exception in notify_author" in shown
    assert "demo_app/mail.py:57 notify_author connection.send(message)" in shown
    assert "builtins.ConnectionRefusedError : [Errno 111] Connection refused" in shown
    assert "send_robust: exceptions are returned to the sender" in shown


def test_a_nested_emission_leads_to_the_call_that_sent_it_and_back(journal: Journal) -> None:
    journal.append(admin_add())
    child, parent = get("e4").content.decode(), get("e3").content.decode()
    assert 'href="/signals/emissions/e3/#call-0" data-inspect>make_thumbnail</a>' in child
    assert 'href="/signals/emissions/e4/" data-inspect>pre_save</a>' in parent


def test_a_cause_that_is_gone_is_said_to_be(journal: Journal) -> None:
    journal.append([emission("e1", cause=Cause("gone", 0))])
    assert "an emission that is no longer in the journal" in text(get("e1"))


def test_only_sections_that_exist_have_a_tab(journal: Journal) -> None:
    journal.append(admin_add())
    tabs = re.findall(r'<a href="#i-(\w+)"', get("e2").content.decode())
    assert not {"caused", "diff", "sql", "exc"} & set(tabs)
    assert "No receiver ran." in text(get("e1"))


def test_what_receivers_did_is_shown(journal: Journal) -> None:
    statement = "SELECT 1 FROM t WHERE id = ?"
    busy = call(
        mutations={"slug": ["", "hello"]},
        statements=[Statement(sql=statement, times=5, duration_us=5200.0)],
        effects=[Effect(kind="mail", what="to 1 recipient")],
    )
    journal.append(
        [
            emission("e1", calls=[busy], stopped=["demo_app.receivers.never"],
                     transaction=Transaction("default", "open", ["b1"])),
            Outcome(trace=TRACE, at=at(9), block="b1", alias="default", state="rolled back", duration_us=9e3),
        ]
    )  # fmt: skip
    shown = text(get("e1"))
    assert "slug &quot;&quot; → &quot;hello&quot; make_thumbnail" in shown
    assert f"5{TIMES} {statement} 5.2 ms" in shown
    assert "mail to 1 recipient" in shown
    assert "never" in shown
    assert "rolled back after 1 receiver had run" in shown


def test_a_bypass_is_found_through_its_trace(journal: Journal) -> None:
    skipped = Bypass(
        id="b1", trace=TRACE, at=at(2), operation="update()", sender="demo_app.Tag", rows=2,
        skipped=["demo_app.receivers.slugify"], cause=Cause("e3", 1),
    )  # fmt: skip
    journal.append([*admin_add(), skipped])
    shown = text(get("b1", trace=TRACE))
    assert "did update() of 2 rows" in shown
    assert "Did not run rows changed without a signal slugify" in shown
    assert "update_search_index in post_save" in shown
    assert "data-inspect>bypass</a>" in get("e3").content.decode()
    assert "no longer" in text(get("b1", trace="f" * 32))


def test_very_many_calls_are_cut_and_counted(journal: Journal) -> None:
    journal.append([emission("e1", calls=[call(file="demo_app/" * 60) for _ in range(MAX_CALLS + 7)])])
    response = get("e1")
    assert response.content.decode().count('<span class="ord">') == MAX_CALLS
    assert "7 more calls, not listed here." in text(response)
    assert "… cut here" in text(response)


def test_the_same_address_is_a_whole_page_without_htmx(journal: Journal) -> None:
    journal.append(admin_add())
    page = get("e5", htmx=False).content.decode()
    assert page.startswith("<!doctype html>")
    assert '<h1 class="what fam-custom">' in page
    assert "<details open>" in page


def test_filters_of_this_signal_sender_and_object_are_offered(journal: Journal) -> None:
    journal.append(admin_add())
    addresses = re.findall(r'href="([^"]*)" data-filter', get("e3").content.decode())
    assert addresses == [
        "/signals/?q=signal%3A%3Ddjango.db.models.signals.post_save",
        "/signals/?q=sender%3A%3Ddemo_app.Post",
        "/signals/?q=sender%3A%3Ddemo_app.Post+pk%3A42",
    ]


def test_an_emission_that_is_gone_says_so(journal: Journal) -> None:
    assert get("nope", htmx=False).status_code == 404
    part = get("nope")
    assert part.status_code == 200
    assert "no longer, in the journal" in text(part)


def test_a_journal_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The journal is locked: x. Wait.")

    monkeypatch.setattr(pipeline, "journal", broken)
    assert "The journal is locked" in text(get("e1"))
    assert get("e1", htmx=False).status_code == 503
    assert "Not there" not in text(get("e1", htmx=False))


def test_hostile_values_stay_text(journal: Journal) -> None:
    evil = "<svg onload=alert(1)>"
    raised = boom()
    raised.type = raised.message = evil
    worst = call(
        evil, file=evil, error=raised, outcome="raised", mutations={evil: [evil, evil]},
        statements=[Statement(sql=evil)], effects=[Effect(kind="cache", what=evil)],
    )  # fmt: skip
    journal.append(
        [
            emission(
                "e1", signal=evil, sender=evil, family=evil, payload={evil: evil}, calls=[worst], flags=[evil]
            )
        ]
    )
    for htmx in (True, False):
        page = get("e1", htmx=htmx).content.decode()
        assert evil not in page
        assert "&lt;svg onload" in page
