"""The first issue, as rows.

Comes in: ``articles.toml``. Goes out: people, posts, comments and likes, made once, by ordinary
saves that signals follow.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from ..models import Comment, Post, Tag
from . import pictures

SOURCE = Path(__file__).with_name("articles.toml")
DAYS_APART = 3


def load() -> int:
    """Make the first issue, all of it or nothing, and return its number of posts.

    Where one of its authors is, it was made before: 0, and what was since deleted stays so.
    """
    content = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    names = [person["username"] for person in content["people"]]
    if User.objects.filter(username__in=names).exists():
        return 0
    with transaction.atomic():
        people = {person["username"]: _person(**person) for person in content["people"]}
        # The oldest first, so that numbers and dates run the same way.
        for number, article in reversed(list(enumerate(content["articles"]))):
            _article(number, article, people)
    return len(content["articles"])


def _person(username: str, first_name: str, last_name: str, bio: str) -> User:
    user = User.objects.create_user(
        username, f"{username}@example.com", first_name=first_name, last_name=last_name
    )
    user.profile.bio = bio
    user.profile.save(update_fields=["bio"])
    return user


def _article(number: int, article: dict[str, Any], people: dict[str, User]) -> None:
    draft = article.get("draft", False)
    post = Post(
        title=article["title"],
        standfirst=article["standfirst"],
        body=article["body"].strip(),
        author=people[article["author"]],
        status=Post.Status.DRAFT if draft else Post.Status.PUBLISHED,
        published_at=None if draft else timezone.now() - timedelta(days=DAYS_APART * number, hours=2),
    )
    drawing = pictures.draw(article["motif"], seed=number)
    post.image.save(f"{slugify(post.title)}.jpg", ContentFile(drawing), save=False)
    post.save()
    post.tags.add(*Tag.objects.filter(slug__in=article["tags"]))
    for name, text in article["comments"]:
        Comment.objects.create(post=post, name=name, body=text)
    readers = [reader for at, reader in enumerate(people.values()) if (number + at) % 3]
    if not draft:
        post.liked_by.add(*readers)
