"""Addresses of the public pages and of the scenario buttons."""

from django.templatetags.static import static
from django.urls import path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from . import views
from .scenarios import views as scenario_views

app_name = "demo_app"

# Lazy: the hashed name is known only once static files were collected.
ICON = lazy(static, str)("demo_app/mark.svg")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="signalscope:live"), name="home"),
    path("favicon.ico", RedirectView.as_view(url=ICON)),
    path("posts/", views.post_list, name="posts"),
    path("posts/broken/", views.broken, name="broken"),
    path("posts/<slug:slug>/", views.post_detail, name="post"),
    path("posts/<slug:slug>/like/", views.like, name="like"),
    path("posts/<slug:slug>/comments/", views.comment, name="comment"),
    path("scenarios/", scenario_views.scenario_list, name="scenarios"),
    path("scenarios/<slug:name>/run/", scenario_views.run_scenario, name="run-scenario"),
]
