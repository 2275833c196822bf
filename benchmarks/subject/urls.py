"""The measured project's pages: the admin, and a view that saves ten rows."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from .models import One


def save_ten(request: HttpRequest) -> HttpResponse:
    """Save ten rows, each once."""
    for row in One._default_manager.order_by("pk")[:10]:
        row.pages += 1
        row.save()
    return HttpResponse("saved")


urlpatterns = [path("admin/", admin.site.urls), path("ten/", save_ten)]
