"""Rows of a CSV or XLSX file as texts, whatever the program that saved it.

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
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
MOST_ROWS = 200_000
MOST_BYTES = 64 * 1024 * 1024            # of the file, and of what a workbook unpacks to
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
    """Every sheet of the XLSX file, or the one table of the CSV file, at `path`.

    The content decides which it is, not the name. Raises UnreadableSheetError for a file that is neither,
    is damaged or too large, and OSError when it cannot be opened.
    """
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableSheetError("tệp quá lớn", "the file is too large")
    data = path.read_bytes()
    if data.startswith(b"PK\x03\x04"):
        return _workbook(data)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableSheetError("tệp Excel dạng cũ (.xls) hoặc có mật khẩu",
                                   "an old Excel file (.xls) or one with a password")
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
    raise UnreadableSheetError("tệp không phải văn bản CSV hay bảng tính XLSX",
                               "the file is neither CSV text nor an XLSX workbook")


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


def _workbook(data: bytes) -> list[Sheet]:
    # Heavy: only who reads a workbook pays for it.
    from openpyxl import load_workbook

    damaged = UnreadableSheetError("bảng tính XLSX bị hỏng hoặc không đúng định dạng",
                                   "the XLSX workbook is damaged or of another format")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise UnreadableSheetError("bảng tính giải nén quá lớn", "the workbook unpacks to too much")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return [Sheet(_cells(_shown(row) for row in sheet.iter_rows(values_only=True)), name=sheet.title)
                    for sheet in book.worksheets]
        finally:
            book.close()
    except UnreadableSheetError:
        raise
    except Exception as error:
        # A workbook that is cut or crossed makes zlib, zipfile, the XML parser and openpyxl raise what they
        # like: whatever it is, it is the file's fault, and the caller makes a finding of it.
        raise damaged from error


def _shown(row: Iterable[object]) -> list[str]:
    """Cells as a person sees them: whole numbers without ".0", dates as DD/MM/YYYY."""
    shown = []
    for cell in row:
        if cell is None:
            shown.append("")
        elif isinstance(cell, float) and cell.is_integer():
            shown.append(str(int(cell)))
        elif isinstance(cell, datetime | date):
            shown.append(f"{cell:%d/%m/%Y}")
        else:
            shown.append(str(cell))
    return shown


def _cells(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    read: list[tuple[str, ...]] = []
    for row in rows:
        if len(read) >= MOST_ROWS:
            raise UnreadableSheetError(f"bảng có hơn {MOST_ROWS} dòng",
                                       f"the table has more than {MOST_ROWS} rows")
        read.append(tuple(unicodedata.normalize("NFC", cell).strip() for cell in row))
    return tuple(read)
