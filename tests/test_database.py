"""Which database the demo runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.database import postgresql
from config.settings import BASE_DIR

from .postgres_server import PostgresServer

# Those about rows; the others are about receivers, and the same on every database.
PLAY = """
from demo_app.scenarios import find
for name in "publish-post like-unlike delete-cascade n-plus-one rolled-back bulk-bypass".split():
    find(name).play()
print("played")
"""


def test_an_address_becomes_what_django_wants_to_hear() -> None:
    assert postgresql("postgres://ann:p%40ss@db.example.com:5433/shop?sslmode=require") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "ann",
        "PASSWORD": "p@ss",
        "HOST": "db.example.com",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


@pytest.mark.parametrize("url", ["mysql://ann:secret@db/shop", "postgres://ann:secret@db", "shop", "://"])
def test_any_other_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="Write postgres://USER") as refused:
        postgresql(url)
    assert "secret" not in str(refused.value)


def test_the_demo_is_seeded_and_plays_its_scenarios_on_postgresql(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    environment = os.environ | {"DATABASE_URL": postgres_server.create("demo"), "DATA_DIR": str(tmp_path)}
    for words in (["migrate", "-v0"], ["seed_demo"], ["shell", "-c", PLAY]):
        ran = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stdout.splitlines()[-1] == "played"
    assert not (tmp_path / "demo.sqlite3").exists()
    assert (tmp_path / "signalscope.sqlite3").exists()
