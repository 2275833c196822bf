"""Rows changed with no signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, models, router
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import Signal
from django.test.utils import isolate_apps
from django.utils import timezone

from dashboard import observers

from .hearing import Heard

pytestmark = pytest.mark.usefixtures("no_other_receivers")

touched = Signal()


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


# --- cascades ----------------------------------------------------------------------------------


@pytest.fixture
def shelf(transactional_db: None) -> Iterator[Any]:
    """Return models of the test's own, with their tables: books refer to a shelf in three ways."""
    with isolate_apps("demo_app"):

        class Shelf(models.Model):  # noqa: DJ008
            class Meta:
                app_label = "demo_app"

        class Book(models.Model):  # noqa: DJ008
            nulled: Any = models.ForeignKey(Shelf, models.SET_NULL, null=True, related_name="+")
            default: Any = models.ForeignKey(
                Shelf, models.SET_DEFAULT, null=True, default=None, related_name="+"
            )
            chosen: Any = models.ForeignKey(Shelf, models.SET(lambda: None), null=True, related_name="books")

            class Meta:
                app_label = "demo_app"

        with connection.schema_editor() as editor:
            editor.create_model(Shelf)
            editor.create_model(Book)
        yield Shelf, Book
        with connection.schema_editor() as editor:
            editor.delete_model(Book)
            editor.delete_model(Shelf)


@pytest.mark.parametrize("field", ["nulled", "default", "chosen"])
def test_rows_that_a_deletion_updates_are_a_bypass(
    shelf: Any, heard: Heard, connect: Callable[..., None], field: str
) -> None:
    Shelf, Book = shelf  # noqa: N806
    connect(post_save, lambda **named: None, Book)
    kept, gone = Shelf.objects.create(), Shelf.objects.create()
    for place in (gone, gone, kept):
        Book.objects.create(**{field: place})
    gone.delete()
    assert Book.objects.filter(**{f"{field}__isnull": True}).count() == 2
    (bypass,) = (one for one in heard.bypasses() if one.operation == "on_delete update()")
    assert (bypass.sender, bypass.rows, len(bypass.skipped)) == ("demo_app.Book", 2, 1)
    assert bypass.site is not None
    assert bypass.site.function == "test_rows_that_a_deletion_updates_are_a_bypass"


def test_a_deletion_that_refers_to_nothing_updates_nothing(shelf: Any, heard: Heard) -> None:
    shelf[0].objects.create().delete()
    assert [one.operation for one in heard.bypasses()] == []


def test_a_manager_of_a_foreign_key_changes_rows_without_a_signal(shelf: Any, heard: Heard) -> None:
    Shelf, Book = shelf  # noqa: N806
    place, book = Shelf.objects.create(), Book.objects.create()
    place.books.add(book)
    place.books.clear()
    assert [(one.operation, one.sender) for one in heard.bypasses()] == [("update()", "demo_app.Book")] * 2


@pytest.mark.django_db
def test_through_rows_of_a_cascade_are_a_bypass_though_somebody_listens_to_all_senders(
    heard: Heard, connect: Callable[..., None]
) -> None:
    connect(post_delete, lambda **named: None)
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    group.delete()
    assert [one.sender for one in heard.emissions("post_delete")] == ["auth.Group"]
    assert [(one.operation, one.sender, one.rows) for one in heard.bypasses()[1:]] == [
        ("cascade", "auth.User.groups", 1)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("is_heard", [False, True])
def test_through_rows_that_a_manager_removes_are_announced(
    heard: Heard, connect: Callable[..., None], is_heard: bool
) -> None:
    if is_heard:
        connect(post_delete, lambda **named: None)
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    user.groups.remove(group)
    user.groups.add(group)
    user.groups.clear()
    assert [one.operation for one in heard.bypasses()] == ["m2m add"] * 2


@pytest.mark.django_db
@pytest.mark.parametrize("is_heard", [False, True])
def test_through_rows_deleted_by_hand_are_a_bypass(
    heard: Heard, connect: Callable[..., None], is_heard: bool
) -> None:
    if is_heard:
        connect(post_delete, lambda **named: None)
    user = User.objects.create(username="ann")
    user.groups.add(*[Group.objects.create(name=name) for name in "abc"])
    User.groups.through.objects.all()[0].delete()
    User.groups.through.objects.all().delete()
    assert [(one.operation, one.rows) for one in heard.bypasses()[1:]] == [
        ("fast delete", 1),
        ("fast delete", 2),
    ]


# --- what Django's own code runs in between ------------------------------------------------------


def writing(groups: list[Group]) -> Iterator[Group]:
    """Yield the groups, and write something else meanwhile."""
    User.objects.update(first_name="x")
    yield from groups


@pytest.mark.django_db
def test_what_a_generator_of_objects_writes_is_told_too(heard: Heard) -> None:
    User.objects.create(username="ann")
    groups = Group.objects.bulk_create(writing([Group(name="a")]))
    Group.objects.bulk_update(writing(groups), ["name"])

    def touch(group: Group) -> Group:
        Group.objects.filter(pk=group.pk).update(name="y")
        return group

    Group.objects.bulk_update(map(touch, groups), ["name"])
    assert [(one.operation, one.sender) for one in heard.bypasses()] == [
        ("update()", "auth.User"),
        ("bulk_create()", "auth.Group"),
        ("update()", "auth.User"),
        ("bulk_update()", "auth.Group"),
        ("update()", "auth.Group"),
        ("bulk_update()", "auth.Group"),
    ]


@pytest.mark.django_db
def test_an_update_of_the_apps_own_below_bulk_update_is_not_told_twice(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stamped(QuerySet[Group]):
        def update(self, **fields: Any) -> int:
            User.objects.update(first_name="x")
            return super().update(**fields)

    User.objects.create(username="ann")
    (group,) = Group.objects.bulk_create([Group(name="a")])
    Stamped(Group).bulk_update([group], ["name"])
    assert [one.operation for one in heard.bypasses()] == ["bulk_create()", "update()", "bulk_update()"]


@pytest.mark.django_db
def test_what_a_receiver_of_an_m2m_change_writes_in_bulk_is_told(
    heard: Heard, connect: Callable[..., None]
) -> None:
    def receiver(action: str, **named: Any) -> None:
        if action == "post_add":
            Group.objects.bulk_create([Group(name="b")])

    connect(m2m_changed, receiver, User.groups.through)
    user, group = User.objects.create(username="ann"), Group.objects.create(name="a")
    user.groups.add(group)
    assert [(one.operation, one.sender) for one in heard.bypasses()] == [("bulk_create()", "auth.Group")]
