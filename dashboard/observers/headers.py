"""A trace on its way to another process, as one header of a message.

Comes in: the trace, the task and the call that send the message; or what stands in a message that came.
Goes out: the text of the header; or the trace to go on with, nothing where the text is not of ours.

    TRACE [~TASK] [/EMISSION [.CALL] [/EMISSION …]]

Ids are hex digits, 32 of a trace, 16 of the others; the emissions after the first are those around it.
"""

from __future__ import annotations

import re

from ..causality import Trace
from ..events import MAX_ABOVE, Cause

HEADER = "signalscope"

_TEXT = re.compile(
    r"(?P<trace>[0-9a-f]{32})(?:~(?P<task>[0-9a-f]{16}))?"
    r"(?:/(?P<emission>[0-9a-f]{16})(?:\.(?P<call>[0-9]{1,6}))?"
    rf"(?P<above>(?:/[0-9a-f]{{16}}){{0,{MAX_ABOVE}}}))?"
)


def written(trace: str, task: str, cause: Cause | None) -> str:
    """Return the header's text."""
    text = f"{trace}~{task}" if task else trace
    if cause is None:
        return text
    call = "" if cause.call is None else f".{cause.call}"
    return "/".join([text, f"{cause.emission}{call}", *cause.above[:MAX_ABOVE]])


def read(text: object) -> Trace | None:
    """Return the trace that a header speaks of, or ``None``: whoever reaches the broker may write there."""
    found = _TEXT.fullmatch(text) if type(text) is str else None
    if found is None:
        return None
    cause = None
    if found["emission"]:
        call = None if found["call"] is None else int(found["call"])
        cause = Cause(found["emission"], call, tuple(found["above"].split("/")[1:]))
    return Trace(found["trace"], task=found["task"] or "", cause=cause)
