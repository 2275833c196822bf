"""docs/deploy.md: each of its settings passes the checks, and its access function does what it says."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client
from django.utils.module_loading import import_string

from config.settings import BASE_DIR
from dashboard import access, checks, conf

TEXT = (BASE_DIR / "docs" / "deploy.md").read_text()
README = (BASE_DIR / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
MODULES = {block.split()[1]: block for block in BLOCKS if block.startswith("# ")}
SETTINGS = [block for block in BLOCKS if not block.startswith("# ")]


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the documented modules importable."""
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    for path, source in MODULES.items():
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        exec(source, module.__dict__)  # noqa: S102
        monkeypatch.setitem(sys.modules, name, module)


def given(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102
    return {name: value for name, value in names.items() if name.isupper()}


def test_there_are_settings_and_a_module() -> None:
    assert len(SETTINGS) >= 8
    assert list(MODULES) == ["mysite/access.py"]


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("block", SETTINGS)
def test_every_documented_setting_passes_the_checks(block: str, settings: LazySettings) -> None:
    names = given(block)
    assert names
    settings.SIGNALSCOPE = names.get("SIGNALSCOPE", {})
    assert checks.check_settings() == []
    assert not list(conf.problems())
    for path in [*names.get("MIDDLEWARE", ()), *names.get("AUTHENTICATION_BACKENDS", ())]:
        assert callable(import_string(path))


@pytest.mark.django_db
@pytest.mark.usefixtures("modules")
def test_the_documented_access_function_lets_in_whom_it_names(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"ACCESS": "mysite.access.may_look"}
    observer, reader = User.objects.create_user("ada"), User.objects.create_user("eve", is_staff=True)
    observer.groups.add(Group.objects.create(name="observers"))
    former = User.objects.create_superuser("max", is_active=False)
    chief = User.objects.create_superuser("zoe")
    assert [access.allowed(user) for user in (observer, reader, former, chief, AnonymousUser(), None)] == [
        *(True, False, False, True),
        *(False, False),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("journal_url")
def test_a_proxy_that_authenticates_signs_in_for_the_pages_and_for_the_session(
    settings: LazySettings,
) -> None:
    [block] = [block for block in SETTINGS if "AUTHENTICATION_BACKENDS" in block]
    names = given(block)
    settings.MIDDLEWARE = [*names["MIDDLEWARE"], "django_htmx.middleware.HtmxMiddleware"]
    settings.AUTHENTICATION_BACKENDS = names["AUTHENTICATION_BACKENDS"]
    User.objects.create_user("ada", is_staff=True)
    client = Client()
    assert client.get("/signals/").status_code == 302
    assert client.get("/signals/", REMOTE_USER="ada").status_code == 200
    # What the websocket goes by.
    assert client.get("/signals/").status_code == 200


def test_the_figures_are_those_of_the_measurements() -> None:
    performance, scale = ((BASE_DIR / "docs" / name).read_text() for name in ("performance.md", "scale.md"))
    for figure in ("+3.0", "+5.9", "25.7 MB"):
        assert figure in performance
    for figure in ("205 MB", "956 MB", "500 bytes"):
        assert figure in scale
        assert figure in TEXT


def test_links_lead_to_files_and_headings() -> None:
    for file, anchor in re.findall(r"\]\(([\w./]+)(?:#([\w-]+))?\)", TEXT):
        target = (BASE_DIR / "docs" / file).resolve()
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{file}#{anchor}"
    assert "](docs/deploy.md)" in README


def test_both_ways_of_running_the_pages_are_those_of_the_readme() -> None:
    assert "manage.py signals serve" in TEXT
    assert "manage.py signals serve" in README
    assert "signalscope.routing" in README
