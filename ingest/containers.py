"""Opening ZIP, OOXML and ODF from strangers: every limit is checked before anything is unpacked.

Nothing is ever unpacked to disk here, no entry's name is ever used as a path, and what an entry claims about its
size is never believed: reading stops at the limit.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from archive.findings import Finding, finding
from archive.settings import IngestSettings

_MB = 1 << 20
ZIP_MAGIC = b"PK\x03\x04"
# Office files hold XML that packs well: below this size, unpacked, a high ratio does no harm.
_RATIO_FLOOR = 10 * _MB
# One entry of a central directory: 46 bytes, its name and extra fields; more than this an entry is a bomb itself.
_DIRECTORY_BYTES_PER_ENTRY = 1024
_END_RECORD = struct.Struct("<4s4H2LH")
_END_RECORD_64 = struct.Struct("<4sQ2H2L4Q")
_CHUNK = 1 << 16
_HEAD = 512


class ContainerRefused(ValueError):  # noqa: N818 (not an error of ours: the caller turns it into its finding)
    """A container that is not opened: the code of findings.toml that says why, with its parameters."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def finding(self, subject: str) -> Finding:
        """The finding to show for `subject`."""
        return finding(self.code, subject, level=None, **self.params)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may cost: entries, ratio of unpacked to packed size, unpacked bytes, levels of nesting."""

    entries: int = 2000
    ratio: int = 200
    unpacked: int = 1000 * _MB
    depth: int = 3

    @classmethod
    def of(cls, settings: IngestSettings) -> Limits:
        """The limits that the settings give."""
        return cls(settings.archive_max_entries, settings.archive_max_ratio,
                   settings.archive_max_unpacked_mb * _MB, settings.archive_max_depth)


@dataclass(frozen=True, slots=True)
class SafeZip:
    """An open ZIP whose directory has passed every limit."""

    zip: zipfile.ZipFile
    limits: Limits

    @property
    def names(self) -> list[str]:
        """The names of its entries, as written; never to be used as paths."""
        return [info.filename for info in self.zip.infolist()]

    def read(self, name: str, at_most: int | None = None) -> bytes:
        """The bytes of an entry; of a longer one the first `at_most`, when given.

        Raises KeyError when there is no such entry, ContainerRefused when it cannot be unpacked (CHECK-031) or is
        larger than the container may be (CHECK-033).
        """
        data = b"".join(_unpack(self.zip, self.zip.getinfo(name), at_most))
        return data if at_most is None else data[:at_most]


@dataclass(slots=True)
class Contents:
    """What a full look into a container found, over all levels."""

    names: list[str] = field(default_factory=list)          # of the outermost level
    programs: list[str] = field(default_factory=list)       # entries that are programs, at any level
    heads: dict[str, bytes] = field(default_factory=dict)   # first bytes of each entry of the outermost level
    unpacked: int = 0


@contextmanager
def open_zip(source: Path | IO[bytes], limits: Limits | None = None) -> Iterator[SafeZip]:
    """Open a ZIP after checking its directory; nothing is unpacked yet.

    Raises ContainerRefused: CHECK-031 damaged, -032 too many entries, -033 a bomb, -035 a path that leaves the
    folder or a link, -036 encrypted, -037 entries that overlap or share a name.
    """
    limits = limits or Limits()
    if isinstance(source, Path):
        with source.open("rb") as stream, open_zip(stream, limits) as opened:
            yield opened
        return
    _check_claims(source, limits)
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, struct.error,
            UnicodeDecodeError, OverflowError, EOFError) as error:
        raise ContainerRefused("CHECK-031") from error
    with archive:
        _check_directory(archive, limits)
        yield SafeZip(archive, limits)


def examine(source: Path | IO[bytes], limits: Limits | None = None) -> Contents:
    """Unpack every entry once, in memory and within `limits`, nested containers too, and say what is inside.

    Raises ContainerRefused as `open_zip` does, and CHECK-034 for containers nested too deep.
    """
    contents = Contents()
    _examine(source, limits or Limits(), contents, 1, "")
    return contents


def _examine(source: Path | IO[bytes], limits: Limits, contents: Contents, depth: int, above: str) -> None:
    if depth > limits.depth:
        raise ContainerRefused("CHECK-034", depth=limits.depth)
    with open_zip(source, limits) as opened:
        for info in opened.zip.infolist():
            name = above + info.filename
            if depth == 1:
                contents.names.append(info.filename)
            if info.is_dir():
                continue
            head, nested = b"", io.BytesIO()
            for chunk in _unpack(opened.zip, info):
                contents.unpacked += len(chunk)
                if contents.unpacked > limits.unpacked:
                    raise ContainerRefused("CHECK-033", size=contents.unpacked // _MB)
                if len(head) < _HEAD:
                    head += chunk[:_HEAD]
                if head.startswith(ZIP_MAGIC):
                    nested.write(chunk)
            if depth == 1:
                contents.heads[info.filename] = head
            if is_program(head):
                contents.programs.append(name)
            if nested.tell():
                nested.seek(0)
                _examine(nested, limits, contents, depth + 1, name + "/")


def is_program(head: bytes) -> bool:
    """Whether these first bytes are those of a program for Windows, Linux or macOS."""
    if head[:4] == b"\x7fELF" or head[:4] in (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe",
                                              b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
        return True
    # "MZ" also begins words of plain text; a DOS header holds bytes that no text has.
    return head[:2] == b"MZ" and (b"\x00" in head[:64] or b"This program" in head)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, at_most: int | None = None) -> Iterator[bytes]:
    read = 0
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
                read += len(chunk)
                if at_most is not None and read >= at_most:
                    return
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError, ValueError,
            struct.error) as error:
        if isinstance(error, ContainerRefused):
            raise
        raise ContainerRefused("CHECK-031") from error


def _check_claims(stream: IO[bytes], limits: Limits) -> None:
    """Look at the end record before the whole directory is read: a directory can be a bomb by itself."""
    size = stream.seek(0, io.SEEK_END)
    start = max(0, size - (1 << 16) - _END_RECORD.size)
    stream.seek(start)
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_RECORD.size:
        raise ContainerRefused("CHECK-031")
    _, _, _, _, entries, directory, _, _ = _END_RECORD.unpack_from(tail, at)
    at64 = tail.rfind(b"PK\x06\x06", 0, at)
    if at64 >= 0 and len(tail) - at64 >= _END_RECORD_64.size and (entries == 0xFFFF or directory == 0xFFFFFFFF):
        _, _, _, _, _, _, _, entries, directory, _ = _END_RECORD_64.unpack_from(tail, at64)
    if entries > limits.entries or directory > limits.entries * _DIRECTORY_BYTES_PER_ENTRY:
        raise ContainerRefused("CHECK-032", entries=entries, limit=limits.entries)
    stream.seek(0)


def _check_directory(archive: zipfile.ZipFile, limits: Limits) -> None:
    infos = archive.infolist()
    if len(infos) > limits.entries:
        raise ContainerRefused("CHECK-032", entries=len(infos), limit=limits.entries)
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > limits.unpacked or (unpacked > _RATIO_FLOOR and unpacked > limits.ratio * max(packed, 1)):
        raise ContainerRefused("CHECK-033", size=unpacked // _MB)
    for info in infos:
        if _leaves(info.filename) or stat.S_ISLNK(info.external_attr >> 16):
            raise ContainerRefused("CHECK-035", entry=info.filename)
        if info.flag_bits & 1:
            raise ContainerRefused("CHECK-036", entry=info.filename)
    if len({info.filename for info in infos}) != len(infos):
        raise ContainerRefused("CHECK-037")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ContainerRefused("CHECK-037")
        end = info.header_offset + 30 + info.compress_size  # 30: a local header without its name, the least


def _leaves(name: str) -> bool:
    """Whether a name, used as a path, would leave the folder it is unpacked in."""
    path = name.replace("\\", "/")
    return path.startswith("/") or path[1:2] == ":" or ".." in path.split("/")
