"""Makes journal entries of what the recorder left, in the writer's thread, off the hot path.

Comes in: what ``recorded`` holds. Goes out: ``events`` with names, files and times as a reader knows
them, secrets in free text redacted. The writer shares the GIL with the app: what is the same for many
emissions (a line, a thread, a transaction) is made once.
"""

from __future__ import annotations

import linecache
import os
import socket
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from . import naming, sites
from .causality import Block, Running
from .events import (
    Bypass,
    Call,
    Cause,
    Effect,
    Emission,
    Entry,
    Frame,
    Instance,
    Origin,
    Outcome,
    Process,
    Raised,
    Site,
    Transaction,
)
from .payloads import MAX_TEXT, Usual, plain
from .recorded import (
    BypassRecorded,
    Event,
    Failure,
    Heard,
    OriginRecorded,
    OutcomeRecorded,
    Profile,
    Receiver,
    Sent,
)
from .redaction import Redactor
from .statements import grouped, repeated

_OF_MODELS = frozenset({"save", "delete", "m2m"})
_MAX_DRIFT_NS = 100_000_000
_MAX_REMEMBERED = 10_000


class Encoder:
    """Turns events of this process into entries. ``encode`` is what the writer is given."""

    def __init__(
        self,
        redactor: Redactor,
        ignored: Collection[str] = (),
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._redactor = redactor
        self._ignored = frozenset(ignored)
        self._clock = clock
        self._wall = wall
        self.forget()

    def forget(self) -> None:
        """Take this process's identity and clock: at the start, and in a forked child."""
        self._prefix = os.urandom(4).hex()
        self._host = socket.gethostname()
        self._pid = os.getpid()
        self._anchor = self._wall() - self._clock()
        self._processes: dict[str, Process] = {}
        # A spot's code is held beside its line, so that its id cannot become another's.
        self._sites: dict[tuple[int, int], tuple[sites.Spot, Site]] = {}
        self._around: tuple[tuple[Block, ...], str | None, Transaction | None] = ((), None, None)

    def encode(self, event: Event) -> Entry | None:
        """Return the entry for an event, or ``None`` when its signal is ignored by name."""
        if isinstance(event, Heard):
            return self._heard(event.sent, event.calls, event.receivers)
        if isinstance(event, Sent):
            return self._heard(event, [], [])
        if isinstance(event, OriginRecorded):
            return self._origin(event)
        if isinstance(event, OutcomeRecorded):
            return self._outcome(event)
        return self._bypass(event)

    def _heard(self, sent: Sent, calls: list[Running], receivers: list[Receiver]) -> Emission | None:
        profile: Profile = sent.signal
        if not profile.name:
            self._name(profile)
        if profile.name in self._ignored:
            return None
        return self._emission(sent, profile.name, calls, receivers)

    def _name(self, profile: Profile) -> None:
        signal = profile.signal()
        profile.name = naming.signal_name(signal) if signal is not None else "(a signal that is gone)"
        profile.off = profile.off or profile.name in self._ignored

    def _origin(self, event: OriginRecorded) -> Origin:
        return Origin(
            trace=event.trace.id, at=self._time(event.at), process=self._process(event.thread), **event.fields
        )

    def _outcome(self, event: OutcomeRecorded) -> Outcome:
        block = event.block
        return Outcome(
            trace=event.trace.id,
            at=self._time(event.at),
            process=self._process(event.thread),
            block=self._id(block.number),
            alias=block.alias,
            state="committed" if event.state == "committed" else "rolled back",
            savepoint=block.savepoint,
            emissions=block.emissions,
            duration_us=(event.at - block.started) / 1000,
        )

    def _bypass(self, event: BypassRecorded) -> Bypass:
        return Bypass(
            trace=event.trace.id,
            at=self._time(event.started),
            process=self._process(event.thread),
            id=self._id(event.number),
            operation=event.operation,
            sender=event.sender,
            rows=event.rows,
            using=event.using,
            duration_us=(event.ended - event.started) / 1000,
            cause=self._cause(event.cause),
            site=self._site(event.site),
            skipped=event.skipped,
            transaction=self._transaction(event.blocks, event.using),
        )

    def _emission(
        self, sent: Sent, signal: str, running: list[Running], receivers: list[Receiver]
    ) -> Emission:
        payload = sent.payload
        # A signal of the app's own may mean anything by ``using``.
        using = payload.get("using") if naming.family_of(signal) in _OF_MODELS else None
        calls = [
            self._call(call, receiver, sent)
            for call, receiver in zip(running, receivers, strict=False)
            if call.started
        ]
        return Emission(
            trace=sent.trace.id,
            at=self._time(sent.started),
            process=self._process(sent.thread),
            id=self._id(sent.number),
            signal=signal,
            sender=sent.sender,
            family=naming.family_of(signal),
            method=sent.method,
            cause=self._cause(sent.cause),
            duration_us=(sent.ended - sent.started) / 1000,
            instance=self._instance(sent),
            payload=payload if type(payload) is Usual else self._readable(payload),
            site=self._site(sent.site),
            transaction=self._transaction(sent.blocks, using if isinstance(using, str) else None),
            flags=self._flags(sent, calls),
            calls=calls,
            stopped=[receiver.name for receiver in receivers[len(calls) :]],
        )

    @staticmethod
    def _instance(sent: Sent) -> Instance | None:
        if sent.kind is None:
            return None
        pk, model = sent.pk, sent.kind.label
        return Instance(
            None if pk is None else str(plain(pk)),
            None if model == sent.sender else model,
        )

    @staticmethod
    def _flags(sent: Sent, calls: list[Call]) -> list[str]:
        flags: list[str] = []
        times = 0
        for call in calls:
            if call.outcome == "raised" and not flags:
                flags.append("error")
            if call.statements:
                times = max(times, repeated(call.statements))
        depth = _depth(sent) if sent.cause is not None else 1
        if depth > 1:
            flags.append(f"loop:{depth}")
        if times:
            flags.append(f"n+1:{times}")
        return flags

    def _process(self, thread: str) -> Process:
        known = self._processes.get(thread)
        if known is None:
            if len(self._processes) >= _MAX_REMEMBERED:
                self._processes.clear()
            known = self._processes[thread] = Process(self._host, self._pid, thread)
        return known

    def _site(self, spot: sites.Spot | None) -> Site | None:
        if spot is None:
            return None
        key = id(spot[0]), spot[1]
        known = self._sites.get(key)
        if known is None:
            if len(self._sites) >= _MAX_REMEMBERED:
                self._sites.clear()
            filename, line, function = sites.place(spot)
            known = self._sites[key] = spot, Site(sites.shown(filename), line, function)
        return known[1]

    def _transaction(self, blocks: tuple[Block, ...], using: str | None) -> Transaction | None:
        # While no block opens or closes, all emissions of a thread hold the very same tuple.
        if blocks is self._around[0] and using == self._around[1]:
            return self._around[2]
        alias = using or (blocks[-1].alias if blocks else None)
        if alias is None:
            return None
        # Without a database of its own, an emission is inside every block that is open around it.
        inside = [self._id(block.number) for block in blocks if not using or block.alias == alias]
        transaction = Transaction(alias, "open" if inside else "autocommit", inside)
        self._around = blocks, using, transaction
        return transaction

    def _readable(self, value: Any) -> Any:
        """Return a payload's value fit for JSON, secrets in its text redacted."""
        if type(value) is str:
            return self._redactor.text(value.encode("utf-8", "replace").decode())
        if type(value) is dict:
            return {key: self._readable(held) for key, held in value.items()}
        return value

    def _cause(self, parent: Running | None) -> Cause | None:
        if parent is None or parent.head is None:
            return None
        return Cause(self._id(parent.head.number), parent.index)

    def _call(self, call: Running, receiver: Receiver, sent: Sent) -> Call:
        statements = grouped(call.statements, call.started) if call.statements else []
        times = repeated(statements) if statements else 0
        return Call(
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
            effects=[
                Effect(kind, what, (at - call.started) / 1000)  # type: ignore[arg-type]
                for kind, what, at in call.effects or ()
            ],
            flags=[f"n+1:{times}"] if times else [],
        )

    def _raised(self, error: Failure) -> Raised:
        return Raised(error.type, self._redactor.text(error.message), [*map(self._frame, error.places)])

    def _frame(self, place: sites.Place) -> Frame:
        filename, line, function = place
        source = linecache.getline(filename, line).strip()[:MAX_TEXT]
        return Frame(
            sites.shown(filename), line, function, self._redactor.text(source), own=sites.is_own(filename)
        )

    def _id(self, number: int) -> str:
        return f"{self._prefix}{number & 0xFFFFFFFF:08x}"

    def _time(self, clock_ns: int) -> datetime:
        return datetime.fromtimestamp((clock_ns + self._anchor) / 1e9, UTC)

    def adjust(self) -> None:
        """Follow the wall clock when it was set; called between batches, so that none is torn."""
        anchor = self._wall() - self._clock()
        if abs(anchor - self._anchor) > _MAX_DRIFT_NS:
            self._anchor = anchor


def _depth(sent: Sent) -> int:
    """Return how many times this signal is now running for this instance, each within the last."""
    if sent.kind is None:
        return 1
    depth, parent = 1, sent.cause
    while parent is not None:
        head = parent.head
        if isinstance(head, Sent) and head.signal is sent.signal and _is_of(sent, head):
            depth += 1
        parent = parent.parent
    return depth


def _is_of(sent: Sent, around: Sent) -> bool:
    same = sent.pk == around.pk if sent.pk is not None else sent.unsaved == around.unsaved
    return same and sent.sender == around.sender
