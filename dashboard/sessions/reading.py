"""A session file is read: line by line, from anybody, in bounded memory.

Comes in: a stream of bytes, packed or not. Goes out: the header, then lines of bounded length, as many
as the bounds allow. Damage ends the lines early and is told; it does not undo what came before.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from .header import Header, SessionError, parse

LONGEST_LINE = 2_000_000
MOST_ENTRIES = 1_000_000
_MAGIC = b"\x1f\x8b"


class SessionFile:
    """A session file that is open. ``damage`` says, once the lines have ended, why they ended too early.

    ``size`` is the number of bytes unpacked so far; it stays within ``most_bytes``.
    """

    def __init__(self, stream: BinaryIO, name: str, most_bytes: int) -> None:
        """Read the header. Raises ``SessionError`` for a file that is no session."""
        self.name = name
        self.damage = ""
        self.size = 0
        self.number = 0
        self._most_bytes = most_bytes
        head = stream.read(len(_MAGIC))
        stream.seek(0)
        self._lines = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if head == _MAGIC else stream
        self.header_line = self._line() or b""
        if self.damage:
            raise SessionError(
                f"{name} is no session that can be read: {self.damage} Copy or export it once more."
            )
        self.header: Header = parse(self.header_line, name)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the bytes of each further line.

        Raises ``SessionError`` when the file is larger than its bounds: a small file can unpack to
        anything, so a whole one is refused rather than a part kept that nobody chose.
        """
        count = 0
        while line := self._line():
            if not line.strip():
                continue
            count += 1
            if count > MOST_ENTRIES:
                raise SessionError(
                    f"{self.name} holds more than {MOST_ENTRIES:,} entries, the most that one session may "
                    "have. Export less of the journal: --filter, --since and --until."
                )
            yield self.number, line
        if not self.damage and count < self.header.entries:
            self.damage = f"Its header names {self.header.entries:,} entries, and it holds {count:,}."

    def _line(self) -> bytes:
        try:
            line: bytes = self._lines.readline(LONGEST_LINE + 1)
        except (EOFError, OSError, zlib.error, io.UnsupportedOperation) as error:
            self.damage = f"It breaks off after line {self.number} ({error})."
            return b""
        self.size += len(line)
        if self.size > self._most_bytes:
            raise SessionError(
                f"{self.name} is larger than {self._most_bytes:,} bytes when unpacked, the most that "
                "SIGNALSCOPE['IMPORT_BYTES'] allows. Export less of the journal, or allow more."
            )
        self.number += bool(line)
        if len(line) > LONGEST_LINE:
            self.damage = f"Its line {self.number} is longer than {LONGEST_LINE:,} bytes."
            return b""
        if line and not line.endswith(b"\n") and self.number > 1:
            self.damage = f"It ends in the middle of line {self.number}."
            return b""
        return line
