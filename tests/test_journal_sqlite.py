"""What only a journal in a file can suffer: other processes, forks, full disks, damage, deletion.

Comes in: real files, real processes. Goes out: proof that nothing stored is lost, that each failure
is a ``JournalError`` in three parts, and that the journal works again afterwards.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.events import Emission, Entry, Gap, Unknown
from dashboard.journal import Cursor, JournalError, Narrow, Trait
from dashboard.journal.sqlite import SqliteJournal
from dashboard.journal.sqlite_file import PAGE_BYTES
from dashboard.journal.sqlite_pool import IDLE_LIMIT

from .samples import emission, origin

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path, busy_s=0.05)
    yield opened
    opened.close()


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a script in a process of its own, with the journal's names imported."""
    names = """
        import os, sys, time
        from dashboard.journal.sqlite import SqliteJournal
        from dashboard.journal import JournalError
        from tests.samples import emission
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(names) + textwrap.dedent(script), *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def told(process: subprocess.Popen[str]) -> str:
    """Return the next line a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Let a process that waits at ``input()`` go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a process, and return what it printed meanwhile."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries if isinstance(entry, Emission)]


def in_three_parts(error: pytest.ExceptionInfo[JournalError], path: Path, what: str, remedy: str) -> None:
    """Assert that the message says what is wrong, the value seen and the remedy."""
    message = str(error.value)
    assert re.search(what, message)
    assert str(path) in message
    assert remedy in message


def test_the_file_is_made_on_first_use_and_not_before(path: Path) -> None:
    journal = SqliteJournal(path)
    assert not path.exists()
    journal.append([emission()])
    journal.close()
    assert path.exists()


def test_a_missing_folder_is_named_and_the_journal_works_once_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "journal.sqlite3"
    journal = SqliteJournal(path)
    for attempt in (journal.head, journal.changed, lambda: journal.append([emission()])):
        with pytest.raises(JournalError) as caught:
            attempt()
        in_three_parts(caught, path, "No such file", "Check that the folder exists")
    path.parent.mkdir()
    assert journal.append([emission()]) == 1
    journal.close()


def test_the_file_is_in_wal_mode_and_one_fsync_per_checkpoint_is_enough(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission()])
    with journal._pool.lend("read") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)


@pytest.mark.parametrize(
    "read",
    [
        lambda journal: journal.read(5, 10),
        lambda journal: journal.read_back(5, 10),
        lambda journal: journal.read_trace("t", 10, after=5),
        lambda journal: journal.read_object("demo_app.Post", "1", 5, 10),
        lambda journal: journal.read_kind("origin", 5, 10),
        lambda journal: journal.find_emission("e1"),
        lambda journal: journal.head(),
    ],
)
def test_every_read_goes_through_an_index(journal: SqliteJournal, path: Path, read: Any) -> None:
    statements: list[str] = []
    with journal._pool.lend("read") as connection:
        connection.set_trace_callback(statements.append)
    read(journal)
    with journal._pool.lend("read") as connection:
        connection.set_trace_callback(None)
        (statement,) = statements
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert any("SEARCH" in step for step in plan)
    assert not any(re.search("SCAN (entries|meta)|TEMP B-TREE", step) for step in plan)


def test_a_new_file_has_large_pages(journal: SqliteJournal, path: Path) -> None:
    journal.append([emission()])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)


def test_connections_are_few_however_many_threads_come(journal: SqliteJournal) -> None:
    threads = [threading.Thread(target=journal.append, args=([emission()],)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(journal._pool._idle) <= IDLE_LIMIT


def test_a_body_damaged_in_its_cell_is_shown_as_unreadable_and_the_others_are_read(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission("e1"), emission("e2"), emission("e3")])
    with journal._pool.lend("written") as connection:
        connection.execute("UPDATE entries SET body = substr(body, 1, 40) || char(30) || 'x' WHERE seq = 2")
    first, second, third = journal.read(0, 10)
    assert ids([first, third]) == ["e1", "e3"]
    assert isinstance(second, Unknown)
    assert (second.kind, second.seq) == ("unreadable", 2)


# Deleted, replaced


def test_a_deleted_journal_is_noticed_and_begun_anew_with_another_epoch(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission("old")])
    epoch = journal.head().epoch
    journal.changed()
    path.unlink()
    assert journal.changed()
    assert journal.head().seq == 0
    assert journal.head().epoch != epoch
    assert journal.append([emission("new")]) == 1
    assert ids(journal.read(0, 10)) == ["new"]


def test_what_a_deleted_journal_left_behind_is_not_taken_for_the_new_one(path: Path) -> None:
    old = SqliteJournal(path)
    old.append([emission("old")])
    left = Path(f"{path}-wal").read_bytes()
    old.close()
    path.unlink()
    Path(f"{path}-wal").write_bytes(left)
    Path(f"{path}-shm").write_bytes(b"\0" * 32768)
    new = SqliteJournal(path)
    assert new.append([emission("new")]) == 1
    assert ids(new.read(0, 10)) == ["new"]
    new.close()


def test_closing_a_deleted_journal_does_not_harm_its_successor(path: Path) -> None:
    old, new = SqliteJournal(path), SqliteJournal(path)
    old.append([emission("old")])
    path.unlink()
    new.append([emission("new")])
    old.close()
    new.append([emission("newer")])
    new.close()
    again = SqliteJournal(path)
    assert ids(again.read(0, 10)) == ["new", "newer"]
    again.close()


def test_a_replaced_journal_is_noticed(journal: SqliteJournal, path: Path, tmp_path: Path) -> None:
    journal.append([emission("mine")])
    journal.changed()
    other = SqliteJournal(tmp_path / "other.sqlite3")
    other.append([emission("theirs")])
    epoch = other.head().epoch
    other.close()
    (tmp_path / "other.sqlite3").rename(path)
    assert journal.changed()
    assert journal.head().epoch == epoch
    journal.append([emission("mine again")])
    assert ids(journal.read(0, 10)) == ["theirs", "mine again"]


def test_a_process_that_still_has_the_deleted_file_open_goes_on_in_the_new_one(path: Path) -> None:
    script = """
        journal = SqliteJournal(sys.argv[1])
        journal.append([emission("before")])
        print("ready", flush=True); input()
        journal.append([emission("after")])
    """
    other = start(script, path)
    assert told(other) == "ready"
    path.unlink()
    journal = SqliteJournal(path)
    journal.append([emission("mine")])
    tell(other)
    finish(other)
    journal.append([emission("mine too")])
    assert ids(journal.read(0, 10)) == ["mine", "after", "mine too"]
    journal.close()


def test_a_batch_that_went_into_a_file_deleted_meanwhile_is_stored_again(
    journal: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([emission("before")])
    current, calls = journal._file.current, []

    def current_after_deletion() -> Any:
        calls.append(current())
        if len(calls) == 2:  # the look after the insert
            path.unlink()
        return current()

    monkeypatch.setattr(journal._file, "current", current_after_deletion)
    assert journal.append([emission("again")]) == 1
    assert ids(journal.read(0, 10)) == ["again"]


# Damage


def test_a_reader_says_that_the_file_is_no_database_and_leaves_it_alone(
    journal: SqliteJournal, path: Path
) -> None:
    path.write_bytes(b"not a database at all " * 500)
    for attempt in (journal.head, journal.changed, lambda: journal.read(0, 1)):
        with pytest.raises(JournalError) as caught:
            attempt()
        in_three_parts(caught, path, "file is not a database", "nothing is deleted")
    assert path.read_bytes() == b"not a database at all " * 500


def test_a_damaged_file_is_moved_aside_and_a_gap_entry_says_so(journal: SqliteJournal, path: Path) -> None:
    rubbish = b"not a database at all " * 500
    path.write_bytes(rubbish)
    assert journal.append([emission("first")]) == 2
    gap, entry = journal.read(0, 10)
    assert isinstance(gap, Gap)
    assert isinstance(entry, Emission)
    (aside,) = path.parent.glob("journal.sqlite3.damaged-*")
    assert str(aside) in gap.reason
    assert "file is not a database" in gap.reason
    assert gap.dropped == 0
    assert aside.read_bytes() == rubbish
    assert journal.append([emission("second")]) == 3


@pytest.mark.parametrize("keep_open", [True, False])
def test_a_journal_damaged_in_the_middle_is_moved_aside_with_its_wal(path: Path, keep_open: bool) -> None:
    journal = SqliteJournal(path)
    for _ in range(30):
        journal.append([emission(f"e{number}") for number in range(100)])
    epoch = journal.head().epoch
    earlier, journal = journal, SqliteJournal(path)
    if not keep_open:
        earlier.close()
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    for side in path.parent.glob("*-wal"):
        with side.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(side.stat().st_size - 4096))
    journal.append([emission("after")])
    assert ids(journal.read(0, 10)) == ["after"]
    assert journal.head().epoch != epoch
    asides = {aside.name.partition("Z")[2] for aside in path.parent.glob("journal.sqlite3.damaged-*")}
    assert asides >= ({"", "-wal", "-shm"} if keep_open else {""})
    journal.close()
    earlier.close()


def test_damage_that_makes_even_sqlites_message_unreadable_is_damage(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append([emission("before")])
    journal.close()
    path.write_bytes(
        path.read_bytes().replace(b"CREATE TABLE entries", b"CREATE \xff\xfe\xfd '\xfc\xfbentries")
    )
    journal = SqliteJournal(path)
    with pytest.raises(JournalError) as caught:
        journal.head()
    in_three_parts(caught, path, "malformed database schema", "nothing is deleted")
    journal.append([emission("after")])
    assert ids(journal.read(0, 10)) == ["after"]
    journal.close()


def test_pruning_a_damaged_file_moves_it_aside_too(journal: SqliteJournal, path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalError, match="file is not a database"):
        journal.prune(0)
    assert journal.prune(0) == 0
    assert journal.append([emission("first")]) == 2
    (gap, _) = journal.read(0, 10)
    assert isinstance(gap, Gap)


def test_of_two_writers_only_one_moves_the_file_aside(path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)
    one, other = SqliteJournal(path), SqliteJournal(path)
    with pytest.raises(JournalError) as caught:
        other._insert([])
    one.append([emission("one")])
    other._repair(caught.value)  # type: ignore[arg-type]
    other.append([emission("other")])
    assert ids(one.read(0, 10)) == ["one", "other"]
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    one.close()
    other.close()


def test_another_programs_database_is_refused_and_left_alone(journal: SqliteJournal, path: Path) -> None:
    with sqlite3.connect(path) as app:
        app.execute("CREATE TABLE users (name)")
    app.close()
    before = path.read_bytes()
    for attempt in (journal.head, lambda: journal.append([emission()])):
        with pytest.raises(JournalError) as caught:
            attempt()
        in_three_parts(caught, path, "belongs to another program", "a file of its own")
    assert path.read_bytes() == before


def test_a_journal_of_the_first_layout_is_upgraded_and_keeps_its_entries(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission("kept"), origin("closed", status="500")])
    epoch = journal.head().epoch
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        for name in ("entries_pk", "entries_failed", "entries_at"):
            connection.execute(f"DROP INDEX {name}")
        connection.execute("CREATE INDEX entries_object ON entries (model, pk) WHERE pk IS NOT NULL")
        connection.execute("UPDATE entries SET failed = 0")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    again = SqliteJournal(path)
    assert again.head() == Cursor(epoch, 2)
    assert [entry.seq for entry in again.read_object("demo_app.Post", "42", None, 10)] == [1]
    failed = Narrow(((Trait("failed", "is", 1),),))
    assert [entry.seq for entry in again.search(failed, 10).entries] == [2]
    again.close()


def test_a_journal_of_another_layout_is_refused_and_left_alone(journal: SqliteJournal, path: Path) -> None:
    journal.append([emission("kept")])
    with journal._pool.lend("written") as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = SqliteJournal(path)
    with pytest.raises(JournalError) as caught:
        newer.append([emission()])
    in_three_parts(caught, path, "Another version of Signalscope.*layout 99", "to a new file")
    assert ids(journal.read(0, 10)) == ["kept"]
    newer.close()


def test_an_empty_file_becomes_a_journal(journal: SqliteJournal, path: Path) -> None:
    path.touch()
    assert journal.append([emission()]) == 1


def test_after_the_clock_jumped_back_order_search_and_retention_remain_right(journal: SqliteJournal) -> None:
    now = datetime.now(UTC)
    hours = (3, 3, -2, -2, 0)  # journalled while the clock was ahead, then after it was set right
    for number, ahead in enumerate(hours):
        one = emission(f"e{number}")
        one.at = now + timedelta(hours=ahead)
        journal.append([one])
    assert ids(journal.read(0, 10)) == ["e0", "e1", "e2", "e3", "e4"]
    assert ids(journal.read_back(None, 10)) == ["e4", "e3", "e2", "e1", "e0"]
    edges = [round((now + timedelta(hours=hour)).timestamp() * 1e6) for hour in (-3, -1, 1, 4)]
    assert [bucket.emissions for bucket in journal.counts(edges)] == [2, 1, 2]
    assert journal.span(edges[0], edges[2]) == (3, 5)
    journal.prune(100, older_than_s=3_600)
    assert {"e0", "e1", "e4"} <= set(ids(journal.read(0, 10)))
    journal.append([emission("e5")])
    assert [one.seq for one in journal.read_back(None, 1)] == [6]


# Locked, read-only, full


def test_a_locked_file_is_an_error_after_a_short_wait_and_works_again(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission("before")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(JournalError) as caught:
        journal.append([emission("during")])
    assert time.monotonic() - began < 1
    in_three_parts(caught, path, "database is locked", "close it; nothing has to be restarted")
    assert ids(journal.read(0, 10)) == ["before"], "readers are not locked out"
    other.execute("COMMIT")
    other.close()
    journal.append([emission("after")])
    assert ids(journal.read(0, 10)) == ["before", "after"]


def test_a_read_only_file_can_be_read_while_writing_it_is_an_error() -> None:
    # Not in tmp_path: only root may look into that, and root may write everywhere.
    folder = Path(tempfile.mkdtemp())
    path = folder / "journal.sqlite3"
    try:
        journal = SqliteJournal(path)
        journal.append([emission("stored")])
        folder.chmod(0o777)
        for file in folder.iterdir():
            file.chmod(0o444)
        script = """
            if os.getuid() == 0:
                os.setuid(65534)
            journal = SqliteJournal(sys.argv[1], busy_s=0.05)
            try:
                journal.append([emission("refused")])
            except JournalError as error:
                print(error)
            try:
                print([entry.id for entry in journal.read(0, 10)])
            except JournalError as error:
                print(error)
        """
        written, read = finish(start(script, path)).splitlines()
        assert "attempt to write a readonly database" in written
        assert str(path) in written
        assert "Give this process's user write permission" in written
        assert read == "['stored']"
        assert ids(journal.read(0, 10)) == ["stored"]
        journal.close()
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MB, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(journal: SqliteJournal) -> tuple[int, pytest.ExceptionInfo[JournalError]]:
    """Append until it fails; return how many entries were stored, and the error."""
    stored = 0
    with pytest.raises(JournalError) as caught:
        for _ in range(100):
            stored = journal.append([emission(payload={"value": "x" * 500}) for _ in range(100)])
    return stored, caught


def test_on_a_full_disk_nothing_stored_is_lost_and_it_works_again(small_disk: Path) -> None:
    path = small_disk / "journal.sqlite3"
    journal = SqliteJournal(path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    stored, caught = fill(journal)
    assert stored
    in_three_parts(caught, path, "is full", "Free some space")
    assert journal.extent().count == stored
    assert len(journal.read(0, 10_000)) == stored
    ballast.unlink()
    assert journal.append([emission("again")]) == stored + 1
    journal.close()


def test_at_the_file_size_limit_nothing_stored_is_lost_and_it_works_again(
    journal: SqliteJournal, path: Path
) -> None:
    journal.append([emission()])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        stored, caught = fill(journal)
        assert journal.extent().count == stored
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    in_three_parts(caught, path, "disk I/O error|disk is full", "file size limit")
    assert len(journal.read(0, 10_000)) == stored
    assert journal.append([emission("again")]) == stored + 1


# Processes


def test_processes_append_in_one_order_without_loss_while_a_reader_follows(path: Path) -> None:
    script = """
        name, journal = sys.argv[2], SqliteJournal(sys.argv[1])
        for batch in range(30):
            journal.append([emission(f"{name}-{batch * 10 + place}") for place in range(10)])
    """
    journal = SqliteJournal(path)
    writers = [start(script, path, name) for name in "abc"]
    followed: list[Entry] = []
    while any(writer.poll() is None for writer in writers) or journal.head().seq > len(followed):
        followed += journal.read(followed[-1].seq if followed else 0, 70)
    for writer in writers:
        finish(writer)
    assert [entry.seq for entry in followed] == list(range(1, 901))
    for name in "abc":
        assert [found for found in ids(followed) if found[0] == name] == [f"{name}-{n}" for n in range(300)]
    journal.close()


def test_processes_that_make_the_journal_at_once_make_one(path: Path) -> None:
    script = """
        journal = SqliteJournal(sys.argv[1])
        print("ready", flush=True); input()
        journal.append([emission()])
        print(journal.head().epoch)
    """
    makers = [start(script, path) for _ in range(4)]
    for maker in makers:
        assert told(maker) == "ready"
    for maker in makers:
        tell(maker)
    epochs = {finish(maker) for maker in makers}
    assert len(epochs) == 1
    journal = SqliteJournal(path)
    assert journal.extent().count == 4
    journal.close()


def test_a_killed_writer_leaves_whole_batches_and_a_file_that_works(path: Path) -> None:
    script = """
        journal = SqliteJournal(sys.argv[1])
        number = 0
        while True:
            journal.append([emission(str(number + place)) for place in range(200)])
            number += 200
            print(number, flush=True)
    """
    writer = start(script, path)
    acknowledged = 0
    while acknowledged < 2000:
        acknowledged = int(told(writer))
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    acknowledged = int(([str(acknowledged), *rest.split()])[-1])
    journal = SqliteJournal(path)
    found = ids(journal.read(0, 1_000_000))
    assert len(found) >= acknowledged
    assert len(found) % 200 == 0
    assert found == [str(number) for number in range(len(found))]
    assert journal.append([emission("after")]) == len(found) + 1
    with journal._pool.lend("read") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    journal.close()


def append_in_child(journal: SqliteJournal, name: str) -> None:
    for number in range(10):
        journal.append([emission(f"{name}-{number}")])


def test_a_journal_used_before_a_fork_works_on_both_sides(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append([emission("before")])
    journal.changed()
    stop = threading.Event()
    appended = []

    def keep_appending() -> None:
        while not stop.is_set():
            appended.append(journal.append([emission("thread")]))

    thread = threading.Thread(target=keep_appending)
    thread.start()
    context = multiprocessing.get_context("fork")
    children = []
    for name in "vwxyz":
        children.append(context.Process(target=append_in_child, args=(journal, name)))
        children[-1].start()
    for child in children:
        child.join(20)
        assert child.exitcode == 0
    stop.set()
    thread.join()
    found = ids(journal.read(0, 100_000))
    for name in "vwxyz":
        assert [one for one in found if one[0] == name] == [f"{name}-{number}" for number in range(10)]
    assert found.count("thread") == len(appended)
    assert journal.changed()
    journal.close()
