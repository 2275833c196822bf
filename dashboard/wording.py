"""How numbers, times and names are written, the same on every page and in every frame.

Comes in: microseconds, counts, datetimes, dotted names. Goes out: short text; a number always
with its unit.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from .sampling import Left

MICROSECOND = 1
MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_MAX_KIND = 60

TIMES = "\u00d7"
"""The multiplication sign, before a count: loop x2."""


class Took(NamedTuple):
    """A duration as a row writes it: the number, and its unit beside it in smaller print."""

    value: str
    unit: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


def took(us: float) -> Took:
    """Return a duration: ms with one decimal below 100 ms, whole ms from there, seconds from 1 s."""
    if us < 50:
        return Took("<0.1" if us > 0 else "0.0", "ms")
    if us < 99_950:
        return Took(f"{us / MILLISECOND:.1f}", "ms")
    if us < 999_500:
        return Took(f"{us / MILLISECOND:.0f}", "ms")
    if us < 99_950_000:
        return Took(f"{us / SECOND:.1f}", "s")
    if us < HOUR:
        return Took(f"{us / MINUTE:.1f}", "min")
    return Took(f"{us / HOUR:.1f}", "h")


def milliseconds(us: float) -> str:
    """Return a duration for a column whose heading says ms, rounded as ``took`` does."""
    if us < 50:
        return "<0.1" if us > 0 else "0.0"
    return f"{us / MILLISECOND:.1f}" if us < 99_950 else f"{us / MILLISECOND:,.0f}"


def per_second(rate: float) -> str:
    """Return a rate for a column whose heading says *per s*."""
    if rate < 0.05:
        return "<0.1" if rate > 0 else "0.0"
    return f"{rate:.1f}" if rate < 9.95 else f"{rate:,.0f}"


def offset(us: float) -> str:
    """Return the time since a trace began: ms, with a unit only where it is another one."""
    if abs(us) < 10 * SECOND:
        return f"{us / MILLISECOND:+.1f}".replace("-0.0", "+0.0")
    return f"{us / SECOND:+.1f}s" if abs(us) < 10 * MINUTE else f"{us / MINUTE:+.1f}m"


def clock(at: datetime) -> str:
    """Return the time of day in the project's time zone, to a tenth of a second."""
    local = _local(at)
    return f"{local:%H:%M:%S}.{local.microsecond // 100_000}"


def day_and_time(at: datetime) -> str:
    """Return the day and the time to the second, in the project's time zone."""
    return f"{_local(at):%d %b %H:%M:%S}"


def field(at: datetime) -> str:
    """Return a time as the field of a form holds it: in the project's time zone, without naming it."""
    return _local(at).replace(tzinfo=None).isoformat(timespec="milliseconds")


def exact(at: datetime) -> str:
    """Return the moment with its date, its microseconds and its zone, for a hover."""
    local = _local(at)
    return f"{local:%Y-%m-%d %H:%M:%S.%f} {local.tzname() or ''}".rstrip()


def _local(at: datetime) -> datetime:
    # Not the zone that a request activated: a row is rendered once, for all readers and the socket.
    return timezone.localtime(at, timezone.get_default_timezone())


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago a moment was: ``now``, ``2 s ago``, ``3 m ago``, ``5 h ago``, ``2 d ago``."""
    seconds = int((now - at).total_seconds())
    if seconds < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:,} {unit} ago"
    return f"{seconds} s ago"


def count(number: int) -> str:
    """Return a whole number with a comma for every thousand."""
    return f"{number:,}"


def many(number: int, one: str, more: str = "") -> str:
    """Return ``1 query``, ``2 queries``: the count and the fitting word (``one`` + ``s`` unless given)."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def unknown(kind: str, times: int = 1) -> str:
    """Return what a row says of entries that this version cannot read; ``kind`` may be any text."""
    if kind == "unreadable":
        return "an entry that cannot be read" if times == 1 else f"{times:,} entries that cannot be read"
    shown = kind if len(kind) <= _MAX_KIND else f"{kind[: _MAX_KIND - 1]}…"
    what = "an entry" if times == 1 else f"{times:,} entries"
    return f"{what} of kind {shown}, written by a newer version"


def share(part: float) -> str:
    """Return a share of the traces in words: ``1 of 10 traces``, or in percent where it is no such part."""
    whole = round(1 / part)
    if abs(whole * part - 1) < 1e-6:
        return f"1 of {whole:,} traces"
    return f"{part * 100:.3g}% of the traces"


def sampled(left: Left) -> str:
    """Return with what words figures made of a sample are to be read: they are not scaled."""
    early = f", {left.early:,} of them undecided before they had ended" if left.early else ""
    return (
        f"{share(left.share)} kept, and all with failures; {many(left.traces, 'trace')} left out{early}. "
        "Counts and rates are of what was kept."
    )


def short(dotted: str) -> str:
    """Return the last part of a dotted name."""
    return dotted.rpartition(".")[2]


def called(receiver: str) -> str:
    """Return a receiver's own name: ``make_thumbnail``, ``PostFeed.on_save``, ``partial(notify)``."""
    if receiver.startswith("partial(") and receiver.endswith(")"):
        return f"partial({called(receiver[8:-1])})"
    owner, _, name = receiver.rpartition(".")
    owner = short(owner)
    return f"{owner}.{name}" if owner[:1].isupper() else name


def sender(label: str | None) -> str:
    """Return a sender as a row shows it: labels of models whole, other classes by their own name."""
    if label is None:
        return "no sender"
    return short(label) if label.count(".") > 2 else label


def basename(path: str) -> str:
    """Return a file's name without its folders."""
    return path.rpartition("/")[2]
