"""A filtered stretch of the journal as one file to take elsewhere.

Comes in: in the address, a filter (``q``), a range (``since``, ``until``) or a ``trace``. Goes out: a
download that ``manage.py signals import`` and the page of sessions read.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .. import __version__, conf, pipeline
from ..journal.base import JournalError
from ..security import guarded
from ..sessions import Asked, SessionError, filename, write
from ..sessions.stretch import read


@guarded
def session_file(request: HttpRequest) -> HttpResponseBase:
    """Send the stretch; 400 for a stretch that cannot be asked for, 503 for a journal that cannot be read."""
    given = request.GET
    words = " ".join(part.strip() for part in given.getlist("q") if part.strip())
    asked = Asked(words, given.get("since", ""), given.get("until", ""), given.get("trace", "")[:64])
    packed = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    try:
        header = write(
            packed, read(pipeline.journal(), asked.wanted(conf.get().SLOW_MS)), asked.header(__version__)
        )
    except (SessionError, JournalError, OSError) as error:
        packed.close()
        said = str(error)
        if isinstance(error, OSError):
            said = f"The session cannot be packed: {error}. Make room in {tempfile.gettempdir()}."
        status = 400 if isinstance(error, SessionError) else 503
        return HttpResponse(said, status=status, content_type="text/plain; charset=utf-8")
    packed.seek(0)
    name = filename(header.host, header.exported_at or datetime.now(UTC))
    return FileResponse(packed, as_attachment=True, filename=name, content_type="application/gzip")
