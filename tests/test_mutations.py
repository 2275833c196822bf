"""Which call changed which field of the instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.signals import pre_save
from django.dispatch import Signal

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
