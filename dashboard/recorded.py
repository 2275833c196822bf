"""Events as the hot path leaves them, before the encoder gives them names, ids and times.

Comes in: from the recorder. Goes out: through the writer's buffer to the encoder. All clock
readings are ``perf_counter_ns``.
"""

from __future__ import annotations

import weakref
from typing import Any

import msgspec
from django.dispatch import Signal

from .causality import Block, Head, Running, Trace
from .events import SendMethod
from .payloads import Summary
from .shapes import Inside, Shape
from .sites import Place, Spot


class Profile(msgspec.Struct, eq=False):
    """What is worked out once per signal. ``name`` is empty until the encoder has looked it up.

    ``of_models``: its ``using`` is the alias of a database.
    """

    signal: weakref.ref[Signal]
    summarise: Summary
    name: str = ""
    off: bool = False
    faults: int = 0
    of_models: bool = False


class Receiver(msgspec.Struct, frozen=True, eq=False):
    """A receiver by name and place."""

    name: str
    file: str
    line: int


class Failure(msgspec.Struct, eq=False):
    """An exception, reduced to values on the spot."""

    type: str
    message: str
    places: list[Place]


class Sent(Head, eq=False, gc=False):
    """An emission as it began; an event of its own where nobody heard it. ``signal`` is its profile.

    ``kind`` is the shape of the instance's model, ``None`` where there is no instance; ``unsaved`` tells
    instances without a key apart, for as long as the emission runs.
    """

    method: SendMethod
    site: Spot | None
    kind: Shape | None
    payload: dict[str, Any]
    thread: str
    blocks: tuple[Block, ...]
    started: int
    unsaved: int = 0
    ended: int = 0


class Heard(msgspec.Struct, eq=False, gc=False):
    """An emission with its calls and the receivers they belong to, in order.

    Apart from ``Sent``, which the calls refer to: no cycle.
    """

    sent: Sent
    calls: list[Running]
    receivers: list[Receiver]


class LateRecorded(msgspec.Struct, eq=False):
    """A call that ended after its emission."""

    sent: Sent
    call: Running
    receiver: Receiver
    thread: str


class Watched(msgspec.Struct, eq=False, gc=False):
    """An instance's fields while its receivers run: where they are held, and what they last were.

    ``insides`` is ``None`` where no field can hold a list or a dict.
    """

    shape: Shape
    held: dict[str, Any]
    values: tuple[Any, ...]
    insides: dict[str, Inside] | None = None


class OriginRecorded(msgspec.Struct, eq=False):
    """An origin that opened or closed."""

    trace: Trace
    at: int
    thread: str
    fields: dict[str, Any]


class TaskRecorded(msgspec.Struct, eq=False):
    """A task that opened or closed, and the trace ``around`` it as its sender was in it."""

    trace: Trace
    around: Trace
    at: int
    thread: str
    fields: dict[str, Any]


class OutcomeRecorded(msgspec.Struct, eq=False):
    """A transaction or savepoint that ended."""

    block: Block
    trace: Trace
    at: int
    thread: str
    state: str


class BypassRecorded(msgspec.Struct, eq=False):
    """Rows that changed without a signal."""

    number: int
    trace: Trace
    operation: str
    sender: str
    rows: int | None
    using: str
    cause: Running | None
    site: Spot | None
    skipped: list[str]
    thread: str
    blocks: tuple[Block, ...]
    started: int
    ended: int


Event = Sent | Heard | LateRecorded | OriginRecorded | TaskRecorded | OutcomeRecorded | BypassRecorded
