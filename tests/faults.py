"""What every fault of a journal is met with: an app that goes on, and a page that says what is wrong.

Comes in: a recording, whatever happens to its journal. Goes out: assertions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group
from django.dispatch import Signal
from django.test import Client

from dashboard import pipeline
from dashboard.events import Emission, Entry, Gap
from dashboard.journal.base import JournalError

told = Signal()


def until(condition: Callable[[], Any], within_s: float = 30.0) -> None:
    """Wait until it holds; a journal that cannot be read now is no answer yet."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if condition():
                return
        except JournalError:
            pass
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.02)


def journalled() -> list[Entry]:
    """Return all that the journal holds."""
    return pipeline.journal().read(0, 1_000_000)


def emitted(name: str) -> list[Emission]:
    """Return what the journal holds of this sender."""
    return [entry for entry in journalled() if isinstance(entry, Emission) and entry.sender == name]


def gaps() -> list[Gap]:
    """Return the gaps that the journal holds."""
    return [entry for entry in journalled() if isinstance(entry, Gap)]


def app_works() -> None:
    """Do what a project does, and look at what it gets."""
    assert told.send("app") == []
    group = Group.objects.create(name=f"group {Group.objects.count()}")
    group.name += "!"
    group.save()
    assert Group.objects.filter(name=group.name).exists()


def page_says(staff: Client, *words: str) -> None:
    """Look at the live page for the alert."""
    html = staff.get("/signals/").content.decode()
    alert = html.partition('id="journal-error"')[2].partition("</div>")[0]
    assert all(word in alert for word in words), alert
