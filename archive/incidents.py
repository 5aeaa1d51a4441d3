"""Incidents: what went wrong with the archive, why, what was done about it, and when it was over.

A register in the ledger (TT 05/2025/TT-BNV Điều 31; NĐ 113/2025/NĐ-CP Điều 22): three kinds of events, nothing else
has to be kept. The minutes are form 04 of TT 05/2025/TT-BNV Phụ lục VII (archive/backup/papers.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import Event
from archive.opening import Archive
from archive.settings import Settings

OPENED, NOTED, CLOSED = "incident_opened", "incident_noted", "incident_closed"
ABOUT = ("cause", "isolated", "remedy", "checked", "note")      # what a note is about, in the order of the article


@dataclass(frozen=True, slots=True)
class Note:
    """One entry: raw time, person, what it is about (see ABOUT), and the words."""

    at: str
    by: str
    about: str
    text: str


@dataclass(slots=True)
class Incident:
    """An incident (sự cố): `code` SC.<year>.<ordinal>; `found_at` raw time; `closed_at` "" while it is open."""

    code: str
    title: str
    where: str
    found_at: str
    opened_at: str
    by: str
    notes: list[Note] = field(default_factory=list)
    closed_at: str = ""
    result: str = ""
    restored: int = 0           # number of the event of a restore that belongs to it; 0: none


def incidents(session: Session) -> list[Incident]:
    """Every incident, oldest first."""
    found: dict[str, Incident] = {}
    for event in session.scalars(select(Event).where(Event.kind.in_((OPENED, NOTED, CLOSED))).order_by(Event.seq)):
        data = event.data
        if event.kind == OPENED:
            found[event.subject] = Incident(event.subject, data["title"], data["where"], data["found_at"], event.at,
                                            event.actor)
        elif event.kind == NOTED:
            found[event.subject].notes.append(Note(event.at, event.actor, data["about"], data["text"]))
        else:
            one = found[event.subject]
            one.closed_at, one.result, one.restored = event.at, data["result"], data["restored"]
    return list(found.values())


def incident(session: Session, code: str) -> Incident:
    """The incident of that code. Raises UsageError when there is none."""
    for one in incidents(session):
        if one.code == code:
            return one
    raise UsageError(_("there is no incident {code}").format(code=code))


def begin(archive: Archive, title: str, *, where: str, found_at: datetime, now: datetime, by: str) -> str:
    """Enter an incident; its code. The caller owns the archive."""
    year = clock.in_vietnam(now).year
    with archive.catalogue.session() as session:
        number = sum(one.code.startswith(f"SC.{year}.") for one in incidents(session)) + 1
        code = f"SC.{year}.{number:02d}"
        record(session, archive.ledger, [Entry(OPENED, code, {
            "title": title, "where": where, "found_at": clock.stamp(found_at)}, event_key(OPENED, code), actor=by)])
    return code


def note(archive: Archive, code: str, about: str, text: str, *, by: str) -> None:
    """Add to an open incident. The caller owns the archive. Raises UsageError for none, RefusedError when it is closed.
    """
    with archive.catalogue.session() as session:
        one = _open(session, code)
        record(session, archive.ledger, [Entry(NOTED, code, {"about": about, "text": text},
                                               event_key(NOTED, code, str(len(one.notes) + 1)), actor=by)])


def close(archive: Archive, code: str, result: str, *, by: str, restored: int = 0) -> None:
    """Conclude an incident, with the number of the event of the restore that ended it, if one did.

    The caller owns the archive. Raises as `note`; RefusedError as well while no cause and no remedy are entered.
    """
    with archive.catalogue.session() as session:
        one = _open(session, code)
        if missing := [about for about in ("cause", "remedy") if about not in {each.about for each in one.notes}]:
            raise RefusedError(_("{code} has no entry yet on: {what} (TT 05/2025/TT-BNV Điều 31)").format(
                code=code, what=", ".join(map(about_name, missing))))
        if restored and session.scalar(select(Event.kind).where(Event.seq == restored)) != "restored":
            raise UsageError(_("event {n} is no restore").format(n=restored))
        record(session, archive.ledger, [Entry(CLOSED, code, {"result": result, "restored": restored},
                                               event_key(CLOSED, code), actor=by)])


def about_name(about: str) -> str:
    """What a note is about, in words."""
    return {"cause": _("cause"), "isolated": _("isolation"), "remedy": _("remedy"), "checked": _("check afterwards"),
            "note": _("note")}.get(about, about)


def minutes(settings: Settings, session: Session, one: Incident) -> dict[str, Any]:
    """Form 04 for an incident: what happened, each entry with its day, the restore that belongs to it, the result."""
    found = clock.in_vietnam(clock.parse(one.found_at))
    last = clock.in_vietnam(clock.parse(one.closed_at or (one.notes[-1].at if one.notes else one.opened_at)))
    names = {"cause": "Nguyên nhân", "isolated": "Cô lập", "remedy": "Khắc phục", "checked": "Kiểm tra sau khắc phục",
             "note": "Ghi chép"}
    data: dict[str, Any] = {
        "agency": settings.agency.name, "date": last.date().isoformat(), "by": _people(one), "where": one.where or None,
        "time": f"{found:%H} giờ {found:%M} phút, ngày {found:%d} tháng {found:%m} năm {found:%Y}",
        "reason": "; ".join(each.text for each in one.notes if each.about == "cause") or None,
        "rows": [{"what": f"Sự cố {one.code}: {one.title}", "result": "lỗi", "note": ""}, *(
            {"what": f"{names[each.about]}: {each.text}", "result": "bình thường" if each.about == "checked" else "",
             "note": f"{clock.in_vietnam(clock.parse(each.at)):%H:%M %d/%m/%Y}, {each.by}"} for each in one.notes)],
        "errors": "không." if one.closed_at else "chưa khắc phục xong.",
        "result": f"{one.result}" if one.closed_at else None}
    event = session.scalar(select(Event).where(Event.seq == one.restored)) if one.restored else None
    if event is not None:
        made = clock.in_vietnam(clock.parse(event.data["made_at"]))
        data |= {"name": event.data["set"], "made": f"{made:%H:%M %d/%m/%Y}", "medium": event.data["medium"]}
    return data


def _open(session: Session, code: str) -> Incident:
    one = incident(session, code)
    if one.closed_at:
        raise RefusedError(_("{code} is closed").format(code=code))
    return one


def _people(one: Incident) -> str:
    names: Sequence[str] = [one.by, *(each.by for each in one.notes)]
    return ", ".join(dict.fromkeys(names))
