"""The archive itself: whether its nights run, what is damaged, what nothing proves, what is set as for a trial."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from archive import clock
from archive.evidence.night import waiting
from archive.evidence.renewal import calendar_of
from archive.findings import Finding, finding
from archive.fixity.checking import Status
from archive.model import Batch, Document, Event
from archive.opening import Archive
from archive.settings import Settings

LATE = timedelta(days=2)        # without a night that ended
SAMPLE = {"H99"}


def nights(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Whether nights run and end."""
    with archive.catalogue.session() as session:
        last = session.scalar(select(func.max(Batch.finished_at))) or ""
        first = session.scalar(select(func.min(Event.at))) or clock.stamp(now)
    since = last or first
    if now - clock.parse(since) > LATE:
        yield finding("DOCTOR-020", archive.settings.agency.code, days=(now - clock.parse(since)).days,
                      day=f"{clock.in_vietnam(clock.parse(since)):%d/%m/%Y}")


def damage(status: Status) -> Iterator[Finding]:
    """Open faults, and readings that are older than promised."""
    for one in status.places:
        if one.faults:
            yield finding("DOCTOR-021", one.name, n=one.faults)
        if one.age is not None and one.age > status.days:
            yield finding("DOCTOR-022", one.name, age=one.age, days=status.days)
    told = status.forecast
    if told is not None and not told.holds:
        yield finding("DOCTOR-023", "fixity.seconds", nights=round(told.nights), days=status.days,
                      seconds=told.seconds)


def evidence(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Nights without a timestamp, and renewals that are overdue."""
    gaps = waiting(archive)
    if not archive.settings.evidence.tsa:
        if gaps:
            yield finding("DOCTOR-024", "evidence.tsa", n=len(gaps))
    elif len(gaps) > 1:         # tonight's may still come
        yield finding("DOCTOR-025", gaps[0], n=len(gaps))
    late = [one for one in calendar_of(archive) if one.due < now]
    if late:
        yield finding("DOCTOR-026", late[0].seals[0], n=len(late), until=f"{late[0].until:%d/%m/%Y}")


def index(archive: Archive) -> Iterator[Finding]:
    """Whether there is a search index where there are documents, and none waits to be indexed."""
    folder = archive.settings.root / "index"
    with archive.catalogue.session() as session:
        total = session.scalar(select(func.count()).select_from(Document)) or 0
        out = session.scalar(select(func.count()).select_from(Document).where(Document.indexed == "")) or 0
    if total and not (folder.is_dir() and any(folder.iterdir())):
        yield finding("DOCTOR-027", "index", n=total)
    elif out:
        yield finding("DOCTOR-028", "index", n=out)


def set_up(settings: Settings) -> Iterator[Finding]:
    """Settings of a trial that were never changed, and inbox folders that cannot be read."""
    if settings.agency.code in SAMPLE:
        yield finding("DOCTOR-030", settings.agency.code)
    if settings.agency.calendar == "sample":
        yield finding("DOCTOR-031", "agency.calendar")
    for folder in map(settings.path, settings.ingest.inbox):
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield finding("DOCTOR-032", str(folder))
