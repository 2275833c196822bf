"""One tool's process: does the rounds that ``benchmarks.overhead`` asks for, one at a time.

Comes in: on standard input a JSON object per line, ``measure`` and ``times``. Goes out: on standard
output ``seconds``, ``stall`` and ``statements`` of that round, or ``error``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from .tools import Round, Tool, tool

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
            answer = _measure(
                known[asked["measure"]], asked["times"], round_, count=asked.get("count", False)
            )
        except Exception as error:  # noqa: BLE001  (the parent shows it in the table)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


def _measure(run: Callable[[int], Any], times: int, round_: Round, *, count: bool) -> dict[str, Any]:
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
