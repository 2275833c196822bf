"""Small projects with unusual settings, each in a folder and in processes of its own.

Comes in: what the settings are beside those that ``startproject`` writes. Goes out: a ``Project`` with one
model, a receiver of it, and a page that saves a row; and what one visit to it and to the dashboard gave.
The app is a link to this repository's, under the name it has elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import call_command

from .packaged import ROOT, Project, free_port
from .servers import answers, stop, until

SETTINGS = f"""
from pathlib import Path
INSTALLED_APPS = ["signalscope", "daphne", *INSTALLED_APPS, "django_htmx", "shop"]
ASGI_APPLICATION = "mysite.asgi.application"
ALLOWED_HOSTS = ["localhost", "testserver", "127.0.0.1"]
LOGIN_URL = "login"
TEMPLATES[0]["DIRS"] = [Path({str(ROOT)!r}) / "templates"]
STATICFILES_DIRS = [Path({str(ROOT)!r}) / "static"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tables are made from the models as they are.
MIGRATION_MODULES = {{name: None for name in ("admin", "auth", "contenttypes", "sessions")}}
"""

ASGI = """
from channels.routing import ProtocolTypeRouter
from signalscope.routing import websocket_application

application = ProtocolTypeRouter({"http": application, "websocket": websocket_application})
"""

URLS = """
from django.contrib.staticfiles.views import serve
from django.http import HttpResponse
from django.urls import include, path
from shop.models import pack

urlpatterns = [
    path("pack/<str:name>/", pack),
    path("login/", HttpResponse, name="login"),
    path("static/<path:path>", serve),
    path("signals/", include("signalscope.urls")),
]
"""

MODELS = """
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpResponse

class Parcel(models.Model):
    name = models.CharField(max_length=50)
    weight = models.IntegerField(default=1234567)
    packed_at = models.DateTimeField(auto_now_add=True)

@receiver(post_save, sender=Parcel)
def weigh(instance, **kwargs):
    pass

def pack(request, name):
    return HttpResponse(f"<b>{Parcel.objects.create(name=name).pk}</b>")

def anybody(user):
    return True
"""

VISIT = """
import json, sys
import django
django.setup()
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from signalscope import pipeline
from signalscope.events import Emission

for alias in settings.DATABASES:
    call_command("migrate", run_syncdb=True, database=alias, verbosity=0)
client = Client()
if apps.is_installed("django.contrib.auth"):
    from django.contrib.auth import get_user_model
    client.force_login(get_user_model().objects.create(**json.loads(sys.argv[1])))

def visit(path):
    answer = client.get(path)
    return [answer.status_code, answer.headers.get("Location", ""), answer.content.decode()]

packed = client.get("/pack/notes/")
assert packed.status_code == 200, packed.content
pipeline.flush()
(saved,) = [
    one
    for one in pipeline.journal().read_back(None, 1_000)
    if isinstance(one, Emission) and (one.name, one.sender) == ("post_save", "shop.Parcel")
]
pages = {
    "live": visit("/signals/"),
    "flat": visit("/signals/?layout=flat"),
    "history": visit("/signals/history/"),
    "graph": visit("/signals/graph/?window=all"),
    "receivers": visit("/signals/receivers/"),
    "trace": visit(f"/signals/traces/{saved.trace}/"),
    "emission": visit(f"/signals/emissions/{saved.id}/"),
}
print(json.dumps({"trace": saved.trace, "id": saved.id, "pages": pages}))
"""


ASK = """
import json, sys
from io import StringIO
import django
django.setup()
from django.core.management import call_command

def told(*words, **options):
    output = StringIO()
    call_command(*words, stdout=output, **options)
    return output.getvalue()

query = f"trace:{sys.argv[1]} sender:shop.Parcel"
print(json.dumps({
    "check": told("check", fail_level="DEBUG"),
    "tail": told("signals", "tail", "--json", "--no-follow", "--since", "0", "--filter", query).splitlines(),
    "list": told("signals", "list", "--json").splitlines(),
}))
"""


class Told(NamedTuple):
    """What the commands told: the checks, the parcel's entries of a trace, the receivers' names."""

    check: str
    entries: list[dict[str, Any]]
    receivers: set[str]


class Visit(NamedTuple):
    """What a visitor of the shop was answered by the dashboard: status, redirection, text of each page."""

    trace: str
    id: str
    pages: dict[str, tuple[int, str, str]]


def make(folder: Path, settings: str, models: str = "") -> Project:
    """Make the project in an empty folder; ``settings`` and ``models`` come after those it has anyway."""
    call_command("startproject", "mysite", str(folder))
    (folder / "signalscope").symlink_to(ROOT / "dashboard", target_is_directory=True)
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "models.py").write_text(MODELS + models)
    (folder / "mysite" / "urls.py").write_text(URLS)
    (folder / "visit.py").write_text(VISIT)
    (folder / "ask.py").write_text(ASK)
    for name, text in (("settings", SETTINGS + settings), ("asgi", ASGI)):
        with (folder / "mysite" / f"{name}.py").open("a") as file:
            file.write(text)
    return Project(folder, Path(sys.executable), "mysite.settings")


@contextmanager
def serving(project: Project) -> Iterator[int]:
    """Serve the project while inside, by daphne; yield the port."""
    port = free_port()
    with (project.folder / "server.log").open("w+") as log:
        server = subprocess.Popen(
            [project.python, "-m", "daphne", "--port", str(port), "mysite.asgi:application"],
            cwd=project.folder,
            env=os.environ | project.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            until(lambda: answers(port) or server.poll() is not None)
            yield port
        finally:
            stop(server)
            print((project.folder / "server.log").read_text())  # noqa: T201  (pytest shows it with a failure)


def visit(project: Project, user: dict[str, Any]) -> Visit:
    """Pack a parcel, and look at each page as this user: the fields of one."""
    told = json.loads(project.run("visit.py", json.dumps(user)))
    return Visit(told["trace"], told["id"], {name: tuple(page) for name, page in told["pages"].items()})


def ask(project: Project, trace: str) -> Told:
    """Run the project's checks, ``signals tail`` and ``signals list``."""
    told = json.loads(project.run("ask.py", trace))
    receivers = {json.loads(line)["receiver"] for line in told["list"]}
    return Told(told["check"], [json.loads(line) for line in told["tail"]], receivers)
