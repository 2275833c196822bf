"""What must not leave the process: values under telling names, and secrets inside free text.

Comes in: key names and texts on their way to the journal. Goes out: the same, with secret values
replaced by ``REDACTED``. The names follow Django's own list, ``SafeExceptionReporterFilter``
(django/views/debug.py), widened by what payment and session code uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.crypto import salted_hmac

REDACTED = "[redacted]"

SECRET_PARTS = (
    "api_key",
    "apikey",
    "auth_key",
    "authorization",
    "card",
    "cookie",
    "credential",
    "csrf",
    "cvv",
    "iban",
    "otp",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "secret",
    "session",
    "signature",
    "ssn",
    "token",
)

_MEMO_LIMIT = 4_096


class Redactor:
    """Decides by name. Matching ignores case, and ``-`` counts as ``_``."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        parts = sorted({*SECRET_PARTS, *(self._fold(part) for part in extra if part.strip())})
        alternatives = "|".join(re.escape(part).replace("_", "[_-]?") for part in parts)
        # Case is folded beforehand: matching with IGNORECASE takes ten times as long, and every text is
        # looked at.
        self._name = re.compile(alternatives)
        # key=value, key: value and "key": "value", as they stand in messages and SQL fragments.
        self._assignment = re.compile(
            rf"(?P<key>[\w-]{{0,40}}(?:{alternatives})[\w-]{{0,40}}[\"']?\s{{0,3}}[=:]\s{{0,3}})"
            rf"(?:\"[^\"]*\"|'[^']*'|(?:(?:Bearer|Basic)\s)?[^\s,;&)\]}}]+)",
            re.IGNORECASE,
        )
        self._memo: dict[str, bool] = {}

    @staticmethod
    def _fold(part: str) -> str:
        return part.strip().lower().replace("-", "_")

    def is_secret(self, name: str) -> bool:
        """Return whether a value under this name must be replaced."""
        known = self._memo.get(name)
        if known is None:
            known = self.names_secret(name)
            if len(self._memo) < _MEMO_LIMIT:
                self._memo[name] = known
        return known

    def names_secret(self, text: str) -> bool:
        """Return whether a secret's name stands anywhere in the text."""
        return self._name.search(text.casefold()) is not None

    def text(self, text: str) -> str:
        """Return the text with the values of secret assignments replaced."""
        # Most texts hold no such name: one look settles it.
        if not self.names_secret(text):
            return text
        return self._assignment.sub(lambda match: match["key"] + REDACTED, text)


_names = Redactor()


def is_secret_key(model: str, field: str) -> bool:
    """Return whether a text that is the model's primary key opens something: a session's key, a token's.

    Takes the model's label and the key's attribute name, and goes by Signalscope's own list of names.
    """
    return _names.names_secret(f"{model}.{field}")


def stand_in(key: str) -> str:
    """Return what stands for a secret key: the same for the same key in every process, and no way back."""
    return f"[redacted {salted_hmac('signalscope', key, algorithm='sha256').hexdigest()[:8]}]"
