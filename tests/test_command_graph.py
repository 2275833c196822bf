"""``manage.py signals graph``: what it writes, where to, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command

from dashboard import pipeline
from dashboard.journal import open_journal
from dashboard.journal.base import Journal, JournalError

from .samples import admin_add, call, emission

RECEIVER = "demo_app.receivers.make_thumbnail"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("signals", "graph", *arguments, stdout=out)
    return out.getvalue()


def test_each_format_is_written_to_stdout(journal: Journal) -> None:
    journal.append(admin_add())

    assert ET.fromstring(run()).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  (our own)
    assert run("--format", "dot").startswith("digraph signals {")
    assert run("--format", "mermaid").startswith("flowchart LR")
    assert RECEIVER in run("--format", "dot", "--hide-idle")


def test_the_graph_is_written_to_a_file(journal: Journal, tmp_path: Path) -> None:
    file = tmp_path / "graph.dot"

    assert run("--format", "dot", "--output", str(file)) == ""
    assert file.read_text().startswith("digraph signals {")


def test_a_file_that_cannot_be_written_is_named_with_the_reason(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be written to .*no/where.dot.*No such file.*Name a file"):
        run("--format", "dot", "--output", str(tmp_path / "no" / "where.dot"))


def test_options_choose_what_is_drawn(journal: Journal) -> None:
    journal.append(admin_add())

    shown = run("--format", "dot", "--hide-idle", "--hide-caused")
    assert "never fired" not in shown
    assert "style=dotted" not in shown
    assert RECEIVER not in run("--format", "dot", "--window", "1m", "--hide-idle")
    found = run("--format", "dot", "--find", "slugify_title", "--group", "none")
    assert "slugify_title" in found
    assert "update_search_index" not in found


def test_a_filter_counts_only_the_emissions_that_it_matches(journal: Journal) -> None:
    journal.append([*admin_add(), emission("other", sender="app.Other", calls=[call("app.other")])])

    text = run("--format", "dot", "--hide-idle", "--filter", "sender:=app.Other")

    assert "app.other" in text
    assert RECEIVER not in text


def test_a_filter_may_ask_for_the_origin(journal: Journal) -> None:
    journal.append([*admin_add(), emission("other", trace="0f" * 16, sender="app.Other")])

    text = run("--format", "dot", "--hide-idle", "--filter", "origin:/admin/")

    assert RECEIVER in text
    assert "app.Other" not in text


def test_a_filter_that_does_not_parse_is_refused_with_its_place(journal: Journal) -> None:
    with pytest.raises(CommandError, match="The filter does not parse at column"):
        run("--filter", "sender:(")


def test_an_unknown_format_is_refused_with_the_known_ones(journal: Journal) -> None:
    with pytest.raises(CommandError, match=r"invalid choice: 'png'.*dot.*mermaid.*svg"):
        run("--format", "png")


def test_a_journal_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Journal:
        raise JournalError("The journal's file is locked: /x. Close the other program.")

    monkeypatch.setattr(pipeline, "journal", broken)

    with pytest.raises(CommandError, match="locked: /x"):
        run()
