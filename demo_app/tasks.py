"""What a worker does, where there is one: ``celery -A config worker``.

Comes in: a newsletter and a post. Goes out: the letter, and the signal ``newsletter_sent``; by a worker
where ``CELERY_BROKER_URL`` names a broker, at once where it does not.
"""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.db import transaction

from . import mail
from .models import Newsletter, Post
from .signals import newsletter_sent


def send_issue(newsletter: Newsletter, post: Post) -> None:
    """Send the issue about a post: by a worker once the post is committed, or now if there is none."""
    if settings.CELERY_BROKER_URL and not mail.is_quiet():
        # Robust: a post is published also while the broker is away. Django 5.2 asks what fails for its
        # __qualname__, which a partial lacks.
        transaction.on_commit(lambda: deliver_issue.delay(newsletter.pk, post.pk), robust=True)
    else:
        _deliver(newsletter, post)


@shared_task(ignore_result=True)
def deliver_issue(newsletter_pk: int, post_pk: int) -> None:
    """Send the issue. Raises ``DoesNotExist`` where newsletter or post was deleted meanwhile."""
    _deliver(Newsletter.objects.get(pk=newsletter_pk), Post.objects.get(pk=post_pk))


def _deliver(newsletter: Newsletter, post: Post) -> None:
    addresses = list(newsletter.subscriptions.values_list("user__email", flat=True))
    recipients = mail.issue(newsletter, post, addresses)
    newsletter_sent.send_robust(sender=Newsletter, instance=newsletter, recipients=recipients)
