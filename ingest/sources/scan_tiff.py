"""Copying pages (directories) of TIFF files into a new TIFF: the compressed data go over byte for byte.

TIFF 6.0 and BigTIFF are read, TIFF 6.0 is written. Must never decode a picture: nothing is compressed anew, so nothing
can be lost. A page whose data lie elsewhere than in strips or tiles (JPEG of the old kind) is not copied.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_OFFSETS = {273: 279, 324: 325}             # StripOffsets: StripByteCounts, TileOffsets: TileByteCounts
_ELSEWHERE = {330, 34665, 34853, 40965}     # tags that point to further directories: previews, what the camera said
_OLD_JPEG = {513, 519, 520, 521}
_MOST_ENTRIES, _MOST_PAGES = 4096, 100_000


class NotCopiedError(ValueError):
    """A TIFF whose pages cannot be copied as they are: damaged, or of a kind that this program does not split."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes            # in the byte order of its file


@dataclass(frozen=True, slots=True)
class _Page:
    path: Path
    order: str
    entries: tuple[_Entry, ...]
    pieces: tuple[tuple[int, int], ...]     # offset and length of each strip or tile
    offsets: int                            # the tag that tells where they lie


def pages_of(path: Path) -> list[_Page]:
    """The pages of a TIFF file, none of them decoded. Raises NotCopiedError, OSError."""
    try:
        with path.open("rb") as stream:
            return _read(path, stream)
    except (struct.error, KeyError, IndexError, OverflowError) as error:
        raise NotCopiedError(f"{path.name}: {error}") from error


def write(pages: Sequence[_Page], target: Path) -> None:
    """Write `pages`, all of one byte order, as a TIFF file of their own. Raises NotCopiedError, OSError."""
    orders = {page.order for page in pages}
    if len(orders) != 1:
        raise NotCopiedError("pages of different byte orders")
    (order,) = orders
    with target.open("xb") as sink:
        sink.write((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 0))
        link = 4                            # where the offset of the next directory is to be written
        for page in pages:
            with page.path.open("rb") as source:
                placed = [_copy(source, sink, offset, length) for offset, length in page.pieces]
            link = _directory(sink, page, placed, link)


def piece_digests(page: _Page) -> list[str]:
    """SHA-256 of each strip or tile of a page as it lies in its file: equal before and after a copy."""
    import hashlib

    with page.path.open("rb") as source:
        found = []
        for offset, length in page.pieces:
            source.seek(offset)
            found.append(hashlib.sha256(source.read(length)).hexdigest())
        return found


def _read(path: Path, stream: BinaryIO) -> list[_Page]:
    head = stream.read(16)
    if head[:2] not in (b"II", b"MM"):
        raise NotCopiedError(path.name)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    at = struct.unpack(order + ("Q" if big else "I"), head[8:16] if big else head[4:8])[0]
    pages: list[_Page] = []
    seen: set[int] = set()
    while at:
        if at in seen or len(pages) >= _MOST_PAGES:
            raise NotCopiedError(f"{path.name}: directories in a circle")
        seen.add(at)
        entries, at = _entries(stream, at, order, big)
        pages.append(_page(path, order, entries))
    return pages


def _entries(stream: BinaryIO, at: int, order: str, big: bool) -> tuple[list[_Entry], int]:
    stream.seek(at)
    word, slot, step = ("Q", 8, 20) if big else ("I", 4, 12)
    count = struct.unpack(order + ("Q" if big else "H"), stream.read(8 if big else 2))[0]
    if count > _MOST_ENTRIES:
        raise NotCopiedError("too many entries in a directory")
    raw = stream.read(count * step)
    following = struct.unpack(order + word, stream.read(slot))[0]
    entries = []
    for n in range(count):
        tag, kind = struct.unpack(order + "HH", raw[n * step:n * step + 4])
        number = struct.unpack(order + word, raw[n * step + 4:n * step + 4 + slot])[0]
        if kind not in _SIZES:
            continue                        # TIFF 6.0, section 2: readers pass over types that they do not know
        size = _SIZES[kind] * number
        if size > 1 << 26:
            raise NotCopiedError(f"tag {tag} is too large")
        value = raw[n * step + 4 + slot:n * step + 4 + 2 * slot]
        if size > slot:
            stream.seek(struct.unpack(order + word, value)[0])
            value = stream.read(size)
            if len(value) != size:
                raise NotCopiedError(f"tag {tag} is cut short")
        entries.append(_Entry(tag, kind, number, value[:size]))
    return entries, following


def _page(path: Path, order: str, entries: list[_Entry]) -> _Page:
    known = {one.tag: one for one in entries}
    tag = next((one for one in _OFFSETS if one in known and _OFFSETS[one] in known), None)
    if tag is None or _OLD_JPEG & set(known):
        raise NotCopiedError(f"{path.name}: a page without strips or tiles")
    places, lengths = _numbers(known[tag], order), _numbers(known[_OFFSETS[tag]], order)
    end = path.stat().st_size
    if len(places) != len(lengths) or any(a + b > end for a, b in zip(places, lengths, strict=True)):
        raise NotCopiedError(f"{path.name}: a page is cut short")
    kept = [one for one in entries if one.tag not in _ELSEWHERE]
    if any(one.kind in (16, 17, 18) and one.tag not in (tag, _OFFSETS[tag]) for one in kept):
        raise NotCopiedError(f"{path.name}: values of 64 bits")
    return _Page(path, order, tuple(kept), tuple(zip(places, lengths, strict=True)), tag)


def _numbers(entry: _Entry, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{entry.count}{_WHOLE[entry.kind]}", entry.value)


def _copy(source: BinaryIO, sink: BinaryIO, offset: int, length: int) -> int:
    """Copy a piece of data; where it lies now."""
    source.seek(offset)
    place = _even(sink)
    while length:
        data = source.read(min(length, 1 << 20))
        if not data:
            raise NotCopiedError("a strip is cut short")
        sink.write(data)
        length -= len(data)
    return place


def _even(sink: BinaryIO) -> int:
    """Where the next value may lie: TIFF 6.0 asks for even places."""
    if sink.tell() % 2:
        sink.write(b"\0")
    place = sink.tell()
    if place >= 1 << 32:
        raise NotCopiedError("more than 4 GB")
    return place


def _directory(sink: BinaryIO, page: _Page, placed: list[int], link: int) -> int:
    """Write a page's directory and point to it from `link`; where the next one is to be pointed to."""
    order = page.order
    rows = []
    for entry in sorted(page.entries, key=lambda one: one.tag):
        kind, count, value = entry.kind, entry.count, entry.value
        if entry.tag in (page.offsets, _OFFSETS[page.offsets]):
            told = placed if entry.tag == page.offsets else [length for _, length in page.pieces]
            kind, count, value = 4, len(told), struct.pack(f"{order}{len(told)}I", *told)
        if len(value) > 4:
            place = _even(sink)
            sink.write(value)
            value = struct.pack(order + "I", place)
        rows.append(struct.pack(order + "HHI", entry.tag, kind, count) + value.ljust(4, b"\0"))
    start = _even(sink)
    sink.write(struct.pack(order + "H", len(rows)) + b"".join(rows))
    end = sink.tell()
    sink.write(struct.pack(order + "I", 0))
    sink.seek(link)
    sink.write(struct.pack(order + "I", start))
    sink.seek(0, 2)
    return end
