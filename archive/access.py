"""Access: who may know of a document, by its mode (chế độ sử dụng), as one rule for the catalogue and the index.

open: công khai (mode 01 of TT 05/2025/TT-BNV PL I). restricted: every other mode that was entered. undecided: none
was entered, neither for the document nor for its case file; that it is not open then is a rule of this system, on the
safe side of Luật Lưu trữ 33/2024/QH15, under which what is not public is used under conditions.

Besides, a reader whose request was granted reaches exactly the documents of the grant, up to and with its last day (TT
05/2025/TT-BNV Đ36, Đ39). What bears a mark of secrecy no grant opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from archive.model import CaseFile, Document, ReadingDocument

OPEN_MODES = ("01", "1", "Công khai", "công khai", "CÔNG KHAI")
SECRET_MODES = ("03", "3", "Mật", "mật", "MẬT", "Tối mật", "tối mật", "TỐI MẬT", "Tối Mật", "Tuyệt mật", "tuyệt mật",
                "TUYỆT MẬT", "Tuyệt Mật")
_MARKED = ("mode", "secrecy")       # the fields that bear a mark of secrecy
ACCESSES = ("open", "undecided", "restricted")


@dataclass(frozen=True, slots=True)
class Reach:
    """The documents that a person may know of: in the fonds of their own agency (empty: all), and in others.

    With `account` and `on` (a day, YYYY-MM-DD) also what that account was granted at the archive for that day.
    """

    fonds: str
    own: frozenset[str]
    others: frozenset[str]
    account: str = ""
    on: str = ""

    @property
    def plain(self) -> Reach:
        """The same without what was granted: who reaches a document only by a grant sees copies of it, no originals."""
        return Reach(self.fonds, self.own, self.others)

    def covers(self, fonds: str, access: str) -> bool:
        """Whether a document of this fonds and access lies within."""
        return access in (self.own if self.fonds in ("", fonds) else self.others)

    @property
    def everything(self) -> bool:
        """Whether nothing lies outside."""
        return self.own.issuperset(ACCESSES) and (not self.fonds or self.others.issuperset(ACCESSES))


def access_of(fields: Mapping[str, str], of_case_file: Mapping[str, str]) -> str:
    """open, undecided or restricted: by the document's mode, else by that of its case file."""
    mode = (fields.get("mode") or of_case_file.get("mode") or "").strip()
    return "undecided" if not mode else "open" if mode in OPEN_MODES else "restricted"


def within(reach: Reach, *, alone: bool = False) -> ColumnElement[bool]:
    """The condition that a Document, joined with its CaseFile, lies within `reach`: for every query of the portal.

    With `alone` it is about a CaseFile itself; a grant reaches it when it was asked for as a whole.
    """
    of_case_file = func.nullif(CaseFile.fields["mode"].as_string(), "")
    of_document = func.nullif(Document.fields["mode"].as_string(), "")
    mode = func.trim(func.coalesce(of_case_file, "") if alone else func.coalesce(of_document, of_case_file, ""))
    conditions = {"undecided": mode == "", "open": mode.in_(OPEN_MODES),
                  "restricted": and_(mode != "", mode.not_in(OPEN_MODES))}

    def of(accesses: frozenset[str]) -> ColumnElement[bool]:
        if accesses.issuperset(ACCESSES):
            return true()
        return or_(false(), *(conditions[access] for access in sorted(accesses)))

    by_roles = of(reach.own) if not reach.fonds else or_(
        and_(CaseFile.fonds == reach.fonds, of(reach.own)), and_(CaseFile.fonds != reach.fonds, of(reach.others)))
    if not reach.account or not reach.on:
        return by_roles
    row = ReadingDocument
    told = select(row.case_file if alone else row.document).where(*_granted(reach.account, reach.on))
    asked = CaseFile.code.in_(told.where(row.asked == row.case_file)) if alone else Document.code.in_(told)
    return or_(by_roles, and_(asked, *_no_secret(alone=alone)))


def granted(session: Session, account: str, today: str) -> set[str]:
    """The codes of the documents that `account` may read on the day `today` (YYYY-MM-DD) because it was granted them.

    Only those that are there and bear no mark of secrecy now.
    """
    return set(session.scalars(select(ReadingDocument.document).join(
        Document, Document.code == ReadingDocument.document).join(CaseFile, CaseFile.code == Document.case_file).where(
        *_granted(account, today), *_no_secret())))


def granted_only(session: Session, reach: Reach) -> set[str]:
    """The codes of the documents that `reach` holds by a grant alone: of these copies are shown, no files, no text."""
    found = granted(session, reach.account, reach.on) if reach.account and reach.on else set()
    if not found:
        return found
    return found - set(session.scalars(select(Document.code).join(CaseFile, CaseFile.code == Document.case_file).where(
        Document.code.in_(select(ReadingDocument.document).where(*_granted(reach.account, reach.on))),
        within(reach.plain))))


def _granted(account: str, on: str) -> tuple[ColumnElement[bool], ...]:
    row = ReadingDocument
    return row.account == account, row.account != "", row.until >= on, row.state == "granted"


def _no_secret(*, alone: bool = False) -> tuple[ColumnElement[bool], ...]:
    """That neither the case file nor (unless `alone`) the document bears a mark of secrecy now."""
    marks = [CaseFile.fields[key].as_string() for key in _MARKED]
    marks += [] if alone else [Document.fields[key].as_string() for key in _MARKED]
    return tuple(func.trim(func.coalesce(mark, "")).not_in(SECRET_MODES) for mark in marks)


def known_case_file(reach: Reach) -> ColumnElement[bool]:
    """The condition that somebody may know of a CaseFile: it lies within `reach` itself, or a document in it does."""
    return or_(within(reach, alone=True), exists().where(Document.case_file == CaseFile.code, within(reach)))
