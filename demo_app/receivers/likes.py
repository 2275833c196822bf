"""Like counts.

Comes in: ``m2m_changed`` of ``Post.liked_by`` from either side, and users about to be deleted.
Goes out: ``Post.like_count``.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.db.models.signals import m2m_changed, pre_delete
from django.dispatch import receiver

from .. import feed
from ..models import Post


@receiver(m2m_changed, sender=Post.liked_by.through)
def count_likes(
    instance: Post | User, action: str, reverse: bool, pk_set: set[int] | None, using: str, **kwargs: Any
) -> None:
    """Count the likes of the posts that were liked or unliked.

    One UPDATE and no ``save()``: nothing else depends on the count, and two likes at the same time
    cannot overwrite each other.
    """
    if not action.startswith("post_"):
        return
    posts = Post.objects.using(using)
    if not reverse:
        posts = posts.filter(pk=instance.pk)
    elif pk_set is not None:
        posts = posts.filter(pk__in=pk_set)
    likes = Post.liked_by.through.objects.filter(post_id=OuterRef("pk")).order_by().values("post_id")
    posts.update(like_count=Coalesce(Subquery(likes.values_list(Count("pk"))), 0))
    feed.invalidate()


@receiver(pre_delete, sender=User)
def take_back_likes(instance: User, **kwargs: Any) -> None:
    """Unlike everything before a user goes: the cascade removes the rows without ``m2m_changed``."""
    if instance.liked_posts.exists():
        instance.liked_posts.clear()
