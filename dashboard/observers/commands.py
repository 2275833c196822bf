"""Management commands as origins.

Comes in: calls of ``BaseCommand.execute``, wrapped while installed. Goes out: one origin for each
command, except those that only wait for others' work. Signalscope's own command runs suppressed.
"""

from __future__ import annotations

from functools import wraps
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

OWN = "signals"

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
        if name in WAITING or current.get() is not None:
            return plain_execute(self, *args, **options)
        opened = origins.open("command", "manage.py", name)
        opened.status = "failed"
        try:
            with origins.within(opened):
                result = plain_execute(self, *args, **options)
            opened.status = "done"
            return result
        finally:
            origins.close(opened)

    _patches.replace(BaseCommand, "execute", execute)


def uninstall() -> None:
    """Leave ``BaseCommand`` as it was found. Uninstalling twice changes nothing."""
    _patches.restore()
