"""Reading files for their hashes and copying them with proof: in large blocks, from the disk, links not followed.

The page cache is asked to forget a file before it is read again: what only memory still holds proves nothing about the
disk, and a night that reads the whole store must not push out what people work with.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from archive.errors import IntegrityError

BLOCK = 1 << 20
MANY = 64               # files that one thread takes at once: small ones cost less to read than to hand over
MOST_READERS = 4
LINKED = (errno.ELOOP, errno.EMLINK)


def digests(place: str | Path, *algorithms: str) -> tuple[str, ...]:
    """The digests (hex) of one regular file, read once for all of `algorithms`, past the page cache.

    Raises OSError: a file that is not there or cannot be read, a symbolic link (ELOOP).
    """
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _forget(handle)
        hashes = [hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms]
        while chunk := os.read(handle, BLOCK):
            for one in hashes:
                one.update(chunk)
            if len(chunk) < BLOCK and os.fstat(handle).st_size <= os.lseek(handle, 0, os.SEEK_CUR):
                break
        _forget(handle)
    finally:
        os.close(handle)
    return tuple(one.hexdigest() for one in hashes)


def digests_of(places: Sequence[str], algorithms: Sequence[Sequence[str]],
               tell: Callable[[int], None] = lambda done: None) -> Iterator[tuple[str, ...] | OSError]:
    """The digests of many files, each with its own algorithms, in their order; an error stands in its file's place.

    Read by several threads (hashing releases the interpreter): as many as there are processors, four at most. `tell`
    hears how many are done.
    """
    def some(start: int) -> list[tuple[str, ...] | OSError]:
        found: list[tuple[str, ...] | OSError] = []
        for place, wanted in zip(places[start:start + MANY], algorithms[start:start + MANY], strict=True):
            try:
                found.append(digests(place, *wanted))
            except OSError as error:
                found.append(error)
        return found

    starts = range(0, len(places), MANY)
    readers = min(MOST_READERS, os.cpu_count() or 1, len(starts))
    done = 0
    if readers < 2:
        for start in starts:
            for one in some(start):
                done += 1
                tell(done)
                yield one
        return
    with ThreadPoolExecutor(readers) as pool:
        for batch in pool.map(some, starts):
            for one in batch:
                done += 1
                tell(done)
                yield one


def copy_hashed(source: Path, target: Path, algorithm: str = "sha512") -> str:
    """Copy `source` to `target`, which is not there yet; the digest (SHA-512) of what was read. Raises OSError."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        with target.open("xb") as out:
            while chunk := os.read(reading, BLOCK):
                digest.update(chunk)
                out.write(chunk)
    finally:
        os.close(reading)
    return digest.hexdigest()


def copy_proved(source: Path, target: Path, sha512: str) -> None:
    """Copy `source` to `target` (which is not there yet), flush it, and read it back from the disk.

    Raises IntegrityError when the source does not have the hash `sha512` or the disk gives something else back;
    `target` is then gone again. Raises OSError as well.
    """
    try:
        if copy_hashed(source, target) != sha512:
            raise IntegrityError(f"{source}: the bytes have changed")
        with target.open("rb") as stream:
            os.fsync(stream.fileno())
        if digests(target, "sha512")[0] != sha512:
            raise IntegrityError(f"{target}: what was read back is not what was written")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def read_small(place: Path) -> bytes:
    """The bytes of a small regular file, links not followed. Raises OSError."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        return stream.read()


def entries(folder: str | Path) -> dict[str, str]:
    """All that lies in `folder`, at any depth: path from there → "file", "folder", "link" or "other".

    Symbolic links are named, never followed. Raises OSError when the folder cannot be listed.
    """
    found: dict[str, str] = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(f"{folder}/{inside}") as listed:
            for entry in listed:
                path = f"{inside}{entry.name}"
                if entry.is_symlink():
                    found[path] = "link"
                elif entry.is_dir(follow_symlinks=False):
                    found[path] = "folder"
                    waiting.append(f"{path}/")
                else:
                    found[path] = "file" if entry.is_file(follow_symlinks=False) else "other"
    return found


def shown(path: str) -> str:
    """A path as it may be written down: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _forget(handle: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
