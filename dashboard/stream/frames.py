"""What one websocket message carries: rows, changes of rows, numbers, and where to go on.

Comes in: the shared side's beats, and what this client's reader did. Goes out: the text of one
frame, or nothing. However far behind a client is, a frame holds as many rows as its page can paint, at
most ``ROWS``; the others stand in one row that opens exactly them from the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..journal.base import Cursor
from ..query import Query
from ..traces.summaries import TraceSummary, microseconds
from . import fragments, legends, notices, readouts
from .digests import NEWEST, Digest
from .following import MAX_BEHIND, SETTLE_S, STEP, VITALS_S, Following
from .fragments import FLAT, NONE
from .hello import Act, Hello
from .holdings import Holdings
from .pace import BURST, Pace
from .roll import Roll

ROWS = min(BURST, NEWEST)
GLOWING = 3
FEW = 6
"""A page with fewer rows has room for what a newcomer may try."""

SAID_S = 15.0
"""So often those who listen to the page are told what came: in one sentence, never row by row."""

Item = tuple[int, str]
"""A row, and when what it shows began: the newest go on top."""


class Client:
    """One page that is open somewhere: what it shows, and what it is to be sent next."""

    def __init__(self, following: Following, query: Query, layout: str, hello: Hello) -> None:
        """Go on where ``hello`` says that the page is."""
        self.paused, self.held = hello.paused, hello.held
        self._following = following
        self._query = query
        self._layout = layout
        self._kept = hello.kept
        self._epoch, seq = hello.cursor
        self._pending = Digest(seq, seq)
        self._shown_upto = seq
        self._skipped: tuple[int, int] | None = None
        self._matched, self._looked, self._families = readouts.tally_of(hello.tally)
        self._tally = readouts.tally_text(self._matched, self._looked, self._families)
        self._roll = Roll.of(hello.roll)
        self._holdings = Holdings()
        for batch, ids in hello.shown:
            self._holdings.add(batch, ids, [0] * len(ids) if layout != FLAT else ())
        self._dirty: dict[str, None] = {}
        self._withdrawn: dict[str, None] = {}
        self._sent: dict[str, str] = {}
        self._now: dict[str, str] = {}
        self._numbers_at = float("-inf")
        self._frame = 0
        self._pace = Pace()
        self._room = ROWS
        self._pulsed = following.beats
        self._ahead_since: float | None = None
        self._guided = len(self._holdings) < FEW
        self._came = [0, 0, 0]
        self._said_at: float | None = None
        if self.paused:
            self._show_pause()

    @property
    def frame_number(self) -> int:
        """How many frames there were."""
        return self._frame

    def rest_s(self, now: float) -> float:
        """Return how long the page needs until its next frame."""
        return self._pace.rest_s(now)

    def note_painted(self, took_ms: float) -> None:
        """Note how long the page took to paint a frame."""
        self._pace.note_painted(took_ms)

    # --- what the reader does --------------------------------------------------------------------

    def act(self, act: Act) -> None:
        """Do what the reader asked for; it shows in the next frame."""
        doing: dict[str, Callable[[], None]] = {
            "pause": lambda: self._pause(paused=True),
            "resume": lambda: self._pause(paused=False),
            "hold": lambda: self._hold(held=True),
            "release": lambda: self._hold(held=False),
            "clear": self._clear,
        }
        if act.name == "keep":
            self._kept = act.ids
        elif act.name == "opened" and self._layout != FLAT:
            for batch, ids in act.shown:
                self._holdings.open(batch, ids)
        elif act.name in doing:
            doing[act.name]()

    def _pause(self, *, paused: bool) -> None:
        if paused != self.paused:
            self.paused = paused
            self._show_pause()

    def _show_pause(self) -> None:
        waiting = self._waiting if self.paused else None
        self._now["pause"] = notices.pause(paused=self.paused, waiting_now=waiting or 0)
        self._now["lamp"] = readouts.lamp(waiting)
        self._sent.pop("lamp", None)

    def _hold(self, *, held: bool) -> None:
        self.held = held
        if not held:
            self._now["pill"] = notices.pill(0, self._layout)
        self._sent.pop("pill", None)
        self._numbers_at = float("-inf")

    def _clear(self) -> None:
        self._empty()
        self._count_from_zero()
        self._now["void"] = notices.void(shown=True, cleared=True)
        self._forget_pending(self._pending.upto)

    # --- one frame -------------------------------------------------------------------------------

    async def frame(self, now: float) -> str:
        """Return the next frame at the time ``now`` (seconds of any steady clock), or an empty text.

        May raise ``JournalError``; then nothing is lost, and the next call tries again.
        """
        self._room = min(self._pace.room(now), ROWS)
        head = self._following.head
        if head.seq >= self._pending.upto or self._ahead_since is None:
            self._ahead_since = now
        if head.epoch and (head.epoch != self._epoch or await self._is_lost(now)):
            self._ahead_since = now
            self._start_over(head)
        if self._layout != NONE:
            await self._take_in(head)
        caught_up = self._pending.upto >= head.seq
        await self._load_missing(caught_up)
        parts, self._now = [*self._now.values()], {}
        rows: list[str] = []
        if caught_up and not (self.paused or self.held):
            parts += self._withdraw()
            rows = self._rows(arrives=self._pace.is_calm(now))
        parts += rows
        parts += self._updates()
        parts += map(fragments.deleted, self._holdings.trim(self._kept))
        parts += self._numbers(now)
        parts += self._said(now)
        if self._following.beats != self._pulsed and self._following.pulses and not self.paused:
            parts.append(readouts.pulses(self._following.pulses))
        self._pulsed = self._following.beats
        if not parts:
            return ""
        self._frame += 1
        self._pace.note_sent(now, with_rows=bool(rows))
        parts.append(notices.token(Cursor(self._epoch, self._shown_upto), self._tally, self._frame))
        return "".join(parts)

    async def _is_lost(self, now: float) -> bool:
        """Whether the journal ends before what the page shows, after ``SETTLE_S`` of looking so."""
        if self._ahead_since is None or now - self._ahead_since <= SETTLE_S:
            return False
        self._ahead_since = now
        return await self._following.is_lost(self._pending.upto)

    def _start_over(self, head: Cursor) -> None:
        """Begin with the journal's new life: nothing on the page is of it."""
        self._epoch = head.epoch
        if self._layout == NONE:
            return
        self._count_from_zero()
        self._empty()
        self._now["void"] = notices.void(shown=True, filtered=not self._query.matches_everything)
        self._forget_pending(0)

    def _count_from_zero(self) -> None:
        self._matched = self._looked = 0
        self._families = Counter()
        self._roll = Roll()
        self._numbers_at = float("-inf")

    def _empty(self) -> None:
        self._holdings.clear()
        self._dirty.clear()
        self._withdrawn.clear()
        self._now["rows"] = fragments.oob("", "innerHTML:#rows")

    def _forget_pending(self, upto: int) -> None:
        self._skipped = None
        self._pending = Digest(upto, upto)
        self._shown_upto = upto
        self._tally = readouts.tally_text(self._matched, self._looked, self._families)

    async def _take_in(self, head: Cursor) -> None:
        if head.seq - self._pending.upto > MAX_BEHIND:
            resume = head.seq - STEP
            after = self._skipped[0] if self._skipped else self._pending.after
            self._skipped = after, resume
            self._pending = Digest(resume, resume)
        if self._pending.upto >= head.seq:
            return
        later = await self._following.digest(self._query, self._pending.upto)
        new = sum(
            not (trace in self._pending.first or self._holdings.has_place(trace)) for trace in later.first
        )
        self._pending.add(later)
        self._note_withdrawn(later)
        self._matched += later.matched + later.belated_matched - later.withdrawn_matched
        self._looked += later.emissions
        self._families += later.families
        self._roll.add(later.processes.values())
        for place, number in enumerate((new, later.matched + later.belated_matched, later.failed)):
            self._came[place] += number
        self._dirty |= dict.fromkeys(trace for trace in later.touched if trace in self._holdings)

    # --- rows that match no more -------------------------------------------------------------------

    def _note_withdrawn(self, later: Digest) -> None:
        of_traces = self._layout != FLAT
        rows = later.dismissed if of_traces else {entry.id for entry in later.withdrawn}
        back = later.first.keys() if of_traces else {entry.id for entry in later.belated}
        for row in back & self._withdrawn.keys():
            del self._withdrawn[row]
        for row in rows:
            if self._holdings.holds(row):
                self._withdrawn[row] = None
            else:
                self._holdings.remove(row)

    def _withdraw(self) -> list[str]:
        """Take from the page what matches no more, but what its reader keeps: that goes later."""
        gone = [row for row in self._withdrawn if row not in self._kept]
        if not gone:
            return []
        for row in gone:
            del self._withdrawn[row]
        still = [row for row in gone if self._holdings.holds(row)]
        for row in still:
            self._holdings.remove(row)
        empty = [] if len(self._holdings) else [notices.void(shown=True, filtered=True)]
        return [*map(fragments.withdrawn, still), *empty]

    # --- rows ------------------------------------------------------------------------------------

    def _fresh(self) -> list[str]:
        return [trace for trace in self._pending.first if not self._holdings.has_place(trace)]

    async def _load_missing(self, caught_up: bool) -> None:
        wanted = list(self._dirty)[: self._room] if not self.paused else []
        if caught_up and self._layout not in (FLAT, NONE) and not (self.paused or self.held):
            wanted += self._fresh()[-self._room :]
        missing = [trace for trace in wanted if self._following.summary(trace) is None]
        if missing:
            await self._following.load(missing)
        if caught_up and self._layout == FLAT and not (self.paused or self.held):
            shown = [*self._pending.belated, *self._pending.newest]
            await self._following.learn(entry.trace for entry in shown)

    def _rows(self, *, arrives: bool) -> list[str]:
        pending = self._pending
        if pending.upto == self._shown_upto:
            return []
        left_out = [] if self._layout == FLAT else self._fresh()[: -self._room]
        items, rest, ids, versions = self._sent_alone() if self._layout == FLAT else self._traces()
        items += [(microseconds(gap.at), fragments.gap(gap)) for gap in pending.gaps]
        items += [(microseconds(one.at), fragments.unknown(one, times)) for one, times in pending.unknowns]
        # What stands for older entries goes below, whatever their clocks said.
        items = [*sorted(items, key=lambda item: -item[0]), *rest]
        if self._skipped:
            items.append((0, fragments.skipped(*self._skipped, self._layout, str(self._query))))
        self._forget_pending(pending.upto)
        if not items:
            return []
        batch = f"b{pending.upto}"
        was_empty = not len(self._holdings)
        self._holdings.add(batch, ids, versions, left_out)
        rows = fragments.batch(batch, [row for _, row in items], arrives=arrives and len(items) <= GLOWING)
        shown: list[str] = [notices.void(shown=False)] if was_empty else []
        if self._guided and len(self._holdings) >= FEW:
            self._guided = False
            shown.append(notices.no_guide())
        return [*shown, fragments.oob(rows, "afterbegin:#rows")]

    def _traces(self) -> tuple[list[Item], list[Item], list[str], Sequence[int]]:
        first = self._pending.first
        fresh = self._fresh()
        newest = [
            (trace, summary)
            for trace in fresh[-self._room :]
            if (summary := self._following.summary(trace)) is not None and summary.last_seq
        ]
        items: list[Item] = [(summary.started_us, fragments.trace(summary)) for _, summary in newest]
        left_out = max(len(fresh) - self._room, 0) + self._pending.forgotten
        rest = self._more(first[fresh[-self._room :][0]] - 1, left_out) if left_out else []
        return items, rest, [trace for trace, _ in newest], [summary.last_seq for _, summary in newest]

    def _sent_alone(self) -> tuple[list[Item], list[Item], list[str], Sequence[int]]:
        newest, belated = (
            list(kept)[-self._room :] for kept in (self._pending.newest, self._pending.belated)
        )
        slow_ms = self._following.slow_ms
        shown, origin = belated + newest, self._following.origin
        items: list[Item] = [
            (
                microseconds(entry.at),
                fragments.flat(entry, slow_ms, origin(entry.trace, self._pending.upto)),
            )
            for entry in shown
        ]
        left_out = self._pending.matched - len(newest)
        rest = self._more(newest[0].seq - 1, left_out) if left_out > 0 else []
        left_out = self._pending.belated_matched - len(belated)
        if left_out > 0:
            # They were sent before this stretch: their own traces hold them, back from the oldest shown.
            rest += self._more(belated[0].seq - 1, left_out, after=max(belated[0].seq - STEP, 0))
        return items, rest, [entry.id for entry in shown], ()

    def _more(self, upto: int, number: int, after: int | None = None) -> list[Item]:
        after = self._pending.after if after is None else after
        return [(0, fragments.more(after, upto, number, self._layout, str(self._query)))]

    def _updates(self) -> list[str]:
        if self.paused:
            return []
        parts: list[str] = []
        for trace in list(self._dirty)[: self._room]:
            del self._dirty[trace]
            summary: TraceSummary | None = self._following.summary(trace)
            if trace in self._holdings and summary and summary.last_seq > self._holdings.version(trace):
                self._holdings.update(trace, summary.last_seq)
                parts.append(fragments.cells(summary))
        return parts

    # --- numbers ---------------------------------------------------------------------------------

    @property
    def _waiting(self) -> int:
        passed = self._skipped[1] - self._skipped[0] if self._skipped else 0
        return self._pending.matched + self._pending.belated_matched + passed

    def _numbers(self, now: float) -> list[str]:
        if now - self._numbers_at < VITALS_S:
            return []
        self._numbers_at = now
        pieces = dict(self._following.vitals)
        if self.paused:
            pieces["lamp"] = readouts.lamp(self._waiting)
            pieces["waiting"] = notices.waiting(self._waiting)
        if self._layout != NONE:
            pieces |= readouts.tallies(self._matched, self._looked, self._families)
            pieces["processes"] = legends.processes(self._roll, self._layout, self._query)
            if self.held and not self.paused:
                pieces["pill"] = notices.pill(self._new, self._layout)
        changed = {name: piece for name, piece in pieces.items() if self._sent.get(name) != piece}
        self._sent |= changed
        return list(changed.values())

    def _said(self, now: float) -> list[str]:
        if self._said_at is None:
            self._said_at = now
        if self.paused or self._layout == NONE or now - self._said_at < SAID_S or not any(self._came):
            return []
        self._said_at = now
        (traces, emissions, failed), self._came = self._came, [0, 0, 0]
        sentence = notices.said(traces, emissions, failed, flat=self._layout == FLAT, waits=self.held)
        return [fragments.oob(sentence, "innerHTML:#said")]

    @property
    def _new(self) -> int:
        if self._layout == FLAT:
            return self._pending.matched + self._pending.belated_matched
        return len(self._fresh()) + self._pending.forgotten
