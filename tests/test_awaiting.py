"""The emitting line of what runs in a thread for a coroutine: the line of the project that awaits it."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.signals import post_save
from django.dispatch import Signal

from dashboard.events import Site

from .hearing import Heard, hearing

pytestmark = [pytest.mark.usefixtures("no_other_receivers"), pytest.mark.django_db(transaction=True)]

touched = Signal()


def where(function: str) -> tuple[str, str]:
    return "tests/test_awaiting.py", function


def place(site: Site | None) -> tuple[str, str]:
    assert site is not None
    return site.file, site.function


def run(work: Callable[[], Any]) -> None:
    """Run the coroutine function in a loop, its database work in this thread."""
    async_to_sync(work)()


def test_the_line_that_awaits_the_orm_is_the_emitting_one(heard: Heard) -> None:
    lines: list[int] = []

    async def work() -> None:
        lines.append(sys._getframe().f_lineno + 1)
        group = await Group.objects.acreate(name="a")
        group.name = "b"
        lines.append(sys._getframe().f_lineno + 1)
        await group.asave()
        lines.append(sys._getframe().f_lineno + 1)
        await group.adelete()

    run(work)
    sites = [heard.emissions(name)[place].site for name, place in (("post_save", 0), ("post_save", 1))]
    sites.append(heard.one("post_delete").site)
    assert [(place(site), site and site.line) for site in sites] == [(where("work"), line) for line in lines]


def test_so_it_is_under_a_loop_of_its_own(heard: Heard) -> None:
    async def work() -> None:
        await Group.objects.acreate(name="a")
        await sync_to_async(lambda: connection.close())()

    asyncio.run(work())
    assert place(heard.one("post_save").site) == where("work")


def test_rows_changed_without_a_signal_have_it_too(heard: Heard) -> None:
    async def work() -> None:
        await Group.objects.abulk_create([Group(name="a")])
        await Group.objects.filter(name="a").aupdate(name="b")

    run(work)
    assert [(one.operation, place(one.site)) for one in heard.bypasses()] == [
        ("bulk_create()", where("work")),
        ("update()", where("work")),
    ]


def test_a_coroutine_of_a_receiver_is_told_apart_from_the_line_that_sent(
    heard: Heard, connect: Callable[..., None]
) -> None:
    async def receiver(instance: User, **named: Any) -> None:
        await Group.objects.acreate(name="a")

    connect(post_save, receiver, User)
    User.objects.create(username="ann")
    by_sender = {one.sender: place(one.site)[1] for one in heard.emissions("post_save")}
    assert by_sender == {
        "auth.User": "test_a_coroutine_of_a_receiver_is_told_apart_from_the_line_that_sent",
        "auth.Group": "receiver",
    }


def test_the_projects_own_line_inside_the_thread_comes_first(heard: Heard) -> None:
    def save() -> None:
        Group.objects.create(name="a")

    async def work() -> None:
        await sync_to_async(save)()

    run(work)
    assert place(heard.one("post_save").site) == where("save")


def test_nothing_is_left_of_an_awaiting_line(heard: Heard) -> None:
    async def work() -> None:
        await Group.objects.acreate(name="a")
        await later()

    async def later() -> None:
        await Group.objects.acreate(name="b")

    run(work)
    assert [place(one.site)[1] for one in heard.emissions("post_save")] == ["work", "later"]


def test_what_is_awaited_returns_and_raises_as_before() -> None:
    def fail(number: int) -> int:
        return 1 // number

    async def work() -> tuple[int, bool]:
        with pytest.raises(ZeroDivisionError):
            await sync_to_async(fail)(0)
        return await sync_to_async(fail)(1), inspect.iscoroutinefunction(SyncToAsync.__call__)

    before = SyncToAsync.__call__
    with hearing():
        assert SyncToAsync.__call__ is not before
        assert async_to_sync(work)() == (1, True)
    assert SyncToAsync.__call__ is before
