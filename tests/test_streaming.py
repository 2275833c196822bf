"""Bodies of streaming responses belong to the request's trace, and are as they were."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.dispatch import Signal
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from .hearing import Heard, hearing

pytestmark = pytest.mark.django_db

touched = Signal()


def parts() -> Iterator[str]:
    try:
        for number in "ab":
            touched.send(f"part {number}")
            yield number
    finally:
        touched.send("end")


async def parts_async() -> AsyncIterator[str]:
    for number in "ab":
        await asyncio.sleep(0)
        await touched.asend(f"part {number}")
        yield number


def failing() -> Iterator[str]:
    yield "a"
    raise ZeroDivisionError


urlpatterns = [
    path("sync/", lambda request: StreamingHttpResponse(parts(), headers={"X-Kept": "1"})),
    path("async/", lambda request: StreamingHttpResponse(parts_async())),
    path("failing/", lambda request: StreamingHttpResponse(failing())),
    path("file/", lambda request: FileResponse(io.BytesIO(b"file"))),
    path("plain/", lambda request: HttpResponse("plain")),
    path("hidden/", lambda request: StreamingHttpResponse(parts())),
]


@pytest.fixture(autouse=True)
def connections_left_alone() -> Iterator[None]:
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with (
        override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]),
        hearing(hidden=("/hidden/",)) as heard,
    ):
        yield heard


def wsgi(path: str, **environ: Any) -> Any:
    handler: Any = WSGIHandler()
    return handler(RequestFactory().get(path).environ | environ, lambda status, headers: None)


def asgi(path: str) -> bytes:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if asked:
            await asyncio.sleep(60)
        asked.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asked: list[bool] = []
    headers = [(b"host", b"testserver")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(ASGIHandler()(scope, receive, send))
    return b"".join(message.get("body", b"") for message in sent)


def one_trace(heard: Heard) -> bool:
    """Return whether all that was heard is of one request, which was the last to end."""
    (closed,) = heard.origins()
    return {entry.trace for entry in heard.entries()} == {closed.trace} and heard.entries()[-1] == closed


def test_a_streamed_body_is_made_inside_its_request(heard: Heard) -> None:
    response = wsgi("/sync/")
    assert heard.origins() == []
    assert list(response) == [b"a", b"b"]
    assert heard.origins() == []
    response.close()
    assert [one.sender for one in heard.emissions("touched")] == ["part a", "part b", "end"]
    assert one_trace(heard)


def test_what_a_generator_does_when_the_client_is_gone_is_of_its_request(heard: Heard) -> None:
    response = wsgi("/sync/")
    body = iter(response)
    assert next(body) == b"a"
    response.close()
    assert [one.sender for one in heard.emissions("touched")] == ["part a", "end"]
    assert one_trace(heard)
    assert list(body) == []


def test_what_the_server_does_between_two_parts_is_not_of_the_request(heard: Heard) -> None:
    response = wsgi("/sync/")
    body = iter(response)
    next(body)
    touched.send("the server")
    response.close()
    by_sender = {one.sender: one.trace for one in heard.emissions("touched")}
    assert by_sender["the server"] != by_sender["part a"] == by_sender["end"]


def test_an_async_body_under_wsgi_is_made_inside_its_request(heard: Heard) -> None:
    response = wsgi("/async/")
    with pytest.warns(Warning, match="must consume asynchronous iterators") as warned:
        assert list(response) == [b"a", b"b"]
    response.close()
    assert warned[0].filename == __file__
    assert [one.sender for one in heard.emissions("touched")] == ["part a", "part b"]
    assert one_trace(heard)


def test_a_body_that_fails_raises_and_its_request_tells_why(heard: Heard) -> None:
    response = wsgi("/failing/")
    with pytest.raises(ZeroDivisionError):
        list(response)
    response.close()
    assert heard.origins()[0].error == "ZeroDivisionError"


@pytest.mark.parametrize("path", ["/sync/", "/async/"])
def test_under_asgi_a_streamed_body_is_made_inside_its_request(heard: Heard, path: str) -> None:
    if path == "/sync/":
        with pytest.warns(Warning, match="must consume synchronous iterators"):
            assert asgi(path) == b"ab"
    else:
        assert asgi(path) == b"ab"
    assert [one.sender for one in heard.emissions("touched")][:2] == ["part a", "part b"]
    assert one_trace(heard)


def test_a_hidden_body_is_made_unheard(heard: Heard) -> None:
    response = wsgi("/hidden/")
    assert list(response) == [b"a", b"b"]
    response.close()
    assert heard.entries() == []


def looks(response: Any) -> list[Any]:
    """Return what a server or a middleware of WSGI can see of a response."""
    body = iter(response)
    return [
        type(response),
        type(body),
        list(body),
        list(response),
        response.closed,
        response.close(),
        response.closed,
        sorted(vars(response)),
        dict(response.items()),
    ]


@pytest.mark.parametrize("path", ["/sync/", "/file/", "/plain/"])
def test_a_response_looks_as_it_does_unwatched(path: str) -> None:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
        bare = looks(wsgi(path))
        with hearing():
            assert looks(wsgi(path)) == bare


def test_a_servers_own_way_of_sending_files_is_left_to_it(heard: Heard) -> None:
    taken: list[Any] = []

    def send(file: Any, size: int) -> str:
        taken.append(file)
        return "sent"

    assert wsgi("/file/", **{"wsgi.file_wrapper": send}) == "sent"
    assert type(taken[0]) is io.BytesIO
    taken[0].close()
    assert len(heard.origins()) == 1


def test_the_test_client_reads_a_streamed_body_as_before(heard: Heard) -> None:
    response: Any = Client().get("/sync/")
    assert response.getvalue() == b"ab"
    assert response.headers["X-Kept"] == "1"
