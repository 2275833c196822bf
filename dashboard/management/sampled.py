"""That a journal holds a sample, told beside what a command makes of it.

Comes in: the project's journal. Goes out: one line on stderr, where not every trace was kept.
"""

from __future__ import annotations

from .. import pipeline, wording
from ..journal import JournalError
from .terminal import Terminal


def mention(terminal: Terminal) -> None:
    """Say which share of the traces is kept, and how many were left out; nothing where all are kept."""
    try:
        left = pipeline.left_out(pipeline.live_journal())
    except JournalError:
        return  # the command says itself what it cannot read
    if left:
        terminal.notice(f"Sample: {wording.sampled(left)}")
