"""Small versions of the posts' pictures, drawn with Pillow.

Comes in: an open image file. Goes out: the bytes of a WebP picture and the name to store it under.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import PurePosixPath
from typing import IO

from PIL import Image, ImageOps

SIZE = (640, 400)


def name_for(image_name: str) -> str:
    """Return the file name of the picture's thumbnail; no two pictures share one."""
    return f"{PurePosixPath(image_name).name}.webp"


def render(source: IO[bytes]) -> bytes:
    """Return the picture cropped and scaled to ``SIZE``, upright, as WebP.

    Raises ``OSError`` (Pillow's ``UnidentifiedImageError`` is one) when the file is no picture.
    """
    with Image.open(source) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    out = BytesIO()
    ImageOps.fit(upright, SIZE, Image.Resampling.LANCZOS).save(out, "WEBP", quality=82)
    return out.getvalue()
