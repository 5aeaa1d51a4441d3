"""Completeness: is a case file fit to be closed (kết thúc hồ sơ), and what is left to do before.

NĐ 30/2020/NĐ-CP Điều 29 khoản 4: the maker looks through all documents, removes duplicates, settles period and title
and fills in what is missing. Reads and reports; changes nothing. Whether the bytes are whole is asked in closing.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import describing, model, records
from archive.catalogue import SOME
from archive.codes import parse_file_code
from archive.dates import parse_date
from archive.fields import code_lists, validate_record
from archive.fields.kinds import kind_of
from archive.findings import Finding, Level, finding, worst
from archive.opening import Archive
from archive.packages.description import Form
from archive.packages.ead import first_unwritable
from archive.records import Record

FORM: Form = "AIP_hoso"
WAITING = ("quarantine", "failed", "released", "received", "examined")
UNFORCEABLE = frozenset({"CLOSE-001", "CLOSE-023"})     # no package can be made of it
# What a law's table asks for and a closed file must therefore have; conventions of ours stay notes.
_MISSING = frozenset({"META-001", "META-004"})
_WRONG = frozenset({"META-006", "META-007", "META-009", "META-010", "META-011", "META-018"})
# A field of the case file that only lacks because its documents lack theirs, and the other way round.
_FROM_DOCUMENTS = {"numberOfPage": "numberOfPage", "startDate": "issuedDate", "endDate": "issuedDate",
                   "language": "language"}
_FROM_FILE = ("maintenance", "mode", "riskRecoveryStatus")
_NUMBER = re.compile(r"(?P<number>\d+[\w-]*)\s*/\s*(?P<notation>[^\s;,]*[^\W\d_][^\s;,]*)")
_INVALID = frozenset({"VERIFY-004"})

Progress = Callable[[int, int], None]       # how much is done, how much there is in all


@dataclass(frozen=True, slots=True)
class Examined:
    """A case file as closing finds it: its record, its documents, and what was found about them."""

    record: Record
    documents: Sequence[Record]
    findings: Sequence[Finding]

    @property
    def refused(self) -> bool:
        """Whether something must be put right first, or answered for by a person (--force)."""
        return worst(self.findings) >= Level.refused

    @property
    def forceable(self) -> bool:
        """Whether a person may answer for what was found."""
        return not any(one.code in UNFORCEABLE for one in self.findings)


def examine(archive: Archive, code: str, waiting: Mapping[str, Sequence[str]],
            progress: Progress = lambda done, total: None) -> Examined:
    """What is not in order in a case file: case file first, then its documents in their order.

    `waiting` is what `waiting_items` found; `progress` is told of each document that was read. Raises KeyError when
    the store does not hold the case file, IntegrityError when a stored record has changed.
    """
    record = records.read_case_file(archive.store, code)
    wanted, documents = records.ordinals(archive.store, code), []
    for one in records.read_documents(archive.store, code, wanted):
        documents.append(records.brief(one))
        progress(len(documents), len(wanted))
    archive_code = archive.settings.archive_code
    found = judge(record, documents, waiting.get(code, ()), archive_code)
    with archive.catalogue.session() as session:
        found += _replies(session, documents)
    return Examined(record, documents, found)


def judge(record: Record, documents: Sequence[Record], waiting: Sequence[str], archive_code: str) -> list[Finding]:
    """What the records alone tell: all of `examine` but the answers whose question may lie in other case files."""
    found = [*_composition(record, documents, waiting), *_totals(record, documents, archive_code),
             *_fields(record, documents, archive_code), *_periods(record, documents)]
    for one in documents:
        found += _pages(one)
        found += _signature(one)
    return [*found, *_duplicates(documents)]


def waiting_items(session: Session) -> dict[str, list[str]]:
    """The received files that are not stored yet, by the case file that their fields name."""
    found: dict[str, list[str]] = {}
    for name, fields in session.execute(select(model.Item.name, model.Item.fields).where(
            model.Item.state.in_(WAITING)).order_by(model.Item.name)):
        stated = fields.get("fileCode", "")
        if stated:
            parsed = parse_file_code(stated, inventory=True)
            found.setdefault(str(parsed) if parsed else stated, []).append(name)
    return found


# --- the case file as a whole ----------------------------------------------------------------------------


def _composition(record: Record, documents: Sequence[Record], waiting: Sequence[str]) -> Iterator[Finding]:
    code = record["code"]
    if not documents:
        yield finding("CLOSE-001", code)
    held = {*(one["ordinal"] for one in documents), *record.get("gone", {}).get("ordinals", ())}
    if missing := [f"{number:07d}" for number in range(1, max(held, default=0) + 1) if number not in held]:
        yield finding("CLOSE-002", code, missing=_shown(missing))
    if waiting:
        yield finding("CLOSE-015", code, count=len(waiting), names=_shown(waiting))


def _totals(record: Record, documents: Sequence[Record], archive_code: str) -> Iterator[Finding]:
    """What a person entered about the whole file against what its documents say."""
    code, stated = record["code"], describing.entered(record)
    said = {key: stated.get(key, "").strip() for key in ("totalDoc", "numberOfPage", "startDate", "endDate",
                                                          "confidenceLevel", "mode")}
    if not documents or not any(said.values()):
        return
    told = describing.case_file_fields({**record, "fields": {}}, documents, archive_code, FORM)
    for tag, number in (("totalDoc", "CLOSE-016"), ("numberOfPage", "CLOSE-019")):
        if said[tag].isdecimal() and told[tag] and int(said[tag]) != int(told[tag]):
            yield finding(number, code, stated=said[tag], counted=told[tag])
    days = list(describing.document_days(documents))
    start, end = parse_date(said["startDate"]), parse_date(said["endDate"])
    if start and days and start.first > min(day.last for day in days):
        yield finding("CLOSE-017", code, stated=start.text, found=told["startDate"])
    if end and days and end.last < max(day.first for day in days):
        yield finding("CLOSE-018", code, stated=end.text, found=told["endDate"])
    level = code_lists()["tt05_confidenceLevel"].code_of(said["confidenceLevel"])
    if level and told["confidenceLevel"] and level != told["confidenceLevel"]:
        yield finding("CLOSE-021", code, stated=level, found=told["confidenceLevel"])
    strict = [one["code"] for one in documents
              if describing.entered(one).get("mode", "").strip() == describing.CONDITIONAL]
    if said["mode"] == describing.PUBLIC and strict:
        yield finding("CLOSE-022", code, count=len(strict), first=strict[0])


# --- fields ----------------------------------------------------------------------------------------------


def _fields(record: Record, documents: Sequence[Record], archive_code: str) -> list[Finding]:
    """What the field tables of TT 05/2025 ask for: of the case file, then of each document."""
    if not documents:
        return []
    code = record["code"]
    described = describing.case_file_fields(record, documents, archive_code, FORM)
    of_file = [*_told(validate_record(described, describing.REGIME, "file", code, stage="closed", package=FORM),
                      "casefile"), *_unwritable(described, code, "casefile")]
    lacking = {one.params["tag"] for one in of_file if one.code == "CLOSE-005"}
    of_documents: list[Finding] = []
    for one in documents:
        kind = kind_of(describing.entered(one))
        fields = describing.document_fields(one, record, archive_code, FORM)
        found = validate_record(fields, describing.REGIME, kind, one["code"], stage="closed",
                                package=describing.document_package(FORM, kind))
        of_documents += [told for told in _told(found, "document") if not (
            told.code == "CLOSE-005" and told.params["tag"] in _FROM_FILE and told.params["tag"] in lacking)]
        of_documents += _unwritable(fields, one["code"], "document")
    at_fault = {one.params["tag"] for one in of_documents if one.code in ("CLOSE-005", "CLOSE-006")}
    return [one for one in of_file if not (
        one.code == "CLOSE-005" and _FROM_DOCUMENTS.get(one.params["tag"]) in at_fault)] + of_documents


def _told(found: Iterable[Finding], command: str) -> Iterator[Finding]:
    """The validator's findings as closing sees them: what the law asks for must be there now."""
    for one in found:
        params: dict[str, Any] = {key: one.params.get(key, "") for key in ("name", "name_en", "tag", "value", "rule")}
        article = one.params.get("article") or one.article
        if one.code in _MISSING:
            yield finding("CLOSE-005", one.subject, command=command, article=article, **params)
        elif one.code in _WRONG:
            yield finding("CLOSE-006", one.subject, command=command, article=article,
                          rule_en=one.params.get("rule_en", params["rule"]), **params)
        elif one.code != "META-003":        # says only that the text is silent about empty notes
            yield one


def _unwritable(fields: Mapping[str, str], subject: str, command: str) -> Iterator[Finding]:
    if (error := first_unwritable(fields)) is not None:
        yield finding("CLOSE-023", subject, command=command, tag=error.place, character=error.character,
                      position=error.position)


def _periods(record: Record, documents: Sequence[Record]) -> Iterator[Finding]:
    """Documents that are kept longer than their case file (Luật Lưu trữ 33/2024/QH15 Đ15)."""
    of_file = describing.retention_years(record, describing.entered(record))
    for one in documents:
        fields = describing.entered(one)
        own = describing.retention_years({}, fields)
        if of_file is not None and own is not None and own > of_file:
            yield finding("CLOSE-020", one["code"], file=record["code"], own=_years(own), of_file=_years(of_file),
                          own_en=_years_en(own), of_file_en=_years_en(of_file))


# --- documents -------------------------------------------------------------------------------------------


def _pages(record: Record) -> Iterator[Finding]:
    stated = describing.entered(record).get("numberOfPage", "").strip()
    counted = record["pages"]
    if stated.isdecimal() and counted and int(stated) != counted:
        yield finding("CLOSE-003", record["code"], stated=int(stated), counted=counted)


def _signature(record: Record) -> Iterator[Finding]:
    code, digitised = record["code"], describing.is_digitised(record)
    match record["verdict"]:
        case "invalid":
            accepted = set(record["facts"].get("accepted", ())) & _INVALID
            yield finding("CLOSE-008" if accepted else "CLOSE-007", code)
        case "undetermined":
            yield finding("CLOSE-009", code)
        case "unsigned":
            if record["legal_value"] != "signed_copy":      # by the agency's seal on its access copy
                yield finding("CLOSE-011" if digitised else "CLOSE-012", code)
        case "valid" | "valid_with_notes":
            if digitised and record["legal_value"] != "signed_copy":
                yield finding("CLOSE-011", code)
        case _:
            yield finding("CLOSE-010", code)


def _duplicates(documents: Sequence[Record]) -> Iterator[Finding]:
    """Documents of one identity (NĐ 30/2020 Phụ lục VI.III.1.h), and originals of the same bytes."""
    identities: dict[tuple[str, ...], str] = {}
    contents: dict[str, str] = {}
    for one in documents:
        fields = describing.entered(one)
        identity = (records.name_key(fields.get("organName", "")), fields.get("codeNumber", ""),
                    fields.get("codeNotation", ""), fields.get("issuedDate", ""))
        content = next((file["sha256"] for file in one["files"] if file["role"] == "original"), "")
        if content and (other := contents.setdefault(content, one["code"])) != one["code"]:
            yield finding("CLOSE-014", one["code"], other=other)
        elif all(identity) and (other := identities.setdefault(identity, one["code"])) != one["code"]:
            yield finding("CLOSE-013", one["code"], other=other)


def _replies(session: Session, documents: Sequence[Record]) -> Iterator[Finding]:
    """Answers whose question is nowhere in the archive, told by number and notation."""
    asked: list[tuple[str, str, tuple[str, str]]] = []
    for one in documents:
        for match in _NUMBER.finditer(describing.entered(one).get("replyTo", "")):
            asked.append((one["code"], match[0], _key(match["number"], match["notation"])))
    held = {_key(fields.get("codeNumber", ""), fields.get("codeNotation", ""))
            for fields in map(describing.entered, documents)}
    open_ = [one for one in asked if one[2] not in held]
    notations = sorted({match for one in open_ for match in (one[1].split("/", 1)[1].strip(),)})
    for start in range(0, len(notations), SOME):
        held |= {_key(number, notation) for number, notation in session.execute(
            select(model.Document.number, model.Document.notation).where(
                model.Document.notation.in_(notations[start:start + SOME])))}
    for code, reply, key in open_:
        if key not in held:
            yield finding("CLOSE-004", code, reply=reply)


def _key(number: str, notation: str) -> tuple[str, str]:
    return number.strip().lstrip("0"), notation.strip().casefold()


def _years(years: float) -> str:
    return "vĩnh viễn" if years == float("inf") else f"{years:g} năm"


def _years_en(years: float) -> str:
    return "ever" if years == float("inf") else f"{years:g} years"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", … (+{len(names) - 5})" if len(names) > 5 else "")

