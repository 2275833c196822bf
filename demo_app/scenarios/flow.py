"""Scenarios of many receivers at once, many signals in a row, many emissions in a second.

Comes in: nothing. Goes out: coroutines side by side, a chain of signals, a burst.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import async_to_sync

from .. import tallies
from ..models import Newsletter, Post
from ..signals import milestone_reached, newsletter_sent, page_viewed, post_published
from .registry import playing, scenario
from .workshop import a_newsletter, a_post, connected

BURST = 10_000
SEARCH_ENGINE_S = 0.05


async def ping_search_engine(**kwargs: Any) -> None:
    """Wait as long as a search engine takes to answer."""
    if playing("async-receivers"):
        await asyncio.sleep(SEARCH_ENGINE_S)


def feature_post(instance: Post, **kwargs: Any) -> None:
    """Announce a much-read post once more."""
    if playing("nested-signals"):
        post_published.send_robust(sender=Post, instance=instance, channel="featured")


@scenario(
    "async-receivers",
    "Coroutines as receivers",
    look_at="newsletter_sent goes out with send() and then with asend(): its coroutines run side by side, "
    "so each takes as long as the slowest, not as their sum.",
)
def async_receivers() -> None:
    """Send a newsletter, once from sync and once from async code."""
    with a_newsletter() as newsletter, connected(newsletter_sent, ping_search_engine, sender=Newsletter):
        newsletter_sent.send(sender=Newsletter, instance=newsletter, recipients=0)
        async_to_sync(newsletter_sent.asend)(sender=Newsletter, instance=newsletter, recipients=0)


@scenario(
    "nested-signals",
    "Signals that cause signals",
    look_at="One page view, five signals deep: page_viewed, milestone_reached, post_published, "
    "newsletter_sent, and the post_save of the newsletter.",
)
def nested_signals() -> None:
    """View a post for the hundredth time."""
    with (
        a_post("A scenario is much read") as post,
        connected(milestone_reached, feature_post, sender=Post),
    ):
        for _ in range(99):
            tallies.views.add(post.pk)
        page_viewed.send(sender=Post, instance=post)


@scenario(
    "burst",
    f"A burst of {BURST:,} emissions",
    look_at=f"{BURST:,} page_viewed in about a second: the rate jumps, the page stays calm, "
    "and the dropped count says whether any was lost.",
)
def burst() -> None:
    """View a post very often."""
    with a_post("A scenario goes viral") as post:
        for _ in range(BURST):
            page_viewed.send(sender=Post, instance=post)
