"""Sessions: a stretch of a journal as one file, and such files imported to be looked at.

Comes in: a journal and what of it is wanted, or a file from anywhere. Goes out: the file
(``docs/sessions.md`` describes it), or a journal of its own for each imported file, beside the live one.
"""

from __future__ import annotations

from . import current
from .asking import Asked
from .header import Header, SessionError
from .store import LIVE, Session, Store
from .stretch import Wanted
from .writing import filename, write

__all__ = [
    "LIVE",
    "Asked",
    "Header",
    "Session",
    "SessionError",
    "Store",
    "Wanted",
    "current",
    "filename",
    "write",
]
