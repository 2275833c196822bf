"""What is counted and noted of requests and saves; cheap, because it runs for every one.

Comes in: ``request_started``, ``request_finished``, ``got_request_exception``, ``post_save`` of all
models. Goes out: tallies in memory, and an audit entry for a request that failed.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.signals import got_request_exception, request_finished, request_started
from django.db import DatabaseError, models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from .. import audit, tallies

logger = logging.getLogger(__name__)


@receiver(request_started)
def count_request(**kwargs: Any) -> None:
    """Count a request that began."""
    tallies.requests.add("started")


@receiver(request_finished)
def count_answer(**kwargs: Any) -> None:
    """Count a request that was answered."""
    tallies.requests.add("finished")


@receiver(got_request_exception)
def note_exception(request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Write a request that failed into the audit log."""
    subject = request.path if request is not None else "unknown path"
    try:
        audit.record("request failed", subject, repr(sys.exc_info()[1]))
    except DatabaseError:
        # The request may have failed because of the database: its own error must stay the one shown.
        logger.exception("%s failed, and the audit log could not be written.", subject)


@receiver(post_save)
def count_save(sender: type[models.Model], **kwargs: Any) -> None:
    """Count a save of any model: a receiver for all senders."""
    tallies.saves.add(sender._meta.label)
