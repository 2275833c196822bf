"""Labels: as much of a name as fits, however hostile the name."""

from __future__ import annotations

import pytest

from dashboard.events import Emission
from dashboard.graph import FULL
from dashboard.graph.labels import cells, clean, cut, cut_front, short_names

from .graphs import graph_of, laid_out
from .samples import TRACE, call, emission, origin


@pytest.mark.parametrize(
    ("text", "width"),
    [("post", 4), ("\u65e5\u672c", 4), ("e\u0301", 1), ("\U0001f600", 2), ("\u200d", 0), ("\u05e9", 1)],
)
def test_text_takes_as_many_cells_as_a_monospace_font_gives_it(text: str, width: int) -> None:
    assert cells(text) == width


def test_a_long_name_loses_its_end_and_a_short_one_nothing() -> None:
    assert cut("make_thumbnail", 14) == "make_thumbnail"
    assert cut("make_thumbnail", 9) == "make_thu\u2026"
    assert cells(cut("\u65e5\u672c\u8a9e" * 100, 20)) <= 20


def test_a_path_keeps_its_last_parts_whole() -> None:
    assert cut_front("POST /admin/demo_app/post/add/", 18) == "POST \u2026/post/add/"
    assert cut_front("manage.py scenario like-unlike", 16) == "\u2026 like-unlike"
    assert cut_front("manage.py migrate_everything", 12) == cut("manage.py migrate_everything", 12)
    assert cells(cut_front("GET /" + "x" * 300, 20)) <= 20


def test_control_and_direction_characters_are_not_drawn() -> None:
    assert clean("a\u202eb\nc\x00d") == "a b c d"


def test_names_are_as_short_as_tells_them_apart() -> None:
    names = [
        "app.a.notify",
        "app.b.notify",
        "app.signals.audit",
        "app.feed.Feed.on_save",
        "app.f.<locals>.inner",
    ]

    assert short_names(names, 1) == {
        "app.a.notify": "a.notify",
        "app.b.notify": "b.notify",
        "app.signals.audit": "audit",
        "app.feed.Feed.on_save": "Feed.on_save",
        "app.f.<locals>.inner": "inner",
    }


def test_models_keep_their_app_and_other_senders_only_their_class() -> None:
    names = ["demo_app.Post", "demo_app.Post.tags", "django.core.handlers.asgi.ASGIHandler", "auth (app)", ""]

    assert short_names(names, 2) == {
        "demo_app.Post": "demo_app.Post",
        "demo_app.Post.tags": "Post.tags",
        "django.core.handlers.asgi.ASGIHandler": "ASGIHandler",
        "auth (app)": "auth (app)",
        "": "",
    }


def test_every_label_fits_its_box() -> None:
    hostile = ["<b>" + "x" * 300 + "</b>", "\U0001f600" * 80, "\u05e9\u05dc\u05d5\u05dd" * 60, "\u202e" * 9]
    entries: list[Emission] = [
        emission(str(index), sender=name, signal=f"s.{name}", calls=[call(name)], trace=TRACE)
        for index, name in enumerate(hostile)
    ]

    graph = laid_out(graph_of([origin(title="/" + "y" * 300), *entries]))

    for node in graph.nodes():
        assert (
            cells(node.label) * FULL.letter + FULL.extra["row" if node.depth else node.kind]
            <= node.width + 0.1
        )
