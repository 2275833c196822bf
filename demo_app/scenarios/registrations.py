"""Scenarios of receivers that run twice, or not at all, because of how they were connected.

Comes in: nothing. Goes out: a few ``page_viewed`` emissions with one receiver too many or too few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..models import Post
from ..signals import page_viewed
from .registry import scenario
from .workshop import a_post

UID = "demo_app.scenarios.count_reader"


def make_receiver() -> Callable[..., None]:
    """Return ``count_reader`` as an import under another name would make it: equal, and not the same."""

    def count_reader(**kwargs: Any) -> None:
        """Do nothing; what matters is how often it is called."""

    return count_reader


class ReaderCount:
    """Counts readers with one of its methods, as long as somebody holds the object."""

    def __init__(self) -> None:
        self.readers = 0

    def count(self, **kwargs: Any) -> None:
        """Count one."""
        self.readers += 1


@scenario(
    "duplicate-registration",
    "Connected twice by accident",
    look_at="In the first page_viewed count_reader runs twice, because each connect() got another function "
    "object; in the second a dispatch_uid lets only one in.",
)
def duplicate_registration() -> None:
    """View a post twice, with both ways to connect."""
    with a_post("A scenario is read twice") as post:
        twice = [make_receiver(), make_receiver()]
        try:
            for receiver in twice:
                page_viewed.connect(receiver, sender=Post)
            page_viewed.send(sender=Post, instance=post)
        finally:
            for receiver in twice:
                page_viewed.disconnect(receiver, sender=Post)
        try:
            for receiver in twice:
                page_viewed.connect(receiver, sender=Post, dispatch_uid=UID)
            page_viewed.send(sender=Post, instance=post)
        finally:
            page_viewed.disconnect(sender=Post, dispatch_uid=UID)


@scenario(
    "dead-weak-receiver",
    "A weakly held receiver that is gone",
    look_at="ReaderCount.count runs in the first page_viewed and is missing in the second: "
    "connect() holds it weakly, and its object was dropped in between.",
)
def dead_weak_receiver() -> None:
    """View a post twice, and drop the counter in between."""
    with a_post("A scenario is forgotten") as post:
        counter = ReaderCount()
        page_viewed.connect(counter.count, sender=Post)
        page_viewed.send(sender=Post, instance=post)
        # Nothing to disconnect: the registration dies with the object.
        del counter
        page_viewed.send(sender=Post, instance=post)
