"""What is Redis' alone: addresses, keys, index, versions, and a server that is not what it was.

Comes in: a real server. Goes out: what the contract does not ask of every journal.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dashboard.events import Emission, Entry, Gap, Instance, Unknown
from dashboard.journal import Extent, Journal, JournalError, Narrow, Trait, open_journal, pack
from dashboard.journal.chunks import ENTRIES
from dashboard.journal.redis import RedisJournal

from .redis_server import RedisServer, free_port
from .samples import TRACE, emission, origin
from .tcp_proxy import Proxy, State

ROOT = Path(__file__).resolve().parent.parent
Open = Callable[..., RedisJournal]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Return what opens a Redis journal, and closes it after the test."""
    journals: list[Journal] = []

    def one(url: str) -> RedisJournal:
        journal = open_journal(url)
        assert isinstance(journal, RedisJournal)
        journals.append(journal)
        return journal

    yield one
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(opened: Open, redis_url: str) -> RedisJournal:
    return opened(redis_url)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server that this test may ruin."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    network = Proxy(redis_server.port)
    yield network
    network.stop()


def many(count: int, start: int = 1, **fields: Any) -> list[Entry]:
    return [emission(f"e{number}", number, **fields) for number in range(start, start + count)]


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries if isinstance(entry, Emission)]


def keys(server: RedisServer, url: str) -> list[str]:
    """Return the names of this journal's keys, without the prefix."""
    tag = "{" + url.partition("prefix=")[2] + "}:"
    return sorted(key.decode().removeprefix(tag) for key in server.client.scan_iter(f"{tag}*", count=10_000))


# --- where it is kept --------------------------------------------------------------------------


def test_databases_and_prefixes_are_journals_of_their_own(
    redis_server: RedisServer, redis_url: str, opened: Open
) -> None:
    prefix = redis_url.partition("prefix=")[2]
    one = opened(redis_url)
    urls = [f"{redis_url}-b", f"redis://127.0.0.1:{redis_server.port}/2?prefix={prefix}"]
    others = [opened(url) for url in urls]
    one.append(many(3))
    assert [other.head().seq for other in others] == [0, 0]
    assert len({journal.head().epoch for journal in (one, *others)}) == 3


def test_every_key_is_in_one_slot_of_a_cluster(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    journal.append([origin(), *many(300, trace="t")])
    names = keys(redis_server, redis_url)
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    # The slot is made of what stands in braces alone, wherever the key has one such pair.
    assert len(names) > 300
    assert all("{" not in name for name in names)
    assert redis_server.client.exists(f"{tag}entries", f"{tag}meta") == 2


def test_a_unix_socket_is_as_good_as_a_port(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "redis.sock"
    server = RedisServer(tmp_path, unixsocket=str(path))
    try:
        journal = opened(f"unix://{path}?db=3&prefix=p")
        journal.append(many(2))
        assert ids(journal.read(0, 9)) == ["e1", "e2"]
        assert redis.Redis(port=server.port, db=3).exists("{p}:entries")
    finally:
        server.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


def test_tls_is_spoken_and_a_strange_certificate_refused(tmp_path: Path, opened: Open) -> None:
    key_file, certificate_file = certificate(tmp_path)
    port = free_port()
    server = RedisServer(
        tmp_path,
        tls_port=str(port),
        tls_cert_file=str(certificate_file),
        tls_key_file=str(key_file),
        tls_ca_cert_file=str(certificate_file),
        tls_auth_clients="no",
    )
    try:
        journal = opened(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate_file}")
        journal.append(many(2))
        assert ids(journal.read(0, 9)) == ["e1", "e2"]
        with pytest.raises(JournalError, match=r"(?i)certificate"):
            opened(f"rediss://127.0.0.1:{port}/0").head()
    finally:
        server.stop()


def test_a_password_lets_in_and_is_never_shown(tmp_path: Path, opened: Open) -> None:
    server = RedisServer(tmp_path)
    server.client.acl_setuser("scope", enabled=True, passwords=["+s3cret@/#x"], keys="*", commands=["+@all"])
    server.client.acl_setuser("default", enabled=False)
    try:
        place = f"127.0.0.1:{server.port}/0"
        right = opened(f"redis://scope:s3cret%40%2F%23x@{place}")
        right.append(many(1))
        assert right.head().seq == 1
        errors = []
        for user in ("scope:s3cretwrong@", "nobody:s3cret@", ":s3cret@", ""):
            wrong = opened(f"redis://{user}{place}")
            with pytest.raises(JournalError) as caught:
                wrong.append(many(1))
            errors.append(str(caught.value))
            assert "s3cret" not in f"{caught.value} {wrong.url} {caught.value!r}"
        assert all("in SIGNALSCOPE['JOURNAL']" in error for error in errors), errors
    finally:
        server.stop()


def test_a_file_s_journal_loads_no_client_library(tmp_path: Path) -> None:
    program = (
        "import sys; from dashboard.journal import open_journal; "
        f"open_journal('sqlite:///{tmp_path}/j.sqlite3').head(); print('redis' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout == "False\n", ran.stderr


def test_without_the_client_library_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "redis.py").write_text("raise ImportError('No module named redis')")
    program = "from dashboard.journal import open_journal; open_journal('redis://:s3cret@localhost')"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    last = ran.stderr.strip().splitlines()[-1]
    assert "JournalError" in last
    assert 'pip install "redis' in last
    assert "s3cret" not in last


# --- the index ---------------------------------------------------------------------------------


def test_what_is_pruned_leaves_nothing_behind(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    journal.append(
        [origin(), *many(1_000), origin("closed"), Gap(at=datetime.now(UTC), dropped=1, reason="r")]
    )
    journal.append(many(5, 2_000, trace="another", instance=Instance(pk="7")))
    assert len(keys(redis_server, redis_url)) > 1_000
    while journal.prune(0, chunk=300):
        pass
    left = keys(redis_server, redis_url)
    assert [name.partition(":")[0] for name in left] == ["entries", "meta", "writer"]
    assert redis_server.client.xlen("{" + redis_url.partition("prefix=")[2] + "}:entries") == 0
    assert journal.append(many(1, 9_000)) == 1_009


def test_the_index_holds_what_the_entries_have_and_no_more(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    for start in range(0, 3_000, 100):
        journal.append(many(100, start, trace=f"t{start}"))
        while journal.prune(250, chunk=100):
            pass
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    members = sum(
        redis_server.client.zcard(f"{tag}{name}")
        for name in keys(redis_server, redis_url)
        if name.startswith("index:")
    )
    # 300 are in chunks that hold an entry still kept: a term each, and one a chunk for trace, kind, object.
    assert members == 300 + 3 * 3
    assert journal.extent() == Extent(2_751, 3_000, 250)


def test_a_look_up_reads_only_the_chunks_that_hold_it(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    rare: dict[str, Any] = {"trace": "rare", "instance": Instance(pk="rare")}
    batches = [many(ENTRIES, start) for start in range(0, 100 * ENTRIES, ENTRIES)]
    batches[10][5] = emission("rare1", **rare)
    batches[90][7] = emission("rare2", **rare)
    for batch in batches:
        journal.append(batch)
    redis_server.client.config_resetstat()
    assert ids(journal.read_trace("rare", 100)) == ["rare1", "rare2"]
    assert ids(journal.read_object("demo_app.Post", "rare", None, 100)) == ["rare2", "rare1"]
    found = journal.find_emission("rare1")
    assert found is not None
    assert found.seq == 10 * ENTRIES + 6
    asked = redis_server.client.info("commandstats")
    assert asked["cmdstat_xrange"]["calls"] == 2 + 2 + 1
    assert "cmdstat_xrevrange" not in asked


def test_a_search_for_traces_or_rare_kinds_reads_only_the_chunks_that_hold_them(
    redis_server: RedisServer, journal: RedisJournal
) -> None:
    batches = [many(ENTRIES, start) for start in range(0, 100 * ENTRIES, ENTRIES)]
    batches[10][5] = emission("rare1", trace="rare")
    batches[90][7] = origin(trace="rare", user="eve")
    for batch in batches:
        journal.append(batch)
    newest = journal.head().seq
    redis_server.client.config_resetstat()
    of_trace = Narrow(((Trait("trace", "among", frozenset(["rare", "nobody"])),),))
    of_kind = Narrow(((Trait("kind", "is", "origin"), Trait("kind", "is", "gap")),))
    numbers = [10 * ENTRIES + 6, 90 * ENTRIES + 8]
    assert [entry.seq for entry in journal.search(of_trace, 9, before=newest + 1).entries] == numbers[::-1]
    assert [entry.seq for entry in journal.search(of_kind, 9, before=newest + 1).entries] == numbers[1:]
    asked = redis_server.client.info("commandstats")
    # Each once for the highest chunk, and once for each chunk that is read.
    assert asked["cmdstat_xrange"]["calls"] == (1 + 2) + (1 + 1)
    assert "cmdstat_xrevrange" not in asked


# --- many at once ------------------------------------------------------------------------------


def write_batches(url: str, name: str, batches: int) -> None:
    journal = open_journal(url)
    for number in range(batches):
        journal.append([emission(f"{name}-{number}-{part}", trace=name) for part in range(number % 7 + 1)])
    journal.close()


def test_many_processes_write_one_order_that_every_reader_sees_whole(redis_url: str, opened: Open) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_batches, args=(redis_url, f"w{n}", 150)) for n in range(4)]
    sizes = sum(number % 7 + 1 for number in range(150))
    seen: list[list[Entry]] = [[] for _ in range(3)]

    def follow(entries: list[Entry]) -> None:
        journal = opened(redis_url)
        while len(entries) < 4 * sizes:
            assert any(writer.is_alive() for writer in writers) or len(entries) < journal.head().seq
            journal.changed(0.1)
            while part := journal.read(entries[-1].seq if entries else 0, 50):
                entries += part

    for writer in writers:
        writer.start()
    readers = [threading.Thread(target=follow, args=(entries,)) for entries in seen]
    for reader in readers:
        reader.start()
    for writer in writers:
        writer.join(60)
    for reader in readers:
        reader.join(60)
    for entries in seen:
        assert [entry.seq for entry in entries] == list(range(1, 4 * sizes + 1))
        assert ids(entries) == ids(seen[0])
    for name in ("w0", "w3"):
        own = [each for each in ids(seen[0]) if each.startswith(name)]
        assert own == [f"{name}-{number}-{part}" for number in range(150) for part in range(number % 7 + 1)]


def test_many_prune_at_once_and_each_entry_goes_once(redis_url: str, opened: Open) -> None:
    opened(redis_url).append(many(5_000))
    journals = [opened(redis_url) for _ in range(4)]
    deleted: list[int] = []

    def prune(journal: RedisJournal) -> None:
        while count := journal.prune(100, chunk=70):
            deleted.append(count)

    threads = [threading.Thread(target=prune, args=(journal,)) for journal in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(deleted) == 4_900
    assert journals[0].extent() == Extent(4_901, 5_000, 100)


def test_waiting_for_a_change_ends_with_the_change(redis_url: str, opened: Open) -> None:
    reader, writer = opened(f"{redis_url}&timeout=60"), opened(redis_url)
    reader.changed()
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(reader.changed(25.0)))
    waiting.start()
    while not reader._link.client.client_list(_type="normal") or not any(
        client["cmd"] == "xread" for client in reader._link.client.client_list()
    ):
        pass
    writer.append(many(1))
    waiting.join(20)
    assert answers == [True], "it waited for the time given, not for the change"


def test_a_forked_child_writes_under_a_number_of_its_own(journal: RedisJournal) -> None:
    journal.append(many(1))
    token = journal._receipts.token
    pid = os.fork()
    if not pid:
        try:
            journal.append(many(1, 100))
            os._exit(0 if journal._receipts.token != token else 3)
        except BaseException:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    journal.append(many(1, 200))
    assert ids(journal.read(0, 9)) == ["e1", "e100", "e200"]


# --- answers that never come -------------------------------------------------------------------


def through(proxy: Proxy, redis_url: str, timeout: float = 0.3) -> str:
    path = redis_url.partition("/0?")[2]
    return f"redis://127.0.0.1:{proxy.port}/0?{path}&timeout={timeout}"


def test_a_batch_whose_answer_was_lost_is_stored_once(redis_url: str, proxy: Proxy, opened: Open) -> None:
    writer, reader = opened(through(proxy, redis_url)), opened(redis_url)
    writer.append(many(3))
    batch = [pack(entry) for entry in many(300, 10)]
    proxy.state = "deaf"
    for _ in range(2):
        with pytest.raises(JournalError, match="Timeout"):
            writer.append_packed(batch)
    assert reader.head().seq == 303, "it was stored, though nobody said so"
    proxy.state = "open"
    assert writer.append_packed(batch) == 303
    assert writer.append(many(2, 500)) == 305
    assert len(set(ids(reader.read(0, 1_000)))) == 305


def test_a_batch_that_was_given_up_may_be_followed_by_another(
    redis_url: str, proxy: Proxy, opened: Open
) -> None:
    writer, reader = opened(through(proxy, redis_url)), opened(redis_url)
    states: tuple[State, ...] = ("hole", "deaf", "refusing")
    for state in states:
        proxy.state = "open"
        writer.head()
        proxy.state = state
        with pytest.raises(JournalError):
            writer.append(many(2, trace=state))
    proxy.state = "open"
    writer.append(many(2, 10))
    assert [entry.trace for entry in reader.read(0, 9)] == ["deaf", "deaf", TRACE, TRACE]


# --- a server that came back otherwise ---------------------------------------------------------


def gaps(journal: Journal) -> list[Gap]:
    return [entry for entry in journal.read(0, 10_000) if isinstance(entry, Gap)]


def test_a_server_that_came_back_empty_is_another_journal_and_the_loss_is_counted(
    own_server: RedisServer, opened: Open
) -> None:
    journal = opened(own_server.url)
    journal.append(many(40))
    while journal.prune(30):
        pass
    journal.append(many(2, 100))
    epoch = journal.head().epoch
    own_server.kill()
    with pytest.raises(JournalError, match="nothing has to be restarted"):
        journal.append(many(1, 200))
    own_server.start()
    journal.append(many(1, 200))
    assert journal.head().epoch != epoch
    (gap,) = gaps(journal)
    assert gap.dropped == 42, "nothing of the first batch is pruned before all of it is"
    assert "came back empty" in gap.reason
    assert ids(journal.read(0, 9)) == ["e200"]
    assert gaps(journal) == [gap]


def test_a_server_that_came_back_older_is_noticed_and_only_the_loss_is_counted(
    own_server: RedisServer, opened: Open
) -> None:
    one, other = opened(own_server.url), opened(own_server.url)
    one.append(many(5))
    other.append(many(1, 50))
    epoch = one.head().epoch
    own_server.client.save()
    one.append(many(7, 100))
    own_server.kill()
    own_server.start()
    # Nothing tells this one that anything is missing, so it goes on where the server is.
    assert other.append(many(1, 60)) == 7
    assert other.head().epoch == epoch
    one.append(many(1, 200))
    assert one.head().epoch != epoch, "numbers were given twice: a reader must not go on with them"
    (gap,) = gaps(one)
    assert gap.dropped == 7
    assert "as it was earlier" in gap.reason
    other.append(many(1, 70))
    assert len(gaps(other)) == 1, "the other one lost nothing"
    assert ids(other.read(0, 99)) == ["e1", "e2", "e3", "e4", "e5", "e50", "e60", "e200", "e70"]


def test_keys_that_were_evicted_or_deleted_do_not_stop_the_rest(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal, opened: Open
) -> None:
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    journal.append(many(300))
    redis_server.client.delete(f"{tag}meta")
    assert opened(redis_url).extent() == Extent(1, 300, 300)
    assert journal.append(many(1, 500)) == 301
    redis_server.client.delete(f"{tag}entries")
    assert journal.read(0, 9) == []
    assert journal.append(many(1, 501)) == 302
    assert ids(journal.read(0, 9)) == ["e501"]
    assert ids(journal.read_back(None, 9)) == ["e501"]
    assert ids(journal.read_kind("emission", None, 9)) == ["e501"]


# --- two versions on one journal ---------------------------------------------------------------


def test_a_newer_version_s_fields_and_columns_do_not_disturb(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    journal.append(many(2))
    body = pack(emission("e3")).body[:-1] + b',"colour":"blue"}'
    strange = b'{"kind":"hologram","at":"2026-01-01T12:00:00Z","trace":"t","depth":[1]}'
    columns = [
        [*pack(emission("e3"))[:-1], "a column more"],
        ["hologram", "t", 0, None, None, None, None, None, 0, 0, "a column more"],
    ]
    text = b"\x1e".join([msgspec.json.encode(columns), body, strange])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    fields = {
        "n": 2,
        "b": packer.compress(text) + packer.flush(),
        "t": b"",
        "a": b"\0" * 16,
        "s": b"\0" * 8,
        "future": "x",
    }
    redis_server.client.xadd(f"{tag}entries", fields, id="4-0")  # type: ignore[arg-type]
    redis_server.client.hset(f"{tag}meta", mapping={"seq": 4, "future": "x"})
    *_, third, fourth = journal.read(0, 9)
    assert isinstance(third, Emission)
    assert third.id == "e3"
    assert isinstance(fourth, Unknown)
    assert (fourth.kind, fourth.trace, fourth.body["depth"]) == ("hologram", "t", [1])
    assert journal.append(many(1, 5)) == 5
    assert redis_server.client.hget(f"{tag}meta", "future") == b"x"
    stored: Any = redis_server.client.xrange(f"{tag}entries", 4, 4)
    assert b"colour" in zlib.decompress(stored[0][1][b"b"], -15)
    assert journal.prune(1) == 4


def test_another_layout_is_neither_read_nor_written(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    journal.append(many(2))
    redis_server.client.hset(f"{tag}meta", "layout", "99")
    for use in (journal.head, lambda: journal.append(many(1)), lambda: journal.prune(0)):
        with pytest.raises(JournalError, match="layout is 99.*Upgrade"):
            use()
    redis_server.client.hset(f"{tag}meta", "layout", "1")
    assert journal.extent() == Extent(1, 2, 2)


def test_a_damaged_chunk_shows_as_unreadable_entries_and_the_rest_is_read(
    redis_server: RedisServer, redis_url: str, journal: RedisJournal
) -> None:
    tag = "{" + redis_url.partition("prefix=")[2] + "}:"
    journal.append(many(2))
    fields = {"n": 3, "b": b"rubbish", "t": b"", "a": b"\0" * 24, "s": b"\0" * 8}
    redis_server.client.xadd(f"{tag}entries", fields, id="5-0")  # type: ignore[arg-type]
    redis_server.client.hset(f"{tag}meta", "seq", 5)
    journal.append(many(1, 6))
    entries = journal.read(0, 9)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.kind for entry in entries if isinstance(entry, Unknown)] == ["unreadable"] * 3
    assert ids(entries) == ["e1", "e2", "e6"]


# --- clocks ------------------------------------------------------------------------------------


def test_a_host_whose_clock_is_ahead_does_not_keep_old_entries_alive(journal: RedisJournal) -> None:
    now = datetime.now(UTC)
    journal.append(
        [emission("ahead", at=now + timedelta(days=3)), emission("old", at=now - timedelta(hours=2))]
    )
    assert journal.prune(100, older_than_s=3_600) == 0
    journal.append([emission("older", at=now - timedelta(hours=9))])
    # By its own clock it would stay three days; it was stored just now, and is as old as that.
    assert journal.prune(100, older_than_s=1e-6) == 3
