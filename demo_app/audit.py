"""The audit log, bounded.

Comes in: what happened, in three texts. Goes out: ``AuditEntry`` rows, the newest ``KEPT`` of them.
"""

from __future__ import annotations

from .models import AuditEntry

KEPT = 500
TRIM_EVERY = 50


def record(action: str, subject: str, detail: str = "") -> AuditEntry:
    """Append an entry, cut to its columns, and now and then drop those older than the newest ``KEPT``."""
    entry = AuditEntry.objects.create(action=action[:40], subject=subject[:200], detail=detail[:4000])
    if entry.pk % TRIM_EVERY == 0:
        AuditEntry.objects.filter(pk__lte=entry.pk - KEPT).delete()
    return entry
