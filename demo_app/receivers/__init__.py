"""The receivers, one module per subject. Importing a module connects what it holds.

Comes in: every built-in signal an app can receive, and the magazine's own. Goes out: thumbnails,
the search index, the feed cache, like counts, letters, the audit log, profiles, counters.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


def connect(app: AppConfig) -> None:
    """Connect everything, once Django is ready. ``DEMO_WATCH_INIT`` adds the instance counter."""
    from . import accounts, announcements, likes, maintenance, posts, requests  # noqa: F401

    post_migrate.connect(maintenance.create_defaults, sender=app)
    if settings.DEMO_WATCH_INIT:
        from . import instances  # noqa: F401
