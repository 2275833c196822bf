"""Session files and the store of imported ones: what goes in comes out, and what is hostile does not."""

from __future__ import annotations

import gzip
import io
import json
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboard.events import Bypass, Entry, Gap, Late, Outcome, Transaction, Unknown, encode
from dashboard.journal import Journal, open_journal
from dashboard.sessions import Asked, Session, SessionError, Store, filename, reading, vetting, write
from dashboard.sessions.header import FORMAT, Header
from dashboard.sessions.stretch import Wanted, read
from dashboard.sessions.vetting import ImplausibleError, vet

from .samples import NOON, TRACE, admin_add, at, call, emission, origin

MEGABYTE = 1_000_000
NOON_TEXT = "2026-01-01T12:00:00Z"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield held
    held.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sessions", 3, MEGABYTE)


def exported(journal: Journal, asked: Asked | None = None) -> bytes:
    asked, out = asked or Asked(), io.BytesIO()
    write(out, read(journal, asked.wanted(50.0)), asked.header("9.9"))
    return out.getvalue()


def packed(*lines: dict[str, Any] | bytes, **header: Any) -> bytes:
    """Return a session file made by hand."""
    first = {"signalscope_session": 1} | header
    body = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in (first, *lines)]
    return gzip.compress(b"\n".join([*body, b""]))


def lines(file: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file).splitlines()]


def add(store: Store, file: bytes, name: str = "a.jsonl.gz") -> Session:
    return store.add(io.BytesIO(file), name)


def held(store: Store, name: str) -> list[Entry]:
    journal = store.open(name)
    try:
        return journal.read(0, 10_000)
    finally:
        journal.close()


def same(one: Entry, other: Entry) -> bool:
    seqless = [msgspec.json.decode(encode(entry)) | {"seq": 0} for entry in (one, other)]
    return bool(seqless[0] == seqless[1])


# --- there and back --------------------------------------------------------------------------


def test_what_is_exported_is_imported_entry_for_entry(journal: Journal, store: Store) -> None:
    gap = Gap(at=at(200), dropped=7, reason="The buffer was full.")
    journal.append([*admin_add(), gap])

    session = add(store, exported(journal), "web 1.jsonl.gz")

    assert (session.name, session.taken, session.remarks) == ("web-1", 8, [])
    imported = held(store, "web-1")
    assert [entry.seq for entry in imported] == list(range(1, 9))
    assert all(map(same, imported, journal.read(0, 100)))


def test_the_header_says_where_the_file_comes_from_and_what_it_holds(journal: Journal) -> None:
    journal.append([*admin_add(), Gap(at=at(200), dropped=7, reason="full")])

    header = lines(exported(journal, Asked(filter="is:error", since="1")))[0]

    assert next(iter(header)) == "signalscope_session"
    assert header["signalscope_session"] == FORMAT
    assert header["signalscope"] == "9.9"
    assert header["filter"] == "is:error"
    assert header["since"] == "1"
    assert {"python", "django", "host", "exported_at"} <= {key for key, value in header.items() if value}
    assert (header["entries"], header["emissions"], header["traces"]) == (8, 5, 1)
    assert (header["gaps"], header["dropped"]) == (1, 7)
    assert (header["oldest"], header["newest"]) == (1, 8)
    assert (header["first"], header["last"]) == ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00.200000Z")


def test_each_line_is_the_object_that_the_command_line_prints(journal: Journal) -> None:
    journal.append(admin_add())

    _, *entries = lines(exported(journal))

    assert entries == [json.loads(encode(entry)) for entry in journal.read(0, 100)]


def test_a_newer_version_s_fields_and_kinds_survive_import_and_export(store: Store) -> None:
    newer = json.loads(encode(emission("e1"))) | {"mood": {"of": ["tomorrow"]}}
    unheard = {"kind": "telepathy", "at": "2026-01-01T12:00:00Z", "trace": TRACE, "to": "all"}
    session = add(store, packed(newer, unheard, colour="teal"))

    journal = store.open(session.name)
    again = lines(exported(journal))[1:]
    journal.close()

    assert again == [newer | {"seq": 1}, unheard | {"seq": 2}]
    assert isinstance(held(store, session.name)[1], Unknown)


def test_a_file_that_somebody_unpacked_is_read_too(journal: Journal, store: Store) -> None:
    journal.append(admin_add())
    assert add(store, gzip.decompress(exported(journal))).taken == 7


def test_the_file_and_the_memory_do_not_need_the_whole_stretch_at_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([emission(f"e{number}", number) for number in range(3_000)])
    read_at_once: list[int] = []
    original = journal.read_bodies

    def watched(after: int, limit: int, trace: str = "") -> list[tuple[Entry, bytes]]:
        found = original(after, limit, trace)
        read_at_once.append(len(found))
        return found

    monkeypatch.setattr(journal, "read_bodies", watched)
    assert len(lines(exported(journal))) == 3_001
    assert max(read_at_once) == 1_000


def test_what_is_stored_while_it_is_exported_is_left_out(journal: Journal) -> None:
    journal.append(admin_add())
    stretch = read(journal, Wanted())
    next(stretch)
    journal.append([emission("late")])

    assert "late" not in [getattr(entry, "id", "") for entry, _ in stretch]


# --- what is wanted --------------------------------------------------------------------------


def two_traces() -> list[Entry]:
    """Return a trace with an error, and around it one without, which began before and ends after."""
    plain: list[Entry] = [
        origin("opened", -50, trace="plain", title="/plain/"),
        emission("p1", -40, trace="plain"),
    ]
    after: list[Entry] = [
        emission("p2", 160, trace="plain"),
        origin("closed", 170, trace="plain", user="eve"),
    ]
    return [*plain, *admin_add(), *after]


def chosen(journal: Journal, **asked: str) -> list[int]:
    return [entry.seq for entry, _ in read(journal, Asked(**asked).wanted(50.0, NOON))]


def test_a_filter_takes_each_trace_with_a_match_whole(journal: Journal) -> None:
    journal.append(two_traces())
    assert chosen(journal, filter="is:error") == list(range(3, 10))
    assert chosen(journal, filter="signal:pre_save") == list(range(3, 10))
    assert chosen(journal, filter="signal:nothing_of_the_kind") == []


def test_a_filter_on_what_only_the_end_of_a_trace_knows_is_answered(journal: Journal) -> None:
    journal.append(two_traces())
    assert chosen(journal, filter="user:eve") == [1, 2, 10, 11]
    assert chosen(journal, filter="user:eve pk:42") == [1, 2, 10, 11]
    assert chosen(journal, filter="-user:eve signal:post_save") == list(range(3, 10))


def test_gaps_go_along_whatever_the_filter_is(journal: Journal) -> None:
    journal.append([*admin_add(), Gap(at=at(200), dropped=7, reason="full")])
    assert chosen(journal, filter="signal:nothing_of_the_kind") == [8]


def test_a_range_begins_after_a_seq_and_ends_with_one(journal: Journal) -> None:
    journal.append(admin_add())
    assert chosen(journal, since="2", until="4", trace=TRACE) == [1, 3, 4]
    assert chosen(journal, until="2") == [1, 2]


def test_of_a_trace_that_began_before_the_range_what_opened_it_goes_along(journal: Journal) -> None:
    journal.append(two_traces())
    assert chosen(journal, since="9") == [1, 10, 11]
    assert chosen(journal, since="2026-01-01T12:00:00.150+00:00") == [1, 10, 11]


def test_a_range_may_be_given_in_times_of_today_and_in_the_project_s_zone(
    journal: Journal, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    journal.append([emission("early", -3_600_000), emission("noon", 0)])
    assert chosen(journal, since="12:30") == [2]
    assert chosen(journal, until="2026-01-01 12:30") == [1]


@pytest.mark.parametrize("place", ["tomorrow", "-1", "25:00", "1e9", "9" * 40, "2026-13-01", "\x00"])
def test_a_place_that_is_none_is_refused_with_the_value_and_a_remedy(place: str) -> None:
    with pytest.raises(SessionError, match="Give a seq") as raised:
        Asked(since=place).wanted(50.0)
    assert repr(place[:40]) in str(raised.value)


def test_a_filter_that_does_not_parse_is_refused() -> None:
    with pytest.raises(SessionError, match="column 0"):
        Asked(filter="is:").wanted(50.0)


def test_a_file_s_name_holds_no_surprise() -> None:
    assert filename("Web 1/../x", NOON) == "signalscope-web-1-x-20260101-120000.jsonl.gz"
    assert filename("", NOON) == "signalscope-20260101-120000.jsonl.gz"


# --- damage ----------------------------------------------------------------------------------


def test_a_truncated_file_is_imported_up_to_the_damage_and_says_so(journal: Journal, store: Store) -> None:
    journal.append(
        [emission(f"e{number}", number, payload={"n": str(hash(number))}) for number in range(400)]
    )
    file = exported(journal)

    session = add(store, file[: len(file) // 2])

    assert 0 < session.taken < 400
    assert "breaks off" in session.remarks[0]
    *entries, notice = held(store, session.name)
    assert len(entries) == session.taken
    assert isinstance(notice, Gap)
    assert notice.dropped >= 400 - session.taken - 1
    assert "breaks off" in notice.reason


def test_flipped_bytes_are_found_by_the_checksum(journal: Journal, store: Store) -> None:
    journal.append(admin_add())
    file = bytearray(exported(journal))
    file[-6] ^= 0xFF

    assert "CRC" in add(store, bytes(file)).remarks[0]


def test_lines_cut_off_in_an_unpacked_file_are_missed(journal: Journal, store: Store) -> None:
    journal.append(admin_add())
    plain = gzip.decompress(exported(journal))

    assert (
        "names 7 entries, and it holds 4"
        in add(store, b"".join(plain.splitlines(keepends=True)[:5])).remarks[0]
    )
    assert "middle of line 8" in add(store, plain[:-20]).remarks[0]


def test_lines_that_no_recorder_wrote_are_left_out_counted_and_shown(store: Store) -> None:
    good = json.loads(encode(emission("e1")))
    session = add(store, packed(good, b"[]", good | {"id": "../../etc/passwd"}, good | {"id": "e2"}))

    assert (session.taken, session.refused) == (2, 2)
    assert session.remarks[0].startswith("2 lines were left out")
    assert "line 3" in session.remarks[0]
    gap = held(store, session.name)[-1]
    assert isinstance(gap, Gap)
    assert gap.dropped == 2


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00garbage that is not packed at all",
        b"SQLite format 3\x00",
        b"<!doctype html>",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b'{"signalscope_session": "one"}\n', mtime=0),
        gzip.compress(b'{"signalscope_session": 1, "entries": -1}\n', mtime=0),
        gzip.compress(b'{"signalscope_session": 1, "first": "9999-12-31T23:59:59Z"}\n', mtime=0),
        gzip.compress(b'{"signalscope_session": 1, "first": "2026-01-01T00:00:00"}\n', mtime=0),
        gzip.compress(b'{"signalscope_session": 1, "host": "' + b"x" * 5_000 + b'"}\n', mtime=0),
        gzip.compress(b'{"x":' * 100_000, mtime=0),
        gzip.compress(b"[" * 3_000_000, mtime=0)[:-8],
    ],
)
def test_what_is_no_session_is_refused_and_leaves_nothing_behind(store: Store, file: bytes) -> None:
    with pytest.raises(SessionError) as raised:
        add(store, file, "strange.gz")
    assert "strange.gz" in str(raised.value)
    assert len(str(raised.value)) < 600
    assert store.held() == []
    assert not store.folder.exists() or list(store.folder.iterdir()) == []


def test_a_format_of_the_future_is_refused_with_its_version(store: Store) -> None:
    with pytest.raises(SessionError, match=r"newer Signalscope \(7\.0\).*reads up to 1.*Update"):
        add(store, packed(signalscope_session=FORMAT + 1, signalscope="7.0"))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(store: Store) -> None:
    one_line = packed(b" " * (40 * MEGABYTE))
    many_lines = packed(*[line(payload={"y": "y" * 1_000})] * 2_000)
    for bomb in (one_line, many_lines):
        assert len(bomb) < MEGABYTE / 4
        tracemalloc.start()
        with pytest.raises(SessionError, match="larger than 1,000,000 bytes when unpacked.*IMPORT_BYTES"):
            add(store, bomb)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
        tracemalloc.stop()
    assert list(store.folder.iterdir()) == []


def test_a_line_without_an_end_is_damage(tmp_path: Path) -> None:
    roomy = Store(tmp_path / "roomy", 3, 10 * MEGABYTE)
    session = add(roomy, packed(line(), b'"' + b"x" * 3 * MEGABYTE, line(id="e2")))
    assert session.taken == 1
    assert "line 3 is longer than 2,000,000 bytes" in session.remarks[0]


def test_the_number_of_entries_is_bounded_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ENTRIES", 3)
    with pytest.raises(SessionError, match="more than 3 entries"):
        add(store, packed(*[json.loads(encode(emission(f"e{number}"))) for number in range(4)]))
    assert list(store.folder.iterdir()) == []


# --- what a line may be ----------------------------------------------------------------------


def line(**changes: Any) -> bytes:
    return json.dumps(json.loads(encode(emission("e1", calls=[call()]))) | changes).encode()


def deep(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(levels):
        made = {"x": [made]}
    return made


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[1]",
        b'"text"',
        b"{",
        b'{"kind":"emission"} trailing',
        b'\xff{"kind":"x"}',
        b'{"kind":"x","y":"\xff"}',
        line(at="2026-01-01T12:00:00"),
        line(at="0001-01-01T00:00:00Z"),
        line(at="9999-12-31T23:59:59Z"),
        line(id="a/b"),
        line(id=""),
        line(id="x" * 65),
        line(trace="a/b"),
        line(trace="x" * 65),
        line(trace="\n"),
        line(duration_us=-1),
        line(duration_us=1e300),
        line(duration_us=10**400),
        line(cause={"emission": "e0", "call": -1}),
        line(cause={"emission": "e/0", "call": 0}),
        line(cause={"emission": "e0", "call": 0, "above": ["e1", "e/2"]}),
        line(process={"host": "h", "pid": 0}),
        line(process={"host": "h", "pid": 2**40}),
        line(site={"file": "f", "line": -3, "function": "g"}),
        line(payload=deep(60)),
        line(calls=[{"receiver": "r", "offset_us": -1e30}]),
        line(calls=[{"receiver": "r", "queries": 10**18}]),
        line(calls=[{"receiver": "r", "statements": [{"sql": "s", "offsets_us": [1e200]}]}]),
        json.dumps(
            {"kind": "late", "emission": "e", "index": -1, "call": {"receiver": "r"}, "at": NOON_TEXT}
        ).encode(),
        json.dumps(
            {"kind": "late", "emission": "/", "index": 0, "call": {"receiver": "r"}, "at": NOON_TEXT}
        ).encode(),
        json.dumps({"kind": "x" * 99, "at": "2026-01-01T00:00:00Z"}).encode(),
        json.dumps({"kind": "x", "id": ["no", "text"], "at": "2026-01-01T00:00:00Z"}).encode(),
        json.dumps({"kind": "x", "at": {"no": "time"}}).encode(),
        b'{"a":' * 200_000,
    ],
)
def test_a_line_that_no_recorder_wrote_is_implausible(bad: bytes) -> None:
    with pytest.raises(ImplausibleError) as raised:
        vet(bad)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "entry",
    [
        *admin_add(),
        Bypass(id="b1", operation="update", sender="demo_app.Post", rows=-1, at=NOON, trace=TRACE),
        Outcome(block="k1", alias="default", state="rolled back", at=NOON, trace=TRACE),
        Gap(at=NOON, dropped=3, reason="full", until=at(5)),
        Late(emission="e1", index=0, call=call(), at=NOON, trace=TRACE),
        emission("e9", transaction=Transaction("default", "open", ["k1"]), payload=deep(10)),
        Unknown(kind="unreadable", body={"kind": "unreadable"}, at=NOON),
    ],
)
def test_whatever_a_recorder_writes_is_plausible(entry: Entry) -> None:
    body = encode(entry)
    assert vet(body + b"\n").body == body


def test_brackets_within_text_do_not_count_as_nesting() -> None:
    assert vet(line(payload={"text": '[{"\\' * 500})).kind == "emission"
    assert vetting._depth(b'{"a":["]]]","\\"[",[1],"' + b"[" * 99 + b'"]}') == 3


# --- the store -------------------------------------------------------------------------------


def test_no_more_sessions_are_held_than_allowed(store: Store) -> None:
    for number in range(3):
        add(store, packed(), f"{number}.gz")
    with pytest.raises(SessionError, match="3 sessions are held.*KEEP_SESSIONS.*Delete one"):
        add(store, packed())
    assert store.delete("1")
    assert add(store, packed(), "next.gz").name == "next"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\Web 1.JSONL.GZ", "web-1"),
        ("\u202egz.lnosj", "gz-lnosj"),
        ("\x00\x1b[31m", "31m"),
        ("", "the-file"),
        ("..", "session"),
        ("live.jsonl.gz", "live-2"),
        ("import.gz", "import-2"),
        ("x" * 300, "x" * 48),
    ],
)
def test_a_session_is_named_after_its_file_and_nothing_else_of_it(store: Store, file: str, name: str) -> None:
    session = add(store, packed(), file)
    assert session.name == name
    assert session.file.isprintable()
    assert [path.name for path in store.folder.iterdir()] == [name]


def test_two_files_of_one_name_are_two_sessions(store: Store) -> None:
    assert [add(store, packed()).name for _ in range(2)] == ["a", "a-2"]


def test_sessions_are_listed_newest_first_with_all_that_is_known(journal: Journal, store: Store) -> None:
    journal.append(admin_add())
    add(store, packed(), "old.gz")
    add(store, exported(journal), "new.gz")

    newest, oldest = store.held()

    assert (newest.name, oldest.name) == ("new", "old")
    assert newest.header.entries == newest.taken == 7
    assert newest.file == "new.gz"


@pytest.mark.parametrize("name", ["", ".", "..", "../sessions/a", "a/b", "A", "-a", "a" * 65, "a\n", "a\x00"])
def test_a_name_that_is_none_finds_opens_and_deletes_nothing(store: Store, name: str) -> None:
    add(store, packed())
    assert store.find(name) is None
    assert not store.delete(name)
    with pytest.raises(SessionError):
        store.open(name)
    assert [one.name for one in store.held()] == ["a"]


def test_what_lies_in_the_folder_beside_sessions_is_no_session(store: Store) -> None:
    add(store, packed())
    (store.folder / "notes").mkdir()
    (store.folder / "file").write_text("x")
    (store.folder / "broken").mkdir()
    (store.folder / "broken" / "session.json").write_text("{")
    assert [one.name for one in store.held()] == ["a"]


def test_an_import_that_fails_half_way_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Sequence[Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_name", full)
    with pytest.raises(SessionError, match=r"No space left.*SIGNALSCOPE\['SESSIONS'\]"):
        add(store, packed())
    assert list(store.folder.iterdir()) == []


def test_what_a_killed_import_left_is_swept_a_day_later(store: Store) -> None:
    add(store, packed())
    fresh, stale = store.folder / ".importing-a", store.folder / ".importing-b"
    for folder in (fresh, stale):
        folder.mkdir()
    os.utime(stale, (time.time() - 100_000,) * 2)

    add(store, packed())

    assert fresh.exists()
    assert not stale.exists()


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match=r"file.*SIGNALSCOPE\['SESSIONS'\]"):
        add(Store(tmp_path / "file" / "below", 3, MEGABYTE), packed())


def test_a_deleted_session_s_journal_is_not_made_anew(store: Store, opened_once: Callable[[], None]) -> None:
    opened_once()
    assert store.delete("a")
    assert not (store.folder / "a").exists()
    with pytest.raises(SessionError, match="no imported session 'a'"):
        store.open("a")


@pytest.fixture
def opened_once(store: Store) -> Callable[[], None]:
    def open_once() -> None:
        add(store, packed())
        store.open("a").close()

    return open_once


def test_a_header_with_every_field_survives(store: Store) -> None:
    session = add(store, packed(host="web-1", filter="is:error", dropped=3, colour="teal"))
    assert session.header == Header(signalscope_session=1, host="web-1", filter="is:error", dropped=3)
