"""Bad input and bad luck, from the app's end to the page: the app is unchanged, the page says what is wrong.

Each journal fault is made for real, on the file that this test's recording writes to.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import dashboard
from dashboard import pipeline
from dashboard.journal import open_journal
from dashboard.journal.base import JournalError

from .faults import app_works, emitted, gaps, page_says, told, until
from .hearing import hearing
from .samples import emission

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(journal_url: str) -> Path:
    return Path(journal_url.removeprefix("sqlite:///"))


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("editor", is_staff=True))
    return client


def readable() -> bool:
    """Return whether the journal can be read now."""
    try:
        pipeline.journal().head()
    except JournalError:
        return False
    return True


def locked(path: Path) -> Iterator[None]:
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.rollback()
    holder.close()


def test_a_locked_journal_is_told_and_caught_up_with(recording: None, path: Path, staff: Client) -> None:
    told.send("before")
    assert pipeline.flush()
    lock = locked(path)
    next(lock)
    told.send("meanwhile")
    app_works()
    until(lambda: pipeline.health().error)
    page_says(staff, "locked")
    next(lock, None)
    until(lambda: pipeline.health().error is None and emitted("meanwhile"))
    assert len(emitted("before")) == len(emitted("meanwhile")) == 1
    assert pipeline.health().dropped == 0


HELD_S = 30.0
HOLDER = """
import sqlite3, sys
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_lock_held_for_long_by_another_process_costs_what_the_buffer_cannot_hold_and_that_is_counted(
    settings: LazySettings, journal_url: str, path: Path, staff: Client
) -> None:
    settings.SIGNALSCOPE = settings.SIGNALSCOPE | {"BUFFER": 1_000}
    dashboard.install()
    try:
        told.send("before")
        assert pipeline.flush()
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            sent, until_then = 0, time.monotonic() + HELD_S
            while time.monotonic() < until_then or sent < 5_000:
                assert told.send("meanwhile") == []
                sent += 1
                time.sleep(0.001)
            page_says(staff, "locked")
            assert emitted("meanwhile") == []
            holder.communicate("release\n")
        until(lambda: pipeline.health().error is None and pipeline.flush(0.2) and gaps())
        dropped = pipeline.health().dropped
        assert dropped > 0
        assert sum(gap.dropped for gap in gaps()) == dropped
        assert len(emitted("before")) == 1
        assert len(emitted("meanwhile")) >= 1_000
        # What the page's request sent may be among what was dropped.
        assert len(emitted("meanwhile")) + dropped >= sent
        assert "is-lost" in staff.get("/signals/?layout=flat").content.decode()
    finally:
        dashboard.uninstall()


def test_a_corrupt_journal_is_kept_aside_and_begun_anew(recording: None, path: Path, staff: Client) -> None:
    told.send("before")
    assert pipeline.flush()
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(b"this is no database, whatever its name says" * 100)
    rubbish.replace(path)
    told.send("after")
    app_works()
    until(lambda: pipeline.flush(0.2) and readable() and emitted("after"))
    (aside,) = path.parent.glob(f"{path.name}.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert gaps()
    assert str(path.name) in gaps()[0].reason


def test_a_deleted_journal_is_begun_anew(recording: None, path: Path) -> None:
    told.send("before")
    assert pipeline.flush()
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()
    app_works()
    told.send("after")
    until(lambda: pipeline.flush(0.2) and emitted("after"))
    assert emitted("before") == []


def test_a_folder_that_is_missing_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, staff: Client
) -> None:
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", f"sqlite:///{tmp_path}/none/journal.sqlite3")
    dashboard.install()
    try:
        app_works()
        until(lambda: pipeline.health().error)
        page_says(staff, f"{tmp_path}/none")
        (tmp_path / "none").mkdir()
        until(lambda: pipeline.health().error is None and emitted("app"))
    finally:
        dashboard.uninstall()


READ_ONLY = """
import os, time
import django; django.setup()
from django.dispatch import Signal
import dashboard
from dashboard import pipeline
if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
told = Signal()
deadline = time.monotonic() + 10
while pipeline.health().error is None and time.monotonic() < deadline:
    assert told.send("reader") == []
    time.sleep(0.02)
print(pipeline.health().error)
"""


def test_a_read_only_journal_is_told_and_the_app_goes_on() -> None:
    """In a process of its own that may not write."""
    # Not in tmp_path: only root may look into that.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite3"
        open_journal(f"sqlite:///{path}").append([emission()])
        Path(folder).chmod(0o777)
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY],
            capture_output=True,
            text=True,
            env={**os.environ, "SIGNALSCOPE_JOURNAL": f"sqlite:///{path}"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "readonly database" in done.stdout
        assert str(path) in done.stdout


class OddError(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise AssertionError("asked")


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"deep": {"deeper": []}},
        [],
        OddError(),
        "x" * 10_000_000,
        b"\xff" * 1_000_000,
        10**5_000,
        "\ud800",
    ],
    ids=["object", "dict", "list", "exception", "10 MB", "bytes", "huge int", "surrogate"],
)
def test_a_keyword_of_any_kind_is_journalled(recording: None, value: Any) -> None:
    got: list[Any] = []
    told.connect(lambda value, **named: got.append(value), weak=False, dispatch_uid="odd")
    try:
        told.send("odd", value=value)
    finally:
        told.disconnect(dispatch_uid="odd")
    assert got[0] is value
    assert pipeline.flush()
    (kept,) = emitted("odd")
    assert len(str(kept.payload)) < 1_000
    assert pipeline.health().faults == 0


def test_a_model_that_cannot_be_shown_is_recorded_without_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hostile(self: Group) -> str:
        raise AssertionError("asked")

    for name in ("__str__", "__repr__", "__hash__", "__eq__"):
        monkeypatch.setattr(Group, name, hostile)
    with hearing() as heard:
        Group(name="a").save()
    saved = next(one for one in heard.emissions("post_save") if one.sender == "auth.Group")
    assert saved.instance is not None
    assert saved.instance.pk
    assert heard.recorder.faults == 0


def test_recording_adds_no_statement() -> None:
    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            user = User.objects.create(username="counted")
            user.groups.add(Group.objects.create(name="counted"))
            user.save()
            user.groups.all().delete()
            user.delete()
        return [re.sub(r"\d+|'[^']*'", "?", query["sql"]) for query in captured]

    bare = statements()
    with hearing():
        assert statements() == bare
