"""The magazine's tables: posts and what hangs on them, readers, the newsletter, the audit log.

Comes in: rows written by the admin, the public pages and the scenarios. Goes out: the same rows;
whatever else must follow a change is done by the receivers in ``demo_app.receivers``.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

WORDS_PER_MINUTE = 220


class Tag(models.Model):
    """A subject that posts are filed under."""

    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Post(models.Model):
    """An article. ``slug``, ``thumbnail``, ``published_at`` and ``like_count`` are kept by receivers."""

    class Status(models.TextChoices):
        """Where a post stands; readers see published ones only."""

        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    title = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, unique=True, blank=True, help_text="Left empty: from the title.")
    standfirst = models.CharField(max_length=240, blank=True, help_text="One sentence under the title.")
    body = models.TextField(help_text="Plain text. An empty line starts a paragraph.")
    image = models.ImageField(upload_to="posts/", blank=True)
    thumbnail = models.ImageField(upload_to="thumbnails/", max_length=120, blank=True, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts")
    tags = models.ManyToManyField(Tag, blank=True, related_name="posts")
    liked_by = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="liked_posts")
    like_count = models.PositiveIntegerField(default=0, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-published_at", "-pk"]
        indexes = [models.Index(fields=["status", "-published_at"], name="post_feed")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the post's public page."""
        return reverse("demo_app:post", args=[self.slug])

    @property
    def is_published(self) -> bool:
        """Whether readers can see the post."""
        return self.status == self.Status.PUBLISHED

    @property
    def minutes(self) -> int:
        """How long the post takes to read, in whole minutes, at least one."""
        return max(1, round(len(self.body.split()) / WORDS_PER_MINUTE))


class Comment(models.Model):
    """What a reader wrote under a post. ``author`` is set when the reader was logged in."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    name = models.CharField(max_length=60)
    body = models.TextField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.name}: {self.body[:40]}"


class Profile(models.Model):
    """What the magazine knows of a user; made by a receiver when the user is."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    bio = models.CharField(max_length=240, blank=True)
    login_count = models.PositiveIntegerField(default=0, editable=False)
    last_login_from = models.GenericIPAddressField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"Profile {self.pk}"


class Newsletter(models.Model):
    """A letter that goes to its subscribers whenever a post is published."""

    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=70, unique=True)
    issues = models.PositiveIntegerField(default=0, editable=False)
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """A user who gets a newsletter."""

    newsletter = models.ForeignKey(Newsletter, on_delete=models.CASCADE, related_name="subscriptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["newsletter", "user"], name="one_per_reader")]

    def __str__(self) -> str:
        return f"Subscription {self.pk}"


class SearchDocument(models.Model):
    """The search index: one lower-case text per post, written by a receiver."""

    post = models.OneToOneField(Post, on_delete=models.CASCADE, related_name="search_document")
    text = models.TextField()

    def __str__(self) -> str:
        return f"SearchDocument {self.pk}"


class AuditEntry(models.Model):
    """Something that happened. ``demo_app.audit`` keeps the newest only."""

    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action}: {self.subject}"
