"""A row for each registration, and one for what ran without a registration.

Comes in: registrations, the figures of their calls, what is not recorded. Goes out: ``Row`` values.
What nobody could have seen is never called *never fired*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from django.apps import apps

from .. import wording
from ..registrations import COLLECTED, Registration, key_of
from ..statistics import CallFigures, Figures, Ran, Stray, is_vague
from ..traces.flags import LABELS, Flag, is_slow, ordered

FLAGS = (
    "unregistered",
    "never-fired",
    "dead",
    "error",
    "slow",
    "duplicate",
    "n+1",
    "mutated",
    "unrecorded",
    "weak",
    "async",
)
"""What rows can be asked for by, in the order in which it is offered."""


class Row(NamedTuple):
    """A receiver on a signal for a sender, and how it ran.

    ``calls`` is ``None`` when it was not seen to run. Of what is ``registered`` no more, ``one`` holds
    what its calls tell: it has no order, and nothing is known of its reference and ``dispatch_uid``.
    ``app`` is the label of the app that holds the receiver, else its first package; empty when the
    receiver is gone.
    """

    one: Registration
    calls: CallFigures | None
    flags: tuple[Flag, ...]
    registered: bool
    app: str

    @property
    def figures(self) -> Figures | None:
        """How often it ran, and how long each time."""
        return self.calls.figures if self.calls else None

    @property
    def sender(self) -> str:
        """The sender in words."""
        return self.one.listens_to if self.registered else wording.sender(self.one.sender)

    @property
    def is_slow(self) -> bool:
        """Whether one call in twenty reaches the limit."""
        return any(flag.name == "slow" for flag in self.flags)

    @property
    def shares_figures(self) -> bool:
        """Whether other registrations, with senders that have the same label, have the same figures."""
        return self.registered and is_vague(self.one.sender)

    @property
    def traits(self) -> set[str]:
        """Those of ``FLAGS`` that it has."""
        found = {flag.name for flag in self.flags}
        return found | {"weak"} if self.registered and self.one.weak else found


class Seen(NamedTuple):
    """What the figures could have seen.

    ``words`` says of which window they are, ``whole`` whether that is all there is. ``unrecorded`` are
    signals that leave no trace, ``slow_ms`` is the limit of *slow*. ``ran`` is ``None`` when the
    journal could not be read.
    """

    ran: Ran | None
    words: str = "in the journal"
    whole: bool = True
    unrecorded: Collection[str] = ()
    slow_ms: float = 50.0


def rows_of(registered: Iterable[Registration], seen: Seen) -> list[Row]:
    """Return a row for each registration, in their order, then one for each receiver that has none."""
    ran = seen.ran.registered if seen.ran else {}
    rows = [_row(one, ran.get(one.key), seen) for one in registered]
    strays = seen.ran.strays if seen.ran else {}
    return [*rows, *(_stray(stray, strays[stray], seen) for stray in sorted(strays, key=_by_name))]


def _by_name(stray: Stray) -> tuple[str, str, str]:
    return stray.signal, stray.sender or "", stray.receiver


def _row(one: Registration, calls: CallFigures | None, seen: Seen) -> Row:
    flags = [*_of_registration(one, calls, seen), *_of_calls(calls, seen)]
    return Row(one, calls, tuple(ordered(flags)), registered=True, app=_app_of(one.receiver))


def _stray(stray: Stray, calls: CallFigures, seen: Seen) -> Row:
    last = calls.last
    one = Registration(
        key=key_of("stray", *stray),
        signal=stray.signal,
        family=stray.family,
        receiver=stray.receiver,
        sender=stray.sender,
        order=0,
        is_async=last is not None and last.is_async,
        file=last.file if last else "",
        line=last.line if last else 0,
    )
    why = "ran, and is not registered in this process now: disconnected, collected, or of another process"
    flags = [Flag("unregistered", LABELS["unregistered"], why), *_of_calls(calls, seen)]
    if one.is_async:
        flags.append(_async())
    return Row(one, calls, tuple(ordered(flags)), registered=False, app=_app_of(one.receiver))


def _of_registration(one: Registration, calls: CallFigures | None, seen: Seen) -> Iterator[Flag]:
    if not one.alive:
        yield Flag("dead", LABELS["dead"], "held weakly, and its object is gone: it will never run")
    elif one.signal in seen.unrecorded:
        yield Flag(
            "unrecorded", LABELS["unrecorded"], "IGNORE_SIGNALS names its signal: nothing tells if it ran"
        )
    elif calls is None and seen.ran is not None:
        label = LABELS["never-fired"] if seen.whole else "idle"
        yield Flag("never-fired", label, f"registered, and not called {seen.words}")
    if one.duplicate:
        why = "the same function is connected twice and runs twice: give its connect() a dispatch_uid"
        yield Flag("duplicate", LABELS["duplicate"], why)
    if one.is_async:
        yield _async()


def _of_calls(calls: CallFigures | None, seen: Seen) -> Iterator[Flag]:
    if calls is None:
        return
    figures = calls.figures
    if figures.errors:
        yield Flag("error", LABELS["error"], f"raised in {figures.errors:,} of {figures.count:,} calls")
    if is_slow(figures.p95_us, seen.slow_ms):
        title = f"p95 {wording.took(figures.p95_us)}: at or over the limit of {seen.slow_ms:g} ms"
        yield Flag("slow", LABELS["slow"], title)
    if "n+1" in calls.flags:
        yield Flag("n+1", LABELS["n+1"], "a call ran the same SQL several times")
    if "mutated" in calls.flags:
        yield Flag("mutated", LABELS["mutated"], "changed fields of the instance")


def _async() -> Flag:
    return Flag("async", LABELS["async"], "a coroutine function")


def _app_of(receiver: str) -> str:
    if receiver == COLLECTED:
        return ""
    name = receiver.removeprefix("partial(").strip("()")
    config = apps.get_containing_app_config(name) if apps.ready else None
    return config.label if config else name.partition(".")[0]
