"""When the promise of the audit will break: how fast the store grows, how fast it is read, how much time a night has.

Growth: the bytes of the files of all documents whose `stored` event is at most eight weeks old, by the days since (at
least one week). Pace: bytes over seconds of the last fourteen audits of each place. What a round reads besides these
files (records, inventories) is taken from the last whole round of the store. Changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock
from archive.fixity import places
from archive.fixity.places import MAIN
from archive.model import Document, Event, File

WEEKS = timedelta(weeks=8)
LEAST = timedelta(days=7)
AUDITS = 14
HORIZON = 3650          # days that are looked ahead
AHEAD = 365             # the budget that is named is enough for so many days more


@dataclass(frozen=True, slots=True)
class Forecast:
    """`holds`: today's round fits into the days of the promise. `breaks`: the first day on which it will not.

    `breaks` is None when it holds beyond the horizon (ten years), or is broken today; `seconds` is the time a night
    would need to hold it for a year after that day (or after today). Sizes in bytes, `pace` in bytes a second,
    `nights` that a round takes now.
    """

    holds: bool
    breaks: date | None
    seconds: int
    nights: float
    size: int
    growth: float           # bytes a day
    pace: float
    copies: int


def forecast(session: Session, now: datetime, *, days: int, seconds: float, keys: list[str]) -> Forecast | None:
    """The forecast for the places `keys` (the store and its copies); None while no audit has told a pace.

    `days` of the promise, `seconds` a night has for all places together.
    """
    paces = [pace for key in keys if (pace := _pace(session, key)) is not None]
    if not paces:
        return None
    known = session.execute(select(func.coalesce(func.sum(File.size), 0))).scalar_one()
    first = session.scalar(select(func.min(Event.at)).where(Event.kind == "stored")) or ""
    since = max(clock.stamp(now - WEEKS), first)
    grown = session.execute(select(func.coalesce(func.sum(File.size), 0)).join(
        Document, Document.code == File.document).join(Event, Event.subject == Document.item).where(
        Event.kind == "stored", Event.at >= since)).scalar_one()
    size = _round(session) or int(known)
    more = size / int(known) if known else 1.0      # PostgreSQL's sums are decimals
    span = max(now - clock.parse(since), LEAST) if since else LEAST
    growth = int(grown) * more / (span / timedelta(days=1))
    return foresee(size, growth, min(paces), len(keys), days=days, seconds=seconds, today=clock.in_vietnam(now).date())


def foresee(size: int, growth: float, pace: float, places_: int, *, days: int, seconds: float,
            today: date) -> Forecast:
    """The arithmetic: a round reads `size` + `growth` · t bytes in each place, `pace` · `seconds` of them a night."""
    a_night = max(pace * seconds / places_, 1.0)
    nights = size / a_night
    most = a_night * days           # bytes that a store may have
    holds = size <= most
    wait = (most - size) / growth if growth > 0 and holds else 0.0
    breaks = today + timedelta(days=int(wait) + 1) if holds and growth > 0 and wait < HORIZON else None
    wanted = size + growth * ((wait if breaks else 0) + AHEAD)
    return Forecast(holds, breaks, int(wanted * places_ / (pace * days)) + 1, nights, size, growth, pace, places_ - 1)


def _pace(session: Session, key: str) -> float | None:
    """Bytes a second of the last audits of a place that tell their seconds."""
    told = [event.data for event in places.last_audits(session, key, AUDITS) if event.data.get("seconds")]
    read = sum(data["bytes"] for data in told)
    return read / sum(data["seconds"] for data in told) if read else None


def _round(session: Session) -> int:
    """The bytes of one round through the store, by its last audits; 0 while there was none."""
    share, read = 0.0, 0
    for event in places.last_audits(session, MAIN, 1000):
        share += event.data["objects"] / max(1, event.data["of"])
        read += event.data["bytes"]
        if share >= 1:
            return int(read / share)
    return 0
