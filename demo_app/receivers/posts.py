"""What follows a change of a post or a comment.

Comes in: ``pre_save``, ``post_save``, ``pre_delete``, ``post_delete``, ``m2m_changed`` of ``Post``,
and a little of ``Comment``. Goes out: slugs, thumbnails, the search index, the feed, the audit log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal, receiver
from django.utils import timezone
from django.utils.text import slugify

from .. import audit, feed, tallies, thumbnails
from ..models import Comment, Post, SearchDocument

logger = logging.getLogger(__name__)

RESERVED_SLUGS = {"broken"}
INDEXED = {"title", "standfirst", "body"}


@receiver(pre_save, sender=Post)
def slugify_title(instance: Post, raw: bool, **kwargs: Any) -> None:
    """Give a post without a slug one that no other post has."""
    if raw or instance.slug:
        return
    base = slugify(instance.title)[:120] or "post"
    taken = set(
        Post.objects.filter(slug__startswith=base).exclude(pk=instance.pk).values_list("slug", flat=True)
    )
    slug, number = base, 1
    while slug in taken | RESERVED_SLUGS:
        number += 1
        slug = f"{base}-{number}"
    instance.slug = slug


@receiver(pre_save, sender=Post)
def stamp_publication(instance: Post, raw: bool, **kwargs: Any) -> None:
    """Note when a post first became public."""
    if not raw and instance.is_published and instance.published_at is None:
        instance.published_at = timezone.now()


@receiver(pre_save, sender=Post)
def remove_replaced_image(
    instance: Post, raw: bool, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Remove the file of a picture that this save replaces, once the save is committed."""
    if raw or instance.pk is None or (update_fields is not None and "image" not in update_fields):
        return
    old = Post.objects.using(using).filter(pk=instance.pk).values_list("image", flat=True).first()
    if old and old != instance.image.name:
        transaction.on_commit(partial(instance.image.storage.delete, old), using=using)


@receiver(post_save, sender=Post)
def make_thumbnail(
    instance: Post, raw: bool, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Draw the thumbnail when the picture changed, and save its name on the post."""
    # The save at the end sends post_save again: without this guard it would never stop.
    if raw or (update_fields is not None and "image" not in update_fields):
        return
    image, old = instance.image.name or "", instance.thumbnail.name or ""
    wanted = thumbnails.name_for(image) if image else ""
    if PurePosixPath(old).name == wanted:
        return
    if wanted:
        try:
            with instance.image.storage.open(image) as source:
                content = thumbnails.render(source)
        except OSError:
            logger.warning("%s is no picture: the post keeps the thumbnail it had.", image)
            return
        # A file that a rolled-back save left behind would force another name on this one.
        field = instance.thumbnail.field
        instance.thumbnail.storage.delete(field.generate_filename(instance, wanted))
        instance.thumbnail.save(wanted, ContentFile(content), save=False)
    else:
        instance.thumbnail = ""
    instance.save(update_fields=["thumbnail"], using=using)
    if old:
        transaction.on_commit(partial(instance.thumbnail.storage.delete, old), using=using)


@receiver(post_save, sender=Post)
def update_search_index(
    instance: Post, raw: bool, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Write the words of the post into its search document."""
    if raw or (update_fields is not None and not INDEXED & set(update_fields)):
        return
    text = "\n".join([instance.title, instance.standfirst, instance.body]).lower()
    SearchDocument.objects.using(using).update_or_create(post=instance, defaults={"text": text})


@receiver(m2m_changed, sender=Post.tags.through)
@receiver((post_save, post_delete), sender=Post)
def invalidate_feed_cache(action: str = "", **kwargs: Any) -> None:
    """Forget the cached front page; for tags only after the change."""
    if not action.startswith("pre_"):
        feed.invalidate()


@receiver((post_save, post_delete), sender=Post, dispatch_uid="demo_app.audit_log")
@receiver((post_save, post_delete), sender=Comment, dispatch_uid="demo_app.audit_log")
def audit_log(instance: Post | Comment, signal: Signal, created: bool = False, **kwargs: Any) -> None:
    """Write down who was made, changed or deleted. The uid keeps a second import from doing it twice."""
    deed = "deleted" if signal is post_delete else "created" if created else "changed"
    audit.record(f"{instance._meta.model_name} {deed}", str(instance))


@receiver(pre_delete, sender=Post)
def keep_copy(instance: Post, **kwargs: Any) -> None:
    """Put the text of a post that is about to go into the audit log."""
    copy = {"slug": instance.slug, "standfirst": instance.standfirst, "body": instance.body}
    audit.record("post copied", instance.title, json.dumps(copy))


@receiver(post_delete, sender=Post)
def remove_image(instance: Post, using: str, **kwargs: Any) -> None:
    """Remove the post's files once its deletion is committed, and its views from the tally."""
    for field in (instance.image, instance.thumbnail):
        if field.name:
            transaction.on_commit(partial(field.storage.delete, field.name), using=using)
    if instance.pk is not None:
        tallies.views.forget(instance.pk)
