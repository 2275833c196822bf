"""The one settings dict, ``SIGNALSCOPE``, read once into typed values.

Comes in: Django's settings and the environment variable ``SIGNALSCOPE_JOURNAL``. Goes out: a
``Settings`` object. An unknown key or a wrong value never raises here: ``problems`` names it, the
system checks print that, and the default is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from django.conf import settings as django_settings

from . import addresses, editors

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]

# Each object makes the first two. `migrate` builds every model anew, many times over, for each of its states:
# https://github.com/django/django/blob/5.2/django/db/migrations/state.py#L980
_CONSTRUCTORS = (
    "django.db.models.signals.pre_init",
    "django.db.models.signals.post_init",
    "django.db.models.signals.class_prepared",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting, under its key in ``SIGNALSCOPE``, with its default.

    ENABLED: record in this process. JOURNAL: where entries are kept, as a URL; empty means
    ``signalscope.sqlite3`` in ``BASE_DIR``. KEEP_ENTRIES, KEEP_SECONDS: retention. SAMPLE: the share of
    traces that is kept, beside those with failures. BUFFER: how many events may wait for the writer.
    IGNORE_SIGNALS: dotted names that are not recorded. IGNORE_PATHS: requests whose path starts so are not
    recorded; empty means those of files, ``STATIC_URL`` and ``MEDIA_URL``.
    REDACT: further parts of key names whose values are replaced. SLOW_MS: a call or emission that
    takes this long is slow. ACCESS: dotted path of ``f(user) -> bool``, who may look; empty means
    active staff. PUBLIC: this process shows everybody its pages without values, to read, and nobody more;
    PUBLIC_SOCKETS: live to so many at once. SCENARIOS: dotted path of a callable that returns what the live
    page offers as buttons (objects with ``name``, ``title``, ``look_at`` and ``url``); empty means none.
    EDITOR: where a place in the source leads, the name of an editor or the template of a URL; ``None`` means
    nowhere. SESSIONS: the folder of imported sessions; empty means one beside the journal.
    KEEP_SESSIONS: how many it may hold. IMPORT_BYTES: how large an imported file may be, unpacked.
    """

    ENABLED: bool = True
    JOURNAL: str = ""
    KEEP_ENTRIES: Positive = 200_000
    KEEP_SECONDS: Seconds | None = None
    SAMPLE: Share = 1.0
    BUFFER: Positive = 100_000
    IGNORE_SIGNALS: list[str] = msgspec.field(default_factory=lambda: list(_CONSTRUCTORS))
    IGNORE_PATHS: list[str] = []
    REDACT: list[str] = []
    SLOW_MS: Seconds = 50.0
    ACCESS: str = ""
    PUBLIC: bool = False
    PUBLIC_SOCKETS: Positive = 100
    SCENARIOS: str = ""
    EDITOR: str | None = None
    SESSIONS: str = ""
    KEEP_SESSIONS: Positive = 10
    IMPORT_BYTES: Positive = 256 * 1024 * 1024


class Problem(NamedTuple):
    """A wrong setting: its key, what is wrong with the value seen, and the remedy."""

    key: str
    message: str
    hint: str


DEFAULTS = Settings()


_memo: list[tuple[tuple[Any, ...], Settings, tuple[Problem, ...]]] = []


def problems() -> Iterator[Problem]:
    """Yield what is wrong with ``SIGNALSCOPE`` and ``SIGNALSCOPE_JOURNAL``."""
    yield from _current()[1]


def get() -> Settings:
    """Return the settings in force, each wrong value replaced by its default."""
    return _current()[0]


def _current() -> tuple[Settings, tuple[Problem, ...]]:
    # Compared by identity instead of listening to setting_changed: Signalscope connects no receiver.
    source = (
        getattr(django_settings, "SIGNALSCOPE", None),
        os.environ.get("SIGNALSCOPE_JOURNAL"),
        _as_written("STATIC_URL"),
        _as_written("MEDIA_URL"),
        getattr(django_settings, "FORCE_SCRIPT_NAME", None),
        getattr(django_settings, "BASE_DIR", None),
    )
    for known, settings, found in _memo:
        if all(one is other or one == other for one, other in zip(known, source, strict=True)):
            return settings, found
    settings, found = _read({} if source[0] is None else source[0])
    _memo[:] = [(source, settings, found)]
    return settings, found


def _read(given: Any) -> tuple[Settings, tuple[Problem, ...]]:
    found: list[Problem] = []
    if not isinstance(given, dict):
        found.append(
            Problem(
                "",
                f"SIGNALSCOPE is {addresses.shown(repr(given))}, not a dict.",
                "Write SIGNALSCOPE = {...}.",
            )
        )
        given = {}
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            known = ", ".join(sorted(fields))
            found.append(
                Problem(str(key), f"SIGNALSCOPE has an unknown key {key!r}.", f"Known keys: {known}.")
            )
            continue
        try:
            values[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            default = getattr(DEFAULTS, key)
            found.append(
                Problem(
                    key,
                    f"SIGNALSCOPE[{key!r}] has the value {addresses.shown(repr(value))}: {error}.",
                    f"Give it a value like its default, {default!r}.",
                )
            )
    values["JOURNAL"], problem = _journal_url(values.get("JOURNAL", ""))
    if problem:
        found.append(problem)
    fault = editors.problem(values.get("EDITOR") or "")
    if fault:
        found.append(_no_editor(values.pop("EDITOR"), fault))
    values["SESSIONS"] = values.get("SESSIONS") or _beside(values["JOURNAL"])
    if not values.get("IGNORE_PATHS"):
        values["IGNORE_PATHS"] = _file_paths()
    return Settings(**values), tuple(found)


def _journal_url(configured: str) -> tuple[str, Problem | None]:
    default = f"sqlite:///{_base_dir() / 'signalscope.sqlite3'}"
    url = os.environ.get("SIGNALSCOPE_JOURNAL") or configured or default
    try:
        addresses.parse(url)
    except addresses.AddressError as error:
        return default, Problem(
            "JOURNAL",
            f"SIGNALSCOPE['JOURNAL'] has the value {addresses.shown(url)!r}: {error}.",
            addresses.REMEDY,
        )
    return url, None


def _no_editor(seen: str, fault: str) -> Problem:
    return Problem(
        "EDITOR",
        f"SIGNALSCOPE['EDITOR'] has the value {seen!r}, which {fault}.",
        f"Name one of {', '.join(editors.KNOWN)}, or write the editor's URL with {{file}} and {{line}}, "
        "such as 'editor://open?file={file}&line={line}'.",
    )


def _beside(journal: str) -> str:
    if not journal.startswith("sqlite:///"):
        return str(_base_dir() / "signalscope.sessions")
    return str(Path(journal.removeprefix("sqlite:///")).with_suffix(".sessions"))


def _base_dir() -> Path:
    return Path(getattr(django_settings, "BASE_DIR", None) or Path.cwd())


def _as_written(name: str) -> Any:
    """Return the setting of a URL without the script name that Django puts before it.

    Django adds the script name of the moment when it is first asked, and keeps that. A server sets it with
    each request: who asks before spoils the address of every static file.
    https://github.com/django/django/blob/5.2/django/conf/__init__.py#L85
    """
    return getattr(vars(django_settings)["_wrapped"], name, None)


def _file_paths() -> list[str]:
    urls = [str(_as_written(name) or "") for name in ("STATIC_URL", "MEDIA_URL")]
    script_name = str(getattr(django_settings, "FORCE_SCRIPT_NAME", None) or "").rstrip("/")
    # A host's name may stand before the path: those files are elsewhere.
    paths = [url.removeprefix(f"{script_name}/").removeprefix("/") for url in urls if "://" not in url]
    # A request is known by its path below the script name, but for the files that runserver serves.
    starts = dict.fromkeys(["/", f"{script_name}/"])
    return [start + path for start in starts for path in paths if path.strip("/")]
