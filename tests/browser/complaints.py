"""What a browser complains of: console errors, uncaught exceptions, breaches of the content policy.

Chromium writes breaches, failed requests and answers with an error status to the console as well.

Comes in: every page of a browser context. Goes out: the complaints that no test has allowed or
taken; the fixture of that name fails the test over the first one left.
"""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, WebError


class Complaints:
    """The complaints of one test's pages, in order."""

    def __init__(self) -> None:
        self._allowed: list[re.Pattern[str]] = []
        self._contexts: list[BrowserContext] = []
        self._heard: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        """Hear every page of the context, those it opens later included."""
        self._contexts.append(context)
        context.on("console", self._hear_console)
        context.on("weberror", self._hear_error)

    def allow(self, pattern: str) -> None:
        """Let complaints pass in which the regular expression is found: for a test that provokes them."""
        self._allowed.append(re.compile(pattern))

    def take(self) -> list[str]:
        """Return what was heard and not allowed, and forget it."""
        for context in self._contexts:
            for page in context.pages:
                # One round trip: whatever the page had said before has arrived when it returns.
                page.evaluate("0")
        heard = [text for text in self._heard if not any(allowed.search(text) for allowed in self._allowed)]
        self._heard.clear()
        return heard

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location
            self._heard.append(f"{message.text} ({where['url']}:{where['lineNumber']})")

    def _hear_error(self, error: WebError) -> None:
        self._heard.append(f"uncaught: {error.error}")
