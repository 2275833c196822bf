"""What did not run for an emission, as the inspector shows it.

Comes in: the emission and the journal. Goes out: what the template needs. What is registered is
asked of this process, now; that the emission may come from another one is said.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from ..events import Emission
from ..journal.base import Journal
from ..registrations import registrations
from ..sessions import current
from ..traces.absences import absences

LOOK_BACK = 1_000
"""So many entries before the emission are searched for receivers that ran then and are gone now."""


def absent(shown: Emission, journal: Journal) -> dict[str, Any]:
    """Return the absences, how many registrations they are, and whether this is another process."""
    earlier = journal.read_back(shown.seq, LOOK_BACK) if shown.seq else []
    found = absences(shown, registrations(), earlier)
    process = shown.process
    here = process is None or (process.host, process.pid) == (socket.gethostname(), os.getpid())
    here = here and current.shown() is None
    return {"absences": found, "absent": sum(one.number for one in found), "elsewhere": not here}
