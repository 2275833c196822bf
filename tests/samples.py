"""Entries for tests: builders with sensible defaults, and one whole trace to look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.events import Call, Cause, Emission, Entry, Frame, Instance, Origin, Process, Raised, Site

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
PROCESS = Process(host="web-1", pid=4711, thread="MainThread")
POST_SAVE = "django.db.models.signals.post_save"
PRE_SAVE = "django.db.models.signals.pre_save"
TRACE = "b3" * 16


def at(ms: float) -> datetime:
    """Return noon plus so many milliseconds."""
    return NOON + timedelta(milliseconds=ms)


def emission(id: str = "e1", ms: float = 0.0, **fields: Any) -> Emission:
    """Return an emission of ``post_save`` by ``demo_app.Post``, changed by ``fields``."""
    values: dict[str, Any] = {
        "id": id,
        "trace": TRACE,
        "at": at(ms),
        "signal": POST_SAVE,
        "sender": "demo_app.Post",
        "family": "save",
        "duration_us": 1000.0,
        "instance": Instance(pk="42"),
        "payload": {"created": True, "raw": False, "using": "default", "update_fields": None},
        "site": Site(file="demo_app/admin.py", line=31, function="save_model"),
        "process": PROCESS,
    }
    return Emission(**(values | fields))


def call(receiver: str = "demo_app.receivers.make_thumbnail", **fields: Any) -> Call:
    """Return a call that returned after 0.7 ms, changed by ``fields``."""
    values: dict[str, Any] = {
        "receiver": receiver,
        "offset_us": 3.0,
        "duration_us": 700.0,
        "file": "demo_app/receivers.py",
        "line": 88,
    }
    return Call(**(values | fields))


def origin(state: str = "opened", ms: float = 0.0, **fields: Any) -> Origin:
    """Return a request's origin entry, changed by ``fields``."""
    values: dict[str, Any] = {
        "state": state,
        "type": "request",
        "verb": "POST",
        "title": "/admin/demo_app/post/add/",
        "trace": TRACE,
        "at": at(ms),
        "process": PROCESS,
    }
    if state == "closed":
        values |= {"status": "302", "user": "admin", "view": "admin:demo_app_post_add", "duration_us": 148e3}
    return Origin(**(values | fields))


def boom() -> Raised:
    """Return an exception as it is recorded."""
    return Raised(
        type="builtins.ConnectionRefusedError",
        message="[Errno 111] Connection refused",
        frames=[
            Frame("demo_app/mail.py", 57, "notify_author", "connection.send(message)", own=True),
            Frame("smtplib.py", 341, "connect", "self.sock = self._get_socket(host, port, self.timeout)"),
        ],
    )


def admin_add() -> list[Entry]:
    """Return one trace as it is journalled: emissions when they end, so children before parents."""
    return [
        origin("opened", 0),
        emission("e1", 0.1, signal="django.core.signals.request_started", family="request", instance=None,
                 sender="django.core.handlers.asgi.ASGIHandler", payload={}, duration_us=80.0),
        emission("e2", 21, signal=PRE_SAVE, instance=Instance(pk=None), duration_us=1900.0,
                 calls=[call("demo_app.receivers.slugify_title", duration_us=1700.0, line=31)]),
        emission("e4", 92.6, signal=PRE_SAVE, duration_us=300.0, cause=Cause("e3", 0),
                 calls=[call("demo_app.receivers.slugify_title", duration_us=100.0, line=31)]),
        emission("e3", 24.8, duration_us=93_400.0, calls=[
            call(duration_us=75_600.0, queries=2, query_us=410.0),
            call("demo_app.receivers.update_search_index", offset_us=75_700.0, duration_us=17_500.0,
                 queries=6, line=112)]),
        emission("e5", 127, signal="demo_app.signals.post_published", family="custom", method="send_robust",
                 duration_us=13_100.0, payload={"channel": "feed"},
                 calls=[call("demo_app.mail.notify_author", outcome="raised", error=boom(),
                             duration_us=12_900.0, file="demo_app/mail.py", line=57)]),
        origin("closed", 148),
    ]  # fmt: skip
