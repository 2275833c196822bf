"""What follows when a post is published, read, or much read.

Comes in: the magazine's own signals. Goes out: letters, further signals, the newsletter's counters;
two receivers are coroutines.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.dispatch import receiver
from django.utils import timezone

from .. import audit, feed, mail, tallies, tasks
from ..models import Newsletter, Post
from ..signals import milestone_reached, newsletter_sent, page_viewed, post_published

MILESTONES = {100, 1_000, 10_000}
PING_S = 0.02
PING_KEY = "demo_app.last_ping"


@receiver(post_published, sender=Post)
def notify_author(instance: Post, **kwargs: Any) -> None:
    """Tell the author that the post is public."""
    mail.published(instance)


@receiver(post_published, sender=Post)
def announce_to_newsletter(instance: Post, **kwargs: Any) -> None:
    """Send every newsletter that has subscribers, each of which says so with a signal of its own."""
    for newsletter in Newsletter.objects.filter(subscriptions__isnull=False).distinct():
        tasks.send_issue(newsletter, instance)


@receiver(newsletter_sent, sender=Newsletter)
def count_issue(instance: Newsletter, **kwargs: Any) -> None:
    """Count the issue on the newsletter."""
    instance.issues += 1
    instance.last_sent_at = timezone.now()
    instance.save(update_fields=["issues", "last_sent_at"])


@receiver(newsletter_sent, sender=Newsletter)
async def ping_aggregators(**kwargs: Any) -> None:
    """Wait as long as telling a feed aggregator takes (the demo calls none), and note the time."""
    await asyncio.sleep(PING_S)
    await cache.aset(PING_KEY, timezone.now().isoformat())


@receiver(newsletter_sent, sender=Newsletter)
async def warm_feed(**kwargs: Any) -> None:
    """Load the feed before the readers come."""
    await sync_to_async(feed.published)()


@receiver(page_viewed, sender=Post)
def count_view(instance: Post, **kwargs: Any) -> None:
    """Count a view of the post, and announce round numbers."""
    views = tallies.views.add(instance.pk)
    if views in MILESTONES:
        milestone_reached.send(sender=Post, instance=instance, views=views)


@receiver(milestone_reached, sender=Post)
def congratulate_author(instance: Post, views: int, **kwargs: Any) -> None:
    """Tell the author how often the post was viewed."""
    mail.milestone(instance, views)
    audit.record("milestone", instance.title, f"{views} views")
