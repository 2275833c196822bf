"""The magazine's tasks: by a worker where there is a broker, at once where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail

from config.celery import app
from demo_app import publishing
from demo_app.mail import quiet
from demo_app.models import Newsletter, Post

pytestmark = pytest.mark.django_db

Committing = Callable[..., Any]


@pytest.fixture
def post() -> Post:
    """Return a draft; its author reads the newsletter."""
    author = User.objects.create_user("mira", "mira@example.com")
    return Post.objects.create(title="Two stones", author=author, status=Post.Status.DRAFT)


def issues() -> int:
    return Newsletter.objects.get().issues


def test_without_a_broker_the_issue_is_sent_where_the_post_is_published(post: Post) -> None:
    publishing.publish(post)
    assert issues() == 1


def test_with_a_broker_the_issue_is_a_task_that_waits_for_the_commit(
    post: Post, settings: LazySettings, django_capture_on_commit_callbacks: Committing
) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    with django_capture_on_commit_callbacks(execute=True):
        publishing.publish(post)
        assert issues() == 0
    assert app.conf.task_always_eager
    assert issues() == 1
    assert mail.outbox[-1].subject == "The Longwave letter: Two stones"


def test_quiet_letters_are_no_work_for_a_worker(
    post: Post, settings: LazySettings, django_capture_on_commit_callbacks: Committing
) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    with django_capture_on_commit_callbacks() as planned, quiet():
        publishing.publish(post)
    assert not any("send_issue" in callback.__qualname__ for callback in planned)
    assert issues() == 1


def test_a_post_is_published_also_while_the_broker_is_away(
    post: Post,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Committing,
) -> None:
    def refuse(*args: object) -> None:
        raise ConnectionRefusedError

    settings.CELERY_BROKER_URL = "memory://"
    monkeypatch.setattr("demo_app.tasks.deliver_issue.delay", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        publishing.publish(post)
    assert Post.objects.get(pk=post.pk).is_published
    assert "ConnectionRefusedError" in caplog.text


def test_the_worker_knows_the_tasks_by_name() -> None:
    app.loader.import_default_modules()
    assert "demo_app.tasks.deliver_issue" in app.tasks
