"""What every public page shows in its footer.

Comes in: the tallies of this process. Goes out: numbers for ``base.html``.
"""

from __future__ import annotations

from django import template

from .. import tallies

register = template.Library()


@register.simple_tag
def requests_started() -> int:
    """Return how many requests began since the process started."""
    return tallies.requests.count("started")


@register.simple_tag
def rows_saved() -> int:
    """Return how many rows were saved since the process started."""
    return tallies.saves.total()
