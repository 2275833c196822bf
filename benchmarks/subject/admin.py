"""The admin of the measured project."""

from __future__ import annotations

from django.contrib import admin

from .models import One

admin.site.register(One)
