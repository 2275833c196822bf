"""The graph's page, its panel and the sheets: what is shown, to whom, and what never is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.dispatch import Signal
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from dashboard import pipeline
from dashboard.events import Bypass, Cause, Emission, Entry, Outcome, Transaction
from dashboard.graph import node_id
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError
from dashboard.query import parse
from dashboard.registrations import registrations
from dashboard.views import graph as views
from dashboard.views import source, stretch
from dashboard.views.looks import Look, query_for
from dashboard.views.windows import WINDOWS

from .samples import POST_SAVE, admin_add, boom, call, emission, origin

STAFF = User(username="staff", is_staff=True)
GRAPH = "/signals/graph/"
RECEIVER = "demo_app.receivers.make_thumbnail"
signalled = Signal()


def listens(sender: Any, **kwargs: Any) -> None:
    # Shown on the sheet: <b>not markup</b>.
    return None


def recent(entries: Sequence[Entry], age_s: float = 5.0) -> list[Entry]:
    """Return the entries as if they had been recorded so long ago."""
    begin = datetime.now(UTC) - timedelta(seconds=age_s)
    first = entries[0].at
    for entry in entries:
        entry.at = begin + (entry.at - first)
    return list(entries)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def get(path: str, user: Any = STAFF, **headers: str) -> HttpResponse:
    split = urlsplit(path)
    request = RequestFactory().get(path, headers=headers)
    request.user = user
    found = re.fullmatch(r"/signals/graph/nodes/(\w+)/", split.path)
    response = views.node(request, id=found[1]) if found else views.graph(request)
    assert isinstance(response, HttpResponse)
    return response


def text_of(path: str, **headers: str) -> str:
    response = get(path, **headers)
    assert response.status_code == 200
    return response.content.decode()


def drawing_in(page: str) -> ET.Element:
    drawn = re.search(r'<svg class="graph.*?</g>\s*</svg>', page, re.DOTALL)
    assert drawn is not None
    return ET.fromstring(drawn[0])  # noqa: S314  (made by the view under test)


def export(format: str, query: str = "", user: Any = STAFF) -> HttpResponse:
    request = RequestFactory().get(f"{GRAPH}export/{format}/{query}")
    request.user = user
    response = views.export(request, format=format)
    assert isinstance(response, HttpResponse)
    return response


def nodes_in(page: str) -> dict[str, ET.Element]:
    return {
        node.attrib["data-path"]: node for node in drawing_in(page).iter("a") if "data-path" in node.attrib
    }


def sheet_of(*key: str, window: str = "1m") -> str:
    return text_of(f"{GRAPH}nodes/{node_id(key)}/?window={window}", HX_Request="true")


# --- who may look ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [GRAPH, f"{GRAPH}?panel=1", f"{GRAPH}nodes/abc/"])
def test_only_who_is_allowed_sees_the_graph(path: str, journal: Journal) -> None:
    assert get(path, AnonymousUser()).status_code == 302
    assert get(path, User(username="reader")).status_code == 403


def test_every_answer_carries_the_strict_policy(journal: Journal) -> None:
    for path in (GRAPH, f"{GRAPH}?panel=1", f"{GRAPH}nodes/abc/"):
        assert "default-src 'none'" in get(path).headers["Content-Security-Policy"]


# --- the page --------------------------------------------------------------------------------


def test_the_page_draws_what_was_seen_and_what_is_registered(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    page = text_of(f"{GRAPH}?group=none")
    nodes = nodes_in(page)

    assert f"receiver|{RECEIVER}" in nodes
    assert "origin|POST /admin/demo_app/post/add/" in nodes
    assert f"point|{POST_SAVE}|demo_app.Post" in nodes
    assert "receiver|django.db.close_old_connections" in nodes
    assert "is-idle" in nodes["receiver|django.db.close_old_connections"].attrib["class"]
    assert "is-idle" not in nodes[f"receiver|{RECEIVER}"].attrib["class"]
    assert 'aria-current="page"' in page


def test_nodes_are_links_with_names_that_can_be_spoken(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    node = nodes_in(text_of(GRAPH))[f"receiver|{RECEIVER}"]

    assert node.attrib["href"] == f"{GRAPH}nodes/{node_id(('receiver', RECEIVER))}/"
    assert node.attrib["aria-label"].endswith(f", 1\u00d7, p95 75.6 ms, receiver {RECEIVER}")


def test_edges_name_nodes_that_are_drawn(journal: Journal) -> None:
    journal.append(recent(admin_add()))
    page = text_of(GRAPH)
    ids = {node.attrib["data-node"] for node in nodes_in(page).values()}

    edges = [edge.attrib for edge in drawing_in(page).iter("path") if "data-from" in edge.attrib]

    assert edges
    assert all({edge["data-from"], edge["data-to"]} <= ids for edge in edges)
    assert [edge["marker-end"] for edge in edges if "is-caused" in edge["class"]] == ["url(#arrow)"]


def test_the_window_leaves_out_what_is_older(journal: Journal) -> None:
    journal.append(recent(admin_add(), age_s=200))

    assert f"receiver|{RECEIVER}" not in nodes_in(text_of(GRAPH))
    assert f"receiver|{RECEIVER}" in nodes_in(text_of(f"{GRAPH}?window=5m"))
    assert f"receiver|{RECEIVER}" in nodes_in(text_of(f"{GRAPH}?window=all"))


def test_idle_nodes_and_caused_edges_can_be_hidden(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    page = text_of(f"{GRAPH}?idle=hide&caused=hide")

    assert not any("is-idle" in node.attrib["class"] for node in nodes_in(page).values())
    assert "is-caused" not in ET.tostring(drawing_in(page), encoding="unicode")
    assert page.count(" checked") == 2


def test_nodes_are_found_by_name_without_javascript(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    nodes = nodes_in(text_of(f"{GRAPH}?find=RECEIVERS.MAKE_THUMB"))
    found = [path for path, node in nodes.items() if "is-found" in node.attrib["class"]]

    assert found == [f"receiver|{RECEIVER}"]


def test_an_empty_window_says_what_to_do_next(journal: Journal) -> None:
    page = text_of(GRAPH)

    assert "Nothing was sent in the last minute." in page
    assert "Save something in the admin" in page


def test_hiding_idle_nodes_when_all_are_idle_says_so(journal: Journal) -> None:
    page = text_of(f"{GRAPH}?idle=hide")

    assert "No nodes but idle ones" in page
    assert 'href="/signals/graph/">Show idle nodes' in page


def test_htmx_gets_the_drawing_alone_and_the_counts_beside_it(journal: Journal) -> None:
    part = text_of(GRAPH, HX_Request="true")

    assert part.lstrip().startswith('<div id="graph-view"')
    assert 'id="graph-counts"' in part
    assert "<html" not in part


def test_closing_the_sheet_gives_an_empty_one(journal: Journal) -> None:
    part = text_of(GRAPH, HX_Request="true", HX_Target="node")

    assert "No node selected" in part
    assert "<svg" not in part


@pytest.mark.parametrize(
    "query", ["window=%00&find=%F0%9F%98%80", "window[]=1&idle=1&node=../..", "find=" + "x" * 5000]
)
def test_parameters_that_mean_nothing_are_ignored(query: str, journal: Journal) -> None:
    assert get(f"{GRAPH}?{query}").status_code in (200, 404)


def test_a_journal_that_cannot_be_read_is_said_and_registrations_are_still_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> Journal:
        raise JournalError("The journal's file is locked: /x. Close the other program.")

    monkeypatch.setattr(pipeline, "journal", broken)

    page = text_of(f"{GRAPH}?group=none")

    assert "The journal&#x27;s file is locked: /x. Close the other program." in page
    assert "only what is registered is drawn" in page
    assert "receiver|django.db.close_old_connections" in nodes_in(page)


def test_a_window_with_more_entries_than_are_read_says_how_far_it_reaches(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "MOST_ENTRIES", 3)
    journal.append(recent(admin_add()))

    assert "The newest 2 emissions, since" in text_of(GRAPH)


# --- hostile names ---------------------------------------------------------------------------

HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>" * 12,
    "\u202eevil\u202c\u05e9\u05dc\u05d5\u05dd",
    "\U0001f600" * 300,
    "]]>&amp;{{ settings.SECRET_KEY }}{% url %}",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_the_app_are_escaped_and_cut(name: str, journal: Journal) -> None:
    entries: list[Entry] = [
        origin(title=name, verb=name),
        emission("a", sender=name, signal=name, calls=[call(name, outcome="raised", error=boom())]),
    ]
    journal.append(recent(entries))

    page, panel = text_of(GRAPH), text_of(f"{GRAPH}?panel=1")
    sheet = sheet_of("receiver", name)

    for markup in (page, panel, sheet):
        assert "<script>alert" not in markup
        assert "<img src=x" not in markup
    assert all(len(text.text or "") < 60 for text in drawing_in(page).iter("text"))
    titles = [title.text for title in drawing_in(page).iter("title")]
    assert name in titles


# --- the sheet -------------------------------------------------------------------------------


def test_the_sheet_of_a_receiver_shows_figures_counted_by_hand(journal: Journal) -> None:
    entries: list[Entry] = [
        emission(f"e{index}", index, calls=[call(duration_us=duration * 1000.0)])
        for index, duration in enumerate([10, 20, 30, 40, 100])
    ]
    entries.append(emission("bad", 9, calls=[call(duration_us=5_000.0, outcome="raised", error=boom())]))
    journal.append(recent(entries))

    figures = dict(
        re.findall(r'<span class="label">(\w+)</span><b[^>]*>([^<]+)</b>', sheet_of("receiver", RECEIVER))
    )

    assert figures == {"rate": "6\u00d7", "p50": "20.0 ms", "p95": "100 ms", "p99": "100 ms", "errors": "1"}


def test_the_sheet_names_what_leads_to_the_node_and_what_it_causes(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    sheet = sheet_of("receiver", RECEIVER)

    comes, causes = sheet.index("Comes from"), sheet.index("<h3>Causes")
    assert comes < sheet.index("post_save", comes) < causes < sheet.index("pre_save", causes)


def test_the_sheet_links_the_slowest_traces_and_the_stream_filtered_to_the_node(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    sheet = sheet_of("receiver", RECEIVER)
    queries = [
        parse_qs(urlsplit(link).query)["q"][0] for link in re.findall(r'href="(/signals/\?[^"]+)"', sheet)
    ]

    assert queries[0] == f"receiver:={RECEIVER}"
    assert set(queries[1:]) == {f"trace:{admin_add()[0].trace}"}
    assert "POST /admin/demo_app/post/add/" in sheet


def test_the_sheet_shows_registration_and_source_of_a_registered_receiver(journal: Journal) -> None:
    signalled.connect(listens, dispatch_uid="sheet")
    try:
        sheet = sheet_of("receiver", f"{__name__}.listens", window="all")
    finally:
        signalled.disconnect(listens, dispatch_uid="sheet")

    assert "any sender" in sheet
    assert "<dd>sheet</dd>" in sheet
    assert re.search(r"tests/test_views_graph\.py:\d+", sheet)
    assert '<span class="kw">def</span> <span class="fn">listens</span>' in sheet
    assert "# Shown on the sheet: &lt;b&gt;not markup&lt;/b&gt;." in sheet
    assert "Not seen in the journal." in sheet


def test_the_sheet_of_a_point_counts_the_registrations_that_its_emissions_run(journal: Journal) -> None:
    journal.append(recent([emission(signal="django.core.signals.request_started", sender="app.Handler")]))

    sheet = sheet_of("point", "django.core.signals.request_started", "app.Handler")
    listed = [one for one in registrations() if one.signal == "django.core.signals.request_started"]

    assert f'Registrations <span class="dim">{len(listed)}</span>' in sheet
    assert "close_old_connections" in sheet


def test_no_source_is_shown_of_what_is_not_registered(journal: Journal) -> None:
    signalled.connect(listens)
    signalled.disconnect(listens)
    journal.append(recent([emission(calls=[call(f"{__name__}.listens")])]))

    sheet = sheet_of("receiver", f"{__name__}.listens")

    assert "not registered in this process now" in sheet
    assert "<h3>Source" not in sheet
    assert source.source_of(f"{__name__}.listens") is None


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "config.settings", "../manage.py", "dashboard.views.source.source_of"]
)
def test_a_name_that_no_receiver_has_gives_no_source(name: str) -> None:
    assert source.source_of(name) is None


def test_an_unknown_node_is_said_to_be_none(journal: Journal) -> None:
    response = get(f"{GRAPH}nodes/abcdef/")

    assert response.status_code == 404
    assert "Not in this graph" in response.content.decode()
    assert "Not in this graph" in text_of(f"{GRAPH}nodes/abcdef/", HX_Request="true")


def test_the_sheets_address_alone_gives_the_page_with_the_node_chosen(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    page = text_of(f"{GRAPH}nodes/{node_id(('receiver', RECEIVER))}/")

    assert "is-selected" in nodes_in(page)[f"receiver|{RECEIVER}"].attrib["class"]
    assert "has-selection" in drawing_in(page).attrib["class"]
    assert "Comes from" in page


@pytest.mark.parametrize(
    "key",
    [
        ("origin", "POST /admin/demo_app/post/add/"),
        ("sender", "demo_app.Post"),
        ("signal", POST_SAVE),
        ("point", POST_SAVE, "demo_app.Post"),
    ],
)
def test_each_kind_of_node_has_a_sheet(key: tuple[str, ...], journal: Journal) -> None:
    journal.append(recent(admin_add()))

    sheet = sheet_of(*key)

    assert "Filter the stream to this" in sheet
    assert "Slowest traces" in sheet


def test_a_trace_that_began_before_the_window_still_has_its_origin(journal: Journal) -> None:
    shell = origin(type="shell", verb="shell", title="interactive session", trace="5e" * 16)
    shell.at = datetime.now(UTC) - timedelta(hours=1)
    journal.append([shell, *recent([emission("a", trace="5e" * 16)])])

    assert "origin|shell" in nodes_in(text_of(GRAPH))


# --- the panel -------------------------------------------------------------------------------


def test_the_panel_holds_few_nodes_and_counts_the_others(journal: Journal) -> None:
    entries = [
        emission(f"e{index}", sender=f"app.M{index}", calls=[call(f"app.r{index}")]) for index in range(30)
    ]
    journal.append(recent(entries))

    panel = text_of(f"{GRAPH}?panel=1")
    kinds = [path.partition("|")[0] for path in nodes_in(panel)]

    assert kinds.count("receiver") == 9
    assert kinds.count("sender") == 9
    assert kinds.count("point") + kinds.count("signal") == 12
    assert len(re.findall(r">\d+ more</text>", panel)) == 3
    assert "<html" not in panel


def test_the_panel_counts_of_the_last_minute_what_is_in_memory_and_says_so(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(recent([emission(f"e{number}", number) for number in range(10)]))
    newest = journal.read(6, 4)
    monkeypatch.setattr(pipeline, "recent", lambda: newest)

    assert "The newest 4 emissions in the last minute; those before are not drawn." in text_of(
        f"{GRAPH}?panel=1&window=1m"
    )
    for whole in (f"{GRAPH}?panel=1&window=5m", f"{GRAPH}?window=1m"):
        assert "The newest" not in text_of(whole)
        assert "10\N{MULTIPLICATION SIGN}" in text_of(whole)


def test_a_node_of_the_panel_filters_the_stream(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    link = nodes_in(text_of(f"{GRAPH}?panel=1"))[f"receiver|{RECEIVER}"].attrib["href"]

    assert parse_qs(urlsplit(link).query) == {"q": [f"receiver:={RECEIVER}"]}


def test_the_panel_chooses_the_node_that_the_stream_is_filtered_to(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    panel = text_of(f"{GRAPH}?panel=1", HX_Current_URL=f"http://h/signals/?q=receiver:%3D{RECEIVER}")
    node = nodes_in(panel)[f"receiver|{RECEIVER}"]

    assert "is-selected" in node.attrib["class"]
    assert node.attrib["href"] == "/signals/"
    assert f'href="{GRAPH}nodes/{node_id(("receiver", RECEIVER))}/"' in panel
    assert "75.6 ms" in panel


def test_the_panel_chooses_no_node_when_the_stream_is_filtered_to_something_else(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    panel = text_of(f"{GRAPH}?panel=1", HX_Current_URL="http://h/signals/?q=is:error")

    assert "is-selected" not in panel


def test_a_refresh_of_the_panel_is_the_drawing_alone(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    part = text_of(
        f"{GRAPH}?panel=1&window=5m",
        HX_Request="true",
        HX_Target="graph-view",
        HX_Current_URL=f"http://h/signals/?q=receiver:%3D{RECEIVER}",
    )

    assert part.lstrip().startswith('<div id="graph-view"')
    assert "graph-counts" not in part
    assert f'data-refresh="{GRAPH}?window=5m&amp;panel=1"' in part
    assert "is-selected" in nodes_in(part)[f"receiver|{RECEIVER}"].attrib["class"]


def test_a_panel_of_a_page_with_nonsense_in_its_address_is_drawn_all_the_same(journal: Journal) -> None:
    assert get(f"{GRAPH}?panel=1", HX_Current_URL="http://[::1/?node=%FF&window=9").status_code == 200


# --- filters of nodes ------------------------------------------------------------------------


def filter_for(*key: str) -> str:
    from dashboard.graph import Node

    return query_for(Node(id="x", kind=key[0], key=key))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("receiver", "a.b"), "receiver:=a.b"),
        (("point", POST_SAVE, "demo_app.Post"), f"signal:={POST_SAVE} sender:=demo_app.Post"),
        (("point", POST_SAVE, ""), f"signal:={POST_SAVE}"),
        (("sender", ""), ""),
        (("origin", "manage.py migrate"), 'origin:"manage.py migrate"'),
        (("origin", "GET /posts/<slug>/"), 'origin:"GET /" origin:/posts/*/'),
        (("receiver", 'a "quoted" *'), 'receiver:="a ""quoted"" *"'),
    ],
)
def test_the_filter_of_a_node_asks_for_what_passed_through_it(key: tuple[str, ...], text: str) -> None:
    assert filter_for(*key) == text


def test_the_filter_of_a_route_matches_its_requests_and_no_others() -> None:
    asked = parse(filter_for("origin", "POST /admin/demo_app/post/<object_id>/change/"))

    assert asked.matches(origin(title="/admin/demo_app/post/42/change/"))
    assert not asked.matches(origin(title="/admin/demo_app/post/42/delete/"))
    assert not asked.matches(origin(verb="GET", title="/admin/demo_app/post/42/change/"))


@pytest.mark.parametrize("title", ["GET /a(<b>)/ or /", 'GET /"<x>"/', "GET /<x", "GET /<<x>>/"])
def test_the_filter_of_a_strange_route_still_parses(title: str) -> None:
    assert str(parse(filter_for("origin", title))).startswith('origin:"GET /" origin:/')


def test_a_looks_address_says_only_what_differs_from_the_first_look() -> None:
    assert Look().address() == GRAPH
    assert Look(window=WINDOWS["5m"], hide_idle=True).address() == f"{GRAPH}?window=5m&idle=hide"
    assert Look(node="abc", find="a b").address() == f"{GRAPH}nodes/abc/?find=a+b"


# --- source ----------------------------------------------------------------------------------


def test_source_is_cut_into_parts_of_speech() -> None:
    (line,) = source.highlight(["def f(x='a'):  # why"])

    assert line == [
        ("kw", "def"),
        ("", " "),
        ("fn", "f"),
        ("", "(x="),
        ("str", "'a'"),
        ("", "):  "),
        ("com", "# why"),
    ]


def test_text_over_several_lines_is_marked_on_each() -> None:
    assert source.highlight(['x = """a', 'b"""']) == [[("", "x = "), ("str", '"""a')], [("str", 'b"""')]]


def test_source_that_was_cut_in_mid_statement_is_shown_as_far_as_it_goes() -> None:
    lines = source.highlight(["def f(", "    x,"])

    assert ["".join(text for _, text in line) for line in lines] == ["def f(", "    x,"]


def test_a_long_source_is_cut_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "long_receiver.py"
    file.write_text("def long(**kwargs):\n" + "    x = 1\n" * 200)
    scope: dict[str, Any] = {"__name__": "long_receiver"}
    exec(compile(file.read_text(), str(file), "exec"), scope)  # noqa: S102  (the file above)
    signalled.connect(scope["long"])
    try:
        found = source.source_of("long_receiver.long")
    finally:
        signalled.disconnect(scope["long"])

    assert found is not None
    assert (len(found.lines), found.cut) == (source.MOST_LINES, True)


def test_a_receiver_that_is_not_written_in_python_has_no_source() -> None:
    signalled.connect(print, weak=False)
    try:
        assert source.source_of("builtins.print") is None
    finally:
        signalled.disconnect(print)


# --- entries ---------------------------------------------------------------------------------


def test_the_graph_reads_registrations_as_they_are_now(journal: Journal) -> None:
    # What other test modules have connected may fold this one's receivers into a group.
    ungrouped = f"{GRAPH}?group=none"
    signalled.connect(listens)
    try:
        assert any(one.receiver == f"{__name__}.listens" for one in registrations())
        assert f"receiver|{__name__}.listens" in nodes_in(text_of(ungrouped))
    finally:
        signalled.disconnect(listens)
    assert f"receiver|{__name__}.listens" not in nodes_in(text_of(ungrouped))


def test_a_cause_is_drawn_back_to_its_receiver(journal: Journal) -> None:
    entries: list[Emission] = [
        emission("child", sender="app.B", cause=Cause("parent", 0)),
        emission("parent", calls=[call()]),
    ]
    journal.append(recent(entries))

    edges = [
        edge.attrib
        for edge in drawing_in(text_of(GRAPH)).iter("path")
        if "is-caused" in edge.get("class", "")
    ]

    assert [(edge["data-from"], edge["data-to"]) for edge in edges] == [
        (node_id(("receiver", RECEIVER)), node_id(("point", POST_SAVE, "app.B")))
    ]


# --- bypasses --------------------------------------------------------------------------------


def bypass(**fields: Any) -> Bypass:
    return Bypass(
        id="b1",
        at=admin_add()[0].at,
        trace=admin_add()[0].trace,
        operation="bulk_create()",
        sender="demo_app.Post",
        rows=20,
        skipped=[RECEIVER],
        **fields,
    )


def test_a_bypass_is_drawn_dashed_with_the_receivers_it_skipped(journal: Journal) -> None:
    journal.append(recent([admin_add()[0], bypass()]))

    page = text_of(GRAPH)
    nodes = nodes_in(page)
    edges = {
        (edge.attrib["data-from"], edge.attrib["data-to"]): edge.attrib["class"]
        for edge in drawing_in(page).iter("path")
        if "data-from" in edge.attrib
    }

    ghost, skipped = node_id(("ghost", "bulk_create()", "demo_app.Post")), node_id(("receiver", RECEIVER))
    assert "is-ghost" in edges[ghost, skipped]
    assert "is-ghost" in edges[node_id(("sender", "demo_app.Post")), ghost]
    assert "is-skipped" in nodes[f"receiver|{RECEIVER}"].attrib["class"]
    assert "skipped 1\u00d7" in nodes[f"receiver|{RECEIVER}"].attrib["aria-label"]
    assert "20 rows" in nodes["bypass|bulk_create()"].attrib["aria-label"]


def test_bypasses_can_be_hidden(journal: Journal) -> None:
    journal.append(recent([*admin_add(), bypass(cause=Cause("e3", 0))]))

    page = text_of(f"{GRAPH}?bypass=hide")

    assert "bypass|bulk_create()" not in nodes_in(page)
    assert "is-ghost" not in ET.tostring(drawing_in(page), encoding="unicode")


@pytest.mark.parametrize("key", [("bypass", "bulk_create()"), ("ghost", "bulk_create()", "demo_app.Post")])
def test_a_bypass_has_a_sheet_with_the_rows_and_the_skipped_receivers(
    key: tuple[str, ...], journal: Journal
) -> None:
    journal.append(recent([admin_add()[0], bypass()]))

    sheet = sheet_of(*key)

    assert "Skipped receivers" in sheet or key[0] == "bypass"
    assert "make_thumbnail" in sheet
    assert "q=family%3Abypass" in sheet


# --- groups, words, the end of the window ----------------------------------------------------


def crowd() -> list[Entry]:
    return recent(
        [
            emission(f"e{index}", sender=f"app{index % 3}.M{index}", calls=[call(f"app{index % 3}.r{index}")])
            for index in range(80)
        ]
    )


def test_many_nodes_are_grouped_and_each_group_is_a_link_that_opens_it(journal: Journal) -> None:
    journal.append(crowd())

    group = nodes_in(text_of(f"{GRAPH}?idle=hide"))["group|receivers|app1|"]

    assert (group.attrib["role"], group.attrib["aria-expanded"]) == ("button", "false")
    assert "receiver|app1.r1" in group.attrib["data-stands-for"]
    opened = nodes_in(text_of(group.attrib["href"]))
    assert opened["group|receivers|app1|"].attrib["aria-expanded"] == "true"
    assert "receiver|app1.r1" in opened
    assert "receiver|app2.r2" not in opened
    folded = nodes_in(text_of(opened["group|receivers|app1|"].attrib["href"]))
    assert "receiver|app1.r1" not in folded


def test_the_address_of_a_refresh_says_how_far_the_drawing_was_folded(journal: Journal) -> None:
    journal.append(crowd())

    assert re.search(r'data-refresh="[^"]*levels=0[0-4]{3}"', text_of(f"{GRAPH}?idle=hide"))


def test_a_search_keeps_what_was_found_and_its_paths(journal: Journal) -> None:
    journal.append(crowd())

    nodes = nodes_in(text_of(f"{GRAPH}?find=app1.r1"))

    assert "is-found" in nodes["receiver|app1.r1"].attrib["class"]
    assert "sender|app1.M1" in nodes
    assert "receiver|app2.r2" not in nodes


def test_a_search_that_finds_nothing_says_so(journal: Journal) -> None:
    page = text_of(f"{GRAPH}?find=no-such-node")

    assert "No node is called like that" in page
    assert f'href="{GRAPH}">Show all nodes' in page


def test_only_the_paths_of_the_chosen_node_can_be_shown(journal: Journal) -> None:
    journal.append(crowd())
    chosen = node_id(("receiver", "app1.r1"))

    nodes = nodes_in(text_of(f"{GRAPH}nodes/{chosen}/?focus=1"))

    assert {path.partition("|")[0] for path in nodes} == {"sender", "signal", "point", "receiver"}
    assert len(nodes) == 4


def test_the_graph_is_there_in_words_too(journal: Journal) -> None:
    journal.append(recent([*admin_add(), bypass()]))

    page = text_of(GRAPH)
    words = page[page.index('class="graph-list"') :]

    saved = words.index("post_save")
    assert (
        saved
        < words.index("from POST /admin/demo_app/post/add/", saved)
        < words.index("make_thumbnail", saved)
    )
    assert "causes pre_save demo_app.Post" in words
    assert "1\u00d7 \u00b7 skipped" in words
    assert "1 error" in words


def test_a_wide_pages_refresh_leaves_the_words_out(journal: Journal) -> None:
    assert "graph-list" not in text_of(f"{GRAPH}?wide=1", HX_Request="true")
    assert "graph-list" in text_of(f"{GRAPH}?wide=1&shape=list", HX_Request="true")


def test_a_window_in_the_past_ends_where_it_is_said_and_does_not_follow(journal: Journal) -> None:
    journal.append(recent([emission("old", sender="app.Old")], age_s=600))
    journal.append(recent([emission("new", sender="app.New")], age_s=5))
    until = (datetime.now(UTC) - timedelta(seconds=580)).strftime("%Y-%m-%dT%H:%M:%SZ")

    page = text_of(f"{GRAPH}?until={until}&group=none")

    assert f"point|{POST_SAVE}|app.Old" in nodes_in(page)
    assert f"point|{POST_SAVE}|app.New" not in nodes_in(page)
    assert 'data-refresh=""' in page
    assert "data-held" in page
    assert f"point|{POST_SAVE}|app.New" in nodes_in(text_of(f"{GRAPH}?group=none"))


@pytest.mark.parametrize("until", ["tomorrow", "9999-12-31T23:59:59+00:01", "\x00", "2026-13-01"])
def test_a_moment_that_is_none_is_now(until: str, journal: Journal) -> None:
    request = RequestFactory().get(GRAPH, {"until": until})

    look = Look.of(request.GET)

    assert look.until is None or look.until.year == 9999


def test_what_was_rolled_back_is_said_on_the_sheet(journal: Journal) -> None:
    sent = emission(transaction=Transaction("default", "open", ["t1"]), calls=[call()])
    end = Outcome(at=sent.at, trace=sent.trace, block="t1", alias="default", state="rolled back")
    journal.append(recent([sent, end]))

    assert "1 of 1 in a transaction that was rolled back" in sheet_of("receiver", RECEIVER)


# --- files -----------------------------------------------------------------------------------


def test_a_graph_is_sent_as_a_file_to_who_may_look(journal: Journal) -> None:
    assert export("svg", user=AnonymousUser()).status_code == 302
    assert export("svg", user=User(username="reader")).status_code == 403
    assert export("dot").headers["Content-Disposition"] == 'attachment; filename="signals.dot"'
    with pytest.raises(Http404, match="png.*svg, dot, mermaid"):
        export("png")


def test_an_svg_stands_alone(journal: Journal) -> None:
    journal.append(recent(admin_add()))

    text = export("svg", "?idle=hide").content.decode()
    drawn = ET.fromstring(text)  # noqa: S314  (made by the view under test)
    svg = "{http://www.w3.org/2000/svg}"

    styles = drawn.findtext(f"{svg}style") or ""
    assert "--heat-4" in styles
    assert "prefers-color-scheme: dark" in styles
    assert ".edge" in styles
    assert not list(drawn.iter(f"{svg}a"))
    used = {use.attrib["href"] for use in drawn.iter(f"{svg}use")}
    assert used <= {f"#{symbol.attrib['id']}" for symbol in drawn.iter(f"{svg}symbol")}
    assert f"receiver {RECEIVER}".split()[1] in text


def test_files_hold_what_the_page_shows(journal: Journal) -> None:
    journal.append(crowd())

    whole = export("mermaid", "?idle=hide").content.decode()
    found = export("mermaid", "?idle=hide&find=app1.r1").content.decode()
    chosen = export("dot", f"?node={node_id(('receiver', 'app1.r1'))}&focus=1").content.decode()

    assert "app1, 27 receivers" in whole
    assert "app1.r1 " in found
    assert "app2" not in found
    assert chosen.count(" -> ") == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_an_svg_with_hostile_names_is_well_formed(name: str, journal: Journal) -> None:
    journal.append(recent([origin(title=name), emission(sender=name, signal=name, calls=[call(name)])]))

    drawn = ET.fromstring(export("svg").content)  # noqa: S314  (made by the view under test)

    assert name in [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]


def test_a_file_is_refused_when_the_journal_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The journal's file is locked: /x. Close the other program.")

    monkeypatch.setattr(pipeline, "journal", broken)

    assert export("dot").status_code == 503


# --- the filter ------------------------------------------------------------------------------


def test_a_filter_limits_the_graph_its_sheet_and_its_files(journal: Journal) -> None:
    journal.append(
        [
            emission("e1", at=datetime.now(UTC), sender="demo_app.Post", calls=[call(RECEIVER)]),
            emission("e2", at=datetime.now(UTC), sender="demo_app.Tag", calls=[call("app.receivers.other")]),
        ]
    )
    asked = "?window=all&idle=hide&q=sender:=demo_app.Post"
    page = get(f"{GRAPH}{asked}").content.decode()

    assert 'data-path="receiver|app.receivers.other"' not in page
    assert f'data-path="receiver|{RECEIVER}"' in page
    assert "data-filtered" in page
    assert 'value="sender:=demo_app.Post"' in page, "the box shows it"
    links = re.findall(r'<a id="window-[^"]+" href="([^"]+)"', page)
    assert len(links) == len(WINDOWS)
    assert all("q=sender%3A%3Ddemo_app.Post" in link for link in links), "the address keeps it"
    text = export("dot", asked).content.decode()
    assert "app.receivers.other" not in text


def test_what_a_filter_leaves_out_never_is_said_to_have_never_fired(journal: Journal) -> None:
    journal.append([emission("e1", at=datetime.now(UTC), calls=[call(RECEIVER)])])

    assert "never fired" not in get(f"{GRAPH}?window=all&q=is:error").content.decode()
    assert "Nothing that matches was sent" in get(f"{GRAPH}?q=is:error").content.decode()


def test_a_filter_that_does_not_parse_is_shown_with_its_place_and_not_applied(journal: Journal) -> None:
    journal.append([emission("e1", at=datetime.now(UTC), calls=[call(RECEIVER)])])
    page = get(f"{GRAPH}?window=all&q=(is:error").content.decode()

    assert "Not a filter, at column 1" in page
    assert f'data-path="receiver|{RECEIVER}"' in page
    assert 'value="(is:error"' in page
