"""What every journal must do. A new journal joins by adding the fixture of its URL to ``OPENERS``.

Comes in: a journal's opener. Goes out: the contract of ``dashboard.journal.base``, as tests.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard import events
from dashboard.events import Bypass, Emission, Entry, Gap, Instance, Unknown
from dashboard.journal import (
    Cursor,
    Extent,
    Journal,
    JournalError,
    Narrow,
    Trait,
    open_journal,
    pack,
)

from .samples import NOON, TRACE, admin_add, boom, call, emission, origin

Opener = Callable[[], Journal]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.sqlite3'}"


OPENERS = ["sqlite_url", "redis_url"]


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Return what opens the same journal again and again, as processes do."""
    url = request.getfixturevalue(request.param)
    opened: list[Journal] = []

    def open_one() -> Journal:
        opened.append(open_journal(url))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(opener: Opener) -> Journal:
    return opener()


def test_bodies_are_the_entries_each_with_its_json(journal: Journal) -> None:
    journal.append([*admin_add(), emission("x", trace="other")])
    pairs = journal.read_bodies(2, 3)
    assert [entry for entry, _ in pairs] == journal.read(2, 3)
    assert [events.decode(body, entry.seq) for entry, body in pairs] == journal.read(2, 3)
    assert [entry for entry, _ in journal.read_bodies(1, 100, TRACE)] == journal.read_trace(TRACE, 100, 1)
    assert journal.read_bodies(0, 100, "nobody") == []


def test_bodies_keep_what_only_a_newer_version_knows(journal: Journal) -> None:
    newer = json.dumps(json.loads(events.encode(emission("e1"))) | {"mood": {"of": ["tomorrow"]}}).encode()
    unheard = b'{"kind":"telepathy","at":"2026-01-01T12:00:00Z","trace":"t","to":"all"}'
    journal.append_packed([pack(emission("e1"))._replace(body=newer), pack(events.decode(unheard))])
    assert [body for _, body in journal.read_bodies(0, 10)] == [newer, unheard]
    assert [body for _, body in journal.read_bodies(0, 10, TRACE)] == [newer]
    assert [body for _, body in journal.read_bodies(0, 10, "t")] == [unheard]


def many(count: int, **fields: Any) -> list[Entry]:
    return [emission(f"e{number}", number, **fields) for number in range(1, count + 1)]


def seqs(entries: Sequence[Entry]) -> list[int]:
    return [entry.seq for entry in entries]


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries if isinstance(entry, Emission)]


def test_a_new_journal_is_empty_and_has_an_epoch(journal: Journal) -> None:
    head = journal.head()
    assert head.seq == 0
    assert head.epoch.isalnum()
    assert journal.extent() == Extent(0, 0, 0)
    assert journal.read(0, 10) == []
    assert journal.read_back(None, 10) == []
    assert journal.read_trace(TRACE, 10) == []
    assert journal.find_emission("e1") is None
    assert journal.prune(0) == 0


def test_what_is_appended_is_read_back_equal(journal: Journal) -> None:
    written = [*admin_add(), Gap(at=NOON, dropped=7, reason="a reason", until=NOON)]
    assert journal.append(written) == len(written)
    read = journal.read(0, 100)
    assert seqs(read) == list(range(1, len(written) + 1))
    for before, after in zip(written, read, strict=True):
        after.seq = 0
        assert after == before


def test_append_returns_the_newest_seq_and_appending_nothing_changes_nothing(journal: Journal) -> None:
    assert journal.append(many(3)) == 3
    assert journal.append(many(2)) == 5
    assert journal.append([]) == 5
    assert journal.head().seq == 5


def test_a_large_batch_keeps_its_order(journal: Journal) -> None:
    journal.append(many(3_000))
    assert ids(journal.read(0, 5_000)) == [f"e{number}" for number in range(1, 3_001)]


def test_hostile_text_comes_back_as_it_was(journal: Journal) -> None:
    text = "<script>'\";\\ \x00 \x1e \n é \u2028 😀" * 50
    journal.append(
        [emission(text, payload={text: text}, instance=Instance(pk=text), trace=text, sender=text)]
    )
    (read,) = journal.read(0, 1)
    assert isinstance(read, Emission)
    assert read.id == read.trace == read.sender == text
    assert read.payload == {text: text}


def test_a_long_body_comes_back_whole(journal: Journal) -> None:
    journal.append([emission(payload={"value": "x" * 10_000_000})])
    (read,) = journal.read(0, 1)
    assert isinstance(read, Emission)
    assert len(read.payload["value"]) == 10_000_000


def test_an_entry_of_a_newer_version_is_kept_as_it_stands(journal: Journal) -> None:
    newer = events.decode(
        b'{"kind": "hologram", "at": "2026-01-01T12:00:00Z", "trace": "t", "depth": [1, {}]}'
    )
    journal.append([newer])
    (read,) = journal.read(0, 1)
    assert isinstance(read, Unknown)
    assert read.kind == "hologram"
    assert read.body["depth"] == [1, {}]
    assert seqs(journal.read_trace("t", 10)) == [1]
    assert seqs(journal.read_kind("hologram", None, 10)) == [1]


def test_a_value_that_json_cannot_express_is_refused_and_nothing_is_stored(journal: Journal) -> None:
    with pytest.raises(TypeError):
        journal.append([emission("e1"), emission("e2", payload={"value": object()})])
    assert journal.head().seq == 0


def test_read_pages_forward_without_loss_or_overlap(journal: Journal) -> None:
    journal.append(many(10))
    pages = [seqs(journal.read(after, 4)) for after in (0, 4, 8, 10)]
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], []]


def test_read_back_pages_from_the_end(journal: Journal) -> None:
    journal.append(many(10))
    assert seqs(journal.read_back(None, 4)) == [10, 9, 8, 7]
    assert seqs(journal.read_back(7, 4)) == [6, 5, 4, 3]
    assert seqs(journal.read_back(1, 4)) == []


def test_read_trace_gives_one_trace_oldest_first(journal: Journal) -> None:
    journal.append([emission(f"e{number}", trace="ab"[number % 2] * 32) for number in range(10)])
    assert ids(journal.read_trace("a" * 32, 100)) == ["e0", "e2", "e4", "e6", "e8"]
    assert ids(journal.read_trace("b" * 32, 2)) == ["e1", "e3"]
    assert ids(journal.read_trace("b" * 32, 2, after=4)) == ["e5", "e7"]


def test_find_emission_finds_it_by_id(journal: Journal) -> None:
    journal.append(admin_add())
    found = journal.find_emission("e3")
    assert found is not None
    assert (found.id, found.seq, len(found.calls)) == ("e3", 5, 2)
    assert journal.find_emission("e99") is None


def test_read_object_finds_the_signals_of_one_object(journal: Journal) -> None:
    journal.append(
        [
            emission("saved", instance=Instance(pk="42")),
            emission("other", instance=Instance(pk="43")),
            emission(
                "tagged", sender="demo_app.Post.tags", instance=Instance(pk="42", model="demo_app.Post")
            ),
            emission("comment", sender="demo_app.Comment", instance=Instance(pk="42")),
            emission("new", instance=Instance(pk=None)),
            emission("unrelated", instance=None),
        ]
    )
    assert ids(journal.read_object("demo_app.Post", "42", None, 10)) == ["tagged", "saved"]
    assert ids(journal.read_object("demo_app.Post", "42", 3, 10)) == ["saved"]
    assert ids(journal.read_object("demo_app.Post", "42", None, 1)) == ["tagged"]
    assert journal.read_object("demo_app.Post", "44", None, 10) == []


def test_read_kind_gives_entries_of_one_kind_newest_first(journal: Journal) -> None:
    journal.append([*admin_add(), *admin_add()])
    assert seqs(journal.read_kind("origin", None, 10)) == [14, 8, 7, 1]
    assert seqs(journal.read_kind("origin", 14, 2)) == [8, 7]
    assert seqs(journal.read_kind("emission", 5, 10)) == [4, 3, 2]
    assert journal.read_kind("gap", None, 10) == []


NARROWS = {
    "nothing asked": Narrow(),
    "kind": Narrow(((Trait("kind", "is", "origin"),),)),
    "kinds": Narrow(((Trait("kind", "is", "emission"), Trait("kind", "is", "bypass")),)),
    "failed": Narrow(((Trait("failed", "is", 1),),)),
    "pk in any case": Narrow(((Trait("pk", "is", "AB-7"),),)),
    "part of a name": Narrow(
        ((Trait("signal", "contains", "POST_"),), (Trait("sender", "contains", "P.t"),))
    ),
    "either": Narrow(((Trait("failed", "is", 1), Trait("pk", "is", "ab-7")),)),
    "how long": Narrow(((Trait("duration_us", "least", 5_000),), (Trait("duration_us", "most", 50_000),))),
    "when": Narrow(((Trait("at_us", "least", pack(emission(ms=20)).at_us),),)),
    "how a trace begins": Narrow(((Trait("trace", "starts", "B3b3"),),)),
    "among traces": Narrow(((Trait("trace", "among", frozenset({"c" * 32, "d" * 32})),),)),
    "lacks": Narrow(((Trait("signal", "lacks", "POST_"),), (Trait("sender", "lacks", "demo_app.Tag"),))),
    "text": Narrow(((Trait("body", "contains", "errno 111]"),),)),
    "signs of patterns": Narrow(((Trait("body", "contains", "100%_\\"),),)),
}


def searched() -> list[Entry]:
    entries = admin_add()
    entries += [
        emission("t", 30, sender="demo_app.Tag", instance=Instance(pk="Ab-7"), trace="c" * 32),
        emission("p", 31, payload={"part": "100%_\\"}, duration_us=20_000.0),
        emission("w", 32, payload={"part": "100xy\\"}, instance=None, sender=None),
        Bypass(id="b", operation="update", sender="demo_app.Post", rows=3, at=NOON, trace="d" * 32),
        Gap(at=NOON, dropped=7, reason="a reason"),
    ]
    return entries


@pytest.mark.parametrize("name", [*NARROWS])
def test_search_finds_exactly_what_is_admitted_in_both_directions(journal: Journal, name: str) -> None:
    journal.append(searched())
    narrow = NARROWS[name]
    admitted = [entry.seq for entry in journal.read(0, 100) if narrow.admits(pack(entry))]
    assert admitted, "a criterion that admits nothing here would show nothing"
    assert seqs(journal.search(narrow, 100).entries) == admitted[::-1]
    assert seqs(journal.search(narrow, 100, newest_first=False).entries) == admitted
    assert seqs(Journal.search(journal, narrow, 100).entries) == admitted[::-1]


def test_search_stays_within_its_bounds_and_says_how_far_it_looked(journal: Journal) -> None:
    journal.append(many(10))
    hits = journal.search(Narrow(), 100, before=8, after=3)
    assert (seqs(hits.entries), hits.reached) == ([7, 6, 5, 4], 4)
    hits = journal.search(Narrow(), 2, before=8, after=3)
    assert (seqs(hits.entries), hits.reached) == ([7, 6], 6)
    hits = journal.search(Narrow(), 2, before=8, after=3, newest_first=False)
    assert (seqs(hits.entries), hits.reached) == ([4, 5], 5)
    hits = journal.search(Narrow(), 100, before=8, after=3, newest_first=False)
    assert (seqs(hits.entries), hits.reached) == ([4, 5, 6, 7], 7)


def test_search_looks_through_the_whole_journal_and_no_further_than_it_reaches(journal: Journal) -> None:
    journal.append(many(5))
    nowhere = Narrow(((Trait("pk", "is", "no such key"),),))
    assert journal.search(nowhere, 10) == ([], 1)
    journal.prune(2)
    assert journal.search(nowhere, 10) == ([], 1)
    assert seqs(journal.search(Narrow(), 10).entries) == [5, 4]


def test_an_impatient_search_goes_on_where_it_stopped(journal: Journal) -> None:
    journal.append(many(1))
    others = [pack(entry) for entry in many(10_000, instance=Instance(pk="other"))]
    for _ in range(8):
        journal.append_packed(others)
    rare = Narrow(((Trait("body", "contains", '"pk":"42"'),),))
    found, before, steps = [], None, 0
    while before != 1:
        hits = journal.search(rare, 10, before=before, patience_s=0)
        found += hits.entries
        before, steps = hits.reached, steps + 1
    assert seqs(found) == [1]
    assert steps > 1


def test_a_search_is_answered_the_same_after_pruning_in_the_middle_of_nowhere(journal: Journal) -> None:
    assert journal.search(Narrow(), 10) == ([], 1)
    assert journal.search(Narrow(), 10, newest_first=False).entries == []
    journal.append(many(3))
    journal.prune(0)
    assert journal.search(Narrow(), 10, after=7).entries == []


def test_times_and_span_tell_when_and_where_entries_are(journal: Journal) -> None:
    assert journal.times() is None
    assert journal.span(0, 2**62) == (0, 0)
    journal.append([emission("late", 50), emission("early", 10), emission("between", 30)])
    noon = pack(emission()).at_us
    assert journal.times() == (noon + 10_000, noon + 50_000)
    assert journal.span(noon + 10_000, noon + 50_000) == (2, 3)
    assert journal.span(noon + 50_000, noon + 50_001) == (1, 1)
    assert journal.span(noon, noon + 10_000) == (0, 0)


def test_counts_tell_emissions_and_failures_between_times(journal: Journal) -> None:
    journal.append(admin_add())
    noon = pack(emission()).at_us
    edges = [noon + 1_000 * ms for ms in (0, 1, 50, 100, 127, 128)]
    assert journal.counts(edges) == [(1, 0), (2, 0), (1, 0), (0, 0), (1, 1)]
    assert Journal.counts(journal, edges) == journal.counts(edges)
    assert journal.counts(edges[:1]) == []


def test_packing_tells_what_failed() -> None:
    assert pack(emission(flags=["error"])).failed == 1
    assert pack(origin("closed", status="503")).failed == 1
    assert pack(origin("closed", type="command", status="failed")).failed == 1
    assert pack(emission(calls=[call(), call(outcome="raised", error=boom())])).failed == 1
    assert pack(emission(calls=[call()])).failed == 0
    assert pack(origin("closed", error="ValueError")).failed == 1
    assert pack(origin("closed")).failed == 0


def test_packing_keeps_the_time_to_the_microsecond() -> None:
    moment = datetime(2026, 11, 20, 10, 11, 12, 131415, tzinfo=UTC)
    assert pack(emission(at=moment)).at_us == int(moment.timestamp()) * 1_000_000 + 131415


def test_two_readers_see_the_same_order(opener: Opener) -> None:
    one, other = opener(), opener()
    for number in range(5):
        (one, other)[number % 2].append([emission(f"e{number}")])
    assert ids(one.read(0, 10)) == ids(other.read(0, 10)) == ["e0", "e1", "e2", "e3", "e4"]
    assert one.head() == other.head()


def test_the_epoch_outlives_closing_and_pruning(opener: Opener) -> None:
    first = opener()
    epoch = first.head().epoch
    first.append(many(5))
    first.prune(0)
    first.close()
    again = opener()
    assert again.head() == Cursor(epoch, 5)
    assert again.extent() == Extent(0, 0, 0)


def test_a_seq_is_never_given_twice(journal: Journal) -> None:
    journal.append(many(5))
    assert journal.prune(0) == 5
    assert journal.append(many(1)) == 6
    assert seqs(journal.read(0, 10)) == [6]


def test_changed_is_true_first_and_then_only_after_an_append(opener: Opener) -> None:
    reader, writer = opener(), opener()
    assert reader.changed()
    assert not reader.changed()
    writer.append(many(1))
    assert reader.changed()
    assert not reader.changed()
    reader.append(many(1))
    assert reader.changed(), "its own append is a change too: another thread may have made it"
    assert not reader.changed()


def test_reading_is_no_change(opener: Opener) -> None:
    reader, other = opener(), opener()
    other.append(many(3))
    reader.changed()
    other.read(0, 10)
    other.head()
    assert not reader.changed()


def test_prune_keeps_the_newest_in_chunks(journal: Journal) -> None:
    journal.append(many(25))
    assert [journal.prune(10, chunk=6) for _ in range(4)] == [6, 6, 3, 0]
    assert seqs(journal.read(0, 100)) == list(range(16, 26))
    assert journal.extent() == Extent(16, 25, 10)
    assert journal.head().seq == 25


def test_prune_by_age_deletes_what_is_older(journal: Journal) -> None:
    now = datetime.now(UTC)
    old = [emission(f"old{n}", at=now - timedelta(hours=1)) for n in range(5)]
    journal.append([*old, *[emission(f"new{n}", at=now) for n in range(3)]])
    assert journal.prune(100, older_than_s=7200) == 0
    assert [journal.prune(100, older_than_s=600, chunk=3) for _ in range(3)] == [3, 2, 0]
    assert ids(journal.read(0, 10)) == ["new0", "new1", "new2"]


def test_a_pruned_entry_is_no_longer_found(journal: Journal) -> None:
    journal.append(many(2))
    journal.prune(1)
    assert journal.find_emission("e1") is None
    assert ids(journal.read_trace(TRACE, 10)) == ["e2"]
    assert ids(journal.read_object("demo_app.Post", "42", None, 10)) == ["e2"]


def test_one_journal_serves_several_threads_at_once(journal: Journal) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(20):
                journal.append([emission(f"{name}-{number}", trace=name)])
                assert len(journal.read_trace(name, 100)) == number + 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(uuid.uuid4().hex,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert journal.extent() == Extent(1, 120, 120)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_sequence_of_acts_leaves_what_a_list_would_hold(opener: Opener, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    one, other = opener(), opener()
    held: list[Entry] = []
    newest = 0
    for _ in range(60):
        batch: list[Entry] = []
        for newest in range(newest + 1, newest + 1 + chance.choice([1, 2, 40, 300])):  # noqa: B020
            trace, pk = chance.choice("abcdef"), chance.choice("123")
            batch.append(emission(f"e{newest}", trace=trace, instance=Instance(pk=pk), seq=newest))
        assert chance.choice([one, other]).append(batch) == newest
        held += batch
        keep, chunk = chance.choice([10_000, 500, 77]), chance.choice([13, 128, 900])
        deleted = one.prune(keep, chunk=chunk)
        assert deleted == min(max(0, len(held) - keep), chunk)
        del held[:deleted]

        journal = chance.choice([one, other])
        point, limit = chance.randrange(newest + 5), chance.choice([1, 7, 130, 1_000])
        earlier = [entry for entry in reversed(held) if entry.seq < point]
        assert journal.extent() == Extent(held[0].seq, newest, len(held))
        assert seqs(journal.read(point, limit)) == seqs([e for e in held if e.seq > point][:limit])
        assert seqs(journal.read_back(point, limit)) == seqs(earlier[:limit])
        assert seqs(journal.read_back(None, limit)) == seqs(held[::-1][:limit])
        assert seqs(journal.read_kind("emission", point, limit)) == seqs(earlier[:limit])
        of_trace = [entry for entry in held if entry.trace == "a" and entry.seq > point]
        assert seqs(journal.read_trace("a", limit, after=point)) == seqs(of_trace[:limit])
        of_object = [e for e in earlier if isinstance(e, Emission) and e.instance and e.instance.pk == "2"]
        assert seqs(journal.read_object("demo_app.Post", "2", point, limit)) == seqs(of_object[:limit])
        found = journal.find_emission(f"e{max(1, point)}")
        assert (found.seq if found else None) == next((e.seq for e in held if e.seq == max(1, point)), None)


def test_closing_twice_is_fine_and_a_closed_journal_says_so(journal: Journal) -> None:
    journal.append(many(1))
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.head()


@pytest.mark.parametrize(
    "url", ["", "journal.sqlite3", "mysql://host/name", "sqlite:///", "sqlite:///:memory:"]
)
def test_a_url_of_no_journal_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(JournalError) as caught:
        open_journal(url)
    assert repr(url) in str(caught.value)
    assert "Write sqlite:///" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        ("ab12:7", Cursor("ab12", 7)),
        ("ab12:", None),
        (":7", None),
        ("", None),
        ("a b:7", None),
        ("ab:-1", None),
    ],
)
def test_a_cursor_is_parsed_or_refused(text: str, cursor: Cursor | None) -> None:
    assert Cursor.parse(text) == cursor
    if cursor is not None:
        assert str(cursor) == text
