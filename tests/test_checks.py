"""System checks: each id, in the project that brings it about, and none in a sound one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core import checks as django_checks
from django.core.checks import CheckMessage, Error
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import path

from dashboard import checks

DOCUMENTED = Path(__file__).parent.parent / "docs" / "settings.md"
IDS = {
    value for name, value in vars(checks).items() if name.isupper() and str(value).startswith("signalscope.")
}
NO_FUNCTION = "a text"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"

urlpatterns = [path("login/", HttpResponse, name="login")]


async def async_rule(user: Any) -> bool:
    return True


@pytest.fixture(autouse=True)
def _sound(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    settings.SIGNALSCOPE = {"JOURNAL": f"sqlite:///{tmp_path}/journal.sqlite3"}


def found() -> list[CheckMessage]:
    every = (
        checks.check_settings,
        checks.check_project,
        checks.check_live,
        checks.check_journal,
        checks.check_access,
    )
    return [message for check in every for message in check()]


def the_one() -> CheckMessage:
    (message,) = found()
    assert message.hint
    assert isinstance(message, Error) is (".E" in str(message.id))
    return message


def test_the_demo_project_is_sound() -> None:
    assert found() == []


def test_the_checks_run_with_django_s_under_their_own_tag(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"JURNAL": "x"}
    checks.register()

    messages = django_checks.run_checks(tags=["signalscope"])

    assert [message.id for message in messages] == [checks.UNKNOWN_KEY]


def test_registering_twice_runs_no_check_twice() -> None:
    before = len(django_checks.registry.registry.get_checks())
    checks.register()

    assert len(django_checks.registry.registry.get_checks()) == before


# --- settings --------------------------------------------------------------------------------


def test_settings_that_are_no_dict(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = ["JOURNAL"]
    message = the_one()

    assert message.id == checks.NOT_A_DICT
    assert "['JOURNAL'], not a dict" in message.msg


def test_an_unknown_key(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "SLOWMS": 5}
    message = the_one()

    assert message.id == checks.UNKNOWN_KEY
    assert "'SLOWMS'" in message.msg
    assert "SLOW_MS" in (message.hint or "")


@pytest.mark.parametrize(("key", "value"), [("SLOW_MS", "fast"), ("BUFFER", 0), ("JOURNAL", "mysql://x")])
def test_a_wrong_value(settings: LazySettings, key: str, value: Any) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, key: value}
    message = the_one()

    assert message.id == checks.WRONG_VALUE
    assert f"SIGNALSCOPE['{key}']" in message.msg
    assert repr(value) in message.msg


@pytest.mark.parametrize(
    "rule", ["no.such.rule", f"{__name__}.missing", f"{__name__}.NO_FUNCTION", f"{__name__}.async_rule"]
)
def test_an_access_rule_that_cannot_be_used(settings: LazySettings, rule: str) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "ACCESS": rule}
    message = the_one()

    assert message.id == checks.ACCESS_UNUSABLE
    assert repr(rule) in message.msg


@pytest.mark.parametrize("scenarios", ["no.such.scenarios", f"{__name__}.NO_FUNCTION"])
def test_scenarios_that_cannot_be_used(settings: LazySettings, scenarios: str) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "SCENARIOS": scenarios}
    message = the_one()

    assert message.id == checks.SCENARIOS_UNUSABLE
    assert repr(scenarios) in message.msg


# --- the project -----------------------------------------------------------------------------


def uninstall(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    """Hide an app. Overriding ``INSTALLED_APPS`` would call every app's ``ready()`` again."""
    monkeypatch.setattr(apps, "is_installed", lambda name: name != app)


def test_django_htmx_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "django_htmx")

    assert the_one().id == checks.HTMX_APP_MISSING


def test_the_admin_stands_before_signalscope(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = sorted(apps.get_app_configs(), key=lambda config: config.name != "django.contrib.admin")
    monkeypatch.setattr(apps, "get_app_configs", lambda: configs)

    assert the_one().id == checks.ADMIN_FIRST


def test_templates_are_not_found(settings: LazySettings) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [], "APP_DIRS": False}]
    message = the_one()

    assert message.id == checks.TEMPLATES_MISSING
    assert "no backend finds it" in message.msg


def test_there_is_no_django_templates_backend(settings: LazySettings) -> None:
    settings.TEMPLATES = []

    assert "names no DjangoTemplates backend" in the_one().msg


def test_a_template_that_is_found_and_does_not_compile_is_found(
    settings: LazySettings, tmp_path: Path
) -> None:
    template = tmp_path / checks.PAGE_TEMPLATE
    template.parent.mkdir()
    template.write_text("{% load no_such_library %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path], "APP_DIRS": False}]

    assert found() == []


@pytest.mark.parametrize("missing", ["app", "url"])
def test_nothing_serves_static_files(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "app":
        uninstall(monkeypatch, "django.contrib.staticfiles")
    else:
        settings.STATIC_URL = None

    assert the_one().id == checks.NO_STATICFILES


# --- liveness --------------------------------------------------------------------------------


def test_there_is_no_asgi_application(settings: LazySettings) -> None:
    del settings.ASGI_APPLICATION
    message = the_one()

    assert message.id == checks.NO_ASGI_APPLICATION
    assert "dashboard.routing" in (message.hint or "")


def test_channels_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)

    assert the_one().id == checks.NO_CHANNELS


# --- the journal -----------------------------------------------------------------------------


def test_the_journal_s_folder_does_not_exist(settings: LazySettings, tmp_path: Path) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": f"sqlite:///{tmp_path}/missing/journal.sqlite3"}
    message = the_one()

    assert message.id == checks.JOURNAL_NOT_WRITABLE
    assert "missing' does not exist" in message.msg


def test_the_journal_s_folder_or_file_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal.sqlite3"
    denied = {tmp_path}
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in denied)
    assert "is not writable" in the_one().msg

    denied.clear()
    file.touch()
    assert found() == []

    denied.add(file)
    assert the_one().id == checks.JOURNAL_NOT_WRITABLE


def test_the_journal_s_file_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").mkdir()

    assert "is not a file that can be written" in the_one().msg


def test_a_relative_journal_lies_in_the_working_folder(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings.SIGNALSCOPE = {"JOURNAL": "sqlite:///journal.sqlite3"}
    assert found() == []

    settings.SIGNALSCOPE = {"JOURNAL": "sqlite:///data/journal.sqlite3"}
    assert str(tmp_path / "data") in the_one().msg


# --- access ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["app", "middleware"])
def test_no_request_has_a_user(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "app":
        uninstall(monkeypatch, "django.contrib.auth")
    else:
        settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if one != AUTHENTICATION]

    assert the_one().id == checks.NO_AUTHENTICATION


@pytest.mark.parametrize("url", ["no_such_view", "/no/such/path/"])
def test_the_login_url_leads_nowhere(settings: LazySettings, url: str) -> None:
    settings.LOGIN_URL = url
    message = the_one()

    assert message.id == checks.NO_LOGIN_PAGE
    assert repr(url) in message.msg


@pytest.mark.parametrize("url", ["login", "/login/", "/login/?tenant=1", "https://sso.example/login"])
def test_a_login_url_that_leads_somewhere(settings: LazySettings, url: str) -> None:
    settings.ROOT_URLCONF = __name__
    settings.LOGIN_URL = url

    assert found() == []


def test_a_rule_of_the_project_s_own_needs_neither_users_nor_a_login_page(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "ACCESS": "builtins.bool"}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if one != AUTHENTICATION]
    settings.LOGIN_URL = "no_such_view"

    assert found() == []


def test_debug_off_with_the_default_rule_is_sound(settings: LazySettings) -> None:
    settings.DEBUG = False

    assert found() == []


# --- documentation ---------------------------------------------------------------------------


def test_every_id_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `(signalscope\.[EW]\d{3})` \|", DOCUMENTED.read_text(), re.MULTILINE)

    assert sorted(documented) == sorted(IDS)
    assert len(IDS) == 18


def test_the_check_command_prints_hint_and_id(
    settings: LazySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": "sqlite:////no/such/folder/journal.sqlite3"}

    call_command("check", "--tag", "signalscope")

    printed = capsys.readouterr().err
    assert "(signalscope.W004)" in printed
    assert "HINT: Make the folder" in printed
