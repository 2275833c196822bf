"""Which Python each version of Django is tested with.

Comes in: a version of Django, the environment, what is installed. Goes out: a Python that can make
virtual environments and is new enough, or one sentence that says how to get it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OLDEST = {"5.2": (3, 11), "6.0": (3, 12), "6.1": (3, 12)}
"""The supported versions of Django, each with the oldest Python that it and Signalscope run on."""

NAMES = ("python3.14", "python3.13", "python3.12")

_PROBE = "import ensurepip, sys, venv; print(*sys.version_info[:3])"


class Python(NamedTuple):
    """An interpreter: its path, and its version."""

    path: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))}"


class NoPythonError(Exception):
    """No Python for a version of Django. ``named`` when the one that was asked for does not do."""

    def __init__(self, message: str, *, named: bool) -> None:
        super().__init__(message)
        self.named = named


def variable(series: str) -> str:
    """Return the environment variable that names the Python for a version of Django."""
    return f"PYTHON_{series.replace('.', '')}"


def find(series: str, named: str = "") -> Python:
    """Return the Python to test this version of Django with: ``named``, or the first that does.

    Raises ``NoPythonError``.
    """
    oldest = OLDEST[series]
    needed = f"Django {series} needs Python {'.'.join(map(str, oldest))} or newer, with its venv module"
    named = named or os.environ.get(variable(series), "")
    for path in [named] if named else candidates():
        python = probe(path)
        if python is not None and python.version >= oldest:
            return python
    if named:
        raise NoPythonError(f"{needed}; {named!r} is none. Name another, or none.", named=True)
    raise NoPythonError(
        f"{needed}, and none was found ({', '.join(NAMES)}, pyenv). "
        f"Install one, or name it: make transparency {variable(series)}=/path/to/python3.13",
        named=False,
    )


def candidates() -> Iterator[str]:
    """Yield Pythons to try: the one that runs this, those on ``PATH``, those of pyenv."""
    yield sys.executable
    yield from filter(None, map(shutil.which, (*NAMES, "python3")))
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for name in NAMES:
        release = name.removeprefix("python")
        yield from map(str, sorted(root.glob(f"versions/{release}.*/bin/python"), reverse=True))


def probe(path: str) -> Python | None:
    """Return the Python at ``path``, or ``None`` when it does not run or cannot make environments."""
    # pyenv leaves commands on PATH that only say that they are not active.
    try:
        answer = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    return Python(path, tuple(map(int, answer.stdout.split())))
