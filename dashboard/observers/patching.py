"""Replacing methods on Django's classes, and putting back exactly what was there.

Comes in: a class, a method's name and its replacement. Goes out: on ``restore``, the class as it
was found, attributes that were inherited being inherited again.
"""

from __future__ import annotations

from typing import Any

_MISSING = object()


class Patches:
    """A set of replaced attributes. ``active`` while any is in place."""

    def __init__(self) -> None:
        self._originals: list[tuple[type, str, Any]] = []

    @property
    def active(self) -> bool:
        """Whether anything is replaced now."""
        return bool(self._originals)

    def replace(self, owner: type, name: str, replacement: Any) -> None:
        """Put ``replacement`` in place of ``owner.name``."""
        self._originals.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, replacement)

    def restore(self) -> None:
        """Put everything back, the latest first. Restoring twice changes nothing."""
        while self._originals:
            owner, name, original = self._originals.pop()
            if original is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
