"""What follows when users come, log in, log out or fail to.

Comes in: ``post_save`` of ``User`` and the three auth signals. Goes out: profiles, subscriptions,
a letter, the audit log.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from .. import audit, mail
from ..models import Newsletter, Profile, Subscription
from ..tallies import Tally
from .maintenance import NEWSLETTER


@receiver(post_save, sender=User, dispatch_uid="demo_app.create_profile")
def create_profile(instance: User, created: bool, raw: bool, using: str, **kwargs: Any) -> None:
    """Give a new user a profile."""
    if created and not raw:
        Profile.objects.using(using).get_or_create(user=instance)


@receiver(post_save, sender=User)
def subscribe_reader(instance: User, created: bool, raw: bool, using: str, **kwargs: Any) -> None:
    """Subscribe a new user with an address to the magazine's newsletter."""
    if raw or not created or not instance.email:
        return
    newsletter = Newsletter.objects.using(using).filter(slug=NEWSLETTER[0]).first()
    if newsletter:
        Subscription.objects.using(using).create(newsletter=newsletter, user=instance)


@receiver(post_save, sender=User)
def send_welcome_email(instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    """Greet a new user."""
    if created and not raw:
        mail.welcome(instance)


@receiver(user_logged_in)
def record_last_login(user: User, request: HttpRequest, **kwargs: Any) -> None:
    """Count the login in the profile, and keep where it came from."""
    profile, _ = Profile.objects.get_or_create(user=user)
    profile.login_count += 1
    profile.last_login_from = request.META.get("REMOTE_ADDR") or None
    profile.save(update_fields=["login_count", "last_login_from"])


@receiver(user_logged_out)
def note_logout(user: User | None, **kwargs: Any) -> None:
    """Write a logout into the audit log; an expired session has no user."""
    if user is not None:
        audit.record("logged out", user.get_username())


class FailedLogins:
    """Counts failed logins by user name. Only its registration holds it, so that must be strong."""

    def __init__(self) -> None:
        self.tally = Tally()

    def __call__(self, credentials: dict[str, Any], **kwargs: Any) -> None:
        """Write the failure into the audit log, the name and never the password."""
        name = str(credentials.get("username", ""))[:150]
        audit.record("login failed", name, f"failure {self.tally.add(name)} since the server started")


user_login_failed.connect(FailedLogins(), weak=False, dispatch_uid="demo_app.failed_logins")
