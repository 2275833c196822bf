"""What a bare and a recorded run have in common, and what not.

Comes in: two runs of the same tests. Goes out: each test that fared differently, and what speaks
against the proof although no test does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from .runs import Outcome, Run

FAILURES = frozenset(["failed", "error", "unexpected success"])


class Difference(NamedTuple):
    """A test that fared differently: what became of it bare, and recorded (nothing: it did not run)."""

    test: str
    bare: list[Outcome]
    recorded: list[Outcome]

    def __str__(self) -> str:
        return f"{self.test}\n    bare      {_told(self.bare)}\n    recorded  {_told(self.recorded)}"


def _told(outcomes: list[Outcome]) -> str:
    each = [
        f"{one.outcome}, {one.sql} SQL statements" + (f" ({one.note})" if one.note else "")
        for one in outcomes
    ]
    return "; ".join(each) or "did not run"


def differences(bare: Run, recorded: Run) -> list[Difference]:
    """Return the tests whose outcomes or numbers of SQL statements are not the same both ways."""
    tests = dict.fromkeys([*bare.outcomes, *recorded.outcomes])
    pairs = [Difference(test, bare.outcomes.get(test, []), recorded.outcomes.get(test, [])) for test in tests]
    return [pair for pair in pairs if _essence(pair.bare) != _essence(pair.recorded)]


def _essence(outcomes: list[Outcome]) -> list[tuple[str, int]]:
    return sorted((one.outcome, one.sql) for one in outcomes)


def repeated(first: list[Difference], again: Iterable[Difference]) -> list[Difference]:
    """Return those of ``first`` that a second pair of runs shows too."""
    seen = {difference.test for difference in again}
    return [difference for difference in first if difference.test in seen]


def packages_of(found: Iterable[Difference], packages: Collection[str]) -> list[str]:
    """Return the test packages that these differences are in, each once.

    A class that could not be set up is named ``setUpClass (package.tests.Class)``.
    """
    named = [next((word for word in re.findall(r"\w+", each.test) if word in packages), "") for each in found]
    return list(dict.fromkeys(filter(None, named)))


def counts(run: Run) -> Counter[str]:
    """Return how many tests ended each way."""
    return Counter(one.outcome for outcomes in run.outcomes.values() for one in outcomes)


def failing(run: Run) -> list[str]:
    """Return the tests that do not pass."""
    return [
        test for test, outcomes in run.outcomes.items() if any(one.outcome in FAILURES for one in outcomes)
    ]


def objections(bare: Run, recorded: Run) -> list[str]:
    """Return what speaks against the proof, beside differences: each a sentence."""
    found = [
        f"The {way} run got to no end; the last of its log ({run.log}) says why."
        for way, run in (("bare", bare), ("recorded", recorded))
        if run.end is None
    ]
    if not bare.outcomes:
        found.append("No test ran.")
    end = recorded.end or {}
    if recorded.end is not None and not end["heard"]:
        found.append("The recorded run heard no emission: it was not recorded.")
    if end.get("faults"):
        found.append(f"Recording had {end['faults']} faults of its own.")
    if end.get("dropped"):
        found.append(f"{end['dropped']} events found no room in the buffer, so their encoding is not proved.")
    if recorded.end is not None and not end["landed"]:
        found.append(f"Not everything heard came to the journal: {end['error']}")
    return found
