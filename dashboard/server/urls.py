"""The addresses of the dashboard's own process."""

from __future__ import annotations

from django.apps import apps
from django.urls import include, path
from django.views.generic import RedirectView

from .. import conf

_package = __name__.rpartition(".server")[0]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="signalscope:live")),
    path("signals/", include(f"{_package}.urls")),
]

# The public signs in to nothing.
if apps.is_installed("django.contrib.auth") and not conf.get().PUBLIC:
    from django.contrib.auth.views import LoginView

    urlpatterns.append(
        path("sign-in/", LoginView.as_view(template_name="signalscope/sign_in.html"), name="sign-in")
    )
