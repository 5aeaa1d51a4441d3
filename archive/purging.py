"""Purging: taking bytes off a disk so that nothing is left of them that a program can reach.

What goes is renamed out of its place first, into `destroying/` on the same file system, so that a killed process
leaves no half object behind: it is there whole, or it waits in `destroying/`, where nothing reads and the next purge
empties. Then every file is overwritten, that is flushed to the disk, and only then the name is taken away. What
overwriting is worth on SSDs, snapshots and file systems that write elsewhere: docs/destruction.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from archive.files import flush_everything, fsync_folder

FOLDER = "destroying"
_ZEROS = bytes(1 << 20)
_MANY = 32              # files from which one flush of them all comes before that of each


def purge(waiting: Path, things: Iterable[Path], *, overwrite: bool = True) -> int:
    """Destroy `things` (files or folders that may be there or not) by way of the folder `waiting`; how many were there.

    All must lie on the file system of `waiting`. What an earlier purge left there goes, too. Durable when this returns.
    Raises OSError when something can not be taken away: it then still lies in its place or in `waiting`.
    """
    waiting.mkdir(parents=True, exist_ok=True)
    parents: set[Path] = set()
    count = 0
    for thing in things:
        if not os.path.lexists(thing):
            continue
        target = waiting / hashlib.sha256(os.fsencode(thing)).hexdigest()[:32]
        number = 0
        while os.path.lexists(free := target.with_name(f"{target.name}.{number}") if number else target):
            number += 1
        thing.rename(free)
        parents.add(thing.parent)
        count += 1
    empty(waiting, overwrite=overwrite)
    # Only now: a rename that a power cut undoes brings back what the next run takes away again.
    if len(parents) >= _MANY:
        flush_everything(waiting.parent)
    else:
        for parent in sorted(parents):
            with suppress(FileNotFoundError):       # it went as well
                fsync_folder(parent)
    return count


def empty(waiting: Path, *, overwrite: bool = True) -> None:
    """Finish what a killed purge left in `waiting`, and take the folder away."""
    if not waiting.is_dir():
        return
    if overwrite:
        _overwrite(waiting)
    for thing in list(waiting.iterdir()):
        if thing.is_dir() and not thing.is_symlink():
            shutil.rmtree(thing)
        else:
            thing.unlink()
    fsync_folder(waiting)
    with suppress(OSError):
        waiting.rmdir()


def prune(folder: Path, root: Path) -> None:
    """Take away the empty folders from `folder` up to `root`, which stays (OCFL 1.1, 4: no empty directories)."""
    step = folder
    while step != root and root in step.parents:
        try:
            step.rmdir()
        except FileNotFoundError:
            pass
        except OSError:         # not empty
            return
        step = step.parent


def _overwrite(folder: Path) -> None:
    """Write zeros over every file and wait until they are on the disk: a file that is unlinked sooner keeps its bytes.

    A file that has a second name elsewhere (hard link) is left as it is: that name may be another record's. Links are
    not followed.
    """
    written: list[Path] = []
    for base, _folders, names in os.walk(folder):
        for name in names:
            place = Path(base, name)
            try:
                handle = os.open(place, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except PermissionError:
                with suppress(OSError):
                    place.chmod(0o600)
                handle = os.open(place, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:     # a link, a socket: it has no bytes of its own
                continue
            try:
                if os.fstat(handle).st_nlink > 1:
                    continue
                left = os.fstat(handle).st_size
                while left > 0:
                    left -= os.write(handle, _ZEROS[:left])
            finally:
                os.close(handle)
            written.append(place)
    if len(written) >= _MANY:
        flush_everything(folder)
    for place in written:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
