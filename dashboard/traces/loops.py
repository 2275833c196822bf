"""Signals that came back to where they were still running: spelled out, and cut where they are long.

Comes in: emissions that the encoder flagged ``loop:N``, and their causes. Goes out: the round as
text, and which part of a long chain of rounds may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from .. import wording
from ..events import Emission
from .branches import Leaf, Node, walk

FIRST = 3
LAST = 3
LONG = 12
"""A chain of more rounds than this is cut: its first and last rounds stay."""

_MAX_PARTS = 12
_DEPTH = re.compile(r"loop:(\d+)")

Find = Callable[[str], Emission | None]


class Cut(msgspec.Struct, eq=False):
    """What is left out between two rounds: so many rounds, so many emissions; then the tree goes on."""

    rounds: int
    emissions: int
    resume: Node
    text: str
    error: str = ""


def depth(emission: Emission) -> int:
    """Return how many rounds deep the emission is: 1 when it is the first."""
    for flag in emission.flags:
        if found := _DEPTH.fullmatch(flag):
            return int(found[1])
    return 1


def named(emission: Emission) -> str:
    """Return the emission in a word or two: ``post_save Post#7``."""
    about = emission.instance
    if about is None:
        return f"{emission.name} {wording.sender(emission.sender)}" if emission.sender else emission.name
    model = wording.short(about.model or emission.sender or "")
    return f"{emission.name} {model}{'(new)' if about.pk is None else f'#{about.pk}'}"


def spelled(emission: Emission, find: Find) -> str:
    """Return one round: ``post_save Post#7 → touch_parent → post_save Post#7 …``; empty without a loop.

    ``find`` returns an emission of the same trace by its id; where the chain is broken, so is the text.
    """
    if depth(emission) < 2:
        return ""
    parts = [named(emission)]
    parent = emission
    while parent.cause is not None:
        index = parent.cause.call
        above = find(parent.cause.emission)
        if above is None:
            parts.append("…")
            break
        if index is not None and 0 <= index < len(above.calls):
            parts.append(wording.short(above.calls[index].receiver))
        parts.append(named(above))
        parent = above
        if same(above, emission):
            break
        if len(parts) > _MAX_PARTS:
            parts.append("…")
            break
    return " → ".join(reversed(parts)) + " …"


def same(one: Emission, other: Emission) -> bool:
    """Return whether both are the same signal for the same instance."""
    return (one.signal, one.sender, one.instance) == (other.signal, other.sender, other.instance)


def cuts(nodes: Mapping[str, Node]) -> dict[str, Cut]:
    """Return what to leave out, by the id of the emission where each cut begins."""
    deep = sorted(
        (node for node in nodes.values() if depth(node.emission) > LONG),
        key=lambda node: -depth(node.emission),
    )
    found: dict[str, Cut] = {}
    taken: set[str] = set()
    for node in deep:
        if node.emission.id in taken:
            continue
        chain = _chain(node, nodes, taken)
        if len(chain) <= LONG:
            continue
        start, resume = chain[-1 - FIRST], chain[LAST - 1]
        found[start.emission.id] = _cut(start, resume, len(chain) - FIRST - LAST, nodes)
    return found


def _chain(node: Node, nodes: Mapping[str, Node], taken: set[str]) -> list[Node]:
    """Return the rounds from the innermost outwards, as far as they are not taken by another chain."""
    chain = [node]
    taken.add(node.emission.id)
    above: Node | None = node
    for _ in range(len(nodes)):
        cause = above.emission.cause if above else None
        above = nodes.get(cause.emission) if cause else None
        if above is None or above.emission.id in taken:
            break
        taken.add(above.emission.id)
        if same(above.emission, node.emission):
            chain.append(above)
    return chain


def _cut(start: Node, resume: Node, rounds: int, nodes: Mapping[str, Node]) -> Cut:
    def find(id: str) -> Emission | None:
        node = nodes.get(id)
        return node.emission if node else None

    left_out = _count([start]) - _count([resume])
    return Cut(rounds, left_out, resume, spelled(resume.emission, find), error_of(resume.emission))


def _count(branches: Iterable[Node | Leaf]) -> int:
    return sum(1 for _ in walk(branches))


def error_of(emission: Emission) -> str:
    """Return the name of the first exception that the emission's receivers raised, or nothing."""
    return next((call.error.name for call in emission.calls if call.error), "")
