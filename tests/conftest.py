"""Fixtures of all tests: nothing of the developer's is touched, and nothing stays patched.

Recording is off unless a test takes ``recording``. Databases and journals are files in pytest's
temporary folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connections
from django.db.models import signals
from django.dispatch import Signal

import dashboard
from dashboard.stream import fragments

METHODS = ("send", "send_robust", "asend", "asend_robust")
IGNORED = (signals.pre_init, signals.post_init)

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


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the test database in a file: servers and threads of a test open it too."""
    folder = tmp_path_factory.mktemp("database")
    for connection in connections.all():
        connection.settings_dict["TEST"]["NAME"] = str(folder / f"{connection.alias}.sqlite3")


@pytest.fixture(autouse=True)
def files(settings: LazySettings, tmp_path: Path) -> None:
    """Put uploads in the test's own folder, and serve static files from where they stand."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


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
