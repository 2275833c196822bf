"""The words for a difference, and the rules that decide.

Comes in: two steps of the same path. Goes out: ``Mark``s, none where they differ by noise alone.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

from .. import wording
from .profile import Step

RATIO = 1.5
LEAST_US = 1_000.0
ENOUGH = 4
HALF = 0.5

RULE = (
    f"Slower or faster: the typical own time (the median, without nested emissions) differs by a factor of "
    f"{RATIO:g} or more, and by {LEAST_US / 1000:g} ms or more; with {ENOUGH} runs or more on both sides, "
    "the middle halves of the runs do not overlap either."
)
"""What counts as slower, for whoever reads the page."""


class Mark(NamedTuple):
    """One difference: its name (a CSS class too), the word on its badge, and what exactly."""

    name: str
    word: str
    title: str = ""


class Times(NamedTuple):
    """How long something typically took on either side, in microseconds."""

    before_us: float
    after_us: float

    @property
    def differ(self) -> float:
        """By how much it took longer in B."""
        return self.after_us - self.before_us

    @property
    def words(self) -> str:
        """``+41.0 ms, x3.2``: absolute, and the ratio where there is one."""
        absolute = f"{'+' if self.differ >= 0 else '-'}{wording.took(abs(self.differ))}"
        if self.before_us < 1 or self.after_us < 1:
            return absolute
        ratio = self.after_us / self.before_us
        factor = f"{ratio:.2g}" if ratio < 99.5 else f"{ratio:,.0f}"
        return f"{absolute}, {wording.TIMES}{factor}"


def times(before: Step, after: Step) -> Times:
    """Return the typical own times."""
    return Times(typical(before), typical(after))


def typical(step: Step) -> float:
    """Return the median of the runs' own times; 0 when it never ran."""
    return statistics.median(step.own_us) if step.own_us else 0.0


def of_time(before: Step, after: Step) -> Mark | None:
    """Return ``slower`` or ``faster``, or ``None`` where ``RULE`` sees no difference."""
    found = times(before, after)
    shorter, longer = sorted((found.before_us, found.after_us))
    if longer - shorter < LEAST_US or longer < RATIO * shorter:
        return None
    slow, fast = (after, before) if found.differ > 0 else (before, after)
    if min(len(slow.own_us), len(fast.own_us)) >= ENOUGH and _quartile(slow, 0) <= _quartile(fast, 2):
        return None
    name = "slower" if found.differ > 0 else "faster"
    return Mark(name, name, found.words)


def _quartile(step: Step, which: int) -> float:
    return statistics.quantiles(step.own_us, n=4, method="inclusive")[which]


def of_queries(before: Step, after: Step) -> Mark | None:
    """Return a mark when a run does more or fewer queries, or other ones."""
    if not (before.runs and after.runs):
        return None
    was, now = before.queries / before.runs, after.queries / after.runs
    if abs(now - was) >= HALF:
        more = "more" if now > was else "fewer"
        return Mark("queries", f"{more} queries", f"{_number(was)} q to {_number(now)} q a run")
    if before.shapes != after.shapes:
        new, gone = len(after.shapes - before.shapes), len(before.shapes - after.shapes)
        return Mark("queries", "other queries", f"{new} new, {gone} gone")
    return None


def of_errors(before: Step, after: Step) -> list[Mark]:
    """Return ``raises`` for errors of B alone, ``no longer raises`` for those of A alone."""
    new = [name for name in after.errors if name not in before.errors]
    gone = [name for name in before.errors if name not in after.errors]
    marks = []
    if new:
        marks.append(Mark("raises", "raises", ", ".join(new[:3])))
    if gone:
        marks.append(Mark("heals", "no longer raises", ", ".join(gone[:3])))
    return marks


def of_runs(before: Step, after: Step, above: tuple[Step, Step], *, exact: bool) -> Mark | None:
    """Return a mark when it runs more or less often.

    ``exact`` counts every run. Otherwise, as traffic differs, runs are counted for each run of the steps
    ``above`` it, and half a run or a factor of 1.5 is noise.
    """
    if exact:
        was, now, words = float(before.runs), float(after.runs), "runs"
        differs = was != now
    else:
        was, now = before.runs / max(above[0].runs, 1), after.runs / max(above[1].runs, 1)
        words = "runs each time"
        differs = abs(now - was) >= HALF and max(was, now) >= RATIO * min(was, now)
    if not differs:
        return None
    return Mark(
        "runs", "more often" if now > was else "less often", f"{_number(was)} to {_number(now)} {words}"
    )


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
