"""Cuts the text of a query into tokens.

Comes in: the text as typed. Goes out: tokens with their positions, or a ``QuerySyntaxError`` that
names the place. One pass over the characters, no backtracking.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

MAX_LENGTH = 2_000

_OPERATOR = re.compile(r"[<>]=?|=")
_QUOTE = '"'
_BRACKETS = "()"


class QuerySyntaxError(ValueError):
    """The text is no query: ``message`` says why and what to write, ``position`` is the column from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Token(NamedTuple):
    """A piece of the text. ``key`` to ``value_at`` are set for terms; free text has an empty key."""

    kind: Literal["(", ")", "-", "or", "and", "term", "end"]
    start: int
    key: str = ""
    operator: str = ""
    value: str = ""
    quoted: bool = False
    value_at: int = 0


def tokenize(text: str) -> list[Token]:
    """Return the tokens of ``text``, the last one of kind ``end``."""
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"The query has {len(text):,} characters, and may have {MAX_LENGTH:,}. Shorten it.", MAX_LENGTH
        )
    return _Lexer(text).run()


def is_boundary(character: str) -> bool:
    """Return whether a word ends before this character."""
    return character in _BRACKETS or character == _QUOTE or character.isspace()


def key_in(word: str) -> str | None:
    """Return the key that a word like ``sender:Post`` begins with, as written, or ``None``."""
    key, colon, _ = word.partition(":")
    return key if colon and key.isascii() and key.isalpha() else None


def operator_at(text: str, at: int) -> str:
    """Return the operator that begins at this place, or an empty text."""
    found = _OPERATOR.match(text, at)
    return found.group() if found else ""


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        while self._at < len(self._text):
            character = self._text[self._at]
            if character.isspace():
                self._at += 1
            elif character == "(":
                self._open()
            elif character == ")":
                self._close()
            elif character == "-":
                self._minus()
            else:
                self._term()
        self._tokens.append(Token("end", len(self._text)))
        return self._tokens

    def _open(self) -> None:
        if self._at and not (self._text[self._at - 1].isspace() or self._text[self._at - 1] in "(-"):
            raise QuerySyntaxError(
                "A parenthesis follows a word directly. Put a space before it, or quote the whole text.",
                self._at,
            )
        self._tokens.append(Token("(", self._at))
        self._at += 1

    def _close(self) -> None:
        self._tokens.append(Token(")", self._at))
        self._at += 1
        self._expect_end_of_word("a closing parenthesis")

    def _minus(self) -> None:
        self._tokens.append(Token("-", self._at))
        self._at += 1
        if self._at == len(self._text) or self._text[self._at].isspace() or self._text[self._at] == ")":
            raise QuerySyntaxError(
                "'-' negates what follows it directly, and nothing does. Write it before a term, as in "
                "-is:error, or quote it.",
                self._at - 1,
            )

    def _term(self) -> None:
        start = self._at
        word = self._word()
        key = key_in(word)
        operator = ""
        if key is not None:
            self._at = start + len(key) + 1
            operator = self._operator()
        else:
            self._at = start
        value_at = self._at
        value, quoted = self._value()
        kind: Literal["or", "and", "term"] = "term"
        if key is None and not quoted:
            kind = {"or": "or", "and": "and"}.get(value.lower(), "term")  # type: ignore[assignment]
        self._tokens.append(Token(kind, start, key or "", operator, value, quoted, value_at))
        self._expect_end_of_word("a quote" if quoted else "a word")

    def _word(self) -> str:
        start = self._at
        while self._at < len(self._text) and not is_boundary(self._text[self._at]):
            self._at += 1
        return self._text[start : self._at]

    def _operator(self) -> str:
        found = operator_at(self._text, self._at)
        self._at += len(found)
        return found

    def _value(self) -> tuple[str, bool]:
        if self._text.startswith(_QUOTE, self._at):
            return self._quoted(), True
        return self._word(), False

    def _quoted(self) -> str:
        opened = self._at
        parts = []
        while True:
            closing = self._text.find(_QUOTE, self._at + 1)
            if closing < 0:
                raise QuerySyntaxError(
                    "The quote that opens here is never closed. Close it; a quote inside is written twice.",
                    opened,
                )
            parts.append(self._text[self._at + 1 : closing])
            self._at = closing + 1
            if not self._text.startswith(_QUOTE, self._at):
                return _QUOTE.join(parts)

    def _expect_end_of_word(self, after: str) -> None:
        following = self._text[self._at : self._at + 1]
        if (
            not following
            or following.isspace()
            or following == ")"
            or (following == "(" and after == "a word")
        ):
            return
        raise QuerySyntaxError(f"{following!r} follows {after} directly. Put a space between them.", self._at)
