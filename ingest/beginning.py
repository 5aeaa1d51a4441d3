"""The beginning of a night: which batch it works on, whether the disk can hold it, what earlier nights left to it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from archive import clock, model
from archive.catalogue import record
from archive.errors import NoRoomError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from ingest import intake
from ingest.sources.inbox import Waiting
from ingest.sources.packages import SOURCE
from ingest.stages.collect import is_known, stays_in_inbox
from ingest.stages.packages import fetch_again

OPEN = ("received", "released", "failed")       # states that a night takes up
ROOM_FACTOR = 4         # free space wanted, as a multiple of what waits: intake, store, access copy, index
ROOM_LEAST = 50 << 20   # bytes wanted free in any case


def open_batch(archive: Archive, waiting: Sequence[tuple[str, Waiting]], now: datetime,
               told: dict[str, Any]) -> tuple[str, bool]:
    """The batch to work on: the open one, else a new one when there is anything to do, else none.

    And whether it was open already. A new one notes what was `told` about the night beforehand.
    """
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
        record(session, archive.ledger, [Entry("batch_started", batch, {**data, "forecast": told} if told else data,
                                               event_key("batch_started", batch))])
        session.add(model.Batch(id=batch, **data, finished_at="", summary={}))
    return batch, False


def room_wanted(waiting: Iterable[Waiting]) -> int:
    """Bytes that must be free on the archive's disk before these are taken in."""
    return ROOM_LEAST + ROOM_FACTOR * sum(one.path.stat().st_size for one in waiting if one.path.exists())


def ask_for_room(archive: Archive, waiting: Iterable[Waiting]) -> None:
    """Raise NoRoomError when the disk is plainly too small for what waits, before anything is done."""
    wanted = room_wanted(waiting)
    free = shutil.disk_usage(archive.settings.root).free
    if free < wanted:
        raise NoRoomError(_("{place}: {free} MB free, at least {wanted} MB needed").format(
            place=archive.settings.root, free=free >> 20, wanted=wanted >> 20))


def take_up(archive: Archive, batch: str, waiting: Sequence[tuple[str, Waiting]]) -> list[Finding]:
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


def is_full(error: OSError | OperationalError) -> bool:
    """Whether the error is a full disk: ENOSPC or EDQUOT, SQLite's own words, or PostgreSQL's disk_full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk is full" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "53100"
