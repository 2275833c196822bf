"""A real Celery worker for a test: processes of its own, gone afterwards.

Comes in: the broker's and the journal's address, options of ``celery worker``, a settings module. Goes
out: a worker that is ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from config.settings import BASE_DIR

STARTS_S = 90.0


class CeleryWorker:
    """One worker of ``tests.celery_shop``, with its children."""

    def __init__(
        self, folder: Path, broker: str, journal: str, *options: str, settings: str = "config.settings"
    ) -> None:
        self.log = folder / "worker.log"
        environment = os.environ | {
            "BROKER_URL": broker,
            "SIGNALSCOPE_JOURNAL": journal,
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": settings,
        }
        words = ["-A", "tests.celery_shop", "worker", "--loglevel=INFO", "--without-mingle", *options]
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", *words],
                cwd=BASE_DIR,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + STARTS_S
        while "ready." not in self.log.read_text():
            assert self._process.poll() is None, f"the worker ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"the worker was not ready: {self.log.read_text()[-4000:]}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it finish what it does, and end: its warm shutdown."""
        self._process.terminate()
        self._process.wait(STARTS_S)
