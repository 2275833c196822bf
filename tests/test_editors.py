"""Where a place in the source leads: the setting, what it refuses, the link on the pages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.template import Context, Template

from dashboard import checks, conf, editors, sites

HERE = Path(__file__).resolve()
SHOWN = f"tests/{HERE.name}"


def placed(file: str, line: int, arguments: str = "") -> str:
    template = Template("{% load signalscope %}{% place file line " + arguments + " %}")
    return template.render(Context({"file": file, "line": line}))


# --- the setting -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("vscode", "vscode://file/home/me/a.py:31"),
        ("pycharm", "pycharm://open?file=/home/me/a.py&line=31"),
        ("sublime", "subl://open?url=file:///home/me/a.py&line=31"),
        ("http://localhost:63342/api/file{file}:{line}", "http://localhost:63342/api/file/home/me/a.py:31"),
    ],
)
def test_an_editor_is_named_or_given_as_a_template(setting: str, expected: str) -> None:
    assert editors.problem(setting) == ""
    assert editors.address(setting, "/home/me/a.py", 31) == expected


@pytest.mark.parametrize("name", editors.KNOWN)
def test_every_known_editor_passes_the_rules_for_templates(name: str) -> None:
    assert editors.problem(editors.KNOWN[name]) == ""


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("/a b/c.py", "/a%20b/c.py"),
        ("/a&line=1#x?/c.py", "/a%26line%3D1%23x%3F/c.py"),
        ("/{line}/%31.py", "/%7Bline%7D/%2531.py"),
        ('/"><script>.py', "/%22%3E%3Cscript%3E.py"),
        ("C:\\site\\a.py", "/C:/site/a.py"),
        ("/\udcff.py", "/%FF.py"),
    ],
)
def test_a_path_is_encoded_whatever_is_in_it(file: str, path: str) -> None:
    assert editors.address("vscode", file, 7) == f"vscode://file{path}:7"


@pytest.mark.parametrize(
    "setting",
    [
        "vi",
        "VSCODE",
        "editor://open?file={file}",
        "{file}:{line}",
        "/open{file}:{line}",
        "javascript:open('{file}',{line})",
        "JavaScript:open('{file}',{line})",
        "java\tscript:open('{file}',{line})",
        " javascript:open('{file}',{line})",
        "data:text/html,{file}{line}",
        "vbscript:{file}{line}",
        "blob:{file}{line}",
        "file://{file}?{line}",
        "editor://open {file} {line}",
    ],
)
def test_what_is_no_editor_is_refused_and_named(setting: str, settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"EDITOR": setting}

    (problem,) = conf.problems()
    (message,) = checks.check_settings()

    assert conf.get().EDITOR is None
    assert (problem.key, message.id) == ("EDITOR", checks.WRONG_VALUE)
    assert repr(setting) in problem.message
    assert "vscode" in str(message.hint)
    assert "{file}" in str(message.hint)


@pytest.mark.parametrize("setting", [None, "", "vscode", "x-my+editor.2:{file}#{line}"])
def test_what_is_an_editor_or_none_has_no_problem(setting: str | None, settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"EDITOR": setting}

    assert list(conf.problems()) == []
    assert setting == conf.get().EDITOR


def test_an_editor_of_the_wrong_type_is_refused(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"EDITOR": 5}

    (problem,) = conf.problems()

    assert problem.key == "EDITOR"
    assert conf.get().EDITOR is None


# --- files -----------------------------------------------------------------------------------


def test_a_file_is_found_by_the_name_that_it_is_shown_under() -> None:
    for file in (str(HERE), conf.__file__, pytest.__file__):
        assert sites.found(sites.shown(file)) == file


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tests",
        "no/such/file.py",
        f"tests/../{SHOWN}",
        f"{HERE.parent}/../{SHOWN}",
        "<string>",
        "a\0b.py",
        "x" * 5_000,
    ],
)
def test_what_is_no_file_of_this_host_is_not_found(name: str) -> None:
    assert sites.found(name) == ""


def test_a_path_without_a_name_in_front_leads_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("")
    assert sites.found("only_here.py") == ""

    sites.found.cache_clear()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert sites.found("only_here.py") == str(tmp_path / "only_here.py")
    sites.found.cache_clear()


# --- on the pages ----------------------------------------------------------------------------


def test_without_an_editor_a_place_is_text(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {}

    assert placed(SHOWN, 3) == f'<span class="place" title="{SHOWN}:3">{SHOWN}:3</span>'


def test_with_an_editor_a_place_is_a_link_that_keys_can_find(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"EDITOR": "pycharm"}

    link = placed(SHOWN, 3, '"where" short=True')

    assert f'href="pycharm://open?file={HERE}&amp;line=3"' in link
    assert link.startswith('<a class="where"')
    assert "data-editor" in link
    assert link.endswith(f">{HERE.name}:3</a>")


def test_a_file_that_is_not_here_is_text_even_with_an_editor(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"EDITOR": "vscode"}

    assert placed("elsewhere/<b>.py", 3) == (
        '<span class="place" title="elsewhere/&lt;b&gt;.py:3">elsewhere/&lt;b&gt;.py:3</span>'
    )
