"""The live page as the server renders it: what it shows, what its links say, and that names stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Cause, Gap, Process
from dashboard.journal import open_journal, pack
from dashboard.journal.base import Journal, JournalError
from dashboard.stream import lookback
from dashboard.views import live as views
from dashboard.views.emission import emission as emission_view

from .livepage import IDS_OF_PAGE, traces
from .samples import PROCESS, TRACE, admin_add, at, boom, call, emission, origin

STAFF = User(username="staff", is_staff=True)
EVIL = '<script>alert("1")</script>'


class Scenario(NamedTuple):
    name: str = "burst"
    title: str = "A burst"
    look_at: str = "Look at <the> histogram."
    url: str = "/scenarios/burst/run/"


def scenarios() -> list[Scenario]:
    return [Scenario()]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(view: Any = views.live, *arguments: str, htmx: bool = False, **parameters: Any) -> HttpResponse:
    headers = {"HX-Request": "true"} if htmx else {}
    request = RequestFactory().get("/signals/", parameters, headers=headers)
    request.user = STAFF
    response = view(request, *arguments)
    assert isinstance(response, HttpResponse)
    return response


def html(response: HttpResponse) -> str:
    return response.content.decode()


def titles(response: HttpResponse) -> list[str]:
    return re.findall(r'class="text" href="[^"]*" title="[^"]*">([^<]*)</a>', html(response))


def hrefs(response: HttpResponse, containing: str) -> list[str]:
    found = re.findall(r'href="([^"]*)"[^>]*>(?:(?!</a>).)*?' + re.escape(containing), html(response))
    return [unescape(address) for address in found]


# --- the page ------------------------------------------------------------------------------------


def test_the_page_shows_the_newest_traces_and_where_the_socket_goes_on(journal: Journal) -> None:
    journal.append(traces(1, 3))
    response = get()
    assert titles(response) == ["/page/3/", "/page/2/", "/page/1/"]
    assert f'data-cursor="{journal.head()}"' in html(response)
    assert 'ws-connect="/ws/signals/?q=&amp;layout=tree"' in html(response)


def test_every_fragment_that_the_socket_sends_has_its_place_on_the_page(journal: Journal) -> None:
    journal.append(admin_add())
    ids = set(re.findall(r' id="([^"]+)"', html(get())))
    # The number that waits stands in the notice, once there is one.
    assert IDS_OF_PAGE - ids == {"waiting"}
    assert len(re.findall(r' id="', html(get()))) == len(ids), "an id comes twice"


def test_the_socket_goes_on_counting_where_the_page_began(journal: Journal) -> None:
    journal.append(traces(1, 3, size=2))
    assert 'data-tally="6/6 save=6"' in html(get())


def test_what_is_stored_while_the_page_is_made_is_left_to_the_socket(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(traces(1, 1))
    cursor = journal.head()

    def look_back(*arguments: Any, **options: Any) -> lookback.Found:
        journal.append(traces(2, 1))
        return lookback.look_back(*arguments, **options)

    monkeypatch.setattr(views, "look_back", look_back)
    response = get()
    assert titles(response) == ["/page/1/"]
    assert f'data-cursor="{cursor}"' in html(response)


def test_a_page_without_the_stream_has_the_socket_of_the_numbers(journal: Journal) -> None:
    journal.append(admin_add())
    page = html(get(emission_view, "e3"))
    assert 'ws-connect="/ws/signals/?q=&amp;layout=none"' in page
    assert {"rate", "seq", "dropped", "scope", "lamp", "pulses", "token", "ended", "journal-error"} <= set(
        re.findall(r' id="([^"]+)"', page)
    )


def test_htmx_gets_the_live_part_alone_and_the_address_it_becomes(journal: Journal) -> None:
    journal.append(traces(1, 1))
    response = get(htmx=True, q="sender:demo_app.Post")
    assert html(response).lstrip().startswith('<div id="live"')
    assert response.headers["HX-Push-Url"] == "/signals/?q=sender%3Ademo_app.Post"
    assert response.headers["Vary"] == "HX-Request, Cookie"


def test_two_terms_typed_apart_become_one_address(journal: Journal) -> None:
    response = get(q=["sender:Post", "is:error"], layout="flat")
    assert response.status_code == 302
    assert response.headers["Location"] == "/signals/?q=sender%3APost+is%3Aerror&layout=flat"


def test_the_filter_is_applied_and_shown_as_chips_that_can_be_removed(journal: Journal) -> None:
    journal.append(traces(1, 2))
    journal.append(traces(3, 1, sender="demo_app.Tag"))
    response = get(q="sender:demo_app.Tag -is:error")
    assert titles(response) == ["/page/3/"]
    assert "matching <b>1</b> of <b>3</b>" in html(response)
    removing = re.findall(r'class="remove" href="([^"]*)" aria-label="Remove ([^"]*)"', html(response))
    assert [(unescape(address), term) for address, term in removing] == [
        ("/signals/?q=-is%3Aerror", "sender:demo_app.Tag"),
        ("/signals/?q=sender%3Ademo_app.Tag", "-is:error"),
    ]


def test_a_channel_switches_its_family_off_and_on(journal: Journal) -> None:
    journal.append(admin_add())

    def channel(response: HttpResponse, family: str) -> tuple[str, str]:
        (found,) = re.findall(rf'id="ch-{family}"[^>]*href="([^"]*)" aria-pressed="(\w+)"', html(response))
        return unescape(found[0]), found[1]

    assert channel(get(), "request") == ("/signals/?q=-family%3Arequest", "true")
    assert channel(get(q="-family:request"), "request") == ("/signals/", "false")
    assert channel(get(q="family:save"), "request") == ("/signals/", "false")
    assert channel(get(q="family:save"), "save")[1] == "true"


def test_a_filter_that_does_not_parse_says_where_and_filters_nothing(journal: Journal) -> None:
    journal.append(traces(1, 2))
    response = get(q='is:errr "<b>')
    page = html(response)
    assert len(titles(response)) == 2
    assert "Nothing is filtered until then." in page
    assert "Not a filter, at column 9." in page
    assert "<span>is:errr </span><mark>&quot;</mark><span>&lt;b&gt;</span>" in page
    assert 'value="is:errr &quot;&lt;b&gt;"' in page
    assert 'aria-invalid="true"' in page
    assert 'ws-connect="/ws/signals/?q=&amp;layout=tree"' in page


def test_what_does_not_parse_leaves_the_terms_beside_it_in_force(journal: Journal) -> None:
    journal.append(traces(1, 2))
    journal.append(traces(3, 1, sender="demo_app.Tag"))
    response = get(q=["sender:Tag", "sendr:x"])
    page = html(response)
    assert response.status_code == 200
    assert titles(response) == ["/page/3/"]
    assert "Until then the list shows what the other terms ask for." in page
    assert "Did you mean sender:?" in page
    assert 'name="q" value="sender:Tag"' in page
    assert 'value="sendr:x"' in page
    assert 'ws-connect="/ws/signals/?q=sender%3ATag&amp;layout=tree"' in page


def test_to_htmx_what_does_not_parse_is_answered_with_the_place_alone(journal: Journal) -> None:
    journal.append(traces(1, 2))
    response = get(htmx=True, q=["is:error", "a or"])
    part = html(response)
    assert part.strip().startswith('<div class="notice is-error filter-error" id="filter-error" role="alert"')
    assert 'data-position="4"' in part
    assert "The list stays as it was." in part
    assert part.count("<div") == 1
    assert [response.headers[name] for name in ("HX-Retarget", "HX-Reswap", "HX-Push-Url")] == [
        "#filter-error",
        "outerHTML",
        "false",
    ]


def test_what_is_typed_beside_chips_is_a_query_of_its_own(journal: Journal) -> None:
    response = get(q=["is:error", "a or b"])
    assert parse_qs(urlsplit(response.headers["Location"]).query) == {"q": ["is:error (a or b)"]}
    response = get(q=["a or b", " ", "c or d"])
    assert parse_qs(urlsplit(response.headers["Location"]).query) == {"q": ["(a or b) (c or d)"]}


def test_terms_that_are_too_many_only_together_are_refused(journal: Journal) -> None:
    page = html(get(q=["a " * 30, "b " * 30]))
    assert "The query has more than 50 terms." in page
    assert page.count('class="remove"') == 30


def test_a_query_without_an_error_has_the_place_for_one(journal: Journal) -> None:
    page = html(get())
    assert re.search(r'id="filter-error" role="alert" hidden></div>', page)
    assert "aria-invalid" not in page


def test_the_box_completes_itself_and_says_so(journal: Journal) -> None:
    page = html(get())
    box = re.search(r'<input type="text" id="query"[^>]*>', page)
    assert box is not None
    for attribute in (
        'role="combobox"',
        'aria-controls="completions"',
        'aria-expanded="false"',
        'hx-get="/signals/query/complete/"',
    ):
        assert attribute in box.group()
    assert re.search(
        r'<ul class="completions" id="completions" role="listbox" aria-label="[^"]+" hidden>', page
    )


def test_the_help_sheet_and_the_presets_open_without_a_script(journal: Journal) -> None:
    page = html(get(q="is:error"))
    for name in ("filter-help", "presets"):
        assert f'popovertarget="{name}"' in page
        assert re.search(rf'id="{name}" popover', page)
    assert 'aria-current="true"><span class="name">Errors</span>' in page


def test_the_flat_layout_lists_emissions(journal: Journal) -> None:
    journal.append(admin_add())
    response = get(layout="flat")
    assert html(response).count("row-flat") == 5
    assert "ConnectionRefusedError" in html(response)
    assert hrefs(response, "Tree") == ["/signals/"]


def test_a_journal_that_goes_on_below_is_linked_to_and_not_repeated(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookback, "TRACES", 4)
    journal.append(traces(1, 10))
    seen: list[str] = []
    response = get()
    for _ in range(5):
        seen += titles(response)
        links = hrefs(response, "look further back")
        if not links:
            break
        monkeypatch.setattr(views, "STRETCH_ROWS", 4)
        asked = {key: values[0] for key, values in parse_qs(urlsplit(links[0]).query).items()}
        response = get(htmx=True, part="rows", **asked)
    assert seen == [f"/page/{number}/" for number in range(10, 0, -1)]


def test_a_stretch_has_an_address_of_its_own_and_does_not_move(journal: Journal) -> None:
    journal.append(traces(1, 5))
    response = get(after="3", upto="9")
    assert titles(response) == ["/page/3/", "/page/2/"]
    assert "Seq 4 to 9. Nothing moves here." in html(response)
    assert 'ws-connect="/ws/signals/?q=&amp;layout=tree' not in html(response)


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 40, "\u0663", EVIL])
def test_strange_numbers_in_the_address_are_no_error(journal: Journal, value: str) -> None:
    journal.append(traces(1, 1))
    assert get(upto=value, after=value, shown=value).status_code == 200
    assert get(views.rows, f"{1:032d}", htmx=True, start=value).status_code == 200


def test_dropped_emissions_stand_where_they_are_missing(journal: Journal) -> None:
    journal.append([Gap(at=at(1), dropped=412, reason="the buffer was full", process=PROCESS)])
    assert "412 emissions dropped in pid 4711 on web-1: the buffer was full" in html(get())


def test_an_empty_journal_invites_to_play_a_scenario(journal: Journal, settings: Any) -> None:
    settings.SIGNALSCOPE = {}
    assert "Flat line: no signals yet" in html(get())
    assert "Scenarios" not in html(get())
    settings.SIGNALSCOPE = {"SCENARIOS": f"{__name__}.scenarios"}
    page = html(get())
    assert page.count('action="/scenarios/burst/run/"') == 2, "in the list and behind the top bar's button"
    assert page.count("csrfmiddlewaretoken") == 2
    assert "Look at &lt;the&gt; histogram." in page


def test_scenarios_that_cannot_be_listed_do_not_break_the_page(
    journal: Journal, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SIGNALSCOPE = {"SCENARIOS": "nowhere.at_all"}
    assert get().status_code == 200
    assert "nowhere.at_all" in caplog.text


def test_a_journal_that_cannot_be_read_is_named_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The journal <x> is no database. Delete it.")

    monkeypatch.setattr(pipeline, "journal", broken)
    for response in (get(), get(after="1", upto="2"), get(htmx=True)):
        assert response.status_code == 200
    assert "The journal &lt;x&gt; is no database. Delete it." in html(get())
    assert "The journal &lt;x&gt;" in html(get(views.rows, TRACE, htmx=True))


def test_hostile_names_stay_text_everywhere(journal: Journal) -> None:
    evil_call = call(EVIL, file=EVIL, outcome="raised", error=boom())
    evil_call.error.type = evil_call.error.message = EVIL  # type: ignore[union-attr]
    journal.append(
        [
            origin("opened", title=EVIL, verb=EVIL),
            emission(
                "e1", 1, signal=EVIL, sender=EVIL, family=EVIL, calls=[evil_call], payload={EVIL: EVIL},
                flags=[EVIL], method="send", duration_us=9e6,
            ),
            origin("closed", 9, title=EVIL, verb=EVIL, user=EVIL, status=EVIL, view=EVIL),
        ]
    )  # fmt: skip
    for response in (
        get(),
        get(layout="flat"),
        get(views.rows, TRACE, htmx=True),
        get(q=f'"{EVIL}"'),
        get(q=EVIL),
    ):
        assert "<script>alert" not in html(response)
        assert "&lt;script&gt;" in html(response)


def test_nothing_on_the_page_needs_an_inline_script_or_style(journal: Journal) -> None:
    journal.append(admin_add())
    for response in (get(), get(layout="flat"), get(views.rows, TRACE, htmx=True), get(q="is:x")):
        page = html(response)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"\s(style|on\w+)=", page)
        assert "<style" not in page


# --- the rows of a trace -------------------------------------------------------------------------


def test_a_trace_unfolds_into_its_rows(journal: Journal) -> None:
    journal.append(admin_add())
    part = html(get(views.rows, TRACE, htmx=True))
    assert part.lstrip().startswith('<div class="row row-quiet')
    assert re.findall(r'aria-level="(\d)"', part) == list("23232345323")
    assert 'href="/signals/emissions/e3/#call-1"' in part


def test_without_a_script_a_row_leads_to_the_traces_page(journal: Journal) -> None:
    journal.append(admin_add())
    response = get(views.rows, TRACE)
    assert (response.status_code, response.headers["Location"]) == (302, f"/signals/traces/{TRACE}/")


def test_a_very_long_trace_is_shown_in_windows(journal: Journal) -> None:
    journal.append([emission(f"e{n}", n, calls=[call()]) for n in range(400)])
    part = html(get(views.rows, TRACE, htmx=True))
    assert part.count("row-emission") == 150
    assert "rows 1 to 300 of 800" in part
    (address,) = re.findall(r'hx-get="([^"]*)"', part)
    assert unescape(address) == f"/signals/rows/{TRACE}/?start=300"
    rest = html(get(views.rows, TRACE, htmx=True, start="600"))
    assert rest.count("row-emission") == 100
    assert "show the next" not in rest


def test_what_the_filter_does_not_ask_for_steps_back(journal: Journal) -> None:
    journal.append(admin_add())
    part = html(get(views.rows, TRACE, htmx=True, q="signal:post_published"))
    rows = re.findall(r'class="row row-emission([^"]*)"', part)
    assert [("is-other" in row) for row in rows] == [True, True, True, True, False]


def test_a_trace_that_is_gone_says_so(journal: Journal) -> None:
    part = get(views.rows, "f" * 32, htmx=True)
    assert part.status_code == 200
    assert "no longer" in html(part)


def test_emissions_whose_cause_is_gone_are_marked(journal: Journal) -> None:
    journal.append([emission("e1", cause=Cause("gone", 0), calls=[call()])])
    assert "its cause is not in the journal" in html(get(views.rows, TRACE, htmx=True))


def test_links_carry_the_filter_and_the_layout(journal: Journal) -> None:
    journal.append(admin_add())
    response = get(q="a or b", layout="flat")
    assert 'name="q" value="(a or b)"' in html(response), "what is typed next must not join the last branch"
    assert 'name="layout" value="flat"' in html(response)
    assert hrefs(response, "Tree") == [f"/signals/?{urlencode({'q': 'a or b'})}"]


# --- the flat list, the guide, a time to go to -----------------------------------------------------


def test_a_flat_row_names_and_links_what_started_it(journal: Journal) -> None:
    journal.append(admin_add())
    page = html(get(layout="flat", q="signal:post_published"))
    (address, words) = re.findall(
        r'class="c-origin" role="gridcell">.*?</span> <a href="([^"]+)"[^>]*>([^<]+)</a>', page
    )[0]
    assert (address, words) == (f"/signals/traces/{TRACE}/?emission=e5", "POST /admin/demo_app/post/add/")


def test_a_flat_row_without_an_origin_still_leads_to_its_trace(journal: Journal) -> None:
    journal.append([emission("e1")])
    assert f'href="/signals/traces/{TRACE}/?emission=e1"' in html(get(layout="flat"))


def test_rows_say_when_and_how_long_for_the_axis_that_they_share(journal: Journal) -> None:
    journal.append(admin_add())
    began = int(at(0).timestamp() * 1e6)
    assert f'data-at="{began}" data-took="148000.0"' in html(get())
    assert f'data-at="{began + 24_800}" data-took="93400.0"' in html(get(layout="flat"))


def test_a_page_with_room_left_says_what_to_try(journal: Journal, settings: Any) -> None:
    settings.SIGNALSCOPE = {"SCENARIOS": f"{__name__}.scenarios"}
    journal.append(traces(1, 3))
    assert "Something to look at" in html(get())
    assert "Something to look at" not in html(get(q="is:error"))
    journal.append(traces(4, 3))
    assert "Something to look at" not in html(get())


def test_a_time_leads_to_that_place_in_the_journal(journal: Journal) -> None:
    journal.append(traces(0, 9))
    response = get(at="2026-01-01T12:00:00.450", q="sender:Post", zone="UTC")
    assert response.status_code == 302
    address = urlsplit(response.headers["Location"])
    asked = {name: value for name, (value,) in parse_qs(address.query).items()}
    assert asked.pop("here") == "2026-01-01T12:00:00.450000+00:00"
    assert asked == {"q": "sender:Post", "upto": str(journal.head().seq)}
    assert address.fragment == "here"


def test_the_moment_is_marked_between_what_came_before_and_after(journal: Journal) -> None:
    journal.append(traces(0, 9))
    page = html(get(upto=12, here="2026-01-01T12:00:00.250000+00:00"))
    marked = [title or "here" for _, title in re.findall(r'(id="here"|title="(/page/\d/))', page)]
    assert marked == ["/page/3/", "here", "/page/2/", "/page/1/", "/page/0/"]
    assert "look further on" in page
    assert "ws-connect" not in page


def test_looking_further_on_goes_up_to_the_newest(journal: Journal) -> None:
    journal.append(traces(0, 9))
    page = html(get(after=12, upto=2_012, further=1, part="rows", htmx=True))
    assert "/page/8/" in page
    assert "look further on" not in page


def test_the_time_is_meant_in_the_readers_zone(journal: Journal) -> None:
    journal.append(traces(0, 2))
    response = get(at="2026-01-01T13:00:00", zone="Europe/Berlin")
    assert "here=2026-01-01T12%3A00%3A00%2B00%3A00" in response.headers["Location"]
    response = get(at="2026-01-01T13:00:00", zone="../../etc/passwd")
    assert "here=2026-01-01T13%3A00%3A00%2B00%3A00" in response.headers["Location"]


def test_a_time_that_is_none_says_what_is_understood_and_the_page_stays(journal: Journal) -> None:
    journal.append(traces(1, 1))
    page = html(get(at="<tea> time"))
    assert "&#x27;&lt;tea&gt; time&#x27; is no time" in page
    assert "/page/1/" in page


@pytest.mark.parametrize("here", ["", "noon", "2026-01-01T12:00:00", "9" * 99])
def test_a_strange_moment_marks_nothing(journal: Journal, here: str) -> None:
    journal.append(traces(1, 1))
    response = get(upto=9, here=here)
    assert response.status_code == 200
    assert 'id="here"' not in html(response)


def test_htmx_gets_a_stretch_as_the_live_part(journal: Journal) -> None:
    journal.append(traces(1, 2))
    response = get(upto=9, here=at(0).isoformat(), htmx=True)
    assert html(response).lstrip().startswith('<div id="live"')
    assert "upto=9" in response.headers["HX-Push-Url"]


# --- processes ------------------------------------------------------------------------------------

SHELL = Process("web-1", 4712, "MainThread", "shell")


@pytest.mark.parametrize("layout", ["tree", "flat"])
def test_each_row_says_which_process_it_comes_from(journal: Journal, layout: str) -> None:
    journal.append([*traces(1, 1), emission("in-shell", process=SHELL)])
    shown = html(get(layout=layout))
    assert 'title="shell, pid 4712 on web-1"' in shown
    assert f"hue-{SHELL.hue}" in shown
    assert 'title="recorded in, pid 4711 on web-1"' in shown


def test_the_legend_is_there_for_two_processes_and_hidden_for_one(journal: Journal) -> None:
    journal.append(traces(1, 1))
    assert re.search(r'id="processes"[^>]* hidden', html(get()))
    journal.append([emission("in-shell", process=SHELL)])
    assert not re.search(r'id="processes"[^>]* hidden', html(get()))
    (address,) = hrefs(get(), "4712")[:1]
    assert parse_qs(urlsplit(address).query) == {"q": ["process:=web-1:4712"]}


def test_a_process_chosen_in_the_legend_leaves_its_rows_alone(journal: Journal) -> None:
    journal.append([*traces(1, 2), emission("in-shell", trace="a" * 32, process=SHELL)])
    shown = get(q="process:=web-1:4712")
    assert html(shown).count('data-trace="') == 1
    assert 'aria-pressed="true" title="Show every process again"' in html(shown)


@pytest.mark.parametrize("path", [{}, {"layout": "flat"}, {"q": "is:error"}, {"after": 0, "upto": 50}])
def test_an_entry_of_an_unknown_kind_breaks_no_list(journal: Journal, path: dict[str, Any]) -> None:
    packed = pack(emission("x", trace=TRACE))
    odd = b'{"kind":"telepathy","trace":"%s","process":7,"at":"2026-01-01T12:00:00Z"}' % TRACE.encode()
    journal.append(admin_add())
    journal.append_packed([packed._replace(kind="telepathy", body=odd)])
    assert get(**path).status_code == 200
    assert get(views.rows, TRACE, htmx=True).status_code == 200
