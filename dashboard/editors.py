"""Links that open a line of source in the developer's editor.

Comes in: what ``SIGNALSCOPE["EDITOR"]`` says, and a place in the source. Goes out: an address such as
``vscode://file/home/me/site/app/models.py:31``, or why the setting cannot be used.
"""

from __future__ import annotations

import re
from urllib.parse import quote

KNOWN = {
    "cursor": "cursor://file{file}:{line}",
    "emacs": "emacs://open?url=file://{file}&line={line}",
    "idea": "idea://open?file={file}&line={line}",
    "macvim": "mvim://open?url=file://{file}&line={line}",
    "pycharm": "pycharm://open?file={file}&line={line}",
    "sublime": "subl://open?url=file://{file}&line={line}",
    "textmate": "txmt://open?url=file://{file}&line={line}",
    "vscode": "vscode://file{file}:{line}",
    "vscode-insiders": "vscode-insiders://file{file}:{line}",
    "vscodium": "vscodium://file{file}:{line}",
    "windsurf": "windsurf://file{file}:{line}",
    "zed": "zed://file{file}:{line}",
}
"""Templates by an editor's name. Vim, Neovim and others without a scheme of their own need a template.

Sources: https://code.visualstudio.com/docs/configure/command-line#_opening-vs-code-with-urls,
https://www.jetbrains.com/help/pycharm/opening-files-from-command-line.html, and the lists that
better_errors (Ruby) and whoops (PHP) have shipped for years.
"""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# What a browser would run, or show as a page, instead of handing it to a program.
_FORBIDDEN = frozenset(
    {"about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source"}
)


def problem(setting: str) -> str:
    """Return why the setting is neither a known editor nor a usable template; empty when it is one."""
    if not setting or setting in KNOWN:
        return ""
    if "{file}" not in setting or "{line}" not in setting:
        return "is no known editor, and no template with {file} and {line}"
    scheme = _SCHEME.match(setting)
    if scheme is None or not setting.isprintable() or " " in setting:
        return "is a template that is no URL"
    if scheme[1].lower() in _FORBIDDEN:
        return f"has the scheme {scheme[1]!r}, which is no editor's"
    return ""


def address(setting: str, file: str, line: int) -> str:
    """Return where a click on ``file`` (absolute) and ``line`` leads; the setting has no problem.

    In a template ``{file}`` becomes the percent-encoded path with a slash before it and between its
    parts.
    """
    path = file.replace("\\", "/")
    path = quote(path if path.startswith("/") else f"/{path}", safe="/:", errors="surrogateescape")
    return KNOWN.get(setting, setting).replace("{line}", str(line)).replace("{file}", path)
