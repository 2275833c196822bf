"""The demo's receivers: each does its job, and leaves what is none of its business."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.models.signals import post_init, pre_init
from django.test import Client
from PIL import Image

from dashboard import dispatcher
from demo_app import audit, feed, publishing, tallies, thumbnails
from demo_app.mail import quiet
from demo_app.models import AuditEntry, Comment, Newsletter, Post, Profile, SearchDocument, Subscription, Tag
from demo_app.receivers import accounts, announcements, maintenance, posts
from demo_app.signals import newsletter_sent, page_viewed, post_published

pytestmark = pytest.mark.django_db

Capture = Callable[..., Any]


@pytest.fixture(autouse=True)
def _fresh_cache(settings: LazySettings, tmp_path: Path) -> None:
    # WhiteNoise warns where static files were never collected.
    settings.STATIC_ROOT = tmp_path
    cache.clear()


@pytest.fixture
def author() -> User:
    user = User.objects.create_user("mira", "mira@example.com")
    mail.outbox.clear()
    return user


@pytest.fixture
def post(author: User) -> Post:
    return Post.objects.create(title="Two stones, one pond", body="Rings.", author=author)


def picture(colour: str = "teal", size: tuple[int, int] = (900, 500)) -> ContentFile[bytes]:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return ContentFile(out.getvalue(), name="rings.png")


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


# --- saving a post ---------------------------------------------------------------------------


def test_slugify_title_fills_an_empty_slug_from_the_title(post: Post) -> None:
    assert post.slug == "two-stones-one-pond"


def test_slugify_title_keeps_two_posts_of_one_title_apart(post: Post, author: User) -> None:
    assert Post.objects.create(title=post.title, author=author).slug == "two-stones-one-pond-2"


def test_slugify_title_leaves_a_slug_that_is_there_alone(post: Post) -> None:
    post.title = "Another title"
    post.save()

    assert post.slug == "two-stones-one-pond"


def test_slugify_title_never_takes_the_address_of_another_page(author: User) -> None:
    assert Post.objects.create(title="Broken", author=author).slug == "broken-2"


def test_slugify_title_has_a_word_for_a_title_without_letters(author: User) -> None:
    assert Post.objects.create(title="!?", author=author).slug == "post"


def test_stamp_publication_notes_the_first_publication_only(post: Post) -> None:
    assert post.published_at is None
    publishing.publish(post)
    first = post.published_at
    assert first is not None

    post.status = Post.Status.DRAFT
    post.save()
    publishing.publish(post)

    assert post.published_at == first


def test_make_thumbnail_draws_a_small_picture_and_stores_its_name(post: Post) -> None:
    post.image = picture()
    post.save()

    stored = Post.objects.get(pk=post.pk)
    with Image.open(stored.thumbnail.path) as drawn:
        assert (drawn.format, drawn.size) == ("WEBP", thumbnails.SIZE)


def test_make_thumbnail_saves_once_more_and_no_further(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    saves: list[Any] = []
    save = Post.save

    def counted(self: Post, **kwargs: Any) -> None:
        saves.append(kwargs.get("update_fields"))
        save(self, **kwargs)

    monkeypatch.setattr(Post, "save", counted)
    post.image = picture()
    post.save()
    post.save()

    assert saves == [None, ["thumbnail"], None]


def test_make_thumbnail_follows_a_new_picture_and_removes_the_old_files(
    post: Post, django_capture_on_commit_callbacks: Capture
) -> None:
    post.image = picture()
    post.save()
    before = [Path(post.image.path), Path(post.thumbnail.path)]
    post.image = picture("maroon")

    with django_capture_on_commit_callbacks(execute=True):
        post.save()

    assert [path.exists() for path in before] == [False, False]
    with Image.open(Post.objects.get(pk=post.pk).thumbnail.path) as drawn:
        red, green, blue = drawn.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert red > 100
        assert green < 30 > blue


def test_make_thumbnail_goes_with_the_picture(
    post: Post, django_capture_on_commit_callbacks: Capture
) -> None:
    post.image = picture()
    post.save()
    before = [Path(post.image.path), Path(post.thumbnail.path)]
    post.image = ""

    with django_capture_on_commit_callbacks(execute=True):
        post.save()

    assert [path.exists() for path in before] == [False, False]
    assert not Post.objects.get(pk=post.pk).thumbnail


def test_make_thumbnail_survives_a_file_that_is_no_picture(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    post.image = ContentFile(b"not a picture", name="rings.png")
    post.save()

    assert not Post.objects.get(pk=post.pk).thumbnail
    assert "posts/rings.png is no picture" in caplog.text


def test_make_thumbnail_takes_over_a_file_that_a_rolled_back_save_left(post: Post, tmp_path: Path) -> None:
    left_over = tmp_path / "media" / "thumbnails" / "rings.png.webp"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"left over")

    post.image = picture()
    post.save()

    assert post.thumbnail.name == "thumbnails/rings.png.webp"


def test_make_thumbnail_has_room_for_the_longest_name(post: Post) -> None:
    post.image = picture()
    post.image.name = f"{'x' * 300}.png"
    post.save()

    assert Path(post.thumbnail.name or "").name == thumbnails.name_for(post.image.name)


def test_two_pictures_of_one_stem_have_different_thumbnails() -> None:
    assert thumbnails.name_for("posts/a.png") != thumbnails.name_for("posts/a.jpg")


def test_update_search_index_holds_the_words_in_lower_case(post: Post) -> None:
    post.standfirst = "Waves PASS"
    post.save()

    assert SearchDocument.objects.get(post=post).text == "two stones, one pond\nwaves pass\nrings."


def test_update_search_index_is_idle_when_no_word_changed(post: Post) -> None:
    SearchDocument.objects.all().delete()

    post.save(update_fields=["status"])

    assert not SearchDocument.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda post: post.save(),
        lambda post: post.tags.add(Tag.objects.get(slug="sea")),
        lambda post: post.liked_by.add(post.author),
        lambda post: post.delete(),
    ],
    ids=["saved", "tagged", "liked", "deleted"],
)
def test_the_feed_is_loaded_again_after_a_post_was(change: Callable[[Post], Any], post: Post) -> None:
    publishing.publish(post)
    feed.published()
    assert cache.get(feed.KEY) is not None

    change(post)

    assert cache.get(feed.KEY) is None


def test_a_tag_about_to_be_added_leaves_the_feed_in_the_cache() -> None:
    feed.published()

    posts.invalidate_feed_cache(action="pre_add")

    assert cache.get(feed.KEY) == []


def test_the_feed_holds_published_posts_only(post: Post, author: User) -> None:
    shown = Post.objects.create(title="Shown", author=author, status=Post.Status.PUBLISHED)

    assert feed.published() == [shown]


def test_audit_log_writes_down_what_becomes_of_posts_and_comments(post: Post) -> None:
    Comment.objects.create(post=post, name="Otto", body="Yes.").delete()
    post.save()

    assert actions() == ["post created", "comment created", "comment deleted", "post changed"]


def test_the_audit_log_keeps_the_newest_entries_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT", 20)
    monkeypatch.setattr(audit, "TRIM_EVERY", 10)

    for number in range(100):
        audit.record("test", str(number))

    assert 20 <= AuditEntry.objects.count() < 30
    assert AuditEntry.objects.filter(subject="99").exists()


# --- deleting --------------------------------------------------------------------------------


def test_keep_copy_puts_the_text_into_the_audit_log(post: Post) -> None:
    post.delete()

    assert '"body": "Rings."' in AuditEntry.objects.get(action="post copied").detail


def test_remove_image_removes_the_files_once_the_deletion_is_committed(
    post: Post, django_capture_on_commit_callbacks: Capture
) -> None:
    post.image = picture()
    post.save()
    files = [Path(post.image.path), Path(post.thumbnail.path)]

    with django_capture_on_commit_callbacks(execute=True):
        post.delete()
        assert [path.exists() for path in files] == [True, True]

    assert [path.exists() for path in files] == [False, False]


def test_remove_image_forgets_the_views(post: Post) -> None:
    key = post.pk
    page_viewed.send(sender=Post, instance=post)
    assert tallies.views.count(key) == 1

    post.delete()

    assert tallies.views.count(key) == 0


# --- likes -----------------------------------------------------------------------------------


def test_count_likes_follows_every_way_to_like(post: Post, author: User) -> None:
    other = User.objects.create_user("tomas")

    def count() -> int:
        return Post.objects.get(pk=post.pk).like_count

    post.liked_by.add(author, other)
    assert count() == 2
    post.liked_by.remove(author)
    assert count() == 1
    author.liked_posts.add(post)
    assert count() == 2
    author.liked_posts.clear()
    assert count() == 1
    post.liked_by.clear()
    assert count() == 0


def test_take_back_likes_keeps_the_count_true_when_a_user_goes(post: Post) -> None:
    reader = User.objects.create_user("tomas")
    post.liked_by.add(reader)

    reader.delete()

    assert Post.objects.get(pk=post.pk).like_count == 0


# --- accounts --------------------------------------------------------------------------------


def test_a_new_user_gets_a_profile_a_subscription_and_a_letter() -> None:
    user = User.objects.create_user("june", "june@example.com")

    assert Profile.objects.filter(user=user).count() == 1
    assert Subscription.objects.get(user=user).newsletter.slug == maintenance.NEWSLETTER[0]
    assert [(letter.subject, letter.to) for letter in mail.outbox] == [
        ("Welcome to Longwave", ["june@example.com"])
    ]


def test_a_user_saved_again_gets_nothing_more(author: User) -> None:
    author.save()

    assert (Profile.objects.count(), Subscription.objects.count(), mail.outbox) == (1, 1, [])


def test_a_user_without_an_address_gets_no_letter_and_no_subscription() -> None:
    User.objects.create_user("june")

    assert (Subscription.objects.count(), mail.outbox) == (0, [])


def test_rows_from_a_fixture_cause_nothing(author: User, tmp_path: Path) -> None:
    fixture = tmp_path / "people.json"
    fixture.write_text(
        '[{"model": "auth.user", "pk": 900, "fields": {"username": "raw", "email": "raw@example.com"}},'
        ' {"model": "demo_app.post", "pk": 900, "fields": {"title": "Raw", "slug": "", "author": 900,'
        ' "body": "", "status": "published", "created_at": "2026-01-01T00:00:00Z"}}]'
    )

    call_command("loaddata", fixture, verbosity=0)

    assert not Profile.objects.filter(user_id=900).exists()
    raw = Post.objects.get(pk=900)
    assert (raw.slug, raw.published_at, mail.outbox) == ("", None, [])
    assert not SearchDocument.objects.filter(post=raw).exists()


def test_record_last_login_counts_and_keeps_the_address(client: Client) -> None:
    editor = User.objects.create_user("ed", password="a good one", is_staff=True)

    client.post("/admin/login/", {"username": "ed", "password": "a good one"}, REMOTE_ADDR="192.0.2.7")

    profile = Profile.objects.get(user=editor)
    assert (profile.login_count, profile.last_login_from) == (1, "192.0.2.7")


def test_record_last_login_makes_a_missing_profile(author: User, client: Client) -> None:
    Profile.objects.all().delete()

    client.force_login(author)

    assert Profile.objects.get(user=author).login_count == 1


def test_note_logout_writes_down_who_left(author: User, client: Client) -> None:
    client.force_login(author)

    client.logout()

    assert AuditEntry.objects.get(action="logged out").subject == "mira"


def test_a_failed_login_is_written_down_without_the_password(client: Client) -> None:
    accounts.FailedLogins()(credentials={"username": "eve", "password": "guess-77"})

    assert client.login(username="eve", password="guess-77") is False

    entries = AuditEntry.objects.filter(action="login failed")
    assert [entry.subject for entry in entries] == ["eve", "eve"]
    assert not any("guess-77" in entry.detail for entry in entries)


# --- the magazine's own signals ----------------------------------------------------------------


def test_post_published_tells_the_author_and_the_newsletter(post: Post) -> None:
    publishing.publish(post)

    assert [letter.subject for letter in mail.outbox] == [
        "Published: Two stones, one pond",
        "The Longwave letter: Two stones, one pond",
    ]
    assert mail.outbox[1].bcc == ["mira@example.com"]
    assert Newsletter.objects.get().issues == 1


def test_a_post_that_is_public_is_not_announced_again(post: Post) -> None:
    publishing.publish(post)
    mail.outbox.clear()

    publishing.publish(post)

    assert mail.outbox == []


def test_a_line_break_in_a_title_does_not_stop_the_letters(post: Post) -> None:
    post.title = "Two\nlines"

    publishing.publish(post)

    assert mail.outbox[0].subject == "Published: Two lines"


def test_a_raising_receiver_does_not_reach_the_one_who_publishes(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(post: Post) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("demo_app.mail.published", refuse)

    publishing.publish(post)

    assert Post.objects.get(pk=post.pk).is_published
    assert Newsletter.objects.get().issues == 1


def test_the_coroutines_ping_and_warm_the_feed(post: Post) -> None:
    cache.clear()

    newsletter_sent.send(sender=Newsletter, instance=Newsletter.objects.get(), recipients=0)

    assert cache.get(announcements.PING_KEY)
    assert cache.get(feed.KEY) == []


def test_the_hundredth_view_is_celebrated(post: Post) -> None:
    for _ in range(150):
        page_viewed.send(sender=Post, instance=post)

    assert [letter.subject for letter in mail.outbox] == ["100 views: Two stones, one pond"]
    assert AuditEntry.objects.get(action="milestone").detail == "100 views"
    tallies.views.forget(post.pk)


def test_quiet_letters_are_written_and_not_delivered(post: Post) -> None:
    with quiet():
        publishing.publish(post)

    assert mail.outbox == []


# --- requests, saves, the database -------------------------------------------------------------


def test_a_request_is_counted_when_it_begins_and_when_it_ends(client: Client) -> None:
    before = tallies.requests.count("started"), tallies.requests.count("finished")

    client.get("/posts/")

    after = tallies.requests.count("started"), tallies.requests.count("finished")
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


def test_a_request_that_fails_is_written_down(client: Client) -> None:
    client.raise_request_exception = False

    assert client.get("/posts/broken/").status_code == 500

    entry = AuditEntry.objects.get(action="request failed")
    assert entry.subject == "/posts/broken/"
    assert "BrokenPageError" in entry.detail


def test_a_request_that_fails_while_the_audit_log_cannot_be_written_shows_its_own_error(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: str) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr(audit, "record", refuse)
    client.raise_request_exception = False

    assert client.get("/posts/broken/").status_code == 500
    assert "the audit log could not be written" in caplog.text


def test_count_save_hears_every_model() -> None:
    before = tallies.saves.count("demo_app.Tag")

    Tag.objects.create(name="Light", slug="light")

    assert tallies.saves.count("demo_app.Tag") == before + 1


def test_a_tally_counts_further_keys_together_once_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MAX_KEYS", 2)
    tally = tallies.Tally()

    for key in ("a", "b", "c", "d", "a"):
        tally.add(key)

    assert [tally.count(key) for key in ("a", "b", "c", "others")] == [2, 1, 0, 2]
    assert tally.total() == 5


def test_create_defaults_fills_empty_tables_and_no_others() -> None:
    assert set(Tag.objects.values_list("slug", flat=True)) == set(maintenance.TAGS)
    Tag.objects.exclude(slug="sea").delete()
    Newsletter.objects.all().delete()

    maintenance.create_defaults(using="default")

    assert Tag.objects.get().slug == "sea"
    assert Newsletter.objects.get().slug == maintenance.NEWSLETTER[0]


def test_create_defaults_does_nothing_where_the_tables_are_not() -> None:
    class NoApps:
        def get_model(self, app: str, name: str) -> None:
            raise LookupError(app, name)

    Tag.objects.all().delete()

    maintenance.create_defaults(using="default", apps=NoApps())  # type: ignore[arg-type]

    assert not Tag.objects.exists()


def test_tune_sqlite_lets_a_new_connection_sync_less_often() -> None:
    fresh = connection.copy()
    try:
        with fresh.cursor() as cursor:
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (1,)
    finally:
        fresh.close()


# --- how they are connected --------------------------------------------------------------------


def test_the_demo_connects_weak_strong_unique_and_async_receivers() -> None:
    kinds = {
        name: (held.weak, held.dispatch_uid is not None, held.is_async, held.all_senders)
        for signal in dispatcher.known_signals()
        for held in dispatcher.connected(signal)
        if held.receiver is not None
        and (name := getattr(held.receiver, "__name__", type(held.receiver).__name__))
        and held.receiver.__module__.startswith("demo_app.")
    }

    assert kinds["make_thumbnail"] == (True, False, False, False)
    assert kinds["FailedLogins"] == (False, True, False, True)
    assert kinds["audit_log"] == (True, True, False, False)
    assert kinds["ping_aggregators"] == (True, False, True, False)
    assert kinds["count_save"] == (True, False, False, True)
    assert "count_instance" not in kinds


def test_the_instance_counter_is_connected_only_when_asked_for(settings: LazySettings, author: User) -> None:
    from demo_app import receivers

    settings.DEMO_WATCH_INIT = True
    receivers.connect(apps.get_app_config("demo_app"))
    from demo_app.receivers.instances import count_instance

    try:
        before = tallies.instances.count("post_init")
        Post(title="One", author=author)
        assert tallies.instances.count("post_init") == before + 1
        assert tallies.instances.count("pre_init") == before + 1
    finally:
        for signal in (pre_init, post_init):
            signal.disconnect(count_instance, sender=Post)


def test_every_custom_signal_of_the_demo_is_heard_by_somebody() -> None:
    assert all(signal.has_listeners(Post) for signal in (post_published, page_viewed))
    assert newsletter_sent.has_listeners(Newsletter)
