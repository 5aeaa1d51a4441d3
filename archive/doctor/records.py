"""The archive itself: whether its nights run, what is damaged, what nothing proves, what is set as for a trial."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

from sqlalchemy import func, select

from archive import acts, clock
from archive.evidence.night import waiting
from archive.evidence.renewal import calendar_of
from archive.findings import Finding, finding
from archive.fixity import rows as catalogue_rows
from archive.fixity.checking import Status
from archive.model import Batch, Document, Event
from archive.opening import Archive
from archive.settings import Settings

LATE = timedelta(days=2)        # without a night that ended
SAMPLE = {"H99"}
ACCOUNTS = "accounts.db"        # the portal's (docs/format.md)
OF_ACCOUNTS = ("account_made", "account_roles", "account_locked", "account_unlocked", "token_made")

Held = tuple[frozenset[str], str, bool]     # an account's roles, its agency, whether it is locked


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


def rows(archive: Archive) -> Iterator[Finding]:
    """Whether the catalogue has every event and every document that the ledger tells of; quick, so not each value."""
    with archive.catalogue.session() as session:
        lacking = catalogue_rows.lacking(session, archive.ledger)
        behind = catalogue_rows.behind(session)
    if lacking:
        yield finding("DOCTOR-050", "event", n=abs(lacking))
    if behind:
        yield finding("DOCTOR-051", behind[0], n=len(behind))


def accounts(archive: Archive) -> Iterator[Finding]:
    """Accounts, roles and tokens that the portal's own file holds and of which the ledger does not tell.

    Whoever can write into that file could make himself an administrator; every way that the program has is told.
    """
    place = archive.settings.root / ACCOUNTS
    if not place.is_file():
        return
    told, tokens = _told_of_accounts(archive)
    with closing(sqlite3.connect(place)) as database:
        held = {name: (frozenset[str](), fonds, bool(locked)) for name, fonds, locked in database.execute(
            "SELECT name, fonds, locked FROM account ORDER BY name")}
        for name, role in database.execute("SELECT account, role FROM role"):
            roles, fonds, locked = held.get(name, (frozenset(), "", False))
            held[name] = (roles | {role}, fonds, locked)
        strange = [(id_, name) for id_, name in database.execute("SELECT id, account FROM token ORDER BY id")
                   if id_ not in tokens]
    for name, now in held.items():
        if now != (said := told.get(name)):
            yield finding("DOCTOR-052", name, now=_account(now), said=_account(said) if said else "—")
    for id_, name in strange:
        yield finding("DOCTOR-052", name, now=f"token {id_}", said="—")


def _told_of_accounts(archive: Archive) -> tuple[dict[str, Held], set[str]]:
    """By the ledger and the acts that wait for it: accounts as they should be, and the tokens that were made."""
    found: dict[str, Held] = {}
    tokens: set[str] = set()
    with archive.catalogue.session() as session:
        events = [(kind, subject, data) for kind, subject, data in session.execute(select(
            Event.kind, Event.subject, Event.data).where(Event.kind.in_(OF_ACCOUNTS)).order_by(Event.seq))]
    events += [(one["kind"], one["subject"], one["data"]) for one in acts.waiting(archive.settings)]
    for kind, name, data in events:
        roles, fonds, locked = found.get(name, (frozenset(), "", False))
        match kind:
            case "account_made":
                found[name] = (frozenset(data["roles"]), data["fonds"], False)
            case "account_roles":
                found[name] = (frozenset(data["after"]["roles"]), data["after"]["fonds"], locked)
            case "account_locked" | "account_unlocked":
                found[name] = (roles, fonds, kind == "account_locked")
            case "token_made":
                tokens.add(data["token"])
    return found, tokens


def _account(held: Held) -> str:
    roles, fonds, locked = held
    return ", ".join(sorted(roles)) + (f" · {fonds}" if fonds else "") + (" · locked" if locked else "")


def set_up(settings: Settings) -> Iterator[Finding]:
    """Settings of a trial that were never changed, and inbox folders that cannot be read."""
    if settings.agency.code in SAMPLE:
        yield finding("DOCTOR-030", settings.agency.code)
    if settings.agency.calendar == "sample":
        yield finding("DOCTOR-031", "agency.calendar")
    for folder in map(settings.path, settings.ingest.inbox):
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield finding("DOCTOR-032", str(folder))
