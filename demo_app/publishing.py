"""Making a post public, the one way for admin, seed and scenarios.

Comes in: a post. Goes out: the saved post and the signal ``post_published``.
"""

from __future__ import annotations

from .models import Post
from .signals import post_published


def publish(post: Post, channel: str = "feed") -> None:
    """Save the post as published and announce it; a post that is public already is left alone."""
    if post.is_published and post.pk:
        return
    post.status = Post.Status.PUBLISHED
    post.save()
    announce(post, channel)


def announce(post: Post, channel: str = "feed") -> None:
    """Send ``post_published``. What a receiver raises is kept from the one who published."""
    post_published.send_robust(sender=Post, instance=post, channel=channel)
