"""Correcting: descriptive fields of a stored document, a case file or a fonds, by an authorised person, with a reason.

Every former value stays in the ledger and in the earlier version of the object. Codes and what the archive
computes cannot be typed over; the received bytes are never touched. TT 05/2025/TT-BNV Đ19.3 lets the archive
correct fields; NĐ 30/2020/NĐ-CP Phụ lục VI.IV wants such acts kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from archive import clock, layout, model, records, revisions
from archive.dates import parse_date
from archive.errors import RefusedError, UsageError
from archive.fields import code_lists, normalise_fields, profile, validate_record
from archive.fields.kinds import document_level, document_levels
from archive.fields.normalise import TEXT
from archive.fields.tables import Row
from archive.fields.tags import key_of, rows_of, unknown_tags
from archive.fields.validator import FULL_DATE, PARTIAL_DATE, about, allowed_values, split_codes
from archive.files import json_bytes
from archive.findings import Finding, Level, finding
from archive.i18n import _, language
from archive.opening import Archive
from archive.records import Record
from archive.spelling import fold
from archive.store import NewFile

FONDS_PROFILE = "tt02_2019"     # the only regime whose fonds table has tags (TT 05/2025 gives none)

# Why a field cannot be typed: a code names the record for ever, the others are counted or follow from another.
CODES = frozenset({"fileCode", "arcFileCode", "docCode", "arcDocCode", "docOrdinal", "fileCatalog", "fileNotation",
                   "archiveCode", "fondsCode"})
COMPUTED = {"file": frozenset({"totalDoc"})}
# What normalising says of the words as they came; it stays true while the field keeps its value.
_OF_THE_WORDS = frozenset({"META-019", "META-020", "META-021"})
# On intake a value is kept, or its file stays in the inbox; a correction with it changes nothing.
_REFUSED_AS = {"META-011": "CORR-004", "META-018": "CORR-007"}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SECRET = ("mat", "toi mat", "tuyet mat")


class CorrectionRefusedError(RefusedError):
    """A rule forbids the correction; `findings` say which."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        words = language()
        super().__init__(" ".join(f"{one.sentence(words)} → {one.cure(words)}" for one in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction comes to: the changed tags with their values before and after ("": none).

    `findings` are those of the new state; `new` those among them that the record did not have. `version` is the
    object's version that holds it, 0 when nothing was written.
    """

    code: str
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    new: tuple[Finding, ...] = ()
    version: int = 0


def correct_document(archive: Archive, code: str, values: Mapping[str, str], reason: str, *, by: str,
                     dry_run: bool = False) -> Correction:
    """Set fields of a stored document ("" clears one); the caller owns the archive.

    Raises UsageError for an unknown document or tag and for no reason, CorrectionRefusedError when `by` may not
    correct, the case file is closed, a field cannot be typed or a value cannot be read.
    """
    ask(archive, code, reason, by, dry_run=dry_run)
    row = _row(archive, model.Document, code)
    if row is None:
        raise UsageError(_("There is no document {code}.").format(code=code))
    revisions.catch_up(archive, row.case_file)
    ask_open(archive, row.case_file, code)
    record = next(records.read_documents(archive.store, row.case_file, [row.ordinal]))
    levels = document_levels(record["fields"], profile(record["profile"]))
    fields, found = _corrected(record["fields"], values, record["profile"], None, record["source"]["name"],
                               _tags(record["profile"], levels, values), code)
    kept, renewed = renewed_findings(record, fields, found)
    twin = _twin(archive, code, fields) if _identity(fields) != _identity(record["fields"]) else ""
    if twin:
        renewed.append(finding("CORR-006", record["source"]["name"], twin=twin))
    if fields == record["fields"]:
        return Correction(code)
    changed = {**record, "fields": fields, "findings": [*kept, *(one.as_dict() for one in renewed)]}
    old = [Finding.from_dict(one) for one in record["findings"]]
    return _write(archive, code, record, changed, renewed, old, reason, by, dry_run,
                  layout.casefile_object(row.case_file), layout.record_path(row.ordinal))


def correct_case_file(archive: Archive, code: str, values: Mapping[str, str], reason: str, *, by: str,
                      dry_run: bool = False) -> Correction:
    """Set descriptive fields of an open case file, its title and retention among them; as `correct_document`."""
    ask(archive, code, reason, by, dry_run=dry_run)
    if _row(archive, model.CaseFile, code) is None:
        raise UsageError(_("There is no case file {code}.").format(code=code))
    revisions.catch_up(archive, code)
    ask_open(archive, code, code)
    record = records.read_case_file(archive.store, code)
    level = profile(record["profile"]).levels.get("case_file", "file")
    own = {"title": record["title"], "maintenance": record["retention"], "keeper": record["keeper"]}
    typed = dict(values)
    keeper = typed.pop("keeper", own["keeper"])
    before, rows = dict(record.get("fields", {})), _tags(record["profile"], [level], typed)
    fields, found = _corrected({**before, **_given(own, "title", "maintenance")}, typed, record["profile"], level, code,
                               rows)
    after = {key: value for key, value in fields.items() if key.removesuffix(TEXT) not in ("title", "maintenance")}
    retention = own["maintenance"]
    if "maintenance" in typed:
        retention = fields.get("maintenance" + TEXT) or _words(fields.get("maintenance", ""), rows["maintenance"])
    if not fields.get("title"):
        raise CorrectionRefusedError([finding("CORR-008", code)])
    changed = {**record, "title": fields["title"], "retention": retention, "keeper": _clean(keeper), "fields": after}
    if not after:
        changed.pop("fields")
    if revisions.described(changed) == revisions.described(record):
        return Correction(code)
    _none, old = _corrected({**before, **_given(own, "title", "maintenance")}, {}, record["profile"], level, code, {})
    return _write(archive, code, record, changed, found, old, reason, by, dry_run, layout.casefile_object(code),
                  layout.CASE_FILE)


def correct_fonds(archive: Archive, code: str, values: Mapping[str, str], reason: str, *, by: str,
                  dry_run: bool = False) -> Correction:
    """Set fields of a fonds' description, by the fonds table of TT 02/2019/TT-BNV; as `correct_document`."""
    ask(archive, code, reason, by, dry_run=dry_run)
    if _row(archive, model.Fonds, code) is None:
        raise UsageError(_("There is no fonds {code}.").format(code=code))
    revisions.catch_up_fonds(archive, code)
    record = read_fonds(archive, code)
    before = revisions.described(record)
    tags = _tags(FONDS_PROFILE, ["fonds"], values)
    fields, found = _corrected(before, values, FONDS_PROFILE, "fonds", code, tags)
    if not fields.get("fondName"):
        raise CorrectionRefusedError([finding("CORR-008", code)])
    changed = {**record, "name": fields.pop("fondName"), "fields": fields}
    if revisions.described(changed) == before:
        return Correction(code)
    _none, old = _corrected(before, {}, FONDS_PROFILE, "fonds", code, {})
    return _write(archive, code, record, changed, found, old, reason, by, dry_run, layout.fonds_object(code),
                  layout.FONDS)


def read_fonds(archive: Archive, code: str) -> Record:
    """The description of a fonds as the store holds it. Raises KeyError for one that it does not hold."""
    import json

    record: Record = json.loads(archive.store.read(layout.fonds_object(code), layout.FONDS))
    return record


# --- may it be? --------------------------------------------------------------------------------------------


def ask(archive: Archive, code: str, reason: str, by: str, *, dry_run: bool = False) -> None:
    """Raises UsageError for no reason, CorrectionRefusedError when the settings do not name `by` as one who may.

    A `dry_run` leaves nothing that a reason would stand beside.
    """
    if not dry_run and not reason.strip():
        raise UsageError(_("A correction needs --reason: the ledger keeps it beside the former values."))
    allowed = archive.settings.agency.archivists
    if allowed and by not in allowed:
        raise CorrectionRefusedError([finding("CORR-001", code, person=by)])


def ask_open(archive: Archive, case_file: str, subject: str) -> None:
    """Raises CorrectionRefusedError for a case file that is closed."""
    if records.read_case_file(archive.store, case_file)["state"] != "open":
        raise CorrectionRefusedError([finding("CORR-003", subject, case_file=case_file)])


def _tags(regime: str, levels: Sequence[str], values: Mapping[str, str]) -> dict[str, Row]:
    """The rows of the tags that may be typed. Raises UsageError for a tag that no table has."""
    rows = rows_of(regime, levels)
    tags = [key_of(tag, rows_of(regime, levels[:1]).values(), rows.values()) for tag in values]
    for said in unknown_tags(tags, rows):
        raise UsageError(said)
    return rows


def _refusals(values: Mapping[str, str], rows: Mapping[str, Row], level: str, subject: str) -> list[Finding]:
    """Fields that cannot be typed, and values that cannot be read."""
    found: list[Finding] = []
    for tag, value in values.items():
        row = rows[tag]
        if tag in CODES or row.composed_from:
            found.append(about(row, value, subject, "CORR-002"))
        elif tag in COMPUTED.get(level, frozenset()):
            found.append(about(row, value, subject, "CORR-009"))
        elif _NOT_IN_XML.search(value):
            found.append(about(row, _NOT_IN_XML.sub("�", value), subject, "CORR-005"))
        elif tag == "secrecy" and fold(value) in _SECRET:
            found.append(about(row, value, subject, "CORR-007"))
        elif value and (rule := _unreadable(row, value)):
            found.append(about(row, value, subject, "CORR-004", rule=rule))
    return found


def _unreadable(row: Row, value: str) -> str:
    """What a value should be that is no date, number or code; "" for one that can be read."""
    if row.key == "maintenance" and row.code_list and value in ("07", "Khác"):
        return "5 năm, 15 năm …"        # 07 says nothing without its years
    if row.code_list in ("tt05_maintenance", "tt05_typeName"):
        return ""           # they have a code for what the list lacks: normalising decides
    if row.code_list:
        codes = code_lists()[row.code_list]
        return "" if all(codes.code_of(part) for part in split_codes(codes, value)) else allowed_values(codes)
    if row.kind == "Date":
        return "" if parse_date(value) else PARTIAL_DATE if row.partial_date else FULL_DATE
    return "0, 1, 2 …" if row.kind == "Number" and not re.fullmatch(r"[0-9]+(\.0)?", value) else ""


# --- the fields as they become -----------------------------------------------------------------------------


def _corrected(fields: Mapping[str, str], values: Mapping[str, str], regime: str, level: str | None, subject: str,
               rows: Mapping[str, Row], code: str = "") -> tuple[dict[str, str], list[Finding]]:
    """The fields with `values` laid over them, in the form of the regime, and what the tables say of them.

    `level` None: the table of the kind of document that the values make of it. `subject` names the record in what is
    found, `code` in a refusal. Raises CorrectionRefusedError.
    """
    own = rows_of(regime, [level] if level else [document_level(fields, profile(regime))])
    typed = {key_of(tag, own.values(), rows.values()): _clean(value) for tag, value in values.items()}
    kept = {name: value for name, value in fields.items() if name.removesuffix(TEXT) not in typed}
    laid = {**kept, **{tag: value for tag, value in typed.items() if value}}
    level = level or document_level(laid, profile(regime))
    named = {**rows, **rows_of(regime, [level])}        # of fields that several tables have: those of its own
    if refused := _refusals(typed, named, level, code or subject):
        raise CorrectionRefusedError(refused)
    now, found = normalise_fields(laid, regime, subject, level=level)
    found += [one for one in validate_record(now, regime, level, subject) if one not in found]
    tags = {named[tag].tag or tag for tag in typed}
    if refused := [_as_refusal(one, code or subject) for one in found if one.params.get("tag") in tags and (
            one.level >= Level.refused or one.code == "META-011")]:
        raise CorrectionRefusedError(refused)
    return now, found


def _as_refusal(found: Finding, code: str) -> Finding:
    """What is found in a value that was typed, in the words of a correction that is refused: nothing is kept of it."""
    told = _REFUSED_AS.get(found.code)
    if told is None:
        return Finding(found.code, found.level, code, found.params)
    return finding(told, code, level=None, **{name: value for name, value in found.params.items() if name != "article"})


def _clean(value: str) -> str:
    """As people type it: composed letters, no blanks at the ends, line ends as LF."""
    return unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n").strip()


def _given(values: Mapping[str, str], *tags: str) -> dict[str, str]:
    return {tag: values[tag] for tag in tags if values[tag]}


def _words(value: str, row: Row) -> str:
    return code_lists()[row.code_list].values.get(value, value) if row.code_list else value


def renewed_findings(record: Record, fields: Mapping[str, str],
                     found: Sequence[Finding]) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The record's findings that stay true when its fields become `fields`, and those about the fields as they are."""
    regime = profile(record["profile"])
    tables = [rows_of(regime.id, [level]).values() for level in document_levels(record["fields"], regime)]

    def stays(one: Mapping[str, Any]) -> bool:
        key = key_of(one["params"].get("tag", ""), *tables)
        if one["code"] in _OF_THE_WORDS or one["code"].startswith("CONV-"):
            return bool(record["fields"].get(key) == fields.get(key))
        return one["code"] != "CORR-006" and not one["code"].startswith("META-")

    kept = [dict(one) for one in record["findings"] if stays(one)]
    return kept, [one for one in found if one.as_dict() not in kept]


def _identity(fields: Mapping[str, str]) -> tuple[str, str, str, str]:
    return (records.name_key(fields.get("organName", "")), fields.get("codeNumber", ""),
            fields.get("codeNotation", ""), records.iso_date(fields.get("issuedDate", "")))


def _twin(archive: Archive, code: str, fields: Mapping[str, str]) -> str:
    """Another document of the same issuer, number, notation and date (NĐ 30/2020 Phụ lục VI.III.1.h), or ""."""
    organ, number, notation, issued = identity = _identity(fields)
    if not all(identity):
        return ""
    with archive.catalogue.session() as session:
        return session.scalar(select(model.Document.code).where(
            model.Document.organ_key == organ, model.Document.number == number, model.Document.notation == notation,
            model.Document.issued_on == issued, model.Document.code != code).limit(1)) or ""


# --- writing -----------------------------------------------------------------------------------------------


def _write(archive: Archive, code: str, record: Record, changed: dict[str, Any], found: Sequence[Finding],
           old: Sequence[Finding], reason: str, by: str, dry_run: bool, object_id: str, path: str) -> Correction:
    before, after = revisions.difference(revisions.described(record), revisions.described(changed))
    new = tuple(one for one in found if not any(_is_no_worse(one, other) for other in old))
    if dry_run:
        return Correction(code, before, after, tuple(found), new)
    now = clock.now()
    content = revisions.revised(archive, changed, at=clock.stamp(now), by=by, reason=reason.strip())
    version = revisions.put(archive, object_id, {path: NewFile(json_bytes(content))}, f"corrected {code}", now)
    return Correction(code, before, after, tuple(found), new, version)


def _is_no_worse(one: Finding, old: Finding) -> bool:
    """Whether the record had the finding `one` before: about the same field, or a list of fields that only shrank."""
    if one.code != old.code or one.params.get("tag") != old.params.get("tag"):
        return False
    told = [set(found.params.get("names", "").split("; ")) for found in (one, old)]
    return told[0] <= told[1] if one.code == "META-003" else True


def _row(archive: Archive, table: Any, code: str) -> Any:
    with archive.catalogue.session() as session:
        return session.get(table, code)
