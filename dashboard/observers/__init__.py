"""What else is watched beside signals: each module one ``install``/``uninstall`` pair, joined here.

Comes in: the recorder, and the ``Origins`` that it is told of. Goes out: origins, outcomes and
bypasses to the recorder; queries, effects and causality to the call that is running.
"""

from __future__ import annotations

from typing import Protocol

from . import awaiting, bypasses, commands, effects, queries, requests, tasks, threads, transactions
from .bypasses import BypassReceiver
from .origins import Origins
from .transactions import OutcomeReceiver


class Receiver(BypassReceiver, OutcomeReceiver, Protocol):
    """Who is told of bypasses and outcomes: the recorder."""


def install(heard: Receiver, origins: Origins) -> None:
    """Watch from now on. Installing twice changes nothing."""
    requests.install(origins)
    commands.install(origins)
    tasks.install(origins)
    transactions.install(heard)
    bypasses.install(heard)
    queries.install()
    effects.install()
    threads.install()
    awaiting.install()


def uninstall() -> None:
    """Leave everything as it was found. Uninstalling twice changes nothing."""
    for observer in (awaiting, threads, effects, queries, bypasses, transactions, tasks, commands, requests):
        observer.uninstall()
