"""Copying a received file while hashing it, and the safe name that the copy gets.

Must never load a file whole, follow a symbolic link, leave a half-written file under its final name, or
give out hashes of bytes that changed while they were read.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from archive.errors import LuuTruError, NoRoomError
from archive.files import fsync_folder
from archive.i18n import _

CHUNK = 1 << 20
LONGEST_NAME = 200          # bytes of UTF-8; file systems allow 255, and copies get prefixes and suffixes
_FORBIDDEN = frozenset('/\\:*?"<>|')
_PORTS = [f"{port}{n}" for port in ("COM", "LPT") for n in range(10)]
_RESERVED = frozenset(["CON", "PRN", "AUX", "NUL", *_PORTS])
_UNSEEN = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])      # Unicode categories: controls, formats, surrogates


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: size in bytes, lower-case hex hashes, the source's time of last change in ns."""

    size: int
    sha256: str
    sha512: str
    mtime_ns: int


class SourceError(LuuTruError):
    """A source file could not be read as one piece; nothing was taken in."""


class SourceChanged(SourceError):  # noqa: N818 - a state of the source that is met every night, not a fault
    """The source file changed while it was being read."""


class SourceUnreadable(SourceError):  # noqa: N818 - as above
    """The source file could not be opened or read."""


def copy_hashed(source: Path, target: Path) -> Copied:
    """Copy `source` to `target` in one pass, hashing it with SHA-256 and SHA-512.

    The bytes go to `<target>.part` in the same folder, are flushed to disk and renamed last; an older
    `target` is replaced. Raises SourceChanged when the source is not the same before and after,
    SourceUnreadable when it cannot be read, NoRoomError on a full disk; in each case nothing is left behind.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb", buffering=0) as sink:
            copied = _read_hashed(source, lambda chunk: _write_all(sink.fileno(), chunk))
            os.fsync(sink.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(_("There is no room on the disk to copy {name}.").format(name=source.name)) from error
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    fsync_folder(target.parent)
    return copied


def hash_file(path: Path) -> Copied:
    """Size and hashes of `path`, read once. Raises SourceChanged, SourceUnreadable as `copy_hashed` does."""
    return _read_hashed(path, lambda chunk: None)


def safe_name(name: str) -> str:
    """A file name made from `name` that every file system takes; the extension stays.

    NFC; control characters, separators and what Windows forbids become "_"; at most 200 bytes.
    Only for the copy on disk: the name that a person sees is kept as it came.
    """
    kept = "".join("_" if char in _FORBIDDEN or unicodedata.category(char) in _UNSEEN else char
                   for char in unicodedata.normalize("NFC", name))
    kept = kept.strip().rstrip(". ")
    if not kept.strip("."):
        kept = "_"
    if kept.startswith(".") or kept.split(".")[0].rstrip().upper() in _RESERVED:
        kept = f"_{kept}"
    suffix = PurePosixPath(kept).suffix
    suffix = suffix if len(suffix.encode()) <= 16 else ""
    stem = kept.removesuffix(suffix).encode()[:LONGEST_NAME - len(suffix.encode())].decode(errors="ignore")
    return unicodedata.normalize("NFC", stem.rstrip(". ") + suffix)


def _read_hashed(source: Path, sink: Callable[[memoryview], None]) -> Copied:
    try:
        # Not blocking: a pipe that poses as a file must not stop the night.
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SourceUnreadable(f"{source.name}: {error.strerror}") from error
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise SourceUnreadable(f"{source.name}: not an ordinary file")
        size, sha256, sha512 = _pump(source, handle, sink)
        after, named = os.fstat(handle), _lstat(source)
    finally:
        os.close(handle)
    same = named is not None and _state(before) == _state(after) == _state(named)
    if size != before.st_size or not same:
        raise SourceChanged(f"{source.name} changed while it was read")
    return Copied(size, sha256, sha512, before.st_mtime_ns)


def _pump(source: Path, handle: int, sink: Callable[[memoryview], None]) -> tuple[int, str, str]:
    buffer = memoryview(bytearray(CHUNK))
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    while True:
        try:
            count = os.readv(handle, [buffer])
        except OSError as error:
            raise SourceUnreadable(f"{source.name}: {error.strerror}") from error
        if not count:
            return size, sha256.hexdigest(), sha512.hexdigest()
        chunk = buffer[:count]
        sha256.update(chunk)
        sha512.update(chunk)
        sink(chunk)
        size += count


def _write_all(handle: int, chunk: memoryview) -> None:
    while chunk:
        chunk = chunk[os.write(handle, chunk):]


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
