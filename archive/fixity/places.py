"""Places: where the archive's bytes lie. The store itself, and the copies that `copies.places` names.

A copy is a whole archive folder of its own (docs/operations.md): an OCFL storage root, the ledger, what waits in the
intake area, trust and settings. A marker says whose copy it is; without it nothing is ever written into a folder that
is not empty. What a copy is known to hold is noted beside the archive, so that a night need not read it all again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout
from archive.errors import LuuTruError
from archive.files import json_bytes, write_atomically
from archive.ledger import Ledger, line_hash
from archive.model import Event
from archive.opening import Archive
from archive.reading import shown
from archive.settings import Settings
from archive.store import LAYOUT, OCFL_ROOT, ROOT_DATA, Store
from archive.verifying import NAMASTE

MAIN = "store"
MARKER = "luutru-copy.json"
BEGUN = "copy_begun"
ROOT_FILES = frozenset((f"0={OCFL_ROOT}", "ocfl_layout.json", f"extensions/{LAYOUT}/config.json"))
# Of a fresh file system, a NAS or another system that had the disk, of a kill: these make no folder a foreign one.
NOT_OURS = {"lost+found", "System Volume Information", "$RECYCLE.BIN", "@eaDir", "#recycle", f".{MARKER}.tmp"}

Held = tuple[int, str]          # version and SHA-512 of the inventory of an object


@dataclass(frozen=True, slots=True)
class Place:
    """A store on some disk. `key` names it in the ledger: "store", or "copy:" and the place as the settings have it."""

    key: str
    folder: Path                # holds ocfl/, ledger/, intake/, staging/, damage/

    @property
    def store(self) -> Store:
        """Its OCFL storage root."""
        return Store(self.folder / "ocfl", self.folder / "staging")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.key.removeprefix("copy:")

    @property
    def is_copy(self) -> bool:
        """Whether it is a copy."""
        return self.key != MAIN


@dataclass(frozen=True, slots=True)
class Seen:
    """A copy as it was found.

    `state` is ready, new (an empty folder), absent, foreign, overlaps, other, ahead or unreadable.
    """

    place: Place
    state: str
    reason: str = ""
    same_disk: bool = False


@dataclass(slots=True)
class Known:
    """What is known of a copy without looking at it: when it was last whole, and what it then held."""

    followed_at: str = ""
    events: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)        # of the last following
    objects: dict[str, Held] = field(default_factory=dict)              # folder → version, digest of its inventory
    begun: str = ""                                                     # when the disk that was followed was begun


def main(archive: Archive) -> Place:
    """The store itself."""
    return Place(MAIN, layout.store_folder(archive.settings))


def copies(settings: Settings) -> list[Place]:
    """The copies that the settings name, whether they are there or not."""
    return [Place(f"copy:{place}", settings.path(Path(place)) / "store")
            for place in dict.fromkeys(settings.copies.places)]


def identity(archive: Archive) -> str:
    """What tells one archive from any other: the hash of its ledger's first line; "" before there is one."""
    with archive.catalogue.session() as session:
        return session.scalar(select(Event.hash).where(Event.seq == 1)) or ""


def look(archive: Archive, place: Place) -> Seen:
    """Whether the copy at `place` can be used tonight. Changes nothing, and never raises for what lies there."""
    root = place.folder.parent
    try:
        if over := _overlaps(archive, place):
            return Seen(place, "overlaps", over)
        if not root.is_dir():
            return Seen(place, "absent")
        same = root.stat().st_dev == layout.store_folder(archive.settings).stat().st_dev
        if not (root / MARKER).is_file():
            if names := sorted(one.name for one in root.iterdir() if one.name not in NOT_OURS):
                return Seen(place, "foreign", shown(names[0]))
            return Seen(place, "absent") if _begun(archive, place) else Seen(place, "new", same_disk=same)
        marker = orjson.loads((root / MARKER).read_bytes())
        if marker.get("archive") != identity(archive):
            return Seen(place, "other", str(marker.get("agency", "")))
        ahead = _ahead(archive, place)
        return Seen(place, "ahead" if ahead else "ready", ahead, same)
    except (OSError, ValueError, AttributeError) as error:
        return Seen(place, "unreadable", str(error))


def ready(archive: Archive) -> list[Place]:
    """The store, and the copies that can be read and belong to it."""
    return [main(archive), *(seen.place for seen in (look(archive, place) for place in copies(archive.settings))
                             if seen.state == "ready")]


def _overlaps(archive: Archive, place: Place) -> str:
    """The archive, or the copy named before, that lies in the same folder, around it or within it; "" for none.

    One disk under two names would pass for two copies, and bytes would be mended from themselves.
    """
    named = copies(archive.settings)
    for other in [main(archive), *named[:named.index(place)]]:
        for one, two in ((place.folder.parent, other.folder.parent), (place.folder, other.folder),
                         (place.store.root, other.store.root)):
            mine, theirs = one.resolve(), two.resolve()
            if theirs in (mine, *mine.parents) or (other.is_copy and mine in theirs.parents) or (
                    mine.exists() and theirs.exists() and mine.samefile(theirs)):
                return other.name if other.is_copy else str(archive.settings.root)
    return ""


def begun_at(place: Place) -> str:
    """When the disk that is at this place now was begun, by its marker: that tells disks apart; "" when it is away."""
    try:
        return str(orjson.loads((place.folder.parent / MARKER).read_bytes())["begun_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _begun(archive: Archive, place: Place) -> int:
    """The event that tells of a copy here, 0: none. An empty folder where one was is a disk that is not mounted."""
    with archive.catalogue.session() as session:
        return session.scalar(select(Event.seq).where(Event.kind == BEGUN, Event.subject == place.key).limit(1)) or 0


def _ahead(archive: Archive, place: Place) -> str:
    """Why the copy's ledger is no beginning of the archive's; "" when it is one."""
    if not any((place.folder / "ledger").glob("*.jsonl")):
        return ""
    try:
        ledger = Ledger(place.folder / "ledger")
        seq, head = ledger.seq, ledger.head
    except (LuuTruError, ValueError, KeyError):     # a spoilt end is damage, to be mended; only sound lines tell
        seq, head = _last_sound(place.folder / "ledger")
    if seq > archive.ledger.seq:
        return f"{seq} > {archive.ledger.seq}"
    with archive.catalogue.session() as session:
        here = session.scalar(select(Event.hash).where(Event.seq == seq))
    return "" if seq == 0 or here == head else f"{seq}: {head[:16]} ≠ {(here or '')[:16]}"


def _last_sound(folder: Path) -> tuple[int, str]:
    """Number and hash of the last line in a spoilt ledger that still has its own hash; 0 and "" for none."""
    for file in sorted(folder.glob("*.jsonl"), reverse=True):
        for raw in reversed(file.read_bytes().splitlines()):
            try:
                body = orjson.loads(raw)
                stated = body.pop("hash")
                if line_hash(body) == stated:
                    return int(body["seq"]), str(stated)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
    return 0, ""


# --- what lies in a storage root ----------------------------------------------------------------------------


def survey(root: Path) -> tuple[list[str], list[str]]:
    """The folders of objects in a storage root, in order, and what else lies about that should not (paths from it).

    A folder four levels deep counts as an object's, with or without its declaration; links are never followed.
    """
    objects: list[str] = []
    strays: list[str] = []
    waiting = [("", 0)]
    while waiting:
        inside, depth = waiting.pop()
        with os.scandir(f"{root}/{inside}") as listed:
            for entry in listed:
                path = f"{inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if depth == 3:
                        objects.append(path)
                    elif depth or len(entry.name) == 3:
                        waiting.append((f"{path}/", depth + 1))
                    elif path != "extensions":
                        strays.append(path)
                elif path not in ROOT_FILES and not (entry.name.startswith(".") and path.endswith(".tmp")):
                    strays.append(path)
    if (root / "extensions").is_dir():
        strays += [path for path in _others(root) if path not in ROOT_FILES]
    return sorted(objects), sorted(strays)


def _others(root: Path) -> list[str]:
    found: list[str] = []
    for base, _folders, names in os.walk(root / "extensions"):
        found += [f"{Path(base).relative_to(root).as_posix()}/{name}" for name in names]
    return found


def root_files() -> dict[str, bytes]:
    """What the files of an empty storage root hold."""
    return dict(ROOT_DATA)


def is_object(folder: Path) -> bool:
    """Whether an object's folder is there (whatever is in it), as a real folder."""
    return folder.is_dir() and not folder.is_symlink()


def declared(folder: Path) -> bool:
    """Whether the folder calls itself an OCFL object."""
    return (folder / NAMASTE).is_file()


# --- what is known without looking ---------------------------------------------------------------------------


def known(settings: Settings, place: Place) -> Known:
    """What was noted of a copy; nothing when the notes are lost (the next following makes them again).

    Nothing as well when another disk is there now than was followed last: disks may take turns at one place.
    """
    small, large = _notes(settings, place)
    try:
        told = orjson.loads(small.read_bytes())
        begun, now = str(told.get("begun", "")), begun_at(place)
        if begun and now and begun != now:
            return Known(begun=now)
        objects = {folder: (int(one[0]), str(one[1])) for folder, one in orjson.loads(large.read_bytes()).items()}
        return Known(told["followed_at"], told["events"], told["findings"], objects, begun)
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def note(settings: Settings, place: Place, what: Known, before: Mapping[str, Held] | None) -> None:
    """Note what is known of a copy; its objects only where they differ from `before`."""
    small, large = _notes(settings, place)
    small.parent.mkdir(parents=True, exist_ok=True)
    if before is None or what.objects != before or not large.exists():
        write_atomically(large, orjson.dumps(what.objects, option=orjson.OPT_SORT_KEYS))
    told = json_bytes({"schema": "luutru/copy-state/1", "place": place.name, "followed_at": what.followed_at,
                       "events": what.events, "findings": what.findings, "begun": begun_at(place) or what.begun})
    if not small.exists() or small.read_bytes() != told:
        write_atomically(small, told)


def _notes(settings: Settings, place: Place) -> tuple[Path, Path]:
    name = hashlib.sha256(place.key.encode()).hexdigest()[:16]
    return settings.root / "copies" / f"{name}.json", settings.root / "copies" / f"{name}.objects.json"


def lag(what: Known, now: datetime) -> int | None:
    """For how many whole days a copy has not been complete; None: it never was."""
    return max(0, (now - clock.parse(what.followed_at)).days) if what.followed_at else None


def last_audits(session: Session, key: str, most: int) -> list[Event]:
    """The newest `most` audits of a place, the newest first."""
    return list(session.scalars(select(Event).where(Event.kind == "audited", Event.subject == key)
                                .order_by(Event.seq.desc()).limit(most)))
