"""One tool's process: does the rounds that ``benchmarks.overhead`` asks for, one at a time.

Comes in: on standard input a JSON object per line: ``measure``, ``times``, ``turn``, ``count``. Goes
out: on standard output ``seconds``, ``stall``, ``cpu`` and ``statements`` of that round, under ``bare``
the same without the tool where it can be taken off, or ``error``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from .tools import Round, Tool, tool

Run = Callable[[int], Any]
WARM_UP = 20

_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
]


def configure(chosen: Tool, folder: Path) -> None:
    """Set Django up in ``folder``, with the tool's apps and settings."""
    apps = [*_APPS, "django.contrib.sessions", "benchmarks.subject", *chosen.apps]
    settings.configure(
        BASE_DIR=folder,
        SECRET_KEY="benchmark",  # noqa: S106
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="benchmarks.subject.urls",
        INSTALLED_APPS=apps,
        MIGRATION_MODULES={name.rpartition(".")[2]: None for name in apps},
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "app.sqlite3",
                "CONN_MAX_AGE": None,
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL"},
            },
            "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        STATIC_URL="static/",
        LOGGING_CONFIG=None,
        USE_TZ=True,
        **chosen.settings,
    )
    django.setup()


def create_tables() -> None:
    """Make the tables of all apps in both databases."""
    from django.core.management import call_command

    for alias in ("default", "memory"):
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)


def main() -> None:
    """Answer until standard input ends."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr
    chosen = tool(name, folder)
    configure(chosen, folder)
    create_tables()
    round_ = chosen.start()
    from .measures import Prepared, measures

    prepared = Prepared()
    known = measures(prepared)
    print(json.dumps({"ready": name, "django": django.get_version()}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _answer(chosen, round_, known[asked["measure"]], asked)
        except Exception as error:  # noqa: BLE001  (the parent shows it in the table)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


def _answer(chosen: Tool, round_: Round, run: Run, asked: dict[str, Any]) -> dict[str, Any]:
    """Measure a round; beside it the same without the tool, before or after it in turn, where that can be.

    Two processes that do the same differ by some per cent (where their memory lies), for as long as
    they live; one process with and without the tool does not.
    """
    times, count = asked["times"], asked["count"]
    if chosen.away is None:
        return _measure(run, times, round_, count=count)
    without = _without(chosen.away, run, times) if asked["turn"] % 2 else None
    with round_():
        # What is worked out once per signal, model and receiver is no part of the figure.
        run(min(times, WARM_UP))
    answer = _measure(run, times, round_, count=count)
    return {**answer, "bare": without or _without(chosen.away, run, times)}


def _without(away: Round, run: Run, times: int) -> dict[str, Any]:
    with away():
        run(min(times, WARM_UP))
        return _measure(run, times, nullcontext, count=False)


def _measure(run: Run, times: int, round_: Round, *, count: bool) -> dict[str, Any]:
    from django.db import connections

    statements = 0

    def counting(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    gc.collect()
    gc.disable()
    try:
        with round_(), ExitStack() as wrapped:
            if count:
                for connection in connections.all():
                    wrapped.enter_context(connection.execute_wrapper(counting))
            began = time.process_time()
            measured = run(times)
        # After the round: what a tool does later, in a thread of its own, is its cost as well.
        cpu = time.process_time() - began
    finally:
        gc.enable()
    return {"seconds": measured.seconds, "stall": measured.stall, "cpu": cpu, "statements": statements}


if __name__ == "__main__":
    main()
