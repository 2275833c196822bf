"""The proof that watching changes nothing must be able to fail: how it compares, and what it runs with."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import BASE_DIR

from .transparency import pythons
from .transparency.comparison import differences, objections, packages_of, repeated
from .transparency.runs import SUITE, Outcome, Run, read
from .transparency.workshop import WorkshopError, packages, prepare, requirements

LOG = Path("run.log")
END = {"heard": 3, "faults": 0, "dropped": 0, "landed": True, "error": None}


def line(test: str, outcome: str, sql: int = 0) -> str:
    return json.dumps({"test": test, "outcome": outcome, "sql": sql, "note": ""}) + "\n"


def run(*lines: str, **end: Any) -> Run:
    return read([*lines, json.dumps({"end": {**END, **end}}) + "\n"], LOG)


def test_two_runs_with_the_same_outcomes_have_no_differences() -> None:
    lines = [line("a.A.test_one", "passed", 2), line("a.A.test_two", "skipped")]

    assert differences(run(*lines), run(*reversed(lines))) == []
    assert objections(run(*lines), run(*lines)) == []


@pytest.mark.parametrize(
    "recorded",
    [
        [line("a.A.test", "failed", 2)],
        [line("a.A.test", "skipped", 2)],
        [line("a.A.test", "passed", 3)],
        [line("a.A.test", "passed", 2), line("a.A.test", "passed", 2)],
        [],
    ],
    ids=["fails", "is skipped", "runs more SQL", "runs twice", "does not run"],
)
def test_a_test_that_fares_otherwise_when_recorded_is_a_difference(recorded: list[str]) -> None:
    bare = run(line("a.A.test", "passed", 2))

    assert [found.test for found in differences(bare, run(*recorded))] == ["a.A.test"]
    assert [found.test for found in differences(run(*recorded), bare)] == ["a.A.test"]


def test_a_difference_that_a_second_pair_of_runs_does_not_show_is_no_lasting_one() -> None:
    bare = run(line("a.A.test_flaky", "passed"), line("a.A.test_broken", "passed"))
    recorded = run(line("a.A.test_flaky", "failed"), line("a.A.test_broken", "failed"))
    again = run(line("a.A.test_flaky", "passed"), line("a.A.test_broken", "failed"))

    lasting = repeated(differences(bare, recorded), differences(bare, again))

    assert [found.test for found in lasting] == ["a.A.test_broken"]


def test_a_run_that_was_cut_off_is_objected_to_and_its_torn_line_left_out() -> None:
    torn = read([line("a.A.test", "passed"), line("b.B.test", "passed")[:9]], LOG)

    assert torn.outcomes == {"a.A.test": [Outcome("passed")]}
    assert "recorded run got to no end" in objections(run(line("a.A.test", "passed")), torn)[0]
    assert "bare run got to no end" in objections(torn, run(line("a.A.test", "passed")))[0]


@pytest.mark.parametrize(
    ("end", "objection"),
    [
        ({"heard": 0}, "heard no emission"),
        ({"faults": 2}, "2 faults"),
        ({"dropped": 5}, "5 events found no room"),
        ({"landed": False, "error": "disk full"}, "disk full"),
    ],
)
def test_a_recording_that_proves_too_little_is_objected_to(end: dict[str, Any], objection: str) -> None:
    passed = line("a.A.test", "passed")

    (found,) = objections(run(passed), run(passed, **end))

    assert objection in found


def test_runs_without_any_test_are_objected_to() -> None:
    assert objections(run(), run()) == ["No test ran."]


@pytest.mark.parametrize(
    "test",
    [
        "auth_tests.test_models.UserTests.test_one",
        "setUpClass (auth_tests.test_models.UserTests)",
        "unittest.loader._FailedTest.auth_tests.test_models",
    ],
)
def test_what_differs_is_run_again_with_its_whole_package(test: str) -> None:
    found = differences(run(line(test, "passed")), run(line(test, "error")))

    assert packages_of(found * 2, ["auth_tests", "tests"]) == ["auth_tests"]


def test_packages_that_a_version_lacks_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "dispatch").mkdir()
    (tmp_path / "dispatch" / "__init__.py").touch()

    assert packages(tmp_path, ["dispatch.tests.A", "atomic"]) == (["dispatch.tests.A"], ["atomic"])


def test_what_tests_need_is_read_from_django_and_what_recording_needs_from_here(tmp_path: Path) -> None:
    (tmp_path / "tests" / "requirements").mkdir(parents=True)
    (tmp_path / "tests" / "requirements" / "py3.txt").write_text(
        "# pylibmc is hard\njinja2 >= 2.11.0\nredis >= 3.4.0\npylibmc; sys_platform != 'win32'\nPyYAML\n"
    )

    jinja, yaml, own = requirements(tmp_path)

    assert (jinja, yaml) == ("jinja2 >= 2.11.0", "PyYAML")
    assert own in (BASE_DIR / "requirements.txt").read_text().splitlines()
    assert own.startswith("msgspec")


def test_a_folder_that_another_run_uses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "5.2").mkdir()
    with (tmp_path / "5.2" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(WorkshopError, match="in use by another run"):
            prepare("5.2", pythons.Python(sys.executable, (3, 13, 0)), tmp_path)


def fake(folder: Path, name: str, version: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose only Pythons are those in a folder."""
    old = fake(tmp_path, "old/python", "echo 3 11 2")
    monkeypatch.setattr(sys, "executable", str(old))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(pythons, "NAMES", ("python3.14", "python3.13"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    for series in pythons.OLDEST:
        monkeypatch.delenv(pythons.variable(series), raising=False)
    return tmp_path


def test_the_python_that_runs_this_is_taken_when_it_is_new_enough(alone: Path) -> None:
    assert pythons.find("5.2").version == (3, 11, 2)


def test_a_command_that_only_says_it_is_not_active_is_passed_over_for_the_real_one(alone: Path) -> None:
    fake(alone, "bin/python3.14", "echo 'pyenv: python3.14: command not found' >&2; exit 127")
    real = fake(alone, "pyenv/versions/3.13.1/bin/python", "echo 3 13 1")

    assert pythons.find("6.0") == pythons.Python(str(real), (3, 13, 1))


def test_without_a_python_new_enough_the_message_says_how_to_name_one(alone: Path) -> None:
    with pytest.raises(pythons.NoPythonError, match=r"3\.12 or newer.*none was found.*PYTHON_61=") as raised:
        pythons.find("6.1")

    assert not raised.value.named


def test_a_named_python_that_does_not_do_is_not_replaced_by_another(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(alone, "bin/python3.13", "echo 3 13 1")
    monkeypatch.setenv("PYTHON_60", "/nowhere/python")

    with pytest.raises(pythons.NoPythonError, match="'/nowhere/python'") as raised:
        pythons.find("6.0")

    assert raised.value.named


RUNTESTS = """
import sys, unittest
from django.conf import settings
from django.db import connection
from django.dispatch import Signal

class Tests(unittest.TestCase):
    def test_asks(self):
        Signal().send("sender")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def test_parts(self):
        with self.subTest("odd"):
            self.assertEqual(1, 2, "odd one")

    @unittest.skip("not now")
    def test_later(self):
        pass

    def test_runs_tests(self):
        import io
        inner = unittest.TestSuite([Tests("test_asks")])
        self.assertTrue(unittest.TextTestRunner(stream=io.StringIO()).run(inner).wasSuccessful())

if __name__ == "__main__":
    assert sys.argv == ["runtests.py", "--some"], sys.argv
    import __main__
    result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(Tests))
    sys.exit(not result.wasSuccessful())
"""


@pytest.mark.parametrize("way", ["bare", "recorded"])
def test_a_run_writes_down_each_outcome_and_its_sql(tmp_path: Path, way: str) -> None:
    (tmp_path / "runtests.py").write_text(RUNTESTS)
    (tmp_path / "test_sqlite.py").write_text(
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    )
    outcomes = tmp_path / "outcomes.jsonl"

    done = subprocess.run(
        [sys.executable, str(SUITE), way, str(outcomes), "--some"],
        cwd=tmp_path,
        env={
            "DJANGO_SETTINGS_MODULE": "test_sqlite",
            "SIGNALSCOPE": "{}",
            "SIGNALSCOPE_JOURNAL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    with outcomes.open() as lines:
        held = read(lines, LOG)
    found = {test.rpartition(".")[2]: one for test, one in held.outcomes.items()}
    assert done.returncode == 1, done.stderr
    assert [outcome for outcome, *_ in found["test_parts"]] == ["failed"]
    assert "odd" in found["test_parts"][0].note
    assert found["test_later"] == [Outcome("skipped", 0, "not now")]
    # Django asks SQLite for its own settings when it connects, before the test's one statement.
    assert found["test_asks"][0].outcome == "passed"
    assert found["test_asks"][0].sql >= 1
    assert found["test_runs_tests"] == [Outcome("passed", 1)]
    assert len(found) == 4
    assert held.end is not None
    assert held.end["status"] == 1
    if way == "recorded":
        assert held.end["heard"] == 3
        assert (held.end["faults"], held.end["dropped"], held.end["landed"]) == (0, 0, True)
