"""The graph in other tools' languages: whole, and with names that would end a text or begin markup."""

from __future__ import annotations

import re

import pytest

from dashboard.events import Entry
from dashboard.graph import Graph, arrange, describe, dot, fold, mermaid, node_id

from .graphs import RECEIVER, SAVED, graph_of, laid_out, registration
from .samples import POST_SAVE, admin_add, boom, call, emission, origin

HOSTILE = [
    'a"; evil [label="x',
    "back\\slash\\",
    "]] --> x; click n href",
    "<script>alert(1)</script>",
    "`**bold**`",
    "line\nbreak\r\u2028end",
    "half \ud800 pair",
    "%%{init: {}}%%",
    "#35;quot;",
]


def graph(entries: list[Entry]) -> Graph:
    made = graph_of(entries, [registration("never.runs", "app.Other")])
    describe(made, "idle", lambda us: f"{us:.0f} us")
    return laid_out(made)


def named(name: str) -> Graph:
    failed = call(name, outcome="raised", error=boom())
    return graph([origin(title=name, verb=name), emission(sender=name, signal=name, calls=[failed])])


def ids_in(text: str) -> set[str]:
    return set(re.findall(r"\bn([0-9a-f]{12})\b", text))


def test_dot_holds_every_node_and_edge() -> None:
    drawn = graph(admin_add())

    text = dot(drawn, "now")

    assert text.startswith("digraph signals {")
    assert 'label="now"' in text
    assert ids_in(text) == {node.id for node in drawn.nodes()}
    assert text.count(" -> ") == len(drawn.edges)
    assert f"n{node_id(SAVED)} -> n{node_id(('receiver', RECEIVER))} [" in text
    assert f"subgraph cluster_{node_id(('signal', POST_SAVE))} {{" in text


def test_mermaid_holds_every_node_and_edge() -> None:
    drawn = graph(admin_add())

    text = mermaid(drawn, "now")

    assert text.startswith("flowchart LR\n")
    assert ids_in(text) == {node.id for node in drawn.nodes()}
    assert len(re.findall(r" (?:-->|-\.->)", text)) == len(drawn.edges)
    assert (
        f'-.->|"caused"| n{node_id(("point", "django.db.models.signals.pre_save", "demo_app.Post"))}' in text
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_in_dot_a_name_ends_no_text_and_no_line(name: str) -> None:
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    for line in dot(named(name), name).splitlines():
        bare = re.sub(quoted, '""', line)
        assert bare.count('"') == 2 * bare.count('""'), line
        assert "evil" not in bare
        assert "alert" not in bare
    dot(named(name)).encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_in_mermaid_a_name_ends_no_text_and_begins_no_markup(name: str) -> None:
    text = mermaid(named(name), name)

    for line in text.splitlines():
        if line.lstrip().startswith("%%"):
            assert "{" not in line
            continue
        bare = re.sub(r'"[^"<>`]*"', '""', line)
        assert bare.count('"') == 2 * bare.count('""'), line
        assert not re.search(r"evil|alert|<|`|href", bare), line
    text.encode()


def test_groups_are_written_with_how_many_they_hold() -> None:
    entries: list[Entry] = [
        emission(f"e{index}", sender=f"app.M{index}", calls=[call(f"app.r{index}")]) for index in range(5)
    ]
    drawn = fold(graph_of(entries), lambda name: name.partition(".")[0], grouping="app")
    arrange(drawn)
    describe(drawn, "idle", str)

    assert "app, 5 receivers" in dot(drawn)
    assert "app, 5 receivers" in mermaid(drawn)
