"""PostgreSQL as the watched database: what is told of SQLite holds there, and what only it does.

The modules in ``EVERYWHERE`` run once more, in a process whose ``default`` database is a real server's.
The tests here have such a database beside the default one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.utils import InternalError, OperationalError
from django.dispatch import Signal

from config.database import postgresql
from config.settings import BASE_DIR

from .hearing import Heard, hearing
from .postgres_server import PostgresServer

ALIAS = "postgres"
EVERYWHERE = ("transactions", "bypasses", "effects", "mutations", "observers")
WAITS_S = 20.0

touched = Signal()


@pytest.fixture(scope="module")
def address(postgres_server: PostgresServer, django_db_blocker: Any) -> str:
    """Return where a database with empty tables for groups is."""
    url = postgres_server.create(f"test-{uuid.uuid4().hex}")
    with django_db_blocker.unblock():
        connections.databases[ALIAS] = connections.databases["default"] | postgresql(url)
        with connections[ALIAS].schema_editor() as editor:
            for model in (ContentType, Permission, Group, User):
                editor.create_model(model)
        connections[ALIAS].close()
    del connections[ALIAS]
    del connections.databases[ALIAS]
    return url


@pytest.fixture
def options() -> dict[str, Any]:
    """Return what the connection is opened with."""
    return {}


@pytest.fixture
def postgres(
    address: str, options: dict[str, Any], django_db_blocker: Any, no_other_receivers: None
) -> Iterator[Any]:
    """Return the connection to PostgreSQL, its tables empty. Its alias is ``ALIAS``."""
    database = postgresql(address)
    connections.databases[ALIAS] = connections.databases["default"] | database
    connections.databases[ALIAS]["OPTIONS"] = database["OPTIONS"] | options
    with django_db_blocker.unblock():
        yield connections[ALIAS]
        connections[ALIAS].close()
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("TRUNCATE auth_group, auth_permission, django_content_type CASCADE")
        connections[ALIAS].close()
        connection: Any = connections[ALIAS]
        connection.close_pool()
    del connections[ALIAS]
    del connections.databases[ALIAS]


@pytest.fixture
def opponent(address: str, postgres: Any) -> Iterator[psycopg.Connection[Any]]:
    """Return a second client, that Django knows nothing of."""
    with closing(psycopg.connect(address, autocommit=True)) as opponent:
        yield opponent


def save(name: str) -> Group:
    return Group.objects.using(ALIAS).create(name=name)


def names(client: psycopg.Connection[Any]) -> set[str]:
    """Return what the other client sees: what is committed."""
    return {row[0] for row in client.execute("SELECT name FROM auth_group").fetchall()}


def ends(heard: Heard) -> list[tuple[str, bool]]:
    """Return each end: how, and whether it was a savepoint's."""
    return [(one.state, one.savepoint) for one in heard.outcomes()]


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + WAITS_S
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.01)


def test_what_is_told_of_sqlite_holds_on_postgresql(postgres_server: PostgresServer) -> None:
    modules = [f"tests/test_{name}.py" for name in EVERYWHERE]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-m", "not sqlite", *modules],
        cwd=BASE_DIR,
        env=os.environ | {"DATABASE_URL": postgres_server.url("everywhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert re.search(r"\b[1-9]\d+ passed", ran.stdout), ran.stdout
    assert "skipped" not in ran.stdout


# --- transactions that fail --------------------------------------------------------------------


def test_a_commit_that_postgresql_answers_with_a_rollback_is_told_as_one(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    with transaction.atomic(using=ALIAS):
        save("lost")
        # Caught without a savepoint around it: to Django all is well.
        with pytest.raises(DatabaseError), postgres.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
    assert names(opponent) == set()
    assert ends(heard) == [("rolled back", False)]


def test_a_commit_by_hand_of_an_aborted_transaction_is_told_as_its_rollback(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    save("lost")
    with pytest.raises(DatabaseError), postgres.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    transaction.commit(using=ALIAS)
    save("kept")
    transaction.commit(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)
    assert names(opponent) == {"kept"}
    assert ends(heard) == [("rolled back", False), ("committed", False)]


def test_autocommit_is_not_turned_on_inside_a_transaction_which_goes_on(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    save("first")
    with pytest.raises(DatabaseError, match="INTRANS"):
        transaction.set_autocommit(True, using=ALIAS)
    save("second")
    transaction.rollback(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)
    assert names(opponent) == set()
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [("rolled back", 4)]


def test_in_an_aborted_transaction_a_signal_is_sent_and_lost_with_it(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    with pytest.raises(InternalError, match="aborted"), transaction.atomic(using=ALIAS):
        save("lost")
        with pytest.raises(DatabaseError), postgres.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        save("refused")
    assert names(opponent) == set()
    assert [one.name for one in heard.emissions() if one.name.endswith("save")] == [
        "pre_save",
        "post_save",
        "pre_save",
    ]
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [("rolled back", 3)]


def test_a_savepoint_saves_the_transaction_from_a_statement_that_fails(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    with transaction.atomic(using=ALIAS):
        save("kept")
        with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
            save("kept")
        save("after")
    assert names(opponent) == {"kept", "after"}
    assert ends(heard) == [("rolled back", True), ("committed", False)]


def test_a_constraint_that_is_checked_at_the_commit_rolls_all_of_it_back(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
        save("lost")
        Permission.objects.using(ALIAS).create(name="p", codename="p", content_type_id=4711)
    assert names(opponent) == set()
    assert ends(heard) == [("rolled back", False)]


def test_a_serialization_failure_is_a_rollback(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    group = save("before")
    with pytest.raises(OperationalError, match="could not serialize"), transaction.atomic(using=ALIAS):
        with postgres.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        group.refresh_from_db()
        opponent.execute("UPDATE auth_group SET name = 'theirs'")
        group.name = "mine"
        group.save()
    assert names(opponent) == {"theirs"}
    assert [(one.state, one.emissions) for one in heard.outcomes()] == [("rolled back", 1)]


def test_the_victim_of_a_deadlock_is_rolled_back(
    address: str, postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    first, second = save("first"), save("second")
    blocked = psycopg.connect(address)
    # It waits first, and must not be the one that looks for a deadlock.
    blocked.execute("SET deadlock_timeout = '1h'")
    blocked.execute("UPDATE auth_group SET name = 'theirs' WHERE name = 'second'")

    def wait() -> None:
        blocked.execute("UPDATE auth_group SET name = 'theirs too' WHERE name = 'first'")
        blocked.commit()

    def is_waiting() -> bool:
        asked = opponent.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
            [blocked.info.backend_pid],
        )
        return asked.fetchone() is not None

    waiting = threading.Thread(target=wait)
    with closing(blocked):
        with pytest.raises(OperationalError, match="deadlock"), transaction.atomic(using=ALIAS):
            first.name = "mine"
            first.save()
            waiting.start()
            until(is_waiting)
            second.name = "mine too"
            second.save()
        waiting.join()
    assert names(opponent) == {"theirs", "theirs too"}
    assert ends(heard) == [("rolled back", False)]


def test_a_connection_that_is_lost_takes_its_transaction_with_it(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        save("lost")
        with transaction.atomic(using=ALIAS):
            save("lost too")
            opponent.execute("SELECT pg_terminate_backend(%s)", [postgres.connection.info.backend_pid])
            save("never")
    save("after")
    assert names(opponent) == {"after"}
    assert ends(heard) == [("rolled back", True), ("rolled back", False)]
    last = heard.emissions("post_save")[-1].transaction
    assert last is not None
    assert (last.state, last.blocks) == ("autocommit", [])


# --- statements --------------------------------------------------------------------------------


def test_a_server_side_cursor_is_one_query_of_its_call(
    postgres: Any, heard: Heard, connect: Callable[..., None]
) -> None:
    found: list[str] = []

    def read(**named: Any) -> None:
        with transaction.atomic(using=ALIAS):
            rows = Group.objects.using(ALIAS).select_for_update().order_by("name")
            found.extend(group.name for group in rows.iterator(chunk_size=2))

    Group.objects.using(ALIAS).bulk_create([Group(name=name) for name in "abcde"])
    connect(touched, read)
    touched.send(None)
    (call,) = heard.one("touched").calls
    assert found == list("abcde")
    assert [(one.sql.partition(" ")[0], one.times, one.alias) for one in call.statements] == [
        ("SELECT", 1, ALIAS)
    ]
    assert call.statements[0].sql.endswith("FOR UPDATE")


def test_a_query_for_each_row_is_flagged(postgres: Any, heard: Heard, connect: Callable[..., None]) -> None:
    groups = Group.objects.using(ALIAS).bulk_create([Group(name=name) for name in "abcd"])

    def read(**named: Any) -> None:
        for group in groups:
            group.refresh_from_db()

    connect(touched, read)
    touched.send(None)
    assert "n+1:4" in heard.one("touched").calls[0].flags


def test_rows_come_back_from_bulk_operations_as_ever(postgres: Any, heard: Heard) -> None:
    groups = Group.objects.using(ALIAS)
    made = groups.bulk_create([Group(name="a"), Group(name="b")])
    assert all(group.pk for group in made)
    again = groups.bulk_create(
        [Group(name="a"), Group(name="c")],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["name"],
    )
    assert (again[0].pk, groups.count()) == (made[0].pk, 3)
    assert groups.filter(name="a").update(name="d") == 1
    assert [(one.operation, one.rows, one.using) for one in heard.bypasses()] == [
        ("bulk_create()", 2, ALIAS),
        ("bulk_create()", 2, ALIAS),
        ("update()", 1, ALIAS),
    ]


def work(postgres: Any) -> None:
    """Do a little of everything."""
    with transaction.atomic(using=ALIAS):
        group = save("a")
        with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
            save("a")
        point = connections[ALIAS].savepoint() or ""
        Group.objects.using(ALIAS).bulk_create([Group(name="b"), Group(name="c")])
        transaction.savepoint_rollback(point, using=ALIAS)
        list(Group.objects.using(ALIAS).select_for_update().iterator())
    group.name = "z"
    group.save()
    touched.send(None)
    Group.objects.using(ALIAS).filter(name="z").update(name="y")
    group.delete()
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=ALIAS):
        save("lost")
        raise ZeroDivisionError
    postgres.close()


def test_the_server_hears_the_same_statements_with_recording_and_without(
    postgres: Any, postgres_server: PostgresServer, connect: Callable[..., None]
) -> None:
    def heard_by_the_server() -> list[str]:
        before = log.stat().st_size
        with postgres.cursor() as cursor:
            cursor.execute("SET log_statement = 'all'")
        work(postgres)
        said = log.read_bytes()[before:].decode()
        # Savepoints, cursors and rows are numbered.
        return [
            re.sub(r"\d+", "?", line.partition("LOG:")[2]) for line in said.splitlines() if "LOG:" in line
        ]

    log = postgres_server.folder / "log"
    connect(touched, lambda **named: Group.objects.using(ALIAS).count())
    heard_by_the_server()  # what Django asks only once, about the server itself
    plain = heard_by_the_server()
    with hearing() as heard:
        assert heard_by_the_server() == plain
    assert len(plain) > 20
    assert len(heard.outcomes()) == 5


# --- a pool ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"pool": {"min_size": 1, "max_size": 1}}])
def test_transactions_of_a_pooled_connection_are_told_apart(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    servers = []
    for name in ("lost", "kept"):
        with transaction.atomic(using=ALIAS):
            save(name)
            servers.append(postgres.connection.info.backend_pid)
            transaction.set_rollback(name == "lost", using=ALIAS)
        postgres.close()
    assert servers[0] == servers[1]
    assert names(opponent) == {"kept"}
    assert ends(heard) == [("rolled back", False), ("committed", False)]


@pytest.mark.parametrize("options", [{"pool": {"min_size": 1, "max_size": 1}}])
def test_a_connection_given_back_in_a_transaction_takes_it_along(
    postgres: Any, opponent: psycopg.Connection[Any], heard: Heard
) -> None:
    transaction.set_autocommit(False, using=ALIAS)
    save("lost")
    postgres.close()
    save("kept")
    assert names(opponent) == {"kept"}
    assert ends(heard) == [("rolled back", False)]
