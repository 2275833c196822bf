"""What must be there before anything else: default rows, a tuned connection.

Comes in: ``post_migrate`` and ``connection_created``. Goes out: the default tags and newsletter,
and SQLite's ``synchronous`` setting.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

TAGS = {"radio": "Radio", "sea": "Sea", "sky": "Sky", "sound": "Sound", "time": "Time"}
NEWSLETTER = ("longwave-letter", "The Longwave letter")


def create_defaults(using: str, apps: Apps = installed_apps, **kwargs: Any) -> None:
    """Make the default tags and the newsletter where there are none at all."""
    try:
        tag, newsletter = apps.get_model("demo_app", "Tag"), apps.get_model("demo_app", "Newsletter")
    except LookupError:
        # Migrated back to where the tables do not exist.
        return
    if not router.allow_migrate_model(using, tag):
        return
    tags, newsletters = tag._base_manager.using(using), newsletter._base_manager.using(using)
    if not tags.exists():
        for slug, name in TAGS.items():
            tags.create(slug=slug, name=name)
    if not newsletters.exists():
        newsletters.create(slug=NEWSLETTER[0], name=NEWSLETTER[1])


@receiver(connection_created)
def tune_sqlite(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let SQLite sync less often, which is safe with its write-ahead log.

    https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = NORMAL")
