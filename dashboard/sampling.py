"""Which traces are kept, where not all are to be: a share of them, and those in which something failed.

Comes in: what the recorder left, in the writer's thread. Goes out: what is to be encoded now. A trace of
the share passes at once. The events of any other are held until what started it has ended: with a
failure among them the trace is kept whole, else it is left out and counted.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from .events import Process, Sampled, origin_failed
from .recorded import (
    BypassRecorded,
    Event,
    Heard,
    LateRecorded,
    OriginRecorded,
    OutcomeRecorded,
    Sent,
    TaskRecorded,
)

HELD_OF_TRACE = 2_000
"""So many events of one trace are held; then it is decided as if it had ended."""

HELD = 20_000
"""So many events are held of all traces; then the one that was begun first is decided."""

DECIDED = 10_000
"""So many decided traces are remembered, for what comes of them later."""

SILENCE_S = 5.0
"""A trace without an end (a thread's, a shell's, another process's) is over after such a silence."""

COUNT_EVERY_S = 10.0
"""How often the journal is told what was left out."""

_RANDOM_DIGITS = 14
_RANGE = 1 << 4 * _RANDOM_DIGITS
_ENDLESS = frozenset({"thread", "shell"})


def in_sample(trace: str, share: float) -> bool:
    """Return whether a trace is one of the share: every process says the same of it.

    The last 56 bits of a trace's id are random, and the highest of their values are kept, as OpenTelemetry
    has it: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
    """
    return int(trace[-_RANDOM_DIGITS:], 16) >= (1.0 - share) * _RANGE


class _Held(msgspec.Struct, eq=False):
    """An undecided trace: its events so far, how many of its origins are open, when something last came."""

    seen: float
    events: list[Event] = []
    open: int = 0


class Sampler:
    """Decides of each trace once. All of it is called in the writer's thread.

    ``share`` is between 0 and 1; ``of_trace`` and ``held`` bound what waits for a decision, ``clock``
    gives seconds, ``wall`` the time. ``left_out`` counts the traces of this process that were left out.
    """

    def __init__(
        self,
        share: float,
        *,
        of_trace: int = HELD_OF_TRACE,
        held: int = HELD,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.share = share
        self._of_trace = of_trace
        self._most = held
        self._clock = clock
        self._wall = wall
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a forked child: what is held is the parent's."""
        self.left_out = 0
        self.waiting = 0
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._decided: OrderedDict[str, bool] = OrderedDict()
        self._traces = self._events = self._early = 0
        self._since: datetime | None = None
        self._count_at = self._sweep_at = 0.0

    def sift(self, event: Event) -> Sequence[Event]:
        """Take an event; return those, in their order, that are to be stored now."""
        trace = _trace_of(event)
        if in_sample(trace, self.share):
            return (event,)
        kept = self._decided.get(trace)
        if kept or _failed(event):
            return self._keep(trace, event)
        if kept is not None and trace not in self._held and not _opens(event):
            self._count(events=1)
            return ()
        self._hold(trace, event)
        return ()

    def settle(self) -> None:
        """Decide of the traces that have been silent for long and have no origin whose end will come."""
        now = self._clock()
        if now < self._sweep_at:
            return
        self._sweep_at = now + SILENCE_S / 5
        silent = [
            trace for trace, held in self._held.items() if held.open <= 0 and now - held.seen >= SILENCE_S
        ]
        for trace in silent:
            self._leave_out(trace)

    def counted(self, process: Callable[[], Process], *, last: bool = False) -> Sampled | None:
        """Return what was left out since the last count, if it is time to tell.

        ``last``: nothing more will come; what is still held is decided first.
        """
        if last:
            for trace, held in list(self._held.items()):
                self._leave_out(trace, early=held.open > 0)
        if self._since is None or not (last or self._clock() >= self._count_at):
            return None
        told = Sampled(
            at=self._since,
            until=self._wall(),
            process=process(),
            share=self.share,
            traces=self._traces,
            entries=self._events,
            early=self._early,
        )
        self._traces = self._events = self._early = 0
        self._since = None
        self._count_at = self._clock() + COUNT_EVERY_S
        return told

    def _hold(self, trace: str, event: Event) -> None:
        held = self._held.get(trace)
        if held is None:
            held = self._held[trace] = _Held(0.0)
        held.seen = self._clock()
        held.events.append(event)
        self.waiting += 1
        if isinstance(event, OriginRecorded | TaskRecorded) and event.fields.get("type") not in _ENDLESS:
            held.open += 1 if _opens(event) else -1
            if held.open <= 0:
                self._leave_out(trace)
                return
        if len(held.events) >= self._of_trace:
            self._leave_out(trace, early=True)
        elif self.waiting > self._most:
            self._leave_out(next(iter(self._held)), early=True)

    def _keep(self, trace: str, event: Event) -> Sequence[Event]:
        self._remember(trace, kept=True)
        held = self._held.pop(trace, None)
        if held is None:
            return (event,)
        self.waiting -= len(held.events)
        return (*held.events, event)

    def _leave_out(self, trace: str, *, early: bool = False) -> None:
        held = self._held.pop(trace)
        self.waiting -= len(held.events)
        again = trace in self._decided
        self.left_out += not again
        self._remember(trace, kept=False)
        self._count(events=len(held.events), traces=int(not again), early=int(early and not again))

    def _count(self, *, events: int, traces: int = 0, early: int = 0) -> None:
        self._since = self._since or self._wall()
        self._events += events
        self._traces += traces
        self._early += early

    def _remember(self, trace: str, *, kept: bool) -> None:
        self._decided[trace] = kept
        self._decided.move_to_end(trace)
        if len(self._decided) > DECIDED:
            self._decided.popitem(last=False)


def _trace_of(event: Event) -> str:
    if isinstance(event, Heard | LateRecorded):
        return event.sent.trace.id
    return event.trace.id


def _opens(event: Event) -> bool:
    return isinstance(event, OriginRecorded | TaskRecorded) and event.fields.get("state") == "opened"


def _failed(event: Event) -> bool:
    """Return whether a receiver raised, an origin failed, or work was rolled back: the trace is kept."""
    match event:
        case Heard():
            return any(call.error is not None or call.outcome == "raised" for call in event.calls)
        case LateRecorded():
            return event.call.error is not None or event.call.outcome == "raised"
        case OriginRecorded() | TaskRecorded():
            fields = event.fields
            return origin_failed(fields.get("type", ""), fields.get("status"), fields.get("error"))
        case OutcomeRecorded():
            return event.state != "committed"
        case Sent() | BypassRecorded():
            return False


class Left(msgspec.Struct, frozen=True):
    """What a journal does not hold, because only a share of the traces was to be kept.

    ``share`` is the newest known, 1 where everything is kept. ``early`` of the ``traces`` were decided
    before they had ended.
    """

    share: float = 1.0
    traces: int = 0
    early: int = 0

    def __bool__(self) -> bool:
        return self.share < 1 or self.traces > 0


def told(entries: Iterable[object]) -> Left:
    """Return the sum of the counts among ``entries``, newest first."""
    counts = [entry for entry in entries if isinstance(entry, Sampled)]
    return Left(
        share=counts[0].share if counts else 1.0,
        traces=sum(entry.traces for entry in counts),
        early=sum(entry.early for entry in counts),
    )
