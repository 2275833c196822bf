"""What watching costs: bare Django, Signalscope, sentry-sdk, django-orbit and a naive receiver, side by side.

Run it with ``python -m benchmarks.overhead`` (``--quick`` for a first look, ``--only signalscope`` for
fewer tools). Each tool runs in a process of its own (they replace the same methods); one of them works
at a time, a short round each in turn, garbage collection off. A round is compared with bare Django's of the
same turn: in a process of its own, or, for Signalscope, which can be taken off and put back, in the same
process. The tools are installed into ``build/benchmarks/venv`` on first use. Prints one table of
medians, and exits with 1 when a figure to reach is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "build" / "benchmarks" / "venv"
TOOLS = ("bare", "signalscope", "sentry", "orbit", "naive")
COMPETITORS = ("sentry-sdk", "django-orbit")
SLOW = ("orbit", "naive")
SLOW_SHARE = 50
"""They take milliseconds where others take microseconds: a round is shorter by this, and there are fewer."""

SENTRY_LIMIT = 190
"""A transaction of sentry-sdk keeps 1,000 spans; with more sends than that it would look cheap."""

SQL_TIMES = 10


class Measure(NamedTuple):
    """``key`` as ``benchmarks.subject`` knows it. One of the two figures to reach, or none, is set.

    ``times`` a round, ``rounds`` of it.
    """

    key: str
    title: str
    times: int
    rounds: int
    added_us: float | None = None
    ratio: float | None = None


MEASURES = (
    Measure("saved 0", "post_save.send, 0 receivers", 1_000, 60, added_us=0.1),
    Measure("saved 1", "post_save.send, 1 receiver", 1_000, 60, added_us=2.0),
    Measure("saved 5", "post_save.send, 5 receivers", 1_000, 60, added_us=4.0),
    Measure("announced 0", "own Signal.send, 0 receivers", 1_000, 60, added_us=0.1),
    Measure("announced 1", "own Signal.send, 1 receiver", 1_000, 60, added_us=2.0),
    Measure("announced 5", "own Signal.send, 5 receivers", 1_000, 60, added_us=4.0),
    Measure("make", "Model.__init__", 100, 100, ratio=1.01),
    Measure("save memory", "Model.save(), 1 receiver, in memory", 30, 100, ratio=1.08),
    Measure("save file", "Model.save(), 1 receiver, file", 10, 100, ratio=1.03),
    Measure("load", "load 1,000 rows", 1, 100, ratio=1.01),
    Measure("ten", "view that saves 10 rows (WSGI)", 1, 100, ratio=1.10),
    Measure("admin", "admin change request (WSGI)", 1, 60, ratio=1.10),
    Measure("many", "20,000 saves in one transaction", 20_000, 7, ratio=1.25),
)
LONGEST_STALL_MS = 2.0


class Child:
    """A tool's process, answering one round at a time."""

    def __init__(self, tool: str, folder: Path) -> None:
        folder.mkdir()
        self.tool = tool
        self._errors = (folder / "stderr").open("w+")
        python = VENV / "bin" / "python"
        self._process = subprocess.Popen(  # noqa: S603
            [python, "-m", "benchmarks.subject", tool, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        """Return the next line it says, or what it died of."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._errors.seek(0)
        last = (self._errors.read().strip().splitlines() or ["it said nothing"])[-1]
        return {"error": last}

    def ask(self, measure: str, times: int, turn: int = 0, *, count: bool = False) -> dict[str, Any]:
        """Let it do one round."""
        if self._process.poll() is None and self._process.stdin:
            asked = {"measure": measure, "times": times, "turn": turn, "count": count}
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(10)
        self._errors.close()


def install() -> None:
    """Make the environment all tools share: what the project runs on here, and the competitors."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)  # noqa: S603
    pinned = [f"{name}=={version(name)}" for name in ("Django", "channels", "msgspec", "django-htmx")]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *pinned, *COMPETITORS], check=True)  # noqa: S603


@contextmanager
def children(tools: Sequence[str]) -> Iterator[tuple[list[Child], dict[str, str]]]:
    """Yield the processes that are ready, and why the others are not."""
    with tempfile.TemporaryDirectory(prefix="signalscope-overhead-") as folder:
        started, absent = [], {}
        for tool in tools:
            child = Child(tool, Path(folder) / tool)
            ready = child.answer()
            if "error" in ready:
                absent[tool] = ready["error"]
                child.end()
            else:
                started.append(child)
        try:
            yield started, absent
        finally:
            for child in started:
                child.end()


class Result(NamedTuple):
    """Medians over all rounds: microseconds an operation, and against bare Django's same rounds."""

    us: float
    added_us: float
    ratio: float
    cpu_ratio: float
    stall_ms: float


def run(measure: Measure, running: Sequence[Child], part: float) -> dict[str, Result | str]:
    """Do all rounds of a measure, one tool after the other, and return a result or an error for each."""
    heard: dict[str, list[dict[str, Any]]] = {child.tool: [] for child in running}
    failed: dict[str, str] = {}
    amount = {child.tool: _times(measure, child.tool) for child in running}
    for child in running:
        child.ask(measure.key, max(1, amount[child.tool] // 10))
    rounds = max(3, round(measure.rounds * part))
    for turn in range(rounds):
        # Another one begins each turn, so that none always follows the same neighbour.
        for child in (*running[turn % len(running) :], *running[: turn % len(running)]):
            if child.tool in failed or (child.tool in SLOW and turn >= max(3, rounds // 10)):
                continue
            answer = child.ask(measure.key, amount[child.tool], turn)
            if "error" in answer:
                failed[child.tool] = answer["error"]
            else:
                heard[child.tool].append(answer)
    bare = heard["bare"]
    results: dict[str, Result | str] = {
        tool: failed.get(tool) or _result(answers, amount[tool], bare, amount["bare"])
        for tool, answers in heard.items()
    }
    return results


def _times(measure: Measure, tool: str) -> int:
    if tool == "sentry":
        return min(measure.times, SENTRY_LIMIT)
    return max(1, measure.times // SLOW_SHARE) if tool in SLOW else measure.times


def _result(answers: list[dict[str, Any]], times: int, bare: list[dict[str, Any]], bare_times: int) -> Result:
    us = [answer["seconds"] / times * 1e6 for answer in answers]
    if "bare" in answers[0]:
        bare, bare_times = [answer["bare"] for answer in answers], times
    bare_us = [answer["seconds"] / bare_times * 1e6 for answer in bare]
    cpu = [answer["cpu"] / times for answer in answers]
    bare_cpu = [answer["cpu"] / bare_times for answer in bare]
    pairs = list(zip(us, bare_us, strict=False))
    return Result(
        median(us),
        median(own - other for own, other in pairs),
        median(own / other for own, other in pairs),
        median(own / other for own, other in zip(cpu, bare_cpu, strict=False)),
        median(answer["stall"] * 1e3 for answer in answers),
    )


def statements(running: Sequence[Child]) -> list[str]:
    """Return, a line per measure, how many SQL statements each tool added to ten operations."""
    lines = []
    for key in ("saved 1", "make", "save memory", "load", "ten", "admin"):
        counts = {child.tool: child.ask(key, SQL_TIMES, count=True).get("statements", 0) for child in running}
        added = ", ".join(
            f"{tool} +{count - counts['bare']}" for tool, count in counts.items() if tool != "bare"
        )
        lines.append(f"{SQL_TIMES} x {key:<12} bare {counts['bare']:>5}: {added}")
    return lines


def _shown(result: Result | str) -> str:
    if isinstance(result, str):
        return f"failed: {result}"[:40]
    return f"{result.us:,.2f} (+{result.added_us:,.2f}, x{result.ratio:.3g})"


def _verdict(measure: Measure, result: Result | str | None) -> tuple[str, bool]:
    if not isinstance(result, Result):
        return "", False
    if measure.added_us is not None:
        return f"+{measure.added_us} us", result.added_us <= measure.added_us
    return f"x{measure.ratio:.2f}", result.ratio <= (measure.ratio or 0)


def main() -> int:
    """Run everything and print the table; return 0 when every figure is reached."""
    arguments = _arguments()
    tools = ["bare", *arguments.only] if arguments.only else list(TOOLS)
    install()
    with children(tools) as (running, absent):
        for tool, reason in absent.items():
            print(f"{tool} cannot run here: {reason}")
        print(_header(), flush=True)
        print(f"{'':36}{'to reach':>10}  " + "".join(f"{child.tool:<32}" for child in running))
        missed = 0
        for measure in MEASURES:
            results = run(measure, running, 0.1 if arguments.quick else 1.0)
            own = results.get("signalscope")
            target, reached = _verdict(measure, own)
            missed += not reached
            shown = "".join(f"{_shown(results[child.tool]):<32}" for child in running)
            print(f"{measure.title:36}{target:>10}{' ' if reached else '!'} {shown}", flush=True)
            if measure.key == "many" and isinstance(own, Result):
                missed += own.stall_ms - _stall(results["bare"]) > LONGEST_STALL_MS
                print(_longest_stalls(results))
        print("\nSQL statements added (to reach: 0)")
        print("\n".join(statements(running)))
    print(f"\n{missed} figures missed (marked !)." if missed else "\nEvery figure is reached.")
    return 1 if missed else 0


def _stall(result: Result | str) -> float:
    return result.stall_ms if isinstance(result, Result) else 0.0


def _longest_stalls(results: dict[str, Result | str]) -> str:
    known = [(tool, result) for tool, result in results.items() if isinstance(result, Result)]
    stalls = ", ".join(f"{tool} {result.stall_ms:.1f} ms" for tool, result in known)
    cpu = ", ".join(f"{tool} x{result.cpu_ratio:.2f}" for tool, result in known)
    return (
        f"  longest stall between two saves (to reach: {LONGEST_STALL_MS} ms over bare): {stalls}\n"
        f"  CPU time of the whole process: {cpu}"
    )


def _header() -> str:
    installed = subprocess.run(  # noqa: S603
        [str(VENV / "bin" / "python"), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        check=True,
        capture_output=True,
        text=True,
    )
    versions = {package["name"].lower(): package["version"] for package in json.loads(installed.stdout)}
    named = ", ".join(f"{name} {versions.get(name.lower(), '?')}" for name in ("Django", *COMPETITORS))
    return (
        f"Python {platform.python_version()}, {named}\n"
        "Microseconds an operation, medians; in brackets what is added to bare Django, and the ratio.\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What watching Django's signals costs.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    parser.add_argument("--only", nargs="+", choices=TOOLS[1:], help="compare only these with bare Django")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
