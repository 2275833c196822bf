"""Static and uploaded files.

Comes in: the path of an upload; responses that read a file. Goes out: the upload; under ASGI the same
responses, read in a thread as an asynchronous iterator. Django warns about any other, and reads the whole
file into memory first:
https://docs.djangoproject.com/en/stable/ref/request-response/#django.http.StreamingHttpResponse
"""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe
from django.views.static import serve

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


@require_safe
def uploaded(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer with an upload, also outside DEBUG: a demo has no web server beside it that would.

    Whoever uploaded it, a browser that is led to it runs nothing of it.
    """
    response = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
