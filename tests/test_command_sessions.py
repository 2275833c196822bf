"""``manage.py signals export``, ``import``, ``prune`` and ``compare``; also as processes of two machines."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from dashboard import pipeline
from dashboard.journal import Journal, open_journal

from .samples import TRACE, admin_add, call, emission
from .test_sessions import lines, packed
from .test_views_compare import trace

ROOT = Path(__file__).parent.parent


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    """The journal that the command reads."""
    held = open_journal(journal_url)
    held.head()
    yield held
    held.close()
    pipeline.stop()


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("signals", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


# --- export and import -----------------------------------------------------------------------


def test_a_stretch_is_exported_into_a_file_and_told(journal: Journal, tmp_path: Path) -> None:
    journal.append([*admin_add(), emission("other", trace="other")])
    file = tmp_path / "out.jsonl.gz"

    out, err = run("export", "--filter", "is:error", "--output", str(file))

    assert out == ""
    assert err.startswith("Exported 7 entries, 5 emissions, 1 trace.")
    assert "redacted when they were recorded" in err
    assert lines(file.read_bytes())[0]["filter"] == "is:error"
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl.gz"]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [(["--since", "5"], 4), (["--until", "2"], 2), (["--trace", TRACE], 7), (["--trace", "nobody"], 0)],
)
def test_a_range_or_a_trace_is_exported(
    journal: Journal, tmp_path: Path, arguments: list[str], count: int
) -> None:
    journal.append([*admin_add(), emission("other", trace="other")])
    _, err = run("export", *arguments, "--output", str(tmp_path / "x.gz"))
    assert len(lines((tmp_path / "x.gz").read_bytes())) == 1 + count
    assert ("Nothing in the journal" in err) == (count == 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--filter", "is:"], "does not parse"),
        (["--since", "yesterday"], "no place in a journal"),
        (["--output", "/nowhere/at/all.gz"], "Name another file with --output"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_the_earlier_file(
    journal: Journal, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "x.gz").write_text("earlier")
    with pytest.raises(CommandError, match=said):
        run("export", "--output", str(tmp_path / "x.gz"), *arguments)
    assert (tmp_path / "x.gz").read_text() == "earlier"


def test_an_imported_file_is_a_session_with_an_address(journal: Journal, tmp_path: Path) -> None:
    journal.append(admin_add())
    run("export", "--output", str(tmp_path / "Web 1.jsonl.gz"))

    out, err = run("import", str(tmp_path / "Web 1.jsonl.gz"))

    assert out.splitlines() == [
        "Imported 7 entries as session web-1.",
        "Look at it under /signals/sessions/web-1/",
    ]
    assert err == ""


def test_damage_is_told_beside_the_success(journal: Journal, tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    file.write_bytes(packed(json.loads(b'{"kind":"x","at":"2026-01-01T00:00:00Z"}'))[:-4])
    out, err = run("import", str(file))
    assert "Imported 1 entry" in out
    assert "breaks off" in err


@pytest.mark.parametrize("content", [None, b"", b"\x1b[31mred", gzip.compress(b"{}", mtime=0)])
def test_a_file_that_cannot_be_imported_is_refused(
    journal: Journal, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "\x1b[2Jodd.gz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError) as raised:
        run("import", str(file))
    assert "\x1b" not in str(raised.value)
    assert pipeline.sessions().held() == []


# --- prune -----------------------------------------------------------------------------------


def test_prune_keeps_the_newest(journal: Journal) -> None:
    journal.append([emission(f"e{number}", number) for number in range(20)])
    assert run("prune", "--keep", "5")[0] == "Deleted 15 entries; 5 are left.\n"
    assert [entry.seq for entry in journal.read(0, 100)] == [16, 17, 18, 19, 20]


def test_prune_deletes_what_is_older(journal: Journal) -> None:
    journal.append(admin_add())
    assert run("prune", "--older-than", "7d")[0] == "Deleted 7 entries; 0 are left.\n"


def test_prune_without_limits_takes_those_of_the_settings(journal: Journal, settings: LazySettings) -> None:
    journal.append(admin_add())
    settings.SIGNALSCOPE = {"KEEP_ENTRIES": 3}
    assert run("prune")[0] == "Deleted 4 entries; 3 are left.\n"


@pytest.mark.parametrize(
    "arguments", [["--keep", "-1"], ["--keep", "x"], ["--older-than", "7"], ["--older-than", "d"]]
)
def test_a_limit_that_is_none_is_refused(journal: Journal, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("prune", *arguments)


# --- compare ---------------------------------------------------------------------------------


def test_two_traces_are_compared_on_the_command_line(journal: Journal) -> None:
    journal.append(
        [*trace("t1", call("app.a")), *trace("t2", call("app.a", queries=3), call("app.b"), ms=99)]
    )
    out, _ = run("compare", "t1", "t2")
    assert out.splitlines() == [
        "In B, against A: 1 call (b) is new; a (0 q to 3 q a run) queries otherwise.",
        "    post_save demo_app.Post",
        "      a  more queries (0 q to 3 q a run)",
        "      b  new",
    ]


def test_a_session_is_compared_with_the_journal_and_with_one_trace_of_a_session(
    journal: Journal, tmp_path: Path
) -> None:
    journal.append(trace("t1", call("app.a")))
    run("export", "--output", str(tmp_path / "old.gz"))
    run("import", str(tmp_path / "old.gz"))
    journal.append(trace("t2", call("app.a"), call("app.b"), ms=99))
    assert run("compare", "old", "old")[0].startswith("B does what A did")
    assert "1 call (b) is new" in run("compare", "old", "live")[0]
    assert "1 call (b) is new" in run("compare", "old:t1", "t2")[0]


@pytest.mark.parametrize("name", ["nobody", "nobody:t1", "old:", ":", "", "live:nope"])
def test_what_cannot_be_compared_is_refused(journal: Journal, name: str) -> None:
    journal.append(trace("t1"))
    with pytest.raises(CommandError):
        run("compare", name, "t1")


# --- as processes of two machines ------------------------------------------------------------


def signals(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key != "SIGNALSCOPE_JOURNAL"}
    return subprocess.run(
        [sys.executable, "manage.py", "signals", *arguments],
        cwd=ROOT,
        env=environment | {"DATA_DIR": str(folder)},
        capture_output=True,
        check=True,
        timeout=120,
    )


def test_what_one_machine_exports_through_a_pipe_another_one_imports(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    journal = open_journal(f"sqlite:///{here}/signalscope.sqlite3")
    journal.append(admin_add())
    journal.close()

    exported = signals(here, "export", "--filter", "receiver:notify_author")
    assert b"Exported 7 entries" in exported.stderr
    (tmp_path / "taken along.jsonl.gz").write_bytes(exported.stdout)
    imported = signals(there, "import", str(tmp_path / "taken along.jsonl.gz"))

    assert b"Imported 7 entries as session taken-along." in imported.stdout
    copy = open_journal(f"sqlite:///{there}/signalscope.sessions/taken-along/journal.sqlite3")
    assert [entry.at for entry in copy.read_trace(TRACE, 100)] == [entry.at for entry in admin_add()]
    copy.close()
    compared = signals(there, "compare", "taken-along", f"taken-along:{TRACE}")
    assert compared.stdout.startswith(b"B does what A did")
