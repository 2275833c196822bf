"""Sampling: a share of the traces is kept, the same everywhere; those with failures whole; the rest counted.

Comes in: events as the recorder leaves them, and whole requests through a real writer. Goes out: what is
stored, what is told of the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

import dashboard
from dashboard import conf, pipeline, sampling, wording
from dashboard.causality import Running, Trace, current
from dashboard.events import Emission, Gap, Origin, Process, Sampled
from dashboard.journal.sqlite import SqliteJournal
from dashboard.recorded import Event, OriginRecorded
from dashboard.sampling import Left, Sampler, in_sample

from .hearing import Heard, hearing

OUT = "0" * 32
"""An id that no share but the whole holds."""

IN = "f" * 32
PROCESS = Process(host="web-1", pid=1)

went = Signal()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sampler(clock: Clock) -> Sampler:
    return Sampler(0.1, of_trace=6, held=10, clock=clock)


def opened(trace: str = OUT, type: str = "request") -> OriginRecorded:
    return OriginRecorded(Trace(trace), 1, "MainThread", {"state": "opened", "type": type})


def closed(trace: str = OUT, type: str = "request", **fields: Any) -> OriginRecorded:
    return OriginRecorded(Trace(trace), 2, "MainThread", {"state": "closed", "type": type, **fields})


def sent(trace: str = OUT, failing: bool = False) -> Event:
    """Return an emission of this trace as the recorder leaves it."""

    def receiver(**named: Any) -> None:
        if failing:
            raise ValueError("no")

    with hearing() as heard:
        token = current.set(Running(Trace(trace)))
        went.connect(receiver)
        try:
            went.send_robust(None)
        finally:
            went.disconnect(receiver)
            current.reset(token)
    event: Event = heard.events[-1]
    return event


def left(sampler: Sampler, **how: Any) -> Sampled:
    told = sampler.counted(lambda: PROCESS, **how)
    assert told is not None
    return told


def sift(sampler: Sampler, *events: Event) -> list[Event]:
    return [kept for event in events for kept in sampler.sift(event)]


def test_a_trace_is_in_the_sample_by_its_id_alone_and_in_every_larger_one() -> None:
    traces = [os.urandom(16).hex() for _ in range(4_000)]
    tenth = {trace for trace in traces if in_sample(trace, 0.1)}
    half = {trace for trace in traces if in_sample(trace, 0.5)}
    assert tenth < half
    # Six standard deviations around the mean: 19 and 32 traces.
    assert 286 < len(tenth) < 514
    assert 1_808 < len(half) < 2_192
    assert all(in_sample(trace, 1.0) for trace in [*traces, OUT])
    assert in_sample(IN, 0.000001)


def test_the_sample_is_that_of_opentelemetry() -> None:
    # https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/: R >= T, of 56 bits.
    at_half = "abcdef0123456789ab" + "80000000000000"
    below = "abcdef0123456789ab" + "7fffffffffffff"
    assert in_sample(at_half, 0.5)
    assert not in_sample(below, 0.5)


def test_a_trace_of_the_sample_passes_at_once(sampler: Sampler) -> None:
    events = [opened(IN), sent(IN), closed(IN)]
    assert [sampler.sift(event) for event in events] == [(event,) for event in events]
    assert sampler.counted(lambda: PROCESS, last=True) is None


def test_any_other_is_held_until_its_origin_ends_and_left_out(sampler: Sampler) -> None:
    assert sift(sampler, opened(), sent()) == []
    assert (sampler.waiting, sampler.left_out) == (2, 0)
    assert sift(sampler, closed(status="200")) == []
    assert (sampler.waiting, sampler.left_out) == (0, 1)
    told = left(sampler)
    assert (told.share, told.traces, told.entries, told.early) == (0.1, 1, 3, 0)
    assert told.process == PROCESS


@pytest.mark.parametrize(
    "end",
    [
        {"status": "500"},
        {"status": "503"},
        {"status": "200", "error": "ValueError"},
        {"status": "failed", "type": "command"},
        {"status": "failure", "type": "task"},
    ],
)
def test_a_trace_whose_origin_failed_is_kept_whole_and_in_order(
    sampler: Sampler, end: dict[str, str]
) -> None:
    events = [opened(type=end.get("type", "request")), sent(), sent(), closed(**end)]
    assert sift(sampler, *events) == events
    assert sampler.counted(lambda: PROCESS, last=True) is None


def test_a_trace_with_a_raised_receiver_is_kept_from_then_on_as_it_comes(sampler: Sampler) -> None:
    before, raised, after, end = [opened(), sent()], sent(failing=True), sent(), closed(status="200")
    assert sift(sampler, *before) == []
    assert sift(sampler, raised) == [*before, raised]
    assert sift(sampler, after) == [after]
    assert sift(sampler, end) == [end]
    assert sampler.waiting == 0


@pytest.mark.django_db(transaction=True)
def test_a_trace_whose_work_was_rolled_back_is_kept() -> None:
    with hearing() as heard:
        token = current.set(Running(Trace(OUT)))
        try:
            with transaction.atomic():
                User.objects.create(username="ada")
                transaction.set_rollback(True)
        finally:
            current.reset(token)
    events = list(heard.events)
    assert type(events[-1]).__name__ == "OutcomeRecorded"
    sampler = Sampler(0.1)
    assert sift(sampler, *events[:-1]) == []
    assert sift(sampler, events[-1]) == events


def test_what_comes_after_a_decision_follows_it(sampler: Sampler) -> None:
    sift(sampler, opened(), closed())
    assert sift(sampler, sent()) == []
    assert (left(sampler).traces, sampler.waiting) == (1, 0)
    late = sent(failing=True)
    assert sift(sampler, late) == [late]


def test_a_trace_that_goes_on_in_another_origin_is_held_again_and_counted_once(sampler: Sampler) -> None:
    sift(sampler, opened(), closed())
    task = [opened(type="task"), sent(), closed(type="task", status="failure")]
    assert sift(sampler, *task) == task
    sift(sampler, opened("1" * 32), closed("1" * 32), opened("1" * 32, "task"), closed("1" * 32, "task"))
    assert sampler.left_out == 2


def test_an_origin_inside_another_does_not_end_the_trace(sampler: Sampler) -> None:
    sift(sampler, opened(), opened(type="task"), closed(type="task", status="success"))
    assert sampler.waiting == 3
    sift(sampler, closed())
    assert sampler.waiting == 0


def test_a_trace_larger_than_the_bound_is_decided_there_and_counted_as_such(sampler: Sampler) -> None:
    events = [opened(), *(sent() for _ in range(5))]
    assert sift(sampler, *events) == []
    told = left(sampler)
    assert (told.traces, told.entries, told.early, sampler.waiting) == (1, 6, 1, 0)


def test_where_too_much_is_held_the_oldest_trace_is_decided(sampler: Sampler) -> None:
    for number in range(6):
        sift(sampler, opened(f"{number:032d}"), sent(f"{number:032d}"))
    assert sampler.waiting <= 10
    told = left(sampler)
    assert (told.traces, told.early) == (1, 1)
    failing = sent(f"{1:032d}", failing=True)
    assert len(sift(sampler, failing)) == 3
    assert sift(sampler, sent(f"{0:032d}")) == []


@pytest.mark.parametrize("type", ["thread", "shell"])
def test_a_trace_without_an_end_is_decided_when_it_has_been_silent(
    sampler: Sampler, clock: Clock, type: str
) -> None:
    sift(sampler, opened(type=type), sent())
    clock.now += sampling.SILENCE_S / 2
    sift(sampler, sent())
    clock.now += sampling.SILENCE_S / 2
    sampler.settle()
    assert sampler.waiting == 3
    clock.now += sampling.SILENCE_S
    sampler.settle()
    assert (sampler.waiting, left(sampler).early) == (0, 0)


def test_one_that_another_process_began_is_decided_so_too(sampler: Sampler, clock: Clock) -> None:
    sift(sampler, sent())
    clock.now += sampling.SILENCE_S
    sampler.settle()
    assert (sampler.waiting, sampler.left_out) == (0, 1)


def test_a_long_request_waits_for_its_end_however_silent(sampler: Sampler, clock: Clock) -> None:
    events = [opened(), sent()]
    sift(sampler, *events)
    clock.now += 3_600
    sampler.settle()
    failed = closed(status="500")
    assert sift(sampler, failed) == [*events, failed]


def test_at_the_end_of_the_process_what_is_undecided_is_left_out(sampler: Sampler) -> None:
    sift(sampler, opened(), sent(), sent("1" * 32))
    told = left(sampler, last=True)
    assert (told.traces, told.entries, told.early) == (2, 3, 1)
    assert sampler.waiting == 0


def test_the_journal_is_told_now_and_then_and_not_of_each_trace(sampler: Sampler, clock: Clock) -> None:
    sift(sampler, opened(), closed())
    assert left(sampler).traces == 1
    for number in range(1, 4):
        sift(sampler, opened(f"{number:032d}"), closed(f"{number:032d}"))
        assert sampler.counted(lambda: PROCESS) is None
    clock.now += sampling.COUNT_EVERY_S
    assert left(sampler).traces == 3
    assert sampler.counted(lambda: PROCESS) is None


def test_a_forked_child_begins_anew(sampler: Sampler) -> None:
    sift(sampler, opened(), sent())
    sampler.forget()
    assert (sampler.waiting, sampler.counted(lambda: PROCESS, last=True)) == (0, None)


# --- through the writer, the journal and the page ------------------------------------------------


@pytest.fixture
def only_failures(settings: LazySettings, tmp_path: Path) -> Iterator[SqliteJournal]:
    """Record with a share that next to no trace is of; return the journal."""
    settings.SIGNALSCOPE = {
        "JOURNAL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "SAMPLE": 1e-12,
        # The test client sends these outside of the request: in a trace of the thread's own.
        "IGNORE_SIGNALS": [f"django.core.signals.request_{when}" for when in ("started", "finished")],
    }
    settings.ROOT_URLCONF = __name__
    dashboard.uninstall()
    dashboard.install()
    reader = SqliteJournal(tmp_path / "journal.sqlite3")
    yield reader
    dashboard.uninstall()
    reader.close()


def fine(request: HttpRequest) -> HttpResponse:
    went.send(None)
    return HttpResponse("fine")


def broken(request: HttpRequest) -> HttpResponse:
    went.send(None)
    raise LookupError("nothing there")


def handler500(request: HttpRequest) -> HttpResponse:
    return HttpResponse("broken", status=500)


urlpatterns = [
    path("fine/", fine),
    path("broken/", broken),
    path("signals/", include("dashboard.urls")),
    path("", include("config.urls")),
]


@pytest.mark.django_db  # a receiver of the demo's notes the exception
def test_of_many_requests_the_broken_one_is_in_the_journal_and_the_others_are_counted(
    only_failures: SqliteJournal,
) -> None:
    client = Client(raise_request_exception=False)
    for _ in range(5):
        assert client.get("/fine/").status_code == 200
    assert client.get("/broken/").status_code == 500
    dashboard.uninstall()
    entries = only_failures.read(0, 100)
    assert {entry.title for entry in entries if isinstance(entry, Origin)} == {"/broken/"}
    assert any(isinstance(entry, Emission) and entry.name == "went" for entry in entries)
    assert sum(entry.traces for entry in entries if isinstance(entry, Sampled)) == 5
    assert not any(isinstance(entry, Gap) for entry in entries)


def test_a_share_of_one_makes_no_sampler_at_all(settings: LazySettings, tmp_path: Path) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": f"sqlite:///{tmp_path / 'journal.sqlite3'}"}
    assert conf.get().SAMPLE == 1.0
    dashboard.install()
    try:
        recording = pipeline._recording
        assert recording is not None
        assert recording.writer._sampler is None
    finally:
        dashboard.uninstall()


@pytest.mark.parametrize("value", [0, -0.5, 1.5, "half", None])
def test_a_wrong_share_is_an_error_with_a_remedy_and_keeps_everything(
    settings: LazySettings, value: object
) -> None:
    from dashboard.checks import WRONG_VALUE, check_settings

    settings.SIGNALSCOPE = {"SAMPLE": value}
    [found] = check_settings()
    assert found.id == WRONG_VALUE
    assert "SAMPLE" in found.msg
    assert found.hint
    assert conf.get().SAMPLE == 1.0


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["", "graph/", "receivers/", "history/"])
def test_every_page_of_figures_says_that_they_are_of_a_sample(
    only_failures: SqliteJournal, admin_client: Client, page: str
) -> None:
    Client().get("/fine/")
    pipeline._recording.writer.flush()  # type: ignore[union-attr]
    html = admin_client.get(f"/signals/{page}").content.decode()
    notice = html.partition('id="sampled"')[2].partition("</div>")[0]
    assert "1 of 1,000,000,000,000 traces kept, and all with failures" in notice
    assert "Counts and rates are of what was kept." in notice


@pytest.mark.django_db
def test_where_everything_is_kept_no_page_speaks_of_a_sample(admin_client: Client) -> None:
    html = admin_client.get("/signals/").content.decode()
    assert '<div class="notice is-info" id="sampled" hidden></div>' in html


def test_the_commands_say_so_too(only_failures: SqliteJournal) -> None:
    Client().get("/fine/")
    dashboard.uninstall()
    out, err = StringIO(), StringIO()
    call_command("signals", "tail", "--no-follow", stdout=out, stderr=err)
    assert "1 trace left out, 1 of 1,000,000,000,000 traces is kept" in out.getvalue()
    assert "Sample: 1 of 1,000,000,000,000 traces kept" in err.getvalue()
    call_command("signals", "tail", "--no-follow", "--json", stdout=out, stderr=StringIO())
    assert '"kind":"sampled"' in out.getvalue()


@pytest.mark.parametrize(
    ("share", "said"), [(0.1, "1 of 10 traces"), (0.25, "1 of 4 traces"), (0.3, "30% of the traces")]
)
def test_a_share_is_said_in_words(share: float, said: str) -> None:
    assert wording.sampled(Left(share, 4_210)).startswith(
        f"{said} kept, and all with failures; 4,210 traces left out."
    )


def test_a_count_matches_no_filter_and_takes_no_part_in_traces() -> None:
    from dashboard.query import parse
    from dashboard.traces.tree import assemble

    heard = Heard()
    heard.recorder.origin(Trace(OUT), {"state": "opened", "type": "request"})
    [began] = heard.entries()
    count = Sampled(at=began.at, share=0.1, traces=3, entries=9)
    assert parse("").matches(count)
    assert not parse("is:error").matches(count)
    assert assemble([count, began]).summary.trace == OUT
