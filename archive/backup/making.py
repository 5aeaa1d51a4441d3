"""Making a backup: what changed since the last set of a medium, or everything, as a new set beside the others.

The archive is owned only while databases, ledger and waiting items are taken; the objects of the store follow without
a lock, each by an inventory that its sidecar proves, so that a backup of days keeps no night waiting. A killed run
leaves a folder without set.json, which nobody counts; what was finished without the ledger's knowing, the next run
tells it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from archive import __version__, clock, destroyed, layout
from archive.backup import media, snapshots, standing
from archive.backup.ending import remove_due
from archive.backup.media import Medium, Seen, Target
from archive.backup.metadata import write_metadata
from archive.backup.sets import (
    FULL,
    INCREMENTAL,
    METADATA,
    OBJECTS,
    OTHERS,
    SCHEMA,
    BrokenSetError,
    Set,
    State,
    chains,
    objects_list,
    others_list,
    sets_in,
    state_of,
)
from archive.backup.taking import changed_objects
from archive.backup.writing import SetWriter, make_read_only
from archive.catalogue import FILE_NAME, record
from archive.errors import ArchiveBusyError
from archive.files import locked
from archive.findings import Finding, finding
from archive.fixity import places
from archive.fixity.copies import without_secrets
from archive.ledger import ACTOR, Entry, event_key
from archive.model import Event
from archive.opening import Archive, ownership
from archive.reading import digests

PROGRAM = "program.tar"
FOUND = {"absent": "BACKUP-002", "foreign": "BACKUP-003", "other": "BACKUP-003", "overlaps": "BACKUP-003",
         "unreadable": "BACKUP-003"}

Progress = Callable[[str, int, int], None]


@dataclass
class Made:
    """What came of one target: the set that was made (id; "" for none), its kind, figures, and what there is to say."""

    target: str
    set: str = ""
    kind: str = ""
    medium: str = ""
    objects: int = 0
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    removed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Begun:
    """What was taken while the archive was owned."""

    seq: int
    head: str
    others: dict[str, tuple[str, int]]
    left: list[str]


def run(archive: Archive, target: Target, now: datetime, *, kind: str = "", actor: str = ACTOR, wait: float = 0.0,
        progress: Progress = lambda *_: None, ticking: Callable[[], float] = lambda: 0.0) -> Made:
    """Make a backup on one target: `kind` full or incremental; "": full when this month has none yet.

    The caller does not own the archive; it is waited for `wait` seconds. What stands in the way is a finding. Raises
    ArchiveBusyError when another owner, or another backup, does not end in time.
    """
    made, began = Made(target.name), ticking()
    with _one_at_a_time(archive, wait):
        seen = media.look(archive, target)
        if seen.same_disk:
            made.findings.append(finding("BACKUP-005", target.name))
        if seen.state in FOUND:
            made.findings.append(finding(FOUND[seen.state], target.name, place=target.folder, reason=seen.reason))
            return made
        try:
            with ownership(archive, wait=wait):
                medium = _settle(archive, seen, now, actor)
            if target.append_only and media.guard(target.folder) != "system":
                made.findings.append(finding("BACKUP-013", target.name, place=target.folder))
            _make(archive, target, medium, made, now, kind=kind, actor=actor, wait=wait, progress=progress)
            made.seconds = ticking() - began
            if made.set and not target.append_only:
                with ownership(archive, wait=wait):
                    made.removed = remove_due(archive, target, medium, now, actor=actor)
        except OSError as error:        # full, read-only, gone in the middle: the next run begins anew
            made.findings.append(finding("BACKUP-004", target.name, place=target.folder,
                                         reason=error.strerror or str(error)))
    return made


@contextmanager
def _one_at_a_time(archive: Archive, wait: float) -> Iterator[None]:
    handle = os.open(archive.settings.root / "backup.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not locked(handle, wait):
            raise ArchiveBusyError("luutru backup")
        yield
    finally:
        os.close(handle)


def _settle(archive: Archive, seen: Seen, now: datetime, actor: str) -> Medium:
    """The medium, begun where it is new; what a killed run left is told or removed. The caller owns the archive."""
    target = seen.target
    if seen.medium is None:
        return media.begin(archive, target, now, actor=actor)
    sets, unfinished, _broken = sets_in(target.folder)
    with archive.catalogue.session() as session:
        told = {one.id for one in standing.sets_told(session) if one.medium == seen.medium.code}
        ended = {one for event in session.scalars(select(Event).where(
            Event.kind == standing.ENDED, Event.subject == target.name)) for one in event.data["sets"]}
    for one in sets:
        if one.id not in told | ended:
            tell(archive, target, one, actor)
    if not target.append_only:
        for name in unfinished:
            shutil.rmtree(target.folder / name)
    return seen.medium


def tell(archive: Archive, target: Target, one: Set, actor: str) -> None:
    """Write the event of a finished set; the caller owns the archive."""
    told = one.told
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(standing.MADE, target.name, {
            "medium": told["medium"], "set": one.id, "kind": told["kind"], "base": one.base[0],
            "made_at": told["made_at"], "sha256": one.sha256, "seq": told["ledger"]["seq"],
            "head": told["ledger"]["head"], "objects": told["changed"], "files": told["files"], "bytes": told["bytes"],
            "faults": told["faults"], "left_out": len(told["left_out"]), "catalogue": told["catalogue"]},
            event_key(standing.MADE, target.name, told["medium"], one.id), actor=actor)])


def _make(archive: Archive, target: Target, medium: Medium, made: Made, now: datetime, *, kind: str, actor: str,
          wait: float, progress: Progress) -> None:
    chain, state = _continued(target, medium, made)
    if not kind:
        with archive.catalogue.session() as session:
            due = standing.full_is_due(standing.sets_told(session), medium.code, target.name, now)
        kind = FULL if due or not chain else INCREMENTAL
    if kind == FULL or not chain:
        kind, chain, state = FULL, [], State()
    work = archive.settings.root / snapshots.WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    writer = SetWriter(target.folder / _name(target.folder, now, kind))
    try:
        with ownership(archive, wait=wait):
            begun = _take_the_rest(archive, writer, state, work, kind)
        faults: list[Finding] = []
        changed = changed_objects(archive, state, writer, faults, progress)
        made.findings += faults
        if _destroyed_since(archive, begun.seq):
            made.findings.append(finding("BACKUP-012", target.name))
            raise _GivenUpError
        only = None if kind == FULL else {one.object_id for one in changed.values() if one.object_id}
        counts = write_metadata(work / FILE_NAME, writer.folder / METADATA, {
            "agency": archive.settings.agency.code, "made": clock.stamp(now), "set": writer.folder.name}, only)
        extra = [METADATA]
        if kind == FULL:
            (writer.folder / PROGRAM).write_bytes(snapshots.program())
            extra.append(PROGRAM)
        left = [*begun.left, *([f"{snapshots.SETTINGS}: database"] if archive.settings.database else [])]
        sealed = writer.finish({
            "schema": SCHEMA, "id": writer.folder.name, "kind": kind, "target": target.name, "medium": medium.code,
            "archive": places.identity(archive), "agency": medium.agency, "made_at": clock.stamp(now),
            "base": {"id": chain[-1].id, "sha256": chain[-1].sha256} if chain else None,
            "ledger": {"seq": begun.seq, "head": begun.head}, "changed": len(changed),
            "objects": len({*state.objects, *changed}) - sum(one.held is None for one in changed.values()),
            "faults": len(faults), "left_out": left, "metadata": counts, "catalogue": FILE_NAME in begun.others,
            "program": f"luutru {__version__}, Python {sys.version.split()[0]}", "by": actor},
            {OBJECTS: objects_list(changed),
             OTHERS: others_list(begun.others)}, tuple(extra), _info(archive, writer.folder.name, now),
            lambda done: progress("read back", done, len(writer.files)))
        one = Set(writer.folder, {"id": writer.folder.name}, sealed)
        if target.append_only:
            make_read_only(one.folder)
        finished = next(found for found in sets_in(target.folder)[0] if found.id == one.id)
        with ownership(archive, wait=wait):
            tell(archive, target, finished, actor)
        made.set, made.kind, made.medium = one.id, kind, medium.code
        made.objects, made.files, made.size = len(changed), len(writer.files), writer.size
        if left:
            made.findings.append(finding("BACKUP-008", target.name, n=len(left), first=left[0]))
    except _GivenUpError:
        pass
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not made.set and not target.append_only and not (writer.folder / "set.json").exists():
            shutil.rmtree(writer.folder, ignore_errors=True)


class _GivenUpError(Exception):
    """The set is not finished, and a finding says why."""


def _continued(target: Target, medium: Medium, made: Made) -> tuple[list[Set], State]:
    """The newest chain of the medium and what it holds; nothing when it cannot be read, and a finding says so."""
    sets, _unfinished, broken = sets_in(target.folder)
    known = chains([one for one in sets if one.told["medium"] == medium.code])
    if broken:
        made.findings.append(finding("BACKUP-011", target.name, n=len(broken), first=broken[0]))
    if not known:
        return [], State()
    try:
        return known[-1], state_of(known[-1])
    except (BrokenSetError, OSError) as error:
        made.findings.append(finding("BACKUP-011", target.name, n=1, first=str(error)))
        return [], State()


def _take_the_rest(archive: Archive, writer: SetWriter, state: State, work: Path, kind: str) -> _Begun:
    """Databases, ledger, waiting items, settings: everything that is no object. The caller owns the archive."""
    root, own = archive.settings.root, archive.settings.backup
    files, databases, left = snapshots.other_files(root)
    snapshots.copy_catalogue(archive, work / FILE_NAME)
    sources = {path: root / path for path in files}
    for name in databases:
        snapshots.copy_database(root / name, work / f"db-{name}")
        sources[name] = work / f"db-{name}"
    if own.catalogue == "always" or (own.catalogue == "full" and kind == FULL):
        sources[FILE_NAME] = work / FILE_NAME
    if snapshots.SETTINGS in sources:
        told = work / snapshots.SETTINGS
        told.write_text(without_secrets((root / snapshots.SETTINGS).read_text()))
        sources[snapshots.SETTINGS] = told
    others: dict[str, tuple[str, int]] = {}
    for path, source in sorted(sources.items()):
        known = state.others.get(path)
        if known is not None and known[1] == source.stat().st_size and _still(path, source, known[0]):
            others[path] = known
        else:
            others[path] = writer.copy_any(source, path)
    if not writer.files:                # RFC 8493 asks for a payload: an increment in which nothing else changed
        writer.copy_any(layout.store_folder(archive.settings) / "README.txt", "store/README.txt")
    return _Begun(archive.ledger.seq, archive.ledger.head, others, left)


def _still(path: str, source: Path, sha256: str) -> bool:
    """Whether a file of the known size is still the known one: received bytes never change, others are read."""
    if path.startswith("store/intake/") and "/received/" in path:
        return True
    return digests(source, "sha256")[0] == sha256


def _destroyed_since(archive: Archive, seq: int) -> bool:
    """Whether a destruction was at work since event `seq`: what it took away may be half in the set."""
    with archive.catalogue.session() as session:
        return bool(session.scalar(select(func.count()).select_from(Event).where(
            Event.seq > seq, Event.kind.in_((destroyed.BEGUN, destroyed.DONE)))))


def _name(folder: Path, now: datetime, kind: str) -> str:
    stem = now.strftime("%Y%m%dT%H%M%SZ")
    name, n = f"{stem}-{kind}", 1
    while (folder / name).exists():
        n += 1
        name = f"{stem}-{n}-{kind}"
    return name


def _info(archive: Archive, name: str, now: datetime) -> dict[str, str]:
    own = archive.settings.agency
    return {"Bagging-Date": f"{now:%Y-%m-%d}", "External-Identifier": name, "Source-Organization": " ".join(
        f"{own.name} ({own.code})".split()), "Bag-Software-Agent": f"luutru {__version__}"}

