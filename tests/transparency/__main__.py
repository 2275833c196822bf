"""``make transparency``: fetch Django, run its tests bare and recorded, and say what differs.

Comes in: arguments (``--help``). Goes out: a table for each version and every difference; the exit
status is 0 when nothing differs, 1 when something does, 2 when it could not be tried.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .comparison import Difference, counts, differences, failing, objections, packages_of, repeated
from .pythons import OLDEST, NoPythonError, find
from .runs import WAYS, Run, run_both, say, tail_of
from .workshop import FOLDER, Workshop, WorkshopError, packages, prepare

PACKAGES = (
    "dispatch signals m2m_signals async model_inheritance auth_tests requests_tests many_to_many delete "
    "delete_regress bulk_create transactions transaction_hooks atomic admin_views handlers asgi "
    "serializers fixtures model_forms"
)
"""Where Django's tests lean on signals, requests, transactions and deletion most."""

OUTCOMES = ("passed", "skipped", "expected failure", "failed", "error", "unexpected success")

CONSTRUCTORS = {"IGNORE_SIGNALS": ["django.db.models.signals.class_prepared"]}
"""Settings with which ``pre_init`` and ``post_init`` are recorded too."""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.transparency", description=__doc__)
    parser.add_argument("--version", choices=OLDEST, action="append", help="this version of Django only")
    parser.add_argument("--packages", nargs="+", default=PACKAGES.split(), help="test packages, or tests")
    parser.add_argument("--all", action="store_true", help="the whole test suite")
    parser.add_argument("--python", default="", help="the Python to test with")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where Django and environments are kept")
    parser.add_argument("--constructors", action="store_true", help="record pre_init and post_init too")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Prove each version; return the exit status."""
    options = arguments(given)
    statuses = [prove(series, options) for series in options.version or OLDEST]
    return max(statuses)


def prove(series: str, options: argparse.Namespace) -> int:
    """Run the tests of one version both ways and print what came of it; return the exit status."""
    try:
        python = find(series, options.python)
        say(f"Django {series}: preparing its tests for {python} ({python.path})")
        workshop = prepare(series, python, options.folder.resolve())
    except NoPythonError as error:
        say(f"Django {series}: NOT TESTED. {error}")
        return 2 if error.named else 0
    except WorkshopError as error:
        say(f"Django {series}: NOT TESTED. {error}")
        return 2
    wanted, lacking = packages(workshop.tests, [] if options.all else options.packages)
    if lacking:
        say(f"Django {workshop.django} has no {', '.join(lacking)}: left out.")
    if lacking and not wanted:
        say(f"Django {series}: NOT TESTED. None of the packages is there.")
        return 2
    say(f"Django {workshop.django}, {python}: {f'{len(wanted)} packages' if wanted else 'the whole suite'}")
    return compare(workshop, wanted, CONSTRUCTORS if options.constructors else {})


def compare(workshop: Workshop, wanted: list[str], settings: dict[str, Any]) -> int:
    """Run both ways, what differs once more; print the result and return the exit status."""
    began = time.monotonic()

    def tell(text: str) -> None:
        say(f"  after {time.monotonic() - began:,.0f} s {text}")

    bare, recorded = run_both(workshop, wanted, settings=settings, tell=tell)
    table(bare, recorded)
    against = objections(bare, recorded)
    found = differences(bare, recorded)
    lasting = found
    if bare.end is None or recorded.end is None:
        found = [one for one in found if one.bare and one.recorded]
        for run in (bare, recorded):
            say(f"  the end of {run.log}:\n{tail_of(run.log)}")
    else:
        lasting = repeat(workshop, found, settings, tell)
    for difference in found:
        say(f"  {'differs' if difference in lasting else 'differed once'}: {difference}")
    for objection in against:
        say(f"  {objection}")
    proved = not lasting and not against
    say(f"Django {workshop.django}: {'the same both ways' if proved else 'NOT THE SAME'}")
    return int(not proved)


def repeat(
    workshop: Workshop, found: list[Difference], settings: dict[str, Any], tell: Callable[[str], None]
) -> list[Difference]:
    """Run the packages of what differs again, twice at most; return what differed each time.

    Some of Django's tests measure time, and fail now and then on a busy machine.
    """
    known = [path.parent.name for path in workshop.tests.glob("*/__init__.py")]
    for attempt in ("-again", "-once-more"):
        again = packages_of(found, known)
        if not again:
            break
        say(f"  {len(found)} tests differ; once more: {' '.join(again)}")
        bare, recorded = run_both(workshop, again, attempt, settings, tell)
        if bare.end is None or recorded.end is None:
            say(f"  A run got to no end: {bare.log} and {recorded.log} say more.")
            break
        found = repeated(found, differences(bare, recorded))
    return found


def table(bare: Run, recorded: Run) -> None:
    """Print how the tests ended each way, what recording heard, and what fails anyway."""
    kinds = [kind for kind in OUTCOMES if kind == "passed" or counts(bare)[kind] or counts(recorded)[kind]]
    say("  " + "".join(f"{title:>20}" for title in ("", *kinds, "SQL statements", "seconds")))
    for way, run in zip(WAYS, (bare, recorded), strict=True):
        tally = counts(run)
        statements = sum(one.sql for outcomes in run.outcomes.values() for one in outcomes)
        seconds = (run.end or {}).get("seconds", 0.0)
        cells = [*(f"{tally[kind]:,}" for kind in kinds), f"{statements:,}", f"{seconds:,.0f}"]
        say("  " + "".join(f"{cell:>20}" for cell in (way, *cells)))
    end = recorded.end or {}
    facts = ("heard", "written", "dropped", "faults")
    say("  recorded: " + ", ".join(f"{fact} {end.get(fact, 0):,}" for fact in facts))
    for complaint in end.get("complaints", []):
        say(f"  Signalscope said: {complaint}")
    anyway = sorted({*failing(bare)} & {*failing(recorded)})
    if anyway:
        say(f"  fail both ways, so not because of recording: {', '.join(anyway)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
