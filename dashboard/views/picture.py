"""The graph as a file: an SVG that stands alone, or the text of Graphviz or Mermaid.

Comes in: a scene. Goes out: text. The SVG carries the page's own style sheets for the drawing, so
that it follows the theme of whoever opens it, and neither links nor scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from ..graph import COLUMNS, dot, mermaid
from .scene import Scene, drawing_of

STYLES = ("tokens.css", "families.css", "processes.css", "drawing.css")


class Format(NamedTuple):
    """A format: its name on the page, the end of a file's name, and what it is served as."""

    title: str
    suffix: str
    content_type: str
    write: Callable[[Scene], str]


def picture(scene: Scene, format: str) -> str:
    """Return the scene's graph in a format."""
    return FORMATS[format].write(scene)


def _title(scene: Scene) -> str:
    parts = [f"Signals {scene.look.words}"]
    if scene.look.q:
        parts.append(f"of {scene.look.q}")
    if scene.look.find:
        parts.append(f"found: {scene.look.find}")
    if scene.look.focus and scene.chosen is not None:
        parts.append(f"paths of {scene.chosen.title}")
    if scene.look.process:
        parts.append(f"process {scene.look.process}")
    return ", ".join(parts)


def _svg(scene: Scene) -> str:
    title = _title(scene)
    for node in scene.graph.nodes():
        node.href = ""
    drawn, metrics = drawing_of(scene)
    drawn.height += 24
    context = {
        "graph": drawn,
        "metrics": metrics,
        "look": scene.look._replace(node=""),
        "headings": list(zip(COLUMNS, drawn.lefts, strict=True)),
        "stretch": scene.stretch,
        "alone": _head(title),
        "caption": title,
        "caption_at": drawn.height - 8,
    }
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{render_to_string(_TEMPLATE, context).strip()}\n'


_TEMPLATE = "signalscope/graph_drawing.html"


def _head(title: str) -> SafeString:
    """Return what the page has around the drawing: its styles and its glyphs."""
    styles = "\n".join(map(_style, STYLES)).replace("]]>", "")
    glyphs = render_to_string("signalscope/sprite_families.html")
    head = format_html("<title>{}</title>", title)
    return mark_safe(f"{head}<style><![CDATA[\n{styles}]]></style><defs>{glyphs}</defs>")  # noqa: S308  (our own files)


def _style(name: str) -> str:
    path = f"signalscope/css/{name}"
    found = finders.find(path)
    if isinstance(found, str):
        return Path(found).read_text(encoding="utf-8")
    with staticfiles_storage.open(path) as file:
        return str(file.read().decode())


def _dot(scene: Scene) -> str:
    title = _title(scene)
    return dot(drawing_of(scene)[0], title)


def _mermaid(scene: Scene) -> str:
    title = _title(scene)
    return mermaid(drawing_of(scene)[0], title)


FORMATS = {
    "svg": Format("SVG", "svg", "image/svg+xml", _svg),
    "dot": Format("DOT", "dot", "text/vnd.graphviz", _dot),
    "mermaid": Format("Mermaid", "mmd", "text/vnd.mermaid", _mermaid),
}
