"""How backups stand by the ledger alone: which sets there are, on which media, until when each is kept.

So it is known without a medium at hand what still holds a record that was destroyed, and what is late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.backup.media import BEGUN, targets
from archive.backup.sets import FULL
from archive.model import Event
from archive.settings import Settings

MADE, ENDED, CHECKED, DRILLED, RESTORED = ("backup_made", "backup_ended", "backup_checked", "backup_drilled",
                                           "restored")


@dataclass(frozen=True, slots=True)
class SetTold:
    """A set as the ledger tells of it. `made_at`: raw time whose state it holds; `seq`: number of the last event."""

    id: str
    target: str
    medium: str
    kind: str
    base: str
    made_at: str
    sha256: str
    seq: int
    files: int
    size: int
    faults: int
    actor: str


@dataclass(slots=True)
class ChainTold:
    """A full set and what continues it, on one medium."""

    target: str
    medium: str
    sets: list[SetTold] = field(default_factory=list)

    @property
    def begun(self) -> datetime:
        """When its full set was made."""
        return clock.parse(self.sets[0].made_at)

    @property
    def last(self) -> datetime:
        """When its last set was made."""
        return clock.parse(self.sets[-1].made_at)


@dataclass(frozen=True, slots=True)
class MediumTold:
    """A medium as the ledger tells of it; `ends`: YYYY-MM-DD or ""."""

    target: str
    code: str
    begun_at: str
    ends: str
    append_only: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Backups that still hold what was in the archive at a time: from the first to the last set of a chain.

    `until`: the day on which they go by themselves; "" when nothing ends them but a person (append-only media).
    """

    target: str
    medium: str
    first: str
    last: str
    until: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one target stands: raw times, "" for never."""

    target: str
    append_only: bool
    made_at: str
    full_at: str
    checked_at: str
    check_faults: int
    scanned_at: str
    drilled_at: str
    drill_faults: int
    sets: int
    size: int
    medium: str
    ends: str


def sets_told(session: Session) -> list[SetTold]:
    """Every set that was made and not ended since, oldest first."""
    ended: set[tuple[str, str, str]] = set()
    found: list[SetTold] = []
    for event in session.scalars(select(Event).where(Event.kind.in_((MADE, ENDED))).order_by(Event.seq)):
        data = event.data
        if event.kind == ENDED:
            ended |= {(event.subject, data["medium"], one) for one in data["sets"]}
            continue
        found.append(SetTold(data["set"], event.subject, data["medium"], data["kind"], data["base"], data["made_at"],
                             data["sha256"], data["seq"], data["files"], data["bytes"], data["faults"], event.actor))
    return [one for one in found if (one.target, one.medium, one.id) not in ended]


def chains_told(sets: Iterable[SetTold]) -> list[ChainTold]:
    """The same as chains, oldest first; an increment whose base is gone stands with nothing and is left out."""
    found: list[ChainTold] = []
    for one in sets:
        if one.kind == FULL:
            found.append(ChainTold(one.target, one.medium, [one]))
            continue
        for chain in reversed(found):
            if (chain.target, chain.medium, chain.sets[-1].id) == (one.target, one.medium, one.base):
                chain.sets.append(one)
                break
    return found


def media_told(session: Session) -> list[MediumTold]:
    """Every medium that was begun, oldest first."""
    return [MediumTold(event.subject, event.data["medium"], event.data["begun_at"], event.data["ends"],
                       event.data["append_only"])
            for event in session.scalars(select(Event).where(Event.kind == BEGUN).order_by(Event.seq))]


def kept_until(chain: ChainTold, months: int) -> date:
    """The day on which a chain may go: so many months after the last set that it can have, at the month's end."""
    day = clock.in_vietnam(chain.last).date()
    month = clock.in_vietnam(chain.begun).date()
    year, then = divmod(month.year * 12 + month.month + months, 12)     # the month after the full one, and so many on
    return max(date(year, then + 1, 1), day)


def due_to_go(chains: list[ChainTold], now: datetime, months: int) -> list[ChainTold]:
    """The chains that are kept no longer: never the newest of a medium."""
    newest = {(one.target, one.medium): one for one in chains}
    today = clock.in_vietnam(now).date()
    return [one for one in chains if one is not newest[one.target, one.medium] and kept_until(one, months) <= today]


def holders(session: Session, settings: Settings, *, since: str, until: str) -> list[Holder]:
    """The backups that hold what the archive held between two raw times (`until` "": up to now).

    That is every chain with a set made after `since` whose full set was made before `until`. What is older than the
    ledger's own knowledge, and what lies on media of others, the setting destruction.backups tells.
    """
    own = {one.name: one for one in targets(settings)}
    appending = {(one.target, one.code): one.append_only for one in media_told(session)}
    found = []
    for chain in chains_told(sets_told(session)):
        before = [one for one in chain.sets if not until or one.made_at < until]
        if not before or before[-1].made_at < since:
            continue
        stays = own[chain.target].append_only if chain.target in own else appending.get((chain.target, chain.medium))
        ends = "" if stays else kept_until(chain, settings.backup.keep_months).isoformat()
        found.append(Holder(chain.target, chain.medium, chain.sets[0].id, before[-1].id, ends))
    return found


def standing(session: Session, settings: Settings) -> list[Standing]:
    """How each target that the settings name stands."""
    sets = sets_told(session)
    media = media_told(session)
    found = []
    for target in targets(settings):
        mine = [one for one in sets if one.target == target.name]
        checked = _last(session, CHECKED, target.name)
        scanned = next((event for event in _all(session, CHECKED, target.name) if event.data.get("scan")), None)
        drilled = _last(session, DRILLED, target.name)
        medium = next((one for one in reversed(media) if one.target == target.name), None)
        found.append(Standing(
            target.name, target.append_only, mine[-1].made_at if mine else "",
            next((one.made_at for one in reversed(mine) if one.kind == FULL), ""),
            checked.at if checked else "", checked.data["number"] if checked else 0, scanned.at if scanned else "",
            drilled.at if drilled else "", drilled.data["number"] if drilled else 0, len(mine),
            sum(one.size for one in mine), medium.code if medium else "", medium.ends if medium else ""))
    return found


def full_is_due(sets: Iterable[SetTold], medium: str, target: str, now: datetime) -> bool:
    """Whether this month's full backup is wanting on a medium (months are Vietnam's)."""
    fulls = [clock.in_vietnam(clock.parse(one.made_at)) for one in sets
             if one.kind == FULL and one.medium == medium and one.target == target]
    here = clock.in_vietnam(now)
    return not any((one.year, one.month) == (here.year, here.month) for one in fulls)


def age(stamp: str, now: datetime) -> timedelta | None:
    """How long ago a raw time was; None for never."""
    return now - clock.parse(stamp).astimezone(UTC) if stamp else None


def _all(session: Session, kind: str, target: str) -> list[Event]:
    return list(session.scalars(select(Event).where(Event.kind == kind, Event.subject == target)
                                .order_by(Event.seq.desc())))


def _last(session: Session, kind: str, target: str) -> Event | None:
    return session.scalar(select(Event).where(Event.kind == kind, Event.subject == target)
                          .order_by(Event.seq.desc()).limit(1))
