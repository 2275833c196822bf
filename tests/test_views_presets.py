"""Saved filters: saved, renamed, deleted, bounded, escaped, and kept in a cookie that nobody else writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core import signing
from django.test import Client, RequestFactory

from dashboard import pipeline
from dashboard.journal import open_journal
from dashboard.views import presets as module
from dashboard.views.presets import MOST, Preset, presets_of

STAFF = User(pk=1, username="staff", is_staff=True)
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield
    held.close()


class Browser:
    """Keeps cookies, as one browser does."""

    def __init__(self, user: Any = STAFF) -> None:
        self.user = user
        self.cookies: dict[str, str] = {}
        self.response: Any = None

    def send(self, method: str, fields: dict[str, str], *, htmx: bool = True) -> str:
        headers = {"HX-Request": "true"} if htmx else {}
        request = getattr(RequestFactory(), method)("/signals/presets/", fields, headers=headers)
        request.user = self.user
        request.COOKIES = dict(self.cookies)
        request._dont_enforce_csrf_checks = True
        self.response = module.presets(request)
        self.cookies |= {
            name: one.value for name, one in self.response.cookies.items() if name != "csrftoken"
        }
        return str(self.response.content.decode())

    def do(self, do: str, *, htmx: bool = True, **fields: str) -> str:
        return self.send("post", {"do": do} | fields, htmx=htmx)

    def saved(self) -> list[Preset]:
        request = RequestFactory().get("/")
        request.user = self.user
        request.COOKIES = dict(self.cookies)
        return presets_of(request)


def own_links(page: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'class="preset" href="([^"]*)"', page)][
        len(module.BUILT_IN) :
    ]


def test_a_filter_is_saved_under_a_name_and_linked_to() -> None:
    browser = Browser()
    page = browser.do("save", name=" Slow   posts ", q="sender:Post  is:slow", layout="flat")
    assert browser.saved() == [Preset("Slow posts", "sender:Post is:slow")]
    assert own_links(page) == ["/signals/?q=sender%3APost+is%3Aslow&layout=flat"]
    assert page.lstrip().startswith('<div class="presets" id="presets-list">')


def test_the_cookie_is_for_these_pages_alone_and_out_of_reach_of_scripts() -> None:
    browser = Browser()
    browser.do("save", name="a", q="is:error")
    ((name, cookie),) = [item for item in browser.response.cookies.items() if item[0] != "csrftoken"]
    assert name.startswith("signalscope_presets_")
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/signals/", True, "Lax")
    assert cookie["max-age"] > 30_000_000


def test_saving_a_name_again_replaces_its_filter() -> None:
    browser = Browser()
    browser.do("save", name="Mine", q="is:error")
    browser.do("save", name="mine", q="is:slow")
    assert browser.saved() == [Preset("mine", "is:slow")]


def test_presets_are_renamed_and_deleted() -> None:
    browser = Browser()
    for name in ("one", "two", "three"):
        browser.do("save", name=name, q="is:error")
    browser.do("rename", old="two", name="zwei")
    browser.do("delete", old="one")
    browser.do("delete", old="never there")
    browser.do("rename", old="three", name="Three")
    assert [preset.name for preset in browser.saved()] == ["zwei", "Three"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"do": "save", "name": "  ", "q": "is:error"}, "A preset needs a name."),
        ({"do": "save", "name": "x" * 41, "q": "is:error"}, "The name has 41 characters, and may have 40."),
        ({"do": "save", "name": "x", "q": ""}, "No filter is set."),
        ({"do": "save", "name": "x", "q": "is:nonsense"}, "No filter is set."),
        ({"do": "rename", "old": "kept", "name": "OTHER"}, "There is a preset 'OTHER' already."),
        ({"do": "rename", "old": "kept", "name": "\n"}, "A preset needs a name."),
        ({"do": EVIL}, "is nothing that can be done."),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(fields: dict[str, str], said: str) -> None:
    browser = Browser()
    browser.do("save", name="kept", q="is:slow")
    browser.do("save", name="other", q="is:slow")
    before = dict(browser.cookies)
    page = unescape(browser.send("post", fields))
    assert said in page
    assert 'role="alert"' in page
    assert browser.cookies == before


def test_the_number_of_presets_is_bounded() -> None:
    browser = Browser()
    for number in range(MOST):
        browser.do("save", name=f"n{number}", q="is:error")
    assert f"There are {MOST} presets, and no room for more." in browser.do(
        "save", name="one more", q="is:slow"
    )
    assert "no room" not in browser.do("save", name="n3", q="is:slow")
    assert len(browser.saved()) == MOST


def test_what_is_more_than_a_browser_keeps_is_refused() -> None:
    browser = Browser()
    said = ""
    for number in range(MOST):
        # Nothing that compresses.
        terms = " ".join(signing.dumps([number, place])[-27:].lstrip("-") for place in range(30))
        said += unescape(browser.do("save", name=f"n{number}", q=f'"{terms}"'))
    assert "A browser has no room for that much." in said
    assert 0 < len(browser.saved()) < MOST
    assert all(len(value) <= module.MOST_BYTES for value in browser.cookies.values())


def test_hostile_names_and_filters_stay_text() -> None:
    browser = Browser()
    page = browser.do("save", name=EVIL, q=f'"{EVIL}"')
    assert EVIL not in page
    assert browser.saved()[0].name == EVIL


@pytest.mark.parametrize("value", ["", "x", "a:b:c", "\x00"])
def test_a_cookie_that_is_not_ours_holds_nothing(value: str) -> None:
    browser = Browser()
    browser.do("save", name="a", q="is:error")
    (name,) = browser.cookies
    browser.cookies[name] = value
    assert browser.saved() == []
    assert browser.do("save", name="b", q="is:error").count('class="preset"') == len(module.BUILT_IN) + 1


@pytest.mark.parametrize(
    "held", [1, "text", [1], [["a"]], [["a", 2]], {"a": "is:error"}, [["a", "is:nonsense"]]]
)
def test_a_signed_cookie_of_another_shape_holds_nothing(held: Any) -> None:
    browser = Browser()
    browser.do("save", name="a", q="is:error")
    (name,) = browser.cookies
    browser.cookies[name] = signing.dumps(held, salt=name, compress=True)
    assert browser.saved() == []


def test_another_user_of_the_browser_has_presets_of_their_own() -> None:
    browser = Browser()
    browser.do("save", name="mine", q="is:error")
    browser.user = User(pk=2, username="other", is_staff=True)
    assert browser.saved() == []
    browser.do("save", name="theirs", q="is:slow")
    browser.user = STAFF
    assert [preset.name for preset in browser.saved()] == ["mine"]


def test_without_a_script_the_form_leads_back_to_the_filter() -> None:
    browser = Browser()
    browser.do("save", htmx=False, name="a", q="is:error", layout="flat")
    assert (browser.response.status_code, browser.response.headers["Location"]) == (
        302,
        "/signals/?q=is%3Aerror&layout=flat",
    )
    assert browser.saved()


def test_without_a_script_a_refusal_is_a_page() -> None:
    browser = Browser()
    page = browser.do("save", htmx=False, name="", q="is:error")
    assert browser.response.status_code == 422
    assert page.startswith("<!doctype html>")
    assert "A preset needs a name." in page
    assert 'href="/signals/"' in page


def test_the_page_of_presets_lists_them() -> None:
    browser = Browser()
    browser.do("save", name="a", q="is:error")
    page = browser.send("get", {"q": "is:slow or x"}, htmx=False)
    assert own_links(page) == ["/signals/?q=is%3Aerror"]
    assert 'name="q" value="is:slow or x"' in page


def test_other_methods_are_refused() -> None:
    browser = Browser()
    browser.send("put", {})
    assert browser.response.status_code == 405


@pytest.mark.django_db
def test_who_may_not_look_saves_nothing_and_a_forged_form_neither() -> None:
    for user, status in ((AnonymousUser(), 302), (User(username="reader"), 403)):
        browser = Browser(user)
        browser.do("save", htmx=False, name="a", q="is:error")
        assert (browser.response.status_code, browser.cookies) == (status, {})
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("admin"))
    assert strict.post("/signals/presets/", {"do": "save", "name": "a", "q": "is:error"}).status_code == 403
