"""What is measured: each function does one thing ``times`` times and returns the seconds it took.

Comes in: how often. Goes out: seconds, or seconds and the longest stall. What must be there
beforehand (rows, an instance, a login) is made once, by ``prepare``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from http.cookies import SimpleCookie
from time import perf_counter
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.test import Client, RequestFactory

from .models import Five, One, Quiet, Row

ROWS = 1_000
SAVED_IN_ONE_TRANSACTION = 20_000

ANNOUNCED = {0: Signal(), 1: Signal(), 5: Signal()}
"""Signals of the project's own, by how many receivers they have."""


class Measured(NamedTuple):
    """Seconds for the whole round; for saves in a loop also the longest pause between two."""

    seconds: float
    stall: float = 0.0


def _listen(signal: Signal, receivers: int, sender: Any = None) -> None:
    for _ in range(receivers):

        def receiver(**named: Any) -> None:
            pass

        signal.connect(receiver, sender=sender, weak=False)


class Prepared:
    """Everything the measures need, made once after the tool has started."""

    def __init__(self) -> None:
        for model, receivers in ((One, 1), (Five, 5)):
            _listen(post_save, receivers, model)
        for receivers, signal in ANNOUNCED.items():
            _listen(signal, receivers)
        self.rows: dict[int, Row] = {0: Quiet(pk=1), 1: One(pk=1), 5: Five(pk=1)}
        for alias in ("default", "memory"):
            One._default_manager.using(alias).bulk_create([One() for _ in range(ROWS)])
        self.saved = One._default_manager.get(pk=1)
        self.in_memory = One._default_manager.using("memory").get(pk=1)
        self.handler = WSGIHandler()
        self.factory = RequestFactory()
        self.cookies = self._login()

    @staticmethod
    def _login() -> SimpleCookie:
        user = get_user_model().objects.create_superuser("admin", password="admin")  # noqa: S106
        client = Client()
        client.force_login(user)
        client.get("/admin/subject/one/1/change/")
        return client.cookies

    # --- sends ---------------------------------------------------------------------------------

    def send_saved(self, receivers: int, times: int) -> Measured:
        """Send ``post_save`` as ``Model.save_base`` does."""
        instance = self.rows[receivers]
        sender, send, rounds = type(instance), post_save.send, range(times)
        began = perf_counter()
        for _ in rounds:
            send(
                sender=sender,
                instance=instance,
                created=False,
                update_fields=None,
                raw=False,
                using="default",
            )
        return Measured(perf_counter() - began)

    def send_announced(self, receivers: int, times: int) -> Measured:
        """Send a signal of the project's own, with two plain values."""
        send, rounds = ANNOUNCED[receivers].send, range(times)
        began = perf_counter()
        for _ in rounds:
            send(Quiet, number=7, channel="benchmark")
        return Measured(perf_counter() - began)

    # --- models --------------------------------------------------------------------------------

    def make(self, times: int) -> Measured:
        """Call the model's constructor."""
        rounds = range(times)
        began = perf_counter()
        for _ in rounds:
            One(title="A title", pages=1)
        return Measured(perf_counter() - began)

    def save(self, row: One, times: int) -> Measured:
        """Save an existing row, each time in a transaction of its own."""
        rounds = range(times)
        began = perf_counter()
        for _ in rounds:
            row.save()
        return Measured(perf_counter() - began)

    def load(self, times: int) -> Measured:
        """Load ``ROWS`` rows into a list."""
        rounds = range(times)
        began = perf_counter()
        for _ in rounds:
            list(One._default_manager.order_by("pk")[:ROWS])
        return Measured(perf_counter() - began)

    def save_many(self, times: int) -> Measured:
        """Save rows one by one in one transaction, in memory: the app computes all the time."""
        row, stall = self.in_memory, 0.0
        began = before = perf_counter()
        with transaction.atomic(using="memory"):
            for _ in range(times):
                row.save()
                now = perf_counter()
                stall = max(stall, now - before)
                before = now
        return Measured(perf_counter() - began, stall)

    # --- requests ------------------------------------------------------------------------------

    def change_in_admin(self, times: int) -> Measured:
        """Post the admin's change form."""
        token = self.cookies["csrftoken"].value
        form = {
            "csrfmiddlewaretoken": token,
            "title": "Changed",
            "body": "Text",
            "pages": "5",
            "price": "2.5",
            "isbn": "1",
        }
        environs = [self._environ("POST", "/admin/subject/one/1/change/", form) for _ in range(times)]
        return self._answer(environs, "302")

    def save_ten(self, times: int) -> Measured:
        """Ask for the view that saves ten rows."""
        return self._answer([self._environ("GET", "/ten/", {}) for _ in range(times)], "200")

    def _environ(self, method: str, path: str, form: dict[str, str]) -> dict[str, Any]:
        request = self.factory.post(path, form) if method == "POST" else self.factory.get(path)
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in self.cookies.items())
        return {**request.environ, "HTTP_COOKIE": cookies, "wsgi.errors": io.StringIO()}

    def _answer(self, environs: list[dict[str, Any]], expected: str) -> Measured:
        statuses: list[str] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
            statuses.append(status[:3])

        began = perf_counter()
        for environ in environs:
            response = self.handler(environ, start_response)  # type: ignore[arg-type]
            b"".join(response)
            response.close()
        took = perf_counter() - began
        if set(statuses) != {expected}:
            raise RuntimeError(f"The requests were answered {sorted(set(statuses))}, not {expected}.")
        return Measured(took)


def measures(prepared: Prepared) -> dict[str, Callable[[int], Measured]]:
    """Return the measures by the keys that ``benchmarks.overhead`` asks for."""
    found: dict[str, Callable[[int], Measured]] = {
        "make": prepared.make,
        "save file": partial(prepared.save, prepared.saved),
        "save memory": partial(prepared.save, prepared.in_memory),
        "load": prepared.load,
        "admin": prepared.change_in_admin,
        "ten": prepared.save_ten,
        "many": prepared.save_many,
    }
    for receivers in (0, 1, 5):
        found[f"saved {receivers}"] = partial(prepared.send_saved, receivers)
        found[f"announced {receivers}"] = partial(prepared.send_announced, receivers)
    return found
