"""A real PostgreSQL server for a test: its own processes and folder, a socket in it, gone afterwards.

Comes in: nothing. Goes out: databases, by address. No port is opened, so that no other server, such as
the one that Debian starts when it installs PostgreSQL, is met or disturbed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

STARTS_S = 60.0
USER = "signalscope"

# Nothing survives the test, so nothing waits for the disk.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "deadlock_timeout": "100ms",
}


class PostgresServer:
    """One PostgreSQL server, with the superuser ``signalscope`` and without a password."""

    def __init__(self) -> None:
        # Not in pytest's folder: PostgreSQL refuses to run as root, and nobody else may look in there.
        self.folder = Path(tempfile.mkdtemp(prefix="signalscope-postgres-"))
        self._owner = _unprivileged()
        if self._owner:
            shutil.chown(self.folder, self._owner["user"], self._owner["group"])
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def url(self, name: str) -> str:
        """Where the database of this name is."""
        return f"postgres://{USER}@/{name}?host={quote(str(self.folder), safe='')}"

    def create(self, name: str) -> str:
        """Make an empty database and return where it is."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        return self.url(name)

    def stop(self) -> None:
        """End it at once, and remove all that it kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None
        shutil.rmtree(self.folder)

    def _start(self) -> None:
        data, log = self.folder / "data", self.folder / "log"
        made = subprocess.run(
            [
                program("initdb"),
                "-D",
                data,
                "-U",
                USER,
                "--auth=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self._owner,
        )
        assert made.returncode == 0, f"initdb ended: {made.stdout[-2000:]}"
        options = OPTIONS | {"unix_socket_directories": str(self.folder)}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", data, *words],
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self._owner,
            )
        deadline = time.monotonic() + STARTS_S
        while not self._answers():
            assert self._process.poll() is None, f"postgres ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "postgres did not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL's; Debian keeps them off PATH."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, newest_first)])
    found = shutil.which(name, path=path)
    assert found, (
        f"{name} is not installed, and these tests ask a real PostgreSQL. "
        "Install it (Debian, Ubuntu: apt-get install postgresql)."
    )
    return found


def _version(folder: Path) -> float:
    return float(folder.parent.name)


def _unprivileged() -> dict[str, Any]:
    """Return who runs the server, as ``subprocess`` wants to hear it: somebody else than root."""
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
