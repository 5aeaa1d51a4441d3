"""Copies and backups: whether there are enough of them, apart from one another, new enough, and tried.

TT 05/2025/TT-BNV Điều 27, 30: two sets on independent media, daily and monthly, tried every quarter, media replaced a
year before they end; QCVN 12:2026/BCA: three copies, one that cannot be changed, virus scan every six months.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from archive import clock
from archive.backup import media, standing
from archive.findings import Finding, finding
from archive.fixity import places
from archive.fixity.checking import Status
from archive.opening import Archive

WANTED = 3              # copies of everything, the store among them
BEFORE_THE_END = timedelta(days=365)


def copies(archive: Archive, status: Status, now: datetime) -> Iterator[Finding]:
    """Copies that the night keeps, and how many sets there are in all."""
    found = [one for one in status.places if one.state != "store"]
    for one in found:
        if one.state not in ("ready", "new"):
            yield finding("DOCTOR-034", one.name)
        elif one.lag is None or one.lag >= archive.settings.backup.late_days:
            yield finding("DOCTOR-035", one.name, days=archive.settings.backup.late_days, last=_day(
                None if one.lag is None else now - timedelta(days=one.lag)))
    same = [seen.place.name for place in places.copies(archive.settings)
            if (seen := places.look(archive, place)).same_disk]
    same += [target.name for target in media.targets(archive.settings) if media.look(archive, target).same_disk]
    for name in same:
        yield finding("DOCTOR-036", name)
    apart = 1 + len(found) + len(media.targets(archive.settings)) - len(same)
    if apart < WANTED:
        yield finding("DOCTOR-033", "copies.places, backup.targets", n=apart, wanted=WANTED)


def backups(archive: Archive, now: datetime) -> Iterator[Finding]:
    """How each target of backups stands."""
    own = archive.settings.backup
    with archive.catalogue.session() as session:
        stand = standing.standing(session, archive.settings)
        sets = standing.sets_told(session)
    if not stand:
        yield finding("DOCTOR-037", "backup.targets")
        return
    if not any(one.append_only for one in stand):
        yield finding("DOCTOR-040", "backup.append_only")
    for one in stand:
        state = media.look(archive, media.target_named(archive.settings, one.target)).state
        if state not in ("ready", "new"):
            yield finding("DOCTOR-034", one.target)
        since = standing.age(one.made_at, now)
        if since is None or since >= timedelta(days=own.late_days):
            yield finding("DOCTOR-038", one.target, days=own.late_days, last=_day(
                clock.parse(one.made_at) if one.made_at else None))
        elif standing.full_is_due(sets, one.medium, one.target, now):
            yield finding("DOCTOR-039", one.target)
        if one.check_faults or one.drill_faults:
            yield finding("DOCTOR-041", one.target, n=max(one.check_faults, one.drill_faults))
        if one.made_at and _older(one.scanned_at, now, own.scan_days):
            yield finding("DOCTOR-043", one.target, days=own.scan_days)
        if one.ends and date.fromisoformat(one.ends) - BEFORE_THE_END <= clock.in_vietnam(now).date():
            yield finding("DOCTOR-044", one.target, medium=one.medium, day=f"{date.fromisoformat(one.ends):%d/%m/%Y}")
    if any(one.made_at for one in stand) and all(_older(one.drilled_at, now, own.drill_days) for one in stand):
        yield finding("DOCTOR-042", ", ".join(one.target for one in stand), days=own.drill_days)


def _day(moment: datetime | None) -> str:
    return f"{clock.in_vietnam(moment):%d/%m/%Y}" if moment else "—"


def _older(stamp: str, now: datetime, days: int) -> bool:
    since = standing.age(stamp, now)
    return since is None or since > timedelta(days=days)
