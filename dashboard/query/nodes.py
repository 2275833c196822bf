"""The shape of a query once it is parsed, and its text.

Comes in: conditions, joined by ``conjunction``, ``disjunction`` and ``negation``. Goes out: a tree
in one canonical shape, so that equal queries compare equal, and the text that parses to it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .lexer import is_boundary, key_in


class Condition(msgspec.Struct, frozen=True):
    """One term. Free text has no key; ``literal`` is true when a ``*`` in the value means a star."""

    key: str
    value: str
    operator: str = ""
    literal: bool = False


class Not(msgspec.Struct, frozen=True):
    """Matches where ``item`` does not."""

    item: Node


class And(msgspec.Struct, frozen=True):
    """Matches where every item does; without items, everywhere."""

    items: tuple[Node, ...] = ()


class Or(msgspec.Struct, frozen=True):
    """Matches where one of the items does."""

    items: tuple[Node, ...]


Node = Condition | Not | And | Or


def conjunction(items: Iterable[Node]) -> Node:
    """Return the items joined by *and*: one item as itself, nested conjunctions taken apart."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, And) else (item,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(items: Iterable[Node]) -> Node:
    """Return the items joined by *or*: one item as itself, nested disjunctions taken apart."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Or) else (item,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(item: Node) -> Node:
    """Return the opposite of the item; of a negation, what it negates."""
    return item.item if isinstance(item, Not) else Not(item)


def conditions(node: Node) -> Iterator[Condition]:
    """Yield every condition in the tree, in the order of the text."""
    if isinstance(node, Condition):
        yield node
    elif isinstance(node, Not):
        yield from conditions(node.item)
    else:
        for item in node.items:
            yield from conditions(item)


def render(node: Node) -> str:
    """Return the text that parses to ``node``."""
    if isinstance(node, Condition):
        return _condition(node)
    if isinstance(node, Not):
        return f"-{_grouped(node.item)}"
    if isinstance(node, Or):
        return " or ".join(render(item) for item in node.items)
    return " ".join(_grouped(item) if isinstance(item, Or) else render(item) for item in node.items)


def _grouped(node: Node) -> str:
    return f"({render(node)})" if isinstance(node, And | Or) else render(node)


def _condition(condition: Condition) -> str:
    value = condition.value
    if condition.literal or any(map(is_boundary, value)) or _misread(condition):
        doubled = value.replace('"', '""')
        value = f'"{doubled}"'
    return f"{condition.key}:{condition.operator}{value}" if condition.key else value


def _misread(condition: Condition) -> bool:
    """Return whether the bare value would be read as something other than this value."""
    if condition.key:
        return not condition.operator and condition.value.startswith(("<", ">", "="))
    bare = condition.value
    return bare.startswith("-") or bare.lower() in ("or", "and") or key_in(bare) is not None
