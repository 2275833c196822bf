"""What the command writes to: lines in parts with a role each, or JSON objects, flushed at once.

Comes in: parts of a line, hostile names among them. Goes out: text on the command's stdout,
coloured on a terminal only, with nothing in it that a terminal would obey.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.management.base import OutputWrapper
from django.core.management.color import no_style

_STYLES = {"name": "MIGRATE_HEADING", "error": "ERROR", "warning": "WARNING", "good": "SUCCESS"}


class Part(NamedTuple):
    """A piece of a line. ``role`` is ``name``, ``error``, ``warning``, ``good`` or empty."""

    text: str
    role: str = ""


def printable(text: str) -> str:
    """Return the text with control characters, line breaks and direction marks replaced, one for one."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


class Terminal:
    """A command's output. Every method may raise ``BrokenPipeError`` when its reader is gone."""

    def __init__(
        self, out: OutputWrapper, err: OutputWrapper, style: Any, *, force_color: bool = False
    ) -> None:
        self._out = out
        self._err = err
        self._style = style if force_color or out.isatty() else no_style()
        self._reader = _poll_for_error(out)

    def line(self, parts: Iterable[Part | str]) -> None:
        """Write one line for people."""
        painted = (self._painted(Part(part) if isinstance(part, str) else part) for part in parts)
        self._write("".join(painted).rstrip())

    def json(self, body: bytes) -> None:
        """Write one JSON object on a line of its own."""
        self._write(body.decode())

    def text(self, text: str) -> None:
        """Write text as it stands: what a file would hold."""
        self._write(text.rstrip("\n"))

    def notice(self, text: str) -> None:
        """Write a remark beside the output, on stderr."""
        self._err.write(printable(text))
        self._err.flush()

    def check_reader(self) -> None:
        """Raise ``BrokenPipeError`` when stdout is a pipe that nobody reads any more."""
        if self._reader is not None and self._reader.poll(0):
            raise BrokenPipeError

    def _painted(self, part: Part) -> str:
        text = printable(part.text)
        if not part.role:
            return text
        painted: str = getattr(self._style, _STYLES[part.role])(text)
        return painted

    def _write(self, text: str) -> None:
        try:
            self._out.write(text, style_func=str)
        except UnicodeEncodeError as error:
            self._out.write(text.encode(error.encoding, "replace").decode(error.encoding), style_func=str)
        self._out.flush()


def silence(out: OutputWrapper) -> None:
    """Let nothing that is still buffered for a closed pipe raise when Python exits.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    number = _file_number(out)
    if number is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


def _poll_for_error(out: OutputWrapper) -> select.poll | None:
    number = _file_number(out)
    if number is None or not hasattr(select, "poll"):
        return None
    reader = select.poll()
    reader.register(number, 0)  # no event asked for: POLLERR is always reported
    return reader


def _file_number(out: OutputWrapper) -> int | None:
    try:
        return int(out.fileno())
    except (AttributeError, OSError, ValueError):
        return None
