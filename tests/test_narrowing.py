"""What a journal is told to check: never less than what the query matches."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.events import (
    Bypass,
    Effect,
    Emission,
    Entry,
    Instance,
    Outcome,
    Site,
    Statement,
    Transaction,
)
from dashboard.journal import open_journal, pack
from dashboard.query import Background, background_of, narrowing, parse
from dashboard.query.nodes import Condition
from dashboard.stream.lookback import page_above, search
from dashboard.stream.sieve import Sieve, Within

from .samples import NOON, admin_add, boom, call, emission, origin

OTHER = "c" * 32
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def entries() -> list[Entry]:
    """Return entries of every kind, with texts that are written in more than one way."""
    return [
        *admin_add(),
        origin("opened", trace=OTHER, type="command", verb="manage.py", title="Straße"),
        emission("n", 3, trace=OTHER, payload={"vat": None, "rate": 1e-05, "paid": True, "of": ["a", None]}),
        emission("ß", 4, trace=OTHER, sender="demo_app.Straße", instance=Instance(pk="Ab-7")),
        emission("i", 5, trace=OTHER, payload={"city": "İzmir abcİ", "said": 'he said "no"\n100%_\\'}),
        emission(
            "c",
            6,
            trace=OTHER,
            duration_us=80_000.0,
            method="asend",
            flags=["loop:3", "n+1:12"],
            site=Site("demo_app/views.py", 7, "publish"),
            instance=Instance(pk="7", model="demo_app.Post"),
            sender="demo_app.Post.tags",
            calls=[
                call(
                    is_async=True,
                    queries=3,
                    mutations={"slug": ["", "x"]},
                    statements=[Statement("SELECT 1")],
                    effects=[Effect("mail", "to a@example.org")],
                ),
                call("demo_app.mail.notify", outcome="raised", error=boom()),
            ],
        ),
        Bypass(id="b", operation="QuerySet.update", sender="demo_app.Post", rows=3, at=NOON, trace=OTHER),
        emission("u", 7, trace=OTHER, transaction=Transaction("default", "open", ["k"])),
        Outcome(block="k", alias="default", state="rolled back", at=NOON, trace=OTHER),
        origin("closed", 9, trace=OTHER, type="command", title="Straße", status="failed", user="cron"),
    ]


QUERIES = (
    "signal:post_save", "signal:POST_*", "signal:=pre_save", "sender:straße", "sender:STRASSE",
    "sender:=post", "sender:demo_app.post.tags", "receiver:thumbnail", "receiver:=notify",
    "receiver:demo*notify", "origin:POST", "origin:'nothing", "origin:straße", "user:admin", "user:adm*",
    "pk:42", "pk:aB-7", "pk:a*7", "pk:*", "trace:b3b3", f"trace:={OTHER.upper()}",
    "site:demo_app/views.py:7", "site:publish", "process:4711", "process:web-1:4711", "family:save",
    "family:s*", "family:bypass", "method:asend", "method:*send*", "is:error", "is:slow", "is:loop",
    "is:rolled-back", "is:bypass", "is:n+1", "is:mutated", "is:async", "took:>50ms", "took:<1ms",
    "took:=1ms", "took:0.08s",
    "took:1ms..90ms", "queries:2..10", "took:<=1ms", "queries:>2", "queries:3", "since:10m",
    "since:2026-01-01T12:00:00.020",
    "thumbnail", "none", "vat=None", "rate=1e-05", "e-05", "paid=true", "of=['a'", "İzmir", "zmir",
    "abcİ", '"he said"', '"""no"""', "100%_", "#42", "refused", "Errno 111", '"111] conn"', "mail.py:57",
    '"default rolled"', "update skipped", "manage.py", "302", "admin", "*save*admin*", "a@example",
    "-is:error", "-is:error signal:post_save", "-signal:post_save", "-signal:POST_", "-sender:demo_app.Post",
    "-sender:straße", "-sender:=post", "-took:>50ms", "-took:<1ms", "-took:1ms", "-took:1ms..90ms", "-pk:42",
    "-signal:post_save -signal:pre_save", "method:send", "-method:send", "family:custom", "-family:custom",
    "-user:admin", "admin refused", "Straße cron", "manage.py or 302", "POST -admin", "is:error or is:bypass",
    "(pk:7 or user:admin) family:save", "signal:post_save or -took:>1ms",
    "(is:slow site:views) or (family:custom refused)", "a b c d e",
)  # fmt: skip


def backgrounds(held: list[Entry]) -> dict[str, Background]:
    traces = {entry.trace for entry in held}
    return {trace: background_of(entry for entry in held if entry.trace == trace) for trace in traces}


def traces_of(wanted: Collection[Condition]) -> frozenset[str]:
    admits = narrowing.of_background(wanted).admits
    return frozenset(entry.trace for entry in entries() if admits(pack(entry)))


@pytest.mark.parametrize("text", QUERIES)
def test_all_that_a_query_matches_is_admitted(text: str) -> None:
    query = parse(text, NOW)
    known = backgrounds(entries())
    narrow = narrowing.narrow(query, NOW, traces_of)
    missed = [
        entry
        for entry in entries()
        if query.matches(entry, *known[entry.trace]) and not narrow.admits(pack(entry))
    ]
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "signal:post_save",
        "pk:42",
        "is:error",
        "thumbnail",
        "user:cron",
        "took:>50ms",
        "is:error or pk:7",
        "-signal:post_save",
        "-sender:demo_app",
        "-is:error",
        "-took:>50ms",
        "method:asend",
    ],
)
def test_a_query_that_can_be_narrowed_leaves_entries_out(text: str) -> None:
    narrow = narrowing.narrow(parse(text, NOW), NOW, traces_of)
    assert not all(narrow.admits(pack(entry)) for entry in entries())


def test_origins_that_are_too_many_to_be_named_do_not_narrow() -> None:
    assert narrowing.narrow(parse("user:admin"), NOW, lambda condition: None).clauses == ()
    assert narrowing.narrow(parse("refused"), NOW, lambda condition: None).clauses == ()


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("text", QUERIES)
def test_a_search_finds_what_matching_each_entry_finds(text: str, flat: bool, tmp_path: Path) -> None:
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    journal.append(entries())
    query = parse(text, NOW)
    found = search(journal, query, Sieve(journal, query, flat=flat, now=NOW), before=journal.head().seq + 1)
    known = backgrounds(entries())
    matched = [
        entry
        for entry in journal.read(0, 100)
        if isinstance(entry, Emission | Bypass) and query.matches(entry, *known[entry.trace])
    ]
    if flat:
        assert [entry.seq for entry in found.sent] == [entry.seq for entry in matched][::-1]
    else:
        assert {entry.trace for entry in matched} <= {summary.trace for summary in found.traces}
    assert not found.more
    journal.close()


def test_a_search_stays_within_its_time_and_pages_without_loss(tmp_path: Path) -> None:
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    journal.append([emission(f"e{number}", number) for number in range(300)])
    began = pack(emission()).at_us
    query = parse("signal:post_save")

    def sieve() -> Sieve:
        return Sieve(journal, query, flat=True, within=Within(began + 100_000, began + 280_000))

    pages, before = [], 301
    while True:
        found = search(journal, query, sieve(), before=before)
        pages.append([entry.seq for entry in found.sent])
        if not found.more:
            break
        before = found.reached
    assert [len(page) for page in pages] == [75, 75, 30]
    assert [seq for page in pages for seq in page] == [*range(280, 100, -1)]
    assert page_above(journal, query, sieve(), 130, 301) == 206
    assert page_above(journal, query, sieve(), 250, 301) == 301
    assert found.entries == 130
    journal.close()
