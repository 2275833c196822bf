"""A project in another language: the pages' own text is English, and its numbers stay numbers.

Django writes 12.5 as 12,5 in a template where the language does, which no SVG and no address understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.templatetags.static import static
from django.test import Client
from django.utils import translation

from dashboard import pipeline
from dashboard.journal import open_journal
from dashboard.journal.base import Journal

from .livepage import traces
from .samples import TRACE, admin_add

ONCE = re.compile(
    r'"\w{64}"|nonce-[^\']+|[0-9.]+ [sm] ago|\b[0-9a-f]{16}\b|\bpid [^;]*;|\d+\.\d{3,}'
    r"|20\d\d-\d\d-\d\dT[\d:%AZ]+|(?:request-exception|template-render)-\d+"
)
"""What no two requests have in common."""

PAGES = [
    "/signals/",
    "/signals/?view=flat",
    f"/signals/traces/{TRACE}/",
    "/signals/emissions/e1/",
    "/signals/history/",
    "/signals/receivers/",
    "/signals/graph/",
]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    held.append(traces(10, 700, 2, duration_us=12_345_678))
    held.append(admin_add())
    yield held
    held.close()


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user("ada", is_staff=True))
    # The storage of static files listens to setting_changed, as the graph shows, and is made on first use.
    static("signalscope/js/page.js")
    return client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_the_same_in_a_german_project(
    journal: Journal, staff: Client, settings: LazySettings, path: str
) -> None:
    plain = staff.get(path)
    assert plain.status_code == 200
    settings.LANGUAGE_CODE = "de"
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        answer = staff.get(path)
    assert parting(*(ONCE.sub("·", each.content.decode()) for each in (answer, plain))) == ("", "")


def parting(one: str, other: str) -> tuple[str, str]:
    """Return of both where they first differ, nothing where they are the same."""
    pairs = enumerate(zip_longest(one, other))
    at = next((place for place, (this, that) in pairs if this != that), None)
    return ("", "") if at is None else (one[max(at - 40, 0) : at + 20], other[max(at - 40, 0) : at + 20])
