"""What became of the transaction around an emission.

Comes in: ``Atomic.__enter__`` and ``__exit__``, wrapped while installed (never ``on_commit``: tests
and apps see that list). Goes out: the open blocks of this thread, for emissions to note, and each
block's end. A block that makes no savepoint is part of the one around it.
"""

from __future__ import annotations

import itertools
import threading
from functools import wraps
from time import perf_counter_ns as clock
from typing import Any, Protocol

from django.db import transaction
from django.db.transaction import Atomic

from ..causality import SUPPRESSED, Block, current, this_thread
from .patching import Patches


class OutcomeReceiver(Protocol):
    """Who is told how blocks end: the recorder."""

    def outcome(self, block: Block, state: str) -> None:
        """Take a block that ended ``committed`` or ``rolled back``. Never raises."""


class _Nested(threading.local):
    """For each database of this thread, its entered ``Atomic``s; ``None`` for one that makes no block."""

    def __init__(self) -> None:
        self.by_alias: dict[str, list[Block | None]] = {}


_nested = _Nested()
_patches = Patches()
# Apart from the emissions' numbers only in their highest bit: both become ids of eight bytes.
_numbers = itertools.count(1 << 31)


def install(heard: OutcomeReceiver) -> None:
    """Report how transactions end from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    plain_enter, plain_exit = Atomic.__enter__, Atomic.__exit__

    @wraps(plain_enter)
    def __enter__(self: Atomic) -> None:  # noqa: N807
        connection = transaction.get_connection(self.using)
        outermost = not connection.in_atomic_block
        plain_enter(self)
        savepoint = not outermost and connection.savepoint_ids[-1] is not None
        alias = connection.alias
        if outermost:
            # Whatever stands there was left by an exit that nobody saw (uninstalled meanwhile).
            _nested.by_alias[alias] = []
            this_thread.here.blocks = tuple(
                block for block in this_thread.here.blocks if block.alias != alias
            )
        block = None
        if (outermost or savepoint) and current.get() is not SUPPRESSED:
            block = Block(next(_numbers), alias, savepoint, clock())
            this_thread.here.blocks = (*this_thread.here.blocks, block)
        _nested.by_alias.setdefault(alias, []).append(block)

    @wraps(plain_exit)
    def __exit__(self: Atomic, exc_type: Any, exc_value: Any, traceback: Any) -> Any:  # noqa: N807
        connection = transaction.get_connection(self.using)
        failed = exc_type is not None or connection.needs_rollback or connection.closed_in_transaction
        nested = _nested.by_alias.get(connection.alias)
        block = nested.pop() if nested else None
        if block is None:
            return plain_exit(self, exc_type, exc_value, traceback)
        this_thread.here.blocks = tuple(one for one in this_thread.here.blocks if one is not block)
        try:
            result = plain_exit(self, exc_type, exc_value, traceback)
        except BaseException:
            # An on_commit hook that raises does so after COMMIT: BaseDatabaseWrapper.set_autocommit
            # (django/db/backends/base/base.py) takes this mark back only when all hooks have run.
            committed = not failed and connection.run_commit_hooks_on_set_autocommit_on
            heard.outcome(block, "committed" if committed else "rolled back")
            raise
        if failed:
            heard.outcome(block, "rolled back")
        elif not block.savepoint:
            heard.outcome(block, "committed")
        return result

    _patches.replace(Atomic, "__enter__", __enter__)
    _patches.replace(Atomic, "__exit__", __exit__)


def uninstall() -> None:
    """Leave ``Atomic`` as it was found. Uninstalling twice changes nothing."""
    _patches.restore()
    this_thread.here.blocks = ()
