"""The key sheet: a key is listed where the page has what it is for, and nowhere else."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard import pipeline
from dashboard.events import encode
from dashboard.journal import Journal, open_journal

from .samples import TRACE, admin_add
from .test_sessions import packed

pytestmark = pytest.mark.django_db

NEEDS = {
    "Space": ('id="pause"',),
    "/": ('id="query"', 'id="find"'),
    "J": ('role="treegrid"', 'class="tablewrap"'),
    "M": ('role="treegrid"',),
    "C": ('data-action="clear"',),
    "F": ("data-layout-link",),
    "T": ('id="jump"',),
    "X": ('id="axis"',),
    "1": ("data-channel=",),
    "+": ('data-action="zoom-in"',),
}
"""What must be on a page for a key: one of these."""

PAGES = (
    "",
    "?layout=flat",
    "?upto=4&after=0",
    "graph/",
    "receivers/",
    "history/",
    "history/replay/?after=0&upto=4",
    f"traces/{TRACE}/",
    "traces/none/",
    "sessions/",
    "compare/",
    "sessions/web/",
    "sessions/web/graph/",
    "sessions/web/receivers/",
    "sessions/web/history/",
    f"sessions/web/traces/{TRACE}/",
)


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    held = open_journal(journal_url)
    held.append(admin_add())
    yield held
    held.close()
    pipeline.stop()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lists_the_keys_that_work_on_it(path: str, journal: Journal, client: Client) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    pipeline.sessions().add(io.BytesIO(packed(*map(encode, admin_add()))), "web.jsonl.gz")

    page = client.get(f"/signals/{path}").content.decode()
    body, sheet = page.split('<dialog class="keys-sheet"')
    told = set(re.findall(r"<kbd>([^<]+)</kbd>", sheet.split("G</kbd> then")[0].split("</form>")[0]))
    works = {key for key, needs in NEEDS.items() if any(need in body for need in needs)}

    assert told & set(NEEDS) == works
