"""Origins whose process is gone: certain for this host, and never guessed for another."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from dashboard.events import Process
from dashboard.traces.liveness import has_ended
from dashboard.traces.summaries import TraceSummary

from .samples import origin

HOST = socket.gethostname()
NOW = datetime.now(UTC)


def gone() -> int:
    """Return the number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_this_process_runs() -> None:
    assert not has_ended(Process(HOST, os.getpid()), NOW)


def test_a_process_that_is_gone_has_ended() -> None:
    assert has_ended(Process(HOST, gone()), NOW)


def test_a_number_that_another_process_uses_now_has_ended() -> None:
    assert has_ended(Process(HOST, os.getpid()), NOW - timedelta(days=365))


def test_nothing_is_said_of_another_host() -> None:
    assert not has_ended(Process("elsewhere", gone()), NOW)
    assert not has_ended(None, NOW)


def test_an_origin_whose_process_ended_is_unfinished() -> None:
    summary = TraceSummary("t")
    summary.add(origin("opened", process=Process(HOST, gone())))
    assert summary.state == "unfinished"
    summary.add(origin("closed", 5))
    assert summary.state == "closed"
