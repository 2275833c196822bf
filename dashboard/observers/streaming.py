"""The body of a streaming response, which a WSGI server iterates after the handler has returned.

Comes in: a response that Django has answered a request with, and the origin that this was. Goes out:
the same response, whose parts are made as part of that origin until it is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.http import StreamingHttpResponse

from ..causality import suppressed
from .origins import Opened, Origins

_END = object()


def stream(response: StreamingHttpResponse, origins: Origins, opened: Opened | None) -> None:
    """Let the body be made within the origin; suppressed where that is ``None``.

    Its iterator is replaced, not the response's methods: these are seen, and may be the app's own.
    """
    held: dict[str, Any] = vars(response)
    body = held.get("_iterator")
    if body is None or isinstance(body, (_Body, _AsyncBody)):
        return
    held["_iterator"] = (_AsyncBody if response.is_async else _Body)(body, origins, opened)


class _Within:
    __slots__ = ("_body", "_opened", "_origins")

    def __init__(self, body: Any, origins: Origins, opened: Opened | None) -> None:
        self._body = body
        self._origins = origins
        self._opened = opened

    def _within(self) -> AbstractContextManager[None]:
        if self._opened is None:
            return suppressed()
        return nullcontext() if self._opened.closed else self._origins.within(self._opened)


class _Body(_Within):
    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._within():
            part = next(self._body, _END)
        if part is _END:
            raise StopIteration
        return part


class _AsyncBody(_Within):
    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        with self._within():
            part = await anext(self._body, _END)
        if part is _END:
            raise StopAsyncIteration
        return part
