"""The one validator of metadata: a record's fields against the field tables of its legal regime.

Reports and changes nothing: a value that is too long is never cut, a missing one never filled in. A rule is
called law only where its row is sure enough to be cited; else the finding says it is our convention.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

from archive.codes import agency_code
from archive.dates import parse_date
from archive.fields.kinds import document_level
from archive.fields.own import own_rows
from archive.fields.tables import CodeList, Condition, Row, code_lists
from archive.fields.tables import profile as profile_of
from archive.findings import Finding, finding, rules

Stage = Literal["intake", "closed"]

FULL_DATE = "DD/MM/YYYY"
PARTIAL_DATE = "DD/MM/YYYY, MM/YYYY, YYYY"
SHOWN = 120                       # characters of a value that a sentence shows
_MODE_MAT = "03"                  # tt05_mode: Mật


def validate_document(fields: Mapping[str, str], profile: str, subject: str, *, stage: Stage = "intake",
                      package: str | None = None) -> list[Finding]:
    """Findings about one document's fields under the regime `profile`.

    `stage` "intake" does not ask for what the archive itself fills in; "closed" asks for all. `package`
    ("SIP_hoso", …) takes that package's table instead of the one our own records follow. Photos, sound and film
    follow their own table where the regime has one.
    """
    level = document_level(fields, profile_of(profile))
    return validate_record(fields, profile, level, subject, stage=stage, package=package)


def validate_case_file(fields: Mapping[str, str], profile: str, subject: str, *, stage: Stage = "intake",
                       package: str | None = None) -> list[Finding]:
    """Findings about one case file's fields; as `validate_document`.

    Raises KeyError for a regime without a table of case files.
    """
    level = profile_of(profile).levels["case_file"]
    return validate_record(fields, profile, level, subject, stage=stage, package=package)


def validate_record(fields: Mapping[str, str], profile: str, level: str, subject: str, *,
                    stage: Stage = "intake", package: str | None = None) -> list[Finding]:
    """Findings about a record of any level that the regime has ("photo", "av", "package", "request", …).

    Raises KeyError for a level or package that the regime does not have.
    """
    regime = profile_of(profile)
    rows = regime.table(level, package)
    skipped = regime.filled_by_archive.get(level, frozenset()) if stage == "intake" else frozenset()
    findings: list[Finding] = []
    unsure: list[Row] = []
    for row in rows:
        if not row.key:
            continue
        value = value_of(fields, row)
        if value:
            findings += _check_value(row, value, subject)
        elif row.key not in skipped:
            findings += _check_missing(row, fields, rows, subject)
            if row.mandatory == "unknown" and row.key not in regime.may_be_empty:
                unsure.append(row)
    if unsure:
        names = "; ".join(f"“{row.name_vi}” ({row.tag or row.key})" for row in unsure)
        findings.append(finding("META-003", subject, names=names))
    findings += [found for row in own_rows(level, frozenset(row.key for row in rows))
                 if (value := fields.get(row.key, "").strip()) for found in _check_value(row, value, subject)]
    return [*findings, *_cross_checks(fields, rows, subject), *_check_agency(fields, level, subject)]


def value_of(fields: Mapping[str, str], row: Row) -> str:
    """The record's value for `row`: under its key, or under its printed tag where that tag is used once."""
    value = fields.get(row.key, "").strip()
    if not value and row.tag != row.key and row.tag in _single_tags(row.profile, row.level, row.package):
        value = fields.get(row.tag, "").strip()
    return value


@cache
def _single_tags(profile: str, level: str, package: str) -> frozenset[str]:
    counts = Counter(row.tag for row in profile_of(profile).table(level, package) if row.tag)
    return frozenset(tag for tag, count in counts.items() if count == 1)


# --- one value ---------------------------------------------------------------------------------------


def _check_value(row: Row, value: str, subject: str) -> Iterator[Finding]:
    """What is wrong with a value that is there: code, date, number or length."""
    if row.code_list:
        yield from _check_code(row, code_lists()[row.code_list], value, subject)
    elif row.kind == "Date":
        yield from _check_date(row, value, subject)
    elif row.kind == "Number" and not re.fullmatch("[0-9]+", value):
        yield about(row, value, subject, "META-010", rule="số tự nhiên viết bằng chữ số",
                    rule_en="a whole number in digits")
    elif row.length is not None:
        values = [part.strip() for part in value.split(";")] if row.repeats else [value]
        for part in values:
            if len(part) > row.length:
                yield about(row, part, subject, "META-006", length=len(part), limit=row.length,
                            rule=f"không quá {row.length} ký tự (đang có {len(part)})",
                            rule_en=f"at most {row.length} characters (it has {len(part)})")


def _check_date(row: Row, value: str, subject: str) -> Iterator[Finding]:
    rule = PARTIAL_DATE if row.partial_date else FULL_DATE
    read = parse_date(value)
    if read is None:
        yield about(row, value, subject, "META-007", rule=rule, rule_en=rule)
    elif not row.partial_date and read.day is None:
        yield about(row, value, subject, "META-009", rule=rule, rule_en=rule)
    elif read.text != value:
        yield about(row, value, subject, "META-008", form=read.form.value, reading=read.text, rule=rule,
                    rule_en=rule)


def _check_code(row: Row, codes: CodeList, value: str, subject: str) -> Iterator[Finding]:
    for part in split_codes(codes, value):
        code = codes.code_of(part)
        if code is None:
            allowed = allowed_values(codes)
            yield about(row, part, subject, "META-011", rule=allowed, rule_en=allowed)
        elif row.code_list == "tt05_mode" and code == _MODE_MAT:
            yield about(row, part, subject, "META-018", rule="không nhận tài liệu mật")


def split_codes(codes: CodeList, value: str) -> list[str]:
    """The values that `value` joins, where the list allows several; what is one code as a whole stays so."""
    if not codes.multi or (";" not in value and codes.code_of(value) is not None):
        return [value]
    return [part.strip() for part in re.split(r"[;,/+]|\bvà\b", value) if part.strip()] or [value]


def allowed_values(codes: CodeList) -> str:
    """The list as a sentence shows it: its first values."""
    shown = [f"{code} {text}" for code, text in list(codes.values.items())[:8]]
    return "; ".join(shown) + ("; …" if len(codes.values) > len(shown) else "")


# --- values that are missing ---------------------------------------------------------------------------


def _check_missing(row: Row, fields: Mapping[str, str], rows: tuple[Row, ...],
                   subject: str) -> Iterator[Finding]:
    """A field that must be there, by the table or because of another field, and is not."""
    if row.composed_from and fields.get(row.composed_from, "").strip():
        return
    if row.mandatory == "yes":
        yield about(row, "", subject, "META-001" if row.is_law else "META-002", rule="không để trống")
    for condition in row.conditions if row.mandatory == "conditional" else ():
        trigger = next(other for other in rows if other.key == condition.key)
        if _meets(condition, trigger, value_of(fields, trigger)):
            law = row.is_law and not condition.convention
            yield about(row, "", subject, "META-004" if law else "META-005", rule="không để trống",
                        condition=_words(condition, trigger))
            return


def _meets(condition: Condition, trigger: Row, value: str) -> bool:
    code = code_lists()[trigger.code_list].code_of(value) if trigger.code_list else value
    return code in condition.values


def _words(condition: Condition, trigger: Row) -> str:
    texts = code_lists()[trigger.code_list].values if trigger.code_list else {}
    values = " / ".join(f"{value} {texts.get(value, '')}".strip() for value in condition.values)
    return f"“{trigger.name_vi}” ({trigger.tag}) = {values}"


# --- fields against one another ------------------------------------------------------------------------


_ORDERS = (("META-012", "startDate", "endDate", "bắt đầu không sau kết thúc"),
           ("META-013", "issuedDate", "receivedDate", "ngày ban hành không sau ngày đến"))


def _cross_checks(fields: Mapping[str, str], rows: tuple[Row, ...], subject: str) -> Iterator[Finding]:
    """Two dates that contradict each other however a partial date is read."""
    known = {row.key: row for row in (*own_rows(rows[0].level), *rows)}
    for code, first, second, rule in _ORDERS:
        if first not in known or second not in known:
            continue
        earlier, later = (parse_date(value_of(fields, known[key])) for key in (first, second))
        if earlier and later and earlier.first > later.last:
            other = known[second]
            yield about(known[first], earlier.text, subject, code, other=later.text, other_name=other.name_vi,
                        other_name_en=other.name_en, other_tag=other.tag, rule=rule)


def _check_agency(fields: Mapping[str, str], level: str, subject: str) -> Iterator[Finding]:
    """A received code of no published scheme is kept and flagged."""
    row = next((row for row in own_rows(level) if row.key == "organId"), None)
    value = fields.get("organId", "").strip()
    if row and value and not agency_code(value).known:
        yield about(row, value, subject, "META-015", rule="giữ nguyên mã lạ và đánh dấu")


# --- sentences -----------------------------------------------------------------------------------------


_NEEDS_LAW = frozenset({"META-006", "META-007", "META-008", "META-009", "META-010", "META-011"})


def about(row: Row, value: str, subject: str, code: str, **params: object) -> Finding:
    """The finding `code` about the field of `row`, or its weaker form META-014 where the row is no law."""
    if code in _NEEDS_LAW and not row.is_law:
        code = "META-014"
    shown = value if len(value) <= SHOWN else value[:SHOWN] + "…"
    named = {"name": row.name_vi, "name_en": row.name_en, "tag": row.tag or row.key, "value": shown,
             "article": row.source if row.is_law else ""}
    return Finding(code, rules()[code].level, subject,
                   {**named, **{name: str(param) for name, param in params.items()}})

