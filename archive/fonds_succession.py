"""Validity and successors of fonds (phông): an agency that was merged or dissolved leaves a closed fonds.

A closed fonds keeps its records and its codes for ever (TT 05/2025/TT-BNV PL I: file codes of a closed fonds may bear
the fonds' code); only no new case file of a later day is opened in it.
"""

from __future__ import annotations

import json
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout
from archive.agencies import AgencyTable
from archive.catalogue import record
from archive.codes import LONGEST_QD20, parse_file_code
from archive.errors import RefusedError
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import ACTOR, Entry, event_key
from archive.model import Fonds
from archive.opening import Archive, open_fonds, ownership
from archive.records import admit_fonds
from archive.store import NewFile


def begin_fonds(archive: Archive, code: str, name: str, valid_from: date | None = None) -> None:
    """Open the fonds of a new agency, such as one that came of a merger; `valid_from` is its first day, if known.

    Raises RefusedError for one that is held already, or a code that a file code cannot bear.
    """
    if not _is_code(code) or not name.strip():
        raise RefusedError(_("a fonds needs the code of its agency (letters, digits, dots) and its name"))
    with ownership(archive):
        if archive.store.has(layout.fonds_object(code)):
            raise RefusedError(_("this archive holds the fonds {code} already").format(code=code))
        open_fonds(archive, code, name.strip(), valid_from.isoformat() if valid_from else "")


def close_fonds(archive: Archive, code: str, valid_to: date, successor: str = "", reason: str = "", *,
                actor: str = ACTOR) -> None:
    """Close the fonds `code`: `valid_to` is its last day, `successor` the fonds or agency that follows, or "".

    Said again with another day or successor it corrects them; every version stays in the store. Raises RefusedError
    for a fonds that is not held, a day before its first one, itself as successor, or a circle of successors.
    """
    with ownership(archive):
        described = _described(archive, code)
        begins = str(described["valid_from"])
        if begins and valid_to.isoformat() < begins:
            raise RefusedError(_("the fonds {code} began on {begins}, after {day}").format(
                code=code, begins=_day(begins), day=f"{valid_to:%d/%m/%Y}"))
        if successor and not _is_code(successor):
            raise RefusedError(_("“{code}” is no code of a fonds or an agency").format(code=successor))
        if successor and code in _followers(archive, successor):
            raise RefusedError(_("{successor} cannot follow {code}: it is followed by {code} itself").format(
                code=code, successor=successor))
        if not reason.strip():
            raise RefusedError(_("the closing of a fonds needs its reason: the decision that merged or dissolved it"))
        _renew(archive, {**described, "valid_to": valid_to.isoformat(), "successor": successor}, reason, actor)


def reopen_fonds(archive: Archive, code: str, reason: str, *, actor: str = ACTOR) -> None:
    """Take back the closing of a fonds. Raises RefusedError for one that is not held or without a reason."""
    with ownership(archive):
        described = _described(archive, code)
        if not reason.strip():
            raise RefusedError(_("the reopening of a fonds needs a reason"))
        _renew(archive, {**described, "valid_to": "", "successor": ""}, reason, actor)


def is_later(fonds: Fonds, year: int, day: str) -> bool:
    """Whether a case file of `year`, opened for a document of `day` (YYYY-MM-DD or ""), is later than `fonds` is open.

    A document that came late, of a day when the fonds was open, still finds its place.
    """
    if not fonds.valid_to:
        return False
    last = int(fonds.valid_to[:4])
    return year > last or (year == last and bool(day) and day > fonds.valid_to)


def held_under(session: Session, table: AgencyTable) -> dict[str, str]:
    """The codes of the fonds that the archive holds, each under itself and under the one code of its agency's codes.

    A file code that bears the old code of an agency finds its fonds so (000.00.15.H51 ↔ H51.15); a merged agency's
    fonds stays its own, and so do two fonds that are held under two codes of one agency.
    """
    codes = list(session.scalars(select(Fonds.code).order_by(Fonds.code)))
    return {**{table.canonical(code): code for code in codes}, **{code: code for code in codes}}


def _renew(archive: Archive, described: dict[str, object], reason: str, actor: str) -> None:
    code, closed = str(described["code"]), bool(described["valid_to"])
    object_id = layout.fonds_object(code)
    version = archive.store.put(object_id, {layout.FONDS: NewFile(json_bytes(described))},
                                message="fonds closed" if closed else "fonds reopened", user="luutru",
                                created=clock.now())
    data = {"valid_to": described["valid_to"], "successor": described["successor"], "reason": reason,
            "version": version}
    event = (Entry("fonds_closed", code, data, event_key("fonds_closed", code, str(version)), actor=actor) if closed
             else Entry("fonds_reopened", code, data, event_key("fonds_reopened", code, str(version)), actor=actor))
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [event])
        admit_fonds(session, archive.store, object_id)


def _described(archive: Archive, code: str) -> dict[str, object]:
    object_id = layout.fonds_object(code)
    if not archive.store.has(object_id):
        raise RefusedError(_("this archive holds no fonds {code}").format(code=code))
    described: dict[str, object] = json.loads(archive.store.read(object_id, layout.FONDS))
    return described


def _is_code(code: str) -> bool:
    """Whether `code` may stand in a file code and in the catalogue."""
    return len(code) <= LONGEST_QD20 and parse_file_code(f"{code}.2026.01.VP") is not None


def _followers(archive: Archive, code: str) -> list[str]:
    """`code` and the fonds that followed it, one after the other; a circle ends the search."""
    found: list[str] = []
    while code and code not in found:
        found.append(code)
        with archive.catalogue.session() as session:
            row = session.get(Fonds, code)
        code = row.successor if row else ""
    return found


def _day(iso: str) -> str:
    return f"{iso[8:]}/{iso[5:7]}/{iso[:4]}"
