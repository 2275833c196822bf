"""Three tables that differ only in how many receivers their ``post_save`` has, and one cheap one."""

from __future__ import annotations

from django.db import models


class Row(models.Model):
    """Eight concrete fields, the key included: about what a table of a real project has."""

    title = models.CharField(max_length=100, default="A title")
    body = models.TextField(default="A sentence or two of text, as it stands in most tables.")
    pages = models.IntegerField(default=100)
    price = models.FloatField(default=9.5)
    isbn = models.CharField(max_length=20, default="978-3-16-148410-0")
    published_at = models.DateTimeField(null=True, blank=True)
    in_print = models.BooleanField(default=True)

    class Meta:  # noqa: D106
        abstract = True


class Quiet(Row):  # noqa: DJ008  (nobody reads it)
    """Nobody listens."""


class One(Row):  # noqa: DJ008
    """One receiver."""


class Five(Row):  # noqa: DJ008
    """Five receivers."""


class Line(models.Model):  # noqa: DJ008
    """The cheapest row: what an import of a million of them is made of."""

    number = models.IntegerField()
