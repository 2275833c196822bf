"""The tools compared: for each the settings it needs, and what must be done around a round.

Comes in: a tool's name and a folder of its own. Goes out: a ``Tool``. Each runs in a process of its
own: they replace the same methods of Django.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

NAMES = ("bare", "signalscope", "sentry", "orbit", "naive")

Round = Callable[[], Any]


class Tool(NamedTuple):
    """``settings`` are added to the project's, ``start`` is called after ``django.setup()``.

    ``start`` returns a context manager to run each round in; what it does before and after the
    round is not measured. ``away`` takes the tool off the process for a round, where it can be.
    """

    settings: dict[str, Any]
    apps: list[str]
    start: Callable[[], Round]
    away: Round | None = None


def tool(name: str, folder: Path) -> Tool:
    """Return the tool of this name."""
    if name == "signalscope":
        journal = f"sqlite:///{folder / 'journal.sqlite3'}"
        return Tool({"SIGNALSCOPE": {"JOURNAL": journal}}, ["dashboard"], _start_signalscope, _uninstalled)
    if name == "sentry":
        return Tool({}, [], _start_sentry)
    if name == "orbit":
        return Tool({"ORBIT_CONFIG": _ORBIT}, ["orbit"], lambda: _nothing)
    if name == "naive":
        layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
        return Tool({"CHANNEL_LAYERS": layers}, [], _start_naive)
    return Tool({}, [], lambda: _nothing)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


# --- Signalscope: everything as installed, writer thread and SQLite journal included --------------


def _start_signalscope() -> Round:
    from dashboard import pipeline

    @contextmanager
    def flushed() -> Iterator[None]:
        yield
        # The next tool's round must not run beside this one's writer.
        if not pipeline.flush(60):
            raise RuntimeError(f"The journal was not written within 60 s: {pipeline.health()}")

    return flushed


@contextmanager
def _uninstalled() -> Iterator[None]:
    import dashboard

    dashboard.uninstall()
    yield
    dashboard.install()


# --- sentry-sdk: its Django integration with signal spans, inside a transaction -------------------


def _start_sentry() -> Round:
    import sentry_sdk  # type: ignore[import-not-found]
    from sentry_sdk.integrations.django import (  # type: ignore[import-not-found]
        DjangoIntegration,
    )
    from sentry_sdk.transport import Transport  # type: ignore[import-not-found]

    class Nowhere(Transport):  # type: ignore[misc]
        def capture_envelope(self, envelope: Any) -> None:
            pass

    sentry_sdk.init(
        dsn="https://key@localhost/1",
        transport=Nowhere,
        traces_sample_rate=1.0,
        default_integrations=False,
        integrations=[DjangoIntegration(signals_spans=True, middleware_spans=False, cache_spans=False)],
    )

    @contextmanager
    def transaction() -> Iterator[None]:
        # Without a transaction, sentry-sdk makes no spans; with one, a thousand at most.
        with sentry_sdk.start_transaction(op="benchmark", name="round"):
            yield

    return transaction


# --- django-orbit: the signal watcher alone, no signal left out -----------------------------------

_WATCHERS = """
    REQUESTS QUERIES LOGS EXCEPTIONS COMMANDS CACHE MODELS HTTP_CLIENT DUMPS MAIL SIGNALS JOBS REDIS GATES
    TRANSACTIONS STORAGE LLM
"""
_ORBIT: dict[str, Any] = {
    **{f"RECORD_{watcher}": watcher == "SIGNALS" for watcher in _WATCHERS.split()},
    "IGNORE_SIGNALS": [],
}


# --- the naive way: a receiver connected to every signal, each send a message to a group ----------


def _start_naive() -> Round:
    from asgiref.sync import async_to_sync
    from channels.layers import get_channel_layer
    from django.db.models import signals

    from .measures import ANNOUNCED

    layer: Any = get_channel_layer()

    def tell(signal: Any, sender: Any, **named: Any) -> None:
        message = {"type": "signal", "sender": str(sender), "named": {key: str(named[key]) for key in named}}
        async_to_sync(layer.group_send)("signals", message)

    for signal in (
        *ANNOUNCED.values(),
        signals.pre_init,
        signals.post_init,
        signals.pre_save,
        signals.post_save,
        signals.pre_delete,
        signals.post_delete,
        signals.m2m_changed,
    ):
        signal.connect(tell, weak=False)
    return _nothing
