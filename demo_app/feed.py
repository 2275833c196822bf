"""The published posts, newest first, from a cache.

Comes in: reads from the public pages, ``invalidate`` from receivers. Goes out: a list of posts
with their authors and tags. What changes rows without a signal is seen only after ``TIMEOUT_S``.
"""

from __future__ import annotations

from django.core.cache import cache

from .models import Post

KEY = "demo_app.feed"
TIMEOUT_S = 60
LENGTH = 200


def published() -> list[Post]:
    """Return the newest ``LENGTH`` published posts."""
    posts: list[Post] | None = cache.get(KEY)
    if posts is None:
        posts = list(
            Post.objects.filter(status=Post.Status.PUBLISHED)
            .select_related("author")
            .prefetch_related("tags")[:LENGTH]
        )
        cache.set(KEY, posts, TIMEOUT_S)
    return posts


def invalidate() -> None:
    """Forget the cached list, so that the next reader loads it again."""
    cache.delete(KEY)
