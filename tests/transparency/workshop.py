"""A folder for each version of Django: its source distribution, unpacked, and an environment for it.

Comes in: a version and a Python. Goes out: where its tests stand and what runs them. All of it is
kept, so that only the first run takes long.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Any, NamedTuple

from .pythons import Python

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "transparency"

LEFT_OUT = frozenset(["black", "geoip2", "numpy", "pylibmc", "pymemcache", "pywatchman", "redis", "selenium"])
"""What Django's tests can do without: it needs a server, a browser, a C library, or is large."""


class WorkshopError(Exception):
    """Django or its environment could not be had: what was tried, and what it said."""


class Workshop(NamedTuple):
    """One version of Django, ready to be tested: ``django`` is its full version.

    It is this process's alone while ``lock`` is held.
    """

    django: str
    python: Python
    executable: Path
    tests: Path
    folder: Path
    lock: IO[str]


def prepare(series: str, python: Python, folder: Path = FOLDER) -> Workshop:
    """Return a workshop for the newest release of ``series`` (``5.2``).

    Raises ``WorkshopError``. Without a network the newest release that was fetched before is taken.
    """
    folder = folder / series
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    executable = _environment(folder / "venv", python)
    archive = _fetch(series, executable, folder / "sdist")
    source = _unpack(archive, folder / "source")
    _install(source, executable, folder)
    return Workshop(_version(archive), python, executable, source / "tests", folder, lock)


def _lock(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise WorkshopError(f"{folder} is in use by another run. Wait for it, or give --folder.") from None
    return lock


def packages(tests: Path, wanted: list[str]) -> tuple[list[str], list[str]]:
    """Return which of the wanted test packages this version has, and which it has not."""
    has = [name for name in wanted if (tests / name.partition(".")[0] / "__init__.py").is_file()]
    return has, [name for name in wanted if name not in has]


def _environment(folder: Path, python: Python) -> Path:
    executable, stamp = folder / "bin" / "python", folder / "made-with"
    made_with = f"{python.path} {python}"
    if stamp.is_file() and stamp.read_text() == made_with and executable.exists():
        return executable
    shutil.rmtree(folder, ignore_errors=True)
    _run([python.path, "-m", "venv", str(folder)])
    stamp.write_text(made_with)
    return executable


def _fetch(series: str, executable: Path, folder: Path) -> Path:
    wanted = f"Django~={series}.0"
    try:
        _pip(executable, "download", "--no-deps", "--no-binary", "Django", "--dest", str(folder), wanted)
    except WorkshopError:
        if not list(folder.glob("*.tar.gz")):
            raise
    return max(folder.glob("*.tar.gz"), key=lambda path: [*map(int, _version(path).split("."))])


def _version(archive: Path) -> str:
    found = re.search(r"-([\d.]+)\.tar\.gz$", archive.name)
    if found is None:
        raise WorkshopError(f"{archive} is no release of Django by its name. Remove it.")
    return found[1]


def _unpack(archive: Path, folder: Path) -> Path:
    source = folder / archive.name.removesuffix(".tar.gz")
    if not source.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        part = folder.with_name("unpacking")
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(archive) as tar:
            # Python 3.11.2 (Debian 12) has no filters yet; the archive is pip's, its digest checked.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            tar.extractall(part)  # noqa: S202
        part.rename(folder)
    return source


def _install(source: Path, executable: Path, folder: Path) -> None:
    stamp = folder / "venv" / "installed"
    wanted = requirements(source)
    state = "\n".join([str(source), *wanted])
    if stamp.is_file() and stamp.read_text() == state:
        return
    _pip(executable, "install", "--prefer-binary", "--editable", str(source), *wanted)
    stamp.write_text(state)


def requirements(source: Path) -> list[str]:
    """Return what this version's tests need, and Signalscope's recording with them."""
    theirs = (source / "tests" / "requirements" / "py3.txt").read_text().splitlines()
    own = (ROOT / "requirements.txt").read_text().splitlines()
    return [
        *(line for line in theirs if _name(line) and _name(line) not in LEFT_OUT),
        *(line for line in own if _name(line) == "msgspec"),
    ]


def _name(requirement: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9_.-]+)", requirement)
    return found[1].lower() if found else ""


def _pip(executable: Path, *arguments: str) -> None:
    _run([str(executable), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments])


def _run(command: list[str]) -> None:
    environment: dict[str, Any] = {**os.environ}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-1500:]
        raise WorkshopError(f"{' '.join(command)} failed with status {done.returncode}:\n{said}")
