"""A trace in depth: transactions, bypasses, loops, own time, the critical path, totals, the overview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboard.events import Bypass, Cause, Effect, Emission, Entry, Outcome, Raised, Statement, Transaction
from dashboard.traces.fates import Fates, flags_of_call
from dashboard.traces.loops import FIRST, LAST, spelled
from dashboard.traces.overview import overview, ruler
from dashboard.traces.timing import critical_path, own_us, totals
from dashboard.traces.tree import Sieve, TraceTree, assemble

from .samples import TRACE, admin_add, at, call, emission, origin

ALL = Sieve(transactions=True)


def within(*blocks: str) -> Transaction:
    return Transaction("default", "open" if blocks else "autocommit", list(blocks))


def outcome(block: str, ms: float, took_ms: float, state: str = "rolled back", **fields: Any) -> Outcome:
    values: dict[str, Any] = {"trace": TRACE, "at": at(ms), "alias": "default", "emissions": 1}
    return Outcome(block=block, state=state, duration_us=took_ms * 1000, **(values | fields))  # type: ignore[arg-type]


def bypass(id: str = "b1", ms: float = 5.0, **fields: Any) -> Bypass:
    values: dict[str, Any] = {
        "trace": TRACE, "at": at(ms), "operation": "update()", "sender": "demo_app.Tag", "rows": 2,
        "duration_us": 700.0, "skipped": ["app.one", "app.two"],
    }  # fmt: skip
    return Bypass(id=id, **(values | fields))


def loop(rounds: int) -> list[Entry]:
    """Return a save in post_save, so many rounds deep, the innermost first; the innermost raised."""
    error = Raised("builtins.RecursionError", "maximum recursion depth exceeded")
    entries: list[Entry] = []
    for number in range(rounds, 0, -1):
        touch = call("app.touch", outcome="raised", error=error, offset_us=1.0, duration_us=1000.0 - number)
        entries.append(
            emission(
                f"e{number}",
                number / 1000,
                duration_us=1001.0 - number,
                cause=Cause(f"e{number - 1}", 0) if number > 1 else None,
                flags=[f"loop:{number}"] if number > 1 else [],
                calls=[touch],
            )
        )
    return entries


def kinds(tree: TraceTree, sieve: Sieve = ALL) -> list[tuple[int, str]]:
    return [(row.level, row.kind) for row in tree.rows(sieve=sieve).rows]


# --- transactions --------------------------------------------------------------------------------


def test_a_transaction_stands_before_what_was_sent_in_it() -> None:
    sent = emission("e1", 10, duration_us=2000.0, transaction=within("k1"), calls=[call()])
    tree = assemble([sent, outcome("k1", 15, 8, "committed")])
    assert kinds(tree) == [(2, "transaction"), (2, "emission"), (3, "call")]


def test_a_transaction_begun_in_a_call_stands_below_the_call() -> None:
    outer = emission("e1", 0, duration_us=20_000.0, calls=[call(offset_us=0.0, duration_us=20_000.0)])
    inner = emission(
        "e2", 6, cause=Cause("e1", 0), duration_us=2000.0, transaction=within("k1"), calls=[call()]
    )
    tree = assemble([inner, outcome("k1", 10, 5), outer])
    assert kinds(tree)[:4] == [(2, "emission"), (3, "call"), (4, "transaction"), (4, "emission")]


def test_only_transactions_that_were_rolled_back_have_a_row_in_the_stream() -> None:
    sent = emission("e1", 10, transaction=within("k1", "k2"), calls=[call()])
    ends = [outcome("k2", 14, 2, savepoint=True), outcome("k1", 15, 8, "committed")]
    rows = assemble([sent, *ends]).rows().rows
    shown = [row.fate.words for row in rows if row.fate and row.kind == "transaction"]
    assert shown == ["rolled back after 1 receiver had run"]


def test_a_rolled_back_savepoint_decides_whatever_came_around_it() -> None:
    sent = emission(transaction=within("k1", "k2"), calls=[call(), call()])
    fates = Fates([sent, outcome("k1", 9, 9, "committed"), outcome("k2", 5, 2, savepoint=True)])
    fate = fates.of(sent.transaction)
    assert fate is not None
    assert fate.words == "rolled back after 2 receivers had run"


def test_without_a_known_end_there_is_no_fate() -> None:
    assert Fates([]).of(within("k1")) is None
    assert Fates([]).of(within()) is None
    assert Fates([]).of(None) is None


def test_a_released_savepoint_shares_the_end_of_the_outermost_block() -> None:
    fate = Fates([outcome("k1", 9, 9, "committed")]).of(within("k1", "k2"))
    assert fate is not None
    assert fate.words == "committed"


def test_effects_are_flagged_only_where_the_transaction_was_rolled_back() -> None:
    mailed = call(effects=[Effect("mail", "to 1 recipient"), Effect("on_commit", "app.reindex")])
    sent = emission(transaction=within("k1"), calls=[mailed])
    back = Fates([sent, outcome("k1", 9, 9)]).kept(sent, mailed)

    assert [flag.label for flag in flags_of_call(back)] == ["mail sent", "on_commit lost"]
    assert "reindex, planned for the commit, will never run" in flags_of_call(back)[1].title
    assert Fates([sent, outcome("k1", 9, 9, "committed")]).kept(sent, mailed) == []
    assert Fates([sent]).kept(sent, mailed) == []


def test_an_effect_in_blocks_of_its_own_shares_their_end() -> None:
    mailed = call(
        effects=[Effect("mail", "to 1 recipient", blocks=["k1", "k2"]), Effect("cache", "set", blocks=[])]
    )
    sent = emission(transaction=within("k1"), calls=[mailed])
    inner = [outcome("k1", 9, 9, "committed"), outcome("k2", 8, 5)]
    assert [effect.kind for effect in Fates([sent, *inner]).kept(sent, mailed)] == ["mail"]
    assert Fates([sent, inner[0]]).kept(sent, mailed) == []


# --- bypasses ------------------------------------------------------------------------------------


def test_a_bypass_stands_below_the_call_that_did_it() -> None:
    outer = emission("e1", 0, duration_us=20_000.0, calls=[call(offset_us=0.0, duration_us=20_000.0)])
    rows = assemble([bypass(cause=Cause("e1", 0)), outer]).rows().rows
    assert [(row.level, row.kind) for row in rows] == [(2, "emission"), (3, "call"), (4, "bypass")]
    assert rows[2].tag == "update() of 2 rows"
    assert [flag.label for flag in rows[2].flags] == ["2 receivers skipped"]


def test_a_bypass_whose_cause_is_gone_stands_at_the_top_and_says_so() -> None:
    (row,) = assemble([bypass(cause=Cause("missing", 0))]).rows().rows
    assert (row.level, row.orphan) == (2, True)


def test_a_bypass_stored_twice_has_one_row() -> None:
    assert kinds(assemble([bypass(), bypass()])) == [(2, "bypass")]


# --- loops ---------------------------------------------------------------------------------------


def test_a_loop_is_spelled_out() -> None:
    tree = assemble(loop(3))
    text = "post_save Post#42 → touch → post_save Post#42 …"
    assert spelled(tree.nodes["e3"].emission, tree.find) == text
    assert spelled(tree.nodes["e1"].emission, tree.find) == ""
    badge = next(row for row in tree.rows().rows if row.key == "e2").flags[0]
    assert (badge.label, badge.title) == ("loop \u00d72", text)


def test_a_loop_whose_beginning_is_gone_is_spelled_as_far_as_it_is_known() -> None:
    last = loop(3)[0]
    assert isinstance(last, Emission)
    assert spelled(last, lambda _: None) == "… → post_save Post#42 …"


def test_a_long_chain_is_cut_in_the_middle() -> None:
    tree = assemble(loop(240))
    rows = tree.rows(sieve=ALL).rows
    (cut,) = [row for row in rows if row.kind == "cut"]

    assert len(rows) < 2 * (FIRST + LAST) + 3
    assert [row.key for row in rows if row.kind == "emission"] == ["e1", "e2", "e3", "e238", "e239", "e240"]
    assert cut.cut is not None
    assert (cut.cut.rounds, cut.cut.emissions, cut.cut.error) == (234, 234, "RecursionError")


def test_a_long_chain_can_be_shown_whole() -> None:
    tree = assemble(loop(240))
    assert tree.count(ALL._replace(whole_loops=True)) == 480


def test_a_short_loop_is_not_cut() -> None:
    assert "cut" not in {kind for _, kind in kinds(assemble(loop(12)))}


def test_a_chain_deeper_than_pythons_stack_is_drawn() -> None:
    tree = assemble(loop(5000))
    summary = tree.summary
    assert tree.count(ALL) < 20
    assert critical_path(tree.roots, summary.started_us, summary.took_us).steps
    assert totals(tree.roots, 50).by_receiver[0].calls == 5000


# --- what is shorter is left out -------------------------------------------------------------------


def test_rows_below_the_minimum_are_left_out() -> None:
    keys = [row.key for row in assemble(admin_add()).rows(sieve=Sieve(min_us=5000)).rows]
    assert keys == ["e3", "e3.0", "e3.1", "e5", "e5.0"]


def test_a_row_is_found_by_its_emission() -> None:
    tree = assemble(admin_add())
    place = tree.place("e4", ALL)
    assert place is not None
    assert tree.rows(place, 1, sieve=ALL).rows[0].key == "e4"
    assert tree.place("nothing", ALL) is None


# --- time ----------------------------------------------------------------------------------------


def test_own_time_leaves_out_what_was_caused() -> None:
    tree = assemble(admin_add())
    assert own_us(tree.nodes["e3"], 0) == 75_300.0
    assert own_us(tree.nodes["e3"], 1) == 17_500.0


def test_own_time_counts_what_ran_at_once_only_once() -> None:
    outer = emission("e1", 0, duration_us=100_000.0, calls=[call(offset_us=0.0, duration_us=100_000.0)])
    both = [emission(f"c{n}", 10 + n, duration_us=50_000.0, cause=Cause("e1", 0)) for n in range(2)]
    assert own_us(assemble([*both, outer]).nodes["e1"], 0) == 49_000.0


def test_the_critical_path_adds_up_to_the_trace() -> None:
    tree = assemble(admin_add())
    path = critical_path(tree.roots, tree.summary.started_us, tree.summary.took_us)

    assert path.steps[0].receiver == "demo_app.receivers.make_thumbnail"
    assert path.steps[0].own_us == 75_300.0
    assert round(path.sum_us) == 148_000
    assert "e3.0" in path.keys
    assert "e4.0" not in path.keys, "0.1 of 148 ms is no step worth marking"


def test_of_receivers_that_ran_at_once_the_last_one_is_critical() -> None:
    both = [
        call("app.short", offset_us=0.0, duration_us=40_000.0, is_async=True),
        call("app.long", offset_us=10.0, duration_us=90_000.0, is_async=True),
    ]
    sent = emission("e1", 0, method="asend", duration_us=90_100.0, calls=both)
    path = critical_path(assemble([sent]).roots, assemble([sent]).summary.started_us, 90_100.0)
    assert path.keys == {"e1.1"}


def test_totals_count_nested_runs_of_the_same_receiver_once() -> None:
    held = totals(assemble(loop(3)).roots, 50)
    (touch,) = held.by_receiver
    (signal,) = held.by_signal
    assert (touch.calls, touch.total_us) == (3, 999.0)
    assert (signal.emissions, signal.calls, signal.total_us) == (3, 3, 1000.0)
    assert round(touch.own_us + 2, 0) == round(held.in_receivers_us + 2, 0)


def test_queries_are_notches_at_their_time() -> None:
    queried = call(
        offset_us=0.0,
        duration_us=100_000.0,
        statements=[Statement("SELECT 1", 2, 10.0, [10_000.0, 50_000.0])],
    )
    (row,) = [
        row
        for row in assemble([emission(duration_us=100_000.0, calls=[queried])]).rows().rows
        if row.kind == "call"
    ]
    assert [notch.x for notch in row.notches] == ["10.00", "50.00"]


# --- the overview ----------------------------------------------------------------------------------


def test_the_overview_shows_bars_and_the_transaction() -> None:
    entries = [*admin_add(), bypass(), outcome("k1", 146.9, 127, "committed")]
    screen = overview(assemble(entries))
    assert {bar.look for bar in screen.bars} == {"emission", "blip", "err", "ghost"}
    assert [(band.began, band.ended) for band in screen.bands] == [("atomic", "commit +146.9")]


def test_the_overview_of_many_emissions_is_a_histogram() -> None:
    many: list[Entry] = [emission(f"e{n}", n) for n in range(400)]
    screen = overview(assemble([origin(), *many]))
    assert screen.bars == []
    assert screen.paths


def test_the_ruler_ends_with_the_whole_and_its_unit() -> None:
    assert [tick.text for tick in ruler(148_200)] == ["0", "30", "59", "89", "119", "148 ms"]
    assert ruler(0)[-1].text == "0.0 ms"


def test_times_of_a_trace_that_began_before_its_origin_stay_on_the_lane() -> None:
    early = emission("e1", -5, duration_us=1000.0, calls=[call()])
    tree = assemble([origin(ms=0), early, origin("closed", 10, duration_us=10_000.0)])
    assert all(0 <= float(row.span.x) <= 100 for row in tree.rows().rows)
    assert tree.summary.started == at(0) - timedelta(milliseconds=5)
