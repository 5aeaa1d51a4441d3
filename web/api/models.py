"""What programs get, as pydantic models: they make the answers and the OpenAPI document with its examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field


def _like(*examples: Any, **more: Any) -> Any:
    return Field(examples=list(examples), **more)


Code = Annotated[str, _like("H99.2026.01.VP.0000001", description="code of a document")]
FileCode = Annotated[str, _like("H99.2026.01.VP", description="code of a case file")]
Day = Annotated[str, _like("2026-11-15", description="a day, YYYY-MM-DD; empty: not known")]
Moment = Annotated[str, _like("2026-11-20T15:30:00.000000+00:00", description="a moment, ISO 8601")]
Next = Annotated[str | None, _like("/api/v1/casefiles?limit=50&cursor=WyJIOTkiXQ", default=None,
                                   description="address of the next page; null on the last")]
Access = Annotated[str, _like("open", description="open, undecided or restricted")]


class Me(BaseModel):
    """For whom the token acts, and for what."""

    account: str = _like("may.qlvb")
    full_name: str = _like("Phần mềm quản lý văn bản")
    agency: str = _like("H99", description="code of the agency whose fonds are its own; empty: the whole archive")
    roles: list[str] = _like(["records_officer"])
    token: str = _like("5f1c09aa3be0", description="id of the token")
    scopes: list[str] = _like(["records", "files"])


class FacetValue(BaseModel):
    """One value by which hits can be narrowed down; `value` goes into the parameter in_…"""

    value: str = _like("2026")
    name: str = _like("2026")
    count: int = _like(12)


class Hit(BaseModel):
    """One document that was found; `marks` are the places of the snippet that were looked for, [from, to)."""

    code: Code
    case_file: FileCode
    case_title: str = _like("Hồ sơ về công tác văn thư, lưu trữ")
    type: str = _like("Quyết định")
    number: str = _like("35/QĐ-UBND")
    issued_on: Day
    agency: str = _like("Ủy ban nhân dân tỉnh")
    subject: str = _like("Ban hành Quy chế công tác văn thư")
    signer: str = _like("Nguyễn Văn A")
    legal_value: str = _like("signed_original")
    snippet: str = _like("… quy chế công tác văn thư, lưu trữ …")
    marks: list[tuple[int, int]] = _like([[2, 9]])


class Search(BaseModel):
    """What was found: how many in all, the hits of this page, and how the query was read."""

    total: int = _like(1)
    understood: str = _like("quy chế")
    instead: str = _like("", description="a query that finds something, where this one finds nothing")
    facets: dict[str, list[FacetValue]] = _like({"year": [{"value": "2026", "name": "2026", "count": 1}]})
    hits: list[Hit]
    next: Next


class DocumentBrief(BaseModel):
    """A document as a case file's contents name it."""

    code: Code
    case_file: FileCode
    ordinal: int = _like(1)
    type: str = _like("Quyết định")
    number: str = _like("35/QĐ-UBND")
    issued_on: Day
    agency: str = _like("Ủy ban nhân dân tỉnh")
    subject: str = _like("Ban hành Quy chế công tác văn thư")
    pages: int = _like(4)
    legal_value: str = _like("signed_original")
    verdict: str = _like("valid", description="of its signatures, as they are judged by now")
    access: Access


class FieldOf(BaseModel):
    """One filled field of a description: its key in the record, its name for people, its value."""

    key: str = _like("subject")
    name: str = _like("Trích yếu nội dung")
    value: str = _like("Ban hành Quy chế công tác văn thư")


class FileOf(BaseModel):
    """One file of a document."""

    number: int = _like(0)
    role: str = _like("original")
    name: str = _like("35-QD-UBND.pdf")
    format: str = _like("pdf")
    size: int = _like(184213)
    sha256: str = _like("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    sha512: str = _like("ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db2…")
    href: str = _like("/api/v1/documents/H99.2026.01.VP.0000001/files/0")


class FindingOf(BaseModel):
    """One thing that a check found, with the sentence, what it rests on and the cure."""

    code: str = _like("CHECK-017")
    level: str = _like("warning")
    sentence: str = _like("Trường “Người ký” chưa có.")
    citation: str = _like("")
    cure: str = _like("Bổ sung trường này.")


class MarkOf(BaseModel):
    """What its sender did with a document that it had sent, with our consent; the document stays as it is."""

    kind: Literal["recalled", "replaced", "updated"] = _like("recalled")
    at: Moment
    sender: str = _like("Sở Nội vụ tỉnh Mẫu")
    reason: str = _like("Ban hành nhầm")
    sentence: str = _like("Sở Nội vụ tỉnh Mẫu đã thu hồi văn bản này; ghi nhận ngày 21/11/2026. Kho vẫn giữ nguyên.")


class Document(DocumentBrief):
    """Everything that is recorded of a document but its text, signatures and history."""

    case_title: str = _like("Hồ sơ về công tác văn thư, lưu trữ")
    profile: str = _like("tt05_2025")
    revision: int = _like(0, description="how often its description was corrected")
    received_at: Moment
    legal_received_at: Moment
    source_name: str = _like("35-QD-UBND.pdf")
    fields: list[FieldOf]
    files: list[FileOf]
    findings: list[FindingOf]
    marks: list[MarkOf]


class SignatureOf(BaseModel):
    """One signature: its verdict, the seven fields of TT 15/2025/TT-BKHCN, and what was found."""

    kind: str = _like("organisation")
    verdict: str = _like("valid")
    shown: dict[str, str]
    findings: list[FindingOf]


class SignedFile(BaseModel):
    """A file that was looked into, with its signatures."""

    file: str = _like("35-QD-UBND.pdf")
    verdict: str = _like("valid")
    signatures: list[SignatureOf]


class Signatures(BaseModel):
    """What is known of a document's signatures, by the newest look at them."""

    code: Code
    verdict: str = _like("valid")
    legal_value: str = _like("signed_original")
    files: list[SignedFile]


class Text(BaseModel):
    """The text of a document as it is in use now, corrections and later readings included."""

    code: Code
    characters: int = _like(5120)
    text: str = _like("ỦY BAN NHÂN DÂN TỈNH …")


class Happened(BaseModel):
    """One event of a history."""

    at: Moment
    what: str = _like("Được lưu vào kho")
    by: str = _like("", description="account or person; empty: the night")
    details: list[str] = _like(["Bản gốc đã ký · HỢP LỆ"])


class History(BaseModel):
    """What happened to a document or case file, the newest first."""

    code: str = _like("H99.2026.01.VP.0000001")
    events: list[Happened]


class CaseFileBrief(BaseModel):
    """A case file as lists name it."""

    code: FileCode
    fonds: str = _like("H99")
    year: int = _like(2026)
    notation: str = _like("01.VP")
    title: str = _like("Hồ sơ về công tác văn thư, lưu trữ")
    retention: str = _like("20 năm")
    keeper: str = _like("Nguyễn Thị Lan")
    state: str = _like("open")
    access: Access


class CaseFiles(BaseModel):
    """A page of case files, by code."""

    total: int = _like(1)
    case_files: list[CaseFileBrief]
    next: Next


class CaseFile(CaseFileBrief):
    """A case file. `documents` is how many of its documents the account may know of."""

    documents: int = _like(12)
    profile: str = _like("tt05_2025")
    opened_at: Moment
    closed_at: Moment
    fields: dict[str, str]


class Contents(BaseModel):
    """A page of the documents of a case file, in their order."""

    code: FileCode
    total: int = _like(12)
    documents: list[DocumentBrief]
    next: Next


class NightBrief(BaseModel):
    """A night's batch."""

    batch: str = _like("2026-11-20.1")
    night: Day
    started_at: Moment
    finished_at: Moment


class Nights(BaseModel):
    """A page of nights, the newest first."""

    nights: list[NightBrief]
    next: Next


class NightReport(NightBrief):
    """A night's morning report. Only its figures where the account is not to see the names of what came."""

    names: bool = _like(True, description="whether items, findings and deadlines are in the report")
    report: dict[str, Any] = Field(examples=[{"counts": {"stored": 12, "quarantine": 2}, "promises": []}])


class Deadline(BaseModel):
    """So many things of one kind that are due on a day."""

    kind: str = _like("submission")
    fonds: str = _like("H99")
    due: Day
    state: str = _like("soon", description="breached, late, soon or later")
    count: int = _like(3)
    first: list[str] = _like(["H99.2025.01.VP"])
    article: str = _like("NĐ 30/2020/NĐ-CP Đ30")
    certainty: str = _like("law", description="how sure that is: law, reading, secondary or own")
    sentence: str = _like("3 hồ sơ phải nộp vào lưu trữ cơ quan")


class Deadlines(BaseModel):
    """What is overdue or due within so many days."""

    on: Day
    within: int = _like(30)
    deadlines: list[Deadline]


class DueCaseFile(BaseModel):
    """A case file whose period is over, or will be: from which year it can be listed, what keeps it then."""

    code: FileCode
    title: str = _like("Hồ sơ về công tác văn thư, lưu trữ")
    fonds: str = _like("H99")
    rule: str = _like("plan:20")
    until: int = _like(2025, description="the last year in which it is kept")
    from_year: int = _like(0, description="from this year on it can be listed; 0: by now")
    blocked: str = _like("", description="what keeps it: hold, link; empty: nothing")
    documents: int = _like(12)
    bytes: int = _like(2184213)


class DueYear(BaseModel):
    """How many case files become due in a year (0: are due by now)."""

    year: int = _like(0)
    due: int = _like(5)
    free: int = _like(4)
    hold: int = _like(1)
    link: int = _like(0)
    bytes: int = _like(9184213)


class Due(BaseModel):
    """What is due by the retention periods: by year, and the case files themselves."""

    on: Day
    years: list[DueYear]
    total: int = _like(5)
    case_files: list[DueCaseFile]
    next: Next
