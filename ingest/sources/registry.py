"""Registry lists (sổ đăng ký, mục lục văn bản): a CSV, XLSX, ODS or XLS table that gives files their metadata.

A table is a list only when its heading says so; an ordinary table is a document and must never be taken for
a list. Values are taken as printed: no formula is computed, no date guessed, no row that contradicts another used.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from archive.fields.document_types import recognise
from archive.fields.kinds import kind_of
from archive.findings import Finding, finding
from ingest.sources.registry_heading import Heading, is_formula
from ingest.sources.registry_tables import (
    CSV_SUFFIXES,
    OTHER_SUFFIXES,
    XLSX_SUFFIXES,
    Cells,
    Table,
    TableRefused,
    csv_head,
    csv_table,
    may_be_xlsx_list,
    other_tables,
    xlsx_tables,
)
from search.encodings import repair

_NUMBER_AND_NOTATION = re.compile(r"(?:số\s*:?\s*)?(?P<number>\d+[a-zđ]?)\s*(?:[/-]\s*(?P<notation>\D.*|\d{4}\s*/.+))?",
                                  re.IGNORECASE)
_WHICH_DOCUMENT = ("docOrdinal", "codeNumber", "codeNotation", "issuedDate", "subject")
_BESIDE = ("sheets",)
_SHOWN = 20             # lines that a finding names
_SUSPICIOUS_LINES = 4   # lines in one cell from which on a quotation mark was probably left open


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: where it stands, the file it names, its values by tag, and all its cells as printed."""

    line: int
    file_name: str
    fields: dict[str, str]
    raw: dict[str, str]
    sheet: str = ""


@dataclass(slots=True)
class RegistryList:
    """A list that was read: its rows that can be used, and what was wrong with the others."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def is_list(path: Path) -> bool:
    """Whether the table at `path` is a registry list; False, without opening it, for other kinds of files.

    Raises OSError when the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in CSV_SUFFIXES:
        return Heading.find(csv_head(path)) is not None
    if suffix not in OTHER_SUFFIXES and (suffix not in XLSX_SUFFIXES or not may_be_xlsx_list(path)):
        return False
    tables = other_tables if suffix in OTHER_SUFFIXES else xlsx_tables
    try:
        return any(Heading.find(table.rows) is not None for table in tables(path, head_only=True))
    except TableRefused:
        return False


def read_list(path: Path, subject: str = "", *, long_scans: bool = False) -> RegistryList:
    """The rows of the list at `path`. `subject` is its name for people, where that is not the file's.

    Rows for one file that contradict one another are left out, all of them; with `long_scans` not those that may be the
    documents of one scan, of which scan_lists.py takes care, and `match` where it is none. Raises OSError.
    """
    subject = subject or path.name
    found = RegistryList()
    try:
        suffix = path.suffix.lower()
        tables = ([csv_table(path)] if suffix in CSV_SUFFIXES else other_tables(path) if suffix in OTHER_SUFFIXES
                  else xlsx_tables(path))
        for table in tables:
            _read_table(table, subject, found)
    except TableRefused as error:
        found.findings.append(error.finding or finding("LIST-001", subject, reason=error.reason))
        return found
    if not found.rows:
        found.findings.append(finding("LIST-011", subject))
    found.rows = _without_repeats(found.rows, subject, found.findings, long_scans=long_scans)
    return found


def match(rows: Iterable[Row], names: Iterable[str], folder: str = "",
          subject: str = "") -> tuple[dict[str, Row], list[Finding]]:
    """Which of the files `names` (paths under the inbox) each row of the list in `folder` means.

    A row means the file at its path, seen from the list's folder or from the inbox; or the file of that name beside
    the list, with or without its extension. Unicode form and case do not count. A row that fits several files, or
    none, or a file that another row claims with other values, is used for none and reported about `subject`.
    """
    index = _Index(names)
    claims: dict[str, list[Row]] = {}
    lost: list[Row] = []
    unclear: list[Row] = []
    for row in rows:
        fits = index.look_up(row.file_name, folder)
        if len(fits) == 1:
            claims.setdefault(fits[0], []).append(row)
        else:
            (unclear if fits else lost).append(row)
    findings: list[Finding] = []
    matched: dict[str, Row] = {}
    contradicting = []
    for name, claimants in claims.items():
        if all(row.fields == claimants[0].fields for row in claimants):
            matched[name] = claimants[0]
        else:
            contradicting += claimants
    for code, group in (("LIST-003", contradicting), ("LIST-008", lost), ("LIST-010", unclear)):
        if group:
            findings.append(finding(code, subject or folder, rows=_told(group), count=len(group)))
    return matched, findings


def fields_of(row: Row) -> tuple[dict[str, str], dict[str, str]]:
    """The fields of a row, and what it says besides them of the paper: `sheets`, how many there are (số tờ)."""
    beside = {tag: row.fields[tag] for tag in _BESIDE if tag in row.fields}
    return {tag: value for tag, value in row.fields.items() if tag not in _BESIDE}, beside


def file_meant(names: Iterable[str]) -> Callable[[str, str], list[str]]:
    """What finds the files among `names` that a list in a folder means by a name: (written, folder) to names."""
    return _Index(names).look_up


class _Index:
    """File names to be found by path or by name, whatever their case and Unicode form."""

    def __init__(self, names: Iterable[str]) -> None:
        self.paths: dict[str, list[str]] = {}
        self.stems: dict[str, list[str]] = {}
        for name in names:
            key = _key(name)
            self.paths.setdefault(key, []).append(name)
            self.stems.setdefault(str(PurePosixPath(key).with_suffix("")), []).append(name)

    def look_up(self, written: str, folder: str) -> list[str]:
        """The files that `written`, in a list in `folder`, may mean: of the first way to read it that fits any."""
        path = re.sub(r"^[A-Za-z]:", "", written.strip().replace("\\", "/")).strip("/ ")
        parts = [part for part in posixpath.normpath(path).split("/") if part not in ("", ".")]
        beside = f"{folder}/" if folder else ""
        for start in range(len(parts)):
            rest = "/".join(parts[start:])
            fits = self._exact(beside + rest)
            if not fits and "/" in rest:        # a bare name means a file beside the list, nowhere else
                fits = self._exact(rest)
            if fits:
                return fits
        return self.stems.get(_key(beside + parts[-1]), []) if parts else []

    def _exact(self, path: str) -> list[str]:
        fits = self.paths.get(_key(path), [])
        same = [name for name in fits if name == unicodedata.normalize("NFC", path)]
        return same or fits


def _key(name: str) -> str:
    return repair(unicodedata.normalize("NFC", name))[0].casefold()


def _read_table(table: Table, subject: str, found: RegistryList) -> None:
    """Read the rows under the heading of one table; a sheet without a heading is none of ours."""
    heading = Heading.find(table.rows)
    if heading is None:
        return
    if heading.unknown:
        found.findings.append(finding("LIST-005", subject, columns="; ".join(heading.unknown)))
    if heading.doubled:
        found.findings.append(finding("LIST-007", subject, columns="; ".join(heading.doubled)))
    nameless, formulas, torn = [], [], []
    for line, cells in table.rows[heading.ends:]:
        row = _row(line, cells, heading, table.sheet)
        if _is_numbering(cells) or not row.raw:
            continue
        formulas += [f"{line} ({name})" for name, value in row.raw.items() if is_formula(value)]
        torn += [row] if any(value.count("\n") >= _SUSPICIOUS_LINES for value in row.raw.values()) else []
        if row.file_name:
            found.rows.append(row)
        elif len(row.fields) >= 2:          # fewer: a heading of a group, a sum, a signature under the table
            nameless.append(row)
    for code, rows in (("LIST-002", nameless), ("LIST-009", torn)):
        if rows:
            found.findings.append(finding(code, subject, rows=_told(rows), count=len(rows)))
    if formulas:
        shown = ", ".join(formulas[:_SHOWN]) + (" …" if len(formulas) > _SHOWN else "")
        found.findings.append(finding("LIST-006", subject, cells=shown, count=len(formulas)))
    if table.cut:
        found.findings.append(finding("LIST-012", subject, limit=len(table.rows)))
    if table.unsure_encoding:
        found.findings.append(finding("LIST-013", subject))


def _row(line: int, cells: Cells, heading: Heading, sheet: str) -> Row:
    raw = {name: cells[column] for column, name in heading.names.items() if column < len(cells) and cells[column]}
    values = _values(cells, heading.tags)
    if own := heading.kinds.get(kind_of(values)):
        values = _values(cells, {**heading.tags, **own})
    return Row(line, values.pop("file", ""), values, raw, sheet)


def _values(cells: Cells, tags: Mapping[int, str]) -> dict[str, str]:
    """The cells by the tags of their columns; of two columns for one tag, the first that is filled."""
    values: dict[str, str] = {}
    for column, tag in tags.items():
        written = cells[column] if column < len(cells) else ""
        value = "" if is_formula(written) else " ".join(written.split())
        if value:
            for name, part in _split(tag, value).items():
                values.setdefault(name, part)
    return values


def _split(tag: str, value: str) -> dict[str, str]:
    """The value of a column under its tag; a column that holds two things gives both."""
    if tag == "type_and_subject":
        named = recognise(value)
        return {"subject": value, **({"typeName": named.name} if named else {})}
    if tag == "number_and_notation":
        read = _NUMBER_AND_NOTATION.fullmatch(value)
        if read is None:
            return {"codeNotation": value}
        return {"codeNumber": read["number"], **({"codeNotation": read["notation"]} if read["notation"] else {})}
    return {tag: value}


def _is_numbering(cells: Cells) -> bool:
    """Whether a row only numbers the columns: (1) (2) (3) …"""
    numbers = [cell.strip("() []") for cell in cells if cell]
    return len(numbers) >= 3 and numbers == [str(number) for number in range(1, len(numbers) + 1)]


def _without_repeats(rows: Sequence[Row], subject: str, findings: list[Finding], *, long_scans: bool) -> list[Row]:
    """The rows less those that name a file again: a copy is left out, a contradiction leaves none."""
    by_file: dict[str, list[Row]] = {}
    for row in rows:
        by_file.setdefault(_key(row.file_name.replace("\\", "/")), []).append(row)
    copies, contradicting, kept = [], [], []
    for same in by_file.values():
        if any(row.fields != same[0].fields for row in same):
            if long_scans and _documents_of_one_scan(same):
                kept += same
            else:
                contradicting += same
            continue
        kept.append(same[0])
        copies += same[1:]
    for code, group in (("LIST-003", contradicting), ("LIST-004", copies)):
        if group:
            findings.append(finding(code, subject, rows=_told(group), count=len(group)))
    return kept


def _documents_of_one_scan(rows: Sequence[Row]) -> bool:
    """Whether rows that name one file may be its documents, one after another: each says its pages and is another one.

    Whether the file is a long scan is seen later; else `match` says that the rows contradict one another.
    """
    what = [tuple(row.fields.get(tag, "") for tag in _WHICH_DOCUMENT) for row in rows]
    return all("numberOfPage" in row.fields for row in rows) and len(set(what)) == len(what)


def _told(rows: Sequence[Row]) -> str:
    """Rows as a person finds them: line, sheet and file name; of many the first ones."""
    shown = [f"{row.line}{f' [{row.sheet}]' if row.sheet else ''} ({row.file_name or '—'})" for row in rows[:_SHOWN]]
    return ", ".join(shown) + (f" … (+{len(rows) - _SHOWN})" if len(rows) > _SHOWN else "")


