"""Where a journal is kept, read from its URL; and that URL without its password, to be shown.

Comes in: ``SIGNALSCOPE["JOURNAL"]``. Goes out: an address with typed parts, or ``AddressError`` that
says what is wrong with the URL. Nothing is opened, and no client library is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

REMEDY = (
    "Write sqlite:///relative/path or sqlite:////absolute/path: a file, which the processes of one host "
    "share. For many hosts: redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path/redis.sock."
)
PREFIX = "signalscope"
TIMEOUT_S = 2.0

_SQLITE = "sqlite:///"
_REDIS = ("redis", "rediss", "unix")
_PREFIX_FORM = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
# Up to the last @ of all: a password that should have been percent-encoded may hold any of @ / ? #.
_USERINFO = re.compile(r"(?<=://)(?<!sqlite://).*(?=@)", re.DOTALL)
_SECRET_OPTION = re.compile(r"(?i)([?&][^=&]*pass[^=&]*=)[^&#]*")


class AddressError(ValueError):
    """The URL names no journal: what is wrong with it, with nothing of a password in it."""


@dataclass(frozen=True)
class SqliteAddress:
    """A file."""

    path: str


@dataclass(frozen=True)
class RedisAddress:
    """A Redis server and the keys that are ours on it.

    ``socket`` is the path of a unix socket, empty for TCP. ``prefix`` begins every key.
    ``timeout_s`` is how long to wait for a connection, and for each answer. ``tls`` are redis-py's
    ``ssl_…`` options; ``None`` without TLS.
    """

    host: str = "localhost"
    port: int = 6379
    socket: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = PREFIX
    timeout_s: float = TIMEOUT_S
    tls: dict[str, Any] | None = None


def shown(url: str) -> str:
    """Return the URL with its user and password replaced: pages, logs and errors show only this."""
    return _SECRET_OPTION.sub(r"\1***", _USERINFO.sub("***", url))


def parse(url: str) -> SqliteAddress | RedisAddress:
    """Return the address that the URL names. Raises ``AddressError``."""
    path = url.removeprefix(_SQLITE)
    if path != url and path not in ("", ":memory:"):
        return SqliteAddress(path)
    if url.partition("://")[0] in _REDIS:
        return _redis(url)
    raise AddressError("it names no file that processes can share, and no Redis server")


def _redis(url: str) -> RedisAddress:
    parts, port = _split(url)
    known = _OPTIONS | _OPTIONS_OF[parts.scheme]
    values: dict[str, Any] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            raise AddressError(f"the option {name!r} is unknown, known are {', '.join(known)}")
        key, convert = known[name]
        values[key] = convert(text)
    tls = {key: values.pop(key) for key in [*values] if key.startswith("ssl_")}
    if parts.scheme == "unix":
        values["socket"] = unquote(parts.path)
        if not parts.path.strip("/"):
            raise AddressError("it has no path")
    else:
        values |= {"host": parts.hostname or "localhost", "port": port}
        if parts.path.strip("/"):
            values["db"] = _database(parts.path.strip("/"))
    if parts.username:
        values["username"] = unquote(parts.username)
    if parts.password:
        values["password"] = unquote(parts.password)
    return RedisAddress(**values, tls=tls if parts.scheme == "rediss" else None)


def _split(url: str) -> tuple[SplitResult, int]:
    """Return the parts and the port. What urllib says of a fault quotes the password: not repeated."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError(
            "host or port cannot be read (a password's special characters are written %XX)"
        ) from None
    if port == 0:
        raise AddressError("the port is 0")
    return parts, port or 6379


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise AddressError("the database is no number")
    return int(text)


def _prefix(text: str) -> str:
    if not _PREFIX_FORM.fullmatch(text):
        raise AddressError(f"the prefix {text!r} is not 1 to 64 of the characters A-Z a-z 0-9 _ . : -")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise AddressError(f"the timeout {text!r} is not between 0.1 and 60 seconds")
    return seconds


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise AddressError(f"ssl_check_hostname is {text!r}, neither true nor false")
    return text == "true"


def _requirement(text: str) -> str:
    if text not in ("required", "optional", "none"):
        raise AddressError(f"ssl_cert_reqs is {text!r}, not one of required, optional, none")
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise AddressError(f"there is no file {text!r}")
    return text


_Options = dict[str, tuple[str, Callable[[str], Any]]]
_OPTIONS: _Options = {"prefix": ("prefix", _prefix), "timeout": ("timeout_s", _seconds)}
_OPTIONS_OF: dict[str, _Options] = {
    "redis": {},
    "rediss": {
        "ssl_ca_certs": ("ssl_ca_certs", _file),
        "ssl_certfile": ("ssl_certfile", _file),
        "ssl_keyfile": ("ssl_keyfile", _file),
        "ssl_cert_reqs": ("ssl_cert_reqs", _requirement),
        "ssl_check_hostname": ("ssl_check_hostname", _switch),
    },
    "unix": {"db": ("db", _database)},
}
