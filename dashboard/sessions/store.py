"""The imported sessions: a folder each, with a journal and what is known of the file.

Comes in: a folder, bounds, a file. Goes out: ``Session`` and its journal. A session is complete or not
there: it is made under another name and renamed, so that no process ever lists half of one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..events import Gap
from ..journal.base import Journal, JournalError, Packed, pack
from ..journal.sqlite import SqliteJournal
from .header import FORMAT, Header, SessionError
from .reading import SessionFile
from .vetting import ImplausibleError, vet

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,62}[a-z0-9])?")
_LONGEST = 48
_MOST_SAME = 1_000
_BATCH = 1_000
_JOURNAL, _ABOUT = "journal.sqlite3", "session.json"
_UNFINISHED = ".importing-"
_STALE_S = 24 * 3600
LIVE = "live"
"""What stands for the journal of this process where a session may be named."""

RESERVED = frozenset({LIVE, "import"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An imported session: its name here, its file's header, and how the import went.

    ``taken`` entries are held; ``refused`` ones were left out, ``remarks`` say why.
    """

    name: str
    imported_at: datetime
    file: str = ""
    header: Header = Header(signalscope_session=FORMAT)
    taken: int = 0
    refused: int = 0
    remarks: list[str] = []


class Store:
    """The sessions in a folder: at most ``most`` of them, each at most ``most_bytes`` unpacked."""

    def __init__(self, folder: str | Path, most: int, most_bytes: int) -> None:
        self.folder = Path(folder)
        self.most = most
        self.most_bytes = most_bytes

    def held(self) -> list[Session]:
        """Return the sessions, the newest import first."""
        try:
            names = [path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SessionError(_unusable(self.folder, error)) from error
        found = [session for name in names if (session := self.find(name))]
        return sorted(found, key=lambda session: session.imported_at, reverse=True)

    def find(self, name: str) -> Session | None:
        """Return the session of this name, or ``None``; any text may be asked for."""
        if not _NAME.fullmatch(name):
            return None
        try:
            about = (self.folder / name / _ABOUT).read_bytes()
            session = msgspec.json.decode(about, type=Session)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
        # The folder may have been renamed by hand.
        return msgspec.structs.replace(session, name=name)

    def open(self, name: str) -> Journal:
        """Return the session's journal. Raises ``SessionError`` when it is not there."""
        path = self.folder / name / _JOURNAL
        if self.find(name) is None or not path.is_file():
            raise SessionError(
                f"There is no imported session {name!r:.80}. The page of sessions lists those there are."
            )
        return SqliteJournal(path)

    def delete(self, name: str) -> bool:
        """Delete the session; return whether it was there. Raises ``SessionError`` when it cannot be."""
        if not _NAME.fullmatch(name) or not (self.folder / name).is_dir():
            return False
        try:
            shutil.rmtree(self.folder / name)
        except OSError as error:
            raise SessionError(_unusable(self.folder / name, error)) from error
        return True

    def add(self, stream: BinaryIO, file: str) -> Session:
        """Import a file; ``file`` is what it is called. Raises ``SessionError`` when nothing was imported.

        A damaged file is imported up to the damage, and the session says so.
        """
        self._check_room()
        source = SessionFile(stream, _shown(file), self.most_bytes)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
        except OSError as error:
            raise SessionError(_unusable(self.folder, error)) from error
        try:
            return self._fill(unfinished, source)
        except (OSError, JournalError) as error:
            raise SessionError(_unusable(self.folder, error)) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what imports left behind that were killed."""
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)

    def _check_room(self) -> None:
        held = len(self.held())
        if held >= self.most:
            raise SessionError(
                f"{held} sessions are held, and SIGNALSCOPE['KEEP_SESSIONS'] allows {self.most}. "
                "Delete one that is no longer needed, or allow more."
            )

    def _fill(self, unfinished: Path, source: SessionFile) -> Session:
        journal = SqliteJournal(unfinished / _JOURNAL)
        try:
            taking = _Taking(source)
            for batch in taking.batches():
                journal.append_packed(batch)
            taken = journal.extent().count
            newest = journal.read_back(None, 1)
            journal.append_packed(taking.notices(newest[0].at if newest else datetime.now(UTC)))
        finally:
            journal.close()
        session = Session(
            name="",
            imported_at=datetime.now(UTC),
            file=source.name,
            header=source.header,
            taken=taken,
            refused=taking.refused,
            remarks=taking.remarks(),
        )
        return self._name(unfinished, session)

    def _name(self, unfinished: Path, session: Session) -> Session:
        for name in _names(session.file):
            named = msgspec.structs.replace(session, name=name)
            (unfinished / _ABOUT).write_bytes(msgspec.json.encode(named))
            if name in RESERVED or (self.folder / name).exists():
                continue
            try:
                unfinished.rename(self.folder / name)
            except FileExistsError:
                continue  # another import took the name meanwhile
            except OSError as error:
                if (self.folder / name).exists():
                    continue
                raise SessionError(_unusable(self.folder, error)) from error
            return named
        raise SessionError(
            f"{_MOST_SAME} sessions are called like {session.file} already. Rename the file, or delete some."
        )


class _Taking:
    """The lines of a file as batches for a journal, and what was left out."""

    def __init__(self, source: SessionFile) -> None:
        self._source = source
        self.refused = 0
        self._first = ""

    def batches(self) -> Iterator[list[Packed]]:
        batch: list[Packed] = []
        for number, line in self._source.lines():
            try:
                batch.append(vet(line))
            except ImplausibleError as reason:
                self.refused += 1
                self._first = self._first or f"line {number}: {reason}"
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def remarks(self) -> list[str]:
        """Return what is to be told of the import beside its success."""
        said = []
        if self.refused:
            lines = f"{self.refused:,} lines were" if self.refused > 1 else "1 line was"
            said.append(f"{lines} left out, because no recorder wrote them; the first is {self._first}.")
        if self._source.damage:
            said.append(f"The file is damaged. {self._source.damage} What came before is here.")
        return said

    def notices(self, at: datetime) -> list[Packed]:
        """Return a gap entry for each remark, so that the stream too shows that entries are missing."""
        source = self._source
        missing = max(source.header.entries - source.number + 1, 0)
        counts = [self.refused] * bool(self.refused) + [missing] * bool(source.damage)
        return [
            pack(Gap(at=at, dropped=count, reason=said))
            for count, said in zip(counts, self.remarks(), strict=True)
        ]


def _shown(file: str) -> str:
    """Return a file's name as it may be shown: its last part, of bounded length, printable."""
    last = re.split(r"[/\\]", file)[-1][:120]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in last) or "the file"


def _names(file: str) -> Iterator[str]:
    stem = re.sub(r"\.(jsonl|json|gz|session)(?=\.|$)", "", file.lower())
    words = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:_LONGEST].strip("-") or "session"
    yield words
    for number in range(2, _MOST_SAME):
        yield f"{words}-{number}"


def _unusable(path: Path, error: Exception) -> str:
    return (
        f"The folder of imported sessions cannot be used: {path} ({error}). "
        "Give write permission and room, or set SIGNALSCOPE['SESSIONS'] to another folder."
    )
