"""The language by example: what the help sheet shows and docs/filter.md explains.

Comes in: nothing. Goes out: examples, each a query that parses, with what it asks for.
"""

from __future__ import annotations

from typing import NamedTuple

from .completion import FLAG_HELP
from .terms import KEYS


class Example(NamedTuple):
    """A query, and what it asks for."""

    query: str
    means: str


EXAMPLES = (
    Example("signal:post_save sender:demo_app.Post", "both: terms beside each other must all match"),
    Example("is:error or is:slow", "either; 'or' binds weaker than terms beside each other"),
    Example("sender:Post (is:error or is:slow)", "parentheses group"),
    Example("-receiver:audit_log", "not: '-' before a term or a parenthesis"),
    Example('"connection refused"', "free text; quotes keep spaces, a quote inside is written twice"),
    Example("signal:post_*", "'*' is any text"),
    Example("sender:=demo_app.Post", "'=' asks for the whole name"),
)
"""How terms are put together."""

VALUES = {
    "signal": "signal:post_save",
    "sender": "sender:demo_app.Post",
    "receiver": "receiver:make_thumbnail",
    "origin": "origin:/admin/",
    "user": "user:ann",
    "pk": "pk:42",
    "cause": "cause:b3f01c2d0000002a",
    "trace": "trace:b3f0",
    "site": "site:admin.py:31",
    "process": "process:web-1:4711",
    "family": "family:m2m",
    "method": "method:send_robust",
    "is": "is:error",
    "took": "took:>50ms",
    "queries": "queries:>5",
    "since": "since:10m",
}
"""One query for each key."""


def keys() -> list[Example]:
    """Return every key with an example of it."""
    return [Example(VALUES[name], key.help) for name, key in KEYS.items() if name]


def flags() -> list[Example]:
    """Return every flag that ``is:`` takes."""
    return [Example(f"is:{flag}", means) for flag, means in FLAG_HELP.items()]
