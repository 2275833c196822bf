"""What holds for every query: its text parses to it again, and no text raises anything but its own error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.query import FLAGS, KEYS, MAX_DEPTH, MAX_LENGTH, QuerySyntaxError, parse
from dashboard.query.completion import MOST, complete
from dashboard.query.excerpt import ROOM, excerpt
from dashboard.query.nodes import Condition, Node, conjunction, disjunction, negation, render
from dashboard.query.seen import Seen
from dashboard.query.terms import METHODS

from .samples import NOON, admin_add
from .test_query import SAMPLES

# The same texts in every run, and no folder of those that failed before.
settings.register_profile("signalscope", derandomize=True, database=None, deadline=None, max_examples=150)
settings.load_profile("signalscope")

NAMED = sorted(
    key for key, one in KEYS.items() if "=" in one.operators and ">" not in one.operators and key != "method"
)
TEXTS = st.text(min_size=1, max_size=12)
NUMBERS = st.integers(0, 999_999_999).map(str)
UNITS = st.sampled_from(["", "us", "ms", "s"])
ORDERS = st.sampled_from(["", ">", ">=", "<", "<=", "="])


def texts(key: str) -> st.SearchStrategy[Condition]:
    """Return terms of a key that takes any text, with a star that is one or stands for any text."""
    operators = st.sampled_from(["", *KEYS[key].operators])
    return st.builds(
        lambda value, operator, literal: Condition(key, value, operator, literal=literal and "*" in value),
        TEXTS | st.sampled_from(["a*b", "*", '"', "-x", "or", "=x", ">1", "a b", "(", "key:x", "12:30"]),
        operators,
        st.booleans(),
    ).filter(is_sayable)


def is_sayable(condition: Condition) -> bool:
    """Return whether there is a text for it: in quotes a star is a star, and what needs them has no other."""
    return "*" not in condition.value or condition.literal or not render(condition).endswith('"')


def ranges(key: str, number: st.SearchStrategy[str]) -> st.SearchStrategy[Condition]:
    return st.builds(lambda value: Condition(key, f"0..{value}"), number)


CONDITIONS: st.SearchStrategy[Node] = st.one_of(
    *[texts(key) for key in [*NAMED, ""]],
    st.sampled_from(FLAGS).map(lambda flag: Condition("is", flag)),
    st.sampled_from(METHODS).map(lambda method: Condition("method", method)),
    st.builds(
        lambda value, unit, operator: Condition("took", value + unit, operator), NUMBERS, UNITS, ORDERS
    ),
    st.builds(lambda value, operator: Condition("queries", value, operator), NUMBERS, ORDERS),
    ranges("took", NUMBERS),
    ranges("queries", NUMBERS),
    st.builds(lambda value, unit: Condition("since", value + unit), NUMBERS, st.sampled_from("smhd")),
)


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3)
    return several.map(conjunction) | several.map(disjunction) | inner.map(negation)


QUERIES = st.recursive(CONDITIONS, joined, max_leaves=8)
PIECES = st.sampled_from(
    [*(f"{key}:" for key in KEYS if key), *FLAGS, *'()-"*=> ', " or ", "and", "..", "50ms", "x"]
)
TYPED = st.text(max_size=60) | st.lists(PIECES | TEXTS, max_size=14).map("".join)


@given(QUERIES)
def test_the_text_of_a_query_parses_to_that_query(root: Node) -> None:
    text = render(root)
    query = parse(text, now=NOON)

    assert query.root == root
    assert str(query) == text


@given(QUERIES)
def test_a_query_and_its_negation_never_agree(root: Node) -> None:
    query, opposite = parse(render(root), now=NOON), parse(render(negation(root)), now=NOON)

    for entry in SAMPLES:
        assert query.matches(entry) is not opposite.matches(entry)


def refusal_of(text: str) -> QuerySyntaxError | None:
    try:
        query = parse(text, now=NOON)
    except QuerySyntaxError as error:
        return error
    assert parse(str(query), now=NOON) == query
    return None


@given(TYPED)
def test_no_text_raises_anything_but_a_syntax_error_that_points_into_it(text: str) -> None:
    error = refusal_of(text)
    if error is None:
        return
    found = excerpt(text, error)

    assert 0 <= error.position <= len(text)
    assert found.column == error.position + 1
    assert len(found.before) + len(found.wrong) + len(found.after) <= 3 * ROOM + 2
    assert text[error.position :].startswith(found.wrong)
    assert error.message.endswith((".", "?"))


@given(st.integers(0, 400), st.sampled_from(["(", "-(", "((", "-"]))
def test_however_deep_text_is_nested_the_parser_answers(depth: int, opening: str) -> None:
    text = (opening * depth + "a" + ")" * (depth * opening.count("(")))[:MAX_LENGTH]
    error = refusal_of(text)

    assert (error is None) == (depth * opening.count("(") <= MAX_DEPTH)


SEEN = Seen()
for _entry in admin_add():
    SEEN.add(_entry)


@given(TYPED, st.integers(-5, 80))
def test_whatever_is_typed_completion_answers_and_keeps_what_stands_around_the_cursor(
    text: str, cursor: int
) -> None:
    found = complete(text, cursor, SEEN)

    assert len(found) <= MOST
    for one in found:
        assert 0 <= one.cursor <= len(one.text)
        assert one.text != text
        # What follows the cursor was there before, and so was what precedes the term.
        assert text.endswith(one.text[one.cursor :])
