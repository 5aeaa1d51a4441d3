"""Bringing received metadata into the form of its regime: texts to codes, dates to DD/MM/YYYY.

What was written is never lost: a value that changes keeps its original words under "<tag>Text". What is not
understood stays as it is and is reported. Safe to run twice: the second time changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.dates import DateForm, parse_date
from archive.fields.document_types import recognise
from archive.fields.kinds import document_level
from archive.fields.own import own_rows
from archive.fields.tables import Row, code_lists
from archive.fields.tables import profile as profile_of
from archive.fields.validator import (
    FULL_DATE,
    PARTIAL_DATE,
    Stage,
    about,
    allowed_values,
    split_codes,
    validate_record,
)
from archive.findings import Finding
from archive.retention_text import parse_retention

TEXT = "Text"
_OTHER_TYPE, _OTHER_PERIOD = "32", "07"       # tt05_typeName, tt05_maintenance: Khác


@dataclass(slots=True)
class _Work:
    """The fields as they become, and what was found on the way."""

    fields: dict[str, str]
    subject: str
    findings: list[Finding] = field(default_factory=list)

    def change(self, key: str, value: str) -> None:
        """Put `value` under `key`; the words it was read from go under "<key>Text"."""
        if self.fields[key] != value:
            self.fields[key + TEXT] = self.fields[key]
            self.fields[key] = value

    def report(self, row: Row, value: str, code: str, **params: object) -> None:
        self.findings.append(about(row, value, self.subject, code, **params))


def normalise_fields(fields: Mapping[str, str], profile: str, subject: str = "", *,
                     level: str | None = None) -> tuple[dict[str, str], list[Finding]]:
    """The fields in the form of the regime, and what was not recognised or had to be interpreted.

    `level` is the regime's table ("file", "photo", …); None: the one that a document of this kind follows. `fields`
    is not changed. Values under printed tags ("TypeName") move to our keys ("typeName").
    Raises KeyError for a level that the regime does not have.
    """
    regime = profile_of(profile)
    level = level or document_level(fields, regime)
    rows = regime.table(level)
    tags = [row.tag for row in rows]
    work = _Work(dict(fields), subject)
    for row in rows:
        if row.key and row.key not in work.fields and row.tag in work.fields and tags.count(row.tag) == 1:
            work.fields[row.key] = work.fields.pop(row.tag)
    for row in (*rows, *own_rows(level, frozenset(row.key for row in rows))):
        if row.key and work.fields.get(row.key, "").strip():
            _normalise(work, row)
    return work.fields, work.findings


def with_words(fields: Mapping[str, str], profile: str) -> dict[str, str]:
    """A document's fields with the words of each code beside it, under "<tag>Text", where none came with it.

    No value changes. A code for what its list lacks (Khác) gets none: its words are the sender's to say.
    """
    regime = profile_of(profile)
    told = dict(fields)
    for row in regime.table(document_level(fields, regime)):
        value = told.get(row.key, "").strip()
        if words := "" if row.key + TEXT in told else words_of(row, value):
            told[row.key + TEXT] = words
    return told


def words_of(row: Row, value: str) -> str:
    """The words that the codes in `value` stand for, joined by "; "; "" for what is no code, or no telling one."""
    if not row.code_list or (row.code_list, value) in (("tt05_typeName", _OTHER_TYPE),
                                                       ("tt05_maintenance", _OTHER_PERIOD)):
        return ""
    codes = code_lists()[row.code_list]
    parts = split_codes(codes, value)
    return "; ".join(codes.values[part] for part in parts) if all(part in codes.values for part in parts) else ""


def prepare_document(fields: Mapping[str, str], profile: str, subject: str, *,
                     stage: Stage = "intake") -> tuple[dict[str, str], list[Finding]]:
    """Normalise, then validate: the fields and every finding once."""
    return _prepare(fields, profile, subject, None, stage)


def prepare_case_file(fields: Mapping[str, str], profile: str, subject: str, *,
                      stage: Stage = "intake") -> tuple[dict[str, str], list[Finding]]:
    """As `prepare_document`, for the fields of a case file."""
    return _prepare(fields, profile, subject, profile_of(profile).levels["case_file"], stage)


def _prepare(fields: Mapping[str, str], profile: str, subject: str, level: str | None,
             stage: Stage) -> tuple[dict[str, str], list[Finding]]:
    table = level or document_level(fields, profile_of(profile))
    result, findings = normalise_fields(fields, profile, subject, level=table)
    # What normalising could not read, validating finds again in the same words.
    findings += [found for found in validate_record(result, profile, table, subject, stage=stage)
                 if found not in findings]
    return result, findings


def _normalise(work: _Work, row: Row) -> None:
    value = unicodedata.normalize("NFC", work.fields[row.key]).strip()
    if row.key == "typeName":
        _type(work, row, value)
    elif row.code_list == "tt05_maintenance":
        _maintenance(work, row, value)
    elif row.code_list:
        _code(work, row, value)
    elif row.kind == "Date":
        _date(work, row, value)
    elif row.kind == "Number" and value.endswith(".0") and value[:-2].isdecimal():
        work.change(row.key, value[:-2])      # what a spreadsheet makes of a whole number


def _type(work: _Work, row: Row, value: str) -> None:
    """A type as its TT 05 code, or as its full name where the regime carries text."""
    found = recognise(value)
    if not row.code_list:
        if found is None:
            work.report(row, value, "META-022", rule="29 tên loại của NĐ 30/2020/NĐ-CP Điều 7")
        elif value not in ("", found.name) and not value.isdecimal():
            work.change(row.key, found.name)
    elif found is None:
        _code(work, row, value)
    else:
        if not found.has_own_code:
            work.report(row, value, "META-019", reading=_OTHER_TYPE)
        work.change(row.key, found.code)


def _maintenance(work: _Work, row: Row, value: str) -> None:
    """A period as its TT 05 code; years without a code become 07 and stay beside it as they were written."""
    codes = code_lists()[row.code_list]
    code = codes.code_of(value)
    period = None if value.isdecimal() else parse_retention(value)
    if code is None and period is not None:
        code = codes.code_of(str(period)) or (_OTHER_PERIOD if period.within_law else None)
        if code == _OTHER_PERIOD:
            work.report(row, value, "META-020", reading=code)
    if code is None:
        _not_in_list(work, row, value)
    else:
        work.change(row.key, code)


def _code(work: _Work, row: Row, value: str) -> None:
    """One code, or several joined by ";" (TT 02/2019/TT-BNV Đ5) when every part is understood."""
    codes = code_lists()[row.code_list]
    read: list[str] = []
    for part in split_codes(codes, value):
        code = codes.code_of(part)
        if code is None:
            _not_in_list(work, row, part)
        elif code not in read:
            read.append(code)
    if len(read) and all(codes.code_of(part) for part in split_codes(codes, value)):
        work.change(row.key, ";".join(read))


def _not_in_list(work: _Work, row: Row, value: str) -> None:
    allowed = allowed_values(code_lists()[row.code_list])
    work.report(row, value, "META-011", rule=allowed, rule_en=allowed)


def _date(work: _Work, row: Row, value: str) -> None:
    rule = PARTIAL_DATE if row.partial_date else FULL_DATE
    read = parse_date(value)
    if read is None:
        work.report(row, value, "META-007", rule=rule, rule_en=rule)
        return
    if read.form is DateForm.excel:
        work.report(row, value, "META-021", reading=read.text, rule=rule)
    work.change(row.key, read.text)
