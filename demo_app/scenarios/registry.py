"""Which scenarios there are.

Comes in: functions under ``@scenario``. Goes out: ``Scenario`` objects by name, in the order in
which they were written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.urls import reverse

_scenarios: dict[str, Scenario] = {}
_playing: ContextVar[str] = ContextVar("demo_app_playing", default="")
# A scenario connects receivers for a moment, which the whole process sees: one at a time.
_stage = threading.Lock()


class UnknownScenarioError(LookupError):
    """No scenario has this name."""


@dataclass(frozen=True)
class Scenario:
    """One lesson: ``name`` for the command line, ``title`` for a button, ``look_at`` in one sentence."""

    name: str
    title: str
    look_at: str
    _perform: Callable[[], None]

    @property
    def url(self) -> str:
        """The address that plays the scenario when it is posted to."""
        return reverse("demo_app:run-scenario", args=[self.name])

    def play(self) -> None:
        """Play it; what it makes is gone when it returns. May be played any number of times."""
        with _stage:
            token = _playing.set(self.name)
            try:
                self._perform()
            finally:
                _playing.reset(token)


def playing(name: str) -> bool:
    """Return whether the running code belongs to this scenario.

    A scenario's receiver asks this first, so that a request which comes at the same moment passes
    it by unharmed.
    """
    return _playing.get() == name


def scenario(name: str, title: str, *, look_at: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter the decorated function into the catalogue. Raises ``ValueError`` for a name in use."""

    def enter(perform: Callable[[], None]) -> Callable[[], None]:
        if name in _scenarios:
            raise ValueError(f"The scenario {name!r} is defined twice. Give one of them another name.")
        _scenarios[name] = Scenario(name, title, look_at, perform)
        return perform

    return enter


def catalogue() -> list[Scenario]:
    """Return every scenario."""
    return list(_scenarios.values())


def find(name: str) -> Scenario:
    """Return the scenario of this name. Raises ``UnknownScenarioError``, which lists the names."""
    try:
        return _scenarios[name]
    except KeyError:
        known = ", ".join(_scenarios)
        raise UnknownScenarioError(f"There is no scenario {name!r}. Known ones: {known}.") from None
