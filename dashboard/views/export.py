"""A trace as a file to keep or to open elsewhere.

Comes in: a trace's id and a format. Goes out: a download with a name that says what it is.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from .. import conf, pipeline
from ..exports import FORMATS, filename
from ..journal.base import JournalError
from ..security import guarded


@guarded
def export(request: HttpRequest, trace: str, format: str) -> HttpResponse:
    """Send the whole trace in a format. 404 for a trace or a format that is not there."""
    wanted = FORMATS.get(format)
    if wanted is None:
        raise Http404(f"There is no export format {format!r}. Known ones: {', '.join(FORMATS)}.")
    try:
        # No trace is longer than the journal.
        entries = pipeline.journal().read_trace(trace, conf.get().KEEP_ENTRIES)
    except JournalError as error:
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    if not entries:
        raise Http404("This trace is not, or no longer, in the journal.")
    response = HttpResponse(wanted.export(entries), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename(entries, wanted)}"'
    return response
