"""``manage.py signals list`` and ``tail``: what they print, follow, refuse, and how they end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.core.management.color import color_style, no_style
from django.db.models.signals import post_save

from dashboard import events
from dashboard.causality import SUPPRESSED, current
from dashboard.events import Bypass, Entry, Gap, Instance, Late, Outcome, Transaction
from dashboard.journal import Journal, JournalError, open_journal
from dashboard.management import listing, tailing
from dashboard.management.sentences import sentence
from dashboard.management.terminal import Terminal, printable
from dashboard.registrations import Registration

from .samples import NOON, POST_SAVE, PRE_SAVE, TRACE, admin_add, at, boom, call, emission, origin

ROOT = Path(__file__).parent.parent


@pytest.fixture
def journal(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Journal]:
    """An empty journal that the command reads."""
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    url = f"sqlite:///{tmp_path}/journal.sqlite3"
    settings.SIGNALSCOPE = {"JOURNAL": url}
    opened = open_journal(url)
    opened.head()
    yield opened
    opened.close()


class Output(OutputWrapper):
    """What a command wrote, and whether it is a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.text = io.StringIO()
        super().__init__(self.text)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Return what the test asked for."""
        return self._terminal

    @property
    def lines(self) -> list[str]:
        """The lines written so far."""
        return self.text.getvalue().splitlines()


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("signals", *arguments, stdout=out)
    return out.getvalue().splitlines()


def tail(*arguments: str) -> list[str]:
    return run("tail", "--no-follow", *arguments)


def ids(*arguments: str) -> list[str]:
    return [json.loads(line)["id"] for line in tail("--json", *arguments)]


def numbered(count: int, start: int = 1) -> list[Entry]:
    return [emission(f"e{number}", number) for number in range(start, start + count)]


def text_of(entry: Entry, slow_ms: float = 50.0) -> str:
    out = Output()
    Terminal(out, Output(), no_style()).line(sentence(entry, slow_ms))
    (line,) = out.lines
    return line


# --- list ------------------------------------------------------------------------------------


def ring(**kwargs: Any) -> None: ...


async def ring_later(**kwargs: Any) -> None: ...


@pytest.fixture
def connected() -> Iterator[None]:
    """Two receivers of ``post_save`` by ``Group``, one of each sort."""
    post_save.connect(ring, sender=Group)
    post_save.connect(ring_later, sender=Group, weak=False, dispatch_uid="bell\x1b[31m")
    yield
    post_save.disconnect(ring, sender=Group)
    post_save.disconnect(sender=Group, dispatch_uid="bell\x1b[31m")


@pytest.mark.usefixtures("connected")
def test_list_groups_by_signal_and_aligns_order_sender_receiver_place_and_traits() -> None:
    lines = run("list")
    header = next(line for line in lines if line.startswith(POST_SAVE))
    first = next(line for line in lines if f"{__name__}.ring " in line)
    second = next(line for line in lines if f"{__name__}.ring_later " in line)

    assert header.split("  ")[1].endswith(" registrations")
    assert lines.index(header) < lines.index(first) < lines.index(second)
    places = [line.split()[0].split("/") for line in (first, second)]
    assert int(places[0][0]) + 1 == int(places[1][0]) == int(places[0][1]) == int(places[1][1])
    assert first.split()[1] == "auth.Group"
    assert f"tests/test_command_signals.py:{ring.__code__.co_firstlineno}" in first
    assert first.endswith("  weak, sync")
    assert second.endswith("  strong, async, uid=bell\ufffd[31m")
    assert first.index("weak") == second.index("strong")
    assert lines[-1].endswith(" registrations.")


@pytest.mark.usefixtures("connected")
def test_list_as_json_is_one_registration_a_line() -> None:
    found = [json.loads(line) for line in run("list", "--json")]
    (one,) = [each for each in found if each["receiver"] == f"{__name__}.ring_later"]

    assert set(one) == set(Registration.__struct_fields__)
    assert (one["signal"], one["sender"], one["weak"], one["is_async"]) == (
        POST_SAVE,
        "auth.Group",
        False,
        True,
    )
    assert one["dispatch_uid"] == "bell\x1b[31m"


def test_list_names_the_signals_that_nobody_listens_to() -> None:
    text = "\n".join(run("list"))

    assert "signals without receivers" in text
    assert "django.test.signals.template_rendered" in text


def test_list_names_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Registration(
        key="k", signal="app.bell", family="custom", receiver="(collected)", order=0, alive=False
    )
    monkeypatch.setattr(listing, "registrations", lambda: [gone])

    assert run("list")[:2] == [
        "app.bell  1 registration",
        "  -  any sender  (collected)  -  weak, gone, sync",
    ]


def test_list_says_when_urls_cannot_be_imported_and_lists_the_rest(settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "no.such.urls"
    out, err = io.StringIO(), io.StringIO()

    call_command("signals", "list", stdout=out, stderr=err)

    assert "The project's URLs cannot be imported (ModuleNotFoundError" in err.getvalue()
    assert "registrations." in out.getvalue()


# --- tail, text ------------------------------------------------------------------------------


def test_an_emission_is_one_line_with_signal_subject_and_calls() -> None:
    entry = emission(
        ms=1.5,
        duration_us=93_400.0,
        calls=[
            call(duration_us=75_600.0, queries=2, flags=["n+1:2"]),
            call("app.index", duration_us=17_500.0),
        ],
        flags=["loop"],
    )

    assert text_of(entry) == (
        "      0  12:00:00.001  post_save        93.4 ms  demo_app.Post #42 [loop]"
        "  > make_thumbnail 75.6 ms (2 queries) [n+1:2], index 17.5 ms"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"instance": None}, "demo_app.Post"),
        ({"instance": Instance(pk=None)}, "demo_app.Post (new)"),
        ({"sender": None, "instance": None}, "no sender"),
        (
            {"sender": "demo_app.Post.tags", "instance": Instance(pk="7", model="demo_app.Post")},
            "demo_app.Post.tags demo_app.Post #7",
        ),
    ],
)
def test_the_subject_is_sender_and_instance(fields: dict[str, Any], expected: str) -> None:
    assert text_of(emission(**fields)) == f"      0  12:00:00.000  post_save         1.0 ms  {expected}"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            call("app.mail", outcome="raised", error=boom()),
            "mail 0.7 ms raised ConnectionRefusedError: [Errno 111] Connection refused",
        ),
        (call("app.mail", outcome="raised"), "mail 0.7 ms raised"),
        (call("app.mail", outcome="cancelled"), "mail 0.7 ms cancelled"),
        (call("app.mail", outcome="running"), "mail still running"),
    ],
)
def test_a_call_that_did_not_return_says_so(one: Any, expected: str) -> None:
    assert text_of(emission(calls=[one])).endswith(f"  > {expected}")


def test_of_many_calls_the_first_are_shown_and_the_rest_counted() -> None:
    line = text_of(emission(calls=[call()] * 25))

    assert line.count("make_thumbnail") == 20
    assert line.endswith(", and 5 more")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (origin("opened"), "request                   POST /admin/demo_app/post/add/ begins"),
        (origin("closed"), "request           148 ms  POST /admin/demo_app/post/add/ ends, 302, admin"),
        (
            origin(
                "closed", type="command", verb="manage.py", title="x", status="failed", error="ValueError"
            ),
            "command           148 ms  manage.py x ends, failed, admin, ValueError",
        ),
        (
            Bypass(at=NOON, id="b", operation="update", sender="app.Tag", rows=2, skipped=["app.a", "app.b"]),
            "bypass            0.0 ms  app.Tag update of 2 rows  skipped a, b",
        ),
        (
            Bypass(at=NOON, id="b", operation="update", sender="app.Tag"),
            "bypass            0.0 ms  app.Tag update",
        ),
        (
            Outcome(at=NOON, block="t", alias="default", state="rolled back", emissions=3, duration_us=2e3),
            "transaction       2.0 ms  rolled back on default, 3 emissions inside",
        ),
        (
            Outcome(at=NOON, block="t", alias="default", state="committed", savepoint=True, emissions=1),
            "savepoint         0.0 ms  committed on default, 1 emission inside",
        ),
        (
            Gap(at=NOON, dropped=412, reason="the buffer was full", until=at(62)),
            "gap                       412 entries dropped until 12:00:00.062: the buffer was full",
        ),
        (
            Gap(at=NOON, dropped=0, reason="The journal began anew."),
            "gap                       The journal began anew.",
        ),
        (
            events.decode(b'{"kind": "telepathy", "at": "2026-01-01T12:00:00Z"}'),
            "telepathy                 recorded by a newer version; --json shows it",
        ),
    ],
)
def test_every_kind_of_entry_is_one_line(entry: Entry, expected: str) -> None:
    assert text_of(entry) == f"      0  12:00:00.000  {expected}"


def test_names_cannot_steer_the_terminal() -> None:
    line = text_of(emission(sender="app.\x1b]0;owned\x07\nPost\u202e", calls=[call("app.\x9b31mcall\r")]))

    assert line.isprintable()
    assert "app.\ufffd]0;owned\ufffd\ufffdPost\ufffd" in line
    assert printable("plain, café") == "plain, café"


def test_colour_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = emission(calls=[call(duration_us=60_000.0), call(outcome="raised", error=boom())])
    for output, coloured in ((Output(terminal=True), True), (Output(), False)):
        Terminal(output, Output(), color_style(force_color=True)).line(sentence(entry, 50.0))
        assert ("\x1b[" in output.lines[0]) is coloured

    forced = Output()
    Terminal(forced, Output(), color_style(force_color=True), force_color=True).line(sentence(entry, 50.0))
    assert "\x1b[" in forced.lines[0]


def test_text_that_the_terminal_cannot_show_is_replaced() -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii", write_through=True)

    Terminal(OutputWrapper(narrow), Output(), no_style()).line(["caf\u00e9"])

    assert raw.getvalue() == b"caf?\n"


# --- tail, which entries ---------------------------------------------------------------------


def test_tail_shows_the_newest_ten_oldest_first(journal: Journal) -> None:
    journal.append(numbered(12))

    assert ids() == [f"e{number}" for number in range(3, 13)]


def test_tail_of_an_empty_journal_prints_nothing(journal: Journal) -> None:
    assert tail() == []
    assert tail("--since", "0", "--json") == []


def test_tail_since_shows_everything_after_that_seq(journal: Journal) -> None:
    journal.append(numbered(1_203))

    assert ids("--since", "1200") == ["e1201", "e1202", "e1203"]
    assert len(ids("--since", "0")) == 1_203
    assert ids("--since", "1203") == []


def test_limit_shows_the_newest_or_with_since_the_first(journal: Journal) -> None:
    journal.append(numbered(30))

    assert ids("--limit", "2") == ["e29", "e30"]
    assert len(ids("--limit", "20")) == 20
    assert ids("--since", "3", "--limit", "2") == ["e4", "e5"]


def test_json_is_what_the_journal_holds(journal: Journal) -> None:
    journal.append(admin_add())
    lines = tail("--json", "--since", "0")

    assert lines == [events.encode(entry).decode() for entry in journal.read(0, 100)]
    found = [json.loads(line) for line in lines]
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    failed = found[-2]
    assert (failed["kind"], failed["method"], failed["calls"][0]["outcome"]) == (
        "emission",
        "send_robust",
        "raised",
    )
    assert failed["at"].endswith("Z")


def test_text_is_one_line_an_entry(journal: Journal) -> None:
    journal.append(admin_add())
    lines = tail()

    assert len(lines) == len(admin_add())
    assert "ConnectionRefusedError" in lines[-2]


def test_the_backlog_is_of_matching_entries(journal: Journal) -> None:
    journal.append([*admin_add(), *numbered(900, start=100)])

    assert ids("--filter", "signal:post_published") == ["e5"]
    assert ids("--filter", "is:error or pk:nothing") == ["e5"]


def test_the_search_for_a_backlog_is_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([emission("rare", sender="app.Rare"), *numbered(1_500)])

    assert ids("--filter", "sender:Rare") == ["rare"]
    monkeypatch.setattr(tailing, "SEARCHED", 1_000)
    assert ids("--filter", "sender:Rare") == []


def test_a_filter_on_the_origin_finds_what_it_caused(journal: Journal) -> None:
    elsewhere = [origin("opened", title="/", trace="cc" * 16), *numbered(1)]
    elsewhere[1].trace = "cc" * 16
    journal.append([*admin_add(), *elsewhere])

    assert ids("--since", "1", "--limit", "5", "--filter", "user:admin signal:*") == [
        "e1",
        "e2",
        "e4",
        "e3",
        "e5",
    ]
    assert ids("--filter", "origin:/admin/ signal:post_published") == ["e5"]
    assert ids("--since", "0", "--filter", "origin:=/ signal:*") == ["e1"]


def test_only_a_bounded_number_of_origins_is_remembered(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "_TRACES", 3)
    backgrounds = tailing._Backgrounds(journal)
    for number in range(10):
        backgrounds.of(emission(trace=f"t{number}"))

    assert len(backgrounds._known) == 3


def test_a_seq_that_is_pruned_or_not_there_yet_is_mentioned(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.append(numbered(20))
    assert tail("--since", "99") == []
    assert "newest seq is 20: there is nothing after 99 yet" in capsys.readouterr().err

    journal.prune(keep=5)
    assert ids("--since", "3") == ["e16", "e17", "e18", "e19", "e20"]
    assert "begins at seq 16: 4 to 15 are gone" in capsys.readouterr().err

    ids("--since", "15")
    assert capsys.readouterr().err == ""


# --- tail, following -------------------------------------------------------------------------


def follow(steps: list[Callable[[], object]], **options: Any) -> tuple[Output, Output]:
    """Follow the journal, taking one step at each pause, and interrupt after the last."""
    out, err = Output(), Output()
    waiting = iter(steps)

    def sleep(seconds: float) -> None:
        step = next(waiting, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    given: dict[str, Any] = {"json": True, "since": None, "no_follow": False, "filter": "", "limit": None}
    with pytest.raises(KeyboardInterrupt):
        tailing.run(given | options, Terminal(out, err, no_style()), sleep)
    return out, err


def followed(out: Output) -> list[str]:
    return [json.loads(line)["id"] for line in out.lines]


def test_tail_follows_what_comes_without_loss_or_repetition(journal: Journal) -> None:
    journal.append(numbered(12))

    out, _ = follow(
        [lambda: journal.append(numbered(2, 13)), lambda: None, lambda: journal.append(numbered(1, 15))]
    )

    assert followed(out) == [f"e{number}" for number in range(3, 16)]


def test_what_matches_once_its_transaction_was_rolled_back_is_printed_then(journal: Journal) -> None:
    block = Transaction("default", "open", ["t1"])
    undone = Outcome(at=NOON, block="t1", trace=TRACE, alias="default", state="rolled back", emissions=1)
    journal.append([origin("opened"), emission("undone", transaction=block)])

    out, _ = follow(
        [lambda: journal.append([emission("kept"), undone])], since=0, filter="sender:Post is:rolled-back"
    )

    assert followed(out) == ["undone"]


def test_what_was_printed_and_matches_no_more_is_named(journal: Journal) -> None:
    block = Transaction("default", "open", ["t1"])
    undone = Outcome(at=NOON, block="t1", trace=TRACE, alias="default", state="rolled back", emissions=12)
    many = [emission(f"e{number}", transaction=block) for number in range(12)]
    journal.append([origin("opened"), *many, emission("stays")])

    out, err = follow([lambda: journal.append([undone])], since=0, filter="sender:Post -is:rolled-back")

    assert followed(out) == [*(f"e{number}" for number in range(12)), "stays"]
    assert err.lines == [
        (
            "Printed above, and not matching any more since seq 15: "
            "seq 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more."
        )
    ]


def test_what_matches_for_its_user_is_printed_when_the_request_has_ended(journal: Journal) -> None:
    journal.append([origin("opened"), emission("before", signal=PRE_SAVE), emission("mine")])

    out, _ = follow(
        [
            lambda: journal.append([emission("mine too")]),
            lambda: journal.append([origin("closed"), emission("after")]),
        ],
        since=1,
        filter="signal:post_save user:admin",
    )

    assert followed(out) == ["mine", "mine too", "after"]


@pytest.mark.parametrize("filter", ["is:error", "is:error user:admin"])
def test_what_matches_for_how_a_call_ended_that_outlived_it_is_printed_then(
    journal: Journal, filter: str
) -> None:
    running = emission("late", calls=[call(outcome="running")])
    end = Late(trace=TRACE, at=NOON, emission="late", index=0, call=call(outcome="raised", error=boom()))
    journal.append([origin("opened"), running, emission("other"), origin("closed")])

    out, _ = follow([lambda: journal.append([end, emission("after")])], since=1, filter=filter)

    assert followed(out) == ["late"]


def test_tail_follows_with_since_and_filter(journal: Journal) -> None:
    journal.append(numbered(3))
    more: list[Entry] = [emission("no", sender="app.Other"), emission("yes")]

    out, _ = follow([lambda: journal.append(more)], since=2, filter="sender:demo_app.*")

    assert followed(out) == ["e3", "yes"]


def test_tail_ends_at_its_limit_while_following(journal: Journal) -> None:
    journal.append(numbered(1))
    out = Output()
    options = {"json": True, "since": None, "no_follow": False, "filter": "", "limit": 3}

    tailing.run(options, Terminal(out, Output(), no_style()), lambda _: journal.append(numbered(5, 2)))

    assert followed(out) == ["e1", "e2", "e3"]


def test_tail_goes_on_in_a_journal_that_began_anew(journal: Journal, tmp_path: Path) -> None:
    journal.append(numbered(5))

    def replace() -> None:
        for file in tmp_path.iterdir():
            file.unlink()
        journal.append(numbered(2, 50))

    out, err = follow([replace, lambda: None])

    assert followed(out) == ["e1", "e2", "e3", "e4", "e5", "e50", "e51"]
    assert "The journal began anew" in err.lines[0]


def test_tail_outlives_a_journal_that_cannot_be_read_for_a_while(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(numbered(1))
    opened: list[Journal] = []
    broken = [True]

    def open_and_keep(url: str) -> Journal:
        opened.append(open_journal(url))
        return opened[0]

    def fail() -> None:
        read = opened[0].read

        def sometimes(after: int, limit: int) -> list[Entry]:
            if broken:
                raise JournalError("The journal cannot be read: disk on fire. Put it out.")
            return read(after, limit)

        monkeypatch.setattr(opened[0], "read", sometimes)
        journal.append(numbered(1, 2))

    monkeypatch.setattr(tailing, "open_journal", open_and_keep)

    out, err = follow([fail, lambda: None, broken.clear])

    assert followed(out) == ["e1", "e2"]
    assert err.lines == ["The journal cannot be read: disk on fire. Put it out."]


# --- refusals --------------------------------------------------------------------------------


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        tail(*arguments)
    return str(caught.value)


@pytest.mark.usefixtures("journal")
def test_a_filter_that_does_not_parse_is_shown_with_a_caret() -> None:
    message, text, caret = refused("--filter", "is:error sendr:Post").splitlines()

    assert message.startswith(
        "The filter does not parse at column 10. sendr: is no key. Did you mean sender:?"
    )
    assert text == "  is:error sendr:Post"
    assert text[caret.index("^") : caret.rindex("^") + 1] == "sendr:Post"


@pytest.mark.usefixtures("journal")
def test_of_a_long_filter_the_part_around_the_error_is_shown() -> None:
    _, text, caret = refused("--filter", "a" * 900 + " sendr:\x1bx " + "b" * 900).splitlines()

    assert len(text) < 100
    assert text[caret.index("^") :].startswith("sendr:\ufffdx")


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "-1"], "'-1' is no seq"),
        (["--since", "abc"], "'abc' is no seq"),
        (["--since", "9" * 30], "is no seq"),
        (["--limit", "0"], "0 entries would print nothing"),
    ],
)
def test_a_number_that_is_none_is_refused(arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


def test_a_journal_that_cannot_be_read_is_an_error(settings: LazySettings, tmp_path: Path) -> None:
    settings.SIGNALSCOPE = {"JOURNAL": f"sqlite:///{tmp_path}/no/such/folder/journal.sqlite3"}

    assert "folder" in refused()


def test_a_subcommand_is_needed() -> None:
    with pytest.raises(CommandError, match="subcommand"):
        call_command("signals")


def test_django_s_own_options_are_taken_before_and_after_the_subcommand(journal: Journal) -> None:
    journal.append(numbered(1))
    out = io.StringIO()
    call_command("signals", "tail", "--no-follow", "--force-color", "--traceback", stdout=out)
    after = out.getvalue()
    out = io.StringIO()
    call_command("signals", "--force-color", "tail", "--no-follow", stdout=out)

    assert "\x1b[" in after
    assert out.getvalue() == after
    assert "\x1b[" not in "".join(tail("--no-color"))


# --- the command as a process ----------------------------------------------------------------


def test_what_the_command_does_is_not_recorded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(tailing, "run", lambda options, terminal: seen.append(current.get()))

    tail()

    assert seen == [SUPPRESSED]
    assert current.get() is None


@pytest.fixture
def environment(journal: Journal) -> dict[str, str]:
    """The environment of a process that reads the journal of this test."""
    return {**os.environ, "SIGNALSCOPE_JOURNAL": journal.url, "PYTHONPATH": os.pathsep.join(sys.path)}


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "signals", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_another_process_s_tail_prints_what_is_stored_and_ends_quietly_on_ctrl_c(
    journal: Journal, environment: dict[str, str]
) -> None:
    journal.append(numbered(1))
    with start(environment, "tail", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["id"] == "e1"

        journal.append(numbered(1, 2))
        assert json.loads(process.stdout.readline())["id"] == "e2"

        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)

    assert (rest, errors, process.returncode) == ("", "", 0)
    assert journal.head().seq == 2


def test_a_closed_pipe_ends_the_tail_quietly_even_when_nothing_more_comes(
    journal: Journal, environment: dict[str, str]
) -> None:
    journal.append(numbered(3))
    with start(environment, "tail") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "post_save" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def test_a_closed_pipe_ends_a_long_output_quietly(journal: Journal, environment: dict[str, str]) -> None:
    journal.append(numbered(5_000))
    with start(environment, "tail", "--no-follow", "--since", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def test_a_line_begins_with_the_seq_that_since_takes() -> None:
    assert text_of(emission(seq=48_213)).startswith("  48213  12:00:00.000  post_save")
