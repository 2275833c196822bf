"""What calls ran: their queries; loops, and receivers that did not run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.cache.backends.base import BaseCache
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.deletion import Collector
from django.db.models.signals import post_save
from django.dispatch import Signal

from dashboard.statements import shape

from .hearing import Heard, hearing

pytestmark = pytest.mark.usefixtures("no_other_receivers")

touched = Signal()


# --- queries --------------------------------------------------------------------------------------


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


# --- loops and what did not run -------------------------------------------------------------------


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
        (BaseDatabaseWrapper, "set_autocommit"),
        (BaseDatabaseWrapper, "savepoint_rollback"),
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


def test_a_stored_procedure_is_a_query(heard: Heard, connect: Callable[..., None]) -> None:
    class Driver:
        """A cursor of a database that has procedures, which SQLite has not."""

        def callproc(self, name: str, params: Any = None) -> Any:
            return params

    def receiver(**named: Any) -> None:
        assert CursorWrapper(Driver(), connection).callproc("tidy_up", ["s3cret"]) == ["s3cret"]

    connect(touched, receiver)
    touched.send(None)
    (call,) = heard.one("touched").calls
    assert (call.queries, [one.sql for one in call.statements]) == (1, ["CALL tidy_up"])
