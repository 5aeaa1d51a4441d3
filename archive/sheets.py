"""Rows of a CSV, XLSX, ODS or XLS file as texts, whatever the program that saved it.

Decodes and splits; what the rows mean is the caller's business. Never guesses silently: the encoding and
the delimiter that were taken come with the rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.old_sheets import OldWorkbookError, read_old_workbook, shown
from archive.spelling import fold

SUFFIXES = (".csv", ".xlsx", ".ods", ".xls")        # what a person may be told to save a table as
DELIMITERS = (",", ";", "\t", "|")
MOST_ROWS = 200_000
MOST_BYTES = 64 * 1024 * 1024            # of the file, and of what a workbook unpacks to
MOST_COLUMNS = 1_000
MOST_CELLS = 5_000_000                   # of a sheet: a few bytes can say that a cell is repeated a milliard times
_SAMPLE_ROWS = 50


class UnreadableSheetError(Exception):
    """The file is no table that can be read; `vi` and `en` say why."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows as a person counts them (rows[0] is row 1 of the file), every cell a text without outer spaces.

    `encoding` and `delimiter` are "" for a workbook; `name` is the sheet's.
    """

    rows: tuple[tuple[str, ...], ...]
    encoding: str = ""
    delimiter: str = ""
    name: str = ""


def read_sheets(path: Path) -> list[Sheet]:
    """Every sheet of the XLSX, ODS or XLS file, or the one table of the CSV file, at `path`.

    The content decides which it is, not the name. Raises UnreadableSheetError for a file that is none of them,
    is damaged, protected or too large, and OSError when it cannot be opened.
    """
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableSheetError("tệp quá lớn", "the file is too large")
    data = path.read_bytes()
    if data.startswith(b"PK\x03\x04"):
        # The first entry of an OpenDocument file is its type, stored as it is.
        ods = data[30:].startswith(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
        return _guarded(_opendocument if ods else _workbook, data, "ODS" if ods else "XLSX")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        return _guarded(_old_workbook, data, "XLS")
    return [_csv(data)]


def _csv(data: bytes) -> Sheet:
    text, encoding = _decoded(data)
    delimiter = _delimiter(text)
    try:
        rows = _cells(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableSheetError("tệp CSV bị hỏng", "the CSV file is damaged") from error
    return Sheet(rows, encoding, delimiter)


def _decoded(data: bytes) -> tuple[str, str]:
    """The text and its encoding: as a byte order mark says, UTF-8, else the Vietnamese Windows code page."""
    attempts: tuple[str, ...]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        attempts = ("utf-16",)
    else:
        attempts = ("utf-8-sig", "cp1258")
    for encoding in attempts:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            # cp1258 writes tones as marks of their own.
            return unicodedata.normalize("NFC", text), encoding
    raise UnreadableSheetError("tệp không phải văn bản CSV hay bảng tính XLSX, ODS, XLS",
                               "the file is neither CSV text nor an XLSX, ODS or XLS workbook")


def _delimiter(text: str) -> str:
    """The delimiter under which the first rows have most cells, as most of them do; the comma for a draw."""
    def cells(delimiter: str) -> int:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        widths: Counter[int] = Counter()
        try:
            for _count, row in zip(range(_SAMPLE_ROWS), reader, strict=False):
                if any(cell.strip() for cell in row):
                    widths[len(row)] += 1
        except csv.Error:
            return 0
        return max(widths.items(), key=lambda item: (item[1], item[0]))[0] if widths else 0
    return max(DELIMITERS, key=cells)


def _guarded(read: Callable[[bytes], list[Sheet]], data: bytes, kind: str) -> list[Sheet]:
    """What `read` reads of a workbook. A workbook that is cut or crossed makes zlib, zipfile, the XML parser and the
    readers raise what they like: whatever it is, it is the file's fault, and the caller makes a finding of it."""
    try:
        if kind != "XLS":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                    raise UnreadableSheetError("bảng tính giải nén quá lớn", "the workbook unpacks to too much")
        return read(data)
    except UnreadableSheetError:
        raise
    except Exception as error:
        raise UnreadableSheetError(f"bảng tính {kind} bị hỏng hoặc không đúng định dạng",
                                   f"the {kind} workbook is damaged or of another format") from error


def _workbook(data: bytes) -> list[Sheet]:
    # Heavy: only who reads a workbook pays for it.
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        return [Sheet(_cells(shown(row) for row in sheet.iter_rows(values_only=True)), name=sheet.title)
                for sheet in book.worksheets]
    finally:
        book.close()


def _old_workbook(data: bytes) -> list[Sheet]:
    try:
        return [Sheet(_cells(rows), name=name) for name, rows in read_old_workbook(data, MOST_CELLS)]
    except OldWorkbookError as error:
        if error.reason == "protected":
            raise UnreadableSheetError("tệp Excel có mật khẩu", "the Excel file is protected by a password") from error
        if error.reason == "too many":
            raise _too_many() from error
        raise


_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_PARAGRAPH = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"


def _opendocument(data: bytes) -> list[Sheet]:
    """The tables of an ODS file, every cell as it is shown: a stated number of repeats is never believed blindly."""
    from lxml import etree

    sheets: list[Sheet] = []
    rows: list[list[str]] = []
    cells = empty = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("content.xml") as stream:
        for _event, element in etree.iterparse(stream, tag=(f"{_TABLE}table-row", f"{_TABLE}table"),
                                               resolve_entities=False, no_network=True, load_dtd=False,
                                               huge_tree=False):
            if element.tag == f"{_TABLE}table":
                sheets.append(Sheet(_cells(rows), name=element.get(f"{_TABLE}name") or ""))
                rows, cells, empty = [], 0, 0
            else:
                row, times = _ods_row(element), _repeats(element, "rows")
                if row:
                    cells += len(row) * times
                    if empty + len(rows) + times > MOST_ROWS or cells > MOST_CELLS:
                        raise _too_many()
                    rows += [[]] * empty + [row] * times
                    empty = 0
                else:
                    empty += times          # the empty rows below a table are millions, and no rows of it
            element.clear()
    return sheets


def _ods_row(element: Any) -> list[str]:
    """The cells of a row up to the last one that holds something."""
    row: list[str] = []
    for cell in element:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        row += [_ods_cell(cell)] * min(_repeats(cell, "columns"), MOST_COLUMNS - len(row))
    while row and not row[-1]:
        row.pop()
    return row


def _ods_cell(cell: Any) -> str:
    """A cell as it is shown; a date as DD/MM/YYYY, whatever its format; notes beside a cell are not part of it."""
    stated = cell.get(f"{_OFFICE}date-value", "")
    if stated:
        try:
            return f"{datetime.fromisoformat(stated):%d/%m/%Y}"
        except ValueError:
            pass                            # no such day: then as it is shown
    return " ".join("".join(each.itertext()) for each in cell if each.tag == _PARAGRAPH)


def _repeats(element: Any, what: str) -> int:
    stated = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return int(stated) if stated.isdecimal() and len(stated) < 10 else 1


def _too_many() -> UnreadableSheetError:
    return UnreadableSheetError("bảng có quá nhiều ô", "the table has too many cells")


def _cells(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    read: list[tuple[str, ...]] = []
    for row in rows:
        if len(read) >= MOST_ROWS:
            raise UnreadableSheetError(f"bảng có hơn {MOST_ROWS} dòng",
                                       f"the table has more than {MOST_ROWS} rows")
        read.append(tuple(unicodedata.normalize("NFC", cell).strip() for cell in row))
    return tuple(read)


def headings_of(form: Mapping[str, Any]) -> dict[str, str]:
    """Folded spelling of a column's heading → the column, from the table "columns" of a form."""
    return {fold(spelling): name for name, spellings in form["columns"].items() for spelling in spellings}


def columns_of(headings: Mapping[str, str], required: Iterable[str], row: tuple[str, ...]) -> dict[str, int]:
    """Where each column stands by its heading (`headings_of`); empty when `row` lacks a required one: not its headings.
    """
    found: dict[str, int] = {}
    for index, cell in enumerate(row):
        name = headings.get(fold(cell))
        if name is not None:
            found.setdefault(name, index)
    return found if all(name in found for name in required) else {}
