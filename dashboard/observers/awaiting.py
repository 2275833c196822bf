"""Which line awaits what runs in a thread.

Comes in: calls of asgiref's ``SyncToAsync``, wrapped while installed: the async ORM (``acreate``,
``asave``) is made of them. Goes out: the awaiting line of the project as ``sites.awaited``, for the
thread's stack does not hold it.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

from asgiref.sync import SyncToAsync

from .. import sites
from .patching import Patches

_patches = Patches()


def install() -> None:
    """Remember awaiting lines from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    plain: Any = SyncToAsync.__call__

    @wraps(plain)
    async def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        spot = sites.emitting(sys._getframe(1))
        if spot is None or not sites.is_own(spot[0].co_filename):
            return await plain(self, *args, **kwargs)
        # The thread gets a copy of this context.
        token = sites.awaited.set(spot)
        try:
            return await plain(self, *args, **kwargs)
        finally:
            sites.awaited.reset(token)

    _patches.replace(SyncToAsync, "__call__", __call__)


def uninstall() -> None:
    """Leave ``SyncToAsync`` as it was found. Uninstalling twice changes nothing."""
    _patches.restore()
