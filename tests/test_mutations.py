"""Which call changed which field of the instance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.db import models
from django.db.models.signals import pre_save
from django.dispatch import Signal
from django.test.utils import isolate_apps

from dashboard.shapes import MAX_INSIDE, Shapes
from dashboard.traces.flags import of_call

from .hearing import Heard

pytestmark = pytest.mark.usefixtures("no_other_receivers")

touched = Signal()


@pytest.mark.django_db
def test_a_call_that_changes_a_field_is_told_with_before_and_after(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def name(instance: Group, **named: Any) -> None:
        instance.name = "second"

    def look(instance: Group, **named: Any) -> None:
        instance.name = "".join(["sec", "ond"])

    connect(pre_save, name, Group)
    connect(pre_save, look, Group)
    Group.objects.create(name="first")
    first, second = heard.one("pre_save").calls
    assert first.mutations == {"name": ["first", "second"]}
    assert second.mutations == {}


@pytest.mark.django_db
def test_a_mutated_secret_is_redacted_and_a_raising_call_is_compared_too(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def change(instance: User, **named: Any) -> None:
        instance.password = "plain"
        raise ValueError

    connect(pre_save, change, User)
    with pytest.raises(ValueError, match="^$"):
        User(username="ann", password="old").save()
    assert heard.one("pre_save").calls[0].mutations == {"password": ["[redacted]", "[redacted]"]}


@pytest.mark.django_db
def test_comparing_fetches_no_deferred_field(
    heard: Heard, connect: Callable[..., None], django_assert_num_queries: Any
) -> None:
    Group.objects.create(name="a")
    group = Group.objects.only("id").get()
    connect(touched, lambda **named: None)
    with django_assert_num_queries(0):
        touched.send(Group, instance=group)
    assert "name" not in group.__dict__
    assert heard.one("touched").instance is not None


# --- side by side ------------------------------------------------------------------------------


def mutations(heard: Heard, signal: str = "touched") -> dict[str, dict[str, list[Any]]]:
    """Return what each receiver of the emission changed."""
    return {call.receiver.rpartition(".")[2]: call.mutations for call in heard.one(signal).calls}


def renaming(name: str, *, after: int, then: int) -> Callable[..., Any]:
    """Return a coroutine function that renames the group after so many steps, and goes on for others."""

    async def receiver(instance: Group, **named: Any) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        instance.name = name
        for _ in range(then):
            await asyncio.sleep(0)

    receiver.__qualname__ = f"to_{name}"
    return receiver


def everyway(signal: Signal, instance: Group) -> list[Callable[[], Any]]:
    return [
        lambda: signal.send(Group, instance=instance),
        lambda: signal.send_robust(Group, instance=instance),
        lambda: asyncio.run(signal.asend(Group, instance=instance)),
        lambda: asyncio.run(signal.asend_robust(Group, instance=instance)),
    ]


@pytest.mark.parametrize("way", range(4))
def test_each_coroutine_is_told_what_its_own_steps_changed(
    heard: Heard, connect: Callable[..., None], way: int
) -> None:
    async def looking(instance: Group, **named: Any) -> None:
        for _ in range(9):
            await asyncio.sleep(0)

    connect(touched, renaming("second", after=5, then=1))
    connect(touched, renaming("first", after=1, then=8))
    connect(touched, looking)
    everyway(touched, Group(name="zeroth"))[way]()
    assert mutations(heard) == {
        "to_second": {"name": ["first", "second"]},
        "to_first": {"name": ["zeroth", "first"]},
        "looking": {},
    }


def test_a_coroutine_is_told_from_its_first_change_to_its_last(
    heard: Heard, connect: Callable[..., None]
) -> None:
    async def receiver(instance: Group, **named: Any) -> None:
        for name in "abc":
            instance.name = name
            await asyncio.sleep(0)

    connect(touched, receiver)
    touched.send(Group, instance=Group(name=""))
    assert mutations(heard) == {"receiver": {"name": ["", "c"]}}


def test_sync_receivers_under_asend_are_told_what_they_changed(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def sync(instance: Group, **named: Any) -> None:
        instance.name = "sync"

    def also(instance: Group, **named: Any) -> None:
        instance.name = "also"
        raise ValueError

    connect(touched, sync)
    connect(touched, also)
    asyncio.run(touched.asend_robust(Group, instance=Group(name="")))
    assert mutations(heard) == {"sync": {"name": ["", "sync"]}, "also": {"name": ["sync", "also"]}}


def test_what_changes_in_a_thread_for_the_only_coroutine_that_waits_is_its_own(
    heard: Heard, connect: Callable[..., None]
) -> None:
    async def receiver(instance: Group, **named: Any) -> None:
        await sync_to_async(setattr)(instance, "name", "in a thread")

    connect(touched, receiver)
    touched.send(Group, instance=Group(name=""))
    assert mutations(heard) == {"receiver": {"name": ["", "in a thread"]}}


def test_what_changes_while_several_wait_is_marked_as_anyones(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def rename(instance: Group) -> None:
        instance.name = "in a thread"

    async def threaded(instance: Group, **named: Any) -> None:
        await begun.wait()
        await sync_to_async(rename)(instance)
        await asyncio.sleep(0)
        renamed.set()

    async def waiting(instance: Group, **named: Any) -> None:
        begun.set()
        await renamed.wait()

    begun, renamed = asyncio.Event(), asyncio.Event()

    connect(touched, threaded)
    connect(touched, waiting)
    touched.send(Group, instance=Group(name=""))
    doubtful = {"name": ["", "in a thread", "side by side"]}
    assert mutations(heard) == {"threaded": doubtful, "waiting": doubtful}
    flags = [flag for flag in of_call(heard.one("touched").calls[0], 50) if flag.name == "mutated"]
    assert [(flag.label, flag.title) for flag in flags] == [
        ("mutated?", "it or a call at its side changed name of the instance")
    ]


# --- lists and dicts ---------------------------------------------------------------------------


@pytest.fixture
def letter() -> Iterator[Any]:
    """Return a model that holds JSON."""
    with isolate_apps("demo_app"):

        class Letter(models.Model):  # noqa: DJ008
            data = models.JSONField()
            password = models.JSONField(default=dict)

            class Meta:
                app_label = "demo_app"

        yield Letter


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(b=1), ["<dict of 2>", "<dict of 3, changed in place>"]),
        (lambda data: data["a"].append(3), ["<dict of 2>", "<dict of 2, changed in place>"]),
        (lambda data: data["a"][1].update(deep=4), ["<dict of 2>", "<dict of 2, changed in place>"]),
        (lambda data: data.update(n=1234567), None),
        (lambda data: data.update(n=1234568), ["<dict of 2>", "<dict of 2, changed in place>"]),
        (lambda data: data.get("a"), None),
    ],
)
def test_a_dict_changed_in_place_is_a_mutation(
    heard: Heard, connect: Callable[..., None], letter: Any, change: Callable[[Any], Any], told: Any
) -> None:
    def receiver(instance: Any, **named: Any) -> None:
        change(instance.data)

    connect(touched, receiver)
    connect(touched, lambda **named: None)
    instance = letter(data={"a": [1, {"deep": 2}], "n": int("1234567")})
    touched.send(letter, instance=instance)
    first, second = heard.one("touched").calls
    assert first.mutations == ({"data": told} if told else {})
    assert second.mutations == {}


def test_a_list_replaced_by_another_is_told_as_before_and_a_secret_is_not_told(
    heard: Heard, connect: Callable[..., None], letter: Any
) -> None:
    def receiver(instance: Any, **named: Any) -> None:
        instance.data = [*instance.data, 2]
        instance.password["hunter"] = 2

    connect(touched, receiver)
    touched.send(letter, instance=letter(data=[1]))
    assert mutations(heard) == {
        "receiver": {"data": ["<list of 1>", "<list of 2>"], "password": ["[redacted]", "[redacted]"]}
    }


def test_large_lists_are_not_looked_into_and_no_value_is_compared_by_its_own_way(
    heard: Heard, connect: Callable[..., None], letter: Any
) -> None:
    class Proud:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = None  # type: ignore[assignment]

    def receiver(instance: Any, **named: Any) -> None:
        instance.data[-1] = Proud()

    connect(touched, receiver)
    touched.send(letter, instance=letter(data=[[number] for number in range(MAX_INSIDE)]))
    touched.send(letter, instance=letter(data=[Proud()]))
    large, small = (one.calls[0].mutations for one in heard.emissions("touched"))
    assert large == {}
    assert small == {"data": ["<list of 1>", "<list of 1, changed in place>"]}
    assert heard.recorder.faults == 0


def test_models_that_hold_single_values_are_not_looked_into() -> None:
    assert Shapes().of(User).containers == ()
