"""What calls did: their queries, effects and mutations; what became of their transactions; what bypassed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.db import connection, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.deletion import Collector
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.db.transaction import Atomic
from django.dispatch import Signal
from django.utils import timezone

from dashboard import observers
from dashboard.statements import shape

from .hearing import Heard, hearing

touched = Signal()


@pytest.fixture(autouse=True)
def no_other_receivers() -> Iterator[None]:
    """Only what a test connects is connected to the signals of models."""
    watched: list[Any] = [pre_save, post_save, pre_delete, post_delete, m2m_changed]
    before = [signal.receivers for signal in watched]
    for signal in watched:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    yield
    for signal, receivers in zip(watched, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing() as heard:
        yield heard


@pytest.fixture
def connect() -> Iterator[Callable[..., None]]:
    connected: list[tuple[Signal, Any, Any]] = []

    def connect(signal: Signal, receiver: Callable[..., Any], sender: Any = None) -> None:
        signal.connect(receiver, sender=sender, weak=False)
        connected.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


# --- queries -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_queries_are_counted_for_the_innermost_call_only(heard: Heard, connect: Callable[..., None]) -> None:
    def outside(**named: Any) -> None:
        User.objects.count()
        Group.objects.create(name="inner")

    connect(touched, outside)
    connect(post_save, lambda **named: User.objects.exists(), Group)
    touched.send(None)
    (within,) = heard.one("post_save").calls
    (around,) = heard.one("touched").calls
    assert within.queries == 1
    assert around.queries == 2
    assert around.query_us > 0
    assert [one.sql[:6] for one in around.statements] == ["SELECT", "INSERT"]


@pytest.mark.django_db
def test_queries_outside_calls_belong_to_none(heard: Heard, connect: Callable[..., None]) -> None:
    connect(touched, lambda **named: None)
    User.objects.count()
    touched.send(None)
    User.objects.count()
    assert heard.one("touched").calls[0].queries == 0


@pytest.mark.django_db
def test_one_query_per_row_is_flagged_with_its_count(heard: Heard, connect: Callable[..., None]) -> None:
    for number in range(5):
        Group.objects.create(name=str(number))

    def receiver(**named: Any) -> None:
        for group in Group.objects.all():
            Permission.objects.filter(group=group).count()

    connect(touched, receiver)
    touched.send(None)
    emission = heard.one("touched")
    assert emission.flags == ["n+1:5"]
    assert emission.calls[0].flags == ["n+1:5"]
    assert [one.times for one in emission.calls[0].statements] == [1, 5]


@pytest.mark.django_db
def test_statements_keep_no_values(heard: Heard, connect: Callable[..., None]) -> None:
    def receiver(**named: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'hunter2', 42, %s", ["s3cret"])
            cursor.executemany("UPDATE auth_group SET name = %s", [["x"], ["y"]])

    connect(touched, receiver)
    touched.send(None)
    assert [one.sql for one in heard.one("touched").calls[0].statements] == [
        "SELECT ?, ?, %s",
        "UPDATE auth_group SET name = %s",
    ]


def test_lists_of_values_have_one_shape_whatever_their_length() -> None:
    assert shape("SELECT a FROM t WHERE b IN (%s, %s)") == shape("SELECT a  FROM t WHERE b IN (%s,%s,%s)")
    assert shape("SELECT 'it''s'") == "SELECT ?"


@pytest.mark.django_db
def test_a_thousand_equal_queries_are_counted_whole(heard: Heard, connect: Callable[..., None]) -> None:
    def receiver(**named: Any) -> None:
        for number in range(1_000):
            User.objects.filter(pk=number).exists()

    connect(touched, receiver)
    touched.send(None)
    (call,) = heard.one("touched").calls
    assert call.queries == 1_000
    assert call.flags == ["n+1:1000"]
    assert len(call.statements[0].offsets_us) == 50


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'hunter2",
        "SELECT /* 'hunter2 */ 1",
        "SELECT 1 -- token=hunter2",
        r"SELECT 'it\'s hunter2'",
        "SELECT $$hunter2$$",
        "SELECT $a$hunter2",
    ],
)
def test_no_way_of_writing_a_value_keeps_it(sql: str) -> None:
    assert "hunter2" not in shape(sql)


# --- mutations ---------------------------------------------------------------------------------


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


# --- transactions ------------------------------------------------------------------------------


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
    kept, lost = [emission.transaction for emission in heard.emissions("post_save")]
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


# --- effects -----------------------------------------------------------------------------------


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


# --- bypasses ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_update_tells_its_rows_and_the_receivers_it_skipped(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def index(**named: Any) -> None:
        pass

    connect(post_save, index, User)
    connect(post_save, lambda **named: None, Group)
    User.objects.create(username="ann")
    User.objects.create(username="bob")
    User.objects.update(first_name="x")
    (bypass,) = heard.bypasses()
    assert (bypass.operation, bypass.sender, bypass.rows) == ("update()", "auth.User", 2)
    assert [name.rpartition(".")[2] for name in bypass.skipped] == ["index"]
    assert bypass.site is not None
    assert bypass.site.function == "test_an_update_tells_its_rows_and_the_receivers_it_skipped"


@pytest.mark.django_db
def test_bulk_create_and_bulk_update_are_one_bypass_each(heard: Heard) -> None:
    groups = Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    for group in groups:
        group.name += "!"
    Group.objects.bulk_update(groups, ["name"])
    assert [(one.operation, one.rows) for one in heard.bypasses()] == [
        ("bulk_create()", 2),
        ("bulk_update()", 2),
    ]


@pytest.mark.django_db
def test_a_delete_that_django_announces_is_no_bypass(heard: Heard) -> None:
    permission = Permission.objects.create(name="p", codename="p", content_type=ContentType.objects.all()[0])
    Group.objects.create(name="a").delete()
    permission.delete()
    assert len(heard.emissions("pre_delete")) == 2
    assert heard.bypasses() == []


@pytest.mark.django_db
def test_a_delete_that_django_keeps_silent_about_is_a_bypass(heard: Heard) -> None:
    for key in "abc":
        Session.objects.create(session_key=key, expire_date=timezone.now())
    Session.objects.get(pk="a").delete()
    Session.objects.all().delete()
    assert heard.emissions("pre_delete") == []
    assert [(one.operation, one.rows) for one in heard.bypasses()] == [("fast delete", 1), ("fast delete", 2)]


@pytest.mark.django_db
def test_a_cascade_that_deletes_through_rows_is_a_bypass(heard: Heard) -> None:
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    assert [bypass.operation for bypass in heard.bypasses()] == ["m2m add"]
    group.delete()
    assert [(one.operation, one.sender, one.rows) for one in heard.bypasses()[1:]] == [
        ("cascade", "auth.User.groups", 1)
    ]


@pytest.mark.django_db
def test_m2m_changes_that_are_announced_are_no_bypass(heard: Heard, connect: Callable[..., None]) -> None:
    connect(m2m_changed, lambda **named: None, User.groups.through)
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    user.groups.remove(group)
    user.groups.set([group])
    user.groups.clear()
    assert len(heard.emissions("m2m_changed")) == 8
    assert heard.bypasses() == []


@pytest.mark.django_db
def test_an_m2m_add_nobody_listens_to_is_a_bypass_and_its_removal_is_announced(heard: Heard) -> None:
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    user.groups.remove(group)
    assert [(one.operation, one.sender) for one in heard.bypasses()] == [("m2m add", "auth.User.groups")]


@pytest.mark.django_db
def test_rows_that_may_have_been_there_are_not_counted(heard: Heard) -> None:
    Group.objects.bulk_create([Group(id=1, name="a")], ignore_conflicts=True)
    assert [(one.operation, one.rows) for one in heard.bypasses()] == [("bulk_create()", None)]


@pytest.mark.django_db
def test_an_update_by_a_receiver_of_a_deletion_is_no_cascade(
    heard: Heard, connect: Callable[..., None]
) -> None:
    User.objects.create(username="ann")
    connect(post_delete, lambda **named: User.objects.update(first_name="x"), Group)
    Group.objects.create(name="a").delete()
    assert [one.operation for one in heard.bypasses()] == ["update()"]


@pytest.mark.django_db
def test_no_router_is_asked_once_more(heard: Heard, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Router:
        def db_for_write(self, model: Any, **hints: Any) -> str:
            asked.append(model.__name__)
            return "default"

    def update() -> int:
        asked.clear()
        User.objects.update(first_name="x")
        return len(asked)

    User.objects.create(username="ann")
    monkeypatch.setattr(router, "routers", [Router()])
    recorded = update()
    observers.uninstall()
    assert recorded == update()


@pytest.mark.django_db
def test_ordinary_saves_are_no_bypass(heard: Heard) -> None:
    group = Group.objects.create(name="a")
    group.name = "b"
    group.save()
    Group.objects.update_or_create(name="b", defaults={"name": "c"})
    Group.objects.get_or_create(name="d")
    assert heard.bypasses() == []


@pytest.mark.django_db
def test_a_write_that_changes_nothing_is_no_bypass(heard: Heard) -> None:
    Group.objects.filter(name="nobody").update(name="x")
    Group.objects.bulk_create([])
    assert heard.bypasses() == []


# --- loops and what did not run ------------------------------------------------------------------


@pytest.mark.django_db
def test_a_signal_entered_again_for_the_same_instance_is_a_loop(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def touch(instance: Group, **named: Any) -> None:
        if len(instance.name) < 3:
            instance.name += "x"
            instance.save()

    connect(post_save, touch, Group)
    Group.objects.create(name="a")
    assert [emission.flags for emission in heard.emissions("post_save")] == [["loop:3"], ["loop:2"], []]


@pytest.mark.django_db
def test_saving_another_instance_of_the_same_model_is_no_loop(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def second(instance: Group, **named: Any) -> None:
        if instance.name == "a":
            Group.objects.create(name="b")

    connect(post_save, second, Group)
    Group.objects.create(name="a")
    assert [emission.flags for emission in heard.emissions("post_save")] == [[], []]


def test_receivers_that_an_exception_kept_from_running_are_told(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def raising(**named: Any) -> None:
        raise ValueError

    def never(**named: Any) -> None:
        pass

    connect(touched, raising)
    connect(touched, never)
    with pytest.raises(ValueError, match="^$"):
        touched.send(None)
    assert [name.rpartition(".")[2] for name in heard.one("touched").stopped] == ["never"]


def test_uninstalling_leaves_every_watched_class_as_it_was() -> None:
    watched: list[tuple[type, str]] = [
        (CursorWrapper, "execute"),
        (CursorWrapper, "executemany"),
        (Atomic, "__enter__"),
        (Atomic, "__exit__"),
        (QuerySet, "update"),
        (QuerySet, "bulk_create"),
        (QuerySet, "bulk_update"),
        (QuerySet, "_raw_delete"),
        (Collector, "delete"),
        (mail.EmailMessage, "send"),
        (BaseDatabaseWrapper, "on_commit"),
        (BaseCache, "set_many"),
    ]

    def found() -> list[Any]:
        return [vars(owner)[name] for owner, name in watched]

    before = found()
    with hearing():
        assert all(one is not other for one, other in zip(before, found(), strict=True))
    assert found() == before
