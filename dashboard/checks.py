"""System checks: what would keep Signalscope from working in this project, with the remedy.

Comes in: the project's settings. Goes out: errors (``signalscope.E…``) for what breaks a page,
warnings (``signalscope.W…``) for what only takes something away. ``docs/settings.md`` lists them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.urls import Resolver404, get_script_prefix, resolve, reverse
from django.utils.module_loading import import_string

from . import access, addresses, conf

NOT_A_DICT = "signalscope.E001"
UNKNOWN_KEY = "signalscope.E002"
WRONG_VALUE = "signalscope.E003"
ACCESS_UNUSABLE = "signalscope.E004"
SCENARIOS_UNUSABLE = "signalscope.E005"
HTMX_APP_MISSING = "signalscope.E006"
TEMPLATES_MISSING = "signalscope.E007"
REDIS_MISSING = "signalscope.E008"
NO_ASGI_APPLICATION = "signalscope.W001"
NO_CHANNELS = "signalscope.W002"
NO_STATICFILES = "signalscope.W003"
JOURNAL_NOT_WRITABLE = "signalscope.W004"
NO_AUTHENTICATION = "signalscope.W005"
NO_LOGIN_PAGE = "signalscope.W006"
ADMIN_FIRST = "signalscope.W007"
PUBLIC_IN_DEBUG = "signalscope.W008"
PUBLIC_WITH_ACCESS = "signalscope.W009"
NO_STAFF = "signalscope.W010"

PAGE_TEMPLATE = "signalscope/base.html"

_AUTHENTICATION_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"

Messages = Iterator[checks.CheckMessage]


def register() -> None:
    """Register all checks with Django. Registering twice changes nothing."""
    for check in (check_settings, check_project, check_live, check_journal, check_access):
        checks.register(check, "signalscope")
    checks.register(check_public, "signalscope", checks.Tags.security)


def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Return an error for each key of ``SIGNALSCOPE`` that is unknown, wrong, or names nothing usable."""
    known = {field.name for field in msgspec.structs.fields(conf.Settings)}
    found: list[checks.CheckMessage] = []
    for key, message, hint in conf.problems():
        fault = NOT_A_DICT if not key else WRONG_VALUE if key in known else UNKNOWN_KEY
        found.append(checks.Error(message, hint, id=fault))
    return [*found, *_unusable_access(), *_unusable_scenarios()]


def _unusable_access() -> Messages:
    problem = access.resolve().problem
    if problem:
        yield checks.Error(
            f"SIGNALSCOPE['ACCESS'] cannot be used, so nobody may open Signalscope: {problem}.",
            "Give the dotted path of a function f(user) -> bool, or leave the key out for active staff.",
            id=ACCESS_UNUSABLE,
        )


def _unusable_scenarios() -> Messages:
    path = conf.get().SCENARIOS
    if not path:
        return
    try:
        problem = "" if callable(import_string(path)) else "it is not callable"
    except Exception as error:  # noqa: BLE001  (importing a project's module can raise anything)
        problem = f"{type(error).__name__}: {error}"
    if problem:
        yield checks.Error(
            f"SIGNALSCOPE['SCENARIOS'] is {path!r}, which cannot be used: {problem}.",
            "Give the dotted path of a callable that returns the scenarios, or leave the key out.",
            id=SCENARIOS_UNUSABLE,
        )


def check_project(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return what the pages need of apps, middleware and templates and do not find."""
    return [*_htmx(), *_templates(), *_staticfiles(), *_admin()] if _mounted() else []


def _mounted() -> bool:
    """Return whether the project has the pages: recording alone, with ``signals serve``, needs nothing."""
    try:
        reverse("signalscope:live")
    except Exception:  # noqa: BLE001  (a project's broken URLconf is told by Django's own checks)
        return False
    return True


def _htmx() -> Messages:
    if not apps.is_installed("django_htmx"):
        yield checks.Error(
            "'django_htmx' is not in INSTALLED_APPS, and the pages load htmx from it.",
            "Add 'django_htmx' to INSTALLED_APPS.",
            id=HTMX_APP_MISSING,
        )


def _admin() -> Messages:
    names = [config.name for config in apps.get_app_configs()]
    own = apps.get_app_config("signalscope").name
    if "django.contrib.admin" in names and names.index("django.contrib.admin") < names.index(own):
        yield checks.Warning(
            f"'django.contrib.admin' stands before {own!r} in INSTALLED_APPS: its templates are found first, "
            "and it gets no links to Signalscope.",
            f"Put {own!r} before 'django.contrib.admin'.",
            id=ADMIN_FIRST,
        )


def _has_middleware(path: str) -> bool:
    if path in settings.MIDDLEWARE:
        return True
    wanted = import_string(path)
    for other in settings.MIDDLEWARE:
        try:
            kind = import_string(other)
        except ImportError:
            continue  # Django itself reports it when the handler loads.
        if isinstance(kind, type) and issubclass(kind, wanted):
            return True
    return False


def _templates() -> Messages:
    backends = [engine for engine in engines.all() if isinstance(engine, DjangoTemplates)]
    if not any(_can_load(backend) for backend in backends):
        seen = "TEMPLATES names no DjangoTemplates backend" if not backends else "no backend finds it"
        yield checks.Error(
            f"The template {PAGE_TEMPLATE!r} cannot be loaded: {seen}.",
            "Configure django.template.backends.django.DjangoTemplates in TEMPLATES, with Signalscope's "
            "templates folder in DIRS or 'APP_DIRS': True.",
            id=TEMPLATES_MISSING,
        )


def _can_load(backend: DjangoTemplates) -> bool:
    try:
        backend.get_template(PAGE_TEMPLATE)
    except TemplateDoesNotExist:
        return False
    except TemplateSyntaxError:
        return True  # Found. What it lacks (a tag library of django_htmx) has a check of its own.
    return True


def _staticfiles() -> Messages:
    if not apps.is_installed("django.contrib.staticfiles") or not settings.STATIC_URL:
        yield checks.Warning(
            "'django.contrib.staticfiles' is not in INSTALLED_APPS or STATIC_URL is not set, so nothing "
            "serves Signalscope's style sheets and scripts.",
            "Add 'django.contrib.staticfiles' to INSTALLED_APPS and set STATIC_URL, say to 'static/'.",
            id=NO_STATICFILES,
        )


def check_live(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return warnings where the websocket cannot work; the pages do without it, and stand still."""
    if not _mounted():
        return []
    found: list[checks.CheckMessage] = []
    if find_spec("channels") is None:
        found.append(
            checks.Warning(
                "'channels' is not installed, so the pages do not update by themselves.",
                "Install channels and daphne, and route Signalscope's websocket in ASGI_APPLICATION.",
                id=NO_CHANNELS,
            )
        )
    if not getattr(settings, "ASGI_APPLICATION", None):
        found.append(
            checks.Warning(
                "ASGI_APPLICATION is not set, so no server answers Signalscope's websocket and the pages do "
                "not update by themselves.",
                f"Set ASGI_APPLICATION to an application that routes {__package__}.routing, and "
                "put 'daphne' first in INSTALLED_APPS for runserver.",
                id=NO_ASGI_APPLICATION,
            )
        )
    return found


def check_journal(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return a warning when this process cannot write the journal's file, an error when it has no client.

    A Redis server is not asked: a build that checks the project has none. The page says what it answers.
    """
    address = addresses.parse(conf.get().JOURNAL)
    if isinstance(address, addresses.RedisAddress):
        return [*_redis_client()]
    file = Path(address.path).absolute()
    folder = file.parent
    if not folder.is_dir():
        problem = f"the folder {str(folder)!r} does not exist"
    elif not os.access(folder, os.W_OK | os.X_OK):
        problem = f"the folder {str(folder)!r} is not writable"
    elif file.exists() and not (file.is_file() and os.access(file, os.W_OK)):
        problem = f"{str(file)!r} is not a file that can be written"
    else:
        return []
    return [
        checks.Warning(
            f"The journal cannot be written, so nothing is kept: {problem}.",
            "Make the folder and give this process's user write permission, or set SIGNALSCOPE['JOURNAL'].",
            id=JOURNAL_NOT_WRITABLE,
        )
    ]


def _redis_client() -> Messages:
    if find_spec("redis") is None:
        yield checks.Error(
            f"SIGNALSCOPE['JOURNAL'] is {addresses.shown(conf.get().JOURNAL)!r}, and Redis' client library "
            "'redis' is not installed, so nothing is kept.",
            'Install it: pip install "redis>=5,<9". Or keep the journal in a file: sqlite:///path.',
            id=REDIS_MISSING,
        )


def check_access(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return warnings where nobody can sign in to be let in."""
    if conf.get().ACCESS or conf.get().PUBLIC or not _mounted():
        return []
    return [*_authentication(), *_staff(), *_login_page()]


def check_public(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return warnings where everybody may look and something speaks against it."""
    found: list[checks.CheckMessage] = []
    if not conf.get().PUBLIC:
        return found
    if settings.DEBUG:
        found.append(
            checks.Warning(
                "SIGNALSCOPE['PUBLIC'] is on while DEBUG is on: Django's error pages show everybody "
                "settings, source and values.",
                "Set DEBUG = False where the pages are public, or leave PUBLIC out.",
                id=PUBLIC_IN_DEBUG,
            )
        )
    if conf.get().ACCESS:
        found.append(
            checks.Warning(
                f"SIGNALSCOPE['ACCESS'] is {conf.get().ACCESS!r} and is not asked, because "
                "SIGNALSCOPE['PUBLIC'] is on: everybody may look.",
                "Leave out one of the two.",
                id=PUBLIC_WITH_ACCESS,
            )
        )
    return found


def _authentication() -> Messages:
    if not apps.is_installed("django.contrib.auth") or not _has_middleware(_AUTHENTICATION_MIDDLEWARE):
        yield checks.Warning(
            "Signalscope is open to active staff users, and without 'django.contrib.auth' in INSTALLED_APPS "
            f"and {_AUTHENTICATION_MIDDLEWARE!r} in MIDDLEWARE no request has a user.",
            "Add both, or set SIGNALSCOPE['ACCESS'] to the dotted path of a function f(user) -> bool.",
            id=NO_AUTHENTICATION,
        )


def _staff() -> Messages:
    if apps.is_installed("django.contrib.auth") and not hasattr(get_user_model(), "is_staff"):
        yield checks.Warning(
            "Signalscope is open to active staff users, and the model that AUTH_USER_MODEL names, "
            f"{settings.AUTH_USER_MODEL!r}, has no 'is_staff', so nobody may look.",
            "Set SIGNALSCOPE['ACCESS'] to the dotted path of a function f(user) -> bool.",
            id=NO_STAFF,
        )


def _login_page() -> Messages:
    url = access.login_url()
    if url is None or not _leads_somewhere(url):
        yield checks.Warning(
            f"LOGIN_URL is {settings.LOGIN_URL!r}, which leads to no view of this project: who is not signed "
            "in cannot reach Signalscope.",
            "Set LOGIN_URL to the login page's path or URL name, for example 'admin:login'.",
            id=NO_LOGIN_PAGE,
        )


def _leads_somewhere(url: str) -> bool:
    parts = urlsplit(url)
    if parts.netloc:
        return True  # Another host's login page: nothing here can tell.
    try:
        resolve("/" + parts.path.removeprefix(get_script_prefix()))
    except Resolver404:
        return False
    return True
