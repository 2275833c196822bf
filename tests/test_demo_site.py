"""The demo's pages, admin, login and seed, as readers and editors use them."""

from __future__ import annotations

from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from PIL import Image

from demo_app import feed, publishing, tallies
from demo_app.models import AuditEntry, Comment, Newsletter, Post, Profile, SearchDocument, Tag
from demo_app.seed import pictures
from demo_app.seed.motifs import MOTIFS

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _fresh_cache(settings: LazySettings, tmp_path: Path) -> None:
    # WhiteNoise warns where static files were never collected.
    settings.STATIC_ROOT = tmp_path
    cache.clear()


@pytest.fixture
def editor() -> User:
    return User.objects.create_superuser("ed", "ed@example.com")


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    """A browser at the editors' desk."""
    client.force_login(editor)
    return client


@pytest.fixture
def post(editor: User) -> Post:
    post = Post.objects.create(title="Six pips", body="Five short.\n\nOne long.", author=editor)
    publishing.publish(post)
    post.tags.add(Tag.objects.get(slug="time"))
    mail.outbox.clear()
    return post


def draft(editor: User, title: str = "A draft") -> Post:
    return Post.objects.create(title=title, body="Not yet.", author=editor)


def png() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (800, 500), "teal").save(out, "PNG")
    return SimpleUploadedFile("pips.png", out.getvalue(), content_type="image/png")


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


# --- the front page ------------------------------------------------------------------------------


def test_the_root_leads_to_the_live_page(client: Client) -> None:
    response = client.get("/")

    assert (response.status_code, response.headers["Location"]) == (302, reverse("signalscope:live"))


def test_a_browser_that_asks_for_an_icon_gets_one(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/demo_app/mark.svg"


def test_the_front_page_shows_published_posts_and_no_drafts(client: Client, post: Post, editor: User) -> None:
    draft(editor)

    page = text_of(client, "/posts/")

    assert "Six pips" in page
    assert "A draft" not in page


def test_every_page_links_to_signalscope_and_the_admin(client: Client, post: Post) -> None:
    for path in ("/posts/", post.get_absolute_url()):
        page = text_of(client, path)
        assert f'href="{reverse("signalscope:live")}"' in page
        assert f'href="{reverse("admin:index")}"' in page


def test_an_empty_magazine_says_how_to_fill_it(client: Client) -> None:
    assert "manage.py seed_demo" in text_of(client, "/posts/")


def test_a_tag_and_a_search_leave_only_what_fits(client: Client, post: Post, editor: User) -> None:
    publishing.publish(draft(editor, "Fifty-two hertz"))

    assert "Fifty-two" not in text_of(client, "/posts/?tag=time")
    assert "Six pips" in text_of(client, "/posts/?tag=time")
    found = text_of(client, "/posts/?q=HERTZ")
    assert "Fifty-two" in found
    assert "Six pips" not in found
    assert "Nothing here" in text_of(client, "/posts/?q=walrus")


@pytest.mark.parametrize("query", ["tag=no-such", "page=99", "page=x", "q=%00", "q=" + "x" * 500])
def test_an_odd_query_is_answered(client: Client, post: Post, query: str) -> None:
    assert client.get(f"/posts/?{query}").status_code == 200


def test_more_posts_than_fit_go_on_the_next_page(client: Client, editor: User) -> None:
    for number in range(15):
        publishing.publish(draft(editor, f"Number {number}"))

    assert "Page 1 of 2" in text_of(client, "/posts/")
    assert 'rel="prev"' in text_of(client, "/posts/?page=2")


def test_the_front_page_needs_few_queries(
    client: Client, post: Post, editor: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        publishing.publish(draft(editor, f"Number {number}"))

    with django_assert_max_num_queries(3):
        client.get("/posts/")


# --- a post ----------------------------------------------------------------------------------------


def test_a_post_shows_its_text_in_paragraphs_and_counts_the_view(client: Client, post: Post) -> None:
    tallies.views.forget(post.pk)

    page = text_of(client, post.get_absolute_url())

    assert "<p>Five short.</p>" in page
    assert "1 view since" in page


def test_whatever_people_write_is_escaped(client: Client, editor: User) -> None:
    editor.first_name = HOSTILE
    editor.save()
    post = Post(title=HOSTILE, standfirst=HOSTILE, body=HOSTILE, author=editor)
    publishing.publish(post)
    post.tags.create(name=HOSTILE[:40], slug="hostile")
    Comment.objects.create(post=post, name=HOSTILE, body=HOSTILE)

    for path in ("/posts/", f"/posts/?q={HOSTILE}", "/posts/?tag=hostile", post.get_absolute_url()):
        assert "<script" not in text_of(client, path)


def test_a_draft_is_for_staff_only(client: Client, editor: User) -> None:
    hidden = draft(editor)
    assert client.get(hidden.get_absolute_url()).status_code == 404

    client.force_login(editor)

    assert "only staff see it" in text_of(client, hidden.get_absolute_url())


def test_a_post_by_an_author_without_a_profile_is_shown(client: Client, post: Post) -> None:
    Profile.objects.all().delete()

    assert client.get(post.get_absolute_url()).status_code == 200


def test_a_reader_likes_a_post_and_takes_it_back(client: Client, post: Post) -> None:
    client.force_login(User.objects.create_user("reader"))

    liked = client.post(f"{post.get_absolute_url()}like/")
    assert liked.headers["Location"] == f"{post.get_absolute_url()}#likes"
    assert 'aria-pressed="true"' in text_of(client, post.get_absolute_url())
    assert Post.objects.get(pk=post.pk).like_count == 1

    client.post(f"{post.get_absolute_url()}like/")
    assert Post.objects.get(pk=post.pk).like_count == 0


def test_a_like_without_a_login_leads_to_the_login_and_back_to_the_post(client: Client, post: Post) -> None:
    response = client.post(f"{post.get_absolute_url()}like/")

    assert response.headers["Location"] == f"/admin/login/?next={post.get_absolute_url()}"
    assert post.liked_by.count() == 0


def test_anybody_may_comment(client: Client, post: Post) -> None:
    response = client.post(f"{post.get_absolute_url()}comments/", {"name": "Otto", "body": "Nobody speaks."})

    comment = Comment.objects.get()
    assert response.headers["Location"] == f"{post.get_absolute_url()}#comment-{comment.pk}"
    assert (comment.name, comment.author, comment.post) == ("Otto", None, post)
    assert "Nobody speaks." in text_of(client, post.get_absolute_url())


def test_a_reader_who_is_logged_in_comments_under_the_own_name(client: Client, post: Post) -> None:
    reader = User.objects.create_user("reader", first_name="Ada", last_name="Ek")
    client.force_login(reader)
    assert 'name="name"' not in text_of(client, post.get_absolute_url())

    client.post(f"{post.get_absolute_url()}comments/", {"name": "Somebody else", "body": "Hm."})

    assert [(one.name, one.author) for one in Comment.objects.all()] == [("Ada Ek", reader)]


@pytest.mark.parametrize(
    "data",
    [{"name": "Otto"}, {"body": "Hm."}, {"name": "x" * 61, "body": "Hm."}, {"name": "O", "body": "x" * 2001}],
)
def test_a_comment_with_a_fault_shows_the_form_again(
    client: Client, post: Post, data: dict[str, str]
) -> None:
    response = client.post(f"{post.get_absolute_url()}comments/", data)

    assert response.status_code == 422
    assert "errorlist" in response.content.decode()
    assert not Comment.objects.exists()


@pytest.mark.parametrize("action", ["like", "comments"])
def test_a_change_needs_a_post_request_with_a_token(post: Post, action: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    path = f"{post.get_absolute_url()}{action}/"

    assert strict.get(path).status_code == 405
    assert strict.post(path, {"name": "Otto", "body": "Hm."}).status_code == 403


# --- the admin -------------------------------------------------------------------------------------


def form_of(**changes: Any) -> dict[str, Any]:
    """Return what the change form of a post sends."""
    return {
        "title": "Whistlers",
        "standfirst": "A falling tone.",
        "body": "You need no station.",
        "slug": "",
        "status": "published",
        "published_at_0": "",
        "published_at_1": "",
        "comments-TOTAL_FORMS": "0",
        "comments-INITIAL_FORMS": "0",
    } | changes


def test_the_admin_adds_a_post_with_picture_and_tags_and_announces_it(desk: Client, editor: User) -> None:
    tags = list(Tag.objects.values_list("pk", flat=True)[:2])
    mail.outbox.clear()

    response = desk.post("/admin/demo_app/post/add/", form_of(author=editor.pk, tags=tags, image=png()))

    assert response.status_code == 302
    post = Post.objects.get()
    assert (post.slug, post.is_published, post.tags.count()) == ("whistlers", True, 2)
    assert post.thumbnail
    assert SearchDocument.objects.filter(post=post).exists()
    assert [letter.subject for letter in mail.outbox] == [
        "Published: Whistlers", "The Longwave letter: Whistlers"
    ]  # fmt: skip


def test_the_admin_changes_a_post_with_its_comments_and_does_not_announce_it_again(
    desk: Client, post: Post
) -> None:
    response = desk.post(
        f"/admin/demo_app/post/{post.pk}/change/",
        form_of(
            title="Seven pips",
            slug=post.slug,
            author=post.author_id,
            **{
                "comments-TOTAL_FORMS": "1",
                "comments-0-name": "Kai",
                "comments-0-body": "I had to sit down.",
                "comments-0-post": post.pk,
            },
        ),
    )

    assert response.status_code == 302
    assert Post.objects.get(pk=post.pk).title == "Seven pips"
    assert Comment.objects.get().name == "Kai"
    assert mail.outbox == []


def test_the_admin_deletes_a_post_with_all_that_hangs_on_it(desk: Client, post: Post) -> None:
    Comment.objects.create(post=post, name="Kai", body="Hm.")

    response = desk.post(f"/admin/demo_app/post/{post.pk}/delete/", {"post": "yes"})

    assert response.status_code == 302
    assert (Post.objects.count(), Comment.objects.count(), SearchDocument.objects.count()) == (0, 0, 0)


def test_the_admin_refuses_a_file_that_is_no_picture(desk: Client, editor: User) -> None:
    fake = SimpleUploadedFile("pips.png", b"<svg onload='x'/>", content_type="image/png")

    response = desk.post("/admin/demo_app/post/add/", form_of(author=editor.pk, image=fake))

    assert response.status_code == 200
    assert not Post.objects.exists()


def act(desk: Client, action: str) -> None:
    chosen = [str(pk) for pk in Post.objects.values_list("pk", flat=True)]
    response = desk.post("/admin/demo_app/post/", {"action": action, "_selected_action": chosen})
    assert response.status_code == 302


def test_publishing_the_selected_announces_each_that_was_not_public(
    desk: Client, editor: User, post: Post
) -> None:
    drafts = [draft(editor, "One"), draft(editor, "Two")]

    act(desk, "publish_selected")

    assert {one.is_published for one in Post.objects.all()} == {True}
    assert Newsletter.objects.get().issues == 1 + len(drafts)


def test_archiving_one_by_one_takes_the_posts_off_the_front_page(desk: Client, post: Post) -> None:
    assert feed.published() == [post]

    act(desk, "archive_selected")

    assert feed.published() == []


def test_archiving_in_one_update_leaves_the_front_page_stale(desk: Client, post: Post) -> None:
    assert feed.published() == [post]
    before = AuditEntry.objects.count()

    act(desk, "archive_in_one_update")

    assert Post.objects.get().status == Post.Status.ARCHIVED
    assert feed.published() == [post], "no receiver ran: that is the lesson"
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    "model",
    ["post", "comment", "tag", "profile", "newsletter", "searchdocument", "auditentry"],
)
def test_every_list_of_the_admin_can_be_searched(desk: Client, post: Post, model: str) -> None:
    Comment.objects.create(post=post, name="Kai", body="Hm.")

    assert desk.get(f"/admin/demo_app/{model}/?q=six").status_code == 200


@pytest.mark.parametrize("model", ["post", "comment", "tag", "newsletter"])
def test_every_form_of_the_admin_opens(desk: Client, model: str) -> None:
    assert desk.get(f"/admin/demo_app/{model}/add/").status_code == 200


@pytest.mark.parametrize("model", ["profile", "searchdocument", "auditentry"])
def test_what_receivers_write_is_not_added_by_hand(desk: Client, model: str) -> None:
    assert desk.get(f"/admin/demo_app/{model}/add/").status_code == 403


def test_the_admin_proposes_the_editor_as_the_author(desk: Client, editor: User) -> None:
    page = text_of(desk, "/admin/demo_app/post/add/")

    assert f'<option value="{editor.pk}" selected>ed</option>' in page


# --- the login -------------------------------------------------------------------------------------


@pytest.fixture
def demo_login() -> User:
    return User.objects.create_superuser("admin", "admin@example.com", "admin")


def test_the_demo_login_works_while_debug_is_on(
    client: Client, demo_login: User, settings: LazySettings
) -> None:
    settings.DEBUG = True

    assert client.login(username="admin", password="admin")


def test_the_demo_login_is_refused_outside_debug_and_written_down(client: Client, demo_login: User) -> None:
    page = client.post("/admin/login/", {"username": "admin", "password": "admin"})

    assert "Please enter the correct username" in page.content.decode()
    assert AuditEntry.objects.get(action="login failed").subject == "admin"


def test_an_admin_with_another_password_may_come_in_anywhere(demo_login: User) -> None:
    demo_login.set_password("a good one")
    demo_login.save()

    assert authenticate(username="admin", password="a good one") == demo_login
    assert authenticate(username="admin", password="a bad one") is None


def test_the_demo_login_is_refused_to_async_code_too(demo_login: User, settings: LazySettings) -> None:
    log_in = async_to_sync(aauthenticate)

    assert log_in(username="admin", password="admin") is None
    settings.DEBUG = True
    assert log_in(username="admin", password="admin") == demo_login


# --- the seed --------------------------------------------------------------------------------------


def seeded() -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("seed_demo", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "draw", partial(pictures.draw, size=(64, 40)))


@pytest.mark.usefixtures("small_pictures")
def test_the_seed_fills_an_empty_magazine_and_sends_no_letter(client: Client, settings: LazySettings) -> None:
    settings.DEBUG = True

    out, err = seeded()

    assert out == "Longwave: 13 posts added.\nLogin: admin / admin\n"
    assert (err, mail.outbox) == ("", [])
    assert Post.objects.filter(status="published").count() == 12
    assert Post.objects.get(status="draft").published_at is None
    assert not Post.objects.filter(thumbnail="").exists()
    assert SearchDocument.objects.count() == 13
    assert {post.like_count for post in feed.published()} <= {2, 3}
    assert [post.published_at for post in feed.published()] == sorted(
        (post.published_at for post in feed.published() if post.published_at), reverse=True
    )
    for post in feed.published():
        assert client.get(post.get_absolute_url()).status_code == 200


@pytest.mark.usefixtures("small_pictures")
def test_the_seed_changes_nothing_the_second_time(settings: LazySettings) -> None:
    settings.DEBUG = True
    seeded()
    Post.objects.get(slug="six-pips").delete()
    before = [model.objects.count() for model in (Post, User, Comment, AuditEntry, LogEntry)]

    out, _ = seeded()

    assert out == "Longwave has its posts.\n"
    assert [model.objects.count() for model in (Post, User, Comment, AuditEntry, LogEntry)] == before


@pytest.mark.usefixtures("small_pictures")
def test_the_seed_makes_no_demo_login_outside_debug_and_says_so() -> None:
    _, err = seeded()

    assert "because DEBUG is off" in err
    assert "createsuperuser" in err
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.usefixtures("small_pictures")
def test_the_seed_is_made_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(pictures, "draw", fail)

    with pytest.raises(OSError, match="disk full"):
        seeded()

    assert not User.objects.filter(username="mira").exists()


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_motif_is_the_same_picture_each_time(motif: str) -> None:
    drawn = [pictures.draw(motif, seed=3, size=(64, 40)) for _ in range(2)]

    assert drawn[0] == drawn[1]
    with Image.open(BytesIO(drawn[0])) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 40))
        assert len(picture.getcolors(64 * 40) or []) > 20


def test_an_unknown_motif_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no motif 'cat'. Known ones: aurora, bands"):
        pictures.draw("cat", seed=1)
