"""Writing a package to the disk: a ZIP or a folder, whole or not at all.

Every byte is hashed while it is copied and compared with what the description says of it; a difference leaves
nothing behind. Data are stored in the ZIP as they are (TT 05/2025 asks for ZIP, not for compression); the same
description and profile give the same bytes. Nothing here reads the clock.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from archive.errors import IntegrityError, UsageError
from archive.files import fsync_folder
from archive.i18n import _
from archive.packages.build import folder_name, given_files, metadata_files
from archive.packages.description import Package, PackedFile
from archive.packages.serialisation import Serialisation

CHUNK = 1 << 20
Progress = Callable[[int, int], None]       # bytes done, bytes in all
_EARLIEST, _LATEST = 1980, 2107             # years that a ZIP entry can carry


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the ZIP (with its SHA-256, lower-case hex, and size) or the folder (SHA-256 "").

    `files` and `bytes` count what the package holds, not the ZIP's own structure.
    """

    path: Path
    sha256: str
    size: int
    files: int
    bytes: int


def write_zip(package: Package, profile: Serialisation, target: Path, progress: Progress = lambda *_: None) -> Written:
    """Write the package as the ZIP `target`, which appears only when it is whole.

    Raises UsageError when `target` is there, IntegrityError when a file is not what the description says,
    ead.UnwritableTextError for text that XML cannot carry, OSError (ENOSPC) when there is no room.
    """
    return zip_files(_all_files(package, profile), folder_name(package, profile), target, package.created, progress,
                     total=_given_bytes(package))


def write_folder(package: Package, profile: Serialisation, target: Path,
                 progress: Progress = lambda *_: None) -> Written:
    """Write the package as the folder `target` (which is to be named `folder_name`); raises as `write_zip`."""
    return copy_files(_all_files(package, profile), target, progress, total=_given_bytes(package))


def zip_files(files: Iterable[PackedFile], folder: str, target: Path, created: str,
              progress: Progress = lambda *_: None, *, total: int = 0) -> Written:
    """Write `files` under `folder` into the ZIP `target`; `created` (ISO 8601) dates its entries.

    `total` is what the progress counts up to, as far as it is known before the files come. Raises as `write_zip`.
    """
    moment = datetime.fromisoformat(created).timetuple()[:6]
    stamp = (min(max(moment[0], _EARLIEST), _LATEST), *moment[1:])
    with _temporary_file(target) as temporary:
        count = _Count(progress, total)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for file in count.each(files):
                entry = zipfile.ZipInfo(f"{folder}/{file.path}", stamp)
                entry.external_attr, entry.create_system = 0o100644 << 16, 3
                entry.file_size = file.size
                # The sizes and checksum are written back into the entry's head, not after its data: readers
                # that stream refuse stored entries with a data descriptor.
                with archive.open(entry, "w", force_zip64=file.size >= zipfile.ZIP64_LIMIT) as sink:
                    _copy(file, sink, count)
        digest = _digest_on_disk(temporary)
        temporary.replace(target)
        fsync_folder(target.parent)
    return Written(target, digest, target.stat().st_size, count.files, count.bytes)


def copy_files(files: Iterable[PackedFile], target: Path, progress: Progress = lambda *_: None, *,
               total: int = 0) -> Written:
    """Write `files` into the new folder `target`. Raises as `write_zip`."""
    _free(target)
    temporary = target.with_name(f".{target.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    count = _Count(progress, total)
    try:
        for file in count.each(files):
            place = temporary / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as sink:
                _copy(file, sink, count)
                sink.flush()
                os.fsync(sink.fileno())
        temporary.mkdir(parents=True, exist_ok=True)
        for folder in sorted({place.parent for place in temporary.rglob("*")} | {temporary}):
            fsync_folder(folder)
        if target.exists():
            target.rmdir()
        temporary.replace(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(target.parent)
    return Written(target, "", count.bytes, count.files, count.bytes)


def _all_files(package: Package, profile: Serialisation) -> Iterator[PackedFile]:
    """The files of the package in the order in which they are written: what we make first, then what was given."""
    for path, data in metadata_files(package, profile):
        yield PackedFile(path, data, len(data), hashlib.sha256(data).hexdigest(), "text/xml", package.created, "")
    yield from given_files(package)


def _given_bytes(package: Package) -> int:
    return sum(file.size for file in given_files(package))


class _Count:
    """What was written so far; refuses a path that is not safe or that was there before."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.files = self.bytes = 0
        self.total = total
        self._progress = progress
        self._paths: set[str] = set()

    def each(self, files: Iterable[PackedFile]) -> Iterator[PackedFile]:
        if isinstance(files, (list, tuple)):
            self.total = self.total or sum(file.size for file in files)
        for file in files:
            if not safe_path(file.path) or file.path.casefold() in self._paths:
                raise ValueError(f"a path that no package can have, or twice the same: {file.path!r}")
            self._paths.add(file.path.casefold())
            yield file
            self.files += 1

    def add(self, number: int) -> None:
        self.bytes += number
        self._progress(self.bytes, max(self.total, self.bytes))


def safe_path(path: str) -> bool:
    """Whether `path` stays inside its package on every system: relative, no "..", no backslash, no drive."""
    parts = PurePosixPath(path).parts
    return bool(parts) and "/".join(parts) == path and not path.startswith("/") and ".." not in parts \
        and not re.search(r'[\x00-\x1f\\:*?"<>|]', path)


def _copy(file: PackedFile, sink: _Sink, count: _Count) -> None:
    """Copy one file, and compare its size and SHA-256. Raises IntegrityError."""
    digest, size = hashlib.sha256(), 0
    for data in _pieces(file):
        digest.update(data)
        size += len(data)
        sink.write(data)
        count.add(len(data))
    if size != file.size or digest.hexdigest() != file.sha256.lower():
        raise IntegrityError(_("{path} has changed; the package was not written").format(path=file.path))


def _pieces(file: PackedFile) -> Iterator[bytes]:
    if isinstance(file.source, bytes):
        yield file.source
        return
    with file.source.open("rb") as stream:
        while data := stream.read(CHUNK):
            yield data


def _digest_on_disk(path: Path) -> str:
    """The SHA-256 of the file at `path`, once its bytes are flushed to the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _free(target: Path) -> None:
    """Raises UsageError when something lies at `target` (an empty folder may)."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(_("{place} is there already").format(place=target))
    target.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """A file beside `target`, flushed to the disk; gone again when anything goes wrong."""
    _free(target)
    temporary = target.with_name(f".{target.name}.part")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
