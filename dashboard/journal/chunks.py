"""Entries packed into chunks, the unit in which Redis stores them; pure computing.

Comes in: packed entries. Goes out: chunks with a compressed body and the terms they can be found by;
and out of a stored chunk its rows again.

Why chunks: a hundred entries of about 1,100 bytes compress to 4 KB (37 bytes an entry), cost one
``XADD`` and one term for what they share. ``benchmarks/fleet.py`` and docs/scale.md have the figures.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from .base import Packed

ENTRIES = 128
"""How many entries a chunk holds at most: beyond, it compresses hardly better, and reading one entry
means unpacking its chunk."""

BYTES = 262_144
"""How many bytes of JSON a chunk holds at most, unless one entry alone is larger."""

SHARD = 4
"""How many hexadecimal digits a term begins with; six bytes follow."""

_LEVEL = 1
_RAW = -15  # without header and checksum: https://docs.python.org/3/library/zlib.html#zlib.compressobj
_SEPARATOR = b"\x1e"  # cannot stand in JSON text: https://www.rfc-editor.org/rfc/rfc7464
_COLUMNS = len(Packed._fields) - 1


class Chunk(NamedTuple):
    """A chunk as it is stored: how many entries, the body, the terms, each entry's time in µs."""

    entries: int
    body: bytes
    terms: bytes
    times: bytes


class Row(NamedTuple):
    """One entry out of a stored chunk. ``body`` is not decoded yet."""

    seq: int
    packed: Packed


def term(kind: str, *values: str) -> bytes:
    """Return what stands for these values in the index: made of 64 bits, so two may be the same.

    Whoever looks a term up compares the rows he finds with what he looks for.
    """
    text = "\x00".join((kind, *values))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return digest[:2].hex().encode() + digest[2:]


def cut(batch: Sequence[Packed]) -> Iterator[Chunk]:
    """Yield the batch in chunks, in its order."""
    start = size = 0
    for index, packed in enumerate(batch):
        if index > start and (index - start == ENTRIES or size + len(packed.body) > BYTES):
            yield _chunk(batch[start:index])
            start, size = index, 0
        size += len(packed.body)
    if batch:
        yield _chunk(batch[start:])


def _chunk(entries: Sequence[Packed]) -> Chunk:
    columns = msgspec.json.encode([packed[:_COLUMNS] for packed in entries])
    text = _SEPARATOR.join((columns, *(packed.body for packed in entries)))
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return Chunk(
        len(entries),
        deflater.compress(text) + deflater.flush(),
        b"".join(_terms(entries)),
        struct.pack(f">{len(entries)}d", *(packed.at_us for packed in entries)),
    )


def _terms(entries: Sequence[Packed]) -> set[bytes]:
    """Return every term by which an entry of the chunk can be looked up, each once."""
    shared = {("kind", packed.kind) for packed in entries}
    shared |= {("trace", packed.trace) for packed in entries}
    terms = {term(*values) for values in shared}
    for packed in entries:
        if packed.kind == "emission":
            if packed.id is not None:
                terms.add(term("emission", packed.id))
            if packed.model is not None and packed.pk is not None:
                terms.add(term("object", packed.model, packed.pk))
    return terms


def rows(body: bytes, count: int, last: int) -> list[Row]:
    """Return the entries of a stored chunk whose newest is ``last``, oldest first.

    A damaged body gives rows whose own bodies are no JSON, so that they show as unreadable.
    """
    first = last - count + 1
    try:
        columns, *bodies = zlib.decompress(body, _RAW).split(_SEPARATOR)
        known: list[list[Any]] = msgspec.json.decode(columns)
        # A newer version may have added columns behind those of this one.
        packed = [
            Packed._make((*values[:_COLUMNS], entry)) for values, entry in zip(known, bodies, strict=True)
        ]
    except (zlib.error, msgspec.DecodeError, ValueError, TypeError):
        packed = []
    if len(packed) != count:
        packed = [Packed("unreadable", "", 0, None, None, None, None, None, 0.0, 0, b"")] * count
    return [Row(first + index, each) for index, each in enumerate(packed)]
