"""Scenarios of what signals have to do with the database: its queries, transactions and short cuts.

Comes in: nothing. Goes out: a receiver that asks too often, a letter about a comment that never
was, and rows that changed in silence.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core import mail
from django.db import transaction
from django.db.models.signals import post_save

from ..models import Comment, Post
from .registry import playing, scenario
from .workshop import a_post, connected, editor

COMMENTS = 8


class CommentRefusedError(Exception):
    """The comment must not be kept after all."""


def count_words_of_each_author(instance: Post, **kwargs: Any) -> None:
    """Ask for each comment's post again: one query for all comments, and then one for each."""
    if playing("n-plus-one"):
        for comment in Comment.objects.filter(post=instance):
            len(comment.post.body.split())


def thank_by_mail(instance: Comment, **kwargs: Any) -> None:
    """Write to the author at once, without waiting for the transaction."""
    if playing("rolled-back"):
        mail.send_mail("Thank you", "Your comment is there.", None, ["reader@example.com"])
        transaction.on_commit(_celebrate)


def _celebrate() -> None:
    raise AssertionError("A transaction that was rolled back has called its on_commit callback.")


@scenario(
    "n-plus-one",
    "N+1 queries in a receiver",
    look_at="count_words_of_each_author carries the N+1 flag: it runs one query for the comments, "
    "and then the same one again for each of them.",
)
def n_plus_one() -> None:
    """Save a post whose receiver asks once for each comment."""
    with a_post("A scenario asks too often") as post:
        for number in range(COMMENTS):
            Comment.objects.create(post=post, name=f"Reader {number}", body="Yes.")
        with connected(post_save, count_words_of_each_author, sender=Post):
            post.save(update_fields=["body"])


@scenario(
    "rolled-back",
    "A rolled-back transaction",
    look_at="post_save of the comment is marked rolled back: its row is gone, but thank_by_mail's letter "
    "is out, and its on_commit callback will never run.",
)
def rolled_back() -> None:
    """Take a comment back after its receivers have run."""
    with (
        a_post("A scenario changes its mind") as post,
        connected(post_save, thank_by_mail, sender=Comment),
        suppress(CommentRefusedError),
        transaction.atomic(),
    ):
        Comment.objects.create(post=post, name="Scenario", body="Forget it.")
        raise CommentRefusedError


@scenario(
    "bulk-bypass",
    "Bulk operations that send nothing",
    look_at="bulk_create(), update() and bulk_update() are marked bypass, with the receivers that would have "
    "run for save(); the one ordinary save() before them runs them all.",
)
def bulk_bypass() -> None:
    """Write the same rows once with signals and three times without."""
    with a_post("A scenario takes a short cut") as post:
        Comment.objects.create(post=post, name="Ordinary", body="With signals.")
        comments = Comment.objects.bulk_create(
            Comment(post=post, name=f"Bulk {number}", body="Without.") for number in range(COMMENTS)
        )
        Comment.objects.filter(post=post).update(name=editor().username)
        for comment in comments:
            comment.body = "Still without."
        Comment.objects.bulk_update(comments, ["body"])
