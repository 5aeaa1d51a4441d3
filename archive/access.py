"""Access: who may know of a document, by its mode (chế độ sử dụng), as one rule for the catalogue and the index.

open: công khai (mode 01 of TT 05/2025/TT-BNV PL I). restricted: every other mode that was entered. undecided: none
was entered, neither for the document nor for its case file; that it is not open then is a rule of this system, on the
safe side of Luật Lưu trữ 33/2024/QH15, under which what is not public is used under conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, or_, true

from archive.model import CaseFile, Document

OPEN_MODES = ("01", "1", "Công khai", "công khai", "CÔNG KHAI")
ACCESSES = ("open", "undecided", "restricted")


@dataclass(frozen=True, slots=True)
class Reach:
    """The documents that a person may know of: in the fonds of their own agency (empty: all), and in others."""

    fonds: str
    own: frozenset[str]
    others: frozenset[str]

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

    With `alone` it is about a CaseFile itself.
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

    if not reach.fonds:
        return of(reach.own)
    return or_(and_(CaseFile.fonds == reach.fonds, of(reach.own)),
               and_(CaseFile.fonds != reach.fonds, of(reach.others)))
