"""The night: every stage in its order, as plain Python. Read this first.

inbox → collect → (check, verify, digitise, extract: in worker processes) → file → seal → store → index → report

A package (SIP, AIP) is examined like a file; if it is sound, its documents become items and go the same way.

Only this process writes the ledger and the catalogue. Every step may be said again after a kill: what has been
done is recognised by content, what was half done is finished or done anew. The inbox file is removed last of all.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from archive import clock, layout, model
from archive.catalogue import record
from archive.errors import NoRoomError
from archive.evidence.night import seal_and_renew
from archive.findings import Finding, Level, finding, rules, worst
from archive.fixity.auditing import audit, is_due
from archive.fixity.copies import follow
from archive.fixity.mending import findings_of
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.records import finding_rows, set_findings
from ingest import canaries, intake, rechecking
from ingest.exchange import answering, register
from ingest.giving_back import give_back
from ingest.item import Context, Item
from ingest.sources import inbox, scan_sides, signature_files
from ingest.sources.inbox import Waiting, remove_from_inbox
from ingest.sources.packages import SOURCE
from ingest.stages.collect import collect, is_known, join_registry, stays_in_inbox, waiting_files
from ingest.stages.file import file_items
from ingest.stages.index import as_follower, index_documents, renew_outdated
from ingest.stages.lists import store_lists
from ingest.stages.packages import fetch_again, register_packages
from ingest.stages.scans import keep_scans, look_for_sheets
from ingest.stages.seal import seal_items
from ingest.stages.store import store_folder
from ingest.stages.submission import leave_settled, store_loose
from ingest.stages.submission import stays_in_inbox as package_stays
from ingest.worker import examine_all, take_said
from retention import objects

OPEN = ("received", "released", "failed")       # states that a night takes up
DONE = ("stored", "duplicate", "kept_out", "quarantine", "turned_away", "list", "package", "notice")
ROOM_FACTOR = 4         # free space wanted, as a multiple of what waits: intake, store, access copy, index
ROOM_LEAST = 50 << 20   # bytes wanted free in any case
ROOM_RUNNING = 8 << 20  # bytes free below which the findings of workers are not believed
AT_ONCE = 32            # examined items written with one transaction …
PORTAL_SECONDS = 5.0    # how long a night waits for an owner: the portal's acts take a moment
NOTE_SECONDS = 1.0      # … or all that came within this time: a kill must not cost minutes of OCR

Progress = Callable[[str, int, int], None]
log = structlog.get_logger()


@dataclass(slots=True)
class Night:
    """What a run of the night came to."""

    batch: str                                  # the batch's id; empty when there was nothing to do
    resumed: bool = False
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    findings: list[Finding] = field(default_factory=list)   # about the inbox itself, not about an item


def run(archive: Archive, progress: Progress = lambda *_: None) -> Night:
    """Run tonight's batch, or finish the one that was interrupted; safe to call at any time, as often as you like.

    Raises ArchiveBusyError when another batch owns the archive, NoRoomError when the disk cannot hold it; in
    both cases nothing is lost, and the next run goes on.
    """
    with ownership(archive, wait=PORTAL_SECONDS):
        intake.sweep(archive.settings)
        inbox.sweep(layout.intake_folder(archive.settings))
        objects.catch_up(archive)                       # decisions on periods that were killed before their event
        now = clock.now()
        waiting, findings = waiting_files(archive, now)
        batch, resumed = _batch(archive, waiting, now)
        night = Night(batch, resumed, findings=findings)
        night.findings += as_follower(batch, lambda: renew_outdated(archive))
        if not batch:
            night.findings += rechecking.nightly(archive, now, "", progress)
            night.findings += _audit(archive, now, idle=True)
            answering.write(archive, now)
            night.findings += _seal(archive, now)       # a night that was killed before its seal
            night.findings += follow(archive, now, progress)
            return night
        _ask_for_room(archive, [one for _, one in waiting])
        try:
            _run(archive, night, waiting, now, progress)
        except (OSError, OperationalError) as error:
            if not _is_full(error):
                raise
            raise NoRoomError(str(archive.settings.root)) from error
        night.findings += rechecking.nightly(archive, now, batch, progress)
        night.findings += _audit(archive, now, idle=False)
        answering.write(archive, now)
        night.findings += _seal(archive, now)
        night.findings += follow(archive, now, progress)
        return night


def _audit(archive: Archive, now: datetime, *, idle: bool) -> list[Finding]:
    """Read a part of the store again, once a day; what is wrong is an integrity finding."""
    with archive.catalogue.session() as session:
        if not is_due(session, now, archive.settings.fixity.days, idle=idle):
            return []
    done = audit(archive, now, archive.settings.fixity.seconds)
    return findings_of(archive, done.results)


def _seal(archive: Archive, now: datetime) -> list[Finding]:
    """Seal what the ledger says now; without a timestamp the gap is shown and closed by a later night."""
    try:
        done = seal_and_renew(archive, now)
    except Exception as error:      # the records are safe; the next night seals them as well
        if isinstance(error, (OSError, OperationalError)) and _is_full(error):
            raise NoRoomError(str(archive.settings.root)) from error
        log.exception("sealing failed")
        return [finding("EVID-001", "evidence", error=str(error))]
    late = [finding("EVID-004", one.seals[0], seals=", ".join(one.seals[:3]) + (", …" if len(one.seals) > 3 else ""),
                    count=len(one.seals), until=clock.in_vietnam(one.until).strftime("%d/%m/%Y")) for one in done.ended]
    return late + [finding("EVID-002", url, reason=reason) for url, reason in sorted(done.refused.items())]


def _is_full(error: OSError | OperationalError) -> bool:
    """Whether the error is a full disk: ENOSPC or EDQUOT, SQLite's own words, or PostgreSQL's disk_full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk is full" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "53100"


def _run(archive: Archive, night: Night, waiting: Sequence[tuple[str, Waiting]], now: datetime,
         progress: Progress) -> None:
    batch = night.batch
    progress("collect", 0, len(waiting))
    again, findings = collect(archive, batch, waiting, now)
    night.findings += findings
    progress("collect", len(waiting), len(waiting))
    night.findings += _take_up(archive, batch, waiting)
    look_for_sheets(archive, batch, _context(archive, batch), night.cpu, progress)
    lists = join_registry(archive, batch)
    _note_lists(archive, batch, lists)
    _examine(archive, night, progress)
    register_packages(archive, batch)
    _examine(archive, night, progress)      # the documents that came out of packages
    register.register(archive, batch)       # messages of the document axis
    _sort_out(archive, batch)
    night.findings += _file_and_store(archive, batch, now, progress)
    store_lists(archive, batch, now)
    store_loose(archive, batch, now)
    night.findings += as_follower(batch, lambda: index_documents(archive, partial(progress, "index")))
    night.findings += _clear_inbox(archive, batch, again, waiting, now)
    _finish(archive, night)


# --- before ------------------------------------------------------------------------------------------------


def _batch(archive: Archive, waiting: Sequence[tuple[str, Waiting]], now: datetime) -> tuple[str, bool]:
    """The batch to work on: the open one, else a new one when there is anything to do, else none."""
    with archive.catalogue.session() as session:
        unfinished = session.scalar(select(model.Batch.id).where(model.Batch.finished_at == ""))
        if unfinished is not None:
            return unfinished, True
        open_items = next((row for row in session.scalars(select(model.Item).where(model.Item.state.in_(OPEN)))
                           if any((intake.folder(archive.settings, row.id) / "received").glob("*"))
                           or (row.source == SOURCE and waiting)), None)    # its package may be there
        unindexed = session.scalar(select(model.Document.code).where(model.Document.indexed == "").limit(1))
        if open_items is None and unindexed is None and all(
                (row := is_known(session, source, one)) is not None and stays_in_inbox(session, row, one)
                for source, one in waiting):
            return "", False
        night = clock.night_of(now)
        same_night = list(session.scalars(select(model.Batch.id).where(model.Batch.night == str(night))))
        batch = f"{night}.{len(same_night) + 1}"
        data = {"night": str(night), "started_at": clock.stamp(now)}
        record(session, archive.ledger, [Entry("batch_started", batch, data, event_key("batch_started", batch))])
        session.add(model.Batch(id=batch, **data, finished_at="", summary={}))
    return batch, False


def _ask_for_room(archive: Archive, waiting: Iterable[Waiting]) -> None:
    """Raise NoRoomError when the disk is plainly too small for what waits, before anything is done."""
    wanted = ROOM_LEAST + ROOM_FACTOR * sum(one.path.stat().st_size for one in waiting if one.path.exists())
    free = shutil.disk_usage(archive.settings.root).free
    if free < wanted:
        raise NoRoomError(_("{place}: {free} MB free, at least {wanted} MB needed").format(
            place=archive.settings.root, free=free >> 20, wanted=wanted >> 20))


def _take_up(archive: Archive, batch: str, waiting: Sequence[tuple[str, Waiting]]) -> list[Finding]:
    """What an earlier night left open, or an archivist released, is tonight's, if its bytes are there."""
    lost: list[Finding] = []
    with archive.catalogue.session() as session:
        for row in session.scalars(select(model.Item).where(model.Item.state.in_(OPEN))):
            if not any((intake.folder(archive.settings, row.id) / "received").glob("*")) and not (
                    row.source == SOURCE and fetch_again(archive, row, waiting)):
                lost.append(finding("NIGHT-004", row.name))
                continue
            # What a failed night made of the parts is not believed; what is examined again is sealed again.
            left = {"seal", "parts"} if row.state == "failed" else {"seal"}
            row.facts = {key: value for key, value in row.facts.items() if key not in left}
            row.batch, row.state = batch, "received"
    return lost


def _note_lists(archive: Archive, batch: str, lists: dict[str, list[Finding]]) -> None:
    with archive.catalogue.session() as session:
        for item_id, findings in sorted(lists.items()):
            found = [one.as_dict() for one in findings]
            record(session, archive.ledger, [Entry("list_received", item_id, {"batch": batch, "findings": found},
                                                   event_key("list_received", item_id))])
            row = session.get_one(model.Item, item_id)
            row.state, row.facts = "list", {}
            set_findings(session, [item_id], finding_rows(item_id, found))


# --- the item stages ---------------------------------------------------------------------------------------


def _examine(archive: Archive, night: Night, progress: Progress) -> None:
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(
            model.Item.batch == night.batch, model.Item.state == "received").order_by(model.Item.size.desc())))
        if not rows:
            return
        items = [intake.from_row(row, archive.settings) for row in rows]
    context = _context(archive, night.batch)
    done: list[tuple[Item, list[Finding]]] = []
    noted = time.monotonic()
    progress("examine", 0, len(items))
    for count, one in enumerate(examine_all(items, context), 1):
        for stage, seconds in one.cpu.items():
            night.cpu[stage] += seconds
        if one.error:
            log.error("stage failed", item=one.item.id, name=one.item.name, error=one.error)
        done.append((one.item, intake.answered_for(one.findings, one.item.facts.get("accepted", []))))
        if len(done) >= AT_ONCE or time.monotonic() - noted > NOTE_SECONDS:
            _note_examined(archive, done)
            done, noted = [], time.monotonic()
        progress("examine", count, len(items))
    _note_examined(archive, done)
    night.findings += [one for one in take_said() if one not in night.findings]


def _context(archive: Archive, batch: str) -> Context:
    with archive.catalogue.session() as session:
        row = session.get_one(model.Batch, batch)
        return Context(archive.settings, date.fromisoformat(row.night), clock.parse(row.started_at))


def _note_examined(archive: Archive, done: Sequence[tuple[Item, list[Finding]]]) -> None:
    # On a full disk a library may call a good file bad. What was found then is not believed: it is found again.
    for place in (archive.settings.root, Path(tempfile.gettempdir())):
        if shutil.disk_usage(place).free < ROOM_RUNNING:
            raise NoRoomError(str(place))
    with archive.catalogue.session() as session:
        intake.note(session, done, "examined")


def _sort_out(archive: Archive, batch: str) -> None:
    """Send every examined item its way: on to filing, into quarantine, out (secrecy), or to the next night."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch, model.Item.state == "examined")
                                    .order_by(model.Item.name, model.Item.id)))
        known = intake.findings_of(session, [row.id for row in rows])
        for row in rows:
            found = known[row.id]
            level = worst(found)
            if secret := [one for one in found if rules()[one.code].keep_out and one.level >= Level.refused]:
                _keep_out(archive, session, row, secret)
            elif level == Level.failed:
                _set_aside(archive, session, row, found, "failed")
            elif level == Level.refused:
                _set_aside(archive, session, row, found, "quarantine")


def _set_aside(archive: Archive, session: Session, row: model.Item, found: Sequence[Finding], state: str) -> None:
    """Record that an item waits: for an archivist (quarantine) or for the next night (our failure)."""
    item = intake.from_row(row, archive.settings)
    intake.write_sidecar(item)
    kind = "quarantined" if state == "quarantine" else "failed"
    as_dicts = [one.as_dict() for one in found]
    record(session, archive.ledger, [Entry(kind, row.id, {"batch": row.batch, "findings": as_dicts},
                                           event_key(kind, row.id, row.batch))])
    row.state = state
    set_findings(session, [row.id], finding_rows(row.id, as_dicts))


def _keep_out(archive: Archive, session: Session, row: model.Item, found: Sequence[Finding]) -> None:
    """Refuse a document with a secrecy mark: keep no content, leave the inbox file to the people in charge.

    The program does not remove it: nothing is destroyed without a decision, and a mark may have been misread.
    """
    as_dicts = [one.as_dict() for one in found]
    record(session, archive.ledger, [Entry("kept_out", row.id, {"batch": row.batch, "findings": as_dicts},
                                           event_key("kept_out", row.id))])
    row.state, row.fields, row.facts = "kept_out", {}, {}
    set_findings(session, [row.id], finding_rows(row.id, as_dicts))


# --- filing and storing ------------------------------------------------------------------------------------


def _file_and_store(archive: Archive, batch: str, now: datetime, progress: Progress) -> list[Finding]:
    """Put what is examined into its case files, seal the scans among it, store it; what is to be said of the seal."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch,
                                                             model.Item.state == "examined")))
        filed = file_items(archive, session, rows)
    said = seal_items(archive, [item for code in sorted(filed.folders) for item in filed.folders[code].items], progress)
    total = sum(len(folder.items) for folder in filed.folders.values())
    done = 0
    progress("store", done, total)
    for code in sorted(filed.folders):
        folder = filed.folders[code]
        damaged = store_folder(archive, batch, folder, now)
        filed.waiting += damaged
        done += len(folder.items)
        progress("store", done, total)
    with archive.catalogue.session() as session:
        for item, findings in sorted(filed.waiting, key=lambda one: one[0].name):
            row = session.get_one(model.Item, item.id)
            found = [*intake.findings_of(session, [item.id])[item.id], *findings]
            _set_aside(archive, session, row, found, "failed" if worst(findings) == Level.failed else "quarantine")
    return said


# --- after -------------------------------------------------------------------------------------------------


def _clear_inbox(archive: Archive, batch: str, again: Sequence[str], waiting: Sequence[tuple[str, Waiting]],
                 now: datetime) -> list[Finding]:
    """Remove what has found its place: intake folders of stored items, and inbox files of all that are safe.

    `again` are items of earlier nights whose files came once more; `waiting` says where the files lay tonight (two
    names that differ only in their Unicode form are two files).
    """
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == batch)))
        rows += [session.get_one(model.Item, one) for one in again]
        open_packages = {row.id for row in rows if row.state == "package" and package_stays(session, row.id)}
        stays = [*signature_files.clear(session, rows, waiting), *keep_scans(archive, now)]
        scan_sides.clear(session, [row for row in rows if row.id not in open_packages], waiting)
    stays += give_back(archive, [row for row in rows if row.state == "kept_out"], waiting)
    places: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for source, one in waiting:
        places[source, one.name].append(one.path)
    for row in rows:
        if row.state == "kept_out":
            intake.leave(archive.settings, row.id)
            continue
        if row.id in open_packages:
            continue
        for place in places.get((row.source, row.name), []):
            if not remove_from_inbox(place, row.sha256):
                stays.append(finding("NIGHT-005", row.name))
        if row.state in {"stored", "duplicate", "list"}:
            intake.leave(archive.settings, row.id)
    leave_settled(archive)
    return stays


def _finish(archive: Archive, night: Night) -> None:
    with archive.catalogue.session() as session:
        states = Counter(session.scalars(select(model.Item.state).where(model.Item.batch == night.batch)))
        summary: dict[str, Any] = {"items": dict(sorted(states.items())),
                                   "inbox": [one.as_dict() for one in night.findings],
                                   "canaries": canaries.look(archive, night.batch)}
        batch = session.get_one(model.Batch, night.batch)
        data = {"finished_at": clock.stamp(clock.now()), "summary": summary}
        lines = record(session, archive.ledger, [Entry("batch_finished", night.batch, data,
                                                       event_key("batch_finished", night.batch))])
        # A kill after the ledger's line: the first statement counts.
        stated = lines[0].data if lines else session.scalar(select(model.Event.data).where(
            model.Event.key == event_key("batch_finished", night.batch)))
        assert stated is not None
        batch.finished_at, batch.summary = stated["finished_at"], stated["summary"]
