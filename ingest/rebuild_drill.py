"""The rebuild drill: once a week the catalogue is made again beside the one in use, from ledger and store alone.

The two must say the same, row by row (archive/fixity/rows.py). So it is known, before it is needed, that a lost
catalogue can be made again, how long that takes, and that nobody changed a row by hand. The ledger keeps the result.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import record
from archive.errors import LuuTruError
from archive.findings import Finding, finding
from archive.fixity import rows
from archive.ledger import Entry, event_key
from archive.model import Batch, Document, Event
from archive.opening import Archive
from archive.settings import Settings
from retention.objects import ADMITS

KIND = "rebuild_drilled"
SUBJECT = "catalogue"
WEEK = timedelta(days=7)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PER_SECOND = 300.0          # documents made again in a second, until a drill has told (docs/performance.md)
LONGEST = 2 * 3600.0        # seconds that a night gives it at most; a larger archive is drilled by hand
MOST = 100                  # differences that the ledger names

Progress = Callable[[str, int, int], None]
log = structlog.get_logger()


def last(session: Session) -> Event | None:
    """The last drill."""
    return session.scalar(select(Event).where(Event.kind == KIND, Event.subject == SUBJECT)
                          .order_by(Event.seq.desc()).limit(1))


def overdue(session: Session, settings: Settings, now: datetime) -> int:
    """For how many days the weekly drill has been due; 0: it is not, or is switched off."""
    if settings.night.rebuild_drill == "off":
        return 0
    since = _since(session)
    return 0 if since is None else max(0, (now - since - WEEK).days)


def is_due(session: Session, settings: Settings, now: datetime) -> bool:
    """Whether tonight: its day, and none for a week; or any day, when that day was missed.

    An archive is drilled for the first time a week after its first night.
    """
    if settings.night.rebuild_drill == "off":
        return False
    since = _since(session)
    if since is None:
        return False
    its_day = clock.night_of(now).weekday() == DAYS.index(settings.night.rebuild_drill)
    return now - since >= WEEK - timedelta(hours=12) if its_day else now - since >= 2 * WEEK - timedelta(days=1)


def expected(session: Session) -> float:
    """Seconds that a drill will take: by the last one, or cautiously."""
    documents = session.scalar(select(func.count()).select_from(Document)) or 0
    before = last(session)
    if before is None or not before.data["documents"] or not before.data["seconds"]:
        return 5.0 + documents / PER_SECOND
    return 5.0 + float(before.data["seconds"]) * documents / int(before.data["documents"])


def nightly(archive: Archive, now: datetime, remaining: float, progress: Progress) -> list[Finding]:
    """Drill when it is due and done within `remaining` seconds; what is wrong with the catalogue.

    The caller owns the archive. Nothing but the ledger is changed, and nothing raised: what fails is told.
    """
    with archive.catalogue.session() as session:
        if not is_due(session, archive.settings, now) or expected(session) > min(remaining, LONGEST):
            return []
    try:
        return drill(archive, now, progress)
    except (LuuTruError, OSError) as error:     # so could no rebuild be made: it is told, and does not end the night
        log.exception("rebuild drill failed")
        return _note(archive, now, 0.0, {"documents": 0, "events": 0},
                     [f"{type(error).__name__}: {error}"[:500]])


def drill(archive: Archive, now: datetime, progress: Progress = lambda *_: None) -> list[Finding]:
    """Make the catalogue again beside the one in use, compare, and note it. The caller owns the archive.

    Raises IntegrityError when the store's records cannot be read, OSError when there is no room for a second catalogue.
    """
    began = clock.now()
    progress("drill", 0, 1)
    found = rows.compare(archive, ADMITS, lambda _stage, n, of: progress("drill", n, of))
    with archive.catalogue.session() as session:
        counts = {"documents": session.scalar(select(func.count()).select_from(Document)) or 0,
                  "events": archive.ledger.seq}
    seconds = max(0.0, (clock.now() - began).total_seconds())
    return _note(archive, now, seconds, counts, [one.sentence() for one in found])


def _note(archive: Archive, now: datetime, seconds: float, counts: dict[str, int], wrong: list[str]) -> list[Finding]:
    data: dict[str, Any] = {**counts, "seconds": round(seconds, 1), "number": len(wrong), "faults": wrong[:MOST]}
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(KIND, SUBJECT, data, event_key(KIND, SUBJECT, clock.stamp(now)))])
    return [finding("NIGHT-009", archive.settings.agency.code, n=len(wrong), first=wrong[0])] if wrong else []


def _since(session: Session) -> datetime | None:
    """The last drill, else the first night."""
    before = last(session)
    at = before.at if before is not None else session.scalar(select(func.min(Batch.started_at)))
    return clock.parse(at) if at else None
