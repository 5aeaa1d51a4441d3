"""A look into compound (OLE) files, the container of .doc, .xls, .ppt and of password-protected Office files.

Only the directory and the first bytes of a stream are read; nothing is interpreted further, and a damaged file ends
the look, never the program.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_MAX_DIRECTORY_SECTORS = 4096          # far beyond any office file; stops chains that run in a circle
_END_OF_CHAIN = 0xFFFFFFFA             # this and above are marks, not sector numbers
_STREAM, _STORAGE = 2, 1
_WORD_ENCRYPTED = 0x0100               # fEncrypted in the flags of the Word file information block ([MS-DOC] 2.5.2)
_XLS_FILEPASS = 0x002F                 # the record that says "encrypted" ([MS-XLS] 2.4.117)
_XLS_HEAD_RECORDS = 4                  # FILEPASS comes right behind the first records


@dataclass(frozen=True, slots=True)
class Compound:
    """The directory of a compound file: stream and storage names, and the head of each stream looked at."""

    streams: frozenset[str]
    storages: frozenset[str]
    heads: Mapping[str, bytes]

    @property
    def format(self) -> str:
        """The id of formats.toml that the streams speak for."""
        for name, fmt in (("EncryptedPackage", "locked_office"), ("WordDocument", "doc"), ("Workbook", "xls"),
                          ("Book", "xls"), ("PowerPoint Document", "ppt"), ("__properties_version1.0", "msg")):
            if name in self.streams:
                return fmt
        return "ole"

    @property
    def macros(self) -> bool:
        """Whether it holds Visual Basic code."""
        return bool({"VBA", "_VBA_PROJECT_CUR", "Macros"} & self.storages or "_VBA_PROJECT" in self.streams)

    @property
    def encrypted(self) -> bool:
        """Whether its content opens only with a password."""
        if "EncryptedPackage" in self.streams or "EncryptedSummary" in self.streams:
            return True
        word = self.heads.get("WordDocument", b"")
        if len(word) >= 12 and struct.unpack_from("<H", word, 10)[0] & _WORD_ENCRYPTED:
            return True
        book, at = self.heads.get("Workbook", b""), 0
        for _ in range(_XLS_HEAD_RECORDS):
            if len(book) < at + 4:
                break
            kind, length = struct.unpack_from("<HH", book, at)
            if kind == _XLS_FILEPASS:
                return True
            at += 4 + length
        return False


def look(stream: IO[bytes]) -> Compound | None:
    """The directory of a compound file, or None when it is damaged."""
    try:
        return _look(stream)
    except (struct.error, OverflowError, ValueError):
        return None


def _look(stream: IO[bytes]) -> Compound | None:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    header = stream.read(512)
    if not header.startswith(MAGIC):
        return None
    shift, = struct.unpack_from("<H", header, 30)
    if shift not in (9, 12):
        return None
    sector = 1 << shift
    directory, = struct.unpack_from("<I", header, 48)
    tables = struct.unpack_from("<109I", header, 76)
    streams: dict[str, int] = {}
    storages: set[str] = set()
    for _ in range(_MAX_DIRECTORY_SECTORS):
        if directory >= _END_OF_CHAIN or (directory + 1) * sector >= size:
            break
        stream.seek((directory + 1) * sector)
        entries = stream.read(sector)
        for at in range(0, len(entries) - 127, 128):
            length, kind = struct.unpack_from("<HB", entries, at + 64)
            name = entries[at:at + min(max(length - 2, 0), 64)].decode("utf-16-le", "replace")
            if kind == _STREAM:
                streams[name] = struct.unpack_from("<I", entries, at + 116)[0]
            elif kind == _STORAGE:
                storages.add(name)
        directory = _next(stream, tables, directory, sector)
    heads = {}
    for name in ("WordDocument", "Workbook"):
        if name in streams:
            stream.seek((streams[name] + 1) * sector)
            heads[name] = stream.read(512)
    return Compound(frozenset(streams), frozenset(storages), heads) if streams else None


def _next(stream: IO[bytes], tables: tuple[int, ...], number: int, sector: int) -> int:
    """The sector that follows `number` in its chain; the end mark where the table cannot say."""
    table, place = divmod(number, sector // 4)
    if table >= len(tables) or tables[table] >= _END_OF_CHAIN:
        return _END_OF_CHAIN
    stream.seek((tables[table] + 1) * sector + 4 * place)
    entry = stream.read(4)
    return int.from_bytes(entry, "little") if len(entry) == 4 else _END_OF_CHAIN
