"""Where in a trace's tree an entry hangs: under the call that caused it, or in the task that ran it.

Comes in: the nodes and stages of one trace. Goes out: the branch around an entry. A task's cause is in the
process that sent it, and so is that of everything in the task without a nearer one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..events import Cause, Entry, Task
from .branches import Node, Stage
from .summaries import microseconds

Around = tuple["Node | Stage | None", "int | None"]


class Places(msgspec.Struct, eq=False):
    """The branches of a trace that hold others, by the id of their entry."""

    nodes: dict[str, Node]
    stages: dict[str, Stage]

    def of(self, cause: Cause | None, task: str) -> Around:
        """Return what stands around an entry, and which call of it; nothing at the top of the trace."""
        node = self.nodes.get(cause.emission) if cause else None
        stage = self.stages.get(task)
        if stage is not None and (node is None or node.task != task):
            return stage, None
        return node, cause.call if cause else None

    def put(self, one: Node | Stage) -> bool:
        """Hang the branch under what is around it; return whether it is a root."""
        cause = _cause(one)
        parent, call = self.of(cause, one.task)
        if parent is None:
            one.orphan = cause is not None
            return True
        parent.caused.setdefault(call, []).append(one)
        return False

    def take(self, one: Node | Stage) -> None:
        """Take the branch from where ``put`` hung it."""
        parent, call = self.of(_cause(one), one.task)
        if parent is not None:
            parent.caused[call].remove(one)
            if not parent.caused[call]:
                del parent.caused[call]


def stages(entries: Iterable[Entry]) -> dict[str, Stage]:
    """Return the tasks of a trace by id, each of what tells of its beginning and its end."""
    found: dict[str, Stage] = {}
    for entry in entries:
        if not isinstance(entry, Task):
            continue
        at = microseconds(entry.at) - (round(entry.duration_us) if entry.state == "closed" else 0)
        stage = found.setdefault(entry.id, Stage(entry, at, {}))
        if entry.state == "closed":
            stage.closed = entry
    return found


def _cause(one: Node | Stage) -> Cause | None:
    return one.emission.cause if isinstance(one, Node) else one.entry.cause
