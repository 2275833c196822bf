"""Which processes a graph's figures come from: its legend, a sheet's shares, bands, one process alone."""

from __future__ import annotations

import re

from dashboard.events import Entry, Process
from dashboard.graph import node_id
from dashboard.journal.base import Journal

from .samples import admin_add, call, emission, origin
from .test_views_graph import GRAPH, RECEIVER, journal, recent, text_of

__all__ = ["journal"]

SHELL = Process("web-1", 4712, "MainThread", "shell")


def of_two_processes() -> list[Entry]:
    mine = [
        emission(f"s{number}", number, trace="c" * 32, calls=[call()], process=SHELL) for number in range(6)
    ]
    return recent([*admin_add(), *mine, origin("opened", type="shell", trace="c" * 32, process=SHELL)])


def test_of_one_process_the_graph_tells_nothing(journal: Journal) -> None:
    journal.append(recent(admin_add()))
    shown = text_of(GRAPH)
    assert re.search(r'id="graph-processes"[^>]* hidden', shown)
    assert 'class="band' not in shown


def test_the_legend_has_each_process_and_its_share_and_nodes_have_bands(journal: Journal) -> None:
    journal.append(of_two_processes())
    shown = text_of(GRAPH)
    assert not re.search(r'id="graph-processes"[^>]* hidden', shown)
    assert re.findall(r'process-key hue-(\d)"', shown) == [str(SHELL.hue), str(Process("web-1", 4711).hue)]
    assert re.findall(r'<span class="dim">(\d+) %</span></a>', shown) == ["55", "45"]
    assert f'class="band hue-{SHELL.hue}"' in shown
    assert f"<title>{RECEIVER}: shell 4712 86 %, pid 4711 14 %</title>" in shown


def test_the_graph_of_one_process_holds_what_it_did_and_nothing_else(journal: Journal) -> None:
    journal.append(of_two_processes())
    shown = text_of(f"{GRAPH}?process=web-1%3A4712&idle=hide")
    assert "make_thumbnail" in shown
    assert "notify_author" not in shown
    assert 'aria-pressed="true"' in shown
    assert 'data-process="web-1:4712"' in shown
    assert "process=web-1%3A4712" in re.findall(r'data-refresh="([^"]*)"', shown)[0]


def test_a_process_that_did_nothing_in_the_window_can_be_let_go_of(journal: Journal) -> None:
    journal.append(of_two_processes())
    shown = text_of(f"{GRAPH}?process=%22%3E%3Cscript%3E")
    assert "<script>" not in shown.replace("<script type", "").replace("<script src", "")
    assert "Only &quot;&gt;&lt;script&gt;" in shown


def test_the_sheet_says_which_processes_did_it(journal: Journal) -> None:
    journal.append(of_two_processes())
    shown = text_of(f"{GRAPH}nodes/{node_id(('receiver', RECEIVER))}/")
    found = re.findall(r'<li class="hue-\d"><a href="([^"]*)".*?<span class="num">(.*?)</span>', shown)
    assert [number for _, number in found] == ["6\u00d7 · 86 %", "1\u00d7 · 14 %"]
    assert "process=web-1%3A4712" in found[0][0]


def test_the_sheet_of_one_process_filters_the_stream_to_it(journal: Journal) -> None:
    journal.append(of_two_processes())
    shown = text_of(f"{GRAPH}nodes/{node_id(('receiver', RECEIVER))}/?process=web-1%3A4712")
    (address,) = re.findall(r'href="([^"]*)">Filter the stream to this', shown)
    assert "process%3A%3Dweb-1%3A4712" in address
