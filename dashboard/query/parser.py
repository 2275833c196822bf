"""Parses tokens into a tree, and builds what the tree asks of an entry.

Comes in: the text of a query, the clock and the threshold of *slow*. Goes out: the tree with one
predicate, or a ``QuerySyntaxError``. Depth and number of terms are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from . import terms
from .background import Background, Predicate
from .lexer import QuerySyntaxError, Token, tokenize
from .nodes import And, Condition, Node, Not, conjunction, disjunction, negation
from .terms import KEYS, Context
from .texts import Watched

MAX_DEPTH = 20
MAX_TERMS = 50

_READABLE = {")": "A closing parenthesis", "or": "'or'", "and": "'and'", "end": "The end"}


def parse_tree(text: str, context: Context) -> tuple[Node, Predicate, dict[Condition, Predicate]]:
    """Return the tree of ``text``, the predicate that it stands for, and those of its conditions."""
    parser = _Parser(tokenize(text), context)
    node = parser.run()
    return node, _combined(node, parser.predicates), parser.predicates


class _Parser:
    def __init__(self, tokens: list[Token], context: Context) -> None:
        self._tokens = tokens
        self._context = context
        self._at = 0
        self._terms = 0
        self.predicates: dict[Condition, Predicate] = {}

    def run(self) -> Node:
        if self._peek().kind == "end":
            return And()
        node = self._either(0)
        if self._peek().kind != "end":
            raise QuerySyntaxError(
                "This closing parenthesis closes nothing. Remove it, or quote it.", self._peek().start
            )
        return node

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _either(self, depth: int) -> Node:
        items = [self._all(depth)]
        while self._peek().kind == "or":
            self._take()
            items.append(self._all(depth))
        return disjunction(items)

    def _all(self, depth: int) -> Node:
        items = [self._one(depth)]
        while self._peek().kind not in ("or", ")", "end"):
            if self._peek().kind == "and":
                self._take()
            items.append(self._one(depth))
        return conjunction(items)

    def _one(self, depth: int) -> Node:
        negated = False
        while self._peek().kind == "-":
            self._take()
            negated = not negated
        node = self._group(depth) if self._peek().kind == "(" else self._term()
        return negation(node) if negated else node

    def _group(self, depth: int) -> Node:
        opening = self._take()
        if depth == MAX_DEPTH:
            raise QuerySyntaxError(
                f"Parentheses are nested deeper than {MAX_DEPTH}. Simplify the query.", opening.start
            )
        node = self._either(depth + 1)
        if self._peek().kind != ")":
            raise QuerySyntaxError("The parenthesis that opens here is never closed.", opening.start)
        self._take()
        return node

    def _term(self) -> Node:
        token = self._take()
        if token.kind != "term":
            raise QuerySyntaxError(
                f"{_READABLE[token.kind]} stands where a term is expected. Write a term, or quote it.",
                token.start,
            )
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise QuerySyntaxError(f"The query has more than {MAX_TERMS} terms. Use fewer.", token.start)
        condition = _condition(token)
        try:
            self.predicates[condition] = terms.build(condition, self._context)
        except ValueError as error:
            raise QuerySyntaxError(str(error), token.value_at) from None
        return condition


def _condition(token: Token) -> Condition:
    key = token.key.lower()
    if key not in KEYS:
        raise QuerySyntaxError(_unknown_key(token.key), token.start)
    if token.operator and token.operator not in KEYS[key].operators:
        raise QuerySyntaxError(_wrong_operator(key, token.operator), token.value_at - len(token.operator))
    if not token.value:
        what = f"{key}: has no value. Write one right after the colon" if key else "The quotes are empty"
        raise QuerySyntaxError(f"{what}, or remove it.", token.start)
    return Condition(key, token.value, token.operator, literal=token.quoted and "*" in token.value)


def _unknown_key(key: str) -> str:
    known = [name for name in KEYS if name]
    close = get_close_matches(key.lower()[:40], known, n=1)
    guess = f" Did you mean {close[0]}:?" if close else ""
    remedy = "To search for the text itself, put it in quotes."
    return f"{key[:40]}: is no key.{guess} Keys: {', '.join(known)}. {remedy}"


def _wrong_operator(key: str, operator: str) -> str:
    allowed = KEYS[key].operators
    remedy = f"takes only {' '.join(allowed)}" if allowed else "takes no operator"
    return f"{key}: {remedy}, and {operator!r} stands here. Remove it, or quote the value."


def _combined(node: Node, predicates: Mapping[Condition, Predicate]) -> Predicate:
    if isinstance(node, Condition):
        return predicates[node]
    if isinstance(node, Not):
        inner = _combined(node.item, predicates)
        return lambda entry, background: not inner(entry, background)
    parts = tuple(_combined(item, predicates) for item in node.items)
    return _every(parts) if isinstance(node, And) else _some(parts)


def _every(parts: tuple[Predicate, ...]) -> Predicate:
    def predicate(entry: Watched, background: Background) -> bool:
        return all(part(entry, background) for part in parts)

    return predicate


def _some(parts: tuple[Predicate, ...]) -> Predicate:
    def predicate(entry: Watched, background: Background) -> bool:
        return any(part(entry, background) for part in parts)

    return predicate
