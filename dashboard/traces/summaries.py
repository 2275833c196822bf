"""One line for a whole trace: what started it, how much it caused, and what went wrong in it.

Comes in: a trace's entries as they are journalled, one at a time. Goes out: counts, flags and the
bars of its lane at any moment; what is kept does not grow with the number of emissions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from .. import wording
from ..events import Bypass, Emission, Entry, Gap, Late, Origin, Outcome, Process, Sampled, Task, Unknown
from . import flags
from .flags import LABELS, Flag, is_slow
from .lanes import Lane, Path
from .liveness import has_ended

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENDS = frozenset({"request", "command", "task"})
_ERROR_NAMES = 3
_MOST_OPEN = 1_000
_MAX_FLAGS = 2 * len(LABELS)


def microseconds(at: datetime) -> int:
    """Return a moment as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


class TraceSummary:
    """What is known of one trace so far. ``add`` its entries in the order of their seq."""

    __slots__ = (
        "_ended",
        "_errors",
        "_flags",
        "_lane",
        "_slow_ms",
        "_started",
        "_tasks_open",
        "bypasses",
        "calls",
        "closed",
        "emissions",
        "errors",
        "first_seq",
        "last_seq",
        "more",
        "opened",
        "process",
        "queries",
        "replayed",
        "rollbacks",
        "skipped",
        "tasks",
        "trace",
        "unsignalled",
    )

    def __init__(self, trace: str, slow_ms: float = 50.0, *, replayed: bool = False) -> None:
        """Begin with nothing; ``slow_ms`` is the limit from which a call or an emission is slow.

        A ``replayed`` trace runs until its end was played, whatever became of its process since.
        """
        self.trace = trace
        self.replayed = replayed
        self.opened: Origin | None = None
        self.closed: Origin | None = None
        self.process: Process | None = None
        self.tasks = 0
        self._tasks_open: dict[str, Task] = {}
        self.emissions = self.calls = self.queries = self.errors = 0
        self.bypasses = self.unsignalled = self.skipped = self.rollbacks = 0
        self.first_seq = self.last_seq = 0
        self.more = False
        self._slow_ms = slow_ms
        self._lane = Lane()
        self._flags: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._started: int | None = None
        self._ended = 0

    def add(self, entry: Entry) -> None:
        """Take in the trace's next entry; one that was seen before (by its seq) changes nothing."""
        if entry.seq and entry.seq <= self.last_seq:
            return
        self.first_seq = self.first_seq or entry.seq
        self.last_seq = entry.seq
        self.process = self.process or entry.process
        if isinstance(entry, Emission):
            self._add_emission(entry)
        elif isinstance(entry, Origin):
            self._add_origin(entry)
        elif isinstance(entry, Task):
            self._add_task(entry)
        elif isinstance(entry, Late):
            self._add_late(entry)
        elif isinstance(entry, Bypass):
            self._add_bypass(entry)
        elif isinstance(entry, Outcome) and entry.state == "rolled back":
            self.rollbacks += 1
            end = microseconds(entry.at)
            self._lane.mark_rollback(end - int(entry.duration_us), end)
        elif isinstance(entry, Unknown) and entry.at > _EPOCH:
            at = microseconds(entry.at)
            self._began(at, at)

    def _add_task(self, task: Task) -> None:
        at = microseconds(task.at)
        self._began(at - int(task.duration_us), at)
        if task.state == "opened":
            self.tasks += 1
            if len(self._tasks_open) < _MOST_OPEN:
                self._tasks_open[task.id] = task
            return
        self._tasks_open.pop(task.id, None)
        if task.error:
            self.errors += 1
            self._count_error(wording.short(task.error))

    def _add_late(self, late: Late) -> None:
        end = microseconds(late.at)
        self._began(end - int(late.call.duration_us), end)
        if late.call.outcome == "raised":
            self.errors += 1
            self._count_error(late.call.error.name if late.call.error else "raised")

    def _add_bypass(self, bypass: Bypass) -> None:
        start = microseconds(bypass.at)
        self.bypasses += 1
        self.unsignalled += bypass.rows or 0
        self.skipped = max(self.skipped, len(bypass.skipped))
        self._began(start, start + int(bypass.duration_us))
        self._lane.mark_bypass(bypass, start)

    def _began(self, start: int, end: int) -> None:
        self._started = start if self._started is None else min(self._started, start)
        self._ended = max(self._ended, end)

    def _add_origin(self, origin: Origin) -> None:
        at = microseconds(origin.at)
        if origin.state == "opened":
            self.opened = origin
            self._started = at if self._started is None else min(self._started, at)
            return
        self.closed = origin
        self._ended = max(self._ended, at)
        if self._started is None:
            self._started = at - int(origin.duration_us)
        if origin.error:
            self.errors += 1
            self._errors[wording.short(origin.error.partition(":")[0])] += 1

    def _add_emission(self, emission: Emission) -> None:
        start = microseconds(emission.at)
        self.emissions += 1
        self.calls += len(emission.calls)
        self._began(start, start + int(emission.duration_us))
        self._lane.add(emission, start)
        slow = 0
        for call in emission.calls:
            self.queries += call.queries
            slow += is_slow(call.duration_us, self._slow_ms)
            if call.outcome == "raised":
                self.errors += 1
                self._count_error(call.error.name if call.error else "raised")
        self._flags["slow"] += slow or is_slow(emission.duration_us, self._slow_ms)
        for name, number in map(flags.parse, emission.flags):
            if name not in ("error", "slow") and (name in self._flags or len(self._flags) < _MAX_FLAGS):
                self._flags[name] = max(self._flags[name], number or 1)

    def _count_error(self, name: str) -> None:
        if name in self._errors or len(self._errors) <= _ERROR_NAMES:
            self._errors[name] += 1

    # --- what a row shows ------------------------------------------------------------------------

    @property
    def origin(self) -> Origin | None:
        """The entry that says most about what started the trace, or ``None`` when neither is stored."""
        return self.closed or self.opened

    @property
    def verb(self) -> str:
        """What stands before the title: ``POST``, ``manage.py``, ``thread``."""
        return self.origin.verb if self.origin else "trace"

    @property
    def title(self) -> str:
        """What the row is called: a path, a command, a thread; the process where no origin is stored."""
        if self.origin:
            return self.origin.title or self.origin.type
        if self.process:
            return f"{self.process.thread or 'a thread'} of pid {self.process.pid} on {self.process.host}"
        return self.trace

    @property
    def state(self) -> str:
        """``closed``, ``open`` while it runs, ``unfinished`` when its process ended first.

        ``loose`` when its kind of origin has no end, or the end is among what was left out (``more``).
        """
        if self.closed:
            return "closed"
        if self.more or not self.opened or self.opened.type not in _ENDS:
            return "loose"
        if self.replayed:
            return "open"
        return "unfinished" if has_ended(self.opened.process, self.opened.at) else "open"

    @property
    def running_tasks(self) -> int:
        """How many of its tasks a worker runs now, as far as is known here."""
        if self.replayed:
            return len(self._tasks_open)
        return sum(not has_ended(task.process, task.at) for task in self._tasks_open.values())

    @property
    def goes_on(self) -> bool:
        """Whether more is to be expected."""
        return self.state in ("open", "loose") or self.running_tasks > 0

    @property
    def started_us(self) -> int:
        """When it began, in microseconds since 1970."""
        return self._started or 0

    @property
    def started(self) -> datetime:
        """When it began."""
        return _EPOCH + timedelta(microseconds=self.started_us)

    @property
    def took_us(self) -> float:
        """How long it took; so far, while it is open."""
        if self.closed and self.closed.duration_us:
            return self.closed.duration_us
        return float(max(self._ended - self.started_us, 0))

    @property
    def lasted_us(self) -> float:
        """How long until the last of its tasks ended: longer than it took where they outlived its origin."""
        return max(self.took_us, float(self._ended - self.started_us)) if self.tasks else self.took_us

    @property
    def status(self) -> str:
        """The HTTP status, or how the command ended; empty while open."""
        return (self.closed.status or "") if self.closed else ""

    @property
    def status_class(self) -> str:
        """``2xx`` to ``5xx`` for an HTTP status, else empty."""
        return f"{self.status[0]}xx" if re.fullmatch(r"[1-5]\d\d", self.status) else ""

    @property
    def user(self) -> str:
        """Who asked for it, as far as the origin says."""
        return (self.origin.user or "") if self.origin else ""

    @property
    def view(self) -> str:
        """The view's name, as far as the origin says."""
        return (self.origin.view or "") if self.origin else ""

    @property
    def flags(self) -> list[Flag]:
        """One flag for each kind of thing that happened in it."""
        found = [self._error_flag()] if self.errors else []
        if self.rollbacks:
            found.append(flags.rolled_back())
        if self.skipped:
            found.append(Flag("bypass", f"{wording.many(self.skipped, 'receiver')} skipped"))
        for name, number in self._flags.items():
            if number:
                counted = 0 if name == "slow" or number == 1 else number
                found.append(flags.named(name, counted))
        return flags.ordered(found)

    def _error_flag(self) -> Flag:
        names = ", ".join(name for name, _ in self._errors.most_common(_ERROR_NAMES)) or "error"
        label = names if self.errors == 1 else wording.many(self.errors, "error")
        return Flag("error", label, f"raised: {names}")

    @property
    def paths(self) -> list[Path]:
        """The bars of its lane."""
        return self._lane.paths(self.started_us, max(self.took_us, self._ended - self.started_us))


def summarise(entries: Iterable[Entry], slow_ms: float = 50.0) -> TraceSummary:
    """Return the summary of one trace's entries (those without a trace, as gaps, are left out)."""
    summary: TraceSummary | None = None
    for entry in entries:
        if isinstance(entry, Gap | Sampled):
            continue
        if summary is None:
            summary = TraceSummary(entry.trace, slow_ms)
        summary.add(entry)
    return summary or TraceSummary("", slow_ms)
