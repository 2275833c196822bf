"""How templates write values, and the links that Signalscope adds to the admin.

Comes in: values of entries. Goes out: text and small fragments, always escaped.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.template import Context, Library
from django.urls import NoReverseMatch, reverse
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from .. import access, conf, editors, links, sites, wording
from ..query import parse
from ..sessions import Session, current
from ..stream import fragments
from ..traces.flags import Flag
from ..traces.lanes import HEIGHT, WIDTH, Path
from ..traces.rows import Row

register = Library()

register.filter("ago", wording.ago)
register.filter("called", wording.called)
register.filter("clock", wording.clock)
register.filter("exact", wording.exact)
register.filter("day_and_time", wording.day_and_time)
register.filter("milliseconds", wording.milliseconds)
register.filter("per_second", wording.per_second)
register.filter("offset", wording.offset)
register.filter("count", wording.count)
register.filter("short", wording.short)
register.filter("sender", wording.sender)
register.filter("basename", wording.basename)
register.filter("took", wording.took)


@register.filter
def many(number: int, words: str) -> str:
    """Return ``3 queries`` for ``{{ 3|many:"query,queries" }}``; one word takes an ``s``."""
    one, _, more = words.partition(",")
    return wording.many(number, one, more)


@register.filter
def breakable(name: str) -> SafeString:
    """Return a dotted or snake_case name that a narrow column may break after a dot or an underscore."""
    return mark_safe(conditional_escape(name).replace("_", "_<wbr>").replace(".", ".<wbr>"))  # noqa: S308  (escaped)


@register.filter
def row_url(row: Row) -> str:
    """Return the address of what a row shows; a row without an entry of its own has none."""
    if row.unknown:
        return fragments.unknown_url(row.unknown)
    entry = row.bypass or row.emission
    if entry is None or row.kind not in ("emission", "call", "bypass"):
        return ""
    return fragments.entry_url(entry, row.call_index if row.call else None)


register.filter("own_page", fragments.entry_url)
register.filter("unknown", wording.unknown)


@register.filter
def value_class(value: Any) -> str:
    """Return the class that colours a value: ``val-none``, ``val-true``, ``val-num``, ``val-str``."""
    if value is None:
        return "val-none"
    if isinstance(value, bool):
        return "val-true" if value else "val-false"
    return "val-num" if isinstance(value, int | float) else "val-str"


@register.filter
def python(value: Any) -> str:
    """Return a payload's value as Python writes it, text in double quotes."""
    if isinstance(value, str):
        return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
    return repr(value)


@register.simple_tag
def glyph(family: str) -> SafeString:
    """Return the glyph of a signal family."""
    return format_html(
        '<svg class="glyph fam-{0}" aria-hidden="true"><use href="#fam-{0}"/></svg>', family or "custom"
    )


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return an icon of the sprite; decoration, unless ``label`` says what it means."""
    if label:
        return format_html('<svg class="ic" role="img" aria-label="{}"><use href="#{}"/></svg>', label, name)
    return format_html('<svg class="ic" aria-hidden="true"><use href="#{}"/></svg>', name)


@register.simple_tag
def badges(flags: list[Flag], limit: int = 3) -> SafeString:
    """Return the badges of a row: at most ``limit``, then how many more."""
    if not flags:
        return SafeString("")
    shown = format_html_join("", "{}", ((_badge(flag),) for flag in flags[:limit]))
    rest = flags[limit:]
    if rest:
        names = ", ".join(flag.label for flag in rest)
        shown += format_html('<span class="badge" title="{}">+{}</span>', names, len(rest))
    return format_html('<span class="flags">{}</span>', shown)


@register.simple_tag
def badge(flag: Flag) -> SafeString:
    """Return one badge: icon and word."""
    return _badge(flag)


def _badge(flag: Flag) -> SafeString:
    drawn = icon(flag.icon) if flag.icon else ""
    return format_html(
        '<span class="badge" data-flag="{}" title="{}">{}{}</span>', flag.name, flag.title, drawn, flag.label
    )


_MARK_ICONS = {
    "new": "i-new",
    "gone": "i-minus",
    "slower": "i-slow",
    "faster": "i-fast",
    "order": "i-order",
    "raises": "i-error",
    "heals": "i-ok",
    "queries": "i-nplus1",
    "runs": "i-duplicate",
}


@register.simple_tag
def mark_icon(name: str) -> SafeString:
    """Return the icon of a difference between two sides."""
    return icon(_MARK_ICONS[name])


@register.simple_tag
def place(file: str, line: int, style: str = "place", *, short: bool = False) -> SafeString:
    """Return a place in the source, as a link into ``SIGNALSCOPE["EDITOR"]`` where that can open it.

    ``short`` leaves the folders out, which the title still has; ``style`` is the element's class.
    """
    whole = f"{file}:{line}" if line else file
    text = wording.basename(whole) if short else whole
    href = _in_editor(file, line)
    if not href:
        return format_html('<span class="{}" title="{}">{}</span>', style, whole, text)
    return format_html(
        '<a class="{}" href="{}" title="{}: open in the editor" data-editor>{}</a>', style, href, whole, text
    )


def _in_editor(file: str, line: int) -> str:
    setting = None if conf.get().PUBLIC else conf.get().EDITOR
    path = sites.found(file) if setting and file else ""
    return editors.address(setting or "", path, max(line, 1)) if path else ""


@register.simple_tag
def lane(paths: list[Path]) -> SafeString:
    """Return a trace's lane: one path for each look, in a box that stretches with the row."""
    drawn = format_html_join("", '<path class="{} fam-{}" d="{}"/>', paths)
    return format_html(
        '<svg class="lane" aria-hidden="true"><svg class="on-axis" viewBox="0 0 {} {}"'
        ' preserveAspectRatio="none">{}</svg></svg>',
        WIDTH,
        HEIGHT,
        drawn,
    )


@register.simple_tag
def is_public() -> bool:
    """Return whether everybody may look: then what is not for everybody is not offered."""
    return conf.get().PUBLIC


@register.simple_tag
def shown_session() -> Session | None:
    """Return the imported session that is shown, or ``None`` for the live journal."""
    shown = current.shown()
    return shown.session if shown else None


@register.simple_tag
def address(page: str, *args: Any) -> str:
    """Return the address of a page within what is shown, as ``{% url %}`` would without sessions."""
    return links.reverse(page, args)


# --- in the admin --------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def signalscope_url(context: Context) -> str:
    """Return the live page's address for a reader who may look; empty for everybody else."""
    return _live_url(context)


@register.simple_tag(takes_context=True)
def signalscope_object_url(context: Context) -> str:
    """Return the live page filtered to the object of an admin change form; empty where there is none."""
    address = _live_url(context)
    original, options = context.get("original"), context.get("opts")
    key = getattr(original, "pk", None)
    if not address or options is None or key is None:
        return ""
    query = parse("").with_term("sender", str(options.label), exact=True)
    query = parse(query).with_term("pk", str(key))
    return f"{address}?{urlencode({'q': query})}"


def _live_url(context: Context) -> str:
    user = getattr(context.get("request"), "user", None) or context.get("user")
    if user is None or not access.allowed(user):
        return ""
    try:
        return reverse("signalscope:live")
    except NoReverseMatch:
        return ""
