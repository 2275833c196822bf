"""A journal as a busy site leaves it: requests, saves, what they cause, and some mishaps.

Comes in: how many entries. Goes out: the same entries each time, trace by trace, in the order in which
they would have been journalled: an emission when it ends, so after what it caused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from dashboard.events import (
    Bypass,
    Call,
    Cause,
    Emission,
    Entry,
    Frame,
    Instance,
    Origin,
    Outcome,
    Process,
    Raised,
    Site,
    Statement,
    Transaction,
)

BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
NEEDLE = "INV-2026-00042-X"
"""A text of one single emission, a tenth from the oldest entry."""

RARE_USER = "the-auditor"
"""Who made one single request, a tenth from the oldest entry."""

_MODELS = ("shop.Order", "shop.OrderLine", "shop.Customer", "blog.Post", "blog.Comment", "stock.Item")
_RECEIVERS = ("audit.receivers.write", "search.receivers.update_index", "pages.receivers.forget_cached")
_PATHS = ("/checkout/", "/orders/{}/", "/admin/shop/order/{}/change/", "/api/v1/items/{}/", "/posts/{}/")
_SQL = 'INSERT INTO "audit_entry" ("at", "model", "pk", "what", "user_id") VALUES (%s, %s, %s, %s, %s)'
_REFUSED = Raised(
    type="builtins.ConnectionRefusedError",
    message="[Errno 111] Connection refused",
    frames=[Frame("shop/mail.py", 57, "notify", "connection.send(message)", own=True)],
)


class _Shop:
    def __init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311  (the same entries each time, no secret)
        self._ids = count(1)
        self._now = BEGAN
        self._processes = [Process("web-1", 4700 + number, "MainThread") for number in range(4)]

    def _later(self, milliseconds: float) -> datetime:
        self._now += timedelta(milliseconds=milliseconds)
        return self._now

    def request(self, needle: str = "", user: str = "") -> list[Entry]:
        """Return the entries of one request: usually some saves in a transaction."""
        chance = self._chance
        trace, process = f"{chance.getrandbits(128):032x}", chance.choice(self._processes)
        verb = chance.choice(("GET", "POST", "POST"))
        title = chance.choice(_PATHS).format(chance.randrange(20_000))
        began = self._later(chance.expovariate(1 / 400))
        common: dict[str, Any] = {"trace": trace, "process": process}
        made: list[Entry] = [
            Origin(state="opened", type="request", verb=verb, title=title, at=began, **common),
            self._plain("django.core.signals.request_started", "request", common),
        ]
        if verb == "POST":
            made += self._saves(common, needle)
        made.append(self._plain("django.core.signals.request_finished", "request", common))
        failed = chance.random() < 0.004
        made.append(
            Origin(
                state="closed",
                type="request",
                verb=verb,
                title=title,
                view="shop.views.order",
                user=user or f"user-{chance.randrange(2_000)}",
                status="500" if failed else "200",
                error="KeyError: 'vat'" if failed else None,
                at=self._later(3),
                duration_us=(self._now - began) / timedelta(microseconds=1),
                **common,
            )
        )
        return made

    def _plain(self, signal: str, family: str, common: dict[str, Any]) -> Emission:
        return Emission(
            id=self._id(),
            signal=signal,
            sender="django.core.handlers.asgi.ASGIHandler",
            family=family,
            at=self._later(0.2),
            duration_us=self._chance.uniform(20, 200),
            **common,
        )

    def _saves(self, common: dict[str, Any], needle: str) -> list[Entry]:
        made: list[Entry] = []
        block = f"{self._chance.getrandbits(32):x}"
        for _ in range(self._chance.randrange(1, 5)):
            made += self._save(common, block, needle)
            needle = ""
        if self._chance.random() < 0.1:
            made.append(
                Bypass(
                    id=self._id(),
                    operation="QuerySet.update",
                    sender="stock.Item",
                    rows=self._chance.randrange(1, 40),
                    skipped=["stock.receivers.recount"],
                    at=self._later(1),
                    duration_us=700.0,
                    **common,
                )
            )
        state: Any = "rolled back" if self._chance.random() < 0.01 else "committed"
        made.append(
            Outcome(
                block=block, alias="default", state=state, emissions=len(made), at=self._later(1), **common
            )
        )
        return made

    def _save(self, common: dict[str, Any], block: str, needle: str) -> list[Entry]:
        model, pk = self._chance.choice(_MODELS), str(self._chance.randrange(200_000))
        values: dict[str, Any] = {
            "sender": model,
            "family": "save",
            "instance": Instance(pk=pk),
            "site": Site("shop/views.py", 88, "order"),
            "transaction": Transaction("default", "open", [block]),
            **common,
        }
        payload = {"raw": False, "using": "default", "update_fields": None}
        pre = Emission(
            id=self._id(),
            signal="django.db.models.signals.pre_save",
            at=self._later(1),
            duration_us=self._chance.uniform(50, 400),
            payload=payload,
            calls=[Call("shop.receivers.number", 2.0, 90.0, file="shop/receivers.py", line=31)],
            **values,
        )
        saved = self._id()
        mail = Emission(
            id=self._id(),
            signal="shop.signals.order_changed",
            sender=model,
            family="custom",
            at=self._later(2),
            duration_us=900.0,
            cause=Cause(saved, 0),
            payload={"number": needle or f"INV-2026-{self._chance.randrange(100_000):05}", "total": "129.90"},
            calls=[self._mail()],
            **common,
        )
        post = Emission(
            id=saved,
            signal="django.db.models.signals.post_save",
            at=self._later(1),
            duration_us=self._took(),
            payload={"created": True, **payload},
            calls=[self._call(receiver) for receiver in _RECEIVERS],
            **values,
        )
        return [pre, mail, post]

    def _took(self) -> float:
        return self._chance.lognormvariate(7.5, 0.9)

    def _call(self, receiver: str) -> Call:
        queries = 1 if receiver.startswith("audit") else 0
        statements = [Statement(_SQL, 1, 210.0, [12.0])] if queries else []
        return Call(
            receiver,
            3.0,
            self._took() / 4,
            queries=queries,
            query_us=210.0 * queries,
            file=receiver.partition(".receivers")[0] + "/receivers.py",
            line=88,
            statements=statements,
        )

    def _mail(self) -> Call:
        refused = self._chance.random() < 0.005
        return Call(
            "shop.mail.notify",
            2.0,
            800.0,
            outcome="raised" if refused else "returned",
            error=_REFUSED if refused else None,
            file="shop/mail.py",
            line=44,
        )

    def _id(self) -> str:
        return f"a1b2c3d4-{next(self._ids):x}"


def entries(number: int) -> Iterator[Entry]:
    """Yield so many entries."""
    shop, made, marked = _Shop(), 0, False
    while made < number:
        mark = not marked and made >= number // 10
        trace = shop.request(NEEDLE if mark else "", RARE_USER if mark else "")
        marked = marked or (mark and len(trace) > 4)
        yield from trace[: number - made]
        made += len(trace)
