"""One run of Django's test suite, bare or recorded: what became of each test, as JSON lines.

Comes in: ``python suite.py bare|recorded OUTCOMES ARGUMENTS``, started in the folder of Django's tests
by ``runs``; the arguments are for ``runtests.py``. Goes out: in the file OUTCOMES a line for each
outcome, and at the end one about the run. Both ways do the same, but for one call of ``install()``.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import runpy
import sys
import time
import unittest
from pathlib import Path
from typing import IO, Any

STUCK_S = 300
"""A test that takes longer hangs: the run ends there, and its log shows where every thread was."""

MAX_NOTE = 300


class Notes:
    """Writes each outcome down at once, with the number of SQL statements since the one before.

    So the statements that set up a class or a database count too: for the test that comes next.
    """

    def __init__(self, path: Path) -> None:
        self.statements = 0
        self._file: IO[str] = path.open("w", encoding="utf-8", buffering=1)

    def count_statement(self, statement: str) -> None:
        """Count one statement that SQLite runs for the app."""
        self.statements += 1

    def outcome(self, test: str, outcome: str, note: str = "") -> None:
        """Write down what became of a test. ``note`` says why."""
        sql, self.statements = self.statements, 0
        self._write({"test": test, "outcome": outcome, "sql": sql, "note": note[:MAX_NOTE]})

    def end(self, **facts: Any) -> None:
        """Write the last line: without one the run did not get to its end."""
        self._write({"end": facts})
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")


class NotingResult(unittest.TextTestResult):
    """Writes to ``notes`` what the suite's own result is told.

    Tests of test runners make results too: this class withdraws when its first one is made.
    """

    notes: Notes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unittest.TextTestRunner.resultclass = unittest.TextTestResult

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "passed")
        super().addSuccess(test)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "failed", raised(err))
        super().addFailure(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "error", raised(err))
        super().addError(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "skipped", reason)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "expected failure", raised(err))
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.notes.outcome(test.id(), "unexpected success")
        super().addUnexpectedSuccess(test)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            part = subtest.id().removeprefix(test.id()).strip()
            self.notes.outcome(test.id(), "failed" if failed else "error", f"{part} {raised(err)}")
        super().addSubTest(test, subtest, err)


def raised(err: Any) -> str:
    """Return an exception's type and the first line of its message."""
    message = str(err[1]).strip().partition("\n")[0]
    return f"{err[0].__name__}: {message}"


class Complaints(logging.Handler):
    """Keeps the first of what Signalscope logs: its faults, with their tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._format = logging.Formatter("%(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as text."""
        if len(self.texts) < 10:
            self.texts.append(self._format.format(record))


def watch_statements(notes: Notes) -> None:
    """Let SQLite report each statement of the app's connections. The journal's are not among them."""
    from django.db.backends.sqlite3.base import DatabaseWrapper

    plain_connect = DatabaseWrapper.get_new_connection

    def get_new_connection(self: Any, conn_params: Any) -> Any:
        connection = plain_connect(self, conn_params)
        connection.set_trace_callback(notes.count_statement)
        return connection

    DatabaseWrapper.get_new_connection = get_new_connection  # type: ignore[method-assign]


def run_tests(arguments: list[str]) -> int:
    """Run Django's ``runtests.py`` as if it were the script; return its exit status."""
    sys.argv = ["runtests.py", *arguments]
    try:
        runpy.run_path("runtests.py", run_name="__main__")
    except SystemExit as status:
        return status.code if isinstance(status.code, int) else int(status.code is not None)
    return 0


def recording() -> dict[str, Any]:
    """Return what the recording has to say at the end, when all that it heard is in the journal."""
    from dashboard import pipeline

    landed = pipeline.flush(120)
    health = pipeline.health()
    return {
        "landed": landed,
        "heard": health.recorded,
        "written": pipeline.journal().extent().newest,
        "dropped": health.dropped,
        "faults": health.faults,
        "error": health.error,
    }


def main(way: str, outcomes: str, arguments: list[str]) -> int:
    """Run the tests one way; return the exit status of ``runtests.py``."""
    # Django's tests come first, as for runtests.py itself; this repository last, lest its names hide theirs.
    sys.path[0] = str(Path.cwd())
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    import django
    from django.conf import settings

    import dashboard

    notes, complaints = Notes(Path(outcomes)), Complaints()
    logging.getLogger("signalscope").addHandler(complaints)
    settings.SIGNALSCOPE = json.loads(os.environ["SIGNALSCOPE"])
    NotingResult.notes = notes
    unittest.TextTestRunner.resultclass = NotingResult
    watch_statements(notes)
    if way == "recorded":
        dashboard.install()
    started = time.monotonic()
    status = run_tests(arguments)
    facts = {"status": status, "seconds": time.monotonic() - started, "django": django.get_version()}
    if way == "recorded":
        facts |= recording()
        dashboard.uninstall()
    notes.end(**facts, complaints=complaints.texts)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
