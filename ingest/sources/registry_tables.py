"""CSV, XLSX, ODS and XLS tables as rows of text, as they would be printed.

Never computes a formula, never opens a workbook whose container is beyond the limits, never loads more rows than
the limit of registry_columns.toml.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

from archive.findings import Finding
from archive.sheets import UnreadableSheetError, read_sheets
from archive.spelling import fold
from ingest import containers
from ingest.sources.registry_heading import Heading, Line, columns_data
from search.encodings import decode

CSV_SUFFIXES = frozenset([".csv", ".tsv", ".txt"])
XLSX_SUFFIXES = frozenset([".xlsx", ".xlsm"])
OTHER_SUFFIXES = frozenset([".ods", ".xls"])
Cells = tuple[str, ...]

_DELIMITERS = (";", "\t", ",", "|")
_HEAD = 1 << 16
_HEAD_SHEETS = 8
_TEXT_CELL = re.compile(r'="([^"]*)"')
_PADDED = re.compile(r"0+")
_TAG = re.compile(rb"<[^>]*>")


@dataclass(slots=True)
class Table:
    """The rows of one sheet or file; `cut` when there were more than the limit."""

    rows: list[Line] = field(default_factory=list)
    sheet: str = ""
    cut: bool = False
    unsure_encoding: bool = False


class TableRefused(ValueError):  # noqa: N818 - the state of a file, turned into a finding by the reader
    """A table that cannot be read: why, or the finding that says so."""

    def __init__(self, reason: str, found: Finding | None = None) -> None:
        super().__init__(reason)
        self.reason, self.finding = reason, found


def csv_head(path: Path) -> list[Line]:
    """The first rows of a CSV file, under the separator that shows a heading; of a text without one, any rows."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    whole = len(head) < _HEAD
    text = decode(head if whole else head[:head.rfind(b"\n") + 1] or head).text
    return _best(text, columns_data()["limits"]["heading_rows"] + 1)[1]


def csv_table(path: Path) -> Table:
    """All rows of a CSV file. Raises TableRefused."""
    limits = columns_data()["limits"]
    if path.stat().st_size > limits["csv_mb"] << 20:
        raise TableRefused(f"> {limits['csv_mb']} MB")
    decoded = decode(path.read_bytes())
    delimiter, _head = _best(decoded.text, limits["heading_rows"] + 1)
    try:
        rows = list(islice(_csv_rows(decoded.text, delimiter), limits["rows"] + 1))
    except csv.Error as error:
        raise TableRefused(str(error)) from error
    return Table(rows[:limits["rows"]], cut=len(rows) > limits["rows"], unsure_encoding=decoded.encoding == "unsure")


def may_be_xlsx_list(path: Path) -> bool:
    """A quick look: whether a workbook holds, near its start, a heading that names files at all."""
    headings = [fold(heading) for heading in columns_data()["file"]["headings"]]
    try:
        with containers.open_zip(path) as opened:
            names = [name for name in opened.names
                     if name == "xl/sharedStrings.xml" or name.startswith("xl/worksheets/sheet")]
            for name in names[:_HEAD_SHEETS]:
                text = _TAG.sub(b" ", opened.read(name, 4 * _HEAD)).decode(errors="replace")
                words = f" {fold(html.unescape(text))} "
                if any(f" {heading} " in words for heading in headings):
                    return True
    except containers.ContainerRefused:
        return False
    return False


def xlsx_tables(path: Path, head_only: bool = False) -> list[Table]:
    """The visible sheets of a workbook, each with its first rows or all of them. Raises TableRefused."""
    try:
        with containers.open_zip(path):
            pass        # within the limits: safe to open
    except containers.ContainerRefused as error:
        raise TableRefused(error.code, error.finding(path.name)) from error
    import openpyxl  # late: it costs a fifth of a second, and most nights bring no list

    limits = columns_data()["limits"]
    most = limits["heading_rows"] + 1 if head_only else limits["rows"]
    tables = []
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            for sheet in book.worksheets[:_HEAD_SHEETS] if head_only else book.worksheets:
                if sheet.sheet_state != "visible":
                    continue
                sheet.reset_dimensions()    # some programs state a wrong size
                rows = list(islice(_sheet_rows(sheet, limits["cells_in_row"]), most + 1))
                tables.append(Table(rows[:most], sheet.title, cut=not head_only and len(rows) > most))
        finally:
            book.close()
    except Exception as error:  # openpyxl raises whatever a broken workbook leads it into; told with its reason
        raise TableRefused(f"{type(error).__name__}: {error}") from error
    if len(tables) == 1:
        tables[0].sheet = ""
    return tables


def other_tables(path: Path, head_only: bool = False) -> list[Table]:
    """The sheets of an ODS or XLS workbook, each with its first rows or all of them. Raises TableRefused.

    XLS keeps no leading zeros that only a number format shows; ODS does.
    """
    try:
        sheets = read_sheets(path)
    except UnreadableSheetError as error:
        raise TableRefused(error.vi) from error
    limits = columns_data()["limits"]
    most = limits["heading_rows"] + 1 if head_only else limits["rows"]
    tables = []
    for sheet in sheets:
        rows = [(line, cells[:limits["cells_in_row"]]) for line, cells in enumerate(sheet.rows, 1) if any(cells)]
        tables.append(Table(rows[:most], sheet.name, cut=not head_only and len(rows) > most))
    if len(tables) == 1:
        tables[0].sheet = ""
    return tables


def _best(text: str, rows: int) -> tuple[str, list[Line]]:
    """The separator under which the text has a heading, with its first rows; else the first separator."""
    lines = "".join(islice(io.StringIO(text), 4 * rows))
    found: tuple[str, list[Line]] | None = None
    width = 0
    for delimiter in _DELIMITERS:
        try:
            head = list(islice(_csv_rows(lines, delimiter), rows))
        except csv.Error:
            continue
        heading = Heading.find(head)
        if heading is not None and len(heading.tags) > width:
            found, width = (delimiter, head), len(heading.tags)
    return found or (_DELIMITERS[0], [])


def _csv_rows(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for cells in reader:
        if any(cells):
            yield line, tuple(_TEXT_CELL.sub(r"\1", cell.strip()) for cell in cells)
        line = reader.line_num + 1


def _sheet_rows(sheet: Any, width: int) -> Iterator[Line]:
    for line, cells in enumerate(sheet.iter_rows(max_col=width), 1):
        row = tuple(_printed(cell) for cell in cells)
        if any(row):
            yield line, row


def _printed(cell: Any) -> str:
    """A cell as its sheet prints it, dates as DD/MM/YYYY; a formula as its text."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return f"={getattr(value, 'text', value)}" if not str(value).startswith("=") else str(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.strftime("%d/%m/%Y") if midnight else value.strftime("%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, (int, float)):
        return _number(value, cell.number_format or "")
    return str(value).strip()


def _number(value: int | float, number_format: str) -> str:
    """A number without ".0"; with its leading zeros where the cell's format prints them."""
    if isinstance(value, float) and not value.is_integer():
        return format(value, ".15g")
    text = str(int(value))
    return text.zfill(len(number_format)) if _PADDED.fullmatch(number_format) else text


