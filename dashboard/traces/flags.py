"""The flags that an emission or a call carries: one word each, in the order they are shown.

Comes in: calls, emissions, the limit from which something is slow. Goes out: ``Flag`` values, the
same for a row, a trace and the inspector.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .. import wording
from ..events import SIDE_BY_SIDE, Bypass, Call, Emission

LABELS = {
    "unregistered": "unregistered",
    "error": "error",
    "rolled-back": "rolled back",
    "effect": "effect",
    "loop": "loop",
    "slow": "slow",
    "n+1": "N+1",
    "bypass": "bypass",
    "duplicate": "duplicate",
    "uncommitted": "uncommitted",
    "mutated": "mutated",
    "dead": "dead",
    "never-fired": "never fired",
    "unrecorded": "not recorded",
    "cancelled": "cancelled",
    "running": "running",
    "async": "async",
}

_ICONS = {"n+1": "nplus1", "never-fired": "minus", "unregistered": "x"}
_NO_ICON = frozenset({"cancelled", "effect", "running", "unrecorded"})
_MEANINGS = {
    "loop": "the same signal and instance again, inside its own receivers, {0} deep",
    "n+1": "one call ran the same SQL {0} times",
}
# Calls show these themselves; their emission shows them only where its calls are not listed.
_OF_CALLS = frozenset({"error", "slow", "n+1"})


class Flag(NamedTuple):
    """A badge: its name (``data-flag``), what it says, and the sentence behind it."""

    name: str
    label: str
    title: str = ""

    @property
    def icon(self) -> str:
        """The id of its icon in the sprite; empty when it has none."""
        known = self.name in LABELS and self.name not in _NO_ICON
        return f"i-{_ICONS.get(self.name, self.name)}" if known else ""


def parse(text: str) -> tuple[str, int]:
    """Return a stored flag's name and the number it carries: ``loop:3``, or 0 where there is none."""
    name, _, number = text.partition(":")
    return name, int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def named(name: str, number: int = 0) -> Flag:
    """Return the flag of this name, with its number: the depth of a loop, the repetitions of a query."""
    label = LABELS.get(name, name)
    meaning = _MEANINGS.get(name, "").format(number) if number else ""
    return Flag(name, f"{label} {wording.TIMES}{number}" if number else label, meaning)


def of_call(call: Call, slow_ms: float) -> list[Flag]:
    """Return the flags of one call."""
    flags = [named(*parse(stored)) for stored in call.flags]
    if call.error is not None:
        flags.append(Flag("error", call.error.name, f"raised {call.error.type}: {call.error.message[:200]}"))
    elif call.outcome == "raised":
        flags.append(Flag("error", "raised", "the receiver raised"))
    if call.outcome == "cancelled":
        flags.append(Flag("cancelled", "cancelled", "the receiver's task was cancelled"))
    if call.outcome == "running":
        flags.append(Flag("running", "running", "had not ended when the emission was stored"))
    if is_slow(call.duration_us, slow_ms):
        flags.append(_slow(call.duration_us, slow_ms))
    if call.mutations:
        flags.append(_mutated(call))
    if call.is_async:
        flags.append(Flag("async", "async", "a coroutine function"))
    return ordered(flags)


def _mutated(call: Call) -> Flag:
    sure = sorted(field for field, values in call.mutations.items() if SIDE_BY_SIDE not in values[2:])
    doubtful = sorted(set(call.mutations) - set(sure))
    parts = [f"changed {', '.join(sure)} of the instance"] if sure else []
    if doubtful:
        parts.append(f"it or a call at its side changed {', '.join(doubtful)} of the instance")
    return Flag("mutated", "mutated" if sure else "mutated?", "; ".join(parts))


def of_emission(emission: Emission, slow_ms: float, *, with_calls: bool = False) -> list[Flag]:
    """Return an emission's own flags; ``with_calls`` adds those of its calls, for where these are not shown.

    An emission is slow on its own account only when none of its calls is.
    """
    stored = [parse(text) for text in emission.flags]
    flags = [named(name, number) for name, number in stored if name not in _OF_CALLS]
    if with_calls:
        flags += [flag for call in emission.calls for flag in of_call(call, slow_ms) if flag.name != "async"]
    slow_call = any(is_slow(call.duration_us, slow_ms) for call in emission.calls)
    if is_slow(emission.duration_us, slow_ms) and not slow_call:
        flags.append(_slow(emission.duration_us, slow_ms))
    return ordered(flags)


def of_bypass(bypass: Bypass) -> list[Flag]:
    """Return a bypass's flag: how many receivers did not run because no signal was sent."""
    if not bypass.skipped:
        return []
    names = ", ".join(wording.short(name) for name in bypass.skipped[:8])
    return [
        Flag("bypass", f"{wording.many(len(bypass.skipped), 'receiver')} skipped", f"did not run: {names}")
    ]


def rolled_back() -> Flag:
    """Return the flag of what happened in a transaction that was rolled back."""
    return Flag("rolled-back", LABELS["rolled-back"], "the transaction was rolled back after this had run")


def ordered(flags: Iterable[Flag]) -> list[Flag]:
    """Return the flags in the order of ``LABELS``, each name and label once."""
    order = list(LABELS)
    unique = {(flag.name, flag.label): flag for flag in flags}
    return sorted(
        unique.values(), key=lambda flag: order.index(flag.name) if flag.name in order else len(order)
    )


def is_slow(duration_us: float, slow_ms: float) -> bool:
    """Return whether a duration reaches the limit."""
    return duration_us >= slow_ms * 1000


def _slow(duration_us: float, slow_ms: float) -> Flag:
    return Flag("slow", "slow", f"{wording.took(duration_us)}: at or over the limit of {slow_ms:g} ms")
