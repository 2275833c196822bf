"""Public pages: everybody may look, nobody can do anything, and no value of the app's is anywhere to be read.

Comes in: a journal with values that would be seen if they were shown; every address there is. Goes out: what
a stranger is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import URLPattern, URLResolver

from dashboard import checks, conf, pipeline, security, urls
from dashboard.events import Bypass, Effect, Gap, Instance, Late, Raised, decode, encode
from dashboard.journal import JournalError, open_journal
from dashboard.journal.base import Journal
from dashboard.journal.veiled import AWAY
from dashboard.query import parse
from dashboard.stream import consumers
from dashboard.stream.consumers import FORBIDDEN, TOO_MANY
from dashboard.veil import veiled

from .samples import NOON, PROCESS, TRACE, boom, call, emission, origin
from .test_consumer import Socket

SECRET = "hunter2"
ARGUMENTS: dict[str, Any] = {
    "trace": TRACE,
    "id": "e1",
    "key": "none",
    "name": "none",
    "session": "none",
    "format": "svg",
    "seq": "7",
}


def entries() -> list[Any]:
    """Return a trace that holds the secret wherever an entry can hold a value of the app's."""
    error = Raised("builtins.ValueError", f"no {SECRET}", boom().frames[:1])
    error.frames = [type(error.frames[0])("a.py", 1, "f", f"raise ValueError('{SECRET}')", own=True)]
    raised = call(
        error=error,
        outcome="raised",
        mutations={"title": [SECRET, SECRET]},
        effects=[Effect("mail", f"to {SECRET}@example.com"), Effect("cache", f"set {SECRET}")],
    )
    process = type(PROCESS)(host=SECRET, pid=1, thread="MainThread")
    return [
        origin("opened", title=f"/reset/{SECRET}-{SECRET}/", process=process),
        emission(
            "e1",
            payload={"created": True, "token": SECRET},
            instance=Instance(pk=SECRET),
            calls=[raised],
            process=process,
            flags=["error"],
        ),
        Late(at=NOON, trace=TRACE, emission="e1", index=0, call=raised, process=process),
        Bypass(at=NOON, trace=TRACE, id="b1", operation="update", sender="demo_app.Post", rows=3),
        Gap(at=NOON, dropped=1, reason=f"while the journal failed: {SECRET}"),
        origin("closed", title=f"/reset/{SECRET}-{SECRET}/", user=SECRET, process=process),
        decode(b'{"kind": "newer", "at": "2026-01-01T12:00:00Z", "said": "%b"}' % SECRET.encode()),
    ]


@pytest.fixture
def public(settings: LazySettings, journal_url: str) -> Iterator[Journal]:
    """Show the journal of ``entries`` to everybody."""
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "JOURNAL": journal_url, "PUBLIC": True}
    pipeline.stop()
    held = open_journal(journal_url)
    held.append(entries())
    yield held
    held.close()
    pipeline.stop()
    consumers._followings.clear()


def patterns(held: list[Any], around: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in held:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, around + str(one.pattern))
        else:
            yield around + str(one.pattern), one


EVERY = list(patterns(urls.urlpatterns))


def address(route: str) -> str:
    for name, value in ARGUMENTS.items():
        route = route.replace(f"<str:{name}>", value).replace(f"<int:{name}>", value)
    assert "<" not in route, f"say in ARGUMENTS what stands for the variable in {route}"
    return f"/signals/{route}"


def test_of_each_address_it_has_been_decided_whether_it_is_public() -> None:
    names = {one.name for _, one in EVERY}
    assert names == security.PUBLIC | security.NOT_PUBLIC
    assert not security.PUBLIC & security.NOT_PUBLIC


@pytest.mark.django_db
def test_a_stranger_gets_what_is_public_and_nothing_else_and_never_a_value(public: Journal) -> None:
    client = Client()
    for route, pattern in EVERY:
        answer = client.get(address(route))
        text = answer.getvalue().decode()
        if pattern.name in security.PUBLIC and "<str:session>" not in route:
            assert answer.status_code in (200, 302, 404), route
            assert answer.headers.get("Location", "/signals/").startswith("/signals/"), route
        else:
            assert answer.status_code == 403, route
            assert "not public" in text, route
        assert SECRET not in text, route
        assert answer.headers["Content-Security-Policy"] == security.policy(), route


@pytest.mark.django_db
def test_nobody_can_do_anything_staff_included(public: Journal, admin_client: Client) -> None:
    for route, _ in EVERY:
        for method in ("post", "put", "patch", "delete"):
            assert getattr(admin_client, method)(address(route)).status_code == 403, (method, route)


@pytest.mark.django_db
def test_the_same_pages_show_the_values_where_they_are_not_public(
    public: Journal, settings: LazySettings, admin_client: Client
) -> None:
    shown = Client().get("/signals/emissions/e1/").content.decode()
    assert "[redacted]" in shown
    assert "ValueError" in shown
    pipeline.stop()
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "PUBLIC": False}
    assert SECRET in admin_client.get("/signals/emissions/e1/").content.decode()
    assert Client().get("/signals/emissions/e1/").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("query", [f"user:{SECRET}", f"pk:{SECRET}", SECRET, f"payload.token:{SECRET}"])
@pytest.mark.parametrize("path", ["", "history/"])
def test_no_filter_finds_out_what_is_not_shown(public: Journal, path: str, query: str) -> None:
    with_secret = Client().get(f"/signals/{path}", {"q": query}).content.decode()
    assert TRACE not in with_secret


@pytest.mark.django_db
def test_completion_offers_no_name_of_a_user(public: Journal) -> None:
    assert SECRET not in Client().get("/signals/query/complete/", {"q": "user:"}).content.decode()


@pytest.mark.django_db
def test_no_source_no_editor_no_button_is_offered(public: Journal, settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {
        **settings.SIGNALSCOPE,
        "EDITOR": "vscode",
        "SCENARIOS": "demo_app.scenarios.catalogue",
    }
    for path in ("", "receivers/", f"traces/{TRACE}/", "emissions/e1/", "graph/"):
        text = Client().get(f"/signals/{path}").content.decode()
        assert "vscode:" not in text
        assert '<code class="source"' not in text
        assert 'method="post"' not in text
        for hidden in ("/signals/sessions/", "/signals/presets/", "/signals/export/", "/signals/compare/"):
            assert hidden not in text


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: type(entry).__name__)
def test_an_entry_is_veiled_before_anything_is_made_of_it_and_stays_as_it_was(entry: Any) -> None:
    before = encode(entry)
    shown = encode(veiled(entry))
    assert SECRET.encode() not in shown
    assert encode(entry) == before


def test_a_public_journal_stores_and_deletes_nothing(public: Journal) -> None:
    journal = pipeline.journal()
    with pytest.raises(JournalError, match="only read"):
        journal.append([emission()])
    with pytest.raises(JournalError, match="only read"):
        journal.prune(0)
    assert journal.extent() == public.extent()
    assert journal.read_object("demo_app.Post", SECRET, None, 10) == []
    assert [parse("").matches(entry) for entry in journal.read(0, 10)]


def test_why_the_journal_cannot_be_read_is_not_public(settings: LazySettings, tmp_path: Any) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": "redis://nowhere.invalid:1/0?timeout=0.1", "PUBLIC": True}
    pipeline.stop()
    try:
        with pytest.raises(JournalError) as caught:
            pipeline.journal().head()
        assert str(caught.value) == AWAY
    finally:
        pipeline.stop()


def in_a_later_trace(entry: Any) -> Any:
    """Return the entry in another trace than that of ``entries``."""
    entry.trace = entry.trace and "c4" * 16
    return entry


# --- the socket ------------------------------------------------------------------------------------


async def test_a_stranger_follows_live_and_sees_no_value(public: Journal) -> None:
    socket = Socket(user=AnonymousUser())
    await socket.open(public)
    public.append([in_a_later_trace(entry) for entry in entries()])
    heard = ""
    while not socket.page.traces:
        heard += await socket.hear()
    assert "ValueError" in heard
    assert SECRET not in heard
    await socket.leave()


async def test_a_filter_on_the_socket_finds_nothing_out_either(public: Journal) -> None:
    socket = Socket(user=AnonymousUser(), address=f"/ws/signals/?layout=tree&q=user:{SECRET}")
    await socket.open(public)
    public.append([in_a_later_trace(entry) for entry in entries()])
    await socket.hear_until(f'id="seq">{public.head().seq}<')
    assert socket.page.traces == []
    await socket.leave()


async def test_no_more_sockets_are_served_than_the_public_is_granted(
    public: Journal, settings: LazySettings
) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "PUBLIC_SOCKETS": 1}
    first, second, third = (Socket(user=AnonymousUser()) for _ in range(3))
    await first.open(public)
    await first.hear()
    await second.open()
    assert await second.closed() == TOO_MANY
    await first.leave()
    await third.open(public)
    await third.hear()
    await third.leave()


@pytest.mark.parametrize("session", ["", "&session=web"])
async def test_a_replay_is_not_public(public: Journal, session: str) -> None:
    socket = Socket(user=AnonymousUser(), address=f"/ws/signals/?after=0&upto=5{session}")
    await socket.open(public)
    assert await socket.closed() == FORBIDDEN


# --- checks ----------------------------------------------------------------------------------------


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert conf.DEFAULTS.PUBLIC is False


def test_public_pages_in_debug_or_with_a_rule_are_warned_of(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"PUBLIC": True}
    assert checks.check_public() == []
    settings.DEBUG = True
    settings.SIGNALSCOPE = {"PUBLIC": True, "ACCESS": "dashboard.access.active_staff"}
    found = checks.check_public()
    assert [one.id for one in found] == [checks.PUBLIC_IN_DEBUG, checks.PUBLIC_WITH_ACCESS]
    assert all(one.hint for one in found)
    settings.SIGNALSCOPE = {}
    assert checks.check_public() == []
