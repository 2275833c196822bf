"""The filter above the stream: what the address asks for, and the bar that shows and changes it.

Comes in: a request. Goes out: a ``Look`` with a query that parses, whatever was typed, and what the
bar's templates show: chips, families, shortcuts, presets, the place of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest, QueryDict
from django.utils.safestring import SafeString

from .. import conf
from ..query import Query, QuerySyntaxError, Term, parse, reference
from ..query.excerpt import Excerpt, excerpt
from ..query.nodes import Or
from ..stream import fragments, readouts
from ..stream.fragments import FLAT, TREE
from .page import scenarios
from .presets import shown_presets

SHORTCUTS = {"error": "errors", "slow": "slow", "rolled-back": "rolled back", "bypass": "bypasses"}


class Wrong(NamedTuple):
    """What was typed and is no query."""

    text: str
    error: QuerySyntaxError

    @property
    def excerpt(self) -> Excerpt:
        """The place where it does not parse."""
        return excerpt(self.text, self.error)


class Look(NamedTuple):
    """What the address asks for. ``wrong`` is what does not parse of it; ``query`` holds the rest."""

    query: Query
    layout: str
    wrong: Wrong | None = None

    @classmethod
    def of(cls, asked: QueryDict) -> Look:
        """Read the address. Several ``q`` must all match, each parsed by itself."""
        layout = FLAT if asked.get("layout") == FLAT else TREE
        slow_ms = conf.get().SLOW_MS
        query, wrong = parse("", slow_ms=slow_ms), None
        for part in filter(None, map(str.strip, asked.getlist("q"))):
            try:
                query = parse(_joined(query, parse(part)), slow_ms=slow_ms)
            except QuerySyntaxError as error:
                wrong = wrong or Wrong(part, error)
        return cls(query, layout, wrong)

    @property
    def address(self) -> str:
        """The live page with this look."""
        return fragments.live_url(self.layout, str(self.query))

    @property
    def until(self) -> str:
        """What the list shows until what is wrong was mended."""
        if self.query.matches_everything:
            return "Nothing is filtered until then."
        return "Until then the list shows what the other terms ask for."


def _joined(query: Query, further: Query) -> str:
    texts = [f"({one})" if isinstance(one.root, Or) else str(one) for one in (query, further)]
    return " ".join(texts) if all(texts) else "".join(map(str, (query, further)))


class Chip(NamedTuple):
    """A term of the filter: what it says, the page without it, and the page where it can be edited."""

    term: Term
    without: str
    edit: str


class Shortcut(NamedTuple):
    """A flag to look for: what its button says, whether it is on, and the page with it toggled."""

    flag: str
    label: str
    on: bool
    toggled: str


class Channel(NamedTuple):
    """A family's button: whether it is on, how many were seen, and the page with it toggled."""

    family: str
    label: str
    on: bool
    counted: SafeString
    toggled: str


def filter_bar(look: Look, request: HttpRequest, families: Mapping[str, int]) -> dict[str, Any]:
    """Return what the bar shows; ``families`` are their counts."""
    query = look.query
    text = str(query)
    buttons = channels(look, families)
    return {
        "chips": [_chip(term, look) for term in query.terms],
        "given": f"({text})" if isinstance(query.root, Or) else text,
        "typed": look.wrong.text if look.wrong else request.GET.get("edit", "")[:500],
        "wrong": look.wrong,
        "until": look.until,
        "layouts": [
            (name, title, name == look.layout, fragments.live_url(name, text))
            for name, title in ((TREE, "Tree"), (FLAT, "Flat"))
        ],
        "channels": buttons,
        "shortcuts": shortcuts(look),
        # The socket updates the counts of all families: each needs an element.
        "unshown": set(readouts.CHANNELS) - {button.family for button in buttons},
        "socket": fragments.socket_url(look.layout, text),
        "filtered": bool(text),
        "export": fragments.export_url(q=text),
        "everything": fragments.live_url(look.layout, ""),
        "scenarios": scenarios(),
        "reference": (reference.EXAMPLES, reference.keys(), reference.flags()),
    } | shown_presets(request, look.layout, text)


def shortcuts(look: Look) -> list[Shortcut]:
    """Return the buttons of what is looked for most."""
    on = {term.value: term for term in look.query.terms if term.key == "is" and not term.negated}
    return [
        Shortcut(
            flag,
            label,
            flag in on,
            fragments.live_url(
                look.layout, on[flag].without if flag in on else look.query.with_term("is", flag)
            ),
        )
        for flag, label in SHORTCUTS.items()
    ]


def channels(look: Look, families: Mapping[str, int]) -> list[Channel]:
    """Return the buttons of the families; ``init`` only where its signals are recorded."""
    terms = [term for term in look.query.terms if term.key == "family"]
    off = {term.value: term for term in terms if term.negated}
    only = {term.value: term for term in terms if not term.negated}
    ignored = any(name.endswith("_init") for name in conf.get().IGNORE_SIGNALS)
    shown = [name for name in readouts.CHANNELS if name != "init" or not ignored or families.get("init")]
    made = []
    for family in shown:
        hidden = off.get(family) or (next(iter(only.values())) if only and family not in only else None)
        toggled = hidden.without if hidden else look.query.with_term("family", family, negated=True)
        counted = readouts.channel_count(family, families.get(family, 0))
        address = fragments.live_url(look.layout, toggled)
        made.append(Channel(family, readouts.CHANNELS[family], hidden is None, counted, address))
    return made


def _chip(term: Term, look: Look) -> Chip:
    without = fragments.live_url(look.layout, term.without)
    return Chip(term, without, fragments.edit_url(look.layout, term.without, term.text))
