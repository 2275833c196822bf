"""The demo's scenarios: each shows its lesson, can be repeated, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from dashboard import dispatcher
from dashboard.events import Emission
from demo_app import audit, scenarios, tallies
from demo_app.models import AuditEntry, Post
from demo_app.scenarios import flow, registry, workshop
from tests.hearing import Heard, hearing

pytestmark = pytest.mark.django_db

NAMES = [scenario.name for scenario in scenarios.catalogue()]
# One of them asks from another thread, which sees only what is committed.
COMMITTING = [
    pytest.param(name, marks=pytest.mark.django_db(transaction=True)) if name == "failing-request" else name
    for name in NAMES
]


@pytest.fixture(autouse=True)
def _fresh_cache(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # WhiteNoise warns where static files were never collected.
    settings.STATIC_ROOT = tmp_path
    cache.clear()
    monkeypatch.setattr(flow, "BURST", 250)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("editor", is_staff=True))
    return client


def rows() -> dict[str, int]:
    """Count the rows of every table but the audit log, which is bounded by itself."""
    return {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models(include_auto_created=True)
        if model is not AuditEntry
    }


def registrations() -> set[tuple[int, int]]:
    """Return what the demo has connected, and to which signal."""
    return {
        (id(signal), id(held.receiver))
        for signal in dispatcher.known_signals()
        for held in dispatcher.connected(signal)
        if held.receiver is not None and held.receiver.__module__.startswith("demo_app.")
    }


def played(name: str) -> Heard:
    with hearing() as heard:
        scenarios.find(name).play()
    return heard


def ran(emission: Emission) -> list[str]:
    return [call.receiver.rpartition(".")[2] for call in emission.calls]


# --- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMITTING)
def test_a_scenario_can_be_repeated_and_leaves_rows_files_and_receivers_as_they_were(
    name: str, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    workshop.editor()
    before = rows(), registrations()

    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            scenarios.find(name).play()
        assert (rows(), registrations()) == before

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert AuditEntry.objects.count() < audit.KEPT + audit.TRIM_EVERY


@pytest.mark.parametrize("name", COMMITTING)
def test_a_scenario_works_in_an_empty_database(name: str) -> None:
    scenarios.find(name).play()

    assert User.objects.filter(username=workshop.EDITOR).count() <= 1


@pytest.mark.parametrize("scenario", scenarios.catalogue(), ids=NAMES)
def test_a_scenario_has_a_title_for_a_button_and_one_sentence(scenario: scenarios.Scenario) -> None:
    assert 5 < len(scenario.title) < 50
    assert scenario.look_at.endswith(".")
    assert ". " not in scenario.look_at
    assert scenario.url == f"/scenarios/{scenario.name}/run/"


def test_a_name_can_be_given_to_one_scenario_only() -> None:
    with pytest.raises(ValueError, match="'burst' is defined twice"):
        registry.scenario("burst", "Another burst", look_at="Nothing.")(lambda: None)


def test_a_scenario_is_over_even_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        assert registry.playing("like-unlike")
        raise OSError("disk")

    monkeypatch.setattr(Post, "delete", fail)
    with pytest.raises(OSError, match="disk"):
        scenarios.find("like-unlike").play()
    monkeypatch.undo()

    assert not registry.playing("like-unlike")
    scenarios.find("like-unlike").play()


# --- what each one shows -----------------------------------------------------------------------


def test_register_user_shows_the_receivers_of_a_new_user_in_order() -> None:
    created = next(entry for entry in played("register-user").emissions("post_save")
                   if entry.sender == "auth.User")  # fmt: skip

    assert ran(created) == ["create_profile", "subscribe_reader", "send_welcome_email", "count_save"]


def test_publish_post_shows_the_save_inside_the_save() -> None:
    saves = [entry for entry in played("publish-post").emissions("post_save")
             if entry.sender == "demo_app.Post"]  # fmt: skip
    outer = next(entry for entry in saves if entry.payload["created"])
    inner = next(entry for entry in saves if entry.payload["update_fields"] == ["thumbnail"])

    assert inner.cause is not None
    assert inner.cause.emission == outer.id
    assert ran(outer)[inner.cause.call or 0] == "make_thumbnail"


def test_like_unlike_shows_four_actions() -> None:
    heard = played("like-unlike").emissions("m2m_changed")

    assert [entry.payload["action"] for entry in heard] == [
        "pre_add", "post_add", "pre_remove", "post_remove"
    ]  # fmt: skip


def test_delete_cascade_shows_comments_before_the_post() -> None:
    heard = played("delete-cascade").emissions("post_delete")

    senders = [entry.sender for entry in heard]
    assert senders.count("demo_app.Comment") == 3
    assert senders.index("demo_app.Comment") < senders.index("demo_app.Post")


def test_recursion_shows_one_save_nested_many_times_that_ends_in_an_error() -> None:
    heard = played("recursion").emissions("post_save")

    again = [entry for entry in heard if entry.sender == "demo_app.Profile" and "save_again" in ran(entry)]
    assert len(again) > 20
    errors = [call.error for call in again[-1].calls if call.error]
    assert [error.name for error in errors] == ["RecursionError"]


def test_recursion_leaves_the_connection_usable() -> None:
    scenarios.find("recursion").play()

    assert Post.objects.count() == 0


def test_recursion_cured_nests_two_deep() -> None:
    heard = [entry for entry in played("recursion-cured").emissions("post_save")
             if "save_once_more" in ran(entry)]  # fmt: skip

    assert [entry.payload["update_fields"] for entry in heard] == [["bio"], None]


def published(name: str) -> Emission:
    return played(name).one("post_published")


def test_raise_send_stops_at_the_receiver_that_raises() -> None:
    emission = published("raise-send")

    assert ran(emission)[-1] == "mail_server_is_down"
    assert emission.calls[-1].outcome == "raised"


def test_raise_send_robust_goes_on_after_it() -> None:
    emission = published("raise-send-robust")

    assert ran(emission)[-2:] == ["mail_server_is_down", "tell_the_translators"]
    assert [call.outcome for call in emission.calls[-2:]] == ["raised", "returned"]


def test_slow_receiver_is_slow() -> None:
    emission = next(entry for entry in played("slow-receiver").emissions("post_save")
                    if "check_for_spam" in ran(entry))  # fmt: skip

    assert max(call.duration_us for call in emission.calls) >= 300_000


@pytest.mark.django_db(transaction=True)
def test_failing_request_shows_a_request_of_its_own() -> None:
    heard = played("failing-request")

    started, failed = heard.one("request_started"), heard.one("got_request_exception")
    assert started.trace == failed.trace
    assert "note_exception" in ran(failed)
    assert AuditEntry.objects.get(action="request failed").subject == "/posts/broken/"


def test_async_receivers_run_side_by_side() -> None:
    heard = played("async-receivers").emissions("newsletter_sent")

    assert [entry.method for entry in heard] == ["send", "asend"]
    for entry in heard:
        coroutines = [call for call in entry.calls if call.is_async]
        assert {call.receiver.rpartition(".")[2] for call in coroutines} == {
            "ping_aggregators", "warm_feed", "ping_search_engine"
        }  # fmt: skip
        slowest = max(coroutines, key=lambda call: call.duration_us)
        others = [call for call in coroutines if call is not slowest]
        assert all(call.offset_us < slowest.offset_us + slowest.duration_us for call in others)


def test_nested_signals_reach_five_deep() -> None:
    heard = played("nested-signals").emissions()
    by_id = {entry.id: entry for entry in heard}

    def chain(entry: Emission) -> list[str]:
        above = by_id.get(entry.cause.emission) if entry.cause else None
        return [*(chain(above) if above else []), entry.name]

    saved = next(
        entry for entry in heard if entry.sender == "demo_app.Newsletter" and entry.name == "post_save"
    )
    assert chain(saved) == [
        "page_viewed", "milestone_reached", "post_published", "newsletter_sent", "post_save"
    ]  # fmt: skip


def test_burst_sends_what_its_title_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert f"{flow.BURST:,}" in scenarios.find("burst").title
    monkeypatch.setattr(flow, "BURST", 300)

    assert len(played("burst").emissions("page_viewed")) == 300


def test_n_plus_one_is_flagged_on_the_receiver_that_asks_too_often() -> None:
    calls = [call for one in played("n-plus-one").emissions("post_save") for call in one.calls]
    (flagged,) = [call for call in calls if call.flags]
    assert flagged.receiver.endswith("count_words_of_each_author")
    assert flagged.flags == ["n+1:8"]


@pytest.mark.django_db(transaction=True)
def test_rolled_back_shows_a_letter_that_no_rollback_takes_back(mailoutbox: list[Any]) -> None:
    heard = played("rolled-back")
    (comment,) = [one for one in heard.emissions("post_save") if "thank_by_mail" in ran(one)]
    (effects,) = [call.effects for call in comment.calls if call.receiver.endswith("thank_by_mail")]
    assert [effect.kind for effect in effects] == ["mail", "on_commit"]
    assert comment.transaction is not None
    states = {outcome.block: outcome.state for outcome in heard.outcomes()}
    assert [states[block] for block in comment.transaction.blocks] == ["rolled back"]
    assert "Thank you" in [letter.subject for letter in mailoutbox]


def test_bulk_bypass_shows_three_writes_and_the_receivers_that_they_skipped() -> None:
    heard = played("bulk-bypass")
    told = {one.operation: one for one in heard.bypasses() if one.sender == "demo_app.Comment"}
    assert set(told) >= {"bulk_create()", "update()", "bulk_update()"}
    (saved,) = [one for one in heard.emissions("post_save") if one.sender == "demo_app.Comment"]
    assert set(ran(saved)) <= {name.rpartition(".")[2] for name in told["update()"].skipped}


def test_duplicate_registration_runs_twice_and_then_once() -> None:
    first, second = played("duplicate-registration").emissions("page_viewed")

    assert ran(first).count("count_reader") == 2
    assert ran(second).count("count_reader") == 1


def test_dead_weak_receiver_runs_once_and_then_not() -> None:
    first, second = played("dead-weak-receiver").emissions("page_viewed")

    assert ran(first) == ["count_view", "count"]
    assert ran(second) == ["count_view"]


def test_receivers_of_a_scenario_pass_by_whatever_else_happens_meanwhile() -> None:
    from demo_app.scenarios import failures

    failures.mail_server_is_down()
    failures.check_for_spam()


# --- the button and the command ----------------------------------------------------------------


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    names: list[str] = []
    monkeypatch.setattr(registry.Scenario, "play", lambda self: names.append(self.name))
    return names  # type: ignore[return-value]


def test_the_button_plays_and_leads_to_the_live_page(staff: Client, plays: list[str]) -> None:
    response = staff.post("/scenarios/like-unlike/run/")

    assert plays == ["like-unlike"]
    assert (response.status_code, response.headers["Location"]) == (302, "/signals/")


def test_the_button_leads_back_to_where_it_says_and_never_to_another_site(
    staff: Client, plays: list[str]
) -> None:
    back = staff.post("/scenarios/burst/run/", {"next": "/scenarios/?played=burst#burst"})
    away = staff.post("/scenarios/burst/run/", {"next": "https://evil.example/"})

    assert back.headers["Location"] == "/scenarios/?played=burst#burst"
    assert away.headers["Location"] == "/signals/"


def test_htmx_is_told_to_stay(staff: Client, plays: list[str]) -> None:
    response = staff.post("/scenarios/burst/run/", headers={"HX-Request": "true"})

    assert (response.status_code, response.content, plays) == (204, b"", ["burst"])


def test_a_get_plays_nothing(staff: Client, plays: list[str]) -> None:
    response = staff.get("/scenarios/burst/run/")

    assert (response.headers["Location"], plays) == ("/scenarios/", [])


def test_an_unknown_scenario_is_not_found(staff: Client) -> None:
    assert staff.post("/scenarios/no-such/run/").status_code == 404


def test_only_staff_may_play(client: Client, plays: list[str]) -> None:
    anonymous = client.post("/scenarios/burst/run/")
    client.force_login(User.objects.create_user("reader"))
    reader = client.post("/scenarios/burst/run/")

    assert [anonymous.status_code, reader.status_code, plays] == [302, 302, []]
    assert anonymous.headers["Location"].startswith("/admin/login/")


def test_the_button_needs_a_csrf_token(plays: list[str]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("editor", is_staff=True))

    assert strict.post("/scenarios/burst/run/").status_code == 403
    assert plays == []


def test_the_scenario_page_has_a_button_for_each(staff: Client) -> None:
    page = staff.get("/scenarios/?played=burst").content.decode()

    assert [f'action="{scenario.url}"' in page for scenario in scenarios.catalogue()] == [True] * len(NAMES)
    assert page.count("Played.") == 1


def test_the_command_plays_and_says_what_to_look_at() -> None:
    out = StringIO()

    call_command("scenario", "like-unlike", stdout=out)

    assert scenarios.find("like-unlike").look_at in out.getvalue()


def test_the_command_lists_every_scenario(plays: list[str]) -> None:
    out = StringIO()

    call_command("scenario", list=True, stdout=out)

    assert [line.split()[0] for line in out.getvalue().splitlines()] == NAMES
    assert plays == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "list them with --list"), (["brust"], "There is no scenario 'brust'. Known ones: register-user")],
)
def test_the_command_says_which_scenarios_there_are(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("scenario", *arguments)


def test_views_of_scenario_posts_are_forgotten() -> None:
    before = tallies.views.total()

    scenarios.find("burst").play()

    assert tallies.views.total() == before
