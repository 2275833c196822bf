"""What calls did outside the database, and what a rollback did not take back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends import locmem
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.dispatch import Signal

from dashboard.traces.fates import Fates, stays
from dashboard.traces.tree import assemble

from .hearing import Heard
from .test_transactions import savepoint

pytestmark = pytest.mark.usefixtures("no_other_receivers")

touched = Signal()


@pytest.mark.django_db
def test_mail_cache_and_planned_callbacks_are_told_without_their_content(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def receiver(**named: Any) -> None:
        mail.send_mail("secret subject", "body", "a@b.c", ["d@e.f", "g@h.i"])
        cache.set("secret-key", "value")
        cache.set_many({"a": 1, "b": 2})
        cache.get("secret-key")
        transaction.on_commit(receiver)

    connect(touched, receiver)
    touched.send(None)
    effects = heard.one("touched").calls[0].effects
    assert [(effect.kind, effect.what) for effect in effects[:3]] == [
        ("mail", "to 2 recipients"),
        ("cache", "set"),
        ("cache", "set_many"),
    ]
    assert effects[3].kind == "on_commit"
    assert effects[3].what.endswith("receiver")
    assert len(effects) == 4
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_what_did_not_happen_is_no_effect(heard: Heard, connect: Callable[..., None]) -> None:
    ran: list[str] = []

    def receiver(**named: Any) -> None:
        cache.set("there", 1)
        cache.add("there", 2)
        cache.delete("nowhere")
        mail.EmailMessage("to nobody").send()

    connect(touched, receiver)
    touched.send(None)
    assert [(one.kind, one.what) for one in heard.one("touched").calls[0].effects] == [("cache", "set")]
    assert ran == []


@pytest.mark.django_db(transaction=True)
def test_a_callback_that_ran_at_once_was_not_planned(heard: Heard, connect: Callable[..., None]) -> None:
    def receiver(**named: Any) -> None:
        transaction.on_commit(lambda: mail.send_mail("s", "b", "a@b.c", ["d@e.f"]) and None)

    connect(touched, receiver)
    touched.send(None)
    assert [one.kind for one in heard.one("touched").calls[0].effects] == ["mail"]


def lazily() -> Any:
    """Return messages that can be read once."""
    return (mail.EmailMessage("s", to=[to]) for to in ["d@e.f"])


@pytest.mark.parametrize(
    ("send", "what"),
    [
        (lambda: mail.send_mail("s", "b", "a@b.c", ["d@e.f"]), "to 1 recipient"),
        (lambda: mail.EmailMessage("s", "b", to=["d@e.f"], cc=["g@h.i"]).send(), "to 2 recipients"),
        (
            lambda: mail.send_mass_mail([("s", "b", "a@b.c", ["d@e.f"]), ("s", "b", "a@b.c", ["g@h.i"])]),
            "2 messages to 2 recipients",
        ),
        (
            lambda: locmem.EmailBackend().send_messages([mail.EmailMessage("s", "b", to=["d@e.f"])]),
            "to 1 recipient",
        ),
        (
            lambda: locmem.EmailBackend().send_messages(lazily()),
            "1 message",
        ),
        (
            lambda: Posting().send_messages([mail.EmailMessage("s", to=["d@e.f"])]),
            "to 1 recipient",
        ),
    ],
)
def test_mail_is_told_once_by_whatever_way_it_is_sent(
    heard: Heard, connect: Callable[..., None], send: Callable[[], int], what: str
) -> None:
    connect(touched, lambda **named: send())
    touched.send(None)
    assert [(one.kind, one.what) for one in heard.one("touched").calls[0].effects] == [("mail", what)]
    assert mail.outbox


class Posting(BaseEmailBackend):
    """A backend that gives its mail to another one."""

    def send_messages(self, email_messages: Any) -> int:
        cache.set("posted", 1)
        return locmem.EmailBackend().send_messages(email_messages) or 0


def lost(heard: Heard) -> dict[str, list[str]]:
    """Return for each receiver of ``touched`` what a rollback did not take back."""
    entries = heard.entries()
    node = next(one for one in assemble(entries).nodes.values() if one.emission.name == "touched")
    return {
        call.receiver.rpartition(".")[2]: [
            stays(effect) for effect in Fates(entries).kept(node.emission, call)
        ]
        for call in node.emission.calls
    }


@pytest.mark.django_db(transaction=True)
def test_mail_sent_in_a_receivers_own_block_is_flagged_when_that_is_rolled_back(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def in_a_block(**named: Any) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            cache.set("a", 1)
            raise ZeroDivisionError

    def before_it(**named: Any) -> None:
        mail.send_mail("s", "b", "a@b.c", ["d@e.f"])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raise ZeroDivisionError

    def in_one_that_is_kept(**named: Any) -> None:
        with transaction.atomic():
            mail.send_mail("s", "b", "a@b.c", ["d@e.f"])

    for receiver in (in_a_block, before_it, in_one_that_is_kept):
        connect(touched, receiver)
    touched.send(None)
    assert lost(heard) == {"in_a_block": ["cache.set() stays"], "before_it": [], "in_one_that_is_kept": []}
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [("rolled back", 0), ("committed", 0)]


@pytest.mark.django_db(transaction=True)
def test_a_callback_planned_in_a_savepoint_that_is_rolled_back_never_runs(
    heard: Heard, connect: Callable[..., None]
) -> None:
    ran: list[str] = []

    def receiver(**named: Any) -> None:
        transaction.on_commit(kept)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            transaction.on_commit(dropped)
            raise ZeroDivisionError

    def kept() -> None:
        ran.append("kept")

    def dropped() -> None:
        ran.append("dropped")

    connect(touched, receiver)
    with transaction.atomic():
        touched.send(None)
    assert ran == ["kept"]
    assert [text.partition(",")[0] for text in lost(heard)["receiver"]] == ["dropped"]


@pytest.mark.django_db(transaction=True)
def test_a_callback_planned_in_a_savepoint_made_by_hand_runs_all_the_same(
    heard: Heard, connect: Callable[..., None]
) -> None:
    ran: list[str] = []

    def receiver(**named: Any) -> None:
        point = savepoint()
        transaction.on_commit(lambda: ran.append("ran"))
        mail.send_mail("s", "b", "a@b.c", ["d@e.f"])
        transaction.savepoint_rollback(point)

    connect(touched, receiver)
    with transaction.atomic():
        touched.send(None)
    assert ran == ["ran"]
    assert lost(heard) == {"receiver": ["mail to 1 recipient is out"]}


def test_a_callback_is_lost_with_its_own_database_only(
    other: str, heard: Heard, connect: Callable[..., None]
) -> None:
    ran: list[str] = []

    def receiver(**named: Any) -> None:
        transaction.on_commit(lambda: ran.append("here"))
        transaction.on_commit(lambda: ran.append("there"), using=other)

    connect(touched, receiver)
    with transaction.atomic(), pytest.raises(ZeroDivisionError), transaction.atomic(using=other):
        touched.send(None)
        raise ZeroDivisionError
    assert ran == ["here"]
    assert len(lost(heard)["receiver"]) == 1


@pytest.mark.django_db(transaction=True)
def test_the_inspector_and_the_tree_show_what_outlived_a_receivers_own_block(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def receiver(**named: Any) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            mail.send_mail("s", "b", "a@b.c", ["d@e.f"])
            raise ZeroDivisionError

    connect(touched, receiver)
    touched.send(None)
    rows = assemble(heard.entries()).rows().rows
    of_call = next(row for row in rows if row.kind == "call")
    of_block = next(row for row in rows if row.kind == "transaction")
    assert "mail sent" in [flag.label for flag in of_call.flags]
    assert (of_block.level, of_block.rolled_back) == (of_call.level + 1, True)
    assert of_block.fate is not None
    assert of_block.fate.words == "rolled back"
