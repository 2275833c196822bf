"""Finds the browser: the one that ``CHROMIUM`` names, else the first that is installed.

Comes in: the environment. Goes out: a path, or one sentence that says how to get a browser;
``python -m tests.browser.chromium`` fails with it.
"""

from __future__ import annotations

import os
import shutil
import sys

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


class ChromiumMissingError(Exception):
    """No browser to test with: what was looked for, and how to get it."""


def find() -> str:
    """Return the path of a Chromium; raise ``ChromiumMissingError`` when there is none."""
    named = os.environ.get("CHROMIUM")
    path = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if path:
        return path
    fault = f"CHROMIUM is {named!r}, which does not run" if named else "No Chromium was found"
    raise ChromiumMissingError(
        f"{fault}: the browser tests need one. Install it (Debian: apt-get install chromium) "
        "or name it: make test CHROMIUM=/path/to/chromium"
    )


def main() -> None:
    """Exit with the sentence when there is no browser, silently when there is one."""
    try:
        find()
    except ChromiumMissingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
