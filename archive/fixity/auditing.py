"""The audit: every stored file is read again within so many days, in the store and in every copy, a part each night.

In each place the objects stand in a ring, in the order of their folders; each audit goes on where the last one stopped,
until its share of the time is up or the ring is round. So what was read longest ago comes next, and nothing but the
ledger need remember it. The caller owns the archive.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import record
from archive.fixity import damage, mending, places
from archive.fixity.damage import CHECKED, FAILED, Ward, open_damage
from archive.fixity.ledger_copies import LEDGER, look_at_ledger, mend_ledger
from archive.fixity.mending import Settled
from archive.fixity.places import BEGUN, MAIN, Place
from archive.ledger import Entry, event_key
from archive.model import Event
from archive.opening import Archive

KIND = "audited"
AGAIN = timedelta(hours=20)     # between two audits that nobody asked for
MOST_FAULTS = 100               # of one audit that the ledger names
PACE_OF = 7                     # audits that the pace is taken from
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit: objects and bytes read, in how many seconds, whether each ring came round, and what was wrong."""

    objects: int
    size: int
    seconds: float
    round: bool
    faults: list[str]
    results: list[Settled] = field(default_factory=list)


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
    since = now - clock.parse(known.last)
    return since >= max(AGAIN, wait) or since < timedelta(0)    # the clock was ahead once: not again when it gets there


def audit(archive: Archive, now: datetime, seconds: float, ticking: Clock = time.monotonic) -> Audit:
    """Take up the damage that is open, then read on in every place for its share of `seconds`, and note how far.

    At least one object is read in each. What one place does not need of its share goes to the others; the one whose
    last audit is the oldest comes first. Damage is mended (`fixity.repair`), and in any case noted.
    """
    ward = mending.ward(archive, now)
    began = ticking()
    results = take_up(ward)
    with archive.catalogue.session() as session:
        last = {place.key: next(iter(places.last_audits(session, place.key, 1)), None) for place in ward.places}
    order = sorted(ward.places, key=lambda place: one.at if (one := last[place.key]) else "")
    objects = size = 0
    round_ = True
    for n, place in enumerate(order):
        share = (seconds - (ticking() - began if n else 0)) / (len(order) - n)
        event = last[place.key]
        done = _read_on(ward, place, event.data["to"] if event else None, share, ticking)
        objects, size, round_ = objects + done.objects, size + done.size, round_ and done.round
        results += done.results
    faults = [sentence for looked, _mended in results for sentence in looked.sentences()]
    return Audit(objects, size, max(ticking() - began, 0.001), round_, faults, results)


def take_up(ward: Ward) -> list[Settled]:
    """Look again at the damage that is not mended: a copy may be back, or somebody put the file there."""
    results: list[Settled] = []
    repair = ward.archive.settings.fixity.repair == "auto"
    there = {place.key: place for place in ward.places}
    for key, folder in sorted(ward.open):
        if key not in there or folder in ("", LEDGER):
            continue        # what lies about, and ledgers, are looked at each night
        looked = damage.look(ward, there[key], folder)
        results.append((looked, mending.settle(ward, looked, repair=repair)))
    return [(looked, mended) for looked, mended in results if looked.faults]


def _read_on(ward: Ward, place: Place, last: str | None, seconds: float, ticking: Clock) -> Audit:
    """Read on in the ring of one place for `seconds`, at least one object."""
    repair = ward.archive.settings.fixity.repair == "auto"
    began = ticking()
    folders, root = damage.look_at_root(place)
    results: list[Settled] = []
    if root.faults or (place.key, "") in ward.open:
        results.append((root, mending.settle(ward, root, repair=repair)))
    size = count = 0
    if place.is_copy:
        ledger = look_at_ledger(ward, place)
        size += ledger.size
        if ledger.faults or (place.key, LEDGER) in ward.open:
            results.append((ledger, mending.settle(ward, ledger, repair=repair, mender=mend_ledger)))
    names = sorted({*folders, *ward.expected(place)})
    start = bisect_right(names, last) % len(names) if last and names else 0
    ring = damage.look_in_order(ward, place, [*names[start:], *names[:start]])
    for count, looked in enumerate(ring, 1):  # noqa: B007 (count is used after)
        size += looked.size
        if looked.faults:
            results.append((looked, mending.settle(ward, looked, repair=repair)))
        if ticking() - began >= seconds:
            break
    ring.close()
    done = Audit(count, size, max(ticking() - began, 0.001), count == len(names), [], results)
    if names:
        faults = [sentence for looked, _mended in results for sentence in looked.sentences()]
        with ward.archive.catalogue.session() as session:
            record(session, ward.archive.ledger, [Entry(KIND, place.key, {
                "from": names[start], "to": names[(start + count - 1) % len(names)], "objects": count, "of": len(names),
                "bytes": size, "seconds": round(done.seconds, 3), "faults": faults[:MOST_FAULTS],
                "mended": sum(len(mended.done) for _looked, mended in results)},
                event_key(KIND, place.key, clock.stamp(ward.now)))])
    return done


def standing(session: Session, now: datetime, key: str = MAIN) -> Standing:
    """How old the oldest reading of a place is, and what is known to be wrong there and not yet mended."""
    events = session.execute(select(Event.at, Event.kind, Event.subject, Event.data).where(
        Event.kind.in_((KIND, CHECKED, FAILED, BEGUN))).order_by(Event.seq.desc())).all()
    mine = [event for event in events if (event.subject == key if event.kind in (KIND, BEGUN)
                                          else key in event.data.get("places", [MAIN]))]
    mine = list(takewhile(lambda event: event.kind != BEGUN, mine))     # of a copy begun anew only what follows
    age: int | None = None
    paces: list[float] = []
    share, faults, settled = 0.0, 0, False
    for event in mine:
        if event.kind == KIND:
            part = event.data["objects"] / max(1, event.data["of"])
            share += part
            if len(paces) < PACE_OF:
                paces.append(part)
        else:
            share = 1.0
        if not settled:
            # Until 0.1 audits named faults and knew no damage; what is no damage (ledger, intake) a check still counts.
            faults += (len(event.data["faults"]) if "seconds" not in event.data else 0) if event.kind == KIND else (
                event.data.get("others", len(event.data["faults"])))
        settled = settled or event.kind != KIND     # a check of the whole place says what is wrong now
        if share >= 1:
            age = max(0, (now - clock.parse(event.at)).days)
            break
    faults += sum(one["number"] for (place, _folder), one in open_damage(session).items() if place == key)
    return Standing(age, faults, mine[0].at if mine else "", len(paces) / sum(paces) if paces else None)
