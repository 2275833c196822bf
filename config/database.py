"""The demo's database: SQLite in a file, or PostgreSQL where ``DATABASE_URL`` says so.

Comes in: a URL as libpq writes it (https://www.postgresql.org/docs/current/libpq-connect.html), what
follows its ``?`` being libpq's own parameters; or a folder. Goes out: an entry for ``DATABASES``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SCHEMES = {"postgres", "postgresql"}


def postgresql(url: str) -> dict[str, Any]:
    """Return what ``url`` names. Raises ``ImproperlyConfigured`` for another kind, or without a name."""
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in SCHEMES or not name:
        # Without the part that may hold a password.
        raise ImproperlyConfigured(
            f"DATABASE_URL is no PostgreSQL URL with a database: its scheme is {parts.scheme!r}, its name "
            f"{name!r}. Write postgres://USER:PASSWORD@HOST:5432/NAME, or leave it out for SQLite."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def sqlite(folder: Path) -> dict[str, Any]:
    """Return the database in a file of this folder."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / "demo.sqlite3",
        # The demo writes from several threads: wait for the lock, and take it when a transaction begins.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL",
        },
        "TEST": {"NAME": folder / "test.sqlite3"},
    }
