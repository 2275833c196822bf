"""What scenarios need for a moment: rows that are deleted and receivers that are disconnected.

Comes in: ``with`` blocks. Goes out: nothing that stays, except the one user ``scenario-editor``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.dispatch import Signal

from ..models import Newsletter, Post
from ..seed import pictures

EDITOR = "scenario-editor"
SMALL = (480, 300)


def editor() -> User:
    """Return the user in whose name scenarios act, made at the first call."""
    user = User.objects.filter(username=EDITOR).first()
    return user or User.objects.create_user(EDITOR, email=f"{EDITOR}@example.com")


@contextmanager
def a_post(title: str, *, picture: bool = False) -> Iterator[Post]:
    """Yield a saved draft by ``editor()``, with a picture if wanted; delete it afterwards."""
    post = Post(title=title, slug=f"scenario-{secrets.token_hex(6)}", author=editor())
    post.standfirst = "Made by a scenario, and gone in a moment."
    post.body = "One, two, three. Testing."
    if picture:
        drawing = pictures.draw("waves", seed=7, size=SMALL)
        post.image.save(f"{post.slug}.jpg", ContentFile(drawing), save=False)
    try:
        post.save()
        yield post
    finally:
        if post.pk is not None:
            post.delete()


@contextmanager
def a_newsletter() -> Iterator[Newsletter]:
    """Yield a saved newsletter without readers; delete it afterwards."""
    token = secrets.token_hex(6)
    newsletter = Newsletter.objects.create(name=f"Scenario {token}", slug=f"scenario-{token}")
    try:
        yield newsletter
    finally:
        newsletter.delete()


@contextmanager
def connected(signal: Signal, *receivers: Callable[..., Any], sender: object = None) -> Iterator[None]:
    """Connect the receivers in this order; disconnect them afterwards."""
    try:
        for receiver in receivers:
            signal.connect(receiver, sender=sender)
        yield
    finally:
        for receiver in receivers:
            signal.disconnect(receiver, sender=sender)
