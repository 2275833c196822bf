"""What a page finds in the journal when it opens, and how far it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dashboard.events import Bypass, Entry, Gap, Outcome, Transaction
from dashboard.journal import open_journal
from dashboard.journal.base import Journal
from dashboard.query import Query, parse
from dashboard.stream.digests import MAX_TRACES, Digest, digest
from dashboard.stream.lookback import CHUNK, MAX_LOOKED, look_back

from .samples import PROCESS, TRACE, admin_add, at, boom, call, emission, origin


def trace(number: int, size: int = 1, **fields: object) -> list[Entry]:
    """Return a request that caused ``size`` emissions, in the order they are journalled."""
    name = f"{number:032x}"
    ms = 100.0 * number
    return [
        origin("opened", ms, trace=name, title=f"/page/{number}/"),
        *(emission(f"{name[-6:]}-{n}", ms + n, trace=name, calls=[call()], **fields) for n in range(size)),
        origin("closed", ms + 50, trace=name, title=f"/page/{number}/", user=f"user{number}"),
    ]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


def fill(journal: Journal, *groups: Sequence[Entry]) -> None:
    for group in groups:
        journal.append(list(group))


def titles(found: object) -> list[str]:
    return [summary.title for summary in found.traces]  # type: ignore[attr-defined]


def test_the_newest_traces_come_first_and_whole(journal: Journal) -> None:
    fill(journal, *(trace(n, size=3) for n in range(60)))
    found = look_back(journal, parse(""))
    assert titles(found)[:2] == ["/page/59/", "/page/58/"]
    assert len(found.traces) == 40
    assert all(summary.emissions == 3 for summary in found.traces)
    assert found.more


def test_a_filter_is_applied_to_what_is_past(journal: Journal) -> None:
    failing = call(outcome="raised", error=boom())
    fill(journal, *(trace(n) for n in range(30)), trace(30, size=0), [emission("x", calls=[failing])])
    found = look_back(journal, parse("is:error"))
    assert [summary.trace for summary in found.traces] == [TRACE]
    assert (found.matched, found.looked, found.more) == (1, 31, False)


@pytest.mark.parametrize("query", ["", "user:user2", "origin:/page/2/", "is:rolled-back or pk:42"])
@pytest.mark.parametrize("before", [None, 7])
def test_emissions_come_with_what_started_them(journal: Journal, query: str, before: int | None) -> None:
    fill(journal, trace(1), trace(2, size=2))
    fill(journal, [emission("loose", 900, trace=TRACE)])
    found = look_back(journal, parse(query), flat=True, before=before)
    started = {name: found.origins[name].title for name in found.origins}
    assert {entry.trace for entry in found.sent} >= {f"{2:032x}"}
    assert started[f"{2:032x}"] == "/page/2/"
    assert TRACE not in started
    assert set(started) == {entry.trace for entry in found.sent} - {TRACE}


def test_origins_are_asked_for_by_origin_and_user(journal: Journal) -> None:
    fill(journal, *(trace(n) for n in range(9)))
    assert titles(look_back(journal, parse("user:user3"))) == ["/page/3/"]
    assert titles(look_back(journal, parse("origin:page/7"))) == ["/page/7/"]
    flat = look_back(journal, parse("user:user3"), flat=True)
    assert [sent.trace for sent in flat.sent] == [f"{3:032x}"]


def test_a_negated_family_hides_traces_that_hold_nothing_else(journal: Journal) -> None:
    fill(journal, trace(1, family="request"), trace(2), trace(3, family="request"))
    assert titles(look_back(journal, parse("-family:request"))) == ["/page/2/"]


def test_the_flat_layout_finds_emissions_and_bypasses(journal: Journal) -> None:
    skipped = Bypass(id="b1", trace=TRACE, at=at(2), operation="update()", sender="demo_app.Tag", rows=2)
    fill(journal, admin_add(), [skipped])
    found = look_back(journal, parse(""), flat=True)
    assert [sent.id for sent in found.sent] == ["b1", "e5", "e3", "e4", "e2", "e1"]
    assert found.families["bypass"] == 1


def test_a_rolled_back_transaction_brings_its_trace_in(journal: Journal) -> None:
    undone = Outcome(trace=TRACE, at=at(200), block="x", alias="default", state="rolled back", emissions=1)
    fill(journal, trace(1), admin_add(), [undone])
    assert [summary.trace for summary in look_back(journal, parse("is:rolled-back")).traces] == [TRACE]
    assert len(look_back(journal, parse("-family:save")).traces) == 1


def test_what_was_sent_in_a_block_that_was_rolled_back_is_found_in_both_layouts(journal: Journal) -> None:
    inside = Transaction("default", "open", ["x"])
    undone = Outcome(trace=TRACE, at=at(200), block="x", alias="default", state="rolled back", emissions=1)
    fill(journal, trace(1), [emission("back", transaction=inside), emission("stays")], [undone], trace(2))
    found = look_back(journal, parse("is:rolled-back sender:Post"), flat=True)
    assert ([sent.id for sent in found.sent], found.matched) == (["back"], 1)
    assert [one.trace for one in look_back(journal, parse("is:rolled-back sender:Post")).traces] == [TRACE]
    assert look_back(journal, parse("is:rolled-back sender:Tag")).traces == []


def test_looking_further_back_knows_what_its_traces_came_to_later(journal: Journal) -> None:
    fill(journal, trace(1, size=4))
    inside = Transaction("default", "open", ["x"])
    undone = Outcome(trace=TRACE, at=at(9), block="x", alias="default", state="rolled back", emissions=1)
    fill(journal, [emission("back", transaction=inside), emission("stays"), undone])
    found = look_back(journal, parse("user:user1"), flat=True, before=4)
    assert len(found.sent) == 2
    found = look_back(journal, parse("is:rolled-back"), flat=True, before=9)
    assert [sent.id for sent in found.sent] == ["back"]


def test_gaps_are_found_whatever_the_filter_says(journal: Journal) -> None:
    fill(journal, [Gap(at=at(1), dropped=7, reason="the buffer was full", process=PROCESS)], trace(1))
    assert [gap.dropped for gap in look_back(journal, parse("is:error")).gaps] == [7]


def test_a_look_that_finds_nothing_ends_after_a_bounded_number_of_entries(journal: Journal) -> None:
    fill(journal, [emission(f"e{n}", trace="") for n in range(MAX_LOOKED + 2 * CHUNK)])
    found = look_back(journal, parse("is:error"))
    assert found.entries == MAX_LOOKED
    assert found.more
    assert found.reached == 2 * CHUNK + 1


def test_looking_further_back_does_not_show_a_trace_again(journal: Journal) -> None:
    long_one = trace(1, size=3)
    fill(journal, long_one[:2], trace(2), trace(3), long_one[2:])
    first = look_back(journal, parse(""), limit=1)
    assert titles(first) == ["/page/1/"]
    older = look_back(journal, parse(""), before=first.reached, shown_to=journal.head().seq)
    assert titles(older) == ["/page/3/", "/page/2/"]


def test_a_stretch_shows_what_began_to_match_in_it_and_nothing_before(journal: Journal) -> None:
    fill(journal, trace(1), trace(2), trace(3))
    assert titles(look_back(journal, parse(""), after=3, before=7)) == ["/page/2/"]
    held = trace(9, size=4)
    fill(journal, held[:3])
    after = journal.head().seq
    fill(journal, held[3:], trace(10))
    assert titles(look_back(journal, parse(""), after=after)) == ["/page/10/"]


def test_an_empty_journal_is_no_error(journal: Journal) -> None:
    found = look_back(journal, parse(""))
    assert (found.traces, found.entries, found.more) == ([], 0, False)


# --- what is live is judged the same way ---------------------------------------------------------


def digested(query: Query, entries: Sequence[Entry]) -> Digest:
    numbered = list(entries)
    for seq, entry in enumerate(numbered, 1):
        entry.seq = seq
    return digest(numbered, query, 0, len(numbered), lambda trace, upto: None)


@pytest.mark.parametrize(
    "text",
    ["", "is:error", "receiver:make_thumbnail", "user:user3", "origin:page/3", "-family:request", "pk:42"],
)
def test_live_and_past_entries_pass_the_same_filter(journal: Journal, text: str) -> None:
    raised = call(outcome="raised", error=boom())
    entries = [
        *trace(1, family="request"),
        *trace(2, size=2),
        *trace(3),
        *trace(4, size=0),
        emission("z", calls=[raised]),
    ]
    journal.append(entries)
    past = look_back(journal, parse(text))
    live = digested(parse(text), entries)
    if "user" not in text:  # an open request's user is not known yet
        assert set(live.first) == {summary.trace for summary in past.traces}
        assert live.matched == past.matched
    assert live.emissions == past.looked


def test_a_digest_of_very_many_traces_forgets_the_oldest_and_counts_them() -> None:
    entries = [emission(f"e{n}", trace=f"t{n}") for n in range(MAX_TRACES + 5)]
    made = digested(parse(""), entries)
    assert (len(made.first), made.forgotten) == (MAX_TRACES, 5)
    assert "t0" not in made.first


def test_digests_of_consecutive_stretches_add_up() -> None:
    first = digested(parse(""), trace(1, size=2))
    both = Digest()
    both.add(first)
    both.add(first)
    assert (both.emissions, both.matched, both.families["save"]) == (4, 4, 4)
    assert both.first[f"{1:032x}"] == 1
