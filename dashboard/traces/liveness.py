"""Whether the process that recorded something still runs: an origin without an end may never get one.

Comes in: a ``Process`` as an entry holds it. Goes out: yes only when that is certain, which it is for
processes of this host alone.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime
from pathlib import Path

from ..events import Process

_HOST = socket.gethostname()
_SLACK_S = 2.0


def has_ended(process: Process | None, since: datetime) -> bool:
    """Return whether the process, which ran at ``since``, is known to be gone.

    A process number is used again, so one that began later than ``since`` is another process.
    """
    if process is None or process.host != _HOST:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is somebody else's, so it runs
    try:
        began = Path(f"/proc/{process.pid}").stat().st_ctime
    except OSError:
        return False
    return began > since.timestamp() + _SLACK_S
