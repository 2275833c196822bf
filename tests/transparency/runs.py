"""Runs Django's tests both ways at once, each in a process of its own, and reads what came of it.

Comes in: a workshop and the names of test packages. Goes out: two runs: outcomes by test, and what
the run said at its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .workshop import Workshop

SUITE = Path(__file__).with_name("suite.py")
WAYS = ("bare", "recorded")
TELL_EVERY_S = 30.0


class Outcome(NamedTuple):
    """What became of a test: passed, failed …, the SQL statements up to there, and why if it says so."""

    outcome: str
    sql: int = 0
    note: str = ""


class Run(NamedTuple):
    """One run: the outcomes by test, what it said at its end (``None``: it got to none), its log."""

    outcomes: dict[str, list[Outcome]]
    end: dict[str, Any] | None
    log: Path


def read(lines: Iterable[str], log: Path) -> Run:
    """Return the run that wrote these lines; a last line that is cut off is left out."""
    outcomes: dict[str, list[Outcome]] = {}
    end = None
    for line in lines:
        if not line.endswith("\n"):
            break
        held = json.loads(line)
        if "end" in held:
            end = held["end"]
        else:
            outcomes.setdefault(held["test"], []).append(
                Outcome(held["outcome"], held["sql"], held.get("note", ""))
            )
    return Run(outcomes, end, log)


def run_both(
    workshop: Workshop,
    packages: list[str],
    name: str = "",
    settings: dict[str, Any] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Run, Run]:
    """Run the test packages (none: all) bare and recorded, side by side; return both runs.

    ``name`` keeps the files of this pair apart from others, ``settings`` are ``SIGNALSCOPE``'s, and
    ``tell`` hears now and then how far it is.
    """
    processes = [_start(workshop, way, packages, name, settings or {}) for way in WAYS]
    try:
        _wait(processes, [_outcomes(workshop, way, name) for way in WAYS], tell)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for journal in workshop.folder.glob("*.sqlite3*"):
            journal.unlink()
    bare, recorded = (_read(workshop, way, name) for way in WAYS)
    return bare, recorded


def _start(
    workshop: Workshop, way: str, packages: list[str], name: str, settings: dict[str, Any]
) -> subprocess.Popen[bytes]:
    journal = workshop.folder / f"{way}{name}.sqlite3"
    outcomes = _outcomes(workshop, way, name)
    outcomes.unlink(missing_ok=True)
    # What this process was told of settings and paths is not for the tests; the same seed orders sets
    # alike in both.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DJANGO", "PYTHON", "SIGNALSCOPE", "MAKE"))
    }
    environment |= {
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "SIGNALSCOPE": json.dumps(settings),
        "SIGNALSCOPE_JOURNAL": f"sqlite:///{journal}",
        "DJANGO_SETTINGS_MODULE": "test_sqlite",
    }
    arguments = ["--parallel=1", "--noinput", "--verbosity=0", *packages]
    with _log(workshop, way, name).open("wb") as log:
        return subprocess.Popen(
            [str(workshop.executable), str(SUITE), way, str(outcomes), *arguments],
            cwd=workshop.tests,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _wait(
    processes: list[subprocess.Popen[bytes]], outcomes: list[Path], tell: Callable[[str], None]
) -> None:
    told = time.monotonic()
    while any(process.poll() is None for process in processes):
        time.sleep(0.2)
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            tell(", ".join(f"{way}: {_lines(path):,}" for way, path in zip(WAYS, outcomes, strict=True)))


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _read(workshop: Workshop, way: str, name: str) -> Run:
    log, outcomes = _log(workshop, way, name), _outcomes(workshop, way, name)
    if not outcomes.exists():
        return Run({}, None, log)
    with outcomes.open(encoding="utf-8") as lines:
        return read(lines, log)


def _log(workshop: Workshop, way: str, name: str) -> Path:
    return workshop.folder / f"{way}{name}.log"


def _outcomes(workshop: Workshop, way: str, name: str) -> Path:
    return workshop.folder / f"{way}{name}.jsonl"


def tail_of(log: Path, lines: int = 30) -> str:
    """Return the end of a run's log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})"


def say(text: str = "") -> None:
    """Print a line at once: what comes next may take minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
