"""Which case files, holds, batches and hand-overs a person may know of on the pages of retention.

Counts, dates and periods of a case file rest on all of its documents; so these pages tell of a case file only to who
may know of every document in it. What lies outside is in no list, no count, no chart and no sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, select, true
from sqlalchemy.orm import Session

from archive import model
from archive.access import ACCESSES, Reach, within
from archive.catalogue import SOME
from archive.codes import parse_file_code
from web.people import Person

Entries = Mapping[str, Any]


def fully_known(reach: Reach) -> ColumnElement[bool]:
    """The condition that a CaseFile lies within reach, and each of its documents with it; what was granted for reading
    does not count.
    """
    reach = reach.plain
    if reach.everything:
        return true()
    hidden = exists().where(model.Document.case_file == model.CaseFile.code, not_(within(reach)))
    return and_(within(reach, alone=True), not_(hidden))


def covers(reach: Reach, fonds: str) -> bool:
    """Whether everything in a fonds lies within reach, whatever its mode."""
    return all(reach.covers(fonds, access) for access in ACCESSES)


def own_covered(who: Person) -> bool:
    """Whether everything of the person's own agency (or of the archive) lies within reach."""
    return covers(who.reach, who.fonds)


def known_codes(session: Session, reach: Reach, codes: Iterable[str]) -> set[str]:
    """Which of these case files the person may know of in full."""
    wanted = list(dict.fromkeys(codes))
    found: set[str] = set()
    for start in range(0, len(wanted), SOME):
        found.update(session.scalars(select(model.CaseFile.code).where(
            model.CaseFile.code.in_(wanted[start:start + SOME]), fully_known(reach))))
    return found


def known_documents(session: Session, reach: Reach, codes: Iterable[str]) -> set[str]:
    """Which of these documents the person may know of."""
    wanted = list(dict.fromkeys(codes))
    found: set[str] = set()
    for start in range(0, len(wanted), SOME):
        found.update(session.scalars(select(model.Document.code).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.code.in_(wanted[start:start + SOME]), within(reach.plain))))
    return found


def case_file(session: Session, who: Person, code: str) -> model.CaseFile | None:
    """The case file of this code, where the person may know of it in full; None also for one that there is not."""
    return session.scalar(select(model.CaseFile).where(model.CaseFile.code == code, fully_known(who.reach)))


def titles(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """The titles of case files by their codes."""
    wanted = list(codes)
    return {row.code: row.title for row in session.execute(select(model.CaseFile.code, model.CaseFile.title).where(
        model.CaseFile.code.in_(wanted)))}


# --- holds ---------------------------------------------------------------------------------------------------------


def visible_holds(who: Person) -> ColumnElement[bool]:
    """The holds all of whose items the person may know of; standing ones of another agency are not among them."""
    if who.reach.everything:
        return true()
    item = model.HoldItem
    known = select(model.CaseFile.code).where(fully_known(who.reach))
    own = item.code == who.fonds if own_covered(who) else false()
    outside = exists().where(item.hold == model.Hold.n, or_(
        and_(item.kind == "fonds", not_(own)), and_(item.kind != "fonds", item.case_file.not_in(known))))
    of_own = model.Hold.conditions["fonds"].as_string() == who.fonds if own_covered(who) else false()
    return and_(not_(outside), or_(not_(model.Hold.standing), of_own))


def holdable(session: Session, who: Person, codes: Iterable[str]) -> set[str]:
    """Which codes of case files, documents and fonds the person may name; unknown codes are not among them."""
    wanted = list(dict.fromkeys(codes))
    found: set[str] = set()
    for start in range(0, len(wanted), SOME):
        some = wanted[start:start + SOME]
        homes = {row[0]: row[1] for row in session.execute(select(
            model.Document.code, model.Document.case_file).where(model.Document.code.in_(some)))}
        known = known_codes(session, who.reach, [*some, *homes.values()])
        found |= known.intersection(some) | {code for code, home in homes.items() if home in known}
        found.update(code for code in session.scalars(select(model.Fonds.code).where(model.Fonds.code.in_(some)))
                     if covers(who.reach, code))
    return found


# --- batches for destruction ---------------------------------------------------------------------------------------


def seat(who: Person, record: Entries) -> Entries | None:
    """The person's seat on the council of a batch (`name`, `role`, `post`); None for who does not sit there."""
    if not who.may("destructions"):
        return None
    members = record.get("council", {}).get("members", ())
    return next((one for one in members if one.get("account", "").strip().lower() == who.name), None)


def sees_batch(who: Person, row: model.Destruction) -> bool:
    """Whether the person may know of a batch: lists of fonds within reach, and those on whose council they sit."""
    if not row.record:          # it is being written for the first time
        return False
    return (who.may("destruction_lists") and covers(who.reach, row.fonds)) or seat(who, row.record) is not None


# --- hand-overs ----------------------------------------------------------------------------------------------------


def sees_transfer(who: Person, row: model.Transfer, codes: Iterable[str]) -> bool:
    """Whether the person may know of a hand-over, which has the case files `codes`: all of its fonds within reach."""
    if not row.record:
        return False
    if who.whole_archive:
        return own_covered(who)
    fonds = {told.agency if (told := parse_file_code(code, inventory=True)) else "" for code in codes}
    return bool(fonds) and all(one and covers(who.reach, one) for one in fonds)
