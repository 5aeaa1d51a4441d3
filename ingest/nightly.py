"""The night: every stage in its order, as plain Python. Read this first.

inbox → collect → (check, verify, digitise, extract: in worker processes) → file → seal → store → index → report

A package (SIP, AIP) is examined like a file; if it is sound, its documents become items and go the same way.

Only this process writes the ledger and the catalogue. Every step may be said again after a kill: what has been
done is recognised by content, what was half done is finished or done anew. The inbox file is removed last of all.

How it begins: beginning.py, forecast.py. When it must be done by an hour: until.py. Where an item goes that is not
stored: outcomes.py. What it does besides, when there is time: rechecking.py, archive/fixity, rebuild_drill.py.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from archive import clock, layout, model
from archive.catalogue import record
from archive.errors import NoRoomError
from archive.evidence.night import seal_and_renew
from archive.findings import Finding, finding
from archive.fixity.auditing import audit, is_due
from archive.fixity.copies import follow
from archive.fixity.mending import findings_of
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from ingest import canaries, intake, poison, rebuild_drill, rechecking, restore_test
from ingest.beginning import ask_for_room, is_full, open_batch, take_up
from ingest.exchange import answering, register
from ingest.forecast import Forecast, foretell
from ingest.giving_back import give_back
from ingest.item import Context, Item
from ingest.outcomes import note_lists, set_aside, sort_out
from ingest.pace import Meter, kind_of, measured
from ingest.plain_logs import anonymous
from ingest.sources import inbox, scan_sides, signature_files
from ingest.sources.inbox import Waiting, remove_from_inbox
from ingest.stages.collect import collect, join_registry, waiting_files
from ingest.stages.file import file_items
from ingest.stages.index import as_follower, index_documents, renew_outdated
from ingest.stages.lists import store_lists
from ingest.stages.packages import register_packages
from ingest.stages.scans import keep_scans, look_for_sheets
from ingest.stages.seal import seal_items
from ingest.stages.store import store_folder
from ingest.stages.submission import leave_settled, store_loose
from ingest.stages.submission import stays_in_inbox as package_stays
from ingest.until import Hours, leave
from ingest.urgency import in_order
from ingest.worker import examine_all, take_said
from retention import objects

ROOM_RUNNING = 8 << 20  # bytes free below which the findings of workers are not believed
AT_ONCE = 32            # examined items written with one transaction …
NOTE_SECONDS = 1.0      # … or all that came within this time: a kill must not cost minutes of OCR
LOOK_AT_THE_CLOCK = 200     # files that are taken in before a night with an end looks whether it has come
PORTAL_SECONDS = 5.0    # how long a night waits for an owner: the portal's acts take a moment

Progress = Callable[[str, int, int], None]
log = structlog.get_logger()


@dataclass(slots=True)
class Night:
    """What a run of the night came to."""

    batch: str                                  # the batch's id; empty when there was nothing to do
    resumed: bool = False
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    findings: list[Finding] = field(default_factory=list)   # about the inbox itself, not about an item
    meter: Meter = field(default_factory=Meter)
    left: dict[str, Any] = field(default_factory=dict)      # what waits for the next night because of the hour


def run(archive: Archive, progress: Progress = lambda *_: None, until: datetime | None = None,
        foretold: Callable[[Forecast], None] = lambda _forecast: None) -> Night:
    """Run tonight's batch, or finish the one that was interrupted; safe to call at any time, as often as you like.

    With `until` no item is begun that would not be done by then; what is left waits whole for the next night.
    `foretold` is told what the night will come to, before anything is begun. Raises ArchiveBusyError when another batch
    owns the archive, NoRoomError when the disk cannot hold it; in both cases nothing is lost, and the next run goes on.
    """
    now = clock.now()
    hours = _hours(archive, now, until)
    with ownership(archive, wait=PORTAL_SECONDS):
        night = _owned(archive, hours, now, progress, foretold)
    night.findings += restore_test.nightly(archive, clock.now(), hours.remaining)
    return night


def _owned(archive: Archive, hours: Hours, now: datetime, progress: Progress,
           foretold: Callable[[Forecast], None]) -> Night:
    intake.sweep(archive.settings)
    inbox.sweep(layout.intake_folder(archive.settings))
    objects.catch_up(archive)                       # decisions on periods that were killed before their event
    waiting, findings = waiting_files(archive, now)
    ahead = foretell(archive, waiting, now, hours.until, hours.pace)
    batch, resumed = open_batch(archive, waiting, now, ahead.as_dict())
    structlog.contextvars.bind_contextvars(batch=batch)
    night = Night(batch, resumed, findings=findings)
    night.findings += as_follower(batch, lambda: renew_outdated(archive))
    if not batch:
        _afterwards(archive, night, hours, now, progress)
        return night
    ask_for_room(archive, [one for _, one in waiting])
    foretold(ahead)
    try:
        _run(archive, night, hours, waiting, now, progress)
    except (OSError, OperationalError) as error:
        if not is_full(error):
            raise
        raise NoRoomError(str(archive.settings.root)) from error
    _afterwards(archive, night, hours, now, progress)
    return night


def look_ahead(archive: Archive, until: datetime | None) -> tuple[Forecast, list[tuple[str, Waiting]], list[Finding]]:
    """The forecast of a night that would begin now, what waits in the inbox, and what stands in the way there."""
    now = clock.now()
    waiting, findings = waiting_files(archive, now)
    pace = _hours(archive, now, until).pace
    return foretell(archive, waiting, now, until, pace), waiting, findings


def _run(archive: Archive, night: Night, hours: Hours, waiting: Sequence[tuple[str, Waiting]], now: datetime,
         progress: Progress) -> None:
    batch, meter = night.batch, night.meter
    with meter.phase("collect"):
        taken, again = _collect(archive, night, hours, waiting, now, progress)
        night.findings += take_up(archive, batch, waiting)
        if not hours.over:
            look_for_sheets(archive, batch, _context(archive, batch), night.cpu, progress)
        note_lists(archive, batch, join_registry(archive, batch))
    with meter.phase("examine"):
        _examine(archive, night, hours, progress)
        register_packages(archive, batch)
        _examine(archive, night, hours, progress)       # the documents that came out of packages
    with meter.phase("store"):
        register.register(archive, batch)       # messages of the document axis
        sort_out(archive, batch)
        night.findings += _file_and_store(archive, night, now, progress)
        store_lists(archive, batch, now)
        store_loose(archive, batch, now)
        night.findings += as_follower(batch, lambda: index_documents(archive, partial(progress, "index")))
        night.findings += _clear_inbox(archive, batch, again, taken, now)
    night.left, found = leave(archive, batch, hours, len(waiting) - len(taken))
    night.findings += found
    _finish(archive, night)


def _afterwards(archive: Archive, night: Night, hours: Hours, now: datetime, progress: Progress) -> None:
    """What every night does when the batch has ended, and an idle one as well: look again, seal, copy.

    What has a budget of time has no more than is left; sealing and copying are never left out.
    """
    night.findings += rechecking.nightly(_with_budget(archive, hours), now, night.batch, progress)
    night.findings += _audit(archive, now, hours, idle=not night.batch)
    night.findings += rebuild_drill.nightly(archive, now, hours.remaining, progress)
    answering.write(archive, now)
    night.findings += _seal(archive, now)       # also of a night that was killed before its seal
    night.findings += follow(archive, now, progress)


def _with_budget(archive: Archive, hours: Hours) -> Archive:
    """The archive, looking again at signatures for no longer than the night has."""
    told = archive.settings.signatures
    if (seconds := hours.within(told.recheck_seconds)) == told.recheck_seconds:
        return archive
    return replace(archive, settings=archive.settings.model_copy(update={
        "signatures": told.model_copy(update={"recheck_seconds": seconds})}))


def _hours(archive: Archive, now: datetime, until: datetime | None) -> Hours:
    settings = archive.settings
    with archive.catalogue.session() as session:
        pace = measured(session, settings, settings.ingest.workers or os.cpu_count() or 1)
    return Hours(until, now, pace, settings)


def _audit(archive: Archive, now: datetime, hours: Hours, *, idle: bool) -> list[Finding]:
    """Read a part of the store again, once a day; what is wrong is an integrity finding."""
    with archive.catalogue.session() as session:
        if not is_due(session, now, archive.settings.fixity.days, idle=idle):
            return []
    done = audit(archive, now, hours.within(archive.settings.fixity.seconds))
    return findings_of(archive, done.results)


def _seal(archive: Archive, now: datetime) -> list[Finding]:
    """Seal what the ledger says now; without a timestamp the gap is shown and closed by a later night."""
    try:
        done = seal_and_renew(archive, now)
    except Exception as error:      # the records are safe; the next night seals them as well
        if isinstance(error, (OSError, OperationalError)) and is_full(error):
            raise NoRoomError(str(archive.settings.root)) from error
        log.exception("sealing failed")
        return [finding("EVID-001", "evidence", error=str(error))]
    late = [finding("EVID-004", one.seals[0], seals=", ".join(one.seals[:3]) + (", …" if len(one.seals) > 3 else ""),
                    count=len(one.seals), until=clock.in_vietnam(one.until).strftime("%d/%m/%Y")) for one in done.ended]
    return late + [finding("EVID-002", url, reason=reason) for url, reason in sorted(done.refused.items())]


# --- the item stages ---------------------------------------------------------------------------------------


def _collect(archive: Archive, night: Night, hours: Hours, waiting: Sequence[tuple[str, Waiting]], now: datetime,
             progress: Progress) -> tuple[Sequence[tuple[str, Waiting]], list[str]]:
    """Take in what waits, as far as the time goes: the files that were looked at, and items that came once more."""
    again: list[str] = []
    step = len(waiting) if hours.until is None else LOOK_AT_THE_CLOCK
    progress("collect", 0, len(waiting))
    for start in range(0, len(waiting), max(1, step)):
        if start and hours.over:
            return waiting[:start], again
        came, findings = collect(archive, night.batch, waiting[start:start + step], now)
        again += came
        night.findings += findings
        night.meter.taken += len(waiting[start:start + step])
        progress("collect", min(start + step, len(waiting)), len(waiting))
    return waiting, again


def _examine(archive: Archive, night: Night, hours: Hours, progress: Progress) -> None:
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(
            model.Item.batch == night.batch, model.Item.state == "received").order_by(model.Item.id)))
        if not rows:
            return
        items = in_order(intake.from_row(row, archive.settings) for row in rows)
    context = _context(archive, night.batch)
    done: list[tuple[Item, list[Finding]]] = []
    noted = time.monotonic()
    progress("examine", 0, len(items))
    for count, one in enumerate(examine_all(hours.admitted(items), context, too_late=hours.too_late_for), 1):
        hours.done(one.item.id)
        night.meter.examined(kind_of(one.item.name, archive.settings), sum(part.size for part in one.item.parts),
                             sum(one.cpu.values()))
        for stage, seconds in one.cpu.items():
            night.cpu[stage] += seconds
        if one.error:
            log.error("stage failed", item=one.item.id, error=anonymous(one.error, one.item))
        done.append((one.item, intake.answered_for(poison.placed(one), one.item.facts.get("accepted", []))))
        if len(done) >= AT_ONCE or time.monotonic() - noted > NOTE_SECONDS:
            _note_examined(archive, done)
            done, noted = [], time.monotonic()
        progress("examine", count, len(items))
    hours.call_off()
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


# --- filing and storing ------------------------------------------------------------------------------------


def _file_and_store(archive: Archive, night: Night, now: datetime, progress: Progress) -> list[Finding]:
    """Put what is examined into its case files, seal the scans among it, store it; what is to be said of the seal."""
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.batch == night.batch,
                                                             model.Item.state == "examined")))
        filed = file_items(archive, session, rows)
    said = seal_items(archive, [item for code in sorted(filed.folders) for item in filed.folders[code].items], progress)
    total = sum(len(folder.items) for folder in filed.folders.values())
    done = 0
    progress("store", done, total)
    for code in sorted(filed.folders):
        folder = filed.folders[code]
        damaged = store_folder(archive, night.batch, folder, now)
        filed.waiting += damaged
        done += len(folder.items)
        progress("store", done, total)
    with archive.catalogue.session() as session:
        for item, findings in sorted(filed.waiting, key=lambda one: one[0].name):
            row = session.get_one(model.Item, item.id)
            set_aside(archive, session, row, [*intake.findings_of(session, [item.id])[item.id], *findings])
    night.meter.stored += done
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
        if night.left:
            summary["left"] = night.left
        if not night.resumed and (cost := night.meter.told()):
            summary["cost"] = cost
        batch = session.get_one(model.Batch, night.batch)
        data = {"finished_at": clock.stamp(clock.now()), "summary": summary}
        lines = record(session, archive.ledger, [Entry("batch_finished", night.batch, data,
                                                       event_key("batch_finished", night.batch))])
        # A kill after the ledger's line: the first statement counts.
        stated = lines[0].data if lines else session.scalar(select(model.Event.data).where(
            model.Event.key == event_key("batch_finished", night.batch)))
        assert stated is not None
        batch.finished_at, batch.summary = stated["finished_at"], stated["summary"]
