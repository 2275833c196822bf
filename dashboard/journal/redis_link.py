"""The connection to one Redis server: how long to wait for it, and what its failures mean.

Comes in: an address. Goes out: a client of redis-py, and ``JournalError`` for what fails while it is
used. redis-py is imported here and nowhere else, and this module only for a Redis URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    from .base import JournalError

    raise JournalError(
        f"The journal is kept in Redis, and the client library cannot be imported: {error}. "
        'Install it: pip install "redis>=5,<9".'
    ) from error

from ..addresses import RedisAddress
from .base import JournalError

_REMEDIES = {
    "OOM": "Raise maxmemory, or lower SIGNALSCOPE['KEEP_ENTRIES']; nothing has to be restarted.",
    "MISCONF": "Redis cannot save its data to its disk: free some space there, and see its log.",
    "READONLY": "This server is a replica: name the primary in SIGNALSCOPE['JOURNAL'].",
    "NOAUTH": "Put the user and password into SIGNALSCOPE['JOURNAL']: redis://user:password@host:6379/0.",
    "WRONGPASS": "Correct the user and password in SIGNALSCOPE['JOURNAL'].",
    "NOPERM": "Allow this user the keys under the prefix, and @read, @write, @stream and @scripting.",
    "LOADING": "Redis is reading its data from disk; nothing has to be done.",
    "MASTERDOWN": "This server is a replica: name the primary in SIGNALSCOPE['JOURNAL'].",
    "MOVED": "This is a cluster's node that does not own the journal's keys: name the one that does.",
    "WRONGTYPE": "Other software uses keys of this name: choose another prefix, redis://host/0?prefix=name.",
}
_UNREACHABLE = "Check that Redis runs and can be reached there; nothing has to be restarted."


class RedisLink:
    """Connections to one server, kept open, usable from any thread and after a fork."""

    def __init__(self, address: RedisAddress, url: str) -> None:
        """Open nothing yet. ``url`` is what errors show."""
        self._url = url
        self._closed = False
        self.client = redis.Redis(connection_pool=_pool(address))

    @contextmanager
    def use(self, doing: str) -> Iterator[Any]:
        """Lend the client. ``doing`` (``read``, ``written`` …) goes into the error for what fails inside."""
        if self._closed:
            raise JournalError(f"The journal is closed: {self._url}. Open it again with open_journal().")
        try:
            yield self.client
        except (redis.RedisError, OSError, UnicodeError) as error:
            raise self._explained(error, doing) from error

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._closed = True
        self.client.connection_pool.disconnect(inuse_connections=False)

    def _explained(self, error: Exception, doing: str) -> JournalError:
        seen = " ".join(str(error).split()) or type(error).__name__
        code = _code(error, seen)
        unreachable = isinstance(error, (redis.ConnectionError, redis.TimeoutError, OSError))
        default = _UNREACHABLE if unreachable else "See what Redis' documentation says of this answer."
        return JournalError(
            f"The journal cannot be {doing}: {self._url}: {seen.rstrip('.')}. {_REMEDIES.get(code, default)}"
        )


def _code(error: Exception, seen: str) -> str:
    """Return the word that Redis puts before its answer, which redis-py takes off for some."""
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return code
    return next((code for code in _REMEDIES if code in seen.split()), "")


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.exceptions.OutOfMemoryError, "OOM"),
    (redis.exceptions.ReadOnlyError, "READONLY"),
    (redis.exceptions.BusyLoadingError, "LOADING"),
    (redis.exceptions.NoPermissionError, "NOPERM"),
    (redis.exceptions.AuthenticationError, "WRONGPASS"),
    (redis.exceptions.AuthenticationWrongNumberOfArgsError, "WRONGPASS"),
)


def _pool(address: RedisAddress) -> redis.ConnectionPool:
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": address.timeout_s,
        # Tried once: the writer and the tail wait longer and longer by themselves, and count.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "signalscope",
    }
    if address.socket:
        options["path"] = address.socket
        return redis.ConnectionPool(connection_class=redis.UnixDomainSocketConnection, **options)
    options |= {
        "host": address.host,
        "port": address.port,
        "socket_connect_timeout": address.timeout_s,
        "socket_keepalive": True,
    }
    if address.tls is None:
        return redis.ConnectionPool(**options)
    return redis.ConnectionPool(connection_class=redis.SSLConnection, **options, **address.tls)
