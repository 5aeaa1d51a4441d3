"""Media: the disks and shares that hold backups. A marker says whose backups they are and when the medium ends.

Must never write into a folder that is not empty and bears no marker of this archive, and never change anything that
lies on a target which the settings call append-only.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import orjson
from sqlalchemy import select

from archive import clock
from archive.catalogue import record
from archive.errors import UsageError
from archive.files import json_bytes, write_atomically
from archive.fixity import places
from archive.i18n import _
from archive.ledger import ACTOR, Entry, event_key
from archive.model import Event
from archive.opening import Archive
from archive.reading import shown
from archive.settings import Settings

MARKER = "luutru-backup.json"
README = "README.txt"
SCHEMA = "luutru/backup/1"
BEGUN = "backup_medium_begun"
NOT_OURS = places.NOT_OURS | {f".{MARKER}.tmp", README, f".{README}.tmp"}
_GET_FLAGS, _IMMUTABLE, _APPEND = 0x80086601, 0x10, 0x20        # ioctl_iflags(2), 64-bit


@dataclass(frozen=True, slots=True)
class Target:
    """A place for backups, as the settings name it. Media may take turns there."""

    name: str
    folder: Path
    append_only: bool


@dataclass(frozen=True, slots=True)
class Medium:
    """What the marker of a medium says. `code`: mã phương tiện; `ends`: last day of its life, "" when not known."""

    code: str
    archive: str
    begun_at: str
    ends: str
    agency: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A target as it was found: ready, new (empty, never used), absent, foreign, other, overlaps or unreadable.

    `guard`: who keeps what lies there from being changed: "system" (the file system), "rights" (only the rights of the
    folder), "" (nobody).
    """

    target: Target
    state: str
    medium: Medium | None = None
    reason: str = ""
    same_disk: bool = False
    guard: str = ""


def targets(settings: Settings) -> list[Target]:
    """The targets that the settings name, whether they are there or not. Raises UsageError for a name of append_only
    that is no target.
    """
    own = settings.backup
    if strange := sorted(set(own.append_only) - set(own.targets)):
        raise UsageError(_("backup.append_only names {name}, which is not among backup.targets").format(
            name=strange[0]))
    return [Target(name, settings.path(Path(folder)), name in own.append_only)
            for name, folder in sorted(own.targets.items())]


def target_named(settings: Settings, name: str) -> Target:
    """The target of that name. Raises UsageError when the settings do not have it."""
    for target in targets(settings):
        if target.name == name:
            return target
    raise UsageError(_("{name} is not among backup.targets").format(name=name))


def look(archive: Archive, target: Target) -> Seen:
    """Whether the target can be used now. Changes nothing, and never raises for what lies there."""
    folder = target.folder
    try:
        if over := _overlaps(archive, target):
            return Seen(target, "overlaps", reason=over)
        if not folder.is_dir():
            return Seen(target, "absent")
        same = folder.stat().st_dev == archive.settings.root.stat().st_dev
        medium = read_marker(folder)
        if medium is None:
            if names := sorted(one.name for one in folder.iterdir() if one.name not in NOT_OURS):
                return Seen(target, "foreign", reason=shown(names[0]))
            return Seen(target, "absent" if _used(archive, target) else "new", same_disk=same)
        if medium.archive != places.identity(archive):
            return Seen(target, "other", medium, medium.agency, same)
        return Seen(target, "ready", medium, same_disk=same, guard=guard(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Seen(target, "unreadable", reason=str(error))


def read_marker(folder: Path) -> Medium | None:
    """What the marker in `folder` says; None when there is none. Raises ValueError, KeyError, OSError for a bad one."""
    place = folder / MARKER
    if not place.is_file():
        return None
    told = orjson.loads(place.read_bytes())
    if told["schema"] != SCHEMA:
        raise ValueError(str(told["schema"]))
    return Medium(told["medium"], told["archive"], told["begun_at"], told["ends"], told["agency"])


def begin(archive: Archive, target: Target, now: datetime, *, code: str = "", ends: str = "",
          actor: str = ACTOR) -> Medium:
    """Make the empty folder of `target` a medium of this archive, under its code (mã phương tiện) and last day.

    The caller owns the archive. Raises UsageError for a folder that is not there or not empty, and for an `ends` that
    is no day (YYYY-MM-DD).
    """
    seen = look(archive, target)
    if seen.state == "ready" and seen.medium is not None:
        return seen.medium
    if seen.state not in ("new", "absent") or not target.folder.is_dir():
        raise UsageError(_("{place} is not an empty folder").format(place=target.folder))
    try:
        ends = date.fromisoformat(ends).isoformat() if ends else ""
    except ValueError as error:
        raise UsageError(_("{text} is no day, such as 2031-12-31").format(text=ends)) from error
    own = archive.settings.agency
    medium = Medium(code or f"{target.name}-{clock.in_vietnam(now):%Y%m%d}", places.identity(archive),
                    clock.stamp(now), ends, f"{own.name} ({own.code})")
    write_atomically(target.folder / README, Path(__file__).with_name("readme.txt").read_bytes())
    write_atomically(target.folder / MARKER, json_bytes({
        "schema": SCHEMA, "medium": medium.code, "archive": medium.archive, "begun_at": medium.begun_at,
        "ends": medium.ends, "agency": medium.agency}))
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(BEGUN, target.name, {
            "medium": medium.code, "ends": medium.ends, "append_only": target.append_only, "begun_at": medium.begun_at},
            event_key(BEGUN, target.name, medium.begun_at), actor=actor)])
    return medium


def guard(folder: Path) -> str:
    """Who keeps what lies in `folder` from being changed: see `Seen`. Tries nothing that would change anything."""
    if _flags(folder / MARKER) & _IMMUTABLE or _flags(folder) & (_IMMUTABLE | _APPEND):
        return "system"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return "system"
    return "" if os.access(folder / MARKER, os.W_OK) else "rights"


def _flags(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(struct.unpack("l", fcntl.ioctl(handle, _GET_FLAGS, struct.pack("l", 0)))[0])
        finally:
            os.close(handle)
    except OSError:             # a file system that has no such flags
        return 0


def _used(archive: Archive, target: Target) -> bool:
    """Whether a medium was ever begun there: an empty folder is then a disk that is not mounted."""
    with archive.catalogue.session() as session:
        return session.scalar(select(Event.seq).where(Event.kind == BEGUN, Event.subject == target.name).limit(1)
                              ) is not None


def _overlaps(archive: Archive, target: Target) -> str:
    """The archive, copy or target in, around or at the same folder; "" for none: a fault there would take both."""
    mine = target.folder.resolve()
    others = [(str(archive.settings.root), archive.settings.root)]
    others += [(place.name, place.folder.parent) for place in places.copies(archive.settings)]
    others += [(other.name, other.folder) for other in targets(archive.settings) if other.name < target.name]
    for name, folder in others:
        theirs = folder.resolve()
        if theirs in (mine, *mine.parents) or mine in theirs.parents:
            return name
    return ""
