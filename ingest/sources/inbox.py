"""The inbox: a folder that swallows files, and the taking in of one of them.

Must never change, rename or remove a file before it is stored: `remove_from_inbox` is called last of all,
and takes away only the bytes that were taken in.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tomllib
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from archive import clock
from archive.files import fsync_folder
from archive.findings import Finding, finding
from ingest.copying import Copied, SourceChanged, SourceError, copy_hashed, hash_file, safe_name
from ingest.item import Item, Part, Role

RECEIVED = "received"
SIGNATURES = "signatures"   # under RECEIVED: signature files that lay beside the document
BACKS = "backs"             # under RECEIVED: the file of the backs of a scan
LONGEST_PATH = 400          # characters; longer names are taken in, but a person should know
TAKING = ".taking-"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One file of the inbox that is ready to be taken in.

    `name` is its path under the inbox as people see it (`printable_name`).
    `findings` are about this file and belong to the item that it becomes; `beside` are its signature files
    (signature_files.py), `back` the file of the backs of a scan made side by side (scan_sides.py), `pages` the further
    pages of a scan `by_page` (scan_pages.py), whose name no file bears; all of them become parts of the same item.
    """

    path: Path
    name: str
    findings: tuple[Finding, ...] = ()
    beside: tuple[Waiting, ...] = ()
    back: Waiting | None = None
    pages: tuple[Waiting, ...] = ()
    by_page: bool = False

    @property
    def further(self) -> tuple[Waiting, ...]:
        """The received files of a scan besides the first: its backs, or its other pages in their order."""
        return (self.back,) if self.back is not None else self.pages

    @property
    def file_name(self) -> str:
        """The name of the file itself."""
        return printable_name(self.path.name) if self.by_page else self.name.rsplit("/", 1)[-1]


def scan(folder: Path, settle_seconds: float, now: datetime,
         left: list[Finding] | None = None) -> Iterator[Waiting]:
    """The files of `folder` that are ready, sub-folders included, in the order of their NFC names.

    Hidden and temporary files are passed over in silence. Files that stay where they are for a reason a
    person should know (still being written, unreadable, links, pipes) go into `left` as findings. A file
    is ready when it has not changed for `settle_seconds` before `now`, and nobody holds a lock on it.
    """
    left = [] if left is None else left
    entries = sorted(_walk(folder, left), key=lambda entry: (entry[0], os.fsencode(entry[1])))
    for name, path in entries:
        reason = _why_not(path, name, settle_seconds, now)
        if reason is None:
            yield Waiting(path, name, tuple(_odd_name(path, folder, name)))
        else:
            left.append(reason)


def item_id(source: str, name: str, sha256: str) -> str:
    """The id of an item: 16 hex digits that follow from its source, name and content alone."""
    return hashlib.sha256("\0".join((source, name, sha256)).encode()).hexdigest()[:16]


def take_in(waiting: Waiting, source: str, intake_root: Path, now: datetime,
            identify: Callable[[str, str, str], str] = item_id) -> Item:
    """Copy a waiting file to `<intake_root>/<item id>/received/` and make its item.

    Safe to repeat after any interruption: a folder that is already there is used again, with the time of
    receipt of the first time (kept as the copy's time of change). The file in the inbox stays as it is. `identify`
    gives the item's id where that of `item_id` was another's, which was destroyed.
    Raises SourceChanged, SourceUnreadable (`not_taken` turns them into findings), NoRoomError.
    """
    intake_root.mkdir(parents=True, exist_ok=True)
    taking = intake_root / f"{TAKING}{uuid.uuid4().hex}"
    (taking / RECEIVED).mkdir(parents=True)
    try:
        file_name = safe_name(waiting.file_name)
        fresh = taking / RECEIVED / file_name
        copied = copy_hashed(waiting.path, fresh)
        os.utime(fresh, ns=(_nanoseconds(now), _nanoseconds(now)))
        beside = [_copy_beside(one, n, taking / RECEIVED / SIGNATURES) for n, one in enumerate(waiting.beside)]
        beside += [_copy_beside(one, n, taking / RECEIVED / BACKS, "back") for n, one in enumerate(waiting.further)]
        identity = identify(source, waiting.name, copied.sha256)
        home = intake_root / identity
        _settle(taking, home, {file_name: copied, **{f"{part.path.parent.name}/{part.path.name}": part
                                                     for part in beside}})
    finally:
        shutil.rmtree(taking, ignore_errors=True)
    kept = home / RECEIVED / file_name
    part = Part(waiting.file_name, "original", kept, copied.size, copied.sha256, copied.sha512)
    for one in beside:
        one.path = home / RECEIVED / one.path.parent.name / one.path.name
    return Item(identity, source, waiting.name, home, [part, *beside], received_at=_moment(kept.stat().st_mtime_ns),
                facts=_facts(waiting, copied))


def _copy_beside(waiting: Waiting, number: int, folder: Path, role: Role = "signature") -> Part:
    """A file that lay beside a document as a part of its item."""
    folder.mkdir(exist_ok=True)
    name = Path(waiting.name).name
    target = folder / safe_name(name)
    target = folder / f"{number}-{target.name}" if target.exists() else target
    copied = copy_hashed(waiting.path, target)
    return Part(name, role, target, copied.size, copied.sha256, copied.sha512)


def not_taken(error: SourceError, name: str) -> Finding:
    """The finding that tells why `take_in` left the file `name` in the inbox."""
    if isinstance(error, SourceChanged):
        return finding("COLLECT-002", name)
    return finding("COLLECT-003", name, reason=str(error))


def sweep(intake_root: Path) -> int:
    """Remove what a killed `take_in` left half done; how many. Only for the batch that owns the archive."""
    halves = list(intake_root.glob(f"{TAKING}*")) if intake_root.is_dir() else []
    for half in halves:
        shutil.rmtree(half)
    return len(halves)


def remove_from_inbox(path: Path, sha256: str, inbox: Path | None = None) -> bool:
    """Remove `path` if its bytes still have the hash `sha256`; whether it is gone now.

    Makes the removal durable. With `inbox` given, folders under it that became empty go too, never the inbox
    itself. A file that is no longer there is gone; one that changed, or cannot be read or removed, stays.
    """
    try:
        before = path.lstat()
        if _open_for_writing(path):
            return False
        if hash_file(path).sha256 != sha256 or _identity(path.lstat()) != _identity(before):
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    except (SourceError, OSError):
        return not os.path.lexists(path)
    fsync_folder(path.parent)
    if inbox is not None and inbox in path.parents:
        _remove_empty(path.parent, inbox)
    return True


def _open_for_writing(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return _being_written(handle)
    finally:
        os.close(handle)


def printable_name(path: str) -> str:
    """`path` as people see it and JSON can carry it: NFC, "/" between its parts.

    Bytes that are not UTF-8 and characters that no one sees (control, direction, zero width) become %XX.
    """
    return unicodedata.normalize("NFC", "".join(map(_printable, path)))


def _walk(root: Path, left: list[Finding]) -> Iterator[tuple[str, Path]]:
    """Every entry under `root` that is not passed over, but plain folders, with its printable name."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = [entry for entry in found if not _passed_over(entry.name)]
        except OSError as error:
            if folder == root:
                left.append(finding("COLLECT-006", printable_name(str(root)), reason=error.strerror))
            else:
                name = printable_name(str(folder.relative_to(root)))
                left.append(finding("COLLECT-003", name, reason=error.strerror))
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                yield printable_name(os.path.relpath(entry.path, root)), Path(entry.path)


def _passed_over(name: str) -> bool:
    rules, folded = _names(), name.casefold()
    if folded.startswith(rules["prefixes"]) or folded.endswith(rules["suffixes"]):
        return True
    return folded in rules["names"]


@cache
def _names() -> dict[str, tuple[str, ...]]:
    with Path(__file__).with_name("inbox.toml").open("rb") as stream:
        return {key: tuple(name.casefold() for name in names) for key, names in tomllib.load(stream).items()}


def _why_not(path: Path, name: str, settle_seconds: float, now: datetime) -> Finding | None:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return finding("COLLECT-004", name)
        if not stat.S_ISREG(status.st_mode):
            return finding("COLLECT-005", name)
        # A time in the future comes from a scanner with a wrong clock and says nothing about being written.
        times = [ns / 1e9 for ns in (status.st_mtime_ns, status.st_ctime_ns) if ns / 1e9 <= now.timestamp()]
        if settle_seconds and (not times or now.timestamp() - max(times) < settle_seconds):
            return finding("COLLECT-001", name)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return finding("COLLECT-001", name) if _locked(handle) or _being_written(handle) else None
        finally:
            os.close(handle)
    except OSError as error:
        return finding("COLLECT-003", name, reason=error.strerror)


def _locked(handle: int) -> bool:
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return True
            # Other errors: a file system without locks; nothing can be learned there.
    return False


def _being_written(handle: int) -> bool:
    """Whether some process of this machine has the file open for writing: then no read lease is to be had."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN      # else: not our file, or a file system without leases
    return False


def _odd_name(path: Path, root: Path, name: str) -> Iterator[Finding]:
    raw, last = str(path.relative_to(root)), name.rsplit("/", 1)[-1]
    if any(map(_surrogate, raw)):
        yield finding("COLLECT-007", name)
    if any(map(_unseen, raw)):
        yield finding("COLLECT-008", name)
    if len(name) > LONGEST_PATH or safe_name(last) != last:
        yield finding("COLLECT-009", name, length=len(name), kept=safe_name(last))


def _printable(char: str) -> str:
    if _surrogate(char):
        return f"%{ord(char) - 0xDC00:02X}"
    return "".join(f"%{byte:02X}" for byte in char.encode()) if _unseen(char) else char


def _surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")


def _settle(taking: Path, home: Path, files: Mapping[str, Copied | Part]) -> None:
    """Give the taken folder its name, or mend the one that has it already; `files` by their place under RECEIVED."""
    try:
        taking.rename(home)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        for place, copied in files.items():
            kept = home / RECEIVED / place
            with contextlib.suppress(SourceError):
                if hash_file(kept).sha256 == copied.sha256:
                    continue
            # The copy of an earlier night lost bytes, or a signature came later: the fresh one takes its place.
            kept.parent.mkdir(exist_ok=True)
            (taking / RECEIVED / place).replace(kept)
            fsync_folder(kept.parent)
    fsync_folder(home.parent)


def _facts(waiting: Waiting, copied: Copied) -> dict[str, Any]:
    """What is known of a file besides its bytes: when it was last changed, and what is odd about its name."""
    return {"modified": clock.stamp(_moment(copied.mtime_ns)),
            "collect": [found.as_dict() for found in waiting.findings]}


def _nanoseconds(moment: datetime) -> int:
    """`moment` as whole nanoseconds, exact to the microsecond where a float would not be."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def _moment(nanoseconds: int) -> datetime:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _remove_empty(folder: Path, inbox: Path) -> None:
    while folder != inbox and inbox in folder.parents:
        try:
            folder.rmdir()
        except OSError:         # not empty, or not ours to remove: it stays
            return
        folder = folder.parent
        fsync_folder(folder)
