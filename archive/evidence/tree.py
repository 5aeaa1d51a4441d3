"""Hash trees (RFC 4998, 4.2): many digests under one root, and the short way from each of them to it.

The leaves are the distinct digests in ascending order, two nodes make the one above them, hashed in ascending order; a
node without a neighbour goes up as it is. The whole tree is kept as one file, level after level, so that the way of one
leaf is found with a few reads, however many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO


def node(first: bytes, second: bytes, algorithm: str = "sha256") -> bytes:
    """The node above two others."""
    return hashlib.new(algorithm, first + second if first < second else second + first).digest()


def join(values: Iterable[bytes], algorithm: str) -> bytes:
    """The hash over a list of hash values in ascending order (RFC 4998, 4.3 step 2); doubles count twice."""
    return hashlib.new(algorithm, b"".join(sorted(values))).digest()


def levels(digests: Iterable[bytes], algorithm: str = "sha256") -> list[list[bytes]]:
    """The levels of the tree over `digests`, the leaves first, the root last. Raises ValueError for no digest."""
    row = sorted(set(digests))
    if not row:
        raise ValueError("a hash tree needs a leaf")
    found = [row]
    new = getattr(hashlib, algorithm)
    while len(row) > 1:
        above = [new(left + right if left < right else right + left).digest()
                 for left, right in zip(row[::2], row[1::2], strict=False)]
        if len(row) % 2:
            above.append(row[-1])
        found.append(above)
        row = above
    return found


def write(path: Path, rows: Sequence[Sequence[bytes]]) -> bytes:
    """Write the levels of a tree to `path`; return the root."""
    with path.open("wb") as stream:
        for row in rows:
            stream.write(b"".join(row))
    return rows[-1][0]


def way(stream: BinaryIO, leaves: int, digest: bytes) -> list[list[bytes]] | None:
    """The reduced hash tree of `digest` in the written tree of `leaves` leaves; None when it is no leaf of it.

    The first list holds the digest and its neighbour; each further list the neighbour one step up. Empty for the only
    leaf of its tree: its digest is the root.
    """
    size = len(digest)
    index = _index(stream, leaves, digest)
    if index is None:
        return None
    lists: list[list[bytes]] = []
    start, count = 0, leaves
    while count > 1:
        neighbour = index ^ 1
        if neighbour < count:
            value = _read(stream, start + neighbour, size)
            lists.append([value] if lists else sorted([digest, value]))
        start, count, index = start + count, (count + 1) // 2, index // 2
    return lists


def _index(stream: BinaryIO, leaves: int, digest: bytes) -> int | None:
    low, high = 0, leaves
    while low < high:
        middle = (low + high) // 2
        value = _read(stream, middle, len(digest))
        if value == digest:
            return middle
        low, high = (middle + 1, high) if value < digest else (low, middle)
    return None


def _read(stream: BinaryIO, number: int, size: int) -> bytes:
    stream.seek(number * size)
    value = stream.read(size)
    if len(value) != size:
        raise ValueError("the hash tree is shorter than its leaves say")
    return value
