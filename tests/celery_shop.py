"""A Celery application for the tests: ``celery -A tests.celery_shop worker``.

Comes in: ``BROKER_URL``, where there is a real broker. Goes out: tasks, each of which sends a signal.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, chain, group
from django.dispatch import Signal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

BROKER_URL = os.environ.get("BROKER_URL", "memory://")

worked, followed = Signal(), Signal()

app = Celery("tests.celery_shop", broker=BROKER_URL, set_as_current=False)
app.conf.result_backend = BROKER_URL if BROKER_URL.startswith("redis") else "cache+memory://"
app.conf.broker_connection_retry_on_startup = True


@app.task(name="shop.pack", bind=True)
def pack(self: Any, parcel: str = "", *_: Any) -> dict[str, Any]:
    """Send a signal, and return the user's part of the message's headers."""
    worked.send("shop", parcel=parcel)
    return {key: value for key, value in (self.request.headers or {}).items() if key != "signalscope"}


@app.task(name="shop.fail")
def fail() -> None:
    """Raise."""
    raise ZeroDivisionError


@app.task(name="shop.retry", bind=True, max_retries=1)
def retry(self: Any) -> int:
    """Fail once, and tell which attempt it was."""
    worked.send("shop", parcel="retried")
    if not self.request.retries:
        raise self.retry(countdown=0)
    return int(self.request.retries)


@app.task(name="shop.pass_on")
def pass_on() -> str:
    """Send another task, directly and from a receiver, and return the id of the latter."""
    pack.delay("directly")
    [(_, result)] = followed.send("shop")
    return str(result)


def hand_over(**_: Any) -> str:
    """Hand a parcel to a worker."""
    return str(pack.delay("from a receiver").id)


def note(**_: Any) -> None:
    """Do nothing: what nobody hears is folded in a tree."""


followed.connect(hand_over)
worked.connect(note)


def reconnect() -> None:
    """Let go of the broker and the results that this process has opened: what comes goes where ``conf`` says.

    Celery keeps both from the first message on, and another test may have sent that elsewhere.
    """
    app._after_fork()
    app._backend_cache = None
    app._local.backend = None


def several() -> Any:
    """Return a chain whose second part is a group."""
    return chain(pack.s("first"), group(pack.si("left"), pack.si("right")))
