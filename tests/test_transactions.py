"""What became of the transactions around emissions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection, connections, transaction
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from dashboard.traces.fates import Fates

from .hearing import Heard

pytestmark = pytest.mark.usefixtures("no_other_receivers")

touched, nested, innermost = Signal(), Signal(), Signal()


def savepoint() -> str:
    """Make one by hand: the function in ``transaction`` has another name from Django 6.1 on."""
    made = connection.savepoint()
    assert made is not None
    return made


def fates(heard: Heard) -> list[str]:
    """Return what became of each save, in order."""
    known = Fates(heard.entries())
    ends = [
        known.of(emission.transaction)
        for emission in heard.emissions("post_save")
        if emission.sender == "auth.Group"
    ]
    return [end.outcome.state if end else "autocommit" for end in ends]


@pytest.mark.django_db(transaction=True)
def test_an_emission_outside_a_block_is_autocommitted(heard: Heard) -> None:
    Group.objects.create(name="a")
    told = heard.one("post_save").transaction
    assert told is not None
    assert (told.alias, told.state, told.blocks) == ("default", "autocommit", [])
    assert heard.outcomes() == []


@pytest.mark.django_db(transaction=True)
def test_a_block_that_ends_well_is_committed(heard: Heard) -> None:
    with transaction.atomic():
        Group.objects.create(name="a")
    told, (outcome,) = heard.one("post_save").transaction, heard.outcomes()
    assert told is not None
    assert (told.state, told.blocks) == ("open", [outcome.block])
    assert (outcome.state, outcome.savepoint, outcome.emissions) == ("committed", False, 2)
    assert outcome.trace == heard.one("post_save").trace


@pytest.mark.django_db(transaction=True)
def test_a_block_that_raises_is_rolled_back(heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.create(name="a")
        raise ZeroDivisionError
    assert [outcome.state for outcome in heard.outcomes()] == ["rolled back"]


@pytest.mark.django_db(transaction=True)
def test_set_rollback_rolls_back_without_an_exception(heard: Heard) -> None:
    with transaction.atomic():
        Group.objects.create(name="a")
        transaction.set_rollback(True)
    assert [outcome.state for outcome in heard.outcomes()] == ["rolled back"]


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_is_rolled_back_is_told_before_its_transaction(heard: Heard) -> None:
    with transaction.atomic():
        Group.objects.create(name="kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Group.objects.create(name="lost")
            raise ZeroDivisionError
    inner, outer = heard.outcomes()
    assert (inner.state, inner.savepoint) == ("rolled back", True)
    assert (outer.state, outer.savepoint) == ("committed", False)
    kept, lost = [
        emission.transaction for emission in heard.emissions("post_save") if emission.sender == "auth.Group"
    ]
    assert kept is not None
    assert lost is not None
    assert kept.blocks == [outer.block]
    assert lost.blocks == [outer.block, inner.block]


@pytest.mark.django_db(transaction=True)
def test_a_block_without_savepoint_is_part_of_the_one_around_it(heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with transaction.atomic(savepoint=False):
            Group.objects.create(name="a")
            raise ZeroDivisionError
    (outcome,) = heard.outcomes()
    assert (outcome.state, outcome.savepoint) == ("rolled back", False)


@pytest.mark.django_db(transaction=True)
def test_a_durable_decorated_function_used_twice_makes_two_blocks(heard: Heard) -> None:
    @transaction.atomic
    def make(name: str) -> None:
        Group.objects.create(name=name)

    make("a")
    make("b")
    assert len({outcome.block for outcome in heard.outcomes()}) == 2


@pytest.mark.django_db(transaction=True)
def test_on_commit_is_untouched(heard: Heard) -> None:
    ran: list[str] = []
    with transaction.atomic():
        Group.objects.create(name="a")
        transaction.on_commit(lambda: ran.append("mine"))
        assert len(connection.run_on_commit) == 1
    assert ran == ["mine"]


@pytest.mark.django_db(transaction=True)
def test_a_hook_that_raises_after_the_commit_rolls_nothing_back(heard: Heard) -> None:
    def hook() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.create(name="kept")
        transaction.on_commit(hook)
    assert Group.objects.count() == 1
    assert [outcome.state for outcome in heard.outcomes()] == ["committed"]


@pytest.mark.django_db(transaction=True)
def test_a_keyword_using_of_a_signal_of_the_apps_own_is_no_database(heard: Heard) -> None:
    with transaction.atomic():
        touched.send(None, using="redis")
    told = heard.one("touched").transaction
    assert told is not None
    assert (told.alias, told.state, len(told.blocks)) == ("default", "open", 1)


# --- by hand -----------------------------------------------------------------------------------


@pytest.fixture
def by_hand(transactional_db: None) -> Iterator[None]:
    """Autocommit is off."""
    transaction.set_autocommit(False)
    yield
    transaction.rollback()
    transaction.set_autocommit(True)


def names() -> set[str]:
    return set(Group.objects.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_by_hand_that_is_rolled_back_takes_only_what_it_held(heard: Heard) -> None:
    with transaction.atomic():
        Group.objects.create(name="before")
        point = savepoint()
        Group.objects.create(name="lost")
        transaction.savepoint_rollback(point)
        Group.objects.create(name="again")
        transaction.savepoint_commit(point)
        Group.objects.create(name="after")
    assert names() == {"before", "again", "after"}
    inner, outer = heard.outcomes()
    assert (inner.state, inner.savepoint, inner.emissions) == ("rolled back", True, 2)
    assert (outer.state, outer.savepoint, outer.emissions) == ("committed", False, 8)
    assert fates(heard) == ["committed", "rolled back", "committed", "committed"]


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_rolled_back_twice_has_two_ends(heard: Heard) -> None:
    with transaction.atomic():
        point = savepoint()
        for name in "ab":
            Group.objects.create(name=name)
            transaction.savepoint_rollback(point)
    assert names() == set()
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [
        ("rolled back", 2),
        ("rolled back", 2),
        ("committed", 4),
    ]


@pytest.mark.django_db(transaction=True)
def test_an_atomic_block_inside_a_savepoint_by_hand_is_lost_with_it(heard: Heard) -> None:
    with transaction.atomic():
        point = savepoint()
        with transaction.atomic():
            Group.objects.create(name="a")
        transaction.savepoint_rollback(point)
        Group.objects.create(name="b")
    assert names() == {"b"}
    assert fates(heard) == ["rolled back", "committed"]


@pytest.mark.django_db(transaction=True)
def test_savepoints_that_are_still_open_are_rolled_back_with_the_one_around_them(heard: Heard) -> None:
    with transaction.atomic():
        outer = savepoint()
        Group.objects.create(name="a")
        savepoint()
        Group.objects.create(name="b")
        transaction.savepoint_rollback(outer)
    assert names() == set()
    assert fates(heard) == ["rolled back", "rolled back"]


def test_each_commit_and_rollback_by_hand_ends_what_was_sent_since_the_last(
    heard: Heard, by_hand: None
) -> None:
    Group.objects.create(name="kept")
    transaction.commit()
    Group.objects.create(name="lost")
    transaction.rollback()
    Group.objects.create(name="last")
    transaction.commit()
    assert names() == {"kept", "last"}
    assert [(one.state, one.savepoint, one.emissions) for one in heard.outcomes()] == [
        ("committed", False, 2),
        ("rolled back", False, 2),
        ("committed", False, 2),
    ]
    assert fates(heard) == ["committed", "rolled back", "committed"]


@pytest.mark.sqlite
def test_turning_autocommit_on_again_ends_the_transaction(transactional_db: None, heard: Heard) -> None:
    transaction.set_autocommit(False)
    Group.objects.create(name="a")
    assert heard.outcomes() == []
    transaction.set_autocommit(True)  # SQLite commits here
    Group.objects.create(name="b")
    connection.close()
    assert names() == {"a", "b"}
    assert fates(heard) == ["committed", "autocommit"]


def test_a_connection_that_is_closed_takes_its_transaction_with_it(heard: Heard, by_hand: None) -> None:
    Group.objects.create(name="a")
    connection.close()
    assert names() == set()
    assert [one.state for one in heard.outcomes()] == ["rolled back"]


def test_an_atomic_block_without_autocommit_is_a_savepoint_of_the_transaction(
    heard: Heard, by_hand: None
) -> None:
    Group.objects.create(name="a")
    with transaction.atomic():
        Group.objects.create(name="b")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.create(name="c")
        raise ZeroDivisionError
    transaction.rollback()
    assert names() == set()
    assert [(one.state, one.savepoint) for one in heard.outcomes()] == [
        ("rolled back", True),
        ("rolled back", False),
    ]
    assert fates(heard) == ["rolled back", "rolled back", "rolled back"]


@pytest.mark.sqlite
def test_a_first_savepoint_without_begin_is_committed_by_its_release(heard: Heard, by_hand: None) -> None:
    with transaction.atomic():
        Group.objects.create(name="a")
    transaction.rollback()
    assert names() == {"a"}  # so SQLite does
    assert fates(heard) == ["committed"]


# --- requests and several databases ------------------------------------------------------------


def fail(request: HttpRequest) -> HttpResponse:
    Group.objects.create(name="asked")
    raise ZeroDivisionError


urlpatterns = [path("fail/", fail)]


@pytest.mark.django_db(transaction=True)
def test_atomic_requests_roll_back_what_a_failing_view_sent(
    heard: Heard, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, []
    monkeypatch.setitem(connections.settings["default"], name="ATOMIC_REQUESTS", value=True)
    assert Client(raise_request_exception=False).get("/fail/").status_code == 500
    assert names() == set()
    assert [outcome.state for outcome in heard.outcomes()] == ["rolled back"]
    assert fates(heard) == ["rolled back"]


def test_each_database_has_an_outcome_of_its_own_and_counts_its_own(other: str, heard: Heard) -> None:
    with transaction.atomic(), pytest.raises(ZeroDivisionError), transaction.atomic(using=other):
        Group.objects.create(name="here")
        Group.objects.using(other).create(name="there")
        Group.objects.using(other).create(name="there too")
        touched.send(None)
        raise ZeroDivisionError
    assert (names(), Group.objects.using(other).count()) == ({"here"}, 0)
    there, here = heard.outcomes()
    assert (there.alias, there.state, there.savepoint, there.emissions) == (other, "rolled back", False, 5)
    assert (here.alias, here.state, here.savepoint, here.emissions) == ("default", "committed", False, 3)
    assert fates(heard) == ["committed", "rolled back", "rolled back"]


def test_what_is_sent_for_one_database_is_not_inside_a_block_of_another(other: str, heard: Heard) -> None:
    with transaction.atomic():
        Group.objects.using(other).create(name="there")
    told = heard.one("post_save").transaction
    assert told is not None
    assert (told.alias, told.state, told.blocks) == (other, "autocommit", [])
    assert heard.outcomes() == []


@pytest.mark.django_db(transaction=True)
def test_a_second_connection_to_the_same_database_has_transactions_of_its_own(heard: Heard) -> None:
    second = connection.copy()
    second.ensure_connection()
    with transaction.atomic():
        touched.send(None)
        second.set_autocommit(False)
        second.rollback()
        second.set_autocommit(True)
        second.close()
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [("committed", 1)]


@pytest.mark.django_db(transaction=True)
def test_rows_changed_without_a_signal_know_their_block_and_are_no_emission(heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.bulk_create([Group(name="a")])
        raise ZeroDivisionError
    (outcome,), (bypass,) = heard.outcomes(), heard.bypasses()
    assert bypass.transaction is not None
    assert bypass.transaction.blocks == [outcome.block]
    assert (outcome.state, outcome.emissions) == ("rolled back", 0)


# --- coroutines --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_coroutine_that_send_runs_is_inside_the_block_of_the_sender(
    heard: Heard, connect: Callable[..., None]
) -> None:
    async def save(**named: Any) -> None:
        await Group.objects.acreate(name="by a coroutine")
        await nested.asend("coroutine")
        await asyncio.sleep(0)
        innermost.send("coroutine")

    async def inside(**named: Any) -> None:
        await asyncio.sleep(0)
        innermost.send("coroutine")

    connect(touched, save)
    connect(nested, inside)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        touched.send(None)
        raise ZeroDivisionError
    assert names() == set()
    (outcome,) = heard.outcomes()
    told = [one.transaction for one in heard.emissions() if one.name != "connection_created"]
    assert len(told) == 6
    assert [one.blocks if one else None for one in told] == [[outcome.block]] * 6
    assert (outcome.state, outcome.emissions) == ("rolled back", 6)


@pytest.mark.django_db(transaction=True)
def test_a_block_is_lent_to_a_coroutine_only_while_it_runs(
    heard: Heard, connect: Callable[..., None]
) -> None:
    async def receiver(**named: Any) -> None:
        await asyncio.sleep(0.01)

    connect(touched, receiver)

    async def around() -> None:
        async def other_work() -> None:
            for _ in range(3):
                await asyncio.sleep(0.003)
                nested.send("other work")

        def work() -> None:
            with transaction.atomic():
                touched.send(None)
                transaction.set_rollback(True)

        await asyncio.gather(sync_to_async(work)(), other_work())
        await sync_to_async(lambda: connection.close())()

    asyncio.run(around())
    assert [one.transaction for one in heard.emissions("nested")] == [None] * 3
    assert [one.emissions for one in heard.outcomes()] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_another_thread_is_outside_the_block(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def elsewhere() -> None:
        nested.send("its own thread")

    async def receiver(**named: Any) -> None:
        await sync_to_async(elsewhere, thread_sensitive=False)()

    connect(touched, receiver)
    with transaction.atomic():
        touched.send(None)
    assert heard.one("nested").transaction is None
