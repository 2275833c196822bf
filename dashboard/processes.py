"""What this process is: its host, its number, and what it does, as its entries say.

Comes in: the command line that started the process. Goes out: a ``Process``. Of the command line only the
program is told, and of ``manage.py`` the command: what follows may be secret.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import PurePath

from .events import Process

LONGEST = 40

_MANAGERS = frozenset({"manage.py", "manage", "django-admin", "django-admin.py"})
_PACKAGES_OF = frozenset({"bin", "scripts", "site-packages"})
"""Folders whose names say nothing of a program in them."""


def this_process(thread: str = "") -> Process:
    """Return the running process, in the thread with this name."""
    return Process(socket.gethostname(), os.getpid(), thread, role_of(sys.argv))


def role_of(argv: Sequence[str]) -> str:
    """Return what a process does that was started like this: ``gunicorn``, ``runserver``, ``shell``.

    A prefork worker has the command line of its parent, and so has a child of ``multiprocessing``.
    """
    words = [*argv[:2], "", ""]
    path = PurePath(words[0])
    program = path.name
    if program == "__main__.py" and path.parent.name not in ("", ".", *_PACKAGES_OF):
        program = "django-admin" if path.parent.name == "django" else path.parent.name
    if program in _MANAGERS and words[1] and not words[1].startswith("-"):
        program = words[1]
    if program in ("", "-", "-c"):
        program = "python"
    # A program's name need not be text: its undecodable bytes stand as halves of surrogate pairs.
    return program.removesuffix(".exe").encode(errors="replace").decode()[:LONGEST]
