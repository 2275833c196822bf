"""Static and uploaded files under ASGI.

Comes in: responses that read a file. Goes out: the same, read in a thread as an asynchronous
iterator. Django warns about any other, and reads the whole file into memory first:
https://docs.djangoproject.com/en/stable/ref/request-response/#django.http.StreamingHttpResponse
"""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

CHUNKS_AT_ONCE = 16

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def asynchronous_files(get_response: GetResponse) -> GetResponse:
    """Middleware, to stand first. Under WSGI every response passes as it is."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if isinstance(request, ASGIRequest) and isinstance(response, StreamingHttpResponse):
            content = response.streaming_content
            if isinstance(content, Iterator):
                response.streaming_content = _read(content)
        return response

    return respond


async def _read(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    read = sync_to_async(lambda: b"".join(islice(content, CHUNKS_AT_ONCE)), thread_sensitive=False)
    while chunk := await read():
        yield chunk
