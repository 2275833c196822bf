"""The windows of time that the graph and the receivers' page measure.

Comes in: ``window`` and ``until`` of an address, anything at all. Goes out: known values, and words for
them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple


class Window(NamedTuple):
    """A window of time: how it is called in addresses and on the page, and its length (``None``: all)."""

    key: str
    title: str
    seconds: float | None
    words: str
    idle: str


WINDOWS = {
    window.key: window
    for window in (
        Window("1m", "1 min", 60, "in the last minute", "idle"),
        Window("5m", "5 min", 300, "in the last 5 minutes", "idle"),
        Window("15m", "15 min", 900, "in the last 15 minutes", "idle"),
        Window("1h", "1 hour", 3600, "in the last hour", "idle"),
        Window("all", "All", None, "in the journal", "never fired"),
    )
}
"""What was not seen in a window is *idle*, and *never fired* where the window is all that is held."""

SHORTEST = WINDOWS["1m"]

REPLAY = Window("replay", "Replay", None, "in the stretch that is replayed", "not in the stretch")
"""Not a window that ends now: what a replay's graph shows. Its counts are the replay's own."""


def in_words(window: Window, until: datetime | None) -> str:
    """Return the window that ends then, ``None`` for now, for the end of a sentence."""
    if until is None:
        return window.words
    end = f"{until:%Y-%m-%d %H:%M:%S} UTC"
    return f"until {end}" if window.seconds is None else f"in the {window.title} until {end}"


def moment(text: str) -> datetime | None:
    """Return the time that an address says, of UTC where it names no zone; ``None`` when it says none."""
    try:
        found = datetime.fromisoformat(text)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def as_asked(until: datetime | None) -> str:
    """Return what an address says of the time, nothing for now."""
    return f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else ""
