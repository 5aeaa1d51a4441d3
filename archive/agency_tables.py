"""Tables of agency codes: read from a spreadsheet, shipped with the program, and held in the archive's store.

The store holds what the archive was given, as one table beside the file it came in (agency_import.py); the shipped
table, small and sure, stands where the archive's own has no line for a code. Worker processes load this module.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from archive import layout
from archive.agencies import Agency, AgencyTable, table_of
from archive.codes import Scheme, agency_code, parse_file_code
from archive.dates import Precision, parse_date
from archive.findings import Finding, finding
from archive.settings import Settings
from archive.sheets import Sheet, UnreadableSheetError, columns_of, headings_of, read_sheets
from archive.store import Store

FORM = Path(__file__).with_name("agencies.toml")
SHIPPED = Path(__file__).with_name("agencies.csv")
OBJECT = "urn:luutru:agencies"
TABLE = "metadata/agencies.json"
NAMES = tuple(one.name for one in fields_of(Agency))


def read_agencies(path: Path) -> AgencyTable:
    """The alias table in the CSV, XLSX, ODS or XLS file at `path`; columns are known by their headings (agencies.toml).

    A line that cannot be used is left out with a finding; a file that is no such table gives an empty one with a
    refused finding. Raises OSError when the file cannot be opened.
    """
    try:
        sheets = read_sheets(path)
    except UnreadableSheetError as error:
        return table_of((), [finding("AGENCY-001", path.name, reason=error.vi, reason_en=error.en)])
    for sheet in sheets:
        for start, row in enumerate(sheet.rows):
            if columns := _columns(row):
                return _read(sheet, start, columns, path.name)
    return table_of((), [finding("AGENCY-002", path.name)])


def held(store: Store) -> AgencyTable:
    """The table that the archive was given; empty when it was given none."""
    if not store.has(OBJECT):
        return table_of(())
    return table_of(_from_dict(one) for one in json.loads(store.read(OBJECT, TABLE))["lines"])


def agencies_of(settings: Settings) -> AgencyTable:
    """The table that counts in the archive of `settings`: its own over the shipped one, read when it has changed."""
    place = layout.store_folder(settings)
    if not (place / "ocfl").is_dir():
        return shipped()
    store = Store(place / "ocfl", place / "staging")
    inventory = store.folder(OBJECT) / "inventory.json"
    changed = inventory.stat().st_mtime_ns if inventory.exists() else 0
    return _table(place, changed) if changed else shipped()


@lru_cache(maxsize=4)
def _table(place: Path, changed: int) -> AgencyTable:
    """The table of the store at `place`; `changed` is part of the key, so that a new version is read anew."""
    return shipped().with_lines(held(Store(place / "ocfl", place / "staging")).lines)


@cache
def shipped() -> AgencyTable:
    """The table that comes with the program: closures and changes that are published, nothing that is guessed."""
    return read_agencies(SHIPPED)


def code_findings(fields: Mapping[str, str], settings: Settings, subject: str) -> list[Finding]:
    """What the table says against the codes of a record: META-016 when its issuing agency's code was not in force on
    the day of issue, or the agency of its file code on no day of the file's year; FILE-006 when the file code means
    our own agency by another of its codes."""
    table, found = agencies_of(settings), []
    issued = parse_date(fields.get("issuedDate", ""))
    organ = fields.get("organId", "").strip()
    if organ and issued and issued.precision is Precision.day:
        found += table.check(organ, issued.first, subject)
    code = parse_file_code(fields.get("fileCode", "").strip(), inventory=True)
    if code is None:
        return found
    first = table.check(code.agency, date(code.year, 1, 1), subject)
    last = table.check(code.agency, date(code.year, 12, 31), subject)
    if first and last and code.agency != organ:
        found += last
    ours = settings.agency.code
    if code.agency != ours and table.canonical(code.agency) == table.canonical(ours):
        found.append(finding("FILE-006", subject, stated=code, code=replace(code, agency=ours), fonds=ours))
    return found


def _from_dict(values: Mapping[str, str]) -> Agency:
    ends = {name: date.fromisoformat(values[name]) if values[name] else None for name in ("valid_from", "valid_to")}
    return Agency(**{**{name: values.get(name, "") for name in NAMES}, **ends})  # type: ignore[arg-type]


# --- reading a file ---------------------------------------------------------------------------------------


def _read(sheet: Sheet, start: int, columns: Mapping[str, int], subject: str) -> AgencyTable:
    lines: list[Agency] = []
    findings: list[Finding] = []
    for number, cells in enumerate(sheet.rows[start + 1:], start=start + 2):
        if not any(cells):
            continue
        row = {name: cells[at] if (at := columns.get(name, -1)) >= 0 and at < len(cells) else ""
               for name in _form()["columns"]}
        read, reason, reason_en, value = _lines(row)
        lines += read
        if not read:
            findings.append(finding("META-017", subject, line=number, reason=reason, reason_en=reason_en, value=value))
    return table_of(dict.fromkeys(lines), findings)      # a line written twice stands once


def _lines(row: Mapping[str, str]) -> tuple[list[Agency], str, str, str]:
    """The lines of `row`, or none with the reason in Vietnamese and English and the value at fault."""
    code = "".join(row["code"].split())
    if not code:
        return [], "thiếu mã", "the code is missing", row["name"]
    ends: dict[str, date | None] = {}
    for name in ("valid_from", "valid_to"):
        read = parse_date(row[name]) if row[name] else None
        if row[name] and (read is None or read.precision is not Precision.day):
            return [], "ngày hiệu lực không đọc được", "a validity date cannot be read", row[name]
        ends[name] = read.first if read else None
    begins, ended = ends["valid_from"], ends["valid_to"]
    if begins and ended and begins > ended:
        value = f"{row['valid_from']} – {row['valid_to']}"
        return [], "ngày hết hiệu lực trước ngày có hiệu lực", "the validity ends before it begins", value
    if code in (row["successor"], row["alias_of"]):
        return [], "mã kế tiếp hoặc mã tương đương là chính nó", "a code is said to follow or equal itself", code
    scheme = row["scheme"] if row["scheme"] in Scheme.__members__ else agency_code(code).scheme.value
    found = [Agency(code, scheme, row["name"], begins, ended, row["successor"], row["alias_of"], row["source"],
                    row["confidence"])]
    old = "".join(row["old_code"].split())
    if old and old != code:     # the same agency's code before; it ends with the new one (AgencyTable.last_day)
        found.append(Agency(old, agency_code(old).scheme.value, row["name"], None, None, "", code, row["source"],
                            row["confidence"]))
    return found, "", "", ""


def _columns(row: tuple[str, ...]) -> dict[str, int]:
    """Where each column stands, empty when `row` is not the heading row."""
    found = columns_of(_headings(), _form()["required"]["columns"], row)
    return found if len(found) > 1 else {}      # a code alone could head any table: something must be said of it


@cache
def _form() -> dict[str, Any]:
    with FORM.open("rb") as stream:
        return tomllib.load(stream)


@cache
def _headings() -> Mapping[str, str]:
    return headings_of(_form())
