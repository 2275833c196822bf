"""The global receiver: hears every emission of every signal, and writes down what happened.

Comes in: from the dispatcher, the beginning and the end of each emission with the calls between;
from the observers, origins, outcomes and bypasses. Goes out: one event each to ``push``;
``encoder`` makes entries of them later, in the writer's thread. What is recorded holds text and
numbers, nothing of the app: no instance, receiver or exception outlives its emission.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import time
import weakref
from asyncio import CancelledError
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FrameType, FunctionType, MethodType
from typing import Any

from django.db.models import Model
from django.dispatch import Signal

from . import dispatcher, naming, sites
from .causality import SUPPRESSED, Block, Here, Running, Trace, current, new_trace, this_thread
from .events import SIDE_BY_SIDE, SendMethod
from .payloads import Summaries, plain, primary_key
from .recorded import (
    BypassRecorded,
    Event,
    Failure,
    Heard,
    LateRecorded,
    OriginRecorded,
    OutcomeRecorded,
    Profile,
    Receiver,
    Sent,
    TaskRecorded,
    Watched,
)
from .shapes import Shapes

logger = logging.getLogger("signalscope")

FAULTS_BEFORE_OFF = 10
"""After this many faults of ours while recording one signal, it is no longer recorded."""

IMPLICIT_IDLE_NS = 500_000_000
"""In a thread without an origin, a pause this long begins a new trace."""

MAX_MESSAGE = 2_000
MAX_RECEIVERS = 50_000

_MAIN_THREAD = "MainThread"


class Recorder:
    """Turns what dispatcher and observers report into events. Never raises into the app."""

    def __init__(
        self,
        push: Callable[[Event], None],
        summaries: Summaries,
        ignored: Collection[str] = (),
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.recorded = 0
        self.faults = 0
        self.last_fault = ""
        self._push = push
        self._summaries = summaries
        self._ignored = frozenset(ignored)
        self._clock = clock
        self._profiles: dict[int, Profile] = {}
        self._shapes = Shapes()
        self._receivers: dict[int, Receiver] = {}
        self._held: dict[int, weakref.ref[Any]] = {}
        self._numbers = itertools.count(1)

    def forget(self) -> None:
        """Begin anew in a forked child: numbers, and what its one thread remembers."""
        self._numbers = itertools.count(1)
        this_thread.here.recorder = None

    # --- the hot path: called by the dispatcher, inside the watched app ------------------------

    def begin(
        self, signal: Signal, sender: Any, named: Mapping[str, Any], method: SendMethod, frame: FrameType
    ) -> Sent | None:
        """Start an emission sent from ``frame``; return ``None`` when it must not be recorded."""
        parent = current.get()
        if parent is SUPPRESSED:
            return None
        try:
            # An entry of these tables goes when its object dies, before the id can be another's.
            profile = self._profiles.get(id(signal)) or self._profile(signal)
            if profile.off:
                return None
            started = self._clock()
            here = this_thread.here
            shape = self._shapes.by_id.get(id(sender)) or self._shapes.of(sender)
            if parent is not None:
                trace = parent.trace
            elif here.recorder is self and started - here.seen < IMPLICIT_IDLE_NS:
                trace = here.trace
                here.seen = started
            else:
                trace = self._implicit(here, started)
            kind = pk = None
            instance = named.get("instance")
            if instance is not None:
                if type(instance) is sender and shape.pk is not None:
                    kind, pk = shape, instance.__dict__.get(shape.pk)
                elif issubclass(type(instance), Model):
                    kind, pk = self._shapes.of(type(instance)), primary_key(instance)
            blocks = here.blocks
            if blocks:
                _enter(blocks, trace, named.get("using") if profile.of_models else None, 1)
            self.recorded += 1
            return Sent(
                next(self._numbers),
                profile,
                shape.label,
                pk,
                trace,
                parent,
                method,
                sites.emitting(frame),
                kind,
                profile.summarise(named),
                here.name,
                blocks,
                started,
                id(instance) if pk is None and kind is not None else 0,
            )
        except Exception as fault:  # noqa: BLE001  (a fault of ours must not reach the app)
            self._fault(signal, fault)
            return None

    def unheard(self, sent: Sent) -> None:
        """Take an emission that nobody listens to: it ends where it began."""
        try:
            self._push(sent)
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def watch(self, sent: Sent, named: Mapping[str, Any]) -> Watched | None:
        """Begin to compare the instance's fields around each call, where there is an instance."""
        shape = sent.kind
        if shape is None:
            return None
        try:
            held = named["instance"].__dict__
            insides = shape.insides(held) if shape.containers else None
            return Watched(shape, held, shape.values(held), insides)
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)
            return None

    def compare(self, watched: Watched, call: Running) -> None:
        """Note which fields the call changed: other objects than before, then other plain values."""
        try:
            try:
                if watched.insides is None and watched.shape.same(watched.held, watched.values):
                    return
            except KeyError:
                pass  # a deferred field: ``changes`` looks closer
            self._note_changes(watched, (call,))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def compare_any(self, watched: Watched, calls: Sequence[Running]) -> None:
        """Note which fields changed since they were last compared, on each call that can have done it."""
        try:
            self._note_changes(watched, calls)
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def _note_changes(self, watched: Watched, calls: Sequence[Running]) -> None:
        shape, before = watched.shape, watched.values
        after = watched.values = shape.values(watched.held)
        changed = shape.changes(before, after, self._summaries.field)
        if watched.insides is not None:
            inside = watched.insides
            watched.insides = shape.insides(watched.held)
            changed |= shape.changes_inside(inside, watched.insides, self._summaries.field)
        for call in calls if changed else ():
            known = call.mutations = call.mutations or {}
            for field, (old, new) in changed.items():
                # A coroutine is compared after each step: from its first change to its last.
                earlier = known.get(field, [old])
                doubt = [SIDE_BY_SIDE] if len(calls) > 1 or len(earlier) > 2 else []
                known[field] = [earlier[0], new, *doubt]

    def finish(self, sent: Sent, calls: list[Running], receivers: Sequence[Any]) -> None:
        """End an emission; ``receivers`` are all it was sent to, in the order of its calls."""
        sent.ended = self._clock()
        try:
            known = self._receivers
            try:
                described = [known[id(receiver)] for receiver in receivers]
            except KeyError:
                described = [self._receiver(receiver) for receiver in receivers]
            self._push(Heard(sent, calls, described))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def failed(self, call: Running, error: BaseException) -> None:
        """Note that a call raised. Called inside ``except``, before the exception goes on."""
        call.ended = self._clock()
        call.outcome = "cancelled" if isinstance(error, CancelledError) else "raised"
        try:
            call.error = failure(error)
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def ended(self, call: Running, receiver: Any) -> None:
        """Take a call that ended side by side with others: its emission may have ended before it."""
        sent = call.head
        try:
            if isinstance(sent, Sent) and sent.ended:
                self._push(LateRecorded(sent, call, self._receiver(receiver), this_thread.here.name))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def _profile(self, signal: Signal) -> Profile:
        name = _BUILTIN_NAMES.get(id(signal), "")
        key = id(signal)
        profile = Profile(
            weakref.ref(signal, lambda _: self._profiles.pop(key, None)),
            self._summaries.for_signal(name),
            name,
            name in self._ignored,
            of_models=bool(name) and naming.family_of(name) in naming.OF_MODELS,
        )
        self._profiles[key] = profile
        return profile

    def _receiver(self, receiver: Any) -> Receiver:
        # A bound method is made anew for each call; other objects may refuse weak references.
        function = receiver.__func__ if type(receiver) is MethodType else receiver
        if type(function) is not FunctionType:
            return _describe(receiver)
        key = id(function)
        known = self._receivers.get(key)
        if known is not None:
            return known
        described = _describe(receiver)
        if len(self._receivers) < MAX_RECEIVERS:
            self._held[key] = weakref.ref(function, lambda _: self._forget_receiver(key))
            self._receivers[key] = described
        return described

    def _forget_receiver(self, key: int) -> None:
        self._receivers.pop(key, None)
        self._held.pop(key, None)

    # --- what observers report ------------------------------------------------------------------

    def origin(self, trace: Trace, fields: dict[str, Any], at: int = 0) -> None:
        """Report that an origin opened or closed; ``fields`` are those of ``events.Origin``.

        ``at`` is the clock's reading then; now, if not given.
        """
        try:
            self._push(OriginRecorded(trace, at or self._clock(), this_thread.here.name, fields))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def task(self, trace: Trace, around: Trace, fields: dict[str, Any]) -> None:
        """Report that a task opened or closed; ``fields`` are those of ``events.Task``."""
        try:
            self._push(TaskRecorded(trace, around, self._clock(), this_thread.here.name, fields))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def outcome(self, block: Block, state: str) -> None:
        """Report how a block ended; one in which nothing happened is not worth an entry."""
        if block.trace is None:
            return
        try:
            self._push(OutcomeRecorded(block, block.trace, self._clock(), this_thread.here.name, state))
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def bypass(
        self,
        operation: str,
        model: type[Model],
        signals: Sequence[Signal],
        *,
        rows: int | None,
        using: str,
        started: int,
        frame: FrameType | None,
    ) -> None:
        """Report that rows of ``model`` changed without ``signals`` being sent."""
        parent = current.get()
        if parent is SUPPRESSED:
            return
        try:
            here = this_thread.here
            trace = self._implicit(here, started) if parent is None else parent.trace
            blocks = here.blocks
            if blocks:
                _enter(blocks, trace, using, 0)
            skipped = [receiver for signal in signals for receiver in dispatcher.receivers_for(signal, model)]
            self._push(
                BypassRecorded(
                    next(self._numbers),
                    trace,
                    operation,
                    self._shapes.of(model).label or "",
                    rows,
                    using,
                    parent,
                    sites.emitting(frame),
                    list(dict.fromkeys(self._receiver(receiver).name for receiver in skipped)),
                    here.name,
                    blocks,
                    started,
                    self._clock(),
                )
            )
        except Exception as fault:  # noqa: BLE001
            self._fault(None, fault)

    def _implicit(self, here: Here, now: int) -> Trace:
        if here.recorder is not self or now - here.seen >= IMPLICIT_IDLE_NS:
            here.recorder, here.trace = self, new_trace()
            self.origin(here.trace, {"state": "opened", **_implicit_origin(here.name)}, now)
        here.seen = now
        return here.trace

    # --- faults -------------------------------------------------------------------------------

    def _fault(self, signal: Signal | None, fault: Exception) -> None:
        if isinstance(fault, RecursionError):
            # The app has used up the stack: this emission is lost, the fault is not ours.
            return
        self.faults += 1
        self.last_fault = f"{type(fault).__name__}: {fault}"
        profile = self._profiles.get(id(signal))
        if profile is not None:
            profile.faults += 1
            profile.off = profile.off or profile.faults >= FAULTS_BEFORE_OFF
        if self.faults <= FAULTS_BEFORE_OFF:
            logger.warning("Signalscope could not record an emission: %s", self.last_fault, exc_info=fault)


def failure(error: BaseException) -> Failure:
    """Reduce an exception to values. Its ``__str__`` is not called: it may run SQL or raise."""
    message = ", ".join(str(plain(argument)) for argument in error.args[:5])
    return Failure(naming.type_name(type(error)), message[:MAX_MESSAGE], sites.raised_at(error.__traceback__))


def _enter(blocks: tuple[Block, ...], trace: Trace, using: Any, emissions: int) -> None:
    for block in blocks:
        # What has no database of its own is inside every block that is open around it.
        if not using or block.alias == using:
            block.emissions += emissions
            if block.trace is None:
                block.trace = trace


def _describe(receiver: Any) -> Receiver:
    return Receiver(naming.receiver_name(receiver), *naming.receiver_location(receiver))


def _implicit_origin(thread: str) -> dict[str, Any]:
    if thread != _MAIN_THREAD:
        return {"type": "thread", "verb": "thread", "title": thread}
    if hasattr(sys, "ps1"):
        return {"type": "shell", "verb": "shell", "title": "interactive session"}
    return {"type": "thread", "verb": "python", "title": os.path.basename(sys.argv[0] or "-c")}  # noqa: PTH119


def _builtin_names() -> dict[int, str]:
    names = {}
    for name in naming.BUILTIN_SIGNALS:
        module, _, attribute = name.rpartition(".")
        __import__(module)
        names[id(getattr(sys.modules[module], attribute))] = name
    return names


_BUILTIN_NAMES = _builtin_names()
