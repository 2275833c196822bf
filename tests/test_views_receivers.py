"""The receivers' page: what it lists, sorts, filters and unfolds, to whom, and what never is shown."""

from __future__ import annotations

import functools
import gc
import html
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, User
from django.dispatch import Signal
from django.http import HttpResponse, QueryDict
from django.test import RequestFactory
from django.urls import get_resolver

from dashboard import pipeline
from dashboard.events import Emission, Entry
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.registrations import Registration, registrations
from dashboard.roster import COLUMNS
from dashboard.views import calls, receivers, stretch
from dashboard.views.choice import Choice
from dashboard.views.windows import WINDOWS

from .samples import admin_add, boom, call, emission, origin

STAFF = User(username="staff", is_staff=True)
PAGE = "/signals/receivers/"
bell = Signal()
BELL = f"{__name__}.bell"


def ring(sender: Any, **kwargs: Any) -> None:
    # Shown in the row: <b>not markup</b>.
    return None


def answer(**kwargs: Any) -> None: ...


async def later(**kwargs: Any) -> None: ...


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    calls._kept.clear()
    get_resolver().url_patterns  # noqa: B018  (as a server has: modules beside the views connect receivers)
    yield
    bell.receivers.clear()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def connect(*connected: Callable[..., Any], **options: Any) -> None:
    for one in connected:
        bell.connect(one, **options)


def of_bell() -> list[Registration]:
    return [one for one in registrations() if one.signal == BELL]


def rung(*names: str, age_s: float = 5.0, id: str = "e", **fields: Any) -> Emission:
    """Return an emission of the bell that ran these receivers of this module, so long ago."""
    made = [call(f"{__name__}.{name}", **fields) for name in names]
    return emission(
        id,
        signal=BELL,
        sender=None,
        family="custom",
        calls=made,
        at=datetime.now(UTC) - timedelta(seconds=age_s),
    )


def get(path: str, user: Any = STAFF, **headers: str) -> HttpResponse:
    split = urlsplit(path)
    request = RequestFactory().get(path, headers=headers)
    request.user = user
    key = split.path.removeprefix(PAGE).strip("/")
    response = receivers.receiver(request, key=key) if key else receivers.roster(request)
    assert isinstance(response, HttpResponse)
    return response


def text_of(query: str = f"?signal={BELL}", **headers: str) -> str:
    response = get(f"{PAGE}{query}", **headers)
    assert response.status_code == 200
    return response.content.decode()


def rows_in(page: str) -> list[str]:
    return re.findall(r'<tr class="reg .*?</tr>', page, re.DOTALL)


def names_in(page: str) -> list[str]:
    return re.findall(r'class="who"[^>]*>([^<]*)<', page.replace("<wbr>", ""))


def cell(row: str, column: str) -> str:
    found = re.search(rf'<td class="c-{column}[ "].*?</td>', row, re.DOTALL)
    assert found is not None
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[0].replace("<wbr>", ""))).split())


def flags_in(row: str) -> list[str]:
    return re.findall(r'class="badge" data-flag="([^"]+)"', row)


def details(key: str, query: str = "") -> str:
    return text_of(f"{key}/{query}", HX_Request="true")


# --- who may look ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}abc/"])
def test_only_who_is_allowed_sees_the_receivers(path: str, journal: Journal) -> None:
    assert get(path, AnonymousUser()).status_code == 302
    assert get(path, User(username="reader")).status_code == 403


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}?find=x"])
def test_every_answer_carries_the_strict_policy(path: str, journal: Journal) -> None:
    assert "default-src 'none'" in get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in get(path, HX_Request="true").headers["Content-Security-Policy"]


# --- rows ------------------------------------------------------------------------------------


def test_every_registration_has_a_row(journal: Journal) -> None:
    connect(ring, answer)

    page = text_of("")
    registered = registrations()

    assert len(rows_in(page)) == len(registered)
    assert [f'id="r-{one.key}"' in page for one in registered] == [True] * len(registered)
    assert f"{len(registered)} registrations" in page


def test_a_row_tells_order_sender_reference_uid_mode_and_place(journal: Journal) -> None:
    connect(later, weak=False, dispatch_uid="the uid")
    connect(ring, sender=User)

    first, second = rows_in(text_of())

    cells = [cell(first, name) for name in ("signal", "sender", "receiver", "order", "ref", "uid", "mode")]
    assert cells == ["bell", "any sender", "later", "1/1", "strong", "the uid", "async"]
    cells = [cell(second, name) for name in ("sender", "receiver", "order", "ref", "uid", "mode", "where")]
    line = ring.__code__.co_firstlineno
    assert cells == ["auth.User", "ring", "1/2", "weak", "\u2013", "sync", f"test_views_receivers.py:{line}"]


def test_a_row_has_the_figures_of_its_calls(journal: Journal) -> None:
    connect(ring)
    journal.append(
        [
            rung("ring", id="a", duration_us=60_000.0, queries=3, age_s=10),
            rung("ring", id="b", duration_us=2_000.0, outcome="raised", error=boom(), age_s=5),
        ]
    )

    (row,) = rows_in(text_of())

    figures = {name: cell(row, name) for name in ("calls", "p50", "p95", "p99", "errors", "sql", "last")}
    assert figures == {
        "calls": "2",
        "p50": "2.0",
        "p95": "60.0",
        "p99": "60.0",
        "errors": "1",
        "sql": "1.5",
        "last": "5 s ago",
    }
    assert flags_in(row) == ["error", "slow"]


def test_what_never_ran_and_what_is_registered_no_more_are_flagged_and_counted(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("gone")])

    page = text_of()
    registered, stray = rows_in(page)

    assert (names_in(page), flags_in(registered), flags_in(stray)) == (
        ["ring", "gone"],
        ["never-fired"],
        ["unregistered"],
    )
    assert [cell(stray, name) for name in ("order", "ref", "sender")] == ["", "\u2013", "no sender"]
    for flag in ("never-fired", "unregistered"):
        assert re.search(rf'data-flag="{flag}" id="flag-{flag}".*?<span class="count">1</span>', page)


def test_what_was_collected_is_dead_and_leads_nowhere(journal: Journal) -> None:
    class Tower:
        def on_bell(self, **kwargs: Any) -> None: ...

    tower = Tower()
    connect(tower.on_bell)
    del tower
    gc.collect()

    (row,) = rows_in(text_of())

    assert flags_in(row) == ["dead"]
    assert (cell(row, "receiver"), cell(row, "ref")) == ("(collected)", "weak, gone")
    assert "/signals/graph/" not in row


def test_what_settings_keep_from_being_recorded_is_not_called_never_run(
    journal: Journal, settings: LazySettings
) -> None:
    settings.SIGNALSCOPE = {"IGNORE_SIGNALS": [BELL]}
    connect(ring)

    assert flags_in(rows_in(text_of())[0]) == ["unrecorded"]


def test_a_function_connected_twice_is_flagged_on_both_rows(journal: Journal) -> None:
    connect(ring, dispatch_uid="a")
    connect(ring, dispatch_uid="b")
    journal.append([rung("ring", "ring")])

    rows = rows_in(text_of())

    assert [flags_in(row) for row in rows] == [["duplicate"], ["duplicate"]]
    assert [cell(row, "calls") for row in rows] == ["1", "1"]


def test_lambdas_partials_and_objects_are_told_by_name_and_place(journal: Journal) -> None:
    class Handler:
        def __call__(self, **kwargs: Any) -> None: ...

    anonymous, partial, handler = lambda **kwargs: None, functools.partial(answer), Handler()
    connect(anonymous, partial, handler)

    page = text_of()

    assert names_in(page) == ["&lt;lambda&gt;", "partial(answer)", "Handler"]
    assert all(cell(row, "where").startswith("test_views_receivers.py:") for row in rows_in(page))


def test_hostile_names_stay_text(journal: Journal) -> None:
    def hostile(**kwargs: Any) -> None: ...

    hostile.__qualname__ = '<script>alert("1")</script>'
    hostile.__module__ = "javascript:x"
    connect(hostile, dispatch_uid='"><img src=x onerror=alert(1)>')
    journal.append([rung("<b>bold</b>", "x" * 5_000, id="<i>/../id")])
    journal.append(
        [emission("e2", signal=BELL, sender=None, trace="../<b>", calls=[call(f"{__name__}.odd")])]
    )
    (one,) = of_bell()

    for page in (text_of(), details(one.key), text_of(f"?signal={BELL}&open={one.key}&find=%3Cscript%3E")):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>bold" not in page


# --- links -----------------------------------------------------------------------------------


def test_a_row_leads_to_its_calls_in_the_stream_its_node_and_its_last_trace(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("ring")])

    (row,) = rows_in(text_of())
    links = [html.unescape(address) for address in re.findall(r'href="([^"]+)"', row)]

    streams = [parse_qs(urlsplit(link).query)["q"][0] for link in links if link.startswith("/signals/?")]
    assert streams == [f"receiver:={__name__}.ring signal:={BELL}"]
    assert any(re.fullmatch(r"/signals/graph/nodes/\w+/\?window=\w+", link) for link in links)
    assert any(link.startswith("/signals/traces/") for link in links)


def test_with_an_editor_the_place_is_a_link_and_without_it_is_not(
    journal: Journal, settings: LazySettings
) -> None:
    connect(ring)
    assert "data-editor" not in text_of()

    settings.SIGNALSCOPE = {"EDITOR": "vscode"}

    (row,) = rows_in(text_of())
    assert f'href="vscode://file{__file__}:{ring.__code__.co_firstlineno}"' in row


# --- sorting, filtering, paging --------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_every_column_sorts_by_a_link_and_says_so(column: Any, journal: Journal) -> None:
    connect(ring, answer)
    journal.append([rung("ring", "gone")])
    plain = text_of("")
    assert f'id="sort-{column.key}" href="{PAGE}?sort={column.first}"' in plain
    assert "aria-sort" not in plain

    for sort, following in ((column.first, f"?sort={column.second}"), (column.second, "")):
        page = text_of(f"?sort={sort}")
        direction = "descending" if sort.startswith("-") else "ascending"
        assert re.findall(r'class="c-(\w+)[^"]*" aria-sort="(\w+)"', page) == [(column.key, direction)]
        assert f'id="sort-{column.key}" href="{PAGE}{following}"' in page


def test_rows_come_in_the_order_that_is_asked_for(journal: Journal) -> None:
    connect(ring, answer)
    journal.append([rung("ring", id="a"), rung("ring", "answer", id="b")])

    assert names_in(text_of()) == ["ring", "answer"]
    assert names_in(text_of(f"?signal={BELL}&sort=receiver")) == ["answer", "ring"]
    assert names_in(text_of(f"?signal={BELL}&sort=calls")) == ["answer", "ring"]
    assert names_in(text_of(f"?signal={BELL}&sort=-calls")) == ["ring", "answer"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("find=ANSWER", ["answer"]),
        ("sender=auth.User", ["answer"]),
        ("sender=any+sender", ["ring", "later"]),
        ("flag=async", ["later"]),
        ("flag=weak&flag=never-fired", ["answer", "later"]),
        ("flag=error&flag=async", []),
        ("flag=no-such-flag", ["ring", "answer", "later"]),
        ("app=tests", ["ring", "answer", "later"]),
        ("app=auth", []),
    ],
)
def test_rows_are_filtered_by_what_the_address_says(query: str, names: list[str], journal: Journal) -> None:
    connect(ring)
    connect(answer, sender=User)
    connect(later)
    journal.append([rung("ring")])

    assert names_in(text_of(f"?signal={BELL}&{query}")) == names


def test_an_address_keeps_all_that_was_chosen(journal: Journal) -> None:
    connect(ring)
    query = f"?find=r&signal={BELL}&app=tests&flag=weak&window=5m&sort=-p95"

    page = text_of(query)
    flag = re.search(r'id="flag-weak" href="([^"]+)"', page)
    window = re.search(r'id="window-1h" href="([^"]+)"', page)

    assert flag is not None
    assert window is not None
    without_flag = parse_qs(urlsplit(html.unescape(flag[1])).query)
    other_window = parse_qs(urlsplit(html.unescape(window[1])).query)
    asked = parse_qs(query[1:])
    assert without_flag == {name: value for name, value in asked.items() if name != "flag"}
    assert other_window == asked | {"window": ["1h"]}
    assert 'name="flag" value="weak"' in page
    assert 'name="window" value="5m"' in page


def test_a_held_window_ends_where_the_address_says(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("ring", id=f"e{age}", age_s=age) for age in (600, 10)])
    until = datetime.now(UTC) - timedelta(seconds=60)
    held = text_of(f"?signal={BELL}&until={until:%Y-%m-%dT%H:%M:%SZ}")

    assert cell(rows_in(text_of())[0], "calls") == "2"
    assert cell(rows_in(held)[0], "calls") == "1"
    assert f"until {until:%Y-%m-%d %H:%M:%S} UTC" in held
    assert 'data-seq="' not in held, "what is held has no new figures"
    links = re.findall(r'id="(?:sort|flag)-[^"]+" href="([^"]+)"', held)
    assert links
    assert all(f"until={until:%Y-%m-%dT%H}" in link for link in links), "the window goes on to end there"


def test_new_figures_are_read_for_who_asks(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("ring", id="first")])
    text_of()
    journal.append([rung("ring", id="second")])

    in_other_order = text_of(f"?signal={BELL}&sort=-calls", HX_Request="true")
    fresh = get(f"{PAGE}?signal={BELL}&fresh=1", HX_Request="true")

    assert cell(rows_in(in_other_order)[0], "calls") == "1"
    assert cell(rows_in(fresh.content.decode())[0], "calls") == "2"
    assert "fresh" not in fresh.headers["HX-Push-Url"]


def test_htmx_gets_the_list_and_the_address_that_fits_it(journal: Journal) -> None:
    connect(ring)
    request = f"{PAGE}?find=ring&signal=&sender=&app=&sort=&flag=weak&window=all"

    typed = get(request, HX_Request="true", HX_Trigger="look")
    pressed = get(request, HX_Request="true", HX_Trigger="flag-weak")

    assert typed.headers["HX-Replace-Url"] == f"{PAGE}?find=ring&flag=weak"
    assert pressed.headers["HX-Push-Url"] == f"{PAGE}?find=ring&flag=weak"
    assert "<html" not in typed.content.decode()
    assert typed.content.decode().count('id="roster"') == 1


def test_many_rows_come_in_pages(journal: Journal) -> None:
    made: list[Any] = []
    for _ in range(450):

        def one(number: int = len(made), **kwargs: Any) -> None: ...

        made.append(one)
    connect(*made)

    first, last = text_of(), text_of(f"?signal={BELL}&page=3")

    assert (len(rows_in(first)), len(rows_in(last))) == (200, 50)
    assert "1\u2013200 of 450" in first
    assert "401\u2013450 of 450" in last
    assert 'id="page-next"' in first
    assert 'id="page-previous"' not in first
    assert 'id="page-next"' not in last
    assert "401\u2013450 of 450" in text_of(f"?signal={BELL}&page=99")


def test_nothing_that_fits_says_so_and_leads_back(journal: Journal) -> None:
    page = text_of("?find=no-such-thing")

    assert "No row fits" in page
    assert f'<a class="link" href="{PAGE}"' in page


@pytest.mark.parametrize(
    "query",
    [
        "?page=-1",
        "?page=99999999999",
        "?page=\u0663",
        "?sort=password&window=2y&flag=&flag=<b>",
        f"?find={'x' * 10_000}&open={'y' * 10_000}",
        "?signal=%00&sender=%FF",
    ],
)
def test_an_address_that_nobody_wrote_is_read_as_far_as_it_makes_sense(query: str, journal: Journal) -> None:
    text_of(query)


# --- windows ---------------------------------------------------------------------------------


def test_a_window_counts_only_what_is_in_it(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("ring", id=f"e{age}", age_s=age) for age in (4_000, 2_000, 600, 200, 10)])

    counted = {key: cell(rows_in(text_of(f"?signal={BELL}&window={key}"))[0], "calls") for key in WINDOWS}

    assert counted == {"1m": "1", "5m": "2", "15m": "3", "1h": "4", "all": "5"}


def test_in_a_short_window_what_did_not_run_is_idle(journal: Journal) -> None:
    connect(ring)
    journal.append([rung("ring", age_s=600)])

    (row,) = rows_in(text_of(f"?signal={BELL}&window=1m"))

    assert cell(row, "flags") == "idle"
    assert "not called in the last minute" in row


def test_the_page_says_which_process_and_how_far_the_figures_reach(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(ring)
    journal.append([rung("ring", id=f"e{number}", age_s=60 - number) for number in range(30)])
    page = text_of()
    assert f"pid {os.getpid()} on {socket.gethostname()}" in page
    assert "Figures of all processes in the journal, since" in page
    assert "more entries than are read" not in page

    monkeypatch.setattr(stretch, "MOST_ENTRIES", 10)
    calls._kept.clear()
    page = text_of()

    assert "the window holds more entries than are read" in page
    (row,) = rows_in(page)
    assert cell(row, "calls") == "10"


def test_what_was_not_read_is_not_called_never_run(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(ring, answer)
    journal.append([rung("ring", id=f"e{number}", age_s=60 - number) for number in range(30)])
    monkeypatch.setattr(stretch, "MOST_ENTRIES", 10)

    assert cell(rows_in(text_of())[1], "flags") == "idle"


def test_without_the_journal_registrations_are_listed_and_the_reason_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> Journal:
        raise JournalError("The journal 'x' cannot be opened. Give it a folder.")

    monkeypatch.setattr(pipeline, "journal", fail)
    connect(ring)

    page = text_of()

    assert names_in(page) == ["ring"]
    assert flags_in(rows_in(page)[0]) == []
    assert "The journal &#x27;x&#x27; cannot be opened." in page


# --- figures kept for a moment ---------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was read from the journal since."""
    done: list[Any] = []

    def counting(*arguments: Any, **named: Any) -> Any:
        done.append(arguments)
        return stretch.read(*arguments, **named)

    monkeypatch.setattr(calls, "read", counting)
    return done


def test_sorting_and_filtering_use_the_figures_of_the_page(journal: Journal, reads: list[Any]) -> None:
    connect(ring)
    text_of()
    journal.append([rung("ring")])

    rows = rows_in(text_of(f"?signal={BELL}&sort=calls", HX_Request="true"))

    assert len(reads) == 1
    assert cell(rows[0], "calls") == "0"


def test_a_page_reads_anew_what_the_journal_holds_by_now(journal: Journal, reads: list[Any]) -> None:
    connect(ring)
    text_of()
    journal.append([rung("ring")])

    assert cell(rows_in(text_of())[0], "calls") == "1"
    assert len(reads) == 2


def test_a_page_of_an_unchanged_journal_reads_nothing(journal: Journal, reads: list[Any]) -> None:
    text_of()
    text_of()

    assert len(reads) == 1


def test_what_is_registered_meanwhile_has_figures_at_once(journal: Journal, reads: list[Any]) -> None:
    journal.append([rung("ring")])
    assert flags_in(rows_in(text_of())[0]) == ["unregistered"]

    connect(ring)

    rows = rows_in(text_of(HX_Request="true"))
    assert [flags_in(row) for row in rows] == [[]]


# --- what a row unfolds to -------------------------------------------------------------------


def recent(entries: Sequence[Entry]) -> list[Entry]:
    begin = datetime.now(UTC) - timedelta(seconds=5)
    first = entries[0].at
    for entry in entries:
        entry.at = begin + (entry.at - first)
    return list(entries)


def test_a_row_unfolds_to_its_source_with_line_numbers(journal: Journal) -> None:
    connect(ring)
    (one,) = of_bell()

    more = details(one.key)

    assert more.lstrip().startswith(f'<tr class="more" id="more-{one.key}">')
    assert f'<span class="no">{ring.__code__.co_firstlineno}</span>' in more
    assert '<span class="kw">def</span> <span class="fn">ring</span>' in more
    assert "# Shown in the row: &lt;b&gt;not markup&lt;/b&gt;." in more


def test_of_two_lambdas_each_shows_its_own_source(journal: Journal) -> None:
    first = lambda **kwargs: "the first"  # noqa: E731
    second = lambda **kwargs: "the second"  # noqa: E731
    connect(first, second)
    one, other = of_bell()

    assert "the first" in details(one.key)
    assert "the second" in details(other.key)


def test_a_row_unfolds_to_its_last_and_slowest_traces(journal: Journal) -> None:
    journal.append(recent(admin_add()))
    page = text_of("?find=make_thumbnail&flag=unregistered")
    key = re.search(r'id="r-(\w+)"', page)
    assert key is not None

    more = details(key[1])

    assert more.count("POST /admin/demo_app/post/add/") >= 2
    assert f'href="/signals/traces/{origin().trace}/"' in more
    assert "The source of what is registered no more is not shown." in more


def test_only_sources_of_registered_receivers_are_ever_read(journal: Journal) -> None:
    journal.append([rung("gone", file=__file__, line=1)])
    key = re.search(r'id="r-(\w+)"', text_of())
    assert key is not None

    assert '<code class="source"' not in details(key[1])


@pytest.mark.parametrize("key", ["nobody", "<b>", "..", "x" * 500])
def test_a_key_that_names_nothing_says_so(key: str, journal: Journal) -> None:
    assert "not there any more" in details(key)


def test_without_htmx_a_row_is_unfolded_in_the_page(journal: Journal) -> None:
    connect(ring, answer)
    one, other = of_bell()

    response = get(f"{PAGE}{one.key}/?window=5m")
    assert response.status_code == 302
    assert response.headers["Location"] == f"{PAGE}?window=5m&open={one.key}#r-{one.key}"

    page = text_of(f"?signal={BELL}&open={one.key}")
    assert page.count('<tr class="more"') == 1
    assert page.index(f'id="more-{one.key}"') < page.index(f'id="r-{other.key}"')
    assert page.count('aria-expanded="true"') == 1
    fold = re.search(rf'href="([^"]+)" data-details="{PAGE}{one.key}/"', page)
    assert fold is not None
    assert "open=" not in fold[1]


def test_the_navigation_leads_to_the_receivers(journal: Journal) -> None:
    page = text_of()

    assert f'<a href="{PAGE}" aria-current="page">' in page


def test_a_choice_is_read_back_from_its_own_address() -> None:
    given = "find=a+b&signal=s&sender=any+sender&app=x&flag=dead&flag=weak&window=15m&sort=-p95&page=2&open=k"
    choice = Choice.of(QueryDict(given))

    assert parse_qs(urlsplit(choice.address(page=2, open="k")).query) == parse_qs(given)
