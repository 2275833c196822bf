"""Calls that outlive their emission: running in its entry, and their end an entry of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import django
import pytest
from django.dispatch import Signal

from dashboard.encoder import Encoder
from dashboard.events import Emission, Entry, Late
from dashboard.journal.base import unpack
from dashboard.late import settled
from dashboard.management.sentences import sentence
from dashboard.query import parse
from dashboard.redaction import Redactor
from dashboard.statistics import calls_of, collect
from dashboard.traces.tree import assemble

from .hearing import hearing
from .samples import boom, call, emission

touched = Signal()

TASK_GROUP = django.VERSION >= (6, 1)
"""Whether Django cancels and awaits the other async receivers when one raises: no call outlives its emission
then. It sends to them in an ``asyncio.TaskGroup`` since 6.1, before that with ``asyncio.gather``."""


@pytest.fixture
def entries() -> Iterator[list[Entry]]:
    """Return the entries of what is heard, each encoded when it is pushed, as a quick writer does."""
    encoder, entries = Encoder(Redactor()), list[Entry]()

    def push(event: Any) -> None:
        packed = encoder.encode(event)
        if packed is not None:
            entries.append(unpack(packed.body, len(entries) + 1))

    with hearing() as heard, mock.patch.object(heard.recorder, "_push", push):
        yield entries


def outlived(connect: Callable[..., None], ending: Callable[[], Any]) -> None:
    """Send a signal whose first receiver raises while the second waits; then let that one end."""

    async def raising(**named: Any) -> None:
        raise ValueError

    async def waiting(**named: Any) -> Any:
        await go_on.wait()
        return ending()

    async def work() -> None:
        with pytest.raises(ValueError, match="^$"):
            await touched.asend(None)
        go_on.set()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    go_on = asyncio.Event()
    connect(touched, raising)
    connect(touched, waiting)
    asyncio.run(work())


def fail() -> None:
    raise ZeroDivisionError


def test_a_call_that_outlives_its_emission_is_running_and_its_end_is_told(
    entries: list[Entry], connect: Callable[..., None]
) -> None:
    outlived(connect, lambda: None)
    if TASK_GROUP:
        (cancelled,) = (entry for entry in entries if isinstance(entry, Emission | Late))
        assert isinstance(cancelled, Emission)
        assert [one.outcome for one in cancelled.calls] == ["raised", "cancelled"]
        return
    sent, late = (entry for entry in entries if isinstance(entry, Emission | Late))
    assert isinstance(sent, Emission)
    assert isinstance(late, Late)
    assert [one.outcome for one in sent.calls] == ["raised", "running"]
    assert (late.emission, late.index, late.trace) == (sent.id, 1, sent.trace)
    assert (late.call.receiver, late.call.outcome) == (sent.calls[1].receiver, "returned")
    assert late.call.duration_us > sent.calls[1].duration_us


def test_the_tree_and_the_summary_know_how_it_ended(
    entries: list[Entry], connect: Callable[..., None]
) -> None:
    outlived(connect, fail)
    tree = assemble(entries)
    (node,) = tree.nodes.values()
    second = "cancelled" if TASK_GROUP else "raised"
    assert [one.outcome for one in node.emission.calls] == ["raised", second]
    assert node.emission.calls[1].error is not None
    assert node.emission.calls[1].error.name == ("CancelledError" if TASK_GROUP else "ZeroDivisionError")
    errors = 1 if TASK_GROUP else 2
    assert (tree.summary.errors, tree.summary.emissions, tree.summary.calls) == (errors, 1, 2)


def test_a_call_that_ends_in_time_has_no_end_of_its_own(
    entries: list[Entry], connect: Callable[..., None]
) -> None:
    async def receiver(**named: Any) -> None:
        await asyncio.sleep(0)

    connect(touched, receiver)
    asyncio.run(touched.asend(None))
    touched.send(None)
    assert not [entry for entry in entries if isinstance(entry, Late)]


def test_an_end_is_put_where_its_emission_is_and_others_entries_stay_as_they_are() -> None:
    sent = emission("e1", calls=[call("a"), call("b", outcome="running")], stopped=["c"])
    ends: list[Entry] = [
        Late(at=sent.at, emission="e1", index=1, call=call("b", outcome="raised", error=boom())),
        Late(at=sent.at, emission="e1", index=2, call=call("c")),
        Late(at=sent.at, emission="elsewhere", index=0, call=call("d")),
    ]
    whole, lost = settled([sent, *ends])
    assert isinstance(whole, Emission)
    assert [(one.receiver, one.outcome) for one in whole.calls] == [
        ("a", "returned"),
        ("b", "raised"),
        ("c", "returned"),
    ]
    assert whole.stopped == []
    assert lost is ends[2]
    assert [one.outcome for one in sent.calls] == ["returned", "running"]


def test_figures_of_the_graph_and_of_the_receivers_count_a_call_as_it_ended() -> None:
    sent = emission("e1", calls=[call("app.slow", outcome="running", duration_us=9.0)])
    end = Late(
        at=sent.at, emission="e1", index=0, call=call("app.slow", outcome="raised", duration_us=3_000.0)
    )
    figures = collect([sent, end], 60.0).nodes["receiver", "app.slow"]
    assert [(sample.duration_us, sample.failed) for sample in figures.samples] == [(3_000.0, True)]
    (ran,) = calls_of([sent, end], [], 60.0).strays.values()
    assert ran.last is not None
    assert (ran.last.outcome, ran.figures.count, ran.figures.errors) == ("raised", 1, 1)


def test_an_end_has_a_line_of_its_own_in_the_terminal_and_is_let_in_by_no_filter() -> None:
    late = Late(at=emission().at, emission="e1", index=0, call=call("app.slow", duration_us=3_200_000))
    line = "".join(part.text for part in sentence(late, 50))
    assert line.split()[2:] == ["late", "end", ">", "slow", "3.2", "s"]
    assert parse("").matches(late)
    assert not parse("is:error").matches(late)
