"""What is remembered of senders must neither change them nor be remembered too early."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import models
from django.db.models.signals import class_prepared
from django.dispatch import Signal
from django.test.utils import isolate_apps
from django.utils.functional import SimpleLazyObject

from dashboard.payloads import plain
from dashboard.shapes import Shapes
from demo_app.models import Post

from .hearing import Heard, hearing

happened = Signal()


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing() as heard, isolate_apps("demo_app"):
        yield heard
    happened.receivers.clear()


def test_a_model_heard_of_while_it_is_made_is_looked_at_when_it_is_complete(heard: Heard) -> None:
    class Letter(models.Model):  # noqa: DJ008
        tags = models.ManyToManyField("self")

        class Meta:
            app_label = "demo_app"

    Letter.add_to_class("title", models.CharField(max_length=20))

    def retitle(instance: Any, **named: Any) -> None:
        instance.title = "new"

    happened.connect(retitle, sender=Letter)
    happened.send(Letter, instance=Letter(pk=7, title="old"))
    happened.send(Letter.tags.through)

    first, second = heard.emissions("happened")
    assert [one.sender for one in heard.emissions("class_prepared")].count("demo_app.Letter") == 1
    assert (first.instance.pk if first.instance else None) == "7"
    assert first.calls[0].mutations == {"title": ["old", "new"]}
    assert second.sender == "demo_app.Letter.tags"


def test_a_composite_key_that_names_no_field_is_recorded_and_nothing_of_it_worked_out(heard: Heard) -> None:
    class Parcel(models.Model):  # noqa: DJ008
        pk = models.CompositePrimaryKey("tenant", "number")
        number = models.IntegerField()

        class Meta:
            app_label = "demo_app"

    class_prepared.send(Parcel)

    assert [one.sender for one in heard.emissions("class_prepared")] == ["demo_app.Parcel"] * 2
    assert heard.recorder.faults == 0
    # Django would keep them, whatever fields come later.
    assert "pk_fields" not in vars(Parcel._meta)


def test_a_lazy_sender_is_evaluated_no_more_than_by_django(heard: Heard) -> None:
    def never() -> Any:
        raise AssertionError("the lazy object was evaluated")

    happened.send(SimpleLazyObject(never))

    assert heard.one("happened").sender == "django.utils.functional.SimpleLazyObject object"


def test_the_base_of_all_models_can_be_a_sender(heard: Heard) -> None:
    happened.send(models.Model)

    assert heard.one("happened").sender == "django.db.models.base.Model"


def test_looking_at_a_file_changes_nothing_and_another_file_does() -> None:
    shape = Shapes().of(Post)
    post = Post(image="a.jpg")
    before = shape.values(post.__dict__)
    assert post.image.name == "a.jpg"
    assert shape.changes(before, shape.values(post.__dict__), show) == {}
    post.image = "b.jpg"
    assert shape.changes(before, shape.values(post.__dict__), show) == {"image": ["a.jpg", "b.jpg"]}


def test_equal_values_read_again_are_no_change() -> None:
    shape = Shapes().of(Post)
    post = Post(published_at=datetime(2026, 1, 1, tzinfo=UTC))
    before = shape.values(post.__dict__)
    post.published_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert shape.changes(before, shape.values(post.__dict__), show) == {}


def show(field: str, value: Any) -> Any:
    return plain(value)
