"""The demo project's addresses: the site, the admin, and Signalscope."""

from django.contrib import admin
from django.urls import include, path

from .files import uploaded

urlpatterns = [
    path("admin/", admin.site.urls),
    path("signals/", include("dashboard.urls")),
    path("", include("demo_app.urls")),
    path("media/<path:path>", uploaded),
]
