"""Visits to a project's pages, one after the other, by Django's test client: what each answered.

Run by the project's own Python, in its folder, with DJANGO_SETTINGS_MODULE set. Comes in: a JSON list of
``[path, form or null]``. Goes out: a JSON list of ``[status, SQL statements, body]``; what differs each time
anyway (tokens, clocks) is blanked out.
"""

from __future__ import annotations

import json
import re
import sys

import django
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

ONCE = re.compile(
    r"\b[A-Za-z0-9]{64}\b|[0-9a-f-]{36}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]+ \d{4}|[A-Z][a-z]+\.? \d{1,2}, \d{4}"
    r"|\b\d{1,2}:\d\d\b|\b(?:\d{1,2} )?(?:[ap]\.m\.|noon\b|midnight\b)|\d+[\xa0 ](?:seconds?|minutes?|hours?)"
)
"""CSRF tokens, ids, days and times as templates write them, ages: a minute may end between two visits."""


def main(visits: list[tuple[str, dict[str, str] | None]]) -> list[tuple[int, int, str]]:
    """Visit all of them as one visitor."""
    client = Client(SERVER_NAME="localhost")
    answers = []
    for path, form in visits:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path) if form is None else client.post(path, form)
            body = b"".join(answer) if answer.streaming else answer.content
        answers.append((answer.status_code, len(queries), ONCE.sub("·", body.decode())))
    return answers


if __name__ == "__main__":
    sys.path.insert(0, ".")
    django.setup()
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
