"""The JSON of one call: what its receiver did, and what observers noted on it.

Comes in: a call as it ran. Goes out: its JSON object. Most calls return, run no SQL and change nothing:
of these only the two times differ from one run of the receiver to the next.
"""

from __future__ import annotations

import linecache
from typing import Any

import msgspec

from .. import sites
from ..causality import Block, Running
from ..events import Call, Effect, Frame, Raised
from ..payloads import MAX_TEXT
from ..recorded import Failure, Receiver, Sent
from ..redaction import Redactor
from ..statements import grouped, repeated
from .identity import Identity

_MAX_RECEIVERS = 10_000
_MAX_RUNNING = 1_000
_json = msgspec.json.Encoder()


class CallEncoder:
    """Encodes calls. ``redactor`` takes secrets out of exceptions' messages and source lines."""

    def __init__(self, identity: Identity, redactor: Redactor) -> None:
        self._identity = identity
        self._redactor = redactor
        self._quiet: dict[Receiver, str] = {}
        """The JSON of each receiver's uneventful call, up to its two times."""
        # Held, so that the id cannot become another's.
        self._running: dict[int, Running] = {}

    def encode(self, call: Running, receiver: Receiver, sent: Sent) -> tuple[str, int]:
        """Return the JSON of a call of ``sent``, and how often it repeated one statement if like N+1."""
        if not call.ended or call.queries or call.effects or call.mutations or call.error or call.is_async:
            return self._eventful(call, receiver, sent)
        quiet = self._quiet.get(receiver) or self._remember(receiver)
        started = call.started
        return (
            f'{quiet}{(started - sent.started) / 1000},"duration_us":{(call.ended - started) / 1000}}}'
        ), 0

    def _remember(self, receiver: Receiver) -> str:
        if len(self._quiet) >= _MAX_RECEIVERS:
            self._quiet.clear()
        sample = _json.encode(Call(receiver.name, file=receiver.file, line=receiver.line)).decode()
        quiet = self._quiet[receiver] = f'{sample[:-1]},"offset_us":'
        return quiet

    def _eventful(self, call: Running, receiver: Receiver, sent: Sent) -> tuple[str, int]:
        if not call.ended and len(self._running) < _MAX_RUNNING:
            self._running[id(call)] = call
        whole, times = self._whole(call, receiver, sent)
        return _json.encode(whole).decode(), times

    def late(self, call: Running, receiver: Receiver, sent: Sent) -> Call | None:
        """Return a call that has been encoded as running and has ended since."""
        return self._whole(call, receiver, sent)[0] if self._running.pop(id(call), None) else None

    def _whole(self, call: Running, receiver: Receiver, sent: Sent) -> tuple[Call, int]:
        statements = grouped(call.statements, call.started) if call.statements else []
        times = repeated(statements) if statements else 0
        whole = Call(
            receiver=receiver.name,
            offset_us=(call.started - sent.started) / 1000,
            duration_us=((call.ended or sent.ended) - call.started) / 1000,
            outcome=call.outcome if call.ended else "running",
            error=self._raised(call.error) if call.error else None,
            queries=call.queries,
            query_us=call.query_ns / 1000,
            mutations=call.mutations or {},
            is_async=call.is_async,
            file=receiver.file,
            line=receiver.line,
            statements=statements,
            effects=[self._effect(call, *effect) for effect in call.effects or ()],
            flags=[f"n+1:{times}"] if times else [],
        )
        return whole, times

    def _effect(self, call: Running, kind: Any, what: str, at: int, blocks: tuple[Block, ...]) -> Effect:
        inside = [self._identity.id(block.number) for block in blocks]
        return Effect(kind, what, (at - call.started) / 1000, inside)

    def _raised(self, error: Failure) -> Raised:
        return Raised(error.type, self._redactor.text(error.message), [*map(self._frame, error.places)])

    def _frame(self, place: sites.Place) -> Frame:
        filename, line, function = place
        source = linecache.getline(filename, line).strip()[:MAX_TEXT]
        return Frame(
            sites.shown(filename), line, function, self._redactor.text(source), own=sites.is_own(filename)
        )
