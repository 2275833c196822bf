"""The trace page, its parts and its exports: what is shown, to whom, and what never is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpResponse, QueryDict
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Cause, Effect, Outcome, Task, Transaction
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.views import export as exports
from dashboard.views import trace as views
from dashboard.views.trace import Look

from .samples import NOON, TRACE, admin_add, at, boom, call, emission, origin
from .test_waterfall import bypass, loop, outcome, within

STAFF = User(username="staff", is_staff=True)
PAGE = f"/signals/traces/{TRACE}/"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(query: str = "", user: Any = STAFF, trace: str = TRACE, **headers: str) -> HttpResponse:
    request = RequestFactory().get(f"{PAGE}{query}", headers=headers)
    request.user = user
    response = views.trace(request, trace=trace)
    assert isinstance(response, HttpResponse)
    return response


def export(format: str, user: Any = STAFF, trace: str = TRACE) -> HttpResponse:
    request = RequestFactory().get(f"{PAGE}export/{format}/")
    request.user = user
    response = exports.export(request, trace=trace, format=format)
    assert isinstance(response, HttpResponse)
    return response


def text_of(query: str = "", **headers: str) -> str:
    response = get(query, **headers)
    assert response.status_code == 200
    return response.content.decode()


def keys_in(page: str) -> list[str]:
    return re.findall(
        r'class="row row-(?:emission|call|bypass|transaction|cut)[^>]* data-key="([^"]+)"', page
    )


# --- who may look ----------------------------------------------------------------------------


def test_only_who_is_allowed_sees_a_trace_or_takes_it_away(journal: Journal) -> None:
    journal.append(admin_add())
    for ask in (get, lambda user: export("json", user)):
        assert ask(user=AnonymousUser()).status_code == 302
        assert ask(user=User(username="reader")).status_code == 403


def test_every_answer_carries_the_strict_policy(journal: Journal) -> None:
    journal.append(admin_add())
    for response in (get(), get(HX_Request="true"), export("otlp")):
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


# --- the page --------------------------------------------------------------------------------


def test_the_head_says_what_it_was_who_asked_and_how_it_went(journal: Journal) -> None:
    journal.append(admin_add())
    page = text_of()
    head = re.sub(r"<[^>]+>|\s+", " ", page.split('<header class="pagehead">')[1].split("</header>")[0])
    head = re.sub(r" +", " ", head)
    for part in ("POST", "/admin/demo_app/post/add/", "admin", "302", "148 ms", "5 emissions", "5 calls",
                 "8 queries in receivers", "ConnectionRefusedError", "in receivers (73 %)"):  # fmt: skip
        assert part in head


def test_the_waterfall_nests_what_was_caused(journal: Journal) -> None:
    journal.append(admin_add())
    assert keys_in(text_of()) == ["e1", "e2", "e2.0", "e3", "e3.0", "e4", "e4.0", "e3.1", "e5", "e5.0"]


def stepped_back(page: str) -> list[str]:
    found = re.findall(r'class="row row-(?:emission|call)([^"]*)"[^>]* data-key="([^"]+)"', page)
    return [key for looks, key in found if "is-other" in looks]


def test_a_filter_lets_what_it_does_not_ask_for_step_back(journal: Journal) -> None:
    journal.append(admin_add())
    assert stepped_back(text_of()) == []
    page = text_of("?q=is:error+or+signal:pre_save+user:admin")
    assert stepped_back(page) == ["e1", "e3", "e3.0", "e3.1"]
    assert "<b>3</b> match</span>" in page
    assert 'name="q" value="is:error or signal:pre_save user:admin"' in page
    assert "q=is%3Aerror" in page.split('aria-pressed="false"')[0].rpartition("href=")[2]


def test_a_filter_on_rollbacks_knows_the_traces_outcomes(journal: Journal) -> None:
    inside = Transaction("default", "open", ["t1"])
    undone = Outcome(at=NOON, block="t1", trace=TRACE, alias="default", state="rolled back", emissions=1)
    journal.append(
        [emission("back", transaction=inside, calls=[call()]), emission("kept", 1, calls=[call()]), undone]
    )
    assert stepped_back(text_of("?q=is:rolled-back")) == ["kept", "kept.0"]


def test_a_filter_that_does_not_parse_says_where_and_no_row_steps_back(journal: Journal) -> None:
    journal.append(admin_add())
    page = text_of("?q=took:fast")
    assert stepped_back(page) == []
    assert "at column 6" in page
    assert "<mark>fast</mark>" in page
    assert "No row steps back until then." in page


def test_the_critical_calls_are_marked_and_listed(journal: Journal) -> None:
    journal.append(admin_add())
    page = text_of()
    marked = re.findall(r'class="row row-call[^"]*is-critical[^"]*"[^>]* data-key="([^"]+)"', page)
    assert marked == ["e2.0", "e3.0", "e3.1", "e5.0"]
    first = page.split('<ol class="crit-list">')[1].split("</li>")[0]
    assert "make_thumbnail, own time" in first
    assert "75.3 ms" in first
    assert "51 %" in first


def test_totals_are_per_receiver_or_per_signal(journal: Journal) -> None:
    journal.append(admin_add())
    assert "<th>receiver</th>" in text_of()
    by_signal = text_of("?by=signal")
    assert "<th>signal</th>" in by_signal
    assert 'title="demo_app.signals.post_published"' in by_signal.split('<table class="mini">')[1]


def test_the_minimum_stands_in_the_address_and_needs_no_script(journal: Journal) -> None:
    journal.append(admin_add())
    page = text_of("?min=5")
    assert keys_in(page) == ["e3", "e3.0", "e3.1", "e5", "e5.0"]
    assert 'value="5.0"' in page
    assert "hidden</p>" in page
    assert f'<form class="slider" method="get" action="{PAGE}"' in page


@pytest.mark.parametrize("text", ["", "x", "-3", "nan", "inf", "1e999", "٣", "1" * 400])
def test_a_malformed_minimum_hides_nothing_it_should_not(text: str) -> None:
    look = Look.of(TRACE, _asked(min=text))
    assert 0 <= look.min_ms <= 3_600_000


def _asked(**values: str) -> QueryDict:
    asked = QueryDict(mutable=True)
    for key, value in values.items():
        asked[key] = value
    return asked


def test_a_look_survives_its_own_address() -> None:
    look = Look(TRACE, 2.5, 300, "signal", whole_loops=True, critical=True, emission="e3")
    assert Look.of(TRACE, QueryDict(look.address().partition("?")[2])) == look


def test_what_went_out_before_a_rollback_is_said(journal: Journal) -> None:
    mailed = call("app.tell", effects=[Effect("mail", "to 1 recipient")], duration_us=900.0)
    journal.append(
        [
            origin(),
            emission("e1", 2, transaction=within("k1"), calls=[mailed]),
            outcome("k1", 5, 4),
            origin("closed", 9, duration_us=9e3),
        ]
    )
    page = text_of()
    assert "rolled back after 1 receiver had run" in page
    assert "mail to 1 recipient is out" in page.split('class="remarks"')[1].split("</div>")[0]
    assert 'data-flag="effect"' in page
    assert page.count('class="back"') == 3, "the transaction, what was sent in it, and the overview"


def test_a_bypass_is_a_ghost_with_its_skipped_receivers(journal: Journal) -> None:
    journal.append([origin(), bypass("b1", 5), origin("closed", 9)])
    page = text_of()
    assert keys_in(page) == ["b1"]
    assert "update() of 2 rows" in page
    assert "2 receivers skipped" in page
    assert '<rect class="ghost' in page


def test_a_recursion_is_cut_and_said_and_can_be_shown_whole(journal: Journal) -> None:
    journal.append([origin(), *loop(240), origin("closed", 5)])
    page = text_of()
    assert "loop \u00d7240" in page
    assert "post_save Post#42 \u2192 touch \u2192 post_save Post#42 \u2026" in page
    assert "until RecursionError" in page
    assert "234 more rounds left out" in page
    assert len(keys_in(page)) < 20
    assert f'href="{PAGE}?loops=whole"' in page
    assert len(keys_in(text_of("?loops=whole"))) == 300


def test_names_of_the_app_are_never_markup(journal: Journal) -> None:
    evil = "<img src=x onerror=alert(1)>"
    raised = boom()
    raised.message = evil
    journal.append(
        [
            origin(title=evil, verb=evil),
            emission("e1", 1, signal=f"a.{evil}", sender=evil, payload={evil: evil}, flags=[evil, "loop:2"],
                     stopped=[evil], calls=[call(evil, file=evil, outcome="raised", error=raised)]),
            bypass("b1", 2, sender=evil, operation=evil, skipped=[evil]),
            origin("closed", 9, title=evil, verb=evil, user=evil, view=evil, status=evil),
        ]
    )  # fmt: skip
    for query in ("", "?by=signal"):
        assert "<img" not in text_of(query)


def test_no_element_has_a_style_of_its_own(journal: Journal) -> None:
    journal.append(admin_add())
    assert " style=" not in text_of()
    assert "<script>" not in text_of()


# --- the inspector beside it ---------------------------------------------------------------------


def test_the_error_is_inspected_at_first(journal: Journal) -> None:
    journal.append(admin_add())
    assert 'data-chosen="e5"' in text_of()


def test_without_an_error_the_longest_emission_is(journal: Journal) -> None:
    journal.append([entry for entry in admin_add() if getattr(entry, "id", "") != "e5"])
    assert 'data-chosen="e3"' in text_of()


def test_the_address_may_name_the_emission(journal: Journal) -> None:
    journal.append(admin_add())
    assert 'data-chosen="e2"' in text_of("?emission=e2")
    assert 'data-chosen="e5"' in text_of("?emission=nothing")


def test_the_inspector_says_what_did_not_run(journal: Journal) -> None:
    stopped = emission("e1", 1, stopped=["app.late"], calls=[call("app.bad", outcome="raised", error=boom())])
    journal.append([origin(), stopped])
    page = text_of()
    absent = page.split('id="i-notrun"')[1].split("</section>")[0]
    assert "bad raised ConnectionRefusedError before it." in absent
    assert "other sender" in absent, "the demo's own receivers of post_save listen to other models too"


# --- parts -----------------------------------------------------------------------------------


def test_htmx_gets_the_body_alone(journal: Journal) -> None:
    journal.append(admin_add())
    part = text_of("?min=5", HX_Request="true")
    assert part.startswith('<div class="trace-body" id="trace-body"')
    assert "<html" not in part


def test_ten_thousand_emissions_come_in_windows(journal: Journal) -> None:
    many = [emission(f"m{number}", number / 10, calls=[call(duration_us=50.0)]) for number in range(1000)]
    journal.append([origin(), *many])
    page = text_of()
    assert len(keys_in(page)) == 300
    more = re.search(r'hx-get="([^"]*start=300[^"]*)"', page)
    assert more is not None
    query = "?" + more[1].replace("&amp;", "&").partition("?")[2]
    rows = text_of(query, HX_Request="true")
    assert keys_in(rows)[0] == "m150"
    assert rows.lstrip().startswith("<div")


def test_an_open_trace_asks_again_and_hears_nothing_when_nothing_came(journal: Journal) -> None:
    journal.append([origin(), emission("e1", 1)])
    page = text_of()
    assert 'hx-trigger="every 2s"' in page
    seen = re.search(r'hx-vals=.\{"seen": "(\d+)"\}', page)
    assert seen is not None
    assert get(f"?seen={seen[1]}", HX_Request="true").status_code == 204
    journal.append([emission("e2", 2), origin("closed", 9)])
    part = text_of(f"?seen={seen[1]}", HX_Request="true")
    assert 'hx-trigger="every 2s"' not in part


def test_a_task_that_runs_has_not_taken_any_time_yet(journal: Journal) -> None:
    task = Task(id="t1", state="opened", trace=TRACE, at=at(20), verb="task", title="shop.pack")
    journal.append([*admin_add(), task])
    row = text_of().partition('class="row row-task')[2].partition('<svg class="lane"')[0]
    assert "running" in row
    assert '<span class="c-dur" role="gridcell"></span>' in row


# --- bad luck --------------------------------------------------------------------------------


def test_a_trace_that_is_gone_is_said_so(journal: Journal) -> None:
    response = get(trace="nothing")
    assert response.status_code == 404
    assert b"no longer, in the journal" in response.content
    with pytest.raises(Http404):
        export("json", trace="nothing")


def test_a_journal_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The journal <x> is locked. Wait.")

    monkeypatch.setattr(pipeline, "journal", broken)
    assert get().status_code == 503
    assert b"The journal &lt;x&gt; is locked. Wait." in get().content
    assert b"Not there" not in get().content
    assert export("json").status_code == 503


def test_a_trace_with_nothing_but_its_origin_is_a_page(journal: Journal) -> None:
    journal.append([origin()])
    page = text_of()
    assert "No receiver ran." in page
    assert "data-chosen" not in page


def test_a_cause_that_is_gone_leaves_the_rest_readable(journal: Journal) -> None:
    journal.append([emission("e1", 1, cause=Cause("gone", 0), calls=[call()])])
    assert "its cause is not in the journal" in text_of()


# --- exports ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "top"), [("json", list), ("chrome", dict), ("otlp", dict)])
def test_an_export_is_a_download_with_a_telling_name(journal: Journal, format: str, top: type) -> None:
    journal.append(admin_add())
    response = export(format)
    assert isinstance(json.loads(response.content), top)
    name = response.headers["Content-Disposition"]
    assert re.fullmatch(
        r'attachment; filename="signalscope-post-admin-demo-app-post-add-b3b3b3b3[.a-z]*\.json"', name
    )
    assert response.headers["Content-Type"] == "application/json"


def test_an_unknown_format_is_not_found(journal: Journal) -> None:
    with pytest.raises(Http404, match="no export format 'pdf'"):
        export("pdf")


def test_every_export_has_its_button(journal: Journal) -> None:
    journal.append(admin_add())
    page = text_of()
    assert all(f'href="{PAGE}export/{key}/"' in page for key in ("json", "chrome", "otlp"))


def test_an_emission_far_below_is_shown_with_the_rows_around_it(journal: Journal) -> None:
    many = [emission(f"m{number}", number / 10, calls=[call(duration_us=50.0)]) for number in range(1000)]
    journal.append([origin(), *many])
    page = text_of("?emission=m500")
    assert "m500" in keys_in(page)
    assert "earlier rows" in page
