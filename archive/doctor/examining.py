"""Everything that the doctor looks at, in the order of a ward round: machine, archive, keeping, certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from archive import settings as settings_module
from archive.doctor import certificates, collector, keeping, machine, parts, records
from archive.errors import LuuTruError
from archive.findings import Finding, finding
from archive.fixity.checking import Status, status
from archive.opening import Archive, exists, open_archive
from archive.settings import Settings

log = structlog.get_logger()


def examine(settings: Settings, now: datetime) -> tuple[list[Finding], list[parts.Part], Status | None]:
    """What is missing, wrong, full, late or about to end; the programs; how the places stand (None: no archive).

    A look that breaks off is a finding of its own (DOCTOR-029), never silence.
    """
    programs = parts.look()
    found = _asked("programs", lambda: parts.programs(settings, programs))
    found += _asked("packages", parts.packages)
    if not exists(settings):
        return found, programs, None
    found += _asked("rights", lambda: machine.rights(settings))
    found += _asked("file systems", lambda: machine.file_systems(settings))
    found += _asked("left over", lambda: machine.left_over(settings))
    found += _asked("settings", lambda: records.set_up(settings))
    found += _asked("collector", lambda: collector.answers(settings))
    found += _asked("certificates", lambda: certificates.believed(settings, now))
    found += _asked("key", lambda: certificates.own_key(settings, now))
    try:
        archive = open_archive(settings)
    except (LuuTruError, OSError) as error:
        return [*found, finding("DOCTOR-019", str(settings.root), reason=str(error))], programs, None
    except Exception as error:      # of the database, by whatever name
        if not type(error).__module__.startswith("sqlalchemy."):
            raise
        return [*found, finding("DOCTOR-019", str(settings.root), reason=str(getattr(error, "orig", error)))], \
            programs, None
    try:
        stand = status(archive, now)
        return [*found, *_of_archive(archive, stand, now)], programs, stand
    finally:
        archive.close()


def settings_fault(error: LuuTruError) -> Finding:
    """The finding about settings that cannot be read."""
    return finding("DOCTOR-004", settings_module.FILE_NAME, reason=str(error))


def _of_archive(archive: Archive, stand: Status, now: datetime) -> list[Finding]:
    found = _asked("rooms", lambda: machine.rooms(archive, now))
    found += _asked("clock", lambda: machine.time_of(archive, now))
    found += _asked("nights", lambda: records.nights(archive, now))
    found += _asked("damage", lambda: records.damage(stand))
    found += _asked("rows", lambda: records.rows(archive))
    found += _asked("accounts", lambda: records.accounts(archive))
    found += _asked("evidence", lambda: records.evidence(archive, now))
    found += _asked("index", lambda: records.index(archive))
    found += _asked("copies", lambda: keeping.copies(archive, stand, now))
    found += _asked("backups", lambda: keeping.backups(archive, now))
    found += _asked("revocations", lambda: certificates.revocations(archive, now))
    return found


def _asked(name: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:
        log.exception("doctor", look=name)
        return [finding("DOCTOR-029", name, reason=f"{type(error).__name__}: {error}")]
