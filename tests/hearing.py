"""A recording without writer or journal: what the global receiver heard, as entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import signals as model_signals

from dashboard import dispatcher, observers
from dashboard.encoder import Encoder
from dashboard.events import Bypass, Emission, Origin, Outcome, Task
from dashboard.journal.base import Packed, unpack
from dashboard.observers.origins import Origins
from dashboard.payloads import Summaries
from dashboard.recorder import Recorder
from dashboard.redaction import Redactor

IGNORED = (model_signals.pre_init, model_signals.post_init)


class Heard:
    """Collects events and reads them as the journal would hold them."""

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        redactor = Redactor()
        self.events: list[Any] = []
        self.recorder = Recorder(self.events.append, Summaries(redactor), ignored)
        self.encoder = Encoder(redactor, ignored)

    def entries(self) -> list[Any]:
        """Return everything heard, in the order it ended."""
        return [unpack(one.body, 0) for one in self.packed()]

    def packed(self) -> list[Packed]:
        """Return everything heard as a journal would store it."""
        return [one for one in map(self.encoder.encode, self.events) if one is not None]

    def bodies(self, kind: str) -> list[bytes]:
        """Return the JSON of the entries of a kind."""
        return [one.body for one in self.packed() if one.kind == kind]

    def emissions(self, signal: str = "") -> list[Emission]:
        """Return the emissions heard, of signals whose name ends so, in the order they ended."""
        return [
            entry for entry in self.entries() if isinstance(entry, Emission) and entry.signal.endswith(signal)
        ]

    def origins(self, state: str = "closed") -> list[Origin]:
        """Return the origins heard in this state."""
        return [entry for entry in self.entries() if isinstance(entry, Origin) and entry.state == state]

    def tasks(self, state: str = "closed") -> list[Task]:
        """Return the tasks heard in this state that go on with another's trace."""
        return [entry for entry in self.entries() if isinstance(entry, Task) and entry.state == state]

    def outcomes(self) -> list[Outcome]:
        """Return how transactions ended, in that order."""
        return [entry for entry in self.entries() if isinstance(entry, Outcome)]

    def bypasses(self) -> list[Bypass]:
        """Return the bypasses heard, in order."""
        return [entry for entry in self.entries() if isinstance(entry, Bypass)]

    def one(self, signal: str = "") -> Emission:
        """Return the only emission of the signal."""
        (emission,) = self.emissions(signal)
        return emission


@contextmanager
def hearing(
    ignored: tuple[str, ...] = (), own: str = "/signals/", hidden: tuple[str, ...] = ()
) -> Iterator[Heard]:
    """Install the dispatcher and the observers of origins around a block, and remove them."""
    heard = Heard(ignored)
    origins = Origins(heard.recorder, lambda path: path.startswith(own), hidden, heard.encoder.cause_of)
    dispatcher.install(heard.recorder, IGNORED)
    observers.install(heard.recorder, origins)
    try:
        yield heard
    finally:
        observers.uninstall()
        dispatcher.uninstall()
