"""Joins the stages: the one module that sees all of them.

Comes in: the settings. Goes out: a recording process (``start``, ``stop``), and for the faces one
journal to read, one tail to follow, and the health of both.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.dispatch import Signal
from django.urls import get_script_prefix, reverse

from . import conf, dispatcher, observers
from .encoder import Encoder
from .events import Entry, Gap
from .journal import open_journal
from .journal.base import Journal, JournalError
from .journal.veiled import AWAY, VeiledJournal
from .observers.origins import Origins
from .payloads import Summaries
from .recorder import Recorder
from .redaction import Redactor
from .sampling import Left, Sampler, told
from .sessions import LIVE, Session, Store, current
from .tail import Tail
from .writer import Writer

RING = 8_000
"""So many recent entries are held for all sockets, about 30 MB; what is older is read from the journal."""

GAPS = 1_000
COUNTS = 1_000


class Health(msgspec.Struct, frozen=True):
    """How recording fares in this process. Counts are since it began.

    ``dropped`` emissions found no room, ``faults`` are errors of ours, ``ignored`` requests fall
    under ``IGNORE_PATHS``; ``error`` says why the journal cannot be written or read now.
    """

    recording: bool
    recorded: int = 0
    dropped: int = 0
    waiting: int = 0
    faults: int = 0
    ignored: int = 0
    error: str | None = None


class _Recording:
    """The writing half of one process: recorder, encoder, writer, observers."""

    def __init__(self, settings: conf.Settings) -> None:
        redactor = Redactor(settings.REDACT)
        summaries = Summaries(redactor)
        self.encoder = Encoder(redactor, settings.IGNORE_SIGNALS)
        self.writer = Writer(
            lambda: open_journal(settings.JOURNAL),
            self.encoder.encode,
            settings.BUFFER,
            keep_entries=settings.KEEP_ENTRIES,
            keep_seconds=settings.KEEP_SECONDS,
            sampler=Sampler(settings.SAMPLE) if settings.SAMPLE < 1 else None,
        )
        self.recorder = Recorder(self.writer.push, summaries, settings.IGNORE_SIGNALS)
        self.origins = Origins(self.recorder, _OwnPaths(), settings.IGNORE_PATHS, self.encoder.cause_of)
        observers.install(self.recorder, self.origins)
        dispatcher.install(self.recorder, _signals(settings.IGNORE_SIGNALS))

    def stop(self) -> None:
        dispatcher.uninstall()
        observers.uninstall()
        self.writer.stop()

    def forget(self) -> None:
        self.recorder.forget()
        self.encoder.forget()


_lock = threading.RLock()
_recording: _Recording | None = None
_journal: Journal | None = None
_tail: Tail | None = None


def start() -> None:
    """Record in this process from now on. Starting twice changes nothing."""
    global _recording
    settings = conf.get()
    with _lock:
        if _recording is None and settings.ENABLED:
            _recording = _Recording(settings)


def stop() -> None:
    """Leave Django as it was found, and write what still waits. Stopping twice changes nothing."""
    global _recording, _journal, _tail
    with _lock:
        if _recording is not None:
            _recording.stop()
        if _tail is not None:
            _tail.close()
        if _journal is not None:
            _journal.close()
        _recording = _journal = _tail = None


def journal() -> Journal:
    """Return the journal to read: of the session that is shown, else this process's.

    May raise ``JournalError``.
    """
    shown = current.shown()
    return live_journal() if shown is None else shown.journal


def live_journal() -> Journal:
    """Return this process's journal, whatever is shown. May raise ``JournalError``."""
    global _journal
    with _lock:
        if _journal is None:
            _journal = _opened()
        return _journal


def tail() -> Tail:
    """Return this process's tail. May raise ``JournalError``."""
    global _tail
    with _lock:
        if _tail is None:
            _tail = Tail(_opened(), capacity=RING)
        return _tail


def recent() -> list[Entry]:
    """Return the newest entries that are in memory anyway, oldest first: none where a session is shown.

    May raise ``JournalError``.
    """
    return [] if current.shown() else tail().recent()


def _opened() -> Journal:
    """Open the journal that the pages read: veiled, where they are public."""
    settings = conf.get()
    opened = open_journal(settings.JOURNAL)
    return VeiledJournal(opened) if settings.PUBLIC else opened


def sessions() -> Store:
    """Return the imported sessions."""
    settings = conf.get()
    return Store(settings.SESSIONS, settings.KEEP_SESSIONS, settings.IMPORT_BYTES)


@contextmanager
def showing(name: str) -> Iterator[None]:
    """Show an imported session inside: ``journal`` is its. Raises ``SessionError`` when it is not there."""
    shown = opened_session(name)
    with closing(shown.journal), current.showing(shown):
        yield


def opened_session(name: str) -> current.Shown:
    """Return an imported session with its journal, which the caller closes. Raises ``SessionError``."""
    store = sessions()
    opened = store.open(name)
    return current.Shown(store.find(name) or Session(name=name, imported_at=datetime.now(UTC)), opened)


@contextmanager
def reading(name: str) -> Iterator[Journal]:
    """Give the journal of a session, or the live one for ``LIVE``. Raises ``SessionError``."""
    shown = current.shown()
    if name == (shown.session.name if shown else LIVE):
        yield journal()
    elif name == LIVE:
        yield live_journal()
    else:
        with showing(name):
            yield journal()


def now() -> datetime:
    """Return the present of what is shown: the time, and of a session the time of its newest entry."""
    if (shown := current.shown()) is not None:
        with suppress(JournalError):
            newest = shown.journal.read_back(None, 1)
            return newest[0].at if newest else shown.session.imported_at
    return datetime.now(UTC)


def flush(timeout_s: float = 5.0) -> bool:
    """Wait until everything recorded so far is in the journal; return whether it is.

    What a sampler still holds is not waited for.
    """
    recording = _recording
    return recording is None or recording.writer.flush(timeout_s)


def health() -> Health:
    """Return how recording and reading fare in this process."""
    recording, following = _recording, _tail
    read_error = following.error if following is not None else None
    if recording is None:
        return Health(recording=False, error=_told(read_error))
    return Health(
        recording=True,
        recorded=recording.recorder.recorded,
        dropped=recording.writer.dropped,
        waiting=recording.writer.waiting,
        faults=recording.recorder.faults + recording.writer.faults,
        ignored=recording.origins.ignored,
        error=_told(recording.writer.error or read_error),
    )


def _told(error: str | None) -> str | None:
    # It names hosts and paths.
    return AWAY if error and conf.get().PUBLIC else error


def dropped(journal: Journal) -> int:
    """Return how many emissions were dropped: by all processes, as far back as ``journal`` tells.

    Each process counts its own, and writes a gap when there is room again. May raise ``JournalError``.
    """
    gaps = journal.read_kind("gap", None, GAPS)
    told = sum(entry.dropped for entry in gaps if isinstance(entry, Gap))
    return max(told, health().dropped)


def left_out(journal: Journal) -> Left:
    """Return what sampling left out of ``journal``, as far back as it tells. May raise ``JournalError``.

    Before the first count the share is this process's setting; an imported session knows its own alone.
    """
    left = told(journal.read_kind("sampled", None, COUNTS))
    if left or current.shown() is not None:
        return left
    return Left(share=conf.get().SAMPLE)


def _signals(names: list[str]) -> list[Signal]:
    """Return the signals of these dotted names whose modules are imported."""
    found: list[Any] = []
    for name in names:
        module, _, attribute = name.rpartition(".")
        found.append(getattr(sys.modules.get(module), attribute, None))
    return [signal for signal in found if issubclass(type(signal), Signal)]


class _OwnPaths:
    """Says whether a path is one of Signalscope's pages, wherever the project mounted them."""

    def __init__(self) -> None:
        self._prefixes: dict[Any, str | None] = {}

    def __call__(self, path: str) -> bool:
        from django.conf import settings

        urlconf = getattr(settings, "ROOT_URLCONF", None)
        if urlconf not in self._prefixes:
            self._prefixes[urlconf] = self._mounted_at()
        prefix = self._prefixes[urlconf]
        return prefix is not None and path.startswith(prefix)

    @staticmethod
    def _mounted_at() -> str | None:
        try:
            return "/" + reverse("signalscope:live").removeprefix(get_script_prefix())
        except Exception:  # noqa: BLE001  (a project's broken URLconf shows when it resolves, not here)
            return None


def _after_fork() -> None:
    if _recording is not None:
        _recording.forget()


os.register_at_fork(after_in_child=_after_fork)
