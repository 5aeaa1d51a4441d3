"""The audit: every stored file is read again within so many days, a part of the store each night.

The objects stand in a ring, in the order of their folders; each audit goes on where the last one stopped, until its
time is up or the ring is round. So what was read longest ago comes next, and nothing but the ledger need remember it.
Reads and changes nothing else; the caller owns the archive.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import record
from archive.errors import IntegrityError
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import Event
from archive.opening import Archive

KIND = "audited"
AGAIN = timedelta(hours=20)     # between two audits that nobody asked for
MOST_FAULTS = 100               # of one audit that the ledger names
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit: objects and bytes read, in how many seconds, whether the ring came round, and what was wrong."""

    objects: int
    size: int
    seconds: float
    round: bool
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the promise stands: `age` of the oldest reading in days (None: not everything was read yet), open faults."""

    age: int | None
    faults: int
    last: str
    nights: float | None        # that one round takes at the pace of the last audits; None: unknown


def is_due(session: Session, now: datetime, days: int, *, idle: bool) -> bool:
    """Whether to audit tonight: once a day when the archive is busy; in an `idle` night only as the promise needs it.

    An archive that nothing comes to is read so often that a round still fits twice into the `days` of the promise.
    """
    known = standing(session, now)
    if not known.last:
        return not idle
    wait = timedelta(days=days / (2 * max(1.0, known.nights or 1.0))) if idle else AGAIN
    return now - clock.parse(known.last) >= max(AGAIN, wait)


def audit(archive: Archive, now: datetime, seconds: float, ticking: Clock = time.monotonic) -> Audit:
    """Read on in the ring for `seconds` (at least one object), and note in the ledger how far it came."""
    folders = archive.store.folders()
    names = [folder.relative_to(archive.store.root).as_posix() for folder in folders]
    with archive.catalogue.session() as session:
        last = session.scalar(select(Event.data).where(Event.kind == KIND).order_by(Event.seq.desc()).limit(1))
    start = bisect_right(names, last["to"]) % len(names) if last and names else 0
    began = ticking()
    faults: list[str] = []
    size = count = 0
    for count, index in enumerate([*range(start, len(names)), *range(start)], 1):  # noqa: B007 (count is used after)
        faults += _faults_of(archive, folders[index])
        size += sum(place.stat().st_size for place in folders[index].glob("v*/content/**/*") if place.is_file())
        if ticking() - began >= seconds:
            break
    done = Audit(count, size, max(ticking() - began, 0.001), count == len(names), faults)
    if names:
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry(KIND, "store", {
                "from": names[start], "to": names[(start + count - 1) % len(names)], "objects": count, "of": len(names),
                "bytes": size, "faults": faults[:MOST_FAULTS]},
                event_key(KIND, "store", clock.stamp(now)))])
    return done


def standing(session: Session, now: datetime) -> Standing:
    """How old the oldest reading is, and what is known to be wrong and not yet mended."""
    events = session.execute(select(Event.at, Event.kind, Event.data).where(
        Event.kind.in_((KIND, "fixity_checked", "fixity_failed"))).order_by(Event.seq.desc())).all()
    age: int | None = None
    paces: list[float] = []
    share, faults, open_ = 0.0, 0, True
    for event in events:
        if event.kind == KIND:
            share += event.data["objects"] / max(1, event.data["of"])
            if len(paces) < 7:
                paces.append(event.data["objects"] / max(1, event.data["of"]))
        else:
            share = 1.0
        if open_:
            faults += len(event.data["faults"])
        if event.kind != KIND:
            open_ = False           # a check of the whole store says what is wrong now
        if share >= 1:
            age = (now - clock.parse(event.at)).days
            break
    nights = None if not paces else len(paces) / sum(paces)
    return Standing(age, faults, events[0].at if events else "", nights)


def _faults_of(archive: Archive, folder: Path) -> list[str]:
    try:
        return list(archive.store.verify(archive.store.id_of(folder)))
    except (IntegrityError, OSError, ValueError, KeyError) as error:
        return [_("{object}: the object cannot be read ({error})").format(
            object=folder.relative_to(archive.store.root), error=error)]
