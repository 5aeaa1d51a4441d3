"""The quarterly restore test by itself: when none was tried for too long, and there is time and room, a night does.

TT 05/2025/TT-BNV Điều 30 asks for one every quarter. It restores beside the archive, compares, and removes what it made
(ingest/backups.py); off unless `night.restore_test` says auto. The caller must not own the archive.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from archive.backup import media, restoring, standing
from archive.backup.media import Target
from archive.errors import LuuTruError, NoRoomError
from archive.findings import Finding, finding
from archive.opening import Archive
from ingest import backups

BYTES_A_SECOND = 10e6       # restored, made usable, read again and compared (docs/performance.md), cautiously
LONGEST = 4 * 3600.0        # seconds that a night gives it at most
WAIT = 60.0                 # for the archive, to note the result

log = structlog.get_logger()


def nightly(archive: Archive, now: datetime, remaining: float) -> list[Finding]:
    """Try a restore when it is due; what came of it. Nothing is raised: what stands in the way is told."""
    if archive.settings.night.restore_test == "off":
        return []
    with archive.catalogue.session() as session:
        stand = standing.standing(session, archive.settings)
    days = archive.settings.backup.drill_days
    if not is_due(stand, now, days) or (target := _target(archive, stand)) is None:
        return []
    try:
        chain = restoring.choose(target.folder)
        if sum(int(one.told["bytes"]) for one in chain) / BYTES_A_SECOND > min(remaining, LONGEST):
            return []           # the report goes on telling that it is due
        return backups.drill(archive, target, now, chain=chain, wait=WAIT).findings
    except NoRoomError as error:
        return [finding("BACKUP-021", target.name, days=days, reason=error)]
    except (LuuTruError, OSError) as error:
        log.exception("restore test failed", target=target.name)
        return [finding("BACKUP-021", target.name, days=days, reason=f"{type(error).__name__}: {error}")]


def is_due(stand: list[standing.Standing], now: datetime, days: int) -> bool:
    """Whether there are backups, and none was restored on trial for so many days."""
    ages = [standing.age(one.drilled_at, now) for one in stand if one.made_at]
    return bool(ages) and all(since is None or since > timedelta(days=days) for since in ages)


def _target(archive: Archive, stand: list[standing.Standing]) -> Target | None:
    """The target at hand whose backup was tried longest ago."""
    for one in sorted((one for one in stand if one.made_at), key=lambda one: one.drilled_at):
        target = media.target_named(archive.settings, one.target)
        if media.look(archive, target).state == "ready":
            return target
    return None
