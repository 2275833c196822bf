"""The settings dict: defaults, what is read, and what is wrong named and replaced by its default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.test.utils import override_script_prefix

from dashboard import conf


@pytest.fixture(autouse=True)
def _bare(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    settings.SIGNALSCOPE = {}


def problem_keys() -> list[str]:
    return [problem.key for problem in conf.problems()]


# --- defaults --------------------------------------------------------------------------------


def test_without_the_dict_every_setting_has_its_default(settings: LazySettings) -> None:
    del settings.SIGNALSCOPE

    found = conf.get()

    assert problem_keys() == []
    for field in msgspec.structs.fields(conf.Settings):
        if field.name not in ("JOURNAL", "IGNORE_PATHS", "SESSIONS"):
            assert getattr(found, field.name) == getattr(conf.DEFAULTS, field.name)


@pytest.mark.parametrize("given", [None, {}])
def test_no_dict_and_an_empty_one_are_the_same(settings: LazySettings, given: Any) -> None:
    settings.SIGNALSCOPE = given

    assert problem_keys() == []
    assert conf.get().SLOW_MS == 50.0


def test_the_journal_lies_in_base_dir(settings: LazySettings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    journal = conf.get().JOURNAL

    assert journal == f"sqlite:///{tmp_path}/signalscope.sqlite3"


def test_imported_sessions_lie_beside_the_journal_unless_a_folder_is_named(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": "sqlite:////var/lib/scope/signals.sqlite3"}
    assert conf.get().SESSIONS == "/var/lib/scope/signals.sessions"
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", "sqlite:////tmp/other.db")
    assert conf.get().SESSIONS == "/tmp/other.sessions"  # noqa: S108
    settings.SIGNALSCOPE = {"SESSIONS": "/srv/sessions"}
    assert conf.get().SESSIONS == "/srv/sessions"


def test_without_base_dir_the_journal_lies_in_the_working_folder(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    del settings.BASE_DIR
    journal = conf.get().JOURNAL

    assert journal == f"sqlite:///{tmp_path}/signalscope.sqlite3"


def test_static_files_and_uploads_are_ignored_unless_other_paths_are(settings: LazySettings) -> None:
    settings.STATIC_URL, settings.MEDIA_URL = "/assets/", "/uploads/"
    assert conf.get().IGNORE_PATHS == ["/assets/", "/uploads/"]

    settings.SIGNALSCOPE = {"IGNORE_PATHS": ["/health"]}
    assert conf.get().IGNORE_PATHS == ["/health"]


def test_files_are_ignored_below_a_script_name_and_with_it(settings: LazySettings) -> None:
    settings.STATIC_URL, settings.MEDIA_URL, settings.FORCE_SCRIPT_NAME = "assets/", "/below/media/", "/below"

    assert conf.get().IGNORE_PATHS == ["/assets/", "/media/", "/below/assets/", "/below/media/"]


def test_reading_the_settings_leaves_it_to_the_first_request_which_script_name_files_have(
    settings: LazySettings,
) -> None:
    settings.STATIC_URL, settings.MEDIA_URL = "assets/", "media/"
    conf.get()
    with override_script_prefix("/below/"):
        assert (settings.STATIC_URL, settings.MEDIA_URL) == ("/below/assets/", "/below/media/")


@pytest.mark.parametrize("url", [None, "/", "https://cdn.example/static/"])
def test_a_url_that_would_hide_everything_or_is_elsewhere_ignores_nothing(
    settings: LazySettings, url: str | None
) -> None:
    settings.STATIC_URL = settings.MEDIA_URL = url

    assert conf.get().IGNORE_PATHS == []


def test_constructors_are_ignored_by_default_and_the_default_cannot_be_spoilt() -> None:
    ignored = conf.DEFAULTS.IGNORE_SIGNALS

    assert ignored == [
        f"django.db.models.signals.{name}" for name in ("pre_init", "post_init", "class_prepared")
    ]
    assert conf.Settings().IGNORE_SIGNALS is not ignored


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ENABLED", False),
        ("JOURNAL", "sqlite:///some/where.sqlite3"),
        ("KEEP_ENTRIES", 1),
        ("KEEP_SECONDS", 3600),
        ("KEEP_SECONDS", None),
        ("BUFFER", 10),
        ("IGNORE_SIGNALS", []),
        ("IGNORE_PATHS", ["/health"]),
        ("REDACT", ["iban"]),
        ("SLOW_MS", 0.5),
        ("SLOW_MS", 100),
        ("ACCESS", "some.rule"),
        ("SCENARIOS", "some.catalogue"),
    ],
)
def test_a_right_value_is_taken(settings: LazySettings, key: str, value: Any) -> None:
    settings.SIGNALSCOPE = {key: value}

    assert problem_keys() == []
    assert getattr(conf.get(), key) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ENABLED", "yes"),
        ("ENABLED", None),
        ("KEEP_ENTRIES", 0),
        ("KEEP_ENTRIES", -1),
        ("KEEP_ENTRIES", "many"),
        ("KEEP_SECONDS", 0),
        ("BUFFER", 1.5),
        ("IGNORE_SIGNALS", "django.db.models.signals.pre_init"),
        ("IGNORE_SIGNALS", [1]),
        ("REDACT", {"a": 1}),
        ("SLOW_MS", 0),
        ("SLOW_MS", object()),
        ("ACCESS", len),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy_and_replaced_by_the_default(
    settings: LazySettings, key: str, value: Any
) -> None:
    settings.SIGNALSCOPE = {key: value, "BUFFER" if key != "BUFFER" else "SLOW_MS": 7}

    (problem,) = conf.problems()

    assert problem.key == key
    assert f"SIGNALSCOPE[{key!r}] has the value {value!r}" in problem.message
    assert repr(getattr(conf.DEFAULTS, key)) in problem.hint
    assert getattr(conf.get(), key) == getattr(conf.DEFAULTS, key)
    assert 7 in (conf.get().BUFFER, conf.get().SLOW_MS)


@pytest.mark.parametrize("key", ["JURNAL", "journal", "", 5])
def test_an_unknown_key_is_named_with_the_known_ones(settings: LazySettings, key: Any) -> None:
    settings.SIGNALSCOPE = {key: "x", "BUFFER": 7}

    (problem,) = conf.problems()

    assert f"unknown key {key!r}" in problem.message
    assert "JOURNAL" in problem.hint
    assert conf.get().BUFFER == 7


@pytest.mark.parametrize("given", ["sqlite:///x", ["JOURNAL"], 5, False])
def test_anything_but_a_dict_is_named_and_the_defaults_are_used(settings: LazySettings, given: Any) -> None:
    settings.SIGNALSCOPE = given

    (problem,) = conf.problems()

    assert repr(given) in problem.message
    assert conf.get().BUFFER == conf.DEFAULTS.BUFFER


def test_every_problem_is_named_at_once(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"BUFFER": 0, "SLOW_MS": 0, "NO_SUCH": 1, "JOURNAL": "ftp://x"}

    assert sorted(problem_keys()) == ["BUFFER", "JOURNAL", "NO_SUCH", "SLOW_MS"]


# --- the journal's URL -----------------------------------------------------------------------


def test_the_environment_overrides_the_journal(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": "sqlite:///configured.sqlite3"}
    assert conf.get().JOURNAL == "sqlite:///configured.sqlite3"

    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", "sqlite:////tmp/other.sqlite3")
    assert conf.get().JOURNAL == "sqlite:////tmp/other.sqlite3"

    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", "")
    assert conf.get().JOURNAL == "sqlite:///configured.sqlite3"


@pytest.mark.parametrize(
    "url", ["signals.db", "sqlite://", "sqlite:///", "sqlite://host/x", "mysql:///x", "a b"]
)
def test_a_url_that_names_no_journal_is_a_problem(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": url}
    (problem,) = conf.problems()

    assert repr(url) in problem.message
    assert "sqlite:///relative/path" in problem.hint
    assert conf.get().JOURNAL.endswith("/signalscope.sqlite3")

    settings.SIGNALSCOPE = {}
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", url)
    assert problem_keys() == ["JOURNAL"]


# --- reading ---------------------------------------------------------------------------------


def test_the_settings_are_read_once_until_they_change(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"BUFFER": 7}
    first = conf.get()

    assert conf.get() is first

    settings.SIGNALSCOPE = {"BUFFER": 8}
    assert conf.get().BUFFER == 8


def test_reading_connects_no_receiver() -> None:
    from django.core.signals import setting_changed

    before = len(setting_changed.receivers)
    conf.get()

    assert len(setting_changed.receivers) == before
