"""An example for ``pre_init`` and ``post_init``, imported only when ``DEMO_WATCH_INIT`` is true.

Comes in: every ``Post`` that is made, loaded rows included. Goes out: a tally by signal. It is off
by default because Django sends both signals for every row of every query.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_init, pre_init
from django.dispatch import Signal, receiver

from .. import tallies
from ..models import Post


@receiver((pre_init, post_init), sender=Post)
def count_instance(signal: Signal, **kwargs: Any) -> None:
    """Count one step of making a post."""
    tallies.instances.add("pre_init" if signal is pre_init else "post_init")
