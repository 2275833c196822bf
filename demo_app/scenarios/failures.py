"""Scenarios of receivers and requests that fail or take long.

Comes in: nothing. Goes out: exceptions that end here, and one slow comment.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db.models.signals import post_save
from django.urls import reverse

from ..models import Comment, Post
from ..signals import post_published
from .registry import playing, scenario
from .workshop import a_post, connected

SLOW_S = 0.3


def mail_server_is_down(**kwargs: Any) -> None:
    """Fail as a letter does when nobody answers."""
    if playing("raise-send") or playing("raise-send-robust"):
        raise ConnectionRefusedError(111, "Connection refused")


def tell_the_translators(**kwargs: Any) -> None:
    """Do nothing; what matters is whether it is called after the failure."""


def check_for_spam(**kwargs: Any) -> None:
    """Take as long as asking a far-away service, while the reader waits."""
    if playing("slow-receiver"):
        time.sleep(SLOW_S)


@scenario(
    "raise-send",
    "A receiver raises under send()",
    look_at="mail_server_is_down raises, so tell_the_translators, connected after it, does not run, "
    "and whoever sent the signal gets the exception.",
)
def raise_send() -> None:
    """Announce a post while the mail server is down."""
    with (
        a_post("A scenario fails") as post,
        connected(post_published, mail_server_is_down, tell_the_translators, sender=Post),
        suppress(ConnectionRefusedError),
    ):
        post_published.send(sender=Post, instance=post, channel="scenario")


@scenario(
    "raise-send-robust",
    "A receiver raises under send_robust()",
    look_at="The same receivers with send_robust(): the exception is kept as a result, "
    "tell_the_translators runs, and nobody notices the lost letter.",
)
def raise_send_robust() -> None:
    """Announce it robustly."""
    with (
        a_post("A scenario fails quietly") as post,
        connected(post_published, mail_server_is_down, tell_the_translators, sender=Post),
    ):
        post_published.send_robust(sender=Post, instance=post, channel="scenario")


@scenario(
    "slow-receiver",
    "A slow receiver",
    look_at="Saving the comment takes as long as its slowest receiver: check_for_spam holds nearly all "
    "of post_save's time.",
)
def slow_receiver() -> None:
    """Save one comment."""
    with a_post("A scenario waits") as post, connected(post_save, check_for_spam, sender=Comment):
        Comment.objects.create(post=post, name="Scenario", body="Is this spam?")


@scenario(
    "failing-request",
    "A request that fails",
    look_at="Between request_started and request_finished comes got_request_exception, "
    "and note_exception writes it down.",
)
def failing_request() -> None:
    """Ask for the page that always fails."""
    # A thread and a context of its own, as a server gives to a request: Django closes old database
    # connections around each, and must not close the one of the request whose button was pressed.
    with ThreadPoolExecutor(max_workers=1) as threads:
        threads.submit(Context().run, _get, reverse("demo_app:broken")).result()


def _get(path: str) -> None:
    host = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "") if settings.ALLOWED_HOSTS else ""
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_HOST": host or "localhost"}
    if settings.SECURE_SSL_REDIRECT:
        environ |= {"HTTPS": "on", "wsgi.url_scheme": "https"}
    setup_testing_defaults(environ)
    response = WSGIHandler()(environ, lambda status, headers, exc_info=None: lambda data: None)
    response.close()
