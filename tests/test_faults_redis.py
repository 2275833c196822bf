"""Redis and the network at their worst, from the app's end to the page.

Each fault is made for real, on a server of this test's own behind a network of this test's own. In each
the app goes on without waiting, nothing that was acknowledged is lost, what was dropped is counted and
shown as a gap, and nobody has to do anything for it to go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

import dashboard
from dashboard import pipeline
from dashboard.encoder import Encoder
from dashboard.events import Emission, Unknown, decode
from dashboard.journal import open_journal, pack
from dashboard.payloads import Summaries
from dashboard.recorder import Recorder
from dashboard.redaction import Redactor
from dashboard.writer import Writer

from .faults import app_works, emitted, gaps, journalled, page_says, told, until
from .redis_server import RedisServer
from .samples import emission
from .tcp_proxy import Proxy, State

pytestmark = pytest.mark.django_db

TIMEOUT_S = 0.3


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server with the options that the test gives as its parameter."""
    own = RedisServer(tmp_path, **getattr(request, "param", {}))
    yield own
    own.stop()


@pytest.fixture
def network(server: RedisServer) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def journal_url(network: Proxy, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where this test's journal is: ``recording`` writes there, the pages read there."""
    url = f"redis://127.0.0.1:{network.port}/0?timeout={TIMEOUT_S}"
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", url)
    return url


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("editor", is_staff=True))
    return client


def payloads(name: str) -> list[int]:
    """Return the numbers that this sender's emissions carried, in the journal's order."""
    return [each.payload["number"] for each in emitted(name)]


def healthy() -> bool:
    """Return whether all that was recorded is stored, and nothing is wrong."""
    return pipeline.flush(0.5) and pipeline.health().error is None


def tell(name: str, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        assert told.send(name, number=number) == []


DURABLE = {"appendonly": "yes", "appendfsync": "always"}


@pytest.mark.parametrize("server", [DURABLE], indirect=True)
def test_a_redis_killed_in_full_flow_loses_nothing_and_gets_nothing_twice(
    recording: None, server: RedisServer, staff: Client
) -> None:
    ending = threading.Event()
    sent = [0, 0, 0]

    def emit(place: int) -> None:
        while not ending.is_set():
            told.send(f"flow{place}", number=sent[place])
            sent[place] += 1
            time.sleep(0.0005)

    threads = [threading.Thread(target=emit, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        reached = sent[0]
        until(lambda: pipeline.health().recorded and emitted("flow0") and sent[0] > reached + 50)  # noqa: B023
        server.kill()
        until(lambda: pipeline.health().error)
        app_works()
        page_says(staff, "nothing has to be restarted")
        server.start()
        until(lambda: pipeline.health().error is None)
    ending.set()
    for thread in threads:
        thread.join()
    until(healthy)
    for place in range(3):
        assert payloads(f"flow{place}") == list(range(sent[place]))
    assert pipeline.health().dropped == 0
    assert gaps() == []


def test_a_slow_redis_is_not_waited_for(recording: None, network: Proxy, server: RedisServer) -> None:
    tell("before", 1)
    until(healthy)
    network.state, network.delay_s = "slow", 0.1
    stored = open_journal(server.url)
    before = stored.head().seq
    tell("meanwhile", 3_000)
    assert stored.head().seq - before < 3_000, "the sends were over before Redis had them"
    app_works()
    until(healthy)
    network.state = "open"
    assert payloads("meanwhile") == list(range(3_000))
    assert pipeline.health().dropped == 0
    stored.close()


@pytest.mark.parametrize("state", ["hole", "refusing", "deaf"])
def test_a_cut_network_costs_what_the_buffer_cannot_hold_and_that_is_counted(
    recording: None, network: Proxy, staff: Client, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = pipeline._recording
    assert recorded is not None
    monkeypatch.setattr(recorded.writer, "_capacity", 500)
    tell("before", 10)
    until(healthy)
    network.state = state
    tell("waits", 100)
    until(lambda: pipeline.health().error)
    tell("meanwhile", 2_000)
    app_works()
    assert pipeline.health().dropped > 0
    page_says(staff, "The journal cannot be", "nothing has to be restarted")
    network.state = "open"
    until(healthy)
    tell("after", 10)
    until(healthy)
    assert payloads("before") == payloads("after") == list(range(10))
    assert payloads("waits") == list(range(100))
    kept = payloads("meanwhile")
    assert kept == sorted(set(kept)), "none comes twice, and their order is kept"
    dropped = pipeline.health().dropped
    assert sum(gap.dropped for gap in gaps()) == dropped
    assert all("was full while the journal failed" in gap.reason for gap in gaps())
    # What the app did beside may be among what was dropped: a dozen events.
    assert 0 <= dropped - (2_000 - len(kept)) <= 20


def test_a_full_redis_is_told_and_takes_up_again_when_there_is_room(
    recording: None, server: RedisServer, staff: Client
) -> None:
    tell("before", 50)
    until(healthy)
    server.set("maxmemory", 1)
    tell("meanwhile", 200)
    app_works()
    until(lambda: pipeline.health().error)
    page_says(staff, "maxmemory", "KEEP_ENTRIES")
    assert payloads("before") == list(range(50)), "a full journal can be read"
    server.set("maxmemory", 0)
    until(healthy)
    assert payloads("meanwhile") == list(range(200))
    assert gaps() == []


def test_a_full_redis_gets_room_by_retention_alone(server: RedisServer, tmp_path: Path) -> None:
    filled = open_journal(server.url)
    for _ in range(20):
        filled.append([emission(payload={"value": str(n) * 20}) for n in range(500)])
    server.set("maxmemory", server.client.info("memory")["used_memory"] - 100_000)
    writer = Writer(lambda: open_journal(server.url), pack, 1_000, keep_entries=100)
    writer.push(emission("last"))
    until(lambda: writer.flush(0.2))
    until(lambda: filled.extent().count <= 100)
    assert filled.find_emission("last") is not None
    assert writer.error is None
    writer.stop()
    filled.close()


def test_a_redis_that_comes_back_empty_begins_a_new_epoch_that_followers_notice(
    recording: None, server: RedisServer, staff: Client
) -> None:
    tail = pipeline.tail()
    tail.acquire()
    try:
        tell("before", 60)
        until(healthy)
        until(lambda: tail.head.seq >= 60)
        epoch = tail.head.epoch
        server.kill()
        until(lambda: tail.error)
        server.start()
        tell("after", 5)
        until(healthy)
        assert payloads("after") == list(range(5))
        assert emitted("before") == []
        (gap,) = gaps()
        assert gap.dropped >= 60, "what was stored and is gone is counted"
        assert "came back empty" in gap.reason
        until(lambda: tail.head.epoch != epoch and tail.error is None)
        until(lambda: tail.since(0, 1_000).entries == journalled())
        assert "came back empty" in staff.get("/signals/").content.decode()
    finally:
        tail.release()


def test_followers_are_told_of_a_cut_network_and_go_on_by_themselves(recording: None, network: Proxy) -> None:
    tail = pipeline.tail()
    tail.acquire()
    try:
        tell("before", 20)
        until(lambda: tail.head.seq >= 20)
        network.state = "hole"
        until(lambda: tail.error)
        tell("meanwhile", 20)
        network.state = "open"
        until(lambda: tail.error is None)
        until(healthy)
        until(lambda: tail.since(0, 1_000).entries == journalled())
        assert payloads("meanwhile") == list(range(20))
    finally:
        tail.release()


def test_a_clock_that_jumps_back_changes_no_order(server: RedisServer) -> None:
    clock = [1_900_000_000_000_000_000]
    redactor = Redactor()
    encoder = Encoder(redactor, wall=lambda: clock[0])
    writer = Writer(lambda: open_journal(server.url), encoder.encode, 1_000)
    recorder = Recorder(writer.push, Summaries(redactor), ())
    dashboard.dispatcher.install(recorder, ())
    try:
        tell("before", 20)
        assert writer.flush()
        clock[0] -= 3_600_000_000_000
        encoder.forget()
        tell("after", 20)
        assert writer.flush()
    finally:
        dashboard.dispatcher.uninstall()
        writer.stop()
    journal = open_journal(server.url)
    entries = [entry for entry in journal.read(0, 1_000) if isinstance(entry, Emission)]
    assert [entry.sender for entry in entries] == ["before"] * 20 + ["after"] * 20
    assert entries[-1].at < entries[0].at
    assert [entry.seq for entry in journal.read_kind("emission", None, 50)] == [
        entry.seq for entry in reversed(entries)
    ]
    journal.close()


def test_what_a_newer_version_wrote_is_shown_as_what_it_is(
    recording: None, journal_url: str, staff: Client
) -> None:
    newer = open_journal(journal_url)
    newer.append([decode(b'{"kind": "hologram", "at": "2026-01-01T12:00:00Z", "trace": "t7", "depth": 3}')])
    newer.close()
    tell("ours", 3)
    until(healthy)
    (unknown,) = [entry for entry in journalled() if isinstance(entry, Unknown)]
    assert (unknown.kind, unknown.body["depth"]) == ("hologram", 3)
    assert staff.get("/signals/traces/t7/").status_code == 200
    assert staff.get("/signals/").status_code == 200
