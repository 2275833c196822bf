"""Management commands as origins.

Comes in: calls of ``BaseCommand.execute``, wrapped while installed. Goes out: one origin for each
command, except those that only wait for others' work. Signalscope's own command runs suppressed.
"""

from __future__ import annotations

import sys
from functools import wraps
from itertools import takewhile
from typing import Any

from django.core.management.base import BaseCommand

from ..causality import current, suppressed
from .origins import Origins
from .patching import Patches

WAITING = frozenset(
    [
        "celery",
        "daphne",
        "db_worker",
        "dbshell",
        "process_tasks",
        "qcluster",
        "rqworker",
        "runserver",
        "runworker",
        "shell",
        "shell_plus",
        "test",
        "testserver",
    ]
)
"""Commands inside which things happen that they do not cause."""

SHELLS = frozenset({"shell", "shell_plus"})

OWN = "signals"

MAX_WORDS = 3

_patches = Patches()


def install(origins: Origins) -> None:
    """Open an origin for each command from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    plain_execute = BaseCommand.execute

    @wraps(plain_execute)
    def execute(self: BaseCommand, *args: Any, **options: Any) -> Any:
        module, name = type(self).__module__, type(self).__module__.rpartition(".")[2]
        if name == OWN and module.startswith(__package__.partition(".")[0] + "."):
            with suppressed():
                return plain_execute(self, *args, **options)
        if current.get() is not None or (name in WAITING and not _is_fed(name, options)):
            return plain_execute(self, *args, **options)
        opened = origins.open("shell" if name in SHELLS else "command", "manage.py", _title(name))
        opened.status = "failed"
        try:
            with origins.within(opened):
                result = plain_execute(self, *args, **options)
            opened.status = "done"
            return result
        except SystemExit as end:
            if not end.code:
                opened.status, opened.error = "done", None
            raise
        finally:
            origins.close(opened)

    _patches.replace(BaseCommand, "execute", execute)


def _title(name: str) -> str:
    """Return the command's name with the words that follow it on the command line, up to the first option."""
    if sys.argv[1:2] != [name]:
        return name
    words = takewhile(lambda word: not word.startswith("-"), sys.argv[2 : 2 + MAX_WORDS])
    return " ".join([name, *words])


def _is_fed(name: str, options: dict[str, Any]) -> bool:
    """Return whether a shell only runs what it is given, as ``-c`` or through a pipe."""
    return name in SHELLS and bool(options.get("command") or not sys.stdin or not sys.stdin.isatty())


def uninstall() -> None:
    """Leave ``BaseCommand`` as it was found. Uninstalling twice changes nothing."""
    _patches.restore()
