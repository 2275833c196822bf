"""The filter language as it is documented: every example parses, every key and flag is there."""

from __future__ import annotations

import re

import pytest

from config.settings import BASE_DIR
from dashboard.query import FLAGS, KEYS, MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse, reference
from dashboard.query.completion import FLAG_HELP
from dashboard.query.nodes import conditions
from dashboard.views.presets import BUILT_IN, MOST

TEXT = (BASE_DIR / "docs" / "filter.md").read_text()
DOCUMENTED = re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE)
SHOWN = [*reference.EXAMPLES, *reference.keys(), *reference.flags()]


def asked(texts: list[str]) -> tuple[set[str], set[str]]:
    """Return the keys and the flags that these queries ask for."""
    every = [condition for text in texts for condition in conditions(parse(text).root)]
    return {one.key for one in every}, {one.value for one in every if one.key == "is"}


@pytest.mark.parametrize("text", DOCUMENTED)
def test_every_documented_query_parses(text: str) -> None:
    assert parse(text).terms


@pytest.mark.parametrize("example", SHOWN)
def test_every_query_of_the_help_sheet_parses_and_is_explained(example: reference.Example) -> None:
    assert parse(example.query).terms
    assert example.means


def test_the_documentation_holds_every_key_and_every_flag() -> None:
    assert len(DOCUMENTED) > 40
    assert asked(DOCUMENTED) == (set(KEYS), set(FLAGS))


def test_the_help_sheet_holds_every_key_and_every_flag() -> None:
    assert asked([example.query for example in SHOWN]) == (set(KEYS), set(FLAGS))
    assert tuple(FLAG_HELP) == FLAGS


def test_the_documented_bounds_are_those_in_force() -> None:
    assert f"{MAX_LENGTH:,} characters and {MAX_TERMS} terms" in TEXT
    assert f"up to {MAX_DEPTH} deep" in TEXT
    assert f"up to {MOST} of your\nown" in TEXT


def test_every_built_in_preset_parses_to_itself() -> None:
    assert [str(parse(preset.query)) for preset in BUILT_IN] == [preset.query for preset in BUILT_IN]


def test_or_binds_as_documented() -> None:
    assert parse("signal:post_save is:error or is:slow") == parse("(signal:post_save is:error) or is:slow")
