"""The magazine's pictures, drawn rather than shipped.

Comes in: a motif's name, a seed and a size. Goes out: the bytes of a JPEG, the same for the same
input.
"""

from __future__ import annotations

import random
from io import BytesIO

from PIL import Image

from .motifs import MOTIFS, Canvas

SIZE = (1280, 800)
OVERSAMPLING = 2


def draw(motif: str, *, seed: int, size: tuple[int, int] = SIZE) -> bytes:
    """Return the picture. Raises ``ValueError`` for a motif that does not exist."""
    if motif not in MOTIFS:
        raise ValueError(f"There is no motif {motif!r}. Known ones: {', '.join(MOTIFS)}.")
    canvas = Canvas(size[0] * OVERSAMPLING, size[1] * OVERSAMPLING, random.Random(seed))  # noqa: S311
    MOTIFS[motif](canvas)
    out = BytesIO()
    canvas.image.resize(size, Image.Resampling.BOX).save(out, "JPEG", quality=86)
    return out.getvalue()
