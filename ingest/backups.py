"""What follows on a restore: catalogue and index made again, everything read, the result compared and noted.

The part of `luutru backup` that needs more than the store (archive/backup): rebuild, search index, virus scanner.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from archive import clock, settings
from archive.backup import drilling, media, restoring, standing
from archive.backup.media import Target
from archive.backup.restoring import Restored
from archive.backup.sets import Set
from archive.catalogue import record
from archive.errors import LuuTruError, NoRoomError
from archive.findings import Finding, finding
from archive.fixity import checking
from archive.i18n import _
from archive.ledger import ACTOR, Entry, Ledger, event_key
from archive.opening import Archive, open_archive, ownership
from archive.rebuild import rebuild
from ingest.virus import scan
from retention.objects import ADMITS
from search.index import open_index
from search.reindexing import reindex

MOST = 100          # faults that the ledger names

Progress = Callable[[str, int, int], None]


@dataclass
class Outcome:
    """What came of a restore or a drill."""

    target: str
    restored: Restored
    documents: int = 0
    objects: int = 0
    events: int = 0
    indexed: int = 0
    seconds: float = 0.0
    canaries: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def make_usable(root: Path, restored: Restored, *, actor: str = ACTOR, reason: str = "",
                progress: Progress = lambda *_: None) -> Outcome:
    """Make catalogue and index of a restored folder again, read everything, and note the restore in its ledger.

    Always in SQLite, in the folder itself: a database that the environment names belongs to another archive. Raises
    what `open_archive` and `rebuild` raise.
    """
    done = Outcome("", restored)
    archive = open_archive(settings.load(root, database=""), rebuilding=True)
    try:
        with ownership(archive, rebuilding=True):
            counts = rebuild(archive, progress, admits=ADMITS)
            done.indexed = reindex(archive)
        restoring.finish(root)
        done.documents, done.events = counts["documents"], counts["events"]
        if archive.ledger.seq < restored.seq or not _has_line(archive, restored.seq, restored.head):
            done.faults.append(_("ledger: event {n} is another one").format(n=restored.seq))
        with ownership(archive):
            checked = checking.check(archive, copies=False, actor=actor,
                                     progress=lambda n, of: progress("check", n, of))
            done.objects = checked.objects
            done.faults += [*restored.lost, *checked.faults]
            done.canaries, wrong = drilling.canaries(archive, restored.set)
            held = open_index(archive.settings).fingerprints()
            done.faults += wrong + [_("{document}: not in the search index").format(document=code)
                                    for code in done.canaries if code not in held]
            now = clock.now()
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [Entry(standing.RESTORED, "store", {
                    "set": restored.set, "medium": restored.medium, "made_at": restored.made_at,
                    "files": restored.files, "bytes": restored.size, "elsewhere": len(restored.elsewhere),
                    "number": len(done.faults), "faults": done.faults[:MOST], "reason": reason},
                    event_key(standing.RESTORED, clock.stamp(now)), actor=actor)])
    finally:
        archive.close()
    if done.faults:
        done.findings.append(finding("BACKUP-017", str(root), n=len(done.faults), first=done.faults[0]))
    if restored.elsewhere:
        done.findings.append(finding("BACKUP-020", str(root), n=len(restored.elsewhere),
                                     first=restored.elsewhere[0]))
    return done


def drill(archive: Archive, target: Target, now: datetime, *, folder: Path | None = None, chain: Sequence[Set] = (),
          actor: str = ACTOR, wait: float = 0.0, progress: Progress = lambda *_: None) -> Outcome:
    """Restore the newest backup of a target beside the archive, compare it with the archive, note it, remove it.

    `folder`: where there is room (an empty folder is made in it); else the system's temporary one. The caller does not
    own the archive. Raises UsageError for a target without backups, NoRoomError, and what a restore raises.
    """
    began = time.monotonic()
    chain = chain or restoring.choose(target.folder)
    _room(chain, folder)
    place = Path(tempfile.mkdtemp(prefix="luutru-drill-", dir=folder))
    try:
        restored = restoring.restore(chain, place / "kho", spare=_others(archive, target),
                                     progress=lambda n, of: progress("restore", n, of))
        try:
            done = make_usable(place / "kho", restored, actor=actor, reason="drill", progress=progress)
            _compare(archive, place / "kho", done, progress)
        except LuuTruError as error:        # it cannot even be opened: that is what a drill is for
            done = Outcome(target.name, restored, faults=[*restored.lost, f"{type(error).__name__}: {error}"])
            done.findings.append(finding("BACKUP-017", target.name, n=len(done.faults), first=done.faults[0]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    done.target, done.seconds = target.name, time.monotonic() - began
    behind = (now - clock.parse(restored.made_at)).total_seconds()
    with ownership(archive, wait=wait), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(standing.DRILLED, target.name, {
            "medium": restored.medium, "set": restored.set, "made_at": restored.made_at, "files": restored.files,
            "bytes": restored.size, "objects": done.objects, "documents": done.documents, "canaries": done.canaries,
            "seconds": round(done.seconds, 1), "behind": round(behind), "number": len(done.faults),
            "faults": done.faults[:MOST]}, event_key(standing.DRILLED, target.name, clock.stamp(now),
                                                     str(archive.ledger.seq)), actor=actor)])
    return done


def scanner_of(archive: Archive) -> tuple[Callable[[Path], str] | None, str]:
    """What looks at a file for viruses, and its name for the record; None when no scanner is set."""
    command = archive.settings.ingest.virus_scanner
    if not command:
        return None, ""
    return lambda path: scan(path, path.name, command)[0], " ".join(command)


def _compare(archive: Archive, root: Path, done: Outcome, progress: Progress) -> None:
    restored = open_archive(settings.load(root, database=""))
    try:
        found = list(drilling.differences(archive, restored, done.restored.seq, progress))
    finally:
        restored.close()
    if found:
        done.faults += found
        done.findings.append(finding("BACKUP-019", str(done.restored.set), n=len(found), first=found[0]))


def _room(chain: Sequence[Set], folder: Path | None) -> None:
    """Raises NoRoomError when the disk cannot take what the chain brings, with a tenth to spare for index and rows."""
    need = sum(int(one.told["bytes"]) for one in chain) * 11 // 10
    free = shutil.disk_usage(folder or tempfile.gettempdir()).free
    if free < need:
        raise NoRoomError(_("{need} MB are needed, {free} MB are free").format(need=need >> 20, free=free >> 20))


def _others(archive: Archive, target: Target) -> list[Path]:
    """Other media at hand, to take damaged files from."""
    return [one.folder for one in media.targets(archive.settings) if one.name != target.name
            and media.look(archive, one).state == "ready"]


def _has_line(archive: Archive, seq: int, head: str) -> bool:
    if seq == 0:
        return True
    return any(line.hash == head for line in archive.ledger.lines(after=seq - 1) if line.seq == seq)


def destroyed_after(ledger: Path, seq: int, subject: str) -> list[Finding]:
    """What a newer ledger tells was destroyed after event `seq`: a restored archive holds it again."""
    gone = sorted({line.subject for line in Ledger(ledger).lines(after=seq) if line.kind == "destroyed"})
    return [finding("BACKUP-018", subject, n=len(gone), first=gone[0])] if gone else []
