"""What is out of order between file plans, case files and documents: the lists an archivist works off.

Case files in no plan, documents in no case file, case files not closed, files without documents, and texts that
name no type of document. Only reads; every list is computed from what is recorded now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from archive.codes import parse_file_code
from archive.fields import RecognisedType, document_types, recognise
from archive.model import CaseFile, Document, FilePlanEntry, Item, ItemFinding

WAITING = ("quarantine",)
_OTHER = "32"               # Khác: what the law gives no code of its own


@dataclass(frozen=True, slots=True)
class CaseFileLine:
    """A case file with how many documents it holds; `last_document`: the latest date of issue in it, or ""."""

    code: str
    fonds: str
    year: int
    title: str
    keeper: str
    state: str
    documents: int
    last_document: str


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line of a plan that no case file was opened from, or whose case file has no document."""

    fonds: str
    year: int
    notation: str
    title: str
    keeper: str
    case_file: str


@dataclass(frozen=True, slots=True)
class UnfiledLine:
    """A document that waits because it has no case file: `named` is the code it states, `reason` the finding."""

    item: str
    name: str
    received_at: str
    subject: str
    named: str
    reason: str


@dataclass(frozen=True, slots=True)
class TypeText:
    """A text in the place of a type, in how many stored and waiting documents it stands.

    `reading`: "" when it names no type; else the type's name as it was read, coded 32 (Khác) for want of a code.
    """

    text: str
    reading: str
    stored: int
    waiting: int


def unplanned(session: Session, year: int | None = None, fonds: str | None = None) -> list[CaseFileLine]:
    """The case files that no file plan foresees (NĐ 30/2020/NĐ-CP Đ28: the plan is completed with them)."""
    planned = and_(FilePlanEntry.fonds == CaseFile.fonds, FilePlanEntry.year == CaseFile.year,
                   FilePlanEntry.notation == CaseFile.notation)
    query = _with_documents().outerjoin(FilePlanEntry, planned).where(FilePlanEntry.notation.is_(None))
    return _case_files(session, query, year, fonds)


def not_closed(session: Session, this_year: int, year: int | None = None,
               fonds: str | None = None) -> list[CaseFileLine]:
    """The open case files of years before `this_year`, the oldest first."""
    return _case_files(session, _with_documents().where(CaseFile.state == "open", CaseFile.year < this_year), year,
                       fonds)


def empty(session: Session, year: int | None = None, fonds: str | None = None) -> list[PlannedLine]:
    """The lines of plans without a case file or whose case file has no document; and such case files in no plan."""
    opened = and_(FilePlanEntry.fonds == CaseFile.fonds, FilePlanEntry.year == CaseFile.year,
                  FilePlanEntry.notation == CaseFile.notation)
    held = select(Document.case_file).distinct().subquery()
    query = (select(FilePlanEntry, CaseFile.code).outerjoin(CaseFile, opened)
             .outerjoin(held, held.c.case_file == CaseFile.code).where(held.c.case_file.is_(None)))
    for column, value in ((FilePlanEntry.year, year), (FilePlanEntry.fonds, fonds)):
        if value is not None:
            query = query.where(column == value)
    order = (FilePlanEntry.fonds, FilePlanEntry.year, FilePlanEntry.position, FilePlanEntry.notation)
    found = [PlannedLine(row.fonds, row.year, row.notation, row.title, row.keeper, code or "")
             for row, code in session.execute(query.order_by(*order))]
    return found + [PlannedLine(one.fonds, one.year, "", one.title, one.keeper, one.code)
                    for one in unplanned(session, year, fonds) if not one.documents]


def unfiled(session: Session, agency: str, year: int | None = None, fonds: str | None = None) -> list[UnfiledLine]:
    """The waiting documents that name no case file, or one that cannot take them, in the order of their receipt.

    Those that name none count as `agency`'s (our own) and as of their year of issue.
    """
    reasons: dict[str, str] = {}
    query = select(ItemFinding.item, ItemFinding.code).join(Item, Item.id == ItemFinding.item).where(
        Item.state.in_(WAITING), ItemFinding.code.startswith("FILE-", autoescape=True),
        ItemFinding.level == "refused").order_by(ItemFinding.item, ItemFinding.n)
    for item, code in session.execute(query):
        reasons.setdefault(item, code)
    found = []
    for row in session.scalars(select(Item).where(Item.state.in_(WAITING)).order_by(Item.received_at, Item.name)):
        named = _named(row.fields)
        if (named and row.id not in reasons) or not _asked(row.fields, named, agency, year, fonds):
            continue
        found.append(UnfiledLine(row.id, row.name, row.received_at, row.fields.get("subject", ""), named,
                                 reasons.get(row.id, "FILE-001")))
    return found


def unrecognised_types(session: Session) -> list[TypeText]:
    """The texts of types that the registry does not know, and those it reads as 32 (Khác), the most frequent first.

    A document whose type was left empty counts under "".
    """
    stored: Counter[tuple[str, str]] = Counter()
    words = Document.fields["typeNameText"].as_string().label("words")
    count = func.count().label("number")
    for type_name, number in session.execute(select(Document.type_name, count).where(
            Document.kind == "document", Document.type_name != _OTHER).group_by(Document.type_name)):
        _count(stored, type_name, "", number)
    other = select(words, count).where(Document.kind == "document", Document.type_name == _OTHER).group_by("words")
    for text, number in session.execute(other):
        _count(stored, _OTHER, text or "", number)
    waiting: Counter[tuple[str, str]] = Counter()
    for fields in session.scalars(select(Item.fields).where(Item.state.in_(WAITING))):
        _count(waiting, fields.get("typeName", ""), fields.get("typeNameText", ""), 1)
    keys = sorted({*stored, *waiting}, key=lambda key: (-stored[key] - waiting[key], key))
    return [TypeText(*key, stored[key], waiting[key]) for key in keys]


def _count(counts: Counter[tuple[str, str]], value: str, words: str, number: int) -> None:
    """Count a type's text where it is no type of the registry, or one without a code of its own."""
    text = words.strip() or value.strip()
    if text == _OTHER or (value.strip() == _OTHER and not words):
        return                                          # "Khác" as somebody chose it: nothing was left unread
    found = recognise(text) if text else None
    if not _is_own(found):
        counts[text, found.name if found else ""] += number


def _is_own(found: RecognisedType | None) -> bool:
    return found is not None and found.has_own_code and found.code in document_types()


def _with_documents() -> Select[CaseFile, int, str]:
    return (select(CaseFile, func.count(Document.code), func.max(Document.issued_on))
            .outerjoin(Document, Document.case_file == CaseFile.code).group_by(CaseFile.code))


def _case_files(session: Session, query: Select[CaseFile, int, str], year: int | None,
                fonds: str | None) -> list[CaseFileLine]:
    if year is not None:
        query = query.where(CaseFile.year == year)
    if fonds is not None:
        query = query.where(CaseFile.fonds == fonds)
    return [CaseFileLine(row.code, row.fonds, row.year, row.title, row.keeper, row.state, documents, last or "")
            for row, documents, last in session.execute(query.order_by(CaseFile.year, CaseFile.code))]


def _named(fields: Mapping[str, str]) -> str:
    stated = fields.get("fileCode", "").strip()
    if not stated and fields.get("fileNotation") and fields.get("fileCatalog"):
        stated = f"{fields['fileCatalog']}.{fields['fileNotation']}"
    return stated


def _asked(fields: Mapping[str, str], named: str, agency: str, year: int | None, fonds: str | None) -> bool:
    code = parse_file_code(named, inventory=True)
    its_fonds = code.agency if code else agency
    its_year = str(code.year) if code else fields.get("fileCatalog") or fields.get("issuedDate", "")[-4:]
    return (year is None or its_year == str(year)) and (fonds is None or its_fonds == fonds)
