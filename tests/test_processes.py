"""Which process an entry comes from: what it is called, its colour, the legend of the stream."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

import msgspec
import pytest
from django.core.signals import setting_changed

from dashboard import processes
from dashboard.events import HUES, Emission, Process, decode
from dashboard.query import parse
from dashboard.stream import legends
from dashboard.stream.roll import OTHERS, SHOWN, Roll

from .hearing import hearing
from .samples import emission

GUNICORN = Process("web-1", 4711, "MainThread", "gunicorn")
SHELL = Process("web-1", 4712, "MainThread", "shell")


# --- what a process is called ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (["manage.py", "runserver", "8000"], "runserver"),
        (["/app/manage.py", "shell", "-c", "secret"], "shell"),
        (["/usr/lib/python3/site-packages/django/__main__.py", "migrate"], "migrate"),
        (["/venv/bin/gunicorn", "--bind", "x"], "gunicorn"),
        (["/lib/site-packages/daphne/__main__.py", "config.asgi"], "daphne"),
        (["gunicorn.exe"], "gunicorn"),
        (["caf\udce9.py"], "caf?.py"),
        (["manage.py", "--help"], "manage.py"),
        (["manage.py"], "manage.py"),
        (["-c", "token=secret"], "python"),
        ([""], "python"),
        ([], "python"),
        (["import_feed.py", "--password=x"], "import_feed.py"),
        (["x" * 1_000], "x" * processes.LONGEST),
    ],
)
def test_a_process_is_called_after_its_program_and_never_after_its_arguments(
    argv: Sequence[str], role: str
) -> None:
    assert processes.role_of(argv) == role


def test_what_is_recorded_says_in_which_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "import_feed", "--token=x"])
    with hearing() as heard:
        setting_changed.send("sender", setting="X", value=1, enter=True)
    recorded = heard.emissions("setting_changed")[-1].process
    assert recorded is not None
    assert (recorded.host, recorded.pid, recorded.role) == (socket.gethostname(), os.getpid(), "import_feed")


def test_an_entry_of_a_version_that_told_no_role_is_read() -> None:
    body = msgspec.json.decode(msgspec.json.encode(emission(process=GUNICORN)))
    del body["process"]["role"]
    old = decode(msgspec.json.encode(body))
    assert isinstance(old, Emission)
    assert old.process == Process("web-1", 4711, "MainThread")


def test_neighbouring_processes_have_different_colours_and_one_has_the_same_everywhere() -> None:
    hues = [Process("web-1", pid).hue for pid in range(4711, 4711 + HUES)]
    assert sorted(hues) == list(range(HUES))
    assert Process("web-1", 4711, "other thread", "gunicorn").hue == hues[0]
    assert 0 <= Process("\ud800", 1).hue < HUES


@pytest.mark.parametrize("term", ["process:gunicorn", "process:=web-1:4711", "process:4711"])
def test_a_process_is_found_by_what_runs_there_and_by_its_number(term: str) -> None:
    assert parse(term).matches(emission(process=GUNICORN))
    assert not parse(term).matches(emission(process=SHELL))


# --- the roll -------------------------------------------------------------------------------------


def many(first: int, count: int) -> list[Process]:
    return [Process("web-1", pid, "", "worker") for pid in range(first, first + count)]


def test_a_new_process_takes_the_place_of_the_one_that_recorded_longest_ago() -> None:
    roll = Roll(many(1, SHOWN))
    roll.add(many(1, 1))
    roll.add(many(100, 1))
    assert [one.pid for one in roll.shown] == [100, *range(SHOWN, 2, -1), 1]
    assert roll.others == 1


def test_with_more_at_work_than_are_shown_the_legend_stands_still() -> None:
    roll = Roll(many(1, SHOWN + 4))
    before = roll.text
    for _ in range(3):
        roll.add(many(1, SHOWN + 4))
    assert roll.text == before
    assert roll.others == 4


def test_however_many_processes_there_were_a_bounded_number_is_kept_and_the_others_counted() -> None:
    roll = Roll(many(1, 500))
    assert len(roll.shown) == SHOWN
    assert roll.others == 500 - SHOWN
    assert len(msgspec.json.decode(roll.text)) == SHOWN + OTHERS


def test_a_page_that_comes_back_goes_on_with_its_roll() -> None:
    roll = Roll([*many(1, SHOWN + 2), GUNICORN])
    again = Roll.of(roll.text)
    assert again.shown == roll.shown
    assert (again.others, again.text) == (roll.others, roll.text)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[1]", '[["a", "b", "c"]]', "[" * 5_000, '[["\ud800",1,""]]']
)
def test_a_malformed_roll_is_an_empty_one(text: str) -> None:
    assert Roll.of(text).shown == []


# --- the legend ------------------------------------------------------------------------------------


def test_of_one_process_there_is_no_legend() -> None:
    assert " hidden" in legends.processes(Roll([GUNICORN]), "tree", parse(""))
    assert " hidden" in legends.processes(Roll(), "tree", parse(""))


def test_the_legend_names_each_process_and_leads_to_its_rows() -> None:
    markup = legends.processes(Roll([GUNICORN, SHELL]), "flat", parse("is:error"))
    assert " hidden" not in markup
    assert "q=is%3Aerror+process%3A%3Dweb-1%3A4711&amp;layout=flat" in markup
    assert "Show only gunicorn, pid 4711 on web-1" in markup
    assert 'aria-pressed="true"' not in markup
    assert "of-many-hosts" not in markup


def test_the_chosen_process_is_pressed_and_leads_back_to_all() -> None:
    markup = legends.processes(Roll([GUNICORN, SHELL]), "tree", parse("process:=web-1:4711"))
    assert markup.count('aria-pressed="true"') == 1
    assert 'href="/signals/"' in markup


def test_of_several_hosts_each_process_tells_its_own() -> None:
    markup = legends.processes(Roll([GUNICORN, Process("web-2", 4711)]), "tree", parse(""))
    assert "of-many-hosts" in markup
    assert '<span class="host">web-2:</span>' in markup


def test_names_from_the_journal_are_escaped() -> None:
    hostile = Process('"><script>', 1, "", "<img src=x>")
    markup = legends.processes(Roll([hostile, SHELL]), "tree", parse(""))
    assert "<script" not in markup
    assert "<img" not in markup
