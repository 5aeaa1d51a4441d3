"""Describing: where every legal field of a package comes from, and what is never made up.

What a person entered (in the record, in the case file's `fields`) wins; what the archive knows is computed; what is
neither entered nor known stays empty, and the checks of archive/completeness.py say so. The sentences about each
field's origin lie in describing.toml; a test keeps them and the rules below together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from archive.codes import archived
from archive.crosswalk import TT02, TT05, convert
from archive.dates import PartialDate, parse_date
from archive.fields import Row, code_lists, normalise_fields, profile
from archive.fields.kinds import Kind, kind_of
from archive.packages.description import Form
from archive.records import Record
from archive.retention_text import parse_retention

ORIGINS = Path(__file__).with_name("describing.toml")
REGIME = TT05           # the packages of Thông tư 05/2025 carry its fields, whatever regime a record follows
DIGITISED, BORN_DIGITAL, MIXED = "02", "01", "03"       # tt05_confidenceLevel
PUBLIC, CONDITIONAL = "01", "02"                        # tt05_mode
_VIETNAMESE, _OTHER_PERIOD, _OTHER_TYPE, _NEGATIVE = "01", "07", "32", "01"
_PICTURES = {"jpg", "jpeg", "png", "tif", "tiff", "jp2", "bmp"}

OriginKind = Literal["entered", "computed", "code", "file plan", "constant"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a field's value comes from: `kind` when nobody entered it ("entered": only from a person)."""

    kind: OriginKind
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class _File:
    """What the rules of a case file read."""

    record: Record
    fields: Mapping[str, str]
    documents: Sequence[Record]
    archive_code: str
    form: Form


@dataclass(frozen=True, slots=True)
class _Document:
    """What the rules of a document read."""

    record: Record
    fields: Mapping[str, str]
    case_file: Record
    case_fields: Mapping[str, str]
    archive_code: str


def document_fields(record: Record, case_file: Record, archive_code: str, form: Form) -> dict[str, str]:
    """Every field of the package's table for this document, in printed order; "" for what is not known.

    The table is that of the record's kind: text, photo, sound and film. Nothing is checked or cut here.
    """
    fields = entered(record)
    kind = kind_of(fields)
    asked = _Document(record, fields, case_file, entered(case_file), archive_code)
    return {row.tag: _value(row, fields, _OF_DOCUMENT, asked) for row in document_table(form, kind)}


def case_file_fields(case_file: Record, documents: Iterable[Record], archive_code: str, form: Form) -> dict[str, str]:
    """Every field of the package's EAD.xml, in printed order; "" for what is not known.

    `documents` are the records that travel. For SIP_tailieu and AIP_tailieu `case_file` stands for the package: its
    code, its title and `fields`; for a DIP its `fields` are those of the reader's request.
    """
    fields, level = entered(case_file), package_level(form)
    asked = _File(case_file, fields, list(documents), archive_code, form)
    rules = {"file": _OF_FILE, "package": _OF_PACKAGE}.get(level, {})
    return {row.tag: _value(row, fields, rules, asked) for row in profile(REGIME).table(level, form)}


def package_level(form: Form) -> str:
    """The level of the tables that EAD.xml follows: "file", "package" (loose documents) or "request" (DIP)."""
    if form == "DIP":
        return "request"
    return "file" if form in ("SIP_hoso", "AIP_hoso") else "package"


def document_table(form: Form, kind: Kind) -> tuple[Row, ...]:
    """The table of one document of `kind` in a package of `form`.

    The annexes of loose documents and of the DIP print a table for texts only, or the same ones for pictures and
    sound: there the table of the case file's package is taken (convention of this system).
    """
    regime = profile(REGIME)
    try:
        return regime.table(kind, form)
    except KeyError:
        return regime.table(kind, "SIP_hoso" if form.startswith("SIP") else "AIP_hoso")


def document_package(form: Form, kind: Kind) -> str:
    """The package under whose name `document_table` found the table: what the validator asks for."""
    return document_table(form, kind)[0].package


def entered(record: Record) -> Mapping[str, str]:
    """The fields that a record carries, in the codes of Thông tư 05/2025 also where it follows another regime."""
    fields: Mapping[str, str] = record.get("fields", {})
    regime = record.get("profile", REGIME)
    if regime == REGIME:
        return fields
    level = "file" if "casefile" in record.get("schema", "") else kind_of(fields)
    told = convert(fields, level, TT02, TT05).fields if regime == TT02 else fields
    return normalise_fields(told, REGIME, level=level)[0]


@cache
def origins() -> Mapping[str, Mapping[str, Origin]]:
    """Where each field comes from, by level ("record", "file", "package", "request") and tag."""
    with ORIGINS.open("rb") as stream:
        raw: dict[str, Any] = tomllib.load(stream)
    return {level: {tag: Origin(entry["kind"], entry["vi"], entry["en"]) for tag, entry in tags.items()}
            for level, tags in raw.items()}


def _value(row: Row, fields: Mapping[str, str], rules: Mapping[str, Callable[[Any], str]], asked: Any) -> str:
    """The value of one row. Codes and the count are the archive's own; all else a person may have entered."""
    if row.tag in _CODES:
        return rules[row.tag](asked)
    given = (fields.get(row.key) or fields.get(row.tag) or "").strip()
    if row.tag == "description" and row.tag in rules:      # keeps what was entered and may add to it
        return rules[row.tag](asked)
    if given or row.tag not in rules:
        return given
    return rules[row.tag](asked)


# --- documents -------------------------------------------------------------------------------------------


def _own_code(asked: _Document | _File) -> str:
    return str(asked.record["code"])


def _archival_code(asked: _Document | _File) -> str:
    return archived(asked.archive_code, asked.record["code"])


def _item(asked: _Document) -> str:
    return str(asked.record.get("item", ""))


def _maintenance_of_file(asked: _Document) -> str:
    return retention_code(asked.case_file, asked.case_fields)


def _language(asked: _Document) -> str:
    """Vietnamese, unless the text was read and is not plainly Vietnamese: then a person says what it is."""
    guess = asked.record.get("facts", {}).get("extract", {}).get("language_guess", "vi")
    return _VIETNAMESE if guess == "vi" else ""


def _pages(asked: _Document) -> str:
    return str(asked.record.get("pages") or "")


def _mode_of_file(asked: _Document) -> str:
    return asked.case_fields.get("mode", "").strip()


def _confidence(asked: _Document) -> str:
    return DIGITISED if is_digitised(asked.record) else BORN_DIGITAL


def _process(asked: _Document) -> str:
    """"0" for e-documents: no file of a workflow is kept with them; nothing for scans, which have none."""
    level = confidence_level(asked.record, asked.fields)
    return "0" if level in (BORN_DIGITAL, MIXED) else ""


def _risk_recovery(asked: _Document) -> str:
    return asked.case_fields.get("riskRecovery", "").strip() or "0"


def _risk_status(asked: _Document) -> str:
    mode = asked.fields.get("riskRecovery", "").strip() or _risk_recovery(asked)
    return asked.case_fields.get("riskRecoveryStatus", "").strip() if mode == "1" else ""


def _doc_attached(asked: _Document) -> str:
    return "1" if any(file["role"] == "attachment" for file in asked.record.get("files", ())) else ""


def _document_note(asked: _Document) -> str:
    """What was entered, and in words what its codes cannot say: another type (32), another period (07)."""
    notes = [asked.fields.get("description", "").strip()]
    if asked.fields.get("typeName") == _OTHER_TYPE:
        notes.append(_named("Tên loại", asked.fields.get("typeNameText", ""), notes[0]))
    period = asked.fields.get("maintenance", "").strip() or _maintenance_of_file(asked)
    if period == _OTHER_PERIOD:
        words = asked.fields.get("maintenanceText", "") or asked.case_file.get("retention", "")
        notes.append(_named("Thời hạn lưu trữ", words, notes[0]))
    return "; ".join(note for note in notes if note)


_OF_DOCUMENT: dict[str, Callable[[_Document], str]] = {
    "docId": _item, "docCode": _own_code, "arcDocCode": _archival_code,
    "maintenance": _maintenance_of_file, "language": _language, "numberOfPage": _pages, "mode": _mode_of_file,
    "confidenceLevel": _confidence, "process": _process, "riskRecovery": _risk_recovery,
    "riskRecoveryStatus": _risk_status, "docAttached": _doc_attached, "description": _document_note}


# --- case files ------------------------------------------------------------------------------------------


def _title(asked: _File) -> str:
    return str(asked.record.get("title", ""))


def _maintenance(asked: _File) -> str:
    return retention_code(asked.record, asked.fields)


def _file_mode(asked: _File) -> str:
    """The strictest mode of its documents; nothing while the mode of one of them is not known."""
    modes = {_code("tt05_mode", entered(one).get("mode", "")) for one in asked.documents}
    return CONDITIONAL if CONDITIONAL in modes else PUBLIC if modes == {PUBLIC} else ""


def _file_language(asked: _File) -> str:
    """The languages of its documents in the order of their codes, joined by ";" (TT 02/2019/TT-BNV Đ5)."""
    known = code_lists()["tt05_language"].values
    spoken: set[str] = set()
    for one in asked.documents:
        fields = entered(one)
        if kind_of(fields) == "photo":
            continue
        given = fields.get("language", "").strip() or _language(_Document(one, fields, {}, {}, ""))
        spoken.update(part.strip() for part in given.split(";") if part.strip() in known)
    return ";".join(sorted(spoken))


def _start(asked: _File) -> str:
    first = min(document_days(asked.documents), key=lambda one: (one.first, one.last), default=None)
    return first.text if first else ""


def _end(asked: _File) -> str:
    last = max(document_days(asked.documents), key=lambda one: (one.last, one.first), default=None)
    return last.text if last else ""


def _total(asked: _File) -> str:
    return str(len(asked.documents)) if asked.documents else ""


def _file_pages(asked: _File) -> str:
    """The pages of all its documents; nothing while those of a text are not known."""
    total = 0
    for one in asked.documents:
        fields = entered(one)
        pages = fields.get("numberOfPage", "").strip() or str(one.get("pages") or "")
        if pages.isdecimal():
            total += int(pages)
        elif kind_of(fields) == "document":
            return ""
    return str(total) if total else ""


def _file_confidence(asked: _File) -> str:
    levels = {level for one in asked.documents if (level := confidence_level(one, entered(one)))}
    return levels.pop() if len(levels) == 1 else MIXED if levels else ""


def _paper_code(asked: _File) -> str:
    """The code of the paper original where its documents that name one all name the same."""
    named = {code for one in asked.documents if (code := entered(one).get("paperFileCode", "").strip())}
    return named.pop() if len(named) == 1 else ""


def _no_risk_recovery(_: _File) -> str:
    return "0"


def _file_note(asked: _File) -> str:
    """What was entered, else who made the file; and the period in words where its code cannot say it (07)."""
    given = asked.fields.get("description", "").strip()
    notes = [given or _named("Người lập hồ sơ", str(asked.record.get("keeper", "")), "")]
    period = asked.fields.get("maintenance", "").strip() or _maintenance(asked)
    if period == _OTHER_PERIOD:
        words = asked.fields.get("maintenanceText", "") or str(asked.record.get("retention", ""))
        notes.append(_named("Thời hạn lưu trữ", words, given))
    return "; ".join(note for note in notes if note)


_OF_FILE: dict[str, Callable[[_File], str]] = {
    "arcFileCode": _archival_code, "fileCode": _own_code, "title": _title, "maintenance": _maintenance,
    "mode": _file_mode, "language": _file_language, "startDate": _start, "endDate": _end, "totalDoc": _total,
    "numberOfPage": _file_pages, "confidenceLevel": _file_confidence, "paperFileCode": _paper_code,
    "riskRecovery": _no_risk_recovery, "description": _file_note}
_OF_PACKAGE: dict[str, Callable[[_File], str]] = {
    "arcFileCode": _archival_code, "fileCode": _own_code, "title": _title, "totalDoc": _total}

_CODES = frozenset({"arcFileCode", "fileCode", "arcDocCode", "docCode", "totalDoc"})


# --- what several rules ask ------------------------------------------------------------------------------


def retention_code(case_file: Record, fields: Mapping[str, str]) -> str:
    """The code 01-07 of a case file's period: as entered, else from the words of the file plan; "" if unreadable.

    A number of years without a code of its own is 07 (Khác); the words stay in the record and in the note.
    """
    if given := _code("tt05_maintenance", fields.get("maintenance", "")):
        return given
    words = str(case_file.get("retention", ""))
    period = parse_retention(words)
    if period is None:      # "Khác", as a package of another archive says it
        return _code("tt05_maintenance", words)
    if not period.within_law:
        return ""
    return code_lists()["tt05_maintenance"].code_of(str(period)) or _OTHER_PERIOD


def retention_years(case_file: Record, fields: Mapping[str, str]) -> float | None:
    """The years behind a record's period, infinite for ever, None where they cannot be told."""
    code = fields.get("maintenance", "").strip()
    words = code_lists()["tt05_maintenance"].values.get(code, "") if code != _OTHER_PERIOD else ""
    period = parse_retention(words or fields.get("maintenanceText", "") or str(case_file.get("retention", "")))
    if period is None:
        return None
    return float("inf") if period.years is None else float(period.years)


def confidence_level(record: Record, fields: Mapping[str, str]) -> str:
    """01, 02 or 03 of one document: as entered, else by what the archive saw; "" for pictures and sound unsaid."""
    if given := _code("tt05_confidenceLevel", fields.get("confidenceLevel", "")):
        return given
    kind = kind_of(fields)
    if kind == "document":
        return DIGITISED if is_digitised(record) else BORN_DIGITAL
    return DIGITISED if kind == "photo" and fields.get("typePic") == _NEGATIVE else ""


def is_digitised(record: Record) -> bool:
    """Whether the archive saw that a document was made from paper: read as a scan, or received as a picture."""
    if record.get("digitised") or record.get("legal_value") == "signed_copy":
        return True
    return any(file["role"] == "original" and file["format"] in _PICTURES for file in record.get("files", ()))


def document_days(documents: Iterable[Record]) -> Iterator[PartialDate]:
    """The dates of the documents, also partial ones; what is no date is left out, the field checks report it."""
    for one in documents:
        fields = entered(one)
        stated = next((fields[key] for key in ("issuedDate", "photoTime", "recordDate") if fields.get(key)), "")
        if stated and (read := parse_date(stated)) is not None:
            yield read


def _code(list_: str, value: str) -> str:
    return (code_lists()[list_].code_of(value) or "") if value.strip() else ""


def _named(name: str, words: str, said: str) -> str:
    """"name: words", or nothing where there are none or the note `said` has them already."""
    words = words.strip()
    return f"{name}: {words}" if words and words not in said else ""
