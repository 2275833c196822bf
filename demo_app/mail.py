"""The letters that the magazine sends, through Django's mail.

Comes in: users, posts, a newsletter. Goes out: one message each, by the configured backend, or
nowhere inside ``quiet()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from .models import Newsletter, Post

_quiet: ContextVar[bool] = ContextVar("demo_app_mail_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Write every message, and deliver none: for the seed, which would fill the console."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def is_quiet() -> bool:
    """Return whether letters go nowhere now."""
    return _quiet.get()


def welcome(user: User) -> None:
    """Greet a new reader; one without an address gets nothing."""
    _deliver("Welcome to Longwave", f"Hello {user.get_username()},\n\nglad to have you.", to=[user.email])


def published(post: Post) -> None:
    """Tell the author that the post is public."""
    text = f"Your post is live: {post.get_absolute_url()}"
    _deliver(f"Published: {post.title}", text, to=[post.author.email])


def milestone(post: Post, views: int) -> None:
    """Tell the author that many have looked at the post."""
    _deliver(f"{views:,} views: {post.title}", "People are reading you.", to=[post.author.email])


def issue(newsletter: Newsletter, post: Post, addresses: Sequence[str]) -> int:
    """Send the newsletter about a post as one message, and return to how many."""
    text = f"{post.title}\n\n{post.standfirst}\n\n{post.get_absolute_url()}"
    return _deliver(f"{newsletter.name}: {post.title}", text, bcc=addresses)


def _deliver(subject: str, body: str, to: Sequence[str] = (), bcc: Sequence[str] = ()) -> int:
    to, bcc = [address for address in to if address], [address for address in bcc if address]
    if not to and not bcc:
        return 0
    message = EmailMessage(
        # A line break in a header is refused: a title may hold one.
        subject=" ".join(subject.split()),
        body=body,
        to=to,
        bcc=bcc,
    )
    if _quiet.get():
        message.message()
    else:
        message.send()
    return len(to) + len(bcc)
