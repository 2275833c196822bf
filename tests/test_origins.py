"""What starts a trace: requests under every handler, commands, and what is hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from django.utils.functional import SimpleLazyObject

from dashboard.observers.origins import username

from .hearing import Heard, hearing

pytestmark = pytest.mark.django_db  # the test clients look after the connections themselves

touched = Signal()


def answer(request: HttpRequest, number: int = 0) -> HttpResponse:
    request.user = User(username="ann")
    touched.send("view")
    return HttpResponse("fine", status=201)


async def answer_async(request: HttpRequest) -> HttpResponse:
    await touched.asend("async view")
    return HttpResponse("fine")


class Equal(HttpResponse):
    """A response that compares itself, and so has no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    __hash__ = None  # type: ignore[assignment]


def equal(request: HttpRequest) -> HttpResponse:
    return Equal("fine")


def fail(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "a"

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("answer/<int:number>/", answer, name="answer"),
    path("async/", answer_async, name="async"),
    path("fail/", fail),
    path("equal/", equal),
    path("stream/", stream),
    path("signals/own/", answer),
    path("static/file.css", answer),
]


@pytest.fixture(autouse=True)
def connections_left_alone() -> Iterator[None]:
    """As Django's own test client does: the test's connection is not the request's to close."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with (
        override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]),
        hearing(hidden=("/static/",)) as heard,
    ):
        yield heard


def wsgi(path: str, method: str = "GET") -> Any:
    environ = RequestFactory().generic(method, path).environ
    handler: Any = WSGIHandler()
    return handler(environ, lambda status, headers: None)


def test_a_wsgi_request_is_an_origin_until_its_response_is_closed(heard: Heard) -> None:
    response = wsgi("/answer/5/", "POST")
    assert heard.origins() == []
    response.close()
    (closed,) = heard.origins()
    assert (closed.type, closed.verb, closed.title) == ("request", "POST", "/answer/5/")
    assert (closed.view, closed.status, closed.user) == ("answer", "201", "ann")
    assert closed.duration_us > 0
    assert {entry.trace for entry in heard.entries()} == {closed.trace}
    assert [one.name for one in heard.emissions()] == ["request_started", "touched", "request_finished"]


def test_closing_a_response_twice_closes_the_origin_once(heard: Heard) -> None:
    response = wsgi("/answer/5/")
    response.close()
    response.close()
    assert len(heard.origins()) == 1


def test_a_response_without_a_hash_is_answered_and_closes_its_origin(heard: Heard) -> None:
    wsgi("/equal/").close()
    assert Client().get("/equal/").status_code == 200
    assert [origin.status for origin in heard.origins()] == ["200", "200"]


def test_two_requests_are_two_traces(heard: Heard) -> None:
    for _ in range(2):
        wsgi("/answer/5/").close()
    assert len({origin.trace for origin in heard.origins()}) == 2


def test_a_failing_view_closes_its_origin_with_500(heard: Heard) -> None:
    response = wsgi("/fail/")
    response.close()
    assert heard.origins()[0].status == "500"
    assert "got_request_exception" in [one.name for one in heard.emissions()]


def test_an_asgi_request_is_an_origin(heard: Heard) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not received:
            received.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    received: list[bool] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/async/",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    asyncio.run(ASGIHandler()(scope, receive, send))
    (closed,) = heard.origins()
    assert sent[0]["status"] == 200
    assert (closed.verb, closed.title, closed.view, closed.status) == ("GET", "/async/", "async", "200")
    assert {entry.trace for entry in heard.entries()} == {closed.trace}
    assert [one.name for one in heard.emissions()] == ["request_started", "touched", "request_finished"]


def test_the_test_clients_are_origins(heard: Heard) -> None:
    Client().get("/answer/5/")
    asyncio.run(AsyncClient().get("/async/"))
    assert [(origin.title, origin.status) for origin in heard.origins()] == [
        ("/answer/5/", "201"),
        ("/async/", "200"),
    ]


@pytest.mark.parametrize("hidden", ["/signals/own/", "/static/file.css"])
def test_a_hidden_request_is_answered_and_not_recorded(heard: Heard, hidden: str) -> None:
    response = wsgi(hidden)
    response.close()
    assert response.status_code == 201
    assert heard.entries() == []


def test_a_static_file_of_runserver_is_served_and_not_recorded(heard: Heard) -> None:
    environ = RequestFactory().get("/static/signalscope/mark.svg").environ
    handler: Any = StaticFilesHandler(WSGIHandler())
    response = handler(environ, lambda status, headers: None)
    body = b"".join(response)
    response.close()
    assert b"<svg" in body
    assert heard.entries() == []


def test_a_request_inside_a_request_stays_in_its_trace(heard: Heard) -> None:
    def calling(**named: Any) -> None:
        touched.disconnect(calling)
        Client().get("/answer/6/")

    touched.connect(calling)
    wsgi("/answer/5/").close()
    (closed,) = heard.origins()
    assert closed.title == "/answer/5/"
    assert {one.trace for one in heard.emissions()} == {closed.trace}


class Command(BaseCommand):
    """A command of this test module, so its name is the module's."""

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--fail", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        touched.send("command")
        if options["fail"]:
            raise ZeroDivisionError


def run(command: BaseCommand, **options: Any) -> None:
    defaults = {"force_color": False, "no_color": False, "stdout": None, "stderr": None, "skip_checks": True}
    command.execute(**defaults, **options)


def test_a_command_is_an_origin(heard: Heard) -> None:
    run(Command(), fail=False)
    (closed,) = heard.origins()
    assert (closed.type, closed.verb, closed.title, closed.status) == (
        "command",
        "manage.py",
        "test_origins",
        "done",
    )
    assert heard.one("touched").trace == closed.trace


def test_a_command_is_titled_with_its_words_and_without_its_options(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["manage.py", "test_origins", "burst", "--password", "hunter2"])
    run(Command(), fail=False)
    assert [one.title for one in heard.origins()] == ["test_origins burst"]


def test_a_failing_command_closes_its_origin_and_raises(heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError):
        run(Command(), fail=True)
    (closed,) = heard.origins()
    assert (closed.status, closed.error) == ("failed", "ZeroDivisionError")


def test_a_command_that_exits_with_zero_is_done(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*args: Any, **options: Any) -> None:
        raise SystemExit(0)

    command = Command()
    monkeypatch.setattr(command, "handle", leave)
    with pytest.raises(SystemExit):
        run(command)
    assert [(one.status, one.error) for one in heard.origins()] == [("done", None)]


def test_what_follows_a_command_is_no_part_of_it(heard: Heard) -> None:
    run(Command(), fail=False)
    touched.send("after")
    first, after = heard.emissions("touched")
    assert first.trace != after.trace


def test_the_user_is_told_only_when_the_app_has_asked_itself() -> None:
    def unasked() -> Any:
        raise AssertionError("evaluated")

    request: Any = HttpRequest()
    assert username(request) is None
    request.user = SimpleLazyObject(unasked)
    assert username(request) is None
    request.user = SimpleLazyObject(lambda: User(username="ann"))
    assert request.user.username == "ann"
    assert username(request) == "ann"
    request.user = AnonymousUser()
    assert username(request) == "anonymous"


def test_a_request_that_signs_in_or_out_is_the_users_whoever_asked_for_it_before() -> None:
    request: Any = HttpRequest()
    request._cached_user = AnonymousUser()  # a middleware has looked
    request.user = User(username="ann")
    assert username(request) == "ann"
    request._cached_user, request.user = request.user, AnonymousUser()
    assert username(request) == "ann"


def test_uninstalling_leaves_the_handlers_as_they_were() -> None:
    watched: list[tuple[type, str]] = [
        (WSGIHandler, "__call__"),
        (ASGIHandler, "handle"),
        (BaseHandler, "get_response"),
        (BaseHandler, "get_response_async"),
        (BaseHandler, "resolve_request"),
        (HttpResponseBase, "close"),
        (BaseCommand, "execute"),
    ]
    found: Callable[[], list[Any]] = lambda: [vars(owner)[name] for owner, name in watched]  # noqa: E731
    before = found()
    with hearing():
        assert all(one is not other for one, other in zip(before, found(), strict=True))
    assert found() == before
