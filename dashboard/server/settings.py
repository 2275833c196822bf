"""The settings of the dashboard's own process: the project's, but for what serves the pages.

Comes in: the project's settings module, named by the environment. Goes out: the same settings with URLs,
middleware, templates and static files of our own. Apps and databases stay: the apps' receivers are what
the graph shows, and users sign in with the project's accounts.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from . import HOSTS, PROJECT_SETTINGS

_package = __name__.rpartition(".server")[0]
_project = import_module(os.environ[PROJECT_SETTINGS])
_given: dict[str, Any] = {name: getattr(_project, name) for name in dir(_project) if name.isupper()}
globals().update(_given)

_apps = list(_given.get("INSTALLED_APPS", ()))
_loopback = ["localhost", "127.0.0.1", "[::1]"]


def _installed(name: str) -> bool:
    return any(app == name or app.startswith(f"{name}.apps.") for app in _apps)


def _middleware() -> list[str]:
    chosen = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    # Sessions that are kept in cookies or a cache need no app.
    if _installed("django.contrib.sessions") or "SESSION_ENGINE" in _given:
        chosen.insert(0, "django.contrib.sessions.middleware.SessionMiddleware")
        if _installed("django.contrib.auth"):
            chosen.append("django.contrib.auth.middleware.AuthenticationMiddleware")
    return [*chosen, "django_htmx.middleware.HtmxMiddleware"]


def _template_folders() -> list[Any]:
    return [folder for engine in _given.get("TEMPLATES", ()) for folder in engine.get("DIRS", ())]


INSTALLED_APPS = [
    *_apps,
    *(app for app in ("django.contrib.staticfiles", "django_htmx") if not _installed(app)),
]
MIDDLEWARE = _middleware()
ROOT_URLCONF = f"{_package}.server.urls"
ASGI_APPLICATION = f"{_package}.server.application.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": _template_folders(),
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
ALLOWED_HOSTS = [*_given.get("ALLOWED_HOSTS", ()), *_loopback, *os.environ.get(HOSTS, "").split(",")]
FORCE_SCRIPT_NAME = None
# A browser would not send these pages a cookie for a path of the project's.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "signalscope:live"
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    **_given.get("STORAGES", {}),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
BASE_DIR = _given.get("BASE_DIR", Path.cwd())
# This process is where one looks, not what is looked at. Scenarios are pages of the project's own.
SIGNALSCOPE = {**_given.get("SIGNALSCOPE", {}), "ENABLED": False, "SCENARIOS": ""}
