"""Fixtures of all tests: nothing of the developer's is touched, and nothing stays patched.

Recording is off unless a test takes ``recording``. Databases and journals are files in pytest's
temporary folder.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import signals
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

import dashboard
from dashboard import pipeline
from dashboard.stream import fragments

from . import packaged
from .hearing import Heard, hearing
from .postgres_server import PostgresServer
from .redis_server import RedisServer

METHODS = ("send", "send_robust", "asend", "asend_robust")
IGNORED = (signals.pre_init, signals.post_init, signals.class_prepared)

# Django started with recording on, as everywhere. From here on the tests decide.
dashboard.uninstall()
UNTOUCHED = [vars(Signal)[name] for name in METHODS]


def still_patched() -> list[str]:
    """Name what Signalscope has replaced in Django's signals and not put back."""
    return [
        *(name for name, own in zip(METHODS, UNTOUCHED, strict=True) if vars(Signal)[name] is not own),
        *(f"{name} of {signal}" for signal in IGNORED for name in METHODS if name in vars(signal)),
    ]


@pytest.fixture(autouse=True)
def nothing_left_patched() -> Iterator[None]:
    """Fails a test that leaves Django's signals changed, or that finds them so."""
    assert still_patched() == [], "an earlier test left Django's signals patched"
    yield
    assert still_patched() == []


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test's journal begins at seq 1, so rows rendered for another's would be taken for its own."""
    fragments.forget()


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """A page that a test asked for opened a journal, which the next test must not read."""
    yield
    pipeline.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the test database in a file: servers and threads of a test open it too.

    A server's, which ``tests/test_postgres.py`` names in ``DATABASE_URL``, is made by Django.
    """
    folder = tmp_path_factory.mktemp("database")
    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.settings_dict["TEST"]["NAME"] = str(folder / f"{connection.alias}.sqlite3")


@pytest.fixture(autouse=True)
def files(settings: LazySettings, tmp_path: Path) -> None:
    """Put uploads in the test's own folder, and serve static files."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that this repository builds."""
    folder = tmp_path_factory.mktemp("wheel")
    packaged.run(sys.executable, *packaged.PIP, "wheel", "--no-deps", "--wheel-dir", folder, packaged.ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a Redis server that the tests share: each uses keys of its own, and disturbs nobody."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a PostgreSQL server that the tests share: each makes a database of its own."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Where a journal in Redis is: no keys yet, and nobody else's."""
    return f"{redis_server.url}?prefix=test-{uuid.uuid4().hex}"


@pytest.fixture
def journal_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Where this test's journal is: an empty file of its own, and the settings lead to it."""
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", url)
    return url


@pytest.fixture
def recording(journal_url: str, nothing_left_patched: None) -> Iterator[None]:
    """Record during the test, into ``journal_url``."""
    dashboard.install()
    yield
    dashboard.uninstall()


@pytest.fixture
def no_other_receivers() -> Iterator[None]:
    """Only what a test connects is connected to the signals of models."""
    watched: list[Any] = [pre_save, post_save, pre_delete, post_delete, m2m_changed]
    before = [signal.receivers for signal in watched]
    for signal in watched:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    yield
    for signal, receivers in zip(watched, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What is heard during the test."""
    with hearing() as heard:
        yield heard


@pytest.fixture
def connect() -> Iterator[Callable[..., None]]:
    """Connects receivers for the test alone: signal, receiver, sender."""
    connected: list[tuple[Signal, Any, Any]] = []

    def connect(signal: Signal, receiver: Callable[..., Any], sender: Any = None) -> None:
        signal.connect(receiver, sender=sender, weak=False)
        connected.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


@pytest.fixture
def other(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[str]:
    """Return the alias of a second database, that has groups only.

    Not for a test marked ``django_db``: that allows only the databases it knew when it began.
    """
    alias = "other"
    with django_db_blocker.unblock(), second_database(connections["default"], tmp_path) as name:
        connections.databases[alias] = connections.databases["default"] | {"NAME": name}
        with connections[alias].schema_editor() as editor:
            for model in (ContentType, Permission, Group):
                editor.create_model(model)
        yield alias
        Group.objects.all().delete()
        connections[alias].close()
    del connections[alias]
    del connections.databases[alias]


@contextmanager
def second_database(first: BaseDatabaseWrapper, folder: Path) -> Iterator[str]:
    """Yield the name of an empty database beside the first: a file, or another on its server."""
    if first.vendor == "sqlite":
        yield str(folder / "other.sqlite3")
        return
    name = f"other-{uuid.uuid4().hex}"
    with first._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield name
    with first._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')
