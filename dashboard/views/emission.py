"""The inspector: everything that is stored of one emission, or of one bypass.

Comes in: its id. Goes out: facts, calls, exceptions, cause and effects; a part for the panel
beside the stream, a whole page for its own address.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .. import conf, pipeline, wording
from ..events import SIDE_BY_SIDE, Bypass, Call, Effect, Emission, Entry, Origin, Outcome, Statement
from ..journal.base import Journal, JournalError
from ..late import settled
from ..query import parse
from ..query.selection import Sent, is_sent
from ..security import guarded
from ..stream import fragments
from ..stream.fragments import TREE
from ..traces import flags, loops
from ..traces.fates import Fates, flags_of, flags_of_call, stays
from ..traces.flags import Flag
from ..traces.rows import bypass_text
from ..traces.summaries import microseconds
from .absent import absent
from .page import page, wants_part

MAX_CALLS = 300
MAX_CAUSED = 100
MAX_STATEMENTS = 100
MAX_JSON = 100_000
NEARBY = 5_000


class Ran(NamedTuple):
    """A call as the inspector lists it: its place in the order, its flags."""

    number: int
    call: Call
    flags: list[Flag]


class Cause(NamedTuple):
    """What something was sent by: the emission around it, and the call where it is known."""

    emission: Emission
    call: Call | None
    place: int | None


class Change(NamedTuple):
    """A field of the instance that a call changed."""

    field: str
    before: Any
    after: Any
    by: str


class Only(NamedTuple):
    """A link to the stream filtered by something of the emission."""

    what: str
    address: str


@guarded
def emission(request: HttpRequest, id: str) -> HttpResponse:
    """Show one emission; with ``trace`` in the address also a bypass of that trace."""
    found: Sent | None = None
    context: dict[str, Any] = {}
    error = ""
    try:
        journal = pipeline.journal()
        found = find(journal, id, request.GET.get("trace", ""))
        context = inspection(found, journal) if found else {}
    except JournalError as problem:
        error = str(problem)
    if found is None or error:
        return _missing(request, error)
    if wants_part(request):
        return render(request, context["sheet"], context)
    return page(request, "signalscope/emission.html", context, name="emission")


def find(journal: Journal, id: str, trace: str) -> Sent | None:
    """Return an emission, or with its trace's id a bypass; ``None`` when it is not, or no longer, held."""
    return journal.find_emission(id) or _find_bypass(journal, id, trace)


def _find_bypass(journal: Journal, id: str, trace: str) -> Bypass | None:
    for entry in journal.read_trace(trace, NEARBY) if trace else []:
        if isinstance(entry, Bypass) and entry.id == id:
            return entry
    return None


def _missing(request: HttpRequest, error: str) -> HttpResponse:
    context = {"reason": error or "This emission is not, or no longer, in the journal.", "unread": error}
    if wants_part(request):
        # With status 404, django-htmx's debug script would replace the whole page by the answer.
        return render(request, "signalscope/inspector_missing.html", context)
    return page(request, "signalscope/missing.html", context, name="emission", status=503 if error else 404)


def inspection(shown: Sent, journal: Journal, nearby: Sequence[Entry] | None = None) -> dict[str, Any]:
    """Return what the templates of the inspector need; ``sheet`` names the one to use.

    ``nearby`` are entries of the same trace, where they have been read already.
    """
    if nearby is None:
        nearby = journal.read_trace(shown.trace, NEARBY) if shown.trace else []
    shown, nearby = _settled(shown, nearby)
    origin = _origin(nearby)
    fates = Fates(nearby)
    fate = fates.of(shown.transaction)
    text, cut = _json(shown)
    context = {
        "cause": _cause(shown, journal),
        "origin": origin,
        "offset": _offset(shown, origin),
        "fate": fate,
        "ended": _offset(fate.outcome, origin) if fate else "",
        "trace_url": fragments.trace_url(shown.trace, emission=shown.id) if shown.trace else "",
        "json": text,
        "json_cut": cut,
        "only": _only(shown),
    }
    if isinstance(shown, Bypass):
        sheet = "signalscope/inspector_bypass.html"
        return context | {"bypass": shown, "sheet": sheet, "words": bypass_text(shown), "title": "bypass"}
    return context | _of_emission(shown, nearby, fates) | absent(shown, journal)


def _settled(shown: Sent, nearby: Sequence[Entry]) -> tuple[Sent, Sequence[Entry]]:
    known = settled(nearby)
    whole = (entry for entry in known if isinstance(entry, Emission) and entry.id == shown.id)
    return next(whole, shown), known


def _of_emission(shown: Emission, nearby: Sequence[Entry], fates: Fates) -> dict[str, Any]:
    slow_ms = conf.get().SLOW_MS
    ran = [
        Ran(index + 1, call, [*flags_of_call(fates.kept(shown, call)), *flags.of_call(call, slow_ms)])
        for index, call in enumerate(shown.calls[:MAX_CALLS])
    ]
    own = flags.of_emission(shown, slow_ms, with_calls=True)
    return {
        "emission": shown,
        "sheet": "signalscope/inspector.html",
        "title": shown.name,
        "flags": flags.ordered([*own, *flags_of(fates.of(shown.transaction))]),
        "loop": _loop(shown, nearby),
        "ran": ran,
        "unlisted": len(shown.calls) - len(ran),
        "raised": [one for one in ran if one.call.error],
        "caused": _caused(shown, nearby),
        "changes": _changes(shown),
        "statements": _statements(shown),
        "effects": [
            (call.receiver, effect, stays(effect) if effect in fates.kept(shown, call) else "")
            for call in shown.calls
            for effect in _effects(call)
        ],
    }


def _loop(shown: Emission, nearby: Sequence[Entry]) -> str:
    known = {entry.id: entry for entry in nearby if isinstance(entry, Emission)}
    return loops.spelled(shown, known.get)


def _offset(shown: Sent | Outcome, origin: Origin | None) -> str:
    return wording.offset(microseconds(shown.at) - microseconds(origin.at)) if origin else ""


def _origin(entries: Sequence[Entry]) -> Origin | None:
    first = entries[0] if entries else None
    return first if isinstance(first, Origin) else None


def _cause(shown: Sent, journal: Journal) -> Cause | None:
    if shown.cause is None:
        return None
    parent = journal.find_emission(shown.cause.emission)
    if parent is None:
        return None
    place = shown.cause.call
    known = place is not None and 0 <= place < len(parent.calls)
    return Cause(parent, parent.calls[place] if known and place is not None else None, place)


def _caused(shown: Emission, nearby: Sequence[Entry]) -> list[Sent]:
    caused = [
        entry for entry in nearby if is_sent(entry) and entry.cause and entry.cause.emission == shown.id
    ]
    return sorted(caused, key=lambda one: (one.at, one.seq))[:MAX_CAUSED]


def _changes(shown: Emission) -> list[Change]:
    return [
        Change(field, values[0], values[1], _changed_by(call, values))
        for call in shown.calls
        for field, values in call.mutations.items()
        if len(values) >= 2
    ]


def _changed_by(call: Call, values: list[Any]) -> str:
    by = wording.short(call.receiver)
    return f"{by}, or another at its side" if SIDE_BY_SIDE in values[2:] else by


def _statements(shown: Emission) -> list[Statement]:
    statements = [statement for call in shown.calls for statement in call.statements]
    return statements[:MAX_STATEMENTS]


def _effects(call: Call) -> list[Effect]:
    return call.effects[:MAX_CAUSED]


def _json(shown: Sent) -> tuple[str, bool]:
    text = json.dumps(msgspec.to_builtins(shown), indent=2, ensure_ascii=False, default=str)
    return text[:MAX_JSON], len(text) > MAX_JSON


def _only(shown: Sent) -> list[Only]:
    everything = parse("")
    terms = []
    if isinstance(shown, Emission):
        terms.append(("this signal", everything.with_term("signal", shown.signal, exact=True)))
    if shown.sender:
        by_sender = everything.with_term("sender", shown.sender, exact=True)
        terms.append(("this sender", by_sender))
        if isinstance(shown, Emission) and shown.instance and shown.instance.pk:
            terms.append(("this object", parse(by_sender).with_term("pk", shown.instance.pk)))
    return [Only(what, fragments.live_url(TREE, query)) for what, query in terms]
