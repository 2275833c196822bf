"""The JSON of an emission, put together from pieces.

Comes in: what the recorder left of an emission. Goes out: its packed entry. A piece that many emissions
share (signal and line, a receiver, a transaction) is encoded once: a tree of structs for each of them
takes three times as long, with the GIL that the app waits for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from .. import naming, sites
from ..causality import Block, Running, Trace
from ..events import Emission, Instance, Late, Site, Transaction
from ..journal.base import Packed
from ..payloads import Usual, plain
from ..recorded import LateRecorded, Profile, Receiver, Sent
from ..redaction import Redactor, stand_in
from .calls import CallEncoder
from .identity import Identity

_MAX_COMMON = 10_000
_NOWHERE = None, 0
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Emission)}
_json = msgspec.json.Encoder()


class _Common(NamedTuple):
    """What emissions of one signal by one sender from one line of one thread share.

    ``json`` is the end of their JSON object. ``site`` is held so that its id cannot become another's.
    """

    signal: str
    of_models: bool
    site: sites.Spot | None
    json: str


class EmissionEncoder:
    """Encodes emissions of this process; those of ``ignored`` signals not."""

    def __init__(self, identity: Identity, redactor: Redactor, ignored: Collection[str]) -> None:
        self._identity = identity
        self._redactor = redactor
        self._ignored = frozenset(ignored)
        self._calls = CallEncoder(identity, redactor)
        self._common: dict[tuple[Any, ...], _Common] = {}
        self._usual: dict[int, str] = {}
        self._second = 0, ""
        self._around: tuple[tuple[Block, ...], str | None, str] = ((), None, "")

    def encode(self, sent: Sent, running: Sequence[Running], receivers: Sequence[Receiver]) -> Packed | None:
        """Return the entry of an emission, ``None`` when its signal is ignored by name."""
        profile: Profile = sent.signal
        if not profile.name:
            self._name(profile)
        if profile.name in self._ignored:
            return None
        code, offset = sent.site or _NOWHERE
        key = profile, sent.sender, sent.method, sent.thread, id(code), offset
        common = self._common.get(key) or self._remember(key, sent)
        calls, times, failed = self._heard(sent, running, receivers) if receivers else ([], 0, 0)
        stopped = receivers[len(calls) :]
        emission_id = self._identity.id(sent.number)
        at_us = self._identity.at_us(sent.started)
        duration_us = (sent.ended - sent.started) / 1000 if sent.ended else 0.0
        pk, model, instance = _instance(sent)
        trace, payload = sent.trace.id, sent.payload
        using = payload.get("using") if common.of_models else None
        body = (
            f'{{"kind":"emission","trace":"{trace}",{_task(sent.trace)}"at":"{self._iso(at_us)}",'
            f'"id":"{emission_id}","duration_us":{duration_us},{self._cause(sent)}{instance}{self._payload(payload)}'
            f"{self._transaction(sent.blocks, using)}{_flags(sent, times, failed)}"
            f"{_calls(calls)}{_stopped(stopped)}{common.json}"
        )
        return Packed(
            "emission",
            trace,
            at_us,
            common.signal,
            sent.sender,
            model,
            pk,
            emission_id,
            duration_us,
            failed,
            body.encode(),
        )

    def late(self, event: LateRecorded) -> Late | None:
        """Return the end of a call that its emission's entry says is running."""
        call = self._calls.late(event.call, event.receiver, event.sent)
        if call is None:
            return None
        return Late(
            trace=event.sent.trace.id,
            at=self._identity.time(event.call.ended),
            process=self._identity.process(event.thread),
            emission=self._identity.id(event.sent.number),
            index=event.call.index,
            call=call,
        )

    def _name(self, profile: Profile) -> None:
        signal = profile.signal()
        profile.name = naming.signal_name(signal) if signal is not None else "(a signal that is gone)"
        profile.off = profile.off or profile.name in self._ignored

    def _heard(
        self, sent: Sent, running: Sequence[Running], receivers: Sequence[Receiver]
    ) -> tuple[list[str], int, int]:
        """Return the JSON of each call, how often one repeated a statement, and whether one raised."""
        encode = self._calls.encode
        calls, most, failed = [], 0, 0
        for call, receiver in zip(running, receivers, strict=False):
            if not call.started:
                continue
            json, times = encode(call, receiver, sent)
            calls.append(json)
            most = max(most, times)
            if call.error is not None:
                failed = 1
        return calls, most, failed

    def _remember(self, key: tuple[Any, ...], sent: Sent) -> _Common:
        if len(self._common) >= _MAX_COMMON:
            self._common.clear()
        signal = sent.signal.name
        family = naming.family_of(signal)
        shared = {
            "process": self._identity.process(sent.thread),
            "signal": signal,
            "sender": sent.sender,
            "family": family,
            "method": sent.method,
            "site": line_of(sent.site),
        }
        told = {key: value for key, value in shared.items() if value != _DEFAULTS[key]}
        common = _Common(signal, family in naming.OF_MODELS, sent.site, _text(told)[1:])
        self._common[key] = common
        return common

    def _iso(self, at_us: int) -> str:
        second, micro = divmod(at_us, 1_000_000)
        if second != self._second[0]:
            self._second = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second[1]}.{str(1_000_000 + micro)[1:]}Z"

    def _cause(self, sent: Sent) -> str:
        parent = sent.cause
        if parent is None or parent.head is None:
            return "" if sent.trace.cause is None else f'"cause":{_text(sent.trace.cause)},'
        above = ",".join([f'"{one}"' for one in self._identity.above(parent)])
        of = self._identity.id(parent.head.number)
        around = f',"above":[{above}]' if above else ""
        return f'"cause":{{"emission":"{of}","call":{parent.index}{around}}},'

    def _payload(self, payload: dict[str, Any]) -> str:
        if type(payload) is not Usual:
            return f'"payload":{self._checked(payload)},' if payload else ""
        known = self._usual.get(id(payload))
        if known is None:
            known = self._usual[id(payload)] = f'"payload":{_text(payload)},'
        return known

    def _checked(self, payload: dict[str, Any]) -> str:
        try:
            json = _text(payload)
        except UnicodeEncodeError:  # a lone surrogate: a legal str, and no legal UTF-8
            return _text(self._readable(payload))
        return _text(self._readable(payload)) if self._redactor.names_secret(json) else json

    def _readable(self, value: Any) -> Any:
        """Return a payload's value fit for JSON, secrets in its text redacted."""
        if type(value) is str:
            return self._redactor.text(value.encode("utf-8", "replace").decode())
        if type(value) is dict:
            return {key: self._readable(held) for key, held in value.items()}
        return value

    def _transaction(self, blocks: tuple[Block, ...], using: Any) -> str:
        # While no block opens or closes, all emissions of a thread hold the very same tuple.
        if blocks is self._around[0] and using == self._around[1]:
            return self._around[2]
        around = transaction(self._identity, blocks, using if type(using) is str else None)
        json = "" if around is None else f'"transaction":{_text(around)},'
        self._around = blocks, using, json
        return json


def transaction(identity: Identity, blocks: tuple[Block, ...], using: str | None) -> Transaction | None:
    """Return the transaction on the database ``using``, given the blocks that were open in the thread.

    Without a database of its own, an emission is inside every block that is open around it.
    """
    alias = using or (blocks[-1].alias if blocks else None)
    if alias is None:
        return None
    inside = [identity.id(block.number) for block in blocks if not using or block.alias == alias]
    return Transaction(alias, "open" if inside else "autocommit", inside)


def line_of(spot: sites.Spot | None) -> Site | None:
    """Return the line of a spot, its file as a reader knows it."""
    if spot is None:
        return None
    filename, line, function = sites.place(spot)
    return Site(sites.shown(filename), line, function)


def _text(value: Any) -> str:
    return _json.encode(value).decode()


def _instance(sent: Sent) -> tuple[str | None, str | None, str]:
    """Return the instance's key and model to look it up by, and its JSON."""
    if sent.kind is None:
        return None, None, ""
    pk, label = sent.pk, sent.kind.label
    model = label or sent.sender
    if type(pk) is int and label == sent.sender:
        return str(pk), model, f'"instance":{{"pk":"{pk}"}},'
    key = None if pk is None else str(plain(pk))
    if sent.kind.secret_key and isinstance(pk, str):
        key = stand_in(pk)
    instance = Instance(key, None if label == sent.sender else label)
    return key, model, f'"instance":{_text(instance)},'


def _task(trace: Trace) -> str:
    return f'"task":"{trace.task}",' if trace.task else ""


def _calls(calls: list[str]) -> str:
    return f'"calls":[{",".join(calls)}],' if calls else ""


def _stopped(receivers: Sequence[Receiver]) -> str:
    return f'"stopped":{_text([one.name for one in receivers])},' if receivers else ""


def _flags(sent: Sent, times: int, failed: int) -> str:
    depth = 1 if sent.cause is None else _depth(sent)
    if depth == 1 and not times and not failed:
        return ""
    flags = ["error"] if failed else []
    if depth > 1:
        flags.append(f"loop:{depth}")
    if times:
        flags.append(f"n+1:{times}")
    return f'"flags":{_text(flags)},'


def _depth(sent: Sent) -> int:
    """Return how many times this signal is now running for this instance, each within the last."""
    if sent.kind is None:
        return 1
    depth, parent = 1, sent.cause
    while parent is not None:
        head = parent.head
        if isinstance(head, Sent) and head.signal is sent.signal and _is_of(sent, head):
            depth += 1
        parent = parent.parent
    return depth


def _is_of(sent: Sent, around: Sent) -> bool:
    same = sent.pk == around.pk if sent.pk is not None else sent.unsaved == around.unsaved
    return same and sent.sender == around.sender
