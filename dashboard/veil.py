"""What of an entry the public may see: names, times, counts; no value of the app's, and nobody's name.

Comes in: an entry. Goes out: another one of the same kind and seq. It is veiled where it is read, so that
no page, export, filter or completion made of it can tell what it does not hold.
"""

from __future__ import annotations

import msgspec

from .events import (
    Bypass,
    Call,
    Effect,
    Emission,
    Entry,
    Gap,
    Instance,
    Late,
    Origin,
    Outcome,
    Process,
    Raised,
    Sampled,
    Task,
    Unknown,
)
from .redaction import REDACTED as HIDDEN

_LONGEST_SEGMENT = 32
_LONGEST_WITH_DIGITS = 8
_replace = msgspec.structs.replace


def veiled(entry: Entry) -> Entry:
    """Return what the public sees of an entry; of a kind that this version does not know only that it is."""
    match entry:
        case Emission():
            shown: Entry = _emission(entry)
        case Origin():
            shown = _replace(entry, user=None, title=_title(entry))
        case Late():
            shown = _replace(entry, call=_call(entry.call))
        case Gap():
            shown = _replace(entry, reason="Why is not public.")
        case Outcome() | Bypass() | Sampled() | Task():
            shown = _replace(entry)
        case Unknown():
            shown = _replace(entry, body={"kind": entry.kind})
    shown.process = None if entry.process is None else _process(entry.process)
    return shown


def _process(process: Process) -> Process:
    return _replace(process, host="host")


def _emission(entry: Emission) -> Emission:
    return _replace(
        entry,
        payload=dict.fromkeys(entry.payload, HIDDEN),
        instance=None if entry.instance is None else _instance(entry.instance),
        calls=[_call(call) for call in entry.calls],
    )


def _instance(instance: Instance) -> Instance:
    # A number tells objects apart; any other key may be a name, a mail address, a token.
    pk = instance.pk
    return _replace(instance, pk=pk if pk is None or (pk.isascii() and pk.isdigit()) else HIDDEN)


def _call(call: Call) -> Call:
    return _replace(
        call,
        error=None if call.error is None else _raised(call.error),
        mutations={field: [HIDDEN, HIDDEN, *values[2:]] for field, values in call.mutations.items()},
        effects=[_effect(effect) for effect in call.effects],
    )


def _raised(error: Raised) -> Raised:
    return _replace(error, message="", frames=[_replace(frame, source="") for frame in error.frames])


def _effect(effect: Effect) -> Effect:
    return effect if effect.kind == "on_commit" else _replace(effect, what=HIDDEN)


def _title(origin: Origin) -> str:
    if origin.type == "command":
        return origin.title.partition(" ")[0]
    if origin.type != "request":
        return origin.title
    return "/".join(_segment(part) for part in origin.title.split("/"))


def _segment(part: str) -> str:
    """Return a part of a path, unless it may be a token: long, or not short and with digits."""
    digits = any(letter.isdigit() for letter in part)
    if len(part) > _LONGEST_SEGMENT or (digits and len(part) > _LONGEST_WITH_DIGITS and not part.isdigit()):
        return HIDDEN
    return part
