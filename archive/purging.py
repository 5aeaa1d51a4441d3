"""Purging: taking bytes off a disk so that nothing is left of them that a program can reach.

What goes is renamed out of its place first, into `destroying/` on the same file system, so that a killed process
leaves no half object behind: it is there whole, or it waits in `destroying/`, where nothing reads and the next purge
empties. Then every file is overwritten, that is flushed to the disk, and only then the name is taken away. What
overwriting is worth on SSDs, snapshots and file systems that write elsewhere: docs/destruction.md.
"""

# Of ten thousands of files: paths as texts cost a tenth of what Path does.
# ruff: noqa: PTH101, PTH104, PTH106, PTH108, PTH116, PTH120, PTH123, PTH208
from __future__ import annotations

import ctypes
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from archive.files import flush_everything, fsync_folder
from archive.store import Store, folder_of

FOLDER = "destroying"
_ZEROS = memoryview(bytes(1 << 20))
_MANY = 32              # files from which one flush of them all comes before that of each
# File systems of this machine's own disks, of which one flush of all is worth the flush of each file (syncfs(2)).
_OWN = frozenset(("ext2", "ext3", "ext4", "xfs", "f2fs", "overlay", "tmpfs"))
_SINCE = (5, 8)         # the Linux from which that flush tells of what could not be written


def purge(waiting: Path, things: Iterable[Path | str], *, overwrite: bool = True) -> int:
    """Destroy `things` (files or folders that may be there or not) by way of the folder `waiting`; how many were there.

    All must lie on the file system of `waiting`. What an earlier purge left there goes, too. Durable when this returns.
    Raises OSError when something can not be taken away: it then still lies in its place or in `waiting`.
    """
    waiting.mkdir(parents=True, exist_ok=True)
    aside, taken = os.fspath(waiting), set(os.listdir(waiting))
    parents: set[str] = set()
    count = 0
    for one in things:
        thing = os.fspath(one)
        name = free = hashlib.sha256(os.fsencode(thing)).hexdigest()[:32]
        number = 0
        while free in taken:
            number += 1
            free = f"{name}.{number}"
        try:
            os.rename(thing, f"{aside}/{free}")
        except (FileNotFoundError, NotADirectoryError):
            continue
        taken.add(free)
        parents.add(os.path.dirname(thing))
        count += 1
    empty(waiting, overwrite=overwrite)
    # Only now: a rename that a power cut undoes brings back what the next run takes away again.
    if len(parents) >= _MANY:
        flush_everything(waiting.parent)
    else:
        for parent in sorted(parents):
            with suppress(FileNotFoundError):       # it went as well
                fsync_folder(Path(parent))
    return count


def empty(waiting: Path, *, overwrite: bool = True) -> None:
    """Finish what a killed purge left in `waiting`, and take the folder away."""
    if not waiting.is_dir():
        return
    files, folders = _inside(os.fspath(waiting))
    if overwrite:
        _overwrite(waiting, files)
    for file in files:
        os.unlink(file)
    for folder in reversed(folders):
        os.rmdir(folder)
    fsync_folder(waiting)
    with suppress(OSError):
        waiting.rmdir()


def purge_objects(store: Store, names: Sequence[str], *, overwrite: bool) -> list[str]:
    """Destroy these objects of one store; the ids of those that were there. Raises OSError."""
    folders = {name: f"{store.root}/{folder_of(name)}" for name in names}
    there = [name for name, folder in folders.items() if os.path.lexists(folder)]
    if there:
        purge(store.staging.parent / FOLDER, [folders[name] for name in there], overwrite=overwrite)
    else:
        empty(store.staging.parent / FOLDER, overwrite=overwrite)
    for folder in folders.values():     # also where a killed run left the folders around it
        prune(os.path.dirname(folder), store.root)
    return there


def prune(folder: Path | str, root: Path | str) -> None:
    """Take away the empty folders from `folder` up to `root`, which stays (OCFL 1.1, 4: no empty directories)."""
    step, end = os.fspath(folder), os.fspath(root)
    while step.startswith(f"{end}/"):
        try:
            os.rmdir(step)
        except FileNotFoundError:
            pass
        except OSError:         # not empty
            return
        step = os.path.dirname(step)


def _inside(folder: str) -> tuple[list[str], list[str]]:
    """All that lies in a folder: what is no folder, and the folders, each after the one that it lies in."""
    files: list[str] = []
    folders: list[str] = []
    left = [folder]
    while left:
        with os.scandir(left.pop()) as listed:
            for entry in listed:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    left.append(entry.path)
                else:
                    files.append(entry.path)
    return files, folders


def _overwrite(folder: Path, files: Sequence[str]) -> None:
    """Write zeros over the files and wait until they are on the disk: a file that is unlinked sooner keeps its bytes.

    A file that has a second name elsewhere (hard link) is left as it is: that name may be another record's. Links are
    not followed.
    """
    disk = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)    # before the first write: it then hears of all their errors
    try:
        written = [file for file in files if _zeroed(file)]
        if len(written) >= _MANY and _on_disk(disk) and is_own(folder):
            return
    finally:
        os.close(disk)
    for file in written:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _zeroed(file: str) -> bool:
    """Write zeros over one file; False for one that is left as it is."""
    wanted = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        handle = os.open(file, wanted)
    except PermissionError:
        with suppress(OSError):
            os.chmod(file, 0o600)
        handle = os.open(file, wanted)
    except OSError:     # a link, a socket: it has no bytes of its own
        return False
    try:
        told = os.fstat(handle)
        if told.st_nlink > 1 or not stat.S_ISREG(told.st_mode):
            return False
        left = told.st_size
        while left > 0:
            left -= os.write(handle, _ZEROS[:left])
    finally:
        os.close(handle)
    return True


def _on_disk(handle: int) -> bool:
    """Have all of a file system written, and wait for it; whether the system says that it is."""
    try:
        return bool(_system().syncfs(handle) == 0)
    except (OSError, AttributeError):
        return False


@cache
def _system() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def is_own(folder: Path) -> bool:
    """Whether one flush of everything is a promise here: a disk of this machine, a system that tells of errors.

    Of network and user-space file systems only the flush of each file is one.
    """
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if version is None or os.uname().sysname != "Linux" or tuple(map(int, version.groups())) < _SINCE:
        return False
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            kinds = {line.partition(" - ")[2].split(" ", 1)[0] for line in mounts if line.split(" ", 3)[2] == wanted}
    except (OSError, IndexError):
        return False
    return bool(kinds) and kinds <= _OWN
