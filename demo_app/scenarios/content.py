"""Scenarios of a magazine's ordinary day: what one change sets in motion.

Comes in: nothing. Goes out: a reader, a post, a like, a deletion, each with all that follows.
"""

from __future__ import annotations

import secrets

from django.contrib.auth.models import User

from .. import publishing
from ..models import Comment, Tag
from .registry import scenario
from .workshop import a_post, editor


@scenario(
    "register-user",
    "Register a user",
    look_at="One post_save of auth.User runs several receivers, in the order in which they were connected; "
    "the rows they save nest below the receiver that saved them.",
)
def register_user() -> None:
    """Make a reader, and take the account away again."""
    name = f"reader-{secrets.token_hex(6)}"
    user = User.objects.create_user(name, email=f"{name}@example.com")
    user.delete()


@scenario(
    "publish-post",
    "Publish a post",
    look_at="make_thumbnail saves the post again, so pre_save and post_save nest inside post_save; "
    "then post_published tells the author and the newsletter's readers.",
)
def publish_post() -> None:
    """Write, illustrate, file and publish a post."""
    with a_post("A scenario is published", picture=True) as post:
        post.tags.add(*Tag.objects.all()[:2])
        publishing.publish(post, channel="scenario")


@scenario(
    "like-unlike",
    "Like and unlike",
    look_at="m2m_changed comes twice for each change, as pre_add and post_add, pre_remove and post_remove; "
    "count_likes acts on the second.",
)
def like_unlike() -> None:
    """Like a post and take it back."""
    with a_post("A scenario is liked") as post:
        post.liked_by.add(editor())
        post.liked_by.remove(editor())


@scenario(
    "delete-cascade",
    "Delete with a cascade",
    look_at="One delete() of a post: comments and the search document each send pre_delete and post_delete "
    "before the post's own post_delete, while tags and likes go without any.",
)
def delete_cascade() -> None:
    """Delete a post that has comments, tags and likes."""
    with a_post("A scenario is deleted", picture=True) as post:
        for number in range(3):
            Comment.objects.create(post=post, name="Scenario", body=f"Comment {number}")
        post.tags.add(*Tag.objects.all()[:2])
        post.liked_by.add(editor())
        post.delete()
