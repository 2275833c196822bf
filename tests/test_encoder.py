"""The encoder: the JSON it puts together from pieces is what the entries' structs say.

Comes in: emissions heard for real. Goes out: their JSON, key by key.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import Signal

from dashboard.causality import Trace
from dashboard.encoder import Encoder
from dashboard.events import Emission
from dashboard.journal.base import unpack
from dashboard.recorded import OriginRecorded
from dashboard.redaction import Redactor

from .hearing import Heard, hearing

pytestmark = pytest.mark.django_db

QUOTES = 'a "quoted" \\ name\n\u2028 <b>'
SECRET = "n0x0qhh3liguffl1"
opened = Signal()


def quiet(**_: Any) -> None:
    """Do nothing."""


def asking(**_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def renaming(instance: Group, **_: Any) -> None:
    instance.name = f"{QUOTES}!"


def raising(**_: Any) -> None:
    raise ValueError(QUOTES)


def of_every_kind() -> Heard:
    """Return emissions unheard, quiet, querying, mutating, raising, nested, inside a transaction."""
    for receiver in (quiet, asking, renaming):
        post_save.connect(receiver, sender=Group)
    opened.connect(raising)
    try:
        with hearing() as heard:
            with transaction.atomic():
                Group.objects.create(name=QUOTES)
            opened.send_robust(QUOTES, text=QUOTES, number=1, nested={"password": "x", QUOTES: QUOTES})
            Signal().send(None)
    finally:
        for receiver in (quiet, asking, renaming):
            post_save.disconnect(receiver, sender=Group)
        opened.disconnect(raising)
    return heard


def test_the_key_of_a_session_is_nowhere_in_what_is_written() -> None:
    Session.objects.create(session_key=SECRET, session_data=SECRET, expire_date=datetime.now(UTC))
    with hearing() as heard:
        for signal in (post_save, pre_delete):
            signal.connect(quiet, sender=Session)
        session = Session.objects.get(session_key=SECRET)
        session.save()
        Signal().send(session, told=session)
        session.delete()
        for signal in (post_save, pre_delete):
            signal.disconnect(quiet, sender=Session)
    assert heard.one("post_save").instance == heard.one("pre_delete").instance
    assert heard.packed()
    for one in heard.packed():
        assert SECRET.encode() not in one.body
        assert SECRET not in str(one)


def test_what_is_read_back_is_what_was_written_and_no_key_is_lost_or_spare() -> None:
    bodies = of_every_kind().bodies("emission")
    assert len(bodies) == 4
    for body in bodies:
        assert json.loads(msgspec.json.encode(unpack(body, 0))) == json.loads(body)
    known = {field.encode_name for field in msgspec.structs.fields(Emission)}
    assert known - {key for body in bodies for key in json.loads(body)} == {"seq", "stopped", "cause", "task"}


def test_what_has_its_default_takes_no_room() -> None:
    quiet_call = {"receiver", "offset_us", "duration_us", "file", "line"}
    bodies = [json.loads(body) for body in of_every_kind().bodies("emission")]
    assert quiet_call in [set(call) for body in bodies for call in body.get("calls", ())]
    assert not {"calls", "cause", "flags", "instance", "sender", "family"} & set(bodies[-1])


def test_what_a_journal_looks_up_is_what_the_json_says() -> None:
    for packed in of_every_kind().packed():
        entry = unpack(packed.body, 0)
        if isinstance(entry, Emission):
            model = (entry.instance.model or entry.sender) if entry.instance else None
            assert packed.model == model
            assert packed.pk == (entry.instance.pk if entry.instance else None)
            assert packed.at_us == round(entry.at.timestamp() * 1e6)
            assert (packed.signal, packed.sender, packed.id) == (entry.signal, entry.sender, entry.id)
            assert packed.failed == int(any(call.error is not None for call in entry.calls))


def test_a_wall_clock_that_was_set_is_followed_from_the_next_origin_on() -> None:
    wall = [1_000_000_000]
    encoder = Encoder(Redactor(), clock=lambda: 0, wall=lambda: wall[0])
    event = OriginRecorded(Trace("0" * 32), 0, "MainThread", {"state": "opened", "type": "shell"})
    first = encoder.encode(event)
    wall[0] -= 500_000_000
    second = encoder.encode(event)
    assert first is not None
    assert second is not None
    assert (first.at_us, second.at_us) == (1_000_000, 500_000)
