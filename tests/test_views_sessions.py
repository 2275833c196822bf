"""The pages of imported sessions: import, list, delete; every page within one, marked, closed in itself."""

from __future__ import annotations

import gzip
import html
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.test.client import MULTIPART_CONTENT

from dashboard import links as page_links
from dashboard import pipeline
from dashboard.events import Bypass, Cause, Entry, Frame, Instance, Late, Raised, Site, Statement, encode
from dashboard.journal import Journal, open_journal
from dashboard.sessions import SessionError, current

from .samples import TRACE, admin_add, at, call, emission, origin
from .test_sessions import exported, lines, packed

SESSIONS = "/signals/sessions/"
IMPORT = "/signals/sessions/import/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    """The live journal."""
    held = open_journal(journal_url)
    held.head()
    yield held
    held.close()
    pipeline.stop()


@pytest.fixture
def staff(client: Client, journal: Journal) -> Client:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def upload(client: Client, file: bytes, name: str = "web.jsonl.gz") -> Any:
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, file)})


def imported(entries: list[Entry], name: str = "web", **header: Any) -> None:
    pipeline.sessions().add(io.BytesIO(packed(*map(encode, entries), **header)), f"{name}.jsonl.gz")


def text_of(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content[:500]
    return response.content.decode()


def links(page: str) -> set[str]:
    return {
        html.unescape(found)
        for found in re.findall(r'(?:href|hx-get|action|data-href)="(/[^"]*)"', page)
        if not found.startswith("/static/")
    }


# --- import ----------------------------------------------------------------------------------


def test_an_uploaded_file_becomes_a_session_and_leads_to_it(staff: Client, journal: Journal) -> None:
    journal.append(admin_add())
    file = exported(journal)
    journal.prune(0)

    response = upload(staff, file)

    assert response.status_code == 302
    assert response["Location"] == "/signals/sessions/web/"
    assert "/admin/demo_app/post/add/" in text_of(staff, "/signals/sessions/web/")
    assert journal.extent().count == 0


def test_what_the_page_exports_the_page_imports(staff: Client, journal: Journal) -> None:
    journal.append([*admin_add(), emission("other", trace="other")])

    response = staff.get("/signals/export/", {"q": "is:error"})

    assert response["Content-Type"] == "application/gzip"
    assert re.fullmatch(
        r'attachment; filename="signalscope-[a-z0-9-]+\.jsonl\.gz"', response["Content-Disposition"]
    )
    file = response.getvalue()
    assert lines(file)[0]["filter"] == "is:error"
    assert len(lines(file)) == 8
    upload(staff, file)
    assert pipeline.sessions().held()[0].taken == 7


def test_a_trace_and_a_range_can_be_exported_too(staff: Client, journal: Journal) -> None:
    journal.append([*admin_add(), emission("other", trace="other")])
    assert len(lines(staff.get("/signals/export/", {"trace": TRACE}).getvalue())) == 8
    assert len(lines(staff.get("/signals/export/", {"since": "7"}).getvalue())) == 2


@pytest.mark.parametrize("asked", [{"q": "is:"}, {"since": "yesterday"}])
def test_an_export_that_cannot_be_asked_for_says_why(staff: Client, asked: dict[str, str]) -> None:
    response = staff.get("/signals/export/", asked)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert "Give" in response.content.decode() or "parse" in response.content.decode()


def test_an_export_without_room_says_where_to_make_some(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dashboard.views.session_file.write", full)
    response = staff.get("/signals/export/")
    assert response.status_code == 503
    assert "No space left" in response.content.decode()
    assert "Make room in /" in response.content.decode()


def test_a_file_that_is_no_session_is_refused_on_the_page(staff: Client) -> None:
    response = upload(staff, b"<script>alert(1)</script>", "<img src=x>.gz")
    page = response.content.decode()
    assert response.status_code == 400
    assert "no session of Signalscope" in page
    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_without_a_file_the_page_asks_for_one(staff: Client) -> None:
    response = staff.post(IMPORT, {})
    assert response.status_code == 400
    assert "No file was chosen" in response.content.decode()


def test_an_upload_beyond_the_bound_is_refused_before_it_is_read(
    staff: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALSCOPE = {"IMPORT_BYTES": 1_000}

    def never(*_: Any) -> None:
        raise AssertionError("the body was read")

    monkeypatch.setattr("django.http.multipartparser.MultiPartParser.parse", never)
    response = upload(staff, b"x" * 200_000)

    assert response.status_code == 413
    assert "IMPORT_BYTES" in response.content.decode()


def test_an_upload_without_a_length_is_refused(staff: Client) -> None:
    response = staff.generic("POST", IMPORT, b"", content_type=MULTIPART_CONTENT)
    assert response.status_code == 413


def test_import_and_deletion_need_the_csrf_token(journal: Journal) -> None:
    imported([])
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert upload(client, packed()).status_code == 403
    assert client.post(f"{SESSIONS}web/delete/").status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text_of(client, SESSIONS))
    assert token
    sent = {"csrfmiddlewaretoken": token[1], "file": SimpleUploadedFile("b.gz", packed())}
    assert client.post(IMPORT, sent).status_code == 302
    assert client.post(f"{SESSIONS}web/delete/", {"csrfmiddlewaretoken": token[1]}).status_code == 302
    assert [one.name for one in pipeline.sessions().held()] == ["b"]


def test_nothing_is_imported_deleted_or_shown_for_who_may_not_look(client: Client, journal: Journal) -> None:
    imported(admin_add())
    for login in (None, User.objects.create_user("reader")):
        if login:
            client.force_login(login)
        refused = 403 if login else 302
        assert upload(client, packed()).status_code == refused
        assert client.post(f"{SESSIONS}web/delete/").status_code == refused
        for path in (
            SESSIONS,
            f"{SESSIONS}web/",
            f"{SESSIONS}nobody/",
            "/signals/export/",
            "/signals/compare/",
        ):
            assert client.get(path).status_code == refused
    assert [one.name for one in pipeline.sessions().held()] == ["web"]


def test_a_get_imports_and_deletes_nothing(staff: Client) -> None:
    imported([])
    assert staff.get(IMPORT).status_code == 405
    assert staff.get(f"{SESSIONS}web/delete/").status_code == 405
    assert pipeline.sessions().find("web")


# --- the list --------------------------------------------------------------------------------


def test_the_list_says_where_each_session_comes_from(staff: Client) -> None:
    imported(admin_add(), host="web-7", filter="is:error", dropped=3, django="6.1")
    page = text_of(staff, SESSIONS)
    for said in ("web-7", "7 entries", "is:error", "3 emissions had been dropped", "Django 6.1", "1 of 10"):
        assert said in page
    assert "redacted" in page


def test_a_damaged_session_says_so_in_the_list_and_on_its_pages(staff: Client, journal: Journal) -> None:
    journal.append(admin_add())
    upload(staff, exported(journal)[:-4])
    assert "breaks off" in text_of(staff, SESSIONS)
    assert "breaks off" in text_of(staff, f"{SESSIONS}web/traces/{TRACE}/")


def test_a_full_store_says_so_and_takes_no_file(staff: Client, settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {"KEEP_SESSIONS": 1}
    imported([])
    assert "delete one first" in text_of(staff, SESSIONS)
    response = upload(staff, packed())
    assert response.status_code == 400
    assert "Delete one" in response.content.decode()


def test_a_session_can_be_deleted_twice(staff: Client) -> None:
    imported([])
    for _ in range(2):
        assert staff.post(f"{SESSIONS}web/delete/")["Location"] == SESSIONS
    assert "None yet" in text_of(staff, SESSIONS)


def test_a_session_that_is_not_there_is_not_found(staff: Client) -> None:
    for path in ("", "graph/", f"traces/{TRACE}/", "compare/", "export/"):
        assert staff.get(f"{SESSIONS}nobody/{path}").status_code == 404
    for name in ("..", "%2e%2e", "A", "a%00", "a" * 100):
        assert staff.get(f"{SESSIONS}{name}/").status_code == 404


def test_what_is_not_found_says_so_on_a_page_of_its_own_that_leads_to_the_sessions(staff: Client) -> None:
    response = staff.get(f"{SESSIONS}nobody/graph/")
    page = response.content.decode()
    assert "There is no imported session &#x27;nobody&#x27;" in page
    assert links(page) == {SESSIONS}
    assert "Content-Security-Policy" in response.headers


# --- within a session ------------------------------------------------------------------------

PAGES = [
    "receivers/",
    "presets/",
    "",
    "?layout=flat",
    "?q=is:error",
    "?after=0&upto=5",
    f"traces/{TRACE}/",
    "emissions/e3/",
    "graph/",
    "graph/?window=1m",
    "graph/?shape=list",
    f"compare/?b={TRACE}",
    "compare/",
    "history/",
    "history/?layout=flat&q=is:error",
]
REPLAY = "history/replay/?after=0&upto=5&layout=flat&q=is:error"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_a_session_is_marked_and_has_no_socket(staff: Client, path: str) -> None:
    imported(admin_add(), host="web-7")
    page = text_of(staff, f"{SESSIONS}web/{path}")
    assert "Imported session" in page
    assert "recorded on web-7" in page
    assert "imported session" in page
    assert "ws-connect" not in page
    assert "every 2s" not in page


@pytest.mark.parametrize("path", [*PAGES, REPLAY])
def test_every_link_of_a_session_stays_in_it_or_says_that_it_leaves(staff: Client, path: str) -> None:
    imported(admin_add())
    page = text_of(staff, f"{SESSIONS}web/{path}")
    outside = {link for link in links(page) if not link.startswith(f"{SESSIONS}web/")}
    assert outside <= {"/signals/", SESSIONS}
    assert page.count('href="/signals/"') == 1


@pytest.mark.parametrize("path", [*PAGES, REPLAY])
def test_every_link_of_a_session_leads_somewhere(staff: Client, path: str) -> None:
    imported(admin_add())
    page = text_of(staff, f"{SESSIONS}web/{path}")
    for link in sorted(links(page)):
        response = staff.get(link.partition("#")[0], follow=True)
        assert response.status_code == 200, link
        if response.streaming:
            assert response.getvalue()


def test_the_receivers_of_a_session_are_not_said_to_be_of_this_process(staff: Client) -> None:
    imported(admin_add())
    page = text_of(staff, f"{SESSIONS}web/receivers/")
    assert "What ran in the session." in page
    assert "of this process" not in page
    assert "Read again" not in page


def test_the_history_of_a_session_searches_it_and_offers_its_replay(staff: Client, journal: Journal) -> None:
    journal.append([origin("opened", trace="here", title="/only/here/"), emission("h1", trace="here")])
    imported(admin_add())
    page = text_of(staff, f"{SESSIONS}web/history/?q=is:error")
    assert "/admin/demo_app/post/add/" in page
    assert "/only/here/" not in page
    assert f'href="{SESSIONS}web/history/replay/?q=is%3Aerror&amp;after=' in page
    assert "Nothing matches" in text_of(staff, f"{SESSIONS}web/history/?q=signal:nothing")


def test_the_replay_of_a_session_is_marked_and_its_socket_plays_the_session(staff: Client) -> None:
    imported(admin_add(), host="web-7")
    page = text_of(staff, f"{SESSIONS}web/{REPLAY}")
    for said in ("Imported session", "recorded on web-7", "It is played again"):
        assert said in page
    socket = re.search(r'ws-connect="([^"]+)"', page)
    assert socket is not None
    assert parse_qs(urlsplit(html.unescape(socket[1])).query)["session"] == ["web"]
    assert f'action="{SESSIONS}web/history/replay/"' in page
    assert f'hx-get="{SESSIONS}web/graph/?panel=1&amp;after=0&amp;upto=5"' in page
    for place in ("lamp", "rate", "seq"):
        assert f'id="{place}"' in page, "what the socket sends has its place"
    assert "session=" not in text_of(staff, "/signals/history/replay/?after=0&upto=5")


def test_a_session_shows_its_journal_and_not_the_live_one(staff: Client, journal: Journal) -> None:
    journal.append([origin("opened", trace="here", title="/only/here/"), emission("h1", trace="here")])
    imported([origin("opened", trace="there", title="/only/there/"), emission("t1", trace="there")])
    assert "/only/here/" in text_of(staff, "/signals/")
    assert "/only/there/" not in text_of(staff, "/signals/")
    session = text_of(staff, f"{SESSIONS}web/")
    assert "/only/there/" in session
    assert "/only/here/" not in session
    assert staff.get(f"{SESSIONS}web/traces/here/").status_code == 404
    assert staff.get("/signals/traces/there/").status_code == 404


def test_two_journals_with_the_same_trace_do_not_share_rendered_rows(staff: Client, journal: Journal) -> None:
    journal.append([origin("opened", title="/live/"), emission("e1")])
    imported([origin("opened", title="/imported/"), emission("e1")])
    for _ in range(2):
        assert "/live/" in text_of(staff, "/signals/")
        assert "/imported/" in text_of(staff, f"{SESSIONS}web/")


def test_a_part_for_htmx_knows_its_session_too(staff: Client) -> None:
    imported(admin_add())
    part = text_of(staff, f"{SESSIONS}web/?q=is:error", **{"HX-Request": "true"})
    assert "ws-connect" not in part
    assert f"{SESSIONS}web/traces/{TRACE}/" in part
    response = staff.get(f"{SESSIONS}web/?q=is:error", headers={"HX-Request": "true"})
    assert response["HX-Push-Url"] == f"{SESSIONS}web/?q=is%3Aerror"


def test_completion_offers_what_the_session_holds(staff: Client, journal: Journal) -> None:
    journal.append([emission("h1", calls=[call("here.receivers.go")])])
    imported([emission("e1", calls=[call("elsewhere.receivers.go")])])
    offered = text_of(staff, f"{SESSIONS}web/query/complete/?q=receiver:")
    assert "elsewhere.receivers.go" in offered
    assert "here.receivers.go" not in offered.replace("elsewhere.receivers.go", "")


def test_a_preset_saved_in_a_session_is_there_on_the_live_page_too(staff: Client) -> None:
    imported(admin_add())
    response = staff.post(f"{SESSIONS}web/presets/", {"do": "save", "name": "mine", "q": "is:error"})
    assert response["Location"] == f"{SESSIONS}web/?q=is%3Aerror"
    assert f'href="{SESSIONS}web/?q=is%3Aerror"' in text_of(staff, f"{SESSIONS}web/presets/")
    live = text_of(staff, "/signals/presets/")
    assert "mine" in live
    assert SESSIONS + "web" not in live


def test_a_trace_that_is_open_at_the_end_of_a_session_does_not_run(staff: Client) -> None:
    imported(admin_add()[:-1])
    for path in ("", f"traces/{TRACE}/"):
        page = text_of(staff, f"{SESSIONS}web/{path}")
        assert "not ended yet" in page
        assert ">running<" not in page


def test_the_present_of_a_session_is_its_newest_entry(staff: Client) -> None:
    imported([*admin_add(), emission("late", 120_000, trace="late", sender="demo_app.Late")])
    assert "POST /admin/" in text_of(staff, f"{SESSIONS}web/graph/")
    minute = text_of(staff, f"{SESSIONS}web/graph/?window=1m")
    assert "demo_app.Late" in minute
    assert "POST /admin/" not in minute


def test_what_is_registered_here_is_not_drawn_for_a_session(staff: Client) -> None:
    imported([emission("e1", sender="elsewhere.Thing", calls=[call("elsewhere.receivers.go")])])
    page = text_of(staff, f"{SESSIONS}web/graph/")
    assert "elsewhere.receivers.go" in page
    assert "demo_app.receivers" not in page


def test_a_session_can_be_exported_again(staff: Client) -> None:
    imported(admin_add(), host="web-7")
    assert len(lines(staff.get(f"{SESSIONS}web/export/").getvalue())) == 8


def test_the_exports_of_a_trace_read_the_session(staff: Client) -> None:
    imported(admin_add())
    response = staff.get(f"{SESSIONS}web/traces/{TRACE}/export/json/")
    assert len(json.loads(response.content)) == 7


def test_nothing_of_the_session_is_left_when_the_answer_is_given(staff: Client) -> None:
    imported(admin_add())
    text_of(staff, f"{SESSIONS}web/")
    assert current.shown() is None
    assert page_links.reverse("signalscope:live") == "/signals/"
    with pytest.raises(SessionError), pipeline.showing("nobody"):
        raise AssertionError
    assert current.shown() is None


# --- hostile sessions ------------------------------------------------------------------------

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x00'


def hostile() -> list[Entry]:
    """Return entries whose every text wants out of its attribute, and whose numbers want out of bounds."""
    raised = Raised(HOSTILE, HOSTILE, [Frame(HOSTILE, 1, HOSTILE, HOSTILE)])
    bad_call = call(
        HOSTILE,
        error=raised,
        outcome="raised",
        offset_us=1e14,
        duration_us=1e14,
        queries=10**12,
        mutations={HOSTILE: [HOSTILE], "short": []},
        statements=[Statement(HOSTILE, 10**12, 1e14, [-1e14, 1e14])],
        flags=[HOSTILE],
    )
    values = {"signal": HOSTILE, "sender": HOSTILE, "family": HOSTILE, "payload": {HOSTILE: [HOSTILE]}}
    return [
        origin("opened", title=HOSTILE, verb=HOSTILE, type=HOSTILE),
        emission("e1", 1, calls=[bad_call] * 3, cause=Cause("e2", 10**12), flags=[HOSTILE], **values),
        emission(
            "e2", 2, calls=[bad_call], cause=Cause("e1", 0), duration_us=1e14, instance=Instance(HOSTILE)
        ),
        emission("e3", -1e9, calls=[], site=Site(HOSTILE, 10**12, HOSTILE), **values),
        emission("e1", 3),
        Bypass(
            id="b1",
            operation=HOSTILE,
            sender=HOSTILE,
            rows=-(10**18),
            at=at(4),
            trace=TRACE,
            skipped=[HOSTILE],
        ),
        origin("closed", 5, title=HOSTILE, user=HOSTILE, status=HOSTILE, view=HOSTILE, error=HOSTILE),
        Late(emission="e1", index=10**12, call=bad_call, at=at(6), trace=TRACE),
        Late(emission="e2", index=0, call=bad_call, at=at(-6), trace=TRACE),
        Late(emission="nowhere", index=0, call=bad_call, at=at(7), trace=TRACE),
        emission("lost", 0, trace="", cause=Cause("nowhere", 3)),
    ]


@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        "emissions/e1/",
        "emissions/e2/",
        f"emissions/b1/?trace={TRACE}",
        "emissions/lost/",
        "?layout=flat&q=e",
    ],
)
def test_a_hostile_session_breaks_no_page_and_no_attribute(staff: Client, path: str) -> None:
    imported(hostile(), "bad", host=HOSTILE, filter=HOSTILE, django=HOSTILE)
    assert pipeline.sessions().held()[0].refused == 0
    for page in (text_of(staff, f"{SESSIONS}bad/{path}"), text_of(staff, SESSIONS)):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert " style=" not in page


@pytest.mark.parametrize("format", ["json", "chrome", "otlp"])
def test_a_hostile_session_s_traces_export(staff: Client, format: str) -> None:
    imported(hostile(), "bad")
    response = staff.get(f"{SESSIONS}bad/traces/{TRACE}/export/{format}/")
    assert response.status_code == 200
    assert json.loads(response.content)


def test_two_hostile_sessions_are_compared(staff: Client) -> None:
    imported(hostile(), "bad")
    imported(admin_add(), "good")
    page = text_of(staff, "/signals/compare/?a_session=good&b_session=bad&all=1")
    assert "<script>alert" not in page


def test_the_answer_to_a_refused_upload_keeps_the_policy(staff: Client) -> None:
    response: HttpResponse = upload(staff, gzip.compress(b"{}"))
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_time_is_looked_for_in_the_session_and_its_age_counts_from_the_sessions_end(staff: Client) -> None:
    imported([emission("first", 0), emission("last", 60_000)])
    response = staff.get("/signals/sessions/web/", {"at": "-30s"})
    assert response.status_code == 302
    assert response["Location"].startswith("/signals/sessions/web/?upto=2&here=")
    assert "Around" in text_of(staff, response["Location"])


def test_a_rows_menu_stays_in_the_session(staff: Client) -> None:
    imported(admin_add())
    page = text_of(staff, "/signals/sessions/web/?layout=flat")
    row = re.search(r'data-href="([^"]+)"', page)
    assert row is not None
    menu = text_of(staff, f"{html.unescape(row[1]).partition('?')[0]}menu/", **{"HX-Request": "true"})
    assert "Open trace" in menu
    assert all(link.startswith("/signals/sessions/web/") for link in links(menu))
