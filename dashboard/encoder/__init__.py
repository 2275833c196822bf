"""Makes journal entries of what the recorder left, in the writer's thread, off the hot path.

Comes in: what ``recorded`` holds. Goes out: packed ``events`` with names, files and times as a reader
knows them, secrets in free text redacted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from ..causality import Running
from ..events import Bypass, Cause, Origin, Outcome, Task
from ..journal.base import Packed, pack
from ..recorded import (
    BypassRecorded,
    Event,
    Heard,
    LateRecorded,
    OriginRecorded,
    OutcomeRecorded,
    Sent,
    TaskRecorded,
)
from ..redaction import Redactor
from .emissions import EmissionEncoder, line_of, transaction
from .identity import Identity


class Encoder:
    """Turns events of this process into packed entries. ``encode`` is what the writer is given."""

    def __init__(
        self,
        redactor: Redactor,
        ignored: Collection[str] = (),
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._redactor = redactor
        self._ignored = ignored
        self._clock = clock
        self._wall = wall
        self.forget()

    def forget(self) -> None:
        """Take this process's identity and clock: at the start, and in a forked child."""
        self._identity = Identity(self._clock, self._wall)
        self._emissions = EmissionEncoder(self._identity, self._redactor, self._ignored)

    def cause_of(self, running: Running) -> Cause | None:
        """Return the call as entries name it; what a task was sent during, where it is none."""
        if running.head is None:
            return running.trace.cause
        number = running.head.number
        return Cause(self._identity.id(number), running.index, tuple(self._identity.above(running)))

    def encode(self, event: Event) -> Packed | None:
        """Return an event's entry; ``None`` when its signal is ignored by name, or it says nothing new."""
        if type(event) is Heard:
            return self._emissions.encode(event.sent, event.calls, event.receivers)
        if type(event) is Sent:
            return self._emissions.encode(event, (), ())
        if isinstance(event, OriginRecorded):
            self._identity.adjust()
            return pack(self._origin(event))
        if isinstance(event, TaskRecorded):
            self._identity.adjust()
            return pack(self._task(event))
        if isinstance(event, OutcomeRecorded):
            return pack(self._outcome(event))
        if isinstance(event, BypassRecorded):
            return pack(self._bypass(event))
        if isinstance(event, LateRecorded):
            late = self._emissions.late(event)
            return pack(late) if late else None
        raise TypeError(f"A {type(event).__name__} is no event. The recorder must push nothing else.")

    def _origin(self, event: OriginRecorded) -> Origin:
        return Origin(
            trace=event.trace.id,
            at=self._identity.time(event.at),
            process=self._identity.process(event.thread),
            **event.fields,
        )

    def _task(self, event: TaskRecorded) -> Task:
        return Task(
            trace=event.trace.id,
            at=self._identity.time(event.at),
            process=self._identity.process(event.thread),
            id=event.trace.task,
            cause=event.around.cause,
            task=event.around.task,
            **event.fields,
        )

    def _outcome(self, event: OutcomeRecorded) -> Outcome:
        block = event.block
        return Outcome(
            trace=event.trace.id,
            at=self._identity.time(event.at),
            process=self._identity.process(event.thread),
            block=self._identity.id(block.number),
            alias=block.alias,
            state="committed" if event.state == "committed" else "rolled back",
            savepoint=block.savepoint,
            emissions=block.emissions,
            task=event.trace.task,
            duration_us=(event.at - block.started) / 1000,
        )

    def _bypass(self, event: BypassRecorded) -> Bypass:
        return Bypass(
            trace=event.trace.id,
            at=self._identity.time(event.started),
            process=self._identity.process(event.thread),
            id=self._identity.id(event.number),
            operation=event.operation,
            sender=event.sender,
            rows=event.rows,
            using=event.using,
            duration_us=(event.ended - event.started) / 1000,
            cause=event.trace.cause if event.cause is None else self.cause_of(event.cause),
            site=line_of(event.site),
            skipped=event.skipped,
            transaction=transaction(self._identity, event.blocks, event.using),
            task=event.trace.task,
        )
