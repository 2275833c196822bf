"""What the filter's box offers while one types: keys, then what was seen, wherever the cursor stands."""

from __future__ import annotations

import pytest

from dashboard.events import Bypass, Gap, Instance, Process
from dashboard.query import FLAGS, KEYS, parse
from dashboard.query.completion import complete
from dashboard.query.seen import LONGEST, Seen

from .samples import NOON, TRACE, admin_add, call, emission, origin


@pytest.fixture(scope="module")
def seen() -> Seen:
    made = Seen()
    for entry in admin_add():
        made.add(entry)
    made.add(emission(process=Process("web-1", 9, 'Thread "one" (run)'), instance=Instance(pk="a*b")))
    made.add(Bypass(at=NOON, id="b", trace=TRACE, operation="update", sender="demo_app.Tag"))
    return made


def texts(text: str, seen: Seen, cursor: int | None = None) -> list[str]:
    """Return what the box would hold, with ``|`` for the cursor."""
    found = complete(text, len(text) if cursor is None else cursor, seen)
    return [f"{one.text[: one.cursor]}|{one.text[one.cursor :]}" for one in found]


def test_an_empty_box_offers_every_key(seen: Seen) -> None:
    assert texts("", seen) == [f"{key}:|" for key in KEYS if key]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("se", "sender:|"),
        ("ORI", "origin:|"),
        ("is:error re", "is:error receiver:|"),
        ("sender:", "sender:demo_app.Post |"),
        ("sender:TAG", "sender:demo_app.Tag |"),
        ("-sender:po", "-sender:demo_app.Post |"),
        ("(is:slow or -(sender:po", "(is:slow or -(sender:demo_app.Post |"),
        ("receiver:=mail", "receiver:=demo_app.mail.notify_author |"),
        ("signal:publ", "signal:post_published |"),
        ("signal:db.models", "signal:django.db.models.signals.post_save |"),
        ("user:", "user:admin |"),
        ("origin:", "origin:/admin/demo_app/post/add/ |"),
        ("origin:req", "origin:request |"),
        ("site:save_", "site:save_model |"),
        ("process:thr", 'process:"Thread ""one"" (run)" |'),
        ('process:"Thread ""o', 'process:"Thread ""one"" (run)" |'),
        ("pk:a", 'pk:"a*b" |'),
        ("trace:b3", f"trace:{TRACE} |"),
        ("is:", "is:error |"),
        ("is:ro", "is:rolled-back |"),
        ("family:m", "family:m2m |"),
        ("method:as", "method:asend |"),
        ("took:", "took:>10ms |"),
        ("took:>25", "took:>25ms |"),
        ("took:1..2", "took:1..2ms |"),
        ("queries:2", "queries:2..10 |"),
        ("since:10", "since:10s |"),
        ("sendr:Po", "sender:|Po"),
        ("thumb", "receiver:demo_app.receivers.make_thumbnail |"),
        ("roll", "is:rolled-back |"),
        ("(thumb", "(receiver:demo_app.receivers.make_thumbnail |"),
    ],
)
def test_the_best_suggestion_comes_first(seen: Seen, typed: str, first: str) -> None:
    assert texts(typed, seen)[0] == first


@pytest.mark.parametrize(
    ("text", "cursor", "first"),
    [
        ("is:error sen -x", 12, "is:error sender:| -x"),
        ("(sender:po or x)", 10, "(sender:demo_app.Post| or x)"),
        ("(sender:po)", 10, "(sender:demo_app.Post|)"),
        ("rec:make is:error", 3, "receiver:|make is:error"),
        ("sender:demo_app.Posts", 9, "sender:demo_app.Tag |"),
        ("is:error  is:slow", 9, "is:error signal:| is:slow"),
        ('"a b" sen', 9, '"a b" sender:|'),
        ("-is:error", 0, "signal:|-is:error"),
    ],
)
def test_what_stands_around_the_cursor_stays(seen: Seen, text: str, cursor: int, first: str) -> None:
    assert first in texts(text, seen, cursor)


@pytest.mark.parametrize(
    "typed", ["zzzz", "sender:zzz", "is:zzz", '"one two', "zz:y", "x" * 2_100, "sender:demo_app.Post"]
)
def test_nothing_is_offered_where_nothing_fits(seen: Seen, typed: str) -> None:
    assert all(text.replace("|", "") != typed for text in texts(typed, seen))
    assert len(texts(typed, seen)) <= (1 if typed == "sender:demo_app.Post" else 0)


@pytest.mark.parametrize(
    "typed", ["sender:", "process:", "pk:", "signal:", "is:", "took:", "queries:", "since:", "origin:"]
)
def test_every_value_that_is_offered_parses(seen: Seen, typed: str) -> None:
    for one in complete(typed, len(typed), seen):
        (term,) = parse(one.text).terms
        assert term.key == typed.removesuffix(":")
        assert not one.goes_on


def test_every_flag_is_offered_and_explained(seen: Seen) -> None:
    offered = complete("is:", 3, seen)

    assert [one.label for one in offered] == list(FLAGS)
    assert all(one.note for one in offered)


def test_values_are_counted_the_most_used_and_then_the_newest_first() -> None:
    made = Seen()
    for sender in ("a.Often", "a.Early", "a.Often", "a.Late"):
        made.add(emission(sender=sender, instance=None))

    assert [(value.text, value.times) for value in made.values("sender", "A", 9)] == [
        ("a.Often", 2),
        ("a.Late", 1),
        ("a.Early", 1),
    ]
    assert complete("sender:", 7, made)[0].note == "seen 2"


def test_a_value_of_which_a_part_begins_so_comes_before_one_that_contains_it() -> None:
    made = Seen()
    for sender in ("app.Repost", "app.Repost", "app.Post"):
        made.add(emission(sender=sender, instance=None))

    assert [value.text for value in made.values("sender", "post", 9)] == ["app.Post", "app.Repost"]


def test_what_is_remembered_is_bounded_and_the_longest_unused_goes_first() -> None:
    made = Seen(room=3)
    for number in (1, 2, 3, 1, 4):
        made.add(emission(sender=f"app.M{number}", instance=None, calls=[call("x" * (LONGEST + 1))]))

    assert {value.text for value in made.values("sender", "", 9)} == {"app.M1", "app.M3", "app.M4"}
    assert made.values("receiver", "", 9) == []
    made.clear()
    assert made.values("sender", "", 9) == []


def test_a_gap_shows_nothing() -> None:
    made = Seen()
    made.add(Gap(at=NOON, dropped=1, reason="buffer full"))
    made.add(origin("opened", process=None))

    assert made.values("process", "", 9) == []
    assert [value.text for value in made.values("origin", "", 9)] == ["/admin/demo_app/post/add/", "request"]
