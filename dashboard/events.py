"""What the journal holds: one struct per kind of entry, and their JSON.

Comes in: values the writer has already reduced to text and numbers. Goes out: JSON objects, one
per entry, with the keys that ``manage.py signals tail --json`` prints. What has its default is left
out, in the JSON as in what a journal stores: of most calls all but name, line and two times does.
Times are UTC; durations and offsets are microseconds and say so in their name (``_us``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from zlib import crc32

import msgspec

MAX_ABOVE = 30

HUES = 8
"""So many colours tell processes apart; their numbers do so always."""

CallOutcome = Literal["running", "returned", "raised", "cancelled"]
SendMethod = Literal["send", "send_robust", "asend", "asend_robust"]

SIDE_BY_SIDE = "side by side"
"""Stands after a mutation's values where several calls ran at once: each of them may have made it."""


class Cause(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The call during which something was sent.

    ``call`` is the index into the emission's calls, or ``None`` when the work outlived its call
    and no single one can be named. ``above`` are the emissions around that one, nearest first, at
    most ``MAX_ABOVE``: children are journalled before their parents, so no reader could follow them.
    """

    emission: str
    call: int | None = None
    above: tuple[str, ...] = ()


class Process(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where an entry was recorded. ``thread`` is the thread's name.

    ``role`` is what the process does: the server's name or the command's; empty in older entries.
    """

    host: str
    pid: int
    thread: str = ""
    role: str = ""

    @property
    def name(self) -> str:
        """The process without its thread, as the filter writes it: ``web-1:4711``."""
        return f"{self.host}:{self.pid}"

    @property
    def hue(self) -> int:
        """Which of the ``HUES`` colours it has: the same on every page, neighbours a different one."""
        return (self.pid + crc32(self.host.encode(errors="replace"))) % HUES


class Site(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A source line: the file as shown (relative to the project when inside it), line, function."""

    file: str
    line: int
    function: str


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of a traceback; ``own`` is true for the project's code, false for libraries."""

    file: str
    line: int
    function: str
    source: str = ""
    own: bool = False


class Raised(msgspec.Struct, omit_defaults=True, gc=False):
    """An exception a receiver raised: dotted type, message (bounded, redacted), traceback."""

    type: str
    message: str = ""
    frames: list[Frame] = []

    @property
    def name(self) -> str:
        """The exception's class name without its module."""
        return self.type.rpartition(".")[2]


class Instance(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The model instance an emission is about. ``model`` is set where it is not the sender."""

    pk: str | None = None
    model: str | None = None


class Statement(msgspec.Struct, omit_defaults=True, gc=False):
    """SQL of one shape that a call ran: how often, in all how long, and when (first runs only)."""

    sql: str
    times: int = 1
    duration_us: float = 0.0
    offsets_us: list[float] = []
    alias: str = "default"


class Effect(msgspec.Struct, omit_defaults=True, gc=False):
    """Something a call did outside the database: ``mail``, ``cache``, or a planned ``on_commit``.

    ``blocks`` are the ids of the blocks that were open around it, as far as they matter to it, outermost
    first; ``None`` in older entries, where they are taken to be the emission's own.
    """

    kind: Literal["mail", "cache", "on_commit"]
    what: str
    offset_us: float = 0.0
    blocks: list[str] | None = None


class Call(msgspec.Struct, omit_defaults=True, gc=False):
    """One receiver's run within an emission.

    ``queries`` and ``query_us`` are its own, without those of calls nested in it. ``mutations``
    holds ``[before, after]`` for each field of the instance that the call changed, and
    ``[before, after, SIDE_BY_SIDE]`` for those that a call beside it may have changed instead.
    """

    receiver: str
    offset_us: float = 0.0
    duration_us: float = 0.0
    outcome: CallOutcome = "returned"
    error: Raised | None = None
    queries: int = 0
    query_us: float = 0.0
    mutations: dict[str, list[Any]] = {}
    is_async: bool = False
    file: str = ""
    line: int = 0
    statements: list[Statement] = []
    effects: list[Effect] = []
    flags: list[str] = []


class Transaction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The transaction around an emission: ``open`` or ``autocommit`` when it was sent.

    ``blocks`` are the ids of the open ``atomic`` blocks, outermost first. An ``outcome`` entry for
    one of them tells what became of it.
    """

    alias: str
    state: Literal["open", "autocommit"]
    blocks: list[str] = []


class _Entry(msgspec.Struct, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """What every entry has. ``seq`` is 0 until the journal has stored it."""

    seq: int = 0
    trace: str = ""
    at: datetime
    process: Process | None = None


class Emission(_Entry, tag="emission"):
    """One send of a signal, with every receiver that ran, in order.

    ``stopped`` are receivers that would have run, had an earlier one not raised. ``task`` is the id of
    the task that it was sent in, empty where the origin itself sent it (so in what follows, too).
    """

    id: str
    signal: str
    sender: str | None = None
    family: str = "custom"
    method: SendMethod = "send"
    cause: Cause | None = None
    duration_us: float = 0.0
    instance: Instance | None = None
    payload: dict[str, Any] = {}
    site: Site | None = None
    transaction: Transaction | None = None
    task: str = ""
    flags: list[str] = []
    calls: list[Call] = []
    stopped: list[str] = []

    @property
    def name(self) -> str:
        """The signal's name without its module."""
        return self.signal.rpartition(".")[2]


class Late(_Entry, tag="late"):
    """The end of a call that outlived its emission, where it stands as ``running``.

    ``emission`` and ``index`` say which call it is; ``call`` is what is known of it now.
    """

    emission: str
    index: int
    call: Call


class Origin(_Entry, tag="origin"):
    """What started a trace. Written twice: ``opened`` when it starts, ``closed`` when it ends.

    ``type`` is request, command, task, shell or thread; ``verb`` and ``title`` are what a row
    shows (``POST`` and ``/admin/``, ``manage.py`` and ``migrate``). ``status`` is the HTTP status
    or the command's exit as text.
    """

    state: Literal["opened", "closed"]
    type: str
    verb: str = ""
    title: str = ""
    view: str | None = None
    user: str | None = None
    status: str | None = None
    error: str | None = None
    duration_us: float = 0.0


class Outcome(_Entry, tag="outcome"):
    """How a transaction ended, or a savepoint in it, in which something happened.

    Written for the outermost block always, for a savepoint when it was rolled back. ``block`` is
    the id that the ``transaction.blocks`` of emissions and bypasses hold, and the ``blocks`` of
    effects; ``emissions`` counts the first of these.
    """

    block: str
    alias: str
    state: Literal["committed", "rolled back"]
    savepoint: bool = False
    emissions: int = 0
    duration_us: float = 0.0
    task: str = ""


class Task(_Entry, tag="task"):
    """A background task that a trace's code sent, run as a part of that trace, by a worker.

    Written twice, as an origin is. ``cause`` is the call that sent it, if one did, and ``task`` the task that
    did; ``attempt`` counts its retries. ``status`` is Celery's state in lower case. A task that was
    sent outside of every trace is an origin.
    """

    id: str
    state: Literal["opened", "closed"]
    verb: str = ""
    title: str = ""
    attempt: int = 0
    cause: Cause | None = None
    task: str = ""
    status: str | None = None
    error: str | None = None
    duration_us: float = 0.0


class Bypass(_Entry, tag="bypass"):
    """Rows changed with no signal: what was done, and the receivers that were thereby skipped."""

    id: str
    operation: str
    sender: str
    rows: int | None = None
    using: str = "default"
    duration_us: float = 0.0
    cause: Cause | None = None
    site: Site | None = None
    skipped: list[str] = []
    transaction: Transaction | None = None
    task: str = ""


class Gap(_Entry, tag="gap"):
    """Entries that were dropped, and why: the count is exact, the entries are lost."""

    dropped: int
    reason: str
    until: datetime | None = None


class Sampled(_Entry, tag="sampled"):
    """Traces that a process left out since its last count, because only a ``share`` was to be kept.

    ``entries`` are those of the ``traces``, and what came of traces counted before; ``early`` is how many
    of the traces were decided before they had ended.
    """

    share: float
    traces: int
    entries: int
    early: int = 0
    until: datetime | None = None


class Unknown(msgspec.Struct, gc=False):
    """An entry that a newer version wrote: its kind, and its JSON as it stands."""

    kind: str
    body: dict[str, Any]
    at: datetime
    seq: int = 0
    trace: str = ""
    process: Process | None = None


Known = Emission | Late | Origin | Task | Outcome | Bypass | Gap | Sampled
Entry = Known | Unknown

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Known)


def kind_of(entry: Entry) -> str:
    """Return the entry's ``kind``: ``emission``, ``origin``, ``gap``, or what a newer version wrote."""
    if isinstance(entry, Unknown):
        return entry.kind
    return str(type(entry).__struct_config__.tag)


def has_failed(entry: Entry) -> bool:
    """Return whether a receiver raised, or an origin or a task ended with an error."""
    if isinstance(entry, Emission):
        for call in entry.calls:
            if call.error is not None or call.outcome == "raised" or _tell_of_error(call.flags):
                return True
        return _tell_of_error(entry.flags)
    if isinstance(entry, Task):
        return entry.error is not None
    if not isinstance(entry, Origin):
        return False
    return origin_failed(entry.type, entry.status, entry.error)


def origin_failed(type: str, status: str | None, error: str | None) -> bool:
    """Return whether an origin with this end has failed: an exception, status 5xx, a command or task."""
    status = status or ""
    server_error = type == "request" and len(status) == 3 and status.startswith("5")
    # A command says "failed", Celery "failure".
    return error is not None or status in ("failed", "failure") or server_error


def _tell_of_error(flags: list[str]) -> bool:
    return bool(flags) and any(flag.partition(":")[0] == "error" for flag in flags)


def encode(entry: Entry) -> bytes:
    """Return the entry as one JSON object without a newline."""
    return _encoder.encode(entry.body if isinstance(entry, Unknown) else entry)


def decode(body: bytes | str, seq: int = 0) -> Entry:
    """Return the entry in ``body``, numbered ``seq``.

    A kind or a shape that this version does not know becomes ``Unknown``; text that is no JSON
    object raises ``msgspec.DecodeError``.
    """
    entry: Entry
    try:
        entry = _decoder.decode(body)
    except msgspec.ValidationError:
        entry = _decode_unknown(body)
    entry.seq = seq or entry.seq
    return entry


def _decode_unknown(body: bytes | str) -> Unknown:
    fields = msgspec.json.decode(body, type=dict[str, Any])
    at = msgspec.convert(fields.get("at", "1970-01-01T00:00:00Z"), datetime, strict=False)
    return Unknown(
        kind=str(fields.get("kind", "unknown")),
        body=fields,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        trace=str(fields.get("trace", "")),
    )
