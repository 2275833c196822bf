"""``manage.py seed_demo``: fill an empty magazine. Run again, it changes nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from ... import mail
from ...auth import DEMO_LOGIN
from ...seed import issue


class Command(BaseCommand):
    """Makes the demo's content, and its login while DEBUG is on."""

    help = "Fill the demo site with people, posts, comments and likes, and make the login admin / admin."
    requires_migrations_checks = True

    def handle(self, *args: Any, **options: Any) -> None:
        """Make content and login unless they are there, and say so in a line or two."""
        with mail.quiet():
            posts = issue.load()
            self.stdout.write(f"Longwave: {posts} posts added." if posts else "Longwave has its posts.")
            self._make_login()

    def _make_login(self) -> None:
        username, password = DEMO_LOGIN
        if User.objects.filter(username=username).exists():
            return
        if not settings.DEBUG:
            self.stderr.write(
                f"The login {username} / {password} was not made, because DEBUG is off. "
                "Make one of your own with manage.py createsuperuser."
            )
            return
        User.objects.create_superuser(username, f"{username}@example.com", password)
        self.stdout.write(f"Login: {username} / {password}")
