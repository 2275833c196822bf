"""What is connected, as values: order, sender, weak or strong, gone, uid, async, place in the source."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Group, User
from django.db.models.signals import post_save
from django.dispatch import Signal

from dashboard import dispatcher
from dashboard.dispatcher import Connected
from dashboard.registrations import COLLECTED, UNRESOLVED, Registration, registrations, signals

bell = Signal()
silence = Signal()
BELL = f"{__name__}.bell"


def ring(**kwargs: Any) -> None: ...


def answer(**kwargs: Any) -> None: ...


async def later(**kwargs: Any) -> None: ...


class Tower:
    def on_bell(self, **kwargs: Any) -> None: ...


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    yield
    bell.receivers.clear()


def of_bell() -> list[Registration]:
    return [one for one in registrations() if one.signal == BELL]


def connect(*receivers: Callable[..., Any], **options: Any) -> None:
    for receiver in receivers:
        bell.connect(receiver, **options)


def connection(*, all_senders: bool) -> Connected:
    return Connected(
        receiver=ring, weak=True, sender=None, all_senders=all_senders, is_async=False, dispatch_uid=None
    )


def test_a_registration_names_signal_receiver_and_place() -> None:
    connect(ring)

    (one,) = of_bell()

    assert (one.signal, one.family, one.receiver) == (BELL, "custom", f"{__name__}.ring")
    assert one.file.endswith("tests/test_registrations.py")
    assert one.line == ring.__code__.co_firstlineno
    assert (one.sender, one.order, one.weak, one.alive, one.dispatch_uid, one.is_async) == (
        None,
        1,
        True,
        True,
        None,
        False,
    )


def test_strong_uid_and_async_are_told_apart() -> None:
    connect(ring, weak=False, dispatch_uid="search.post")
    connect(later)

    first, second = of_bell()

    assert (first.weak, first.dispatch_uid, first.is_async) == (False, "search.post", False)
    assert (second.weak, second.dispatch_uid, second.is_async) == (True, None, True)


def test_a_sender_is_named_by_its_label() -> None:
    connect(ring, sender=User)

    assert of_bell()[0].sender == "auth.User"


def test_a_sender_that_cannot_be_resolved_is_not_taken_for_all_senders() -> None:
    connect(ring, sender=Tower())

    assert of_bell()[0].sender == UNRESOLVED


def test_order_counts_the_receivers_that_a_send_by_that_sender_runs() -> None:
    connect(ring, sender=User)
    connect(ring, sender=Group)
    connect(answer)
    connect(answer, sender=User, dispatch_uid="again")
    connect(answer, sender=Group, dispatch_uid="again")

    assert [(one.sender, one.order) for one in of_bell()] == [
        ("auth.User", 1),
        ("auth.Group", 1),
        (None, 1),
        ("auth.User", 3),
        ("auth.Group", 3),
    ]


def test_sync_receivers_come_before_async_ones_as_django_runs_them() -> None:
    connect(later)
    connect(ring, sender=User)
    connect(answer)

    assert [(one.receiver.rpartition(".")[2], one.place_in_order) for one in of_bell()] == [
        ("later", "2/2"),
        ("ring", "1/3"),
        ("answer", "1/2"),
    ]


def test_the_order_is_that_in_which_django_calls_them() -> None:
    called: list[str] = []

    def first(**kwargs: Any) -> None:
        called.append("first")

    async def third(**kwargs: Any) -> None:
        called.append("third")

    def second(**kwargs: Any) -> None:
        called.append("second")

    connect(first, sender=User)
    connect(third)
    connect(second, sender=User)
    orders = {one.order: one.receiver.rpartition(".")[2] for one in of_bell() if one.sender}

    bell.send(User)

    assert called == ["first", "second", "third"]
    assert orders == {1: "first", 2: "second"}


def test_the_words_for_a_registration_are_the_same_everywhere() -> None:
    connect(ring, weak=False)
    connect(later, sender=User)
    tower = Tower()
    connect(tower.on_bell)
    del tower
    gc.collect()

    assert [(one.listens_to, one.reference, one.mode, one.place_in_order) for one in of_bell()] == [
        ("any sender", "strong", "sync", "1/1"),
        ("auth.User", "weak", "async", "2/2"),
        ("any sender", "weak, gone", "sync", ""),
    ]


# --- one function, connected twice ---------------------------------------------------------------


def made(held: object = None) -> Callable[..., None]:
    def made_inside(**kwargs: Any) -> object:
        return held

    return made_inside  # type: ignore[return-value]


def duplicates() -> list[bool]:
    return [one.duplicate for one in of_bell()]


def test_a_function_connected_under_two_uids_is_a_duplicate() -> None:
    connect(ring, dispatch_uid="a")
    connect(ring, dispatch_uid="b")
    connect(answer)

    assert duplicates() == [True, True, False]


def test_a_function_connected_for_all_senders_and_for_one_is_a_duplicate() -> None:
    connect(ring)
    connect(ring, sender=User)
    connect(ring, sender=Group)

    assert duplicates() == [True, True, True]


def test_a_function_connected_for_several_senders_is_none() -> None:
    connect(ring, sender=User)
    connect(ring, sender=Group)

    assert duplicates() == [False, False]


def test_what_a_second_import_would_make_of_a_function_is_a_duplicate() -> None:
    first, second = made(), made()
    connect(first, second)

    assert duplicates() == [True, True]


def test_functions_that_close_over_different_objects_are_none() -> None:
    first, second = made("one"), made("other")
    connect(first, second)

    assert duplicates() == [False, False]


def test_methods_of_different_objects_are_none() -> None:
    one, other = Tower(), Tower()
    connect(one.on_bell, other.on_bell)

    assert duplicates() == [False, False]


def test_a_wrapped_function_is_told_by_what_it_wraps() -> None:
    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapper(**kwargs: Any) -> None:
            function(**kwargs)

        return wrapper

    first, second, third = wrap(ring), wrap(answer), wrap(ring)
    connect(first, second, third)

    assert duplicates() == [True, False, True]


def test_a_partial_and_an_object_that_is_called_are_their_own() -> None:
    class Called:
        def __call__(self, **kwargs: Any) -> None: ...

    first, second, third = functools.partial(ring), functools.partial(ring), Called()
    connect(first, second, third)

    assert duplicates() == [False, False, False]
    assert [one.receiver.rpartition(".")[2] for one in of_bell()] == ["ring)", "ring)", "Called"]


def test_a_function_whose_variable_is_gone_is_described() -> None:
    code = made("x").__code__
    receiver = FunctionType(code, globals(), closure=(CellType(),))
    connect(receiver)

    assert duplicates() == [False]


def test_a_receiver_that_was_held_weakly_and_is_gone_is_listed_as_gone() -> None:
    tower = Tower()
    connect(tower.on_bell, ring)
    assert of_bell()[0].receiver == f"{__name__}.Tower.on_bell"

    del tower
    gc.collect()
    gone, alive = of_bell()

    assert (gone.receiver, gone.alive, gone.order, gone.file, gone.line) == (COLLECTED, False, 0, "", 0)
    assert (alive.alive, alive.order) == (True, 1)


def test_a_receiver_with_an_unresolved_sender_runs_with_no_other_unresolved_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unresolved = connection(all_senders=False)
    monkeypatch.setattr(dispatcher, "connected", lambda signal: [unresolved, unresolved._replace(weak=False)])

    assert [one.order for one in of_bell()] == [1, 1]


def test_keys_are_stable_and_differ_for_every_registration() -> None:
    connect(ring, answer)
    connect(ring, sender=User)
    connect(ring, dispatch_uid="a")
    connect(ring, dispatch_uid="b")
    keys = [one.key for one in of_bell()]

    assert len(set(keys)) == len(keys) == 5
    assert [one.key for one in of_bell()] == keys
    bell.disconnect(answer)
    assert [one.key for one in of_bell()] == [keys[0], *keys[2:]]


def test_the_same_function_connected_twice_has_two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = connection(all_senders=True)
    monkeypatch.setattr(dispatcher, "connected", lambda signal: [twice, twice])

    first, second = of_bell()

    assert first.key != second.key
    assert (first.order, second.order) == (1, 2)


@pytest.mark.parametrize(
    ("uid", "text"), [("plain", "plain"), (7, "7"), (("a", 1), "<tuple of 2>"), ("\ud800", "?")]
)
def test_a_dispatch_uid_of_any_kind_becomes_text(uid: Any, text: str) -> None:
    connect(ring, dispatch_uid=uid)

    (one,) = of_bell()

    assert one.dispatch_uid == text
    assert msgspec.json.decode(msgspec.json.encode(one), type=Registration) == one


def test_a_dispatch_uid_is_bounded() -> None:
    connect(ring, dispatch_uid="x" * 1_000_000)

    assert len(of_bell()[0].dispatch_uid or "") < 300


def test_django_s_own_registrations_are_found_and_ordered_by_signal() -> None:
    everything = registrations()

    assert [one.signal for one in everything] == sorted(one.signal for one in everything)
    assert "django.contrib.auth.management.create_permissions" in [one.receiver for one in everything]


def test_a_model_s_registration_has_its_family() -> None:
    post_save.connect(ring, sender=User)
    try:
        (one,) = [one for one in registrations() if one.receiver == f"{__name__}.ring"]
    finally:
        post_save.disconnect(ring, sender=User)

    assert (one.signal, one.family, one.sender) == (
        "django.db.models.signals.post_save",
        "save",
        "auth.User",
    )


def test_signals_without_registrations_are_known_by_name() -> None:
    assert {f"{__name__}.silence", "django.db.models.signals.pre_save"} <= set(signals())
    assert signals() == sorted(set(signals()))
