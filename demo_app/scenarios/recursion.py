"""Scenarios of a receiver that saves what was just saved.

Comes in: nothing. Goes out: a recursion without end, and the two ways to end it.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

from ..models import Profile
from .registry import playing, scenario
from .workshop import connected, editor


def save_again(instance: Profile, **kwargs: Any) -> None:
    """Save the profile that was just saved, which calls this receiver, which saves it."""
    if playing("recursion"):
        instance.save()


def save_once_more(instance: Profile, update_fields: Collection[str] | None, **kwargs: Any) -> None:
    """Save one field, and know the own save by it."""
    if playing("recursion-cured") and update_fields is None:
        instance.save(update_fields=["bio"])


def update_row(instance: Profile, update_fields: Collection[str] | None, **kwargs: Any) -> None:
    """Change the row without ``save()``: no signal, nothing to come back."""
    if playing("recursion-cured") and update_fields is None:
        Profile.objects.filter(pk=instance.pk).update(bio=instance.bio)


@scenario(
    "recursion",
    "Save inside post_save, without end",
    look_at="post_save of one profile nests in itself until Python raises RecursionError, "
    "and the transaction takes everything back.",
)
def recursion() -> None:
    """Save a profile, and catch what comes of it."""
    profile, _ = Profile.objects.get_or_create(user=editor())
    with connected(post_save, save_again, sender=Profile), suppress(RecursionError), transaction.atomic():
        profile.save()


@scenario(
    "recursion-cured",
    "Save inside post_save, cured",
    look_at="save(update_fields=…) lets the receiver know its own save, so the nesting is two deep; "
    "QuerySet.update() sends nothing at all.",
)
def recursion_cured() -> None:
    """Save a profile once."""
    profile, _ = Profile.objects.get_or_create(user=editor())
    with connected(post_save, save_once_more, update_row, sender=Profile):
        profile.save()
