"""``make matrix``: the unit tests on each supported Django, warnings being errors.

Comes in: arguments (``--help``). Goes out: pytest's output; the exit status is 0 when all that ran passed, 1
when something failed, 2 when nothing, or not all that was asked for by name, could be tried. A version that
no Python here runs is named: not tested.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .transparency.pythons import OLDEST, NoPythonError, Python, find

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "matrix"
NEEDED = (
    *("PyYAML", "gunicorn", "hypothesis", "psycopg", "uvicorn"),
    *("pytest", "pytest-asyncio", "pytest-django", "pytest-xdist"),
)
"""What of requirements-dev.txt the unit tests need: the rest checks types and style, or drives a browser."""

PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")
LEFT_OUT = ("tests/browser", "tests/test_third_parties.py")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--version", choices=OLDEST, action="append", help="this version of Django only")
    parser.add_argument("--python", default="", help="the Python to test with")
    parser.add_argument("tests", nargs="*", help="these tests only (all but the browser's)")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Run the tests on each version; return the exit status."""
    options = arguments(given)
    statuses = [run(series, options.python, options.tests) for series in options.version or OLDEST]
    ran = [status for status in statuses if status is not None]
    # Who asks for a version must not take its absence for a pass.
    return 2 if options.version and len(ran) < len(statuses) else max(ran, default=2)


def run(series: str, named: str, tests: Sequence[str]) -> int | None:
    """Run the tests on one version of Django; return whether something failed, ``None`` when none ran."""
    try:
        python = find(series, named)
    except NoPythonError as error:
        print(f"\n== Django {series}: NOT TESTED. {error}", flush=True)  # noqa: T201
        return None
    print(f"\n== Django {series}, {python} ({python.path})", flush=True)  # noqa: T201
    executable = prepare(series, python)
    left_out = [] if tests else [f"--ignore={path}" for path in LEFT_OUT]
    pytest = [str(executable), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # As `make test` does: two at a time, one file after the other.
    parallel = [] if tests else ["--numprocesses", "auto", "--dist", "loadfile"]
    command = [*pytest, *parallel, *left_out, *(tests or ["tests"])]
    return int(subprocess.run(command, cwd=ROOT, check=False).returncode != 0)


def prepare(series: str, python: Python) -> Path:
    """Return the Python of an environment that has the newest release of this Django."""
    folder = FOLDER / f"{series}-{'.'.join(map(str, python.version))}"
    executable = folder / "bin" / "python"
    if not executable.exists():
        subprocess.run([python.path, "-m", "venv", folder], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    wanted = ["-r", str(ROOT / "requirements.txt"), *requirements(), f"Django~={series}.0"]
    subprocess.run([str(executable), *PIP, "--upgrade", *wanted], check=True, env=environment)
    return executable


def requirements() -> list[str]:
    """Return the lines of requirements-dev.txt that the unit tests need."""
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    return [line for line in lines if line.partition(">=")[0].partition("[")[0] in NEEDED]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
