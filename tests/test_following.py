"""What all clients share: no entry is passed over, however head, ring and journal come after one another."""

from __future__ import annotations

from dashboard.events import Entry
from dashboard.journal.base import Cursor
from dashboard.query import parse
from dashboard.stream.following import Following
from dashboard.tail import Slice, Tail

from .samples import emission

EPOCH = "e" * 16


class LateTail(Tail):
    """A tail whose ring fills after its journal has already told the head: as just after ``acquire``."""

    def __init__(self) -> None:
        self.stored: list[Entry] = []
        self.ring = 0
        self.following = False
        self.error = None

    @property
    def head(self) -> Cursor:
        return Cursor(EPOCH, self.ring if self.following else len(self.stored))

    def reaches(self, seq: int) -> bool:
        return self.following

    def since(self, seq: int, limit: int) -> Slice:
        upto = self.ring if self.following else len(self.stored)
        entries = self.stored[seq:upto][:limit]
        return Slice(entries, Cursor(EPOCH, entries[-1].seq if entries else seq), 0)


async def test_a_ring_that_is_behind_the_journals_head_loses_nothing() -> None:
    tail = LateTail()
    following = Following(tail, lambda trace, limit: [], lambda head: {})
    await following._beat()
    tail.stored = [emission(f"e{seq}", seq=seq) for seq in (1, 2, 3)]
    head = tail.head
    tail.following, tail.ring = True, 1
    await following._catch_up(head)
    assert following.head == Cursor(EPOCH, 1)
    assert (await following.digest(parse(""), 1)).matched == 0
    tail.ring = 3
    await following._beat()
    assert following.head == Cursor(EPOCH, 3)
    assert (await following.digest(parse(""), 1)).matched == 2


async def test_a_client_that_asks_while_the_ring_is_behind_is_answered_later() -> None:
    tail = LateTail()
    tail.stored = [emission(f"e{seq}", seq=seq) for seq in (1, 2, 3)]
    following = Following(tail, lambda trace, limit: [], lambda head: {})
    await following._beat()  # begins at the journal's head, 3
    tail.following, tail.ring = True, 1
    assert (await following.digest(parse(""), 1)).upto == 1
    tail.ring = 3
    assert (await following.digest(parse(""), 1)).matched == 2
