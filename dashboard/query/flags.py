"""What ``is:`` asks of an entry.

Comes in: a flag, and the duration from which something is slow. Goes out: a function of an entry and
of what is known of its trace.
"""

from __future__ import annotations

from ..events import Bypass, Emission, Outcome, has_failed
from .background import Background, Predicate, is_rollback
from .texts import Watched

ROLLED_BACK = "rolled-back"
FLAGS = ("error", "slow", "loop", ROLLED_BACK, "bypass", "n+1", "mutated", "async")


def asks_for(flag: str, slow_us: float) -> Predicate:
    """Return the test for one of ``FLAGS``."""
    if flag == "slow":
        return _slow(slow_us)
    if flag == ROLLED_BACK:
        return _rolled_back
    shown = {"error": has_failed, "async": _async, "mutated": _mutated, "bypass": _bypass}.get(flag)

    def predicate(entry: Watched, background: Background) -> bool:
        return _is_flagged(entry, flag) or (shown is not None and shown(entry))

    return predicate


def _is_flagged(entry: Watched, flag: str) -> bool:
    if not isinstance(entry, Emission):
        return False
    return _among(flag, entry.flags) or any(_among(flag, call.flags) for call in entry.calls)


def _among(flag: str, names: list[str]) -> bool:
    # A flag may carry a detail after a colon, such as the depth of a loop.
    return any(name.partition(":")[0] == flag for name in names)


def _slow(limit_us: float) -> Predicate:
    def predicate(entry: Watched, background: Background) -> bool:
        if isinstance(entry, Bypass):
            return entry.duration_us >= limit_us
        if not isinstance(entry, Emission):
            return False
        if entry.duration_us >= limit_us or _is_flagged(entry, "slow"):
            return True
        return any(call.duration_us >= limit_us for call in entry.calls)

    return predicate


def _async(entry: Watched) -> bool:
    return isinstance(entry, Emission) and any(call.is_async for call in entry.calls)


def _mutated(entry: Watched) -> bool:
    return isinstance(entry, Emission) and any(call.mutations for call in entry.calls)


def _bypass(entry: Watched) -> bool:
    return isinstance(entry, Bypass)


def _rolled_back(entry: Watched, background: Background) -> bool:
    if isinstance(entry, Outcome):
        return is_rollback(entry)
    if not isinstance(entry, Emission | Bypass) or entry.transaction is None:
        return _is_flagged(entry, ROLLED_BACK)
    return not background.undone.isdisjoint(entry.transaction.blocks) or _is_flagged(entry, ROLLED_BACK)
