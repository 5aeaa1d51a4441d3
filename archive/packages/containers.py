"""The two containers of a package: the entries of a folder and of a ZIP, each name checked before it is believed."""

from __future__ import annotations

import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archive.findings import Finding, finding

# Everything that reading a damaged, encrypted or odd ZIP can raise.
BROKEN = (OSError, EOFError, RuntimeError, ValueError, NotImplementedError, struct.error, zipfile.BadZipFile,
          zlib.error, lzma.LZMAError)
_MB = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_NO_FILES = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)


class UnreadableError(OSError):
    """Bytes of a package that cannot be read: its fault, for the caller to turn into a finding."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the container: its name with "/" from the top, its size in bytes, where its bytes are."""

    name: str
    size: int
    source: Path | zipfile.ZipInfo


def read_folder(top: Path, limits: Mapping[str, int], found: list[Finding]) -> tuple[list[Entry], set[str]]:
    """The files and the folders below `top`; links and what is no file are findings.

    Raises OSError when `top` itself cannot be read.
    """
    entries: list[Entry] = []
    folders: set[str] = set()
    os.scandir(top).close()
    for name, path in _walk(top, found, folders):
        if len(entries) >= limits["entries"]:
            found.append(finding("PKG-009", printable(top.name), what=f"> {limits['entries']:,}"))
            break
        if unsafe(name, limits):
            found.append(finding("PKG-004", printable(name)))
            continue
        entries.append(Entry(name, path.stat().st_size, path))
    if not entries:
        found.append(finding("PKG-003", printable(top.name)))
    return entries, folders


def _walk(folder: Path, found: list[Finding], folders: set[str]) -> Iterator[tuple[str, Path]]:
    """Every regular file below `folder`; a folder is entered once, for links are not followed."""
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        try:
            with os.scandir(place) as listing:
                children = sorted(listing, key=lambda child: child.name)
        except OSError as error:
            found.append(finding("PKG-018", printable(prefix), reason=error.strerror or str(error)))
            continue
        for child in children:
            name = prefix + child.name
            if child.is_symlink() or not (child.is_dir(follow_symlinks=False) or child.is_file(follow_symlinks=False)):
                found.append(finding("PKG-007", printable(name)))
            elif child.is_dir(follow_symlinks=False):
                folders.add(name)
                waiting.append((Path(child.path), f"{name}/"))
            else:
                yield name, Path(child.path)


def read_zip(path: Path, limits: Mapping[str, int], found: list[Finding],
             ) -> tuple[zipfile.ZipFile | None, list[Entry], set[str]]:
    """The open ZIP at `path`, its trusted files in the order of their bytes, its folders; None when it is no ZIP.

    Raises OSError when the file itself cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):       # a pipe would be waited for
        found.append(finding("PKG-001", printable(path.name)))
        return None, [], set()
    with path.open("rb") as stream:
        head = stream.read(4)
        directory = _directory_size(stream, path.stat().st_size)
    if not head:
        found.append(finding("PKG-003", printable(path.name)))
        return None, [], set()
    if directory is None:
        found.append(finding("PKG-002" if head[:2] == b"PK" else "PKG-001", printable(path.name)))
        return None, [], set()
    if directory > limits["directory_bytes"]:
        found.append(finding("PKG-009", printable(path.name), what=f"{directory // _MB:,} MB"))
        return None, [], set()
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN:
        found.append(finding("PKG-002", printable(path.name)))
        return None, [], set()
    return archive, *_trusted(archive, path, limits, found)


def _directory_size(stream: object, size: int) -> int | None:
    """Bytes of a ZIP's table of contents, read from its end record before anyone parses it; None without one."""
    read, seek = stream.read, stream.seek  # type: ignore[attr-defined]
    start = max(0, size - 22 - 65535)
    seek(start)
    tail: bytes = read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        return None
    value = int(struct.unpack_from("<L", tail, at + 12)[0])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if value == 0xFFFFFFFF and wide >= 0 and len(tail) - wide >= 56:
        value = int(struct.unpack_from("<Q", tail, wide + 40)[0])
    return value


def _trusted(archive: zipfile.ZipFile, path: Path, limits: Mapping[str, int], found: list[Finding],
             ) -> tuple[list[Entry], set[str]]:
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if what := _bomb(infos, path.stat().st_size, limits):
        found.append(finding("PKG-009", printable(path.name), what=what))
        return [], set()
    entries: dict[str, Entry] = {}
    folders: set[str] = set()
    for info in infos:
        name = _name(info, found)
        if unsafe(name.rstrip("/"), limits):
            found.append(finding("PKG-004", printable(name)))
        elif stat.S_IFMT(info.external_attr >> 16) in _NO_FILES:
            found.append(finding("PKG-007", printable(name)))
        elif name.endswith("/"):
            folders.add(name.rstrip("/"))
        elif info.flag_bits & _ENCRYPTED:
            found.append(finding("PKG-008", name))
        elif name in entries:
            found.append(finding("PKG-005", name))
        else:
            entries[name] = Entry(name, info.file_size, info)
    if not infos:
        found.append(finding("PKG-003", printable(path.name)))
    return list(entries.values()), folders


def _name(info: zipfile.ZipInfo, found: list[Finding]) -> str:
    """The entry's name with its encoding and its slashes put right, and what had to be put right."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8_NAME and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass                # neither UTF-8: the reading of the oldest ZIPs stays
        found.append(finding("PKG-011", printable(name)))
    if "\\" in name:
        found.append(finding("PKG-010", printable(name)))
        name = name.replace("\\", "/")
    return name.removeprefix("./") or name


def _bomb(infos: Iterable[zipfile.ZipInfo], packed: int, limits: Mapping[str, int]) -> str:
    """Why these entries must not be unpacked, in numbers; empty when they may."""
    total = count = end = 0
    for info in infos:
        count, total = count + 1, total + info.file_size
        if info.file_size > limits["ratio_from"] and info.file_size > limits["ratio"] * max(info.compress_size, 1):
            return f"{printable(info.filename)}: {info.compress_size:,} → {info.file_size:,} B"
        if info.header_offset < end:                # two entries share their bytes
            return f"{printable(info.filename)}: 0x{info.header_offset:x} < 0x{end:x}"
        end = info.header_offset + 30 + info.compress_size
    if count > limits["entries"]:
        return f"{count:,} > {limits['entries']:,}"
    if total > limits["total_bytes"] or (total > limits["total_ratio_from"] and total > limits["ratio"] * packed):
        return f"{packed:,} → {total:,} B"
    return ""


def unsafe(name: str, limits: Mapping[str, int]) -> bool:
    """Whether `name` could point anywhere but to one file inside the package, or harms who shows it."""
    parts = name.split("/")
    try:
        long = len(name.encode("utf-8")) > limits["name_bytes"]
    except UnicodeEncodeError:          # a name of a folder that is no UTF-8
        return True
    return (long or len(parts) > limits["depth"] or _DRIVE.match(name) is not None or _CONTROL.search(name) is not None
            or "\\" in name or any(part in ("", ".", "..") for part in parts))


def printable(name: str) -> str:
    """`name` as it may be shown: no control characters, no half letters, not endless."""
    shown = re.sub(r"[\r\n]", "�", _CONTROL.sub("�", name.encode("utf-8", "replace").decode("utf-8")))
    return shown if len(shown) <= 200 else shown[:200] + "…"
