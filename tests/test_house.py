"""The rules of the house that no linter knows: who may touch what, and what a page may hold.

Comes in: the repository's own sources. Goes out: a failure that names file and line. The layers
are import-linter's (``pyproject.toml``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from config.settings import BASE_DIR
from dashboard import urls
from dashboard.conf import Settings

PYTHON = [
    path
    for folder in ("dashboard", "demo_app", "config")
    for path in sorted((BASE_DIR / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
DASHBOARD = [path for path in PYTHON if path.is_relative_to(BASE_DIR / "dashboard")]
TEMPLATES = sorted((BASE_DIR / "templates").rglob("*.*"))
HTML = [path for path in TEMPLATES if path.suffix in {".html", ".svg"}]
STATIC = sorted(path for path in (BASE_DIR / "static").rglob("*") if path.is_file())
SCRIPTS = [path for path in STATIC if path.suffix == ".js"]
STYLES = [path for path in STATIC if path.suffix == ".css"]

SIGNAL_INTERNALS = {
    "_clear_dead_receivers",
    "_dead_receivers",
    "_live_receivers",
    "_make_id",
    "_remove_receiver",
    "NO_RECEIVERS",
    "NONE_ID",
    "sender_receivers_cache",
    "use_caching",
}
# "receivers" is internal too, but also a good name: these are the recorder's own objects.
OWNERS_OF_RECEIVERS = {"emission", "event"}


def shown(path: Path) -> str:
    return str(path.relative_to(BASE_DIR))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def owner_of(node: ast.Attribute) -> str:
    owner = node.value
    return owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")


def signal_internals_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "receivers":
            if owner_of(node) not in OWNERS_OF_RECEIVERS:
                yield node.lineno, node.attr
        elif isinstance(node, ast.Attribute) and node.attr in SIGNAL_INTERNALS:
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.dispatch"):
            for name in node.names:
                if name.name in SIGNAL_INTERNALS:
                    yield node.lineno, name.name
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            named = node.args[1] if len(node.args) > 1 else None
            if isinstance(named, ast.Constant) and named.value in {*SIGNAL_INTERNALS, "receivers"}:
                yield node.lineno, str(named.value)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("signal.receivers", "receivers"),
        ("post_save._live_receivers(sender)", "_live_receivers"),
        ("getattr(signal, 'sender_receivers_cache')", "sender_receivers_cache"),
        ("from django.dispatch.dispatcher import NO_RECEIVERS", "NO_RECEIVERS"),
    ],
)
def test_the_search_for_signal_internals_finds_each_way_to_touch_them(source: str, found: str) -> None:
    assert list(signal_internals_in(ast.parse(source))) == [(1, found)]


def test_only_the_dispatcher_touches_the_private_signal_api() -> None:
    outside = [path for path in PYTHON if not path.is_relative_to(BASE_DIR / "dashboard" / "dispatcher")]

    touched = [
        f"{shown(path)}:{line} {name}" for path in outside for line, name in signal_internals_in(parsed(path))
    ]

    assert touched == []


def absolute_references(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Imports of, and dotted strings into, ``dashboard``: they break under another package name."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names = [node.value] if node.value.startswith("dashboard.") else []
        for name in names:
            if name.partition(".")[0] == "dashboard":
                yield getattr(node, "lineno", 0), name


def test_the_dashboard_imports_itself_only_relatively() -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in DASHBOARD
        for line, name in absolute_references(parsed(path))
    ]

    assert found == []


class Markup(HTMLParser):
    """What a strict content policy would refuse in a page, and what a page loads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.refused: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag loads, and what of it a strict policy refuses."""
        given = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.refused.append(f"{line} <{tag}>")
        for name, value in given.items():
            handler = name.startswith(("on", "hx-on", "data-hx-on"))
            code = value.strip().lower().startswith(("javascript:", "js:"))
            if name == "style" or handler or code:
                self.refused.append(f"{line} {name}={value!r}")
        if tag in {"script", "img", "source", "iframe", "use", "image"} or (
            tag == "link" and given.get("rel") != "canonical"
        ):
            self.loaded += [given[name] for name in ("src", "href", "srcset") if name in given]


def markup_of(text: str) -> Markup:
    """Parse a template as if every tag of the template language were empty."""
    markup = Markup()
    blank = re.compile(r"\{%\s*comment\b.*?endcomment\s*%\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
    markup.feed(blank.sub(lambda found: "\n" * found.group().count("\n"), text))
    markup.close()
    return markup


@pytest.mark.parametrize(
    "text",
    [
        "<style>p{}</style>",
        "<script>let a</script>",
        '<p style="color:red">',
        '<p {% if a %}style="{{ b }}"{% endif %}>',
        '<a href="javascript:go()">',
        '<button onclick="go()">',
        '<button hx-on:click="go()">',
        '<div hx-vals="js:{a: 1}">',
    ],
)
def test_the_search_for_inline_code_finds_each_kind(text: str) -> None:
    assert markup_of(text).refused


@pytest.mark.parametrize("path", HTML, ids=shown)
def test_no_template_holds_inline_code_or_style(path: Path) -> None:
    assert markup_of(path.read_text()).refused == []


@pytest.mark.parametrize("path", HTML, ids=shown)
def test_no_template_loads_anything_from_another_host(path: Path) -> None:
    assert [url for url in markup_of(path.read_text()).loaded if "//" in url] == []


@pytest.mark.parametrize("path", [*HTML, *PYTHON], ids=shown)
def test_every_static_file_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    named = re.findall(r"""\{%\s*static\s+["']([^"']+)["']""", text)
    if path.suffix == ".py":
        named = re.findall(r"""\bstatic\(["']([^"']+)["']\)""", text)

    assert [name for name in named if finders.find(name) is None] == []


def references_in(path: Path) -> list[str]:
    """What a style sheet or script loads: ``url(…)``, ``@import``, ``import … from``, ``import(…)``."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    if path.suffix == ".css":
        return re.findall(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""", text)
    return re.findall(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']""", text)


@pytest.mark.parametrize("path", [*STYLES, *SCRIPTS], ids=shown)
def test_styles_and_scripts_load_only_files_that_stand_beside_them(path: Path) -> None:
    local = [name for name in references_in(path) if not name.startswith(("#", "data:"))]

    assert [name for name in local if not (path.parent / name.split("#")[0]).is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=shown)
def test_no_script_makes_html_or_code_from_strings(path: Path) -> None:
    text = path.read_text()

    found = re.findall(
        r"\.(?:innerHTML|outerHTML|insertAdjacentHTML)\b|\bdocument\.write\b|\beval\(|\bnew Function\b", text
    )

    assert found == []


def test_every_setting_is_documented_and_no_other() -> None:
    documented = re.findall(
        r"^\| `([A-Z_]+)` \|", (BASE_DIR / "docs" / "settings.md").read_text(), re.MULTILINE
    )

    assert sorted(documented) == sorted(Settings.__struct_fields__)


# --- links -----------------------------------------------------------------------------------

PAGES_OF_A_SESSION = {pattern.name for pattern in urls.pages}
LEAVING = {"templates/signalscope/sessions.html"}


def test_every_link_to_a_page_stays_in_the_session_that_is_shown() -> None:
    """``{% url %}`` and Django's ``reverse`` lead to the live journal: ``links`` knows the session."""
    direct = re.compile(r"""{% url ['"]signalscope:(\w+)""")
    found = [
        f"{shown(path)} links to {name}: write {{% address 'signalscope:{name}' … %}}"
        for path in HTML
        if path.is_relative_to(BASE_DIR / "templates" / "signalscope") and shown(path) not in LEAVING
        for name in direct.findall(path.read_text())
        if name in PAGES_OF_A_SESSION
    ]
    found += [
        f"{shown(path)} imports reverse from django.urls: import it from links"
        for path in DASHBOARD
        if path.parent.name in ("views", "stream")
        and path.name != "sessions.py"
        and re.search(r"from django\.urls import .*\breverse\b", path.read_text())
    ]
    assert found == []
