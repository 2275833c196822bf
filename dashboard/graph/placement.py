"""At which height the boxes of a column stand: as near to their neighbours as their order allows.

Comes in: for each box its height, the gap above it and the height it would like. Goes out: tops.
This is isotonic regression by pooling adjacent violators: boxes that would overlap move as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Wish(NamedTuple):
    """A box of some height that wants its top at ``wanted``, as strongly as ``weight`` says."""

    height: float
    wanted: float
    weight: float = 1.0


def place(wishes: Sequence[Wish], gap: float, top: float, bottom: float) -> list[float]:
    """Return the tops of the boxes, in order, ``gap`` apart at least and within ``top`` and ``bottom``.

    The sum of the weighted squared distances to what was wanted is the least possible. Where the
    boxes do not fit, they run over the bottom.
    """
    offsets, used = [], 0.0
    for wish in wishes:
        offsets.append(used)
        used += wish.height + gap
    slack = max(bottom - top - (used - gap), 0.0)
    blocks: list[tuple[float, float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        value, weight, size = wish.wanted - offset, wish.weight, 1
        while blocks and blocks[-1][0] >= value:
            other, other_weight, other_size = blocks.pop()
            value = (value * weight + other * other_weight) / (weight + other_weight)
            weight, size = weight + other_weight, size + other_size
        blocks.append((value, weight, size))
    shifts = [min(max(value, top), top + slack) for value, _, size in blocks for _ in range(size)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def draw_near(tops: Sequence[float], wishes: Sequence[Wish], most: float) -> list[float]:
    """Return the tops moved towards the box in the middle, until no gap is wider than ``most``.

    A column whose neighbours are far apart is then still one to look at.
    """
    moved = list(tops)
    middle = len(moved) // 2
    for index in range(middle + 1, len(moved)):
        moved[index] = min(moved[index], moved[index - 1] + wishes[index - 1].height + most)
    for index in range(middle - 1, -1, -1):
        moved[index] = max(moved[index], moved[index + 1] - wishes[index].height - most)
    return moved
