"""Where code is: which files are the project's own, how a file is shown, which line sent a signal.

Comes in: frames, code objects and tracebacks. Goes out: file, line and function as plain values,
so that nothing of the app is kept alive.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import asgiref.sync
import django

MACHINERY, OWN, LIBRARY, ENTRY, HANDOVER = range(5)

Place = tuple[str, int, str]
Spot = tuple[CodeType, int]
"""Where in a piece of code a frame was; ``place`` makes a line of it, later, off the hot path."""

_STEPS = range(64)
_MAX_TRACEBACK = 40
_HERE = str(Path(__file__).resolve().parent)
_DJANGO = str(Path(django.__file__).resolve().parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_PACKAGES = ("/site-packages/", "/dist-packages/")
# What runs between the line that asks for a change and the signal it sends.
_MACHINERY = (_HERE, f"{_DJANGO}/db", f"{_DJANGO}/dispatch", f"{_DJANGO}/utils")
# Above these there is only the server: the walk may stop.
_ENTRIES = (f"{_DJANGO}/core/handlers", f"{_DJANGO}/core/servers")

# What is above this in a thread's stack is not what awaits the work there.
_HANDOVER = asgiref.sync.__file__

awaited: ContextVar[Spot | None] = ContextVar("signalscope_awaited", default=None)
"""The spot in the project's own code that awaits what this thread runs."""


def _classify(filename: str) -> int:
    if filename.startswith(_MACHINERY):
        return MACHINERY
    if filename.startswith(_ENTRIES):
        return ENTRY
    if filename == _HANDOVER:
        return HANDOVER
    if filename.startswith(("<", _DJANGO, *_LIBRARIES)) or any(part in filename for part in _PACKAGES):
        return LIBRARY
    return OWN


class _Kinds(dict[str, int]):
    """File name to kind, worked out on first sight: one dict look-up a frame afterwards."""

    def __missing__(self, filename: str) -> int:
        kind = self[filename] = _classify(filename)
        return kind


_kinds = _Kinds()


def is_own(filename: str) -> bool:
    """Return whether the file is the project's: not Python's, not Django's, not an installed package's."""
    return _kinds[filename] == OWN


def emitting(frame: FrameType | None) -> Spot | None:
    """Return the nearest spot in the project's own code at or above ``frame``.

    In a thread that works for a coroutine, the spot that awaits it.

    Where there is none (a change made by the admin), the nearest one outside Django's database
    and dispatch code. ``None`` when the stack holds neither.
    """
    fallback: Spot | None = None
    kinds = _kinds
    for _ in _STEPS:
        if frame is None:
            break
        code = frame.f_code
        kind = kinds[code.co_filename]
        if kind:  # not MACHINERY, of which there are a few frames under every save
            if kind == OWN:
                return code, frame.f_lasti
            if kind == ENTRY:
                break
            if kind == HANDOVER and (spot := awaited.get()) is not None:
                return spot
            if fallback is None:
                fallback = code, frame.f_lasti
        frame = frame.f_back
    return fallback


def place(spot: Spot) -> Place:
    """Return the line of a spot. It takes a walk through the code's table of lines: not for the hot path."""
    code, offset = spot
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end:
            line = number or line
            break
    return code.co_filename, line, code.co_name


def raised_at(traceback: TracebackType | None) -> list[Place]:
    """Return the traceback's lines below Signalscope's own, outermost first, the middle cut when long."""
    places: list[Place] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            places.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    if len(places) > _MAX_TRACEBACK:
        half = _MAX_TRACEBACK // 2
        cut = len(places) - 2 * half
        places[half:-half] = [(f"<{cut} frames cut>", 0, "")]
    return places


def shown(filename: str) -> str:
    """Return the file as a reader knows it: relative to the import path that holds it."""
    best = ""
    for root in _roots():
        if len(root) > len(best) and filename.startswith(root.rstrip("/") + "/"):
            best = root.rstrip("/")
    return filename[len(best) + 1 :] if best else filename


@functools.lru_cache(maxsize=4096)
def found(shown_file: str) -> str:
    """Return the absolute path of a file that ``shown`` has named; empty when this host has none such."""
    path = Path(shown_file)
    if ".." in path.parts:
        return ""
    candidates = [path] if path.is_absolute() else [Path(root) / path for root in reversed(_roots())]
    return next((str(one) for one in candidates if _is_file(one)), "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_absolute() and path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null: no file has it
        return False


def _roots() -> list[str]:
    return [*_LIBRARIES, *reversed(sys.path), str(Path.cwd())]
