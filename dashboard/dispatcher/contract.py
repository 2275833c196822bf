"""What the dispatcher asks of the global receiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

from django.dispatch import Signal

from ..causality import Head, Running
from ..events import SendMethod

METHODS: tuple[SendMethod, ...] = ("send", "send_robust", "asend", "asend_robust")


class GlobalReceiver(Protocol):
    """Hears every emission of every signal. None of its methods may raise."""

    def begin(
        self, signal: Signal, sender: Any, named: Mapping[str, Any], method: SendMethod, frame: FrameType
    ) -> Head | None:
        """Return the emission that starts, or ``None`` when it is not recorded."""

    def unheard(self, emission: Any, /) -> None:
        """Take an emission that began and that nobody listens to."""

    def watch(self, emission: Any, named: Mapping[str, Any]) -> Any:
        """Return what ``compare`` wants to be given after each call, or ``None``: it need not be told."""

    def compare(self, watched: Any, call: Running) -> None:
        """Note what the call that just ended changed."""

    def compare_any(self, watched: Any, calls: Sequence[Running]) -> None:
        """Note what changed since it was last compared: one of these calls, if any, has changed it."""

    def finish(self, emission: Any, calls: list[Running], receivers: Sequence[Any]) -> None:
        """Take the emission that ended; ``receivers`` belong to its ``calls``, in order."""

    def failed(self, call: Running, error: BaseException) -> None:
        """Note that the call raised; called inside ``except``."""

    def ended(self, call: Running, receiver: Any) -> None:
        """Take a call of an async emission that ended, whether the emission has by now or not."""
