"""What a reader wants to see of the receivers, as it stands in the address.

Comes in: a request's parameters, anything at all. Goes out: a ``Choice`` of known values, and the
addresses of other choices.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from ..links import reverse
from ..roster import COLUMNS, FLAGS, Column, Pick
from .windows import WINDOWS, Window, as_asked, in_words, moment

_FIRST = "all"
_MOST = 200
_SORTS = frozenset(f"{sign}{column.key}" for column in COLUMNS for sign in ("", "-"))


class Choice(NamedTuple):
    """Which rows, of which window, in which order, which page of them (from 1), and the open row's key.

    ``until`` is where the window ends, ``None`` for now.
    """

    pick: Pick = Pick()
    window: Window = WINDOWS[_FIRST]
    sort: str = ""
    page: int = 1
    open: str = ""
    until: datetime | None = None

    @classmethod
    def of(cls, parameters: QueryDict) -> Choice:
        """Return the choice that the parameters describe; what they do not say is as by default."""
        given = {
            name: parameters.get(name, "")[:_MOST] for name in ("find", "signal", "sender", "app", "open")
        }
        flags = parameters.getlist("flag")
        sort, number = parameters.get("sort", ""), parameters.get("page", "")
        return cls(
            pick=Pick(
                given["find"].strip(),
                given["signal"],
                given["sender"],
                given["app"],
                tuple(name for name in FLAGS if name in flags),
            ),
            window=WINDOWS.get(parameters.get("window", ""), WINDOWS[_FIRST]),
            sort=sort if sort in _SORTS else "",
            page=max(int(number), 1) if number.isascii() and number.isdigit() and len(number) < 6 else 1,
            open=given["open"],
            until=moment(parameters.get("until", "")),
        )

    @property
    def words(self) -> str:
        """The window in words, for the end of a sentence."""
        return in_words(self.window, self.until)

    def address(self, **changes: Any) -> str:
        """Return the address of this choice with some changes; any but of the page begins at page 1."""
        values: dict[str, Any] = {"page": 1, "open": ""}
        return _address(self._replace(**(values | changes)))

    def sorted_by(self, column: Column) -> str:
        """Return the address with the rows sorted by a column; then the other way; then not any more."""
        following = {column.first: column.second, column.second: ""}
        return self.address(sort=following.get(self.sort, column.first))

    def direction(self, column: Column) -> str:
        """Return ``ascending``, ``descending``, or nothing when the rows are not sorted by the column."""
        return {column.key: "ascending", f"-{column.key}": "descending"}.get(self.sort, "")

    def toggled(self, flag: str) -> str:
        """Return the address with a flag asked for, or no longer."""
        flags = self.pick.flags
        left = tuple(name for name in flags if name != flag) if flag in flags else (*flags, flag)
        return self.address(pick=self.pick._replace(flags=left))

    def unfolded(self, key: str) -> str:
        """Return the address with a row unfolded, or with none when it is that one."""
        opened = key != self.open
        address = self.address(page=self.page, open=key if opened else "")
        return f"{address}#r-{key}"

    def details(self, key: str) -> str:
        """Return the address of what a row unfolds to."""
        address = reverse("signalscope:receiver", args=[key])
        query = urlencode(_window(self))
        return f"{address}?{query}" if query else address


def _window(choice: Choice) -> dict[str, str]:
    values = {
        "window": choice.window.key if choice.window.key != _FIRST else "",
        "until": as_asked(choice.until),
    }
    return {name: value for name, value in values.items() if value}


def _address(choice: Choice) -> str:
    pick = choice.pick
    values = {
        "find": pick.find,
        "signal": pick.signal,
        "sender": pick.sender,
        "app": pick.app,
        "flag": pick.flags,
        **_window(choice),
        "sort": choice.sort,
        "page": choice.page if choice.page > 1 else "",
        "open": choice.open,
    }
    query = urlencode({name: value for name, value in values.items() if value}, doseq=True)
    page = reverse("signalscope:receivers")
    return f"{page}?{query}" if query else page
