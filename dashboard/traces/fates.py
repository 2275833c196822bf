"""What became of the transactions in a trace, and of what was sent inside them.

Comes in: a trace's entries, in any order. Goes out: the ``Fate`` of a block, an emission or a
bypass: committed, or rolled back and after how many receivers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .. import wording
from ..events import Call, Effect, Emission, Entry, Outcome, Transaction
from .flags import Flag


class Fate(NamedTuple):
    """How a block ended. ``calls`` counts the receivers that had run in it until then."""

    outcome: Outcome
    calls: int = 0

    @property
    def rolled_back(self) -> bool:
        """Whether the block's changes are gone."""
        return self.outcome.state == "rolled back"

    @property
    def words(self) -> str:
        """``committed``, or ``rolled back after 3 receivers had run``."""
        if not self.rolled_back:
            return self.outcome.state
        if not self.calls:
            return "rolled back"
        return f"rolled back after {wording.many(self.calls, 'receiver')} had run"


def flags_of(fate: Fate | None) -> list[Flag]:
    """Return the flag of what was sent in a block that was rolled back."""
    return [Flag("rolled-back", "rolled back", fate.words)] if fate and fate.rolled_back else []


def flags_of_call(kept: Iterable[Effect]) -> list[Flag]:
    """Return the flags of what a call did outside of a transaction that was then rolled back."""
    kinds = {effect.kind: effect for effect in kept}
    return [
        Flag("effect", _STAYS[kind], f"{stays(effect)}, although the transaction was rolled back")
        for kind, effect in kinds.items()
    ]


_STAYS = {"mail": "mail sent", "cache": "cache written", "on_commit": "on_commit lost"}


def stays(effect: Effect) -> str:
    """Say what an effect means when the transaction around it was rolled back."""
    if effect.kind == "mail":
        return f"mail {effect.what} is out"
    if effect.kind == "cache":
        return f"cache.{effect.what}() stays"
    return f"{wording.short(effect.what)}, planned for the commit, will never run"


class Fates:
    """The ends of a trace's blocks, by the block's id."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._calls: Counter[str] = Counter()
        for entry in entries:
            if isinstance(entry, Outcome):
                self._outcomes[entry.block] = entry
            elif isinstance(entry, Emission) and entry.transaction:
                for block in entry.transaction.blocks:
                    self._calls[block] += len(entry.calls)

    @property
    def outcomes(self) -> list[Outcome]:
        """Every end that is known."""
        return list(self._outcomes.values())

    def of_block(self, block: str) -> Fate | None:
        """Return how the block ended, or ``None`` while that is not known."""
        outcome = self._outcomes.get(block)
        return Fate(outcome, self._calls[block]) if outcome else None

    def of(self, transaction: Transaction | None) -> Fate | None:
        """Return what became of something sent in this transaction.

        One rolled back block around it is enough; committed it is when the outermost one was.
        """
        return self._around(transaction.blocks) if transaction else None

    def kept(self, emission: Emission, call: Call) -> list[Effect]:
        """Return the effects of one of the emission's calls that a rollback did not take back."""
        return [effect for effect in call.effects if self._outlived(effect, emission.transaction)]

    def _outlived(self, effect: Effect, around: Transaction | None) -> bool:
        blocks = effect.blocks
        if blocks is None:
            blocks = around.blocks if around else []
        fate = self._around(blocks)
        return fate is not None and fate.rolled_back

    def _around(self, blocks: list[str]) -> Fate | None:
        fates = [self.of_block(block) for block in blocks]
        # The innermost first: it was rolled back before those around it.
        for fate in reversed(fates):
            if fate is not None and fate.rolled_back:
                return fate
        return fates[0] if fates else None
