"""The magazine in Django's admin.

Comes in: what an editor does. Goes out: saves that signals follow, and one action whose UPDATE no
signal follows. (Django's admin classes take type arguments in its stubs only: hence the ignores.)
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from . import publishing
from .models import (
    AuditEntry,
    Comment,
    Newsletter,
    Post,
    Profile,
    SearchDocument,
    Subscription,
    Tag,
)

admin.site.site_header = "Longwave: the editors' desk"
admin.site.site_title = "Longwave"
admin.site.index_title = "What shall we write?"
admin.site.site_url = "/posts/"


class CommentInline(admin.TabularInline):  # type: ignore[type-arg]
    """The comments under their post."""

    model = Comment
    extra = 0
    fields = ["name", "body", "created_at"]
    readonly_fields = ["created_at"]


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Posts: written, illustrated, filed, published, archived."""

    list_display = ["title", "status", "author", "like_count", "published_at", "picture"]
    list_filter = ["status", "tags", "author"]
    list_select_related = ["author"]
    search_fields = ["title", "body"]
    date_hierarchy = "published_at"
    autocomplete_fields = ["author"]
    filter_horizontal = ["tags"]
    readonly_fields = ["picture", "like_count", "created_at"]
    inlines = [CommentInline]
    actions = ["publish_selected", "archive_selected", "archive_in_one_update"]
    fieldsets = [
        (None, {"fields": ["title", "standfirst", "body", ("image", "picture")]}),
        ("Filing", {"fields": ["author", "tags", "slug"]}),
        ("Publication", {"fields": ["status", "published_at", "like_count", "created_at"]}),
    ]

    @admin.display(description="Picture")
    def picture(self, post: Post) -> str:
        """Return the thumbnail as an image."""
        if not post.thumbnail:
            return "none"
        return format_html('<img src="{}" alt="" width="96" height="60">', post.thumbnail.url)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Propose the editor as the author."""
        return {"author": request.user.pk, **super().get_changeform_initial_data(request)}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Announce a post whose status became published, once its tags are stored too."""
        super().save_related(request, form, formsets, change)
        if "status" in form.changed_data and form.instance.is_published:
            publishing.announce(form.instance, channel="admin")

    @admin.action(description="Publish selected posts (one save and post_published each)")
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Post]) -> None:
        """Publish every selected post that is not public yet."""
        waiting = list(queryset.exclude(status=Post.Status.PUBLISHED))
        for post in waiting:
            publishing.publish(post, channel="admin")
        self.message_user(request, f"{len(waiting)} published.", messages.SUCCESS)

    @admin.action(description="Archive selected posts (one save each)")
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Post]) -> None:
        """Archive post by post, so that the receivers keep feed and audit log true."""
        posts = list(queryset)
        for post in posts:
            post.status = Post.Status.ARCHIVED
            post.save(update_fields=["status"])
        self.message_user(request, f"{len(posts)} archived.", messages.SUCCESS)

    @admin.action(description="Archive selected posts in one UPDATE (no signal is sent)")
    def archive_in_one_update(self, request: HttpRequest, queryset: QuerySet[Post]) -> None:
        """Archive with ``QuerySet.update``: fast, and no receiver hears of it."""
        count = queryset.update(status=Post.Status.ARCHIVED)
        text = f"{count} archived. No receiver ran: the front page shows them until its cache expires."
        self.message_user(request, text, messages.WARNING)


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Comments over all posts."""

    list_display = ["name", "post", "body", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["post"]
    search_fields = ["name", "body"]
    autocomplete_fields = ["post", "author"]


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tags."""

    list_display = ["name", "slug"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Profiles; a receiver makes them, so none is added by hand."""

    list_display = ["user", "bio", "login_count", "last_login_from"]
    list_select_related = ["user"]
    search_fields = ["user__username", "bio"]
    readonly_fields = ["user", "login_count", "last_login_from"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return false."""
        return False


class SubscriptionInline(admin.TabularInline):  # type: ignore[type-arg]
    """The readers of a newsletter."""

    model = Subscription
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Newsletter)
class NewsletterAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Newsletters with their readers."""

    list_display = ["name", "issues", "last_sent_at"]
    readonly_fields = ["issues", "last_sent_at"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [SubscriptionInline]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only receivers write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return false."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return false."""
        return False


@admin.register(SearchDocument)
class SearchDocumentAdmin(ReadOnlyAdmin):
    """The search index."""

    list_display = ["post", "text"]
    list_select_related = ["post"]
    search_fields = ["text"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log."""

    list_display = ["at", "action", "subject", "detail"]
    list_filter = ["action"]
    search_fields = ["subject", "detail"]
