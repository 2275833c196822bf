"""Which texts of an entry a term looks at.

Comes in: an entry, and the origin of its trace where it is known. Goes out: the candidates, one
function per key; a term matches when one of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..events import Bypass, Call, Emission, Origin, Outcome, Site

Watched = Emission | Origin | Outcome | Bypass
Texts = Callable[[Watched, Origin | None], Iterator[str]]


def signal(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the emission's signal."""
    if isinstance(entry, Emission):
        yield entry.signal


def sender(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the sender, and the model of the instance where that is another."""
    if isinstance(entry, Emission):
        if entry.sender is not None:
            yield entry.sender
        if entry.instance is not None and entry.instance.model is not None:
            yield entry.instance.model
    elif isinstance(entry, Bypass):
        yield entry.sender


def receiver(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield every receiver that ran."""
    if isinstance(entry, Emission):
        for call in entry.calls:
            yield call.receiver


def started_by(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the origin's type, its verb and title together, its title, and its view."""
    found = entry if isinstance(entry, Origin) else origin
    if found is not None:
        yield found.type
        yield f"{found.verb} {found.title}".strip()
        yield found.title
        if found.view is not None:
            yield found.view


def user(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the origin's user."""
    found = entry if isinstance(entry, Origin) else origin
    if found is not None and found.user is not None:
        yield found.user


def pk(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the instance's primary key."""
    if isinstance(entry, Emission) and entry.instance is not None and entry.instance.pk is not None:
        yield entry.instance.pk


def cause(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the emissions that it was sent under, the nearest first."""
    if isinstance(entry, Emission | Bypass) and entry.cause is not None:
        yield entry.cause.emission
        yield from entry.cause.above


def trace(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the entry's trace."""
    yield entry.trace


def site(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the emitting line's file, file and line, and function."""
    if isinstance(entry, Emission | Bypass) and entry.site is not None:
        yield entry.site.file
        yield f"{entry.site.file}:{entry.site.line}"
        yield entry.site.function


def process(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the host, the process id, both as ``host:pid``, the thread, and what the process does."""
    if entry.process is not None:
        yield entry.process.host
        yield str(entry.process.pid)
        yield entry.process.name
        yield entry.process.thread
        yield entry.process.role


def family(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the signal's family; of a bypass, ``bypass``."""
    if isinstance(entry, Emission):
        yield entry.family
    elif isinstance(entry, Bypass):
        yield "bypass"


def method(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield the method it was sent with."""
    if isinstance(entry, Emission):
        yield entry.method


def anything(entry: Watched, origin: Origin | None) -> Iterator[str]:
    """Yield what free text is looked for in: names, payload, exceptions, SQL, emitting line, origin."""
    if isinstance(entry, Emission):
        yield from _emission(entry)
    elif isinstance(entry, Bypass):
        yield from _bypass(entry)
    elif isinstance(entry, Outcome):
        yield f"{entry.alias} {entry.state}"
    found = entry if isinstance(entry, Origin) else origin
    if found is not None:
        yield from started_by(entry, found)
        yield from user(entry, found)
        yield found.status or ""
        yield found.error or ""


def _emission(entry: Emission) -> Iterator[str]:
    yield entry.signal
    yield from sender(entry, None)
    for key in pk(entry, None):
        yield f"#{key}"
    for call in entry.calls:
        yield from _call(call)
    yield from entry.stopped
    yield from (f"{key}={value}" for key, value in entry.payload.items())
    yield from entry.flags
    yield from _line(entry.site)


def _call(call: Call) -> Iterator[str]:
    yield call.receiver
    if call.error is not None:
        yield f"{call.error.type}: {call.error.message}"
    yield from (statement.sql for statement in call.statements)
    yield from (effect.what for effect in call.effects)
    yield from call.flags


def _bypass(entry: Bypass) -> Iterator[str]:
    yield entry.sender
    yield entry.operation
    yield from entry.skipped
    yield from _line(entry.site)


def _line(site: Site | None) -> Iterator[str]:
    if site is not None:
        yield f"{site.file}:{site.line} {site.function}"
