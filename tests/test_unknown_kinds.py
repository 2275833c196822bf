"""Entries that a newer version wrote: shown as such on every page, and in the way of nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard import pipeline
from dashboard.events import Entry, Unknown, decode
from dashboard.journal import open_journal
from dashboard.journal.base import Journal
from dashboard.query import parse
from dashboard.stream.digests import digest
from dashboard.stream.unknowns import MAX_KINDS, OTHERS, Unknowns

from .samples import TRACE, admin_add
from .test_consumer import Socket, ended

__all__ = ["ended"]

ROW = "an entry of kind hologram, written by a newer version"
HOSTILE = "<script>alert(1)</script>"

pytestmark = pytest.mark.django_db


def newer(kind: str = "hologram", **fields: object) -> Entry:
    """Return an entry as another version writes it."""
    now = datetime.now(UTC).isoformat()
    return decode(json.dumps({"kind": kind, "at": now, "trace": TRACE, "depth": 3} | fields))


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    held = open_journal(journal_url)
    held.append([*admin_add(), newer(said=HOSTILE)])
    yield held
    held.close()
    pipeline.stop()


@pytest.fixture
def staff(client: Client, journal: Journal) -> Client:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def text_of(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, (path, response.content[:400])
    return response.getvalue().decode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "?layout=flat",
        "?q=sender:nobody",
        "?after=0&upto=100",
        "history/",
        "history/?layout=flat",
        f"traces/{TRACE}/",
        f"rows/{TRACE}/",
    ],
)
def test_it_has_a_row_that_leads_to_it(staff: Client, journal: Journal, path: str) -> None:
    shown = text_of(staff, f"/signals/{path}", **({"HX-Request": "true"} if "rows" in path else {}))
    assert shown.count(ROW) >= 1
    assert f'"/signals/entries/{journal.head().seq}/"' in shown


@pytest.mark.parametrize("part", [False, True])
def test_its_json_is_shown_escaped(staff: Client, journal: Journal, part: bool) -> None:
    shown = text_of(
        staff, f"/signals/entries/{journal.head().seq}/", **({"HX-Request": "true"} if part else {})
    )
    assert ROW in shown
    assert "&quot;depth&quot;: 3" in shown
    assert HOSTILE not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert f"/signals/traces/{TRACE}/" in shown


def test_its_json_is_cut(staff: Client, journal: Journal) -> None:
    journal.append([newer(long="x" * 200_000)])
    shown = text_of(staff, f"/signals/entries/{journal.head().seq}/")
    assert "cut here" in shown
    assert len(shown) < 150_000


def test_the_one_before_it_is_a_link_away_and_an_entry_of_a_known_kind_is_not_here(
    staff: Client, journal: Journal
) -> None:
    first = journal.head().seq
    journal.append([newer("other"), newer()])
    assert f'"/signals/entries/{first}/"' in text_of(staff, f"/signals/entries/{first + 2}/")
    for seq in (1, 0, first + 3, 10**30):
        assert staff.get(f"/signals/entries/{seq}/").status_code == 404


def test_a_hostile_kind_is_shown_short_and_not_obeyed(staff: Client, journal: Journal) -> None:
    journal.append(
        [newer(f"{HOSTILE}{'x' * 5_000}"), newer("emission", id=7), newer(at="2026-01-01T12:00:00")]
    )
    for path in ("", "?layout=flat", "history/", f"traces/{TRACE}/"):
        shown = text_of(staff, f"/signals/{path}")
        assert HOSTILE not in shown
        assert "x" * 100 not in shown
        assert "an entry of kind emission, written by a newer version" in shown


@pytest.mark.parametrize(
    "path",
    [
        "graph/",
        "receivers/",
        f"compare/?a={TRACE}&b={TRACE}",
        f"traces/{TRACE}/export/otlp/",
        f"traces/{TRACE}/export/chrome/",
        f"traces/{TRACE}/export/json/",
        "export/",
        "query/complete/?q=si",
        "history/replay/?after=0&upto=100",
    ],
)
def test_it_is_in_the_way_of_nothing(staff: Client, journal: Journal, path: str) -> None:
    journal.append([newer(trace=""), newer(trace=[1], cause=5, duration_us="long", process="none")])
    response = staff.get(f"/signals/{path}")
    assert response.status_code == 200
    assert response.getvalue()


async def test_it_arrives_on_a_page_that_is_open(journal: Journal) -> None:
    for layout in ("tree", "flat"):
        socket = Socket(address=f"/ws/signals/?layout={layout}")
        await socket.open(pipeline.journal())
        journal.append([newer(), newer()])
        assert "2 entries of kind hologram, written by a newer version" in await socket.hear_until(
            "row-unknown"
        )
        await socket.leave()


def test_however_many_there_are_a_kind_has_one_row_that_counts_them(staff: Client, journal: Journal) -> None:
    journal.append([newer() for _ in range(2_999)])
    shown = text_of(staff, "/signals/")
    assert "3,000 entries of kind hologram, written by a newer version" in shown
    assert shown.count("row-unknown") == 1


def test_however_many_kinds_there_are_the_rows_are_few_and_each_entry_is_counted() -> None:
    entries = [newer(f"kind{number % 50}") for number in range(200)]
    whole = Unknowns()
    for start in range(0, 200, 40):
        made = digest(entries[start : start + 40], parse(""), start, start + 40, lambda trace, upto: None)
        whole.add(made.unknowns)
    assert len(list(whole)) == MAX_KINDS + 1
    assert sum(times for _, times in whole) == 200
    assert whole.times[OTHERS] == 160


def test_a_trace_of_nothing_else_has_a_page(staff: Client, journal: Journal) -> None:
    journal.append([newer(trace="t7")])
    shown = text_of(staff, "/signals/traces/t7/")
    assert ROW in shown
    assert isinstance(journal.read_trace("t7", 10)[0], Unknown)
