"""HTTP requests as origins, under WSGI, ASGI and the test client, with nothing in ``MIDDLEWARE``.

Comes in: calls of Django's handlers (django/core/handlers/), wrapped on their classes while
installed. Goes out: origins with method, path, view name, user and status. Requests that are
hidden run suppressed.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib.staticfiles.handlers import StaticFilesHandlerMixin
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from ..causality import SUPPRESSED, current, suppressed
from .origins import Opened, Origins, opened_now
from .patching import Patches
from .streaming import stream

_patches = Patches()
# What is to be done when a WSGI server closes the response: close this origin; None: stay silent. By
# id, and forgotten with the response: a class of the app's may not be hashable.
_answered: dict[int, tuple[weakref.ref[HttpResponseBase], Opened | None]] = {}


def install(origins: Origins) -> None:
    """Open an origin for each request from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _wrap_wsgi(origins)
    _wrap_asgi(origins)
    _wrap_responses(origins)
    _wrap_resolver()


def uninstall() -> None:
    """Leave Django's handlers as they were found. Uninstalling twice changes nothing."""
    _patches.restore()
    _answered.clear()


def _wrap_wsgi(origins: Origins) -> None:
    plain_call = WSGIHandler.__call__

    @wraps(plain_call)
    def __call__(self: WSGIHandler, environ: dict[str, Any], start_response: Any) -> Any:  # noqa: N807
        # PEP 3333: the path is bytes in latin-1's clothing.
        path = str(environ.get("PATH_INFO", "/")).encode("latin-1", "replace").decode("utf-8", "replace")
        if origins.hides(path):
            with suppressed():
                return plain_call(self, environ, start_response)
        opened = origins.open("request", str(environ.get("REQUEST_METHOD", "")), path)
        opened.awaits_close = True
        try:
            with origins.within(opened):
                return plain_call(self, environ, start_response)
        finally:
            if not opened.answered:
                origins.close(opened)

    _patches.replace(WSGIHandler, "__call__", __call__)


def _wrap_asgi(origins: Origins) -> None:
    plain_handle = ASGIHandler.handle

    @wraps(plain_handle)
    async def handle(self: ASGIHandler, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        # As WSGI servers tell it and Django resolves it: below the script name.
        path = str(scope.get("path", "/")).removeprefix(get_script_prefix(scope))
        if origins.hides(path):
            with suppressed():
                return await plain_handle(self, scope, receive, send)
        opened = origins.open("request", str(scope.get("method", "")), path)
        try:
            with origins.within(opened):
                return await plain_handle(self, scope, receive, send)
        finally:
            origins.close(opened)

    _patches.replace(ASGIHandler, "handle", handle)


def _wrap_responses(origins: Origins) -> None:
    _wrap_get_response(BaseHandler, origins)
    # runserver's answer to requests for static files. The async one ends inside ASGIHandler.handle.
    _wrap_get_response(StaticFilesHandlerMixin, origins)
    plain_get_async, plain_close = BaseHandler.get_response_async, HttpResponseBase.close

    @wraps(plain_get_async)
    async def get_response_async(self: BaseHandler, request: HttpRequest) -> HttpResponseBase:
        with _answering(origins, request) as opened:
            response = await plain_get_async(self, request)
            _note(opened, request, response)
        return response

    @wraps(plain_close)
    def close(self: HttpResponseBase) -> None:
        # request_finished is sent here, when the WSGI server has sent the response.
        known = _answered.pop(id(self), None)
        if known is None:
            return plain_close(self)
        opened = known[1]
        if opened is None:
            with suppressed():
                return plain_close(self)
        try:
            with origins.within(opened):
                return plain_close(self)
        finally:
            origins.close(opened)

    _patches.replace(BaseHandler, "get_response_async", get_response_async)
    _patches.replace(HttpResponseBase, "close", close)


def _wrap_get_response(handler: Any, origins: Origins) -> None:
    plain_get = handler.get_response

    @wraps(plain_get)
    def get_response(self: Any, request: HttpRequest) -> HttpResponseBase:
        with _answering(origins, request) as opened:
            response: HttpResponseBase = plain_get(self, request)
            _note(opened, request, response)
        awaited = _answered.get(id(response))
        if awaited is not None and isinstance(response, StreamingHttpResponse):
            stream(response, origins, awaited[1])
        return response

    _patches.replace(handler, "get_response", get_response)


@contextmanager
def _answering(origins: Origins, request: HttpRequest) -> Iterator[Opened | None]:
    """Yield the origin that this request is, opening one where no handler above has (test client)."""
    opened, running = opened_now.get(), current.get()
    if running is SUPPRESSED or (running is not None and opened is None):
        yield None
    elif opened is not None:
        if opened.type == "request" and opened.request is None:
            opened.request = request
        yield opened
    elif origins.hides(request.path_info):
        with suppressed():
            yield None
    else:
        opened = origins.open("request", str(request.method), request.path_info)
        opened.request = request
        try:
            with origins.within(opened):
                yield opened
        finally:
            origins.close(opened)


def _note(opened: Opened | None, request: HttpRequest, response: HttpResponseBase) -> None:
    if current.get() is SUPPRESSED:
        _await_close(response, None)
    if opened is None or opened.request is not request:
        return
    opened.status = str(response.status_code)
    if opened.awaits_close:
        opened.answered = True
        _await_close(response, opened)


def _await_close(response: HttpResponseBase, opened: Opened | None) -> None:
    key = id(response)
    _answered[key] = weakref.ref(response, lambda _: _answered.pop(key, None)), opened


def _wrap_resolver() -> None:
    plain_resolve = BaseHandler.resolve_request

    @wraps(plain_resolve)
    def resolve_request(self: BaseHandler, request: HttpRequest) -> ResolverMatch:
        match = plain_resolve(self, request)
        opened = opened_now.get()
        if opened is not None and opened.request is request:
            opened.view = match.view_name or match._func_path
        return match

    _patches.replace(BaseHandler, "resolve_request", resolve_request)
