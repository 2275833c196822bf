"""The page of imported sessions: what there is, an upload form, and deletion.

Comes in: an uploaded file, or a session's name. Goes out: the list; after an import, the session itself.
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from .. import conf, links, pipeline
from ..security import guarded
from ..sessions import Session, SessionError
from .page import page

_OVERHEAD = 100_000
"""What a multipart body has beside the file."""


class Listed(NamedTuple):
    """A session as the page lists it, with the addresses of its live page and of its deletion."""

    session: Session
    address: str
    compare: str
    delete: str


@guarded
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """List the imported sessions."""
    return _list(request)


def _list(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    store = pipeline.sessions()
    listed: list[Listed] = []
    try:
        listed = [_listed(session) for session in store.held()]
    except SessionError as error:
        problem, status = problem or str(error), 503
    context: dict[str, Any] = {
        "sessions": listed,
        "problem": problem,
        "most": store.most,
        "most_bytes": store.most_bytes,
        "full": len(listed) >= store.most,
    }
    return page(request, "signalscope/sessions.html", context, name="sessions", status=status)


def _listed(session: Session) -> Listed:
    name = session.name
    return Listed(
        session,
        links.in_session(name, "signalscope:live"),
        f"{reverse('signalscope:compare')}?a_session={name}&b_session=live",
        reverse("signalscope:delete", args=[name]),
    )


@csrf_exempt
@guarded
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Import the uploaded file and lead to it; say on the page why it was refused."""
    # Before anything reads the body: the CSRF check would, so it comes after this one.
    # https://docs.djangoproject.com/en/5.2/topics/http/file-uploads/#modifying-upload-handlers-on-the-fly
    length, most = request.META.get("CONTENT_LENGTH") or "", conf.get().IMPORT_BYTES
    if not length.isdigit() or int(length) > most + _OVERHEAD:
        return _list(
            request,
            f"The upload has {length or 'an unknown number of'} bytes, and SIGNALSCOPE['IMPORT_BYTES'] "
            f"allows {most:,}. Export less of the journal, or import the file with manage.py signals import.",
            status=413,
        )
    answer: HttpResponse = csrf_protect(_add)(request)
    return answer


def _add(request: HttpRequest) -> HttpResponse:
    uploaded = request.FILES.get("file")
    if uploaded is None or uploaded.file is None:
        return _list(request, "No file was chosen. Choose one that Signalscope exported.", status=400)
    try:
        session = pipeline.sessions().add(cast(BinaryIO, uploaded.file), uploaded.name or "")
    except SessionError as error:
        return _list(request, str(error), status=400)
    return HttpResponseRedirect(links.in_session(session.name, "signalscope:live"))


@guarded
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Delete a session; one that is gone already is as good as deleted."""
    try:
        pipeline.sessions().delete(name)
    except SessionError as error:
        return _list(request, str(error), status=503)
    return HttpResponseRedirect(reverse("signalscope:sessions"))
