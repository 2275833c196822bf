"""An entry as one line of text.

Comes in: an entry. Goes out: the parts of its line, with the role of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from .. import wording
from ..events import Bypass, Call, Emission, Entry, Gap, Late, Origin, Outcome, Sampled, Task, Unknown
from .terminal import Part

_SEQ_WIDTH = 7
_SIGNAL_WIDTH = 16
_TOOK_WIDTH = 8
_MAX_CALLS = 20
_MAX_MESSAGE = 200


def sentence(entry: Entry, slow_ms: float) -> Iterator[Part]:
    """Yield the line of an entry, its seq first (for ``--since``); what takes ``slow_ms`` is a warning."""
    yield Part(f"{entry.seq:>{_SEQ_WIDTH}}  {_clock(entry.at)}  ")
    if isinstance(entry, Emission):
        yield from _emission(entry, slow_ms)
    elif isinstance(entry, Origin | Task):
        yield from _origin(entry)
    elif isinstance(entry, Bypass):
        yield from _bypass(entry, slow_ms)
    elif isinstance(entry, Outcome):
        yield from _outcome(entry)
    elif isinstance(entry, Late):
        yield Part(f"{'late end':{_SIGNAL_WIDTH + _TOOK_WIDTH}}  > ", "name")
        yield from _call(entry.call, slow_ms)
    elif isinstance(entry, Gap):
        yield from _gap(entry)
    elif isinstance(entry, Sampled):
        yield from _sampled(entry)
    else:
        yield from _unknown(entry)


def _emission(entry: Emission, slow_ms: float) -> Iterator[Part]:
    yield Part(f"{entry.name:{_SIGNAL_WIDTH}}", "name")
    yield _took(entry.duration_us, slow_ms)
    yield Part(f"  {_subject(entry)}")
    yield from _flags(entry.flags)
    for index, call in enumerate(entry.calls[:_MAX_CALLS]):
        yield Part(", " if index else "  > ")
        yield from _call(call, slow_ms)
    if len(entry.calls) > _MAX_CALLS:
        yield Part(f", and {len(entry.calls) - _MAX_CALLS} more")


def _flags(names: list[str]) -> Iterator[Part]:
    for name in names:
        yield Part(f" [{name}]", "warning")


def _subject(entry: Emission) -> str:
    sender = wording.sender(entry.sender)
    instance = entry.instance
    if instance is None:
        return sender
    pk = "(new)" if instance.pk is None else f"#{instance.pk}"
    model = f" {wording.sender(instance.model)}" if instance.model is not None else ""
    return f"{sender}{model} {pk}"


def _call(call: Call, slow_ms: float) -> Iterator[Part]:
    yield Part(f"{wording.short(call.receiver)} ")
    if call.outcome == "running":
        yield Part("still running", "warning")
        return
    took = _took(call.duration_us, slow_ms)
    yield took._replace(text=took.text.strip())
    if call.queries:
        yield Part(f" ({wording.many(call.queries, 'query', 'queries')})")
    yield from _flags(call.flags)
    if call.outcome == "cancelled":
        yield Part(" cancelled", "warning")
    elif call.error is not None:
        yield Part(f" raised {call.error.name}: {call.error.message[:_MAX_MESSAGE]}", "error")
    elif call.outcome == "raised":
        yield Part(" raised", "error")


def _origin(entry: Origin | Task) -> Iterator[Part]:
    title = f"{entry.verb} {entry.title}".strip()
    kind, user = (entry.type, entry.user) if isinstance(entry, Origin) else ("task", None)
    if entry.state == "opened":
        yield Part(f"{kind:{_SIGNAL_WIDTH + _TOOK_WIDTH}}  ")
        yield Part(f"{title} begins", "good")
        return
    yield Part(f"{kind:{_SIGNAL_WIDTH}}")
    yield Part(f"{wording.took(entry.duration_us)!s:>{_TOOK_WIDTH}}  ")
    yield Part(f"{title} ends", "error" if entry.error else "good")
    for fact in (entry.status, user):
        if fact is not None:
            yield Part(f", {fact}")
    if entry.error:
        yield Part(f", {entry.error}", "error")


def _bypass(entry: Bypass, slow_ms: float) -> Iterator[Part]:
    rows = "" if entry.rows is None else f" of {wording.many(entry.rows, 'row')}"
    yield Part(f"{'bypass':{_SIGNAL_WIDTH}}", "name")
    yield _took(entry.duration_us, slow_ms)
    yield Part(f"  {wording.sender(entry.sender)} {entry.operation}{rows}")
    if entry.skipped:
        names = ", ".join(map(wording.short, entry.skipped[:_MAX_CALLS]))
        yield Part(f"  skipped {names}", "warning")
    if len(entry.skipped) > _MAX_CALLS:
        yield Part(f", and {len(entry.skipped) - _MAX_CALLS} more")


def _outcome(entry: Outcome) -> Iterator[Part]:
    what = "savepoint" if entry.savepoint else "transaction"
    emissions = wording.many(entry.emissions, "emission")
    yield Part(f"{what:{_SIGNAL_WIDTH}}{wording.took(entry.duration_us)!s:>{_TOOK_WIDTH}}  ")
    yield Part(f"{entry.state} on {entry.alias}", "error" if entry.state == "rolled back" else "good")
    yield Part(f", {emissions} inside")


def _gap(entry: Gap) -> Iterator[Part]:
    until = "" if entry.until is None else f" until {_clock(entry.until)}"
    lost = f"{wording.many(entry.dropped, 'entry', 'entries')} dropped{until}: " if entry.dropped else ""
    yield Part(f"{'gap':{_SIGNAL_WIDTH + _TOOK_WIDTH}}  ")
    yield Part(f"{lost}{entry.reason}", "error")


def _sampled(entry: Sampled) -> Iterator[Part]:
    yield Part(f"{'sampled':{_SIGNAL_WIDTH + _TOOK_WIDTH}}  ")
    yield Part(f"{wording.many(entry.traces, 'trace')} left out, {wording.share(entry.share)} is kept")
    if entry.early:
        yield Part(f"; {entry.early:,} of them decided before they had ended", "warning")


def _unknown(entry: Unknown) -> Iterator[Part]:
    yield Part(f"{entry.kind:{_SIGNAL_WIDTH + _TOOK_WIDTH}}  ")
    yield Part("recorded by a newer version; --json shows it", "warning")


def _took(us: float, slow_ms: float) -> Part:
    role = "warning" if us >= slow_ms * wording.MILLISECOND else ""
    return Part(f"{wording.took(us)!s:>{_TOOK_WIDTH}}", role)


def _clock(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%H:%M:%S}.{local.microsecond // 1_000:03d}"
