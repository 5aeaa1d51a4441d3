"""Writing a file plan (danh mục hồ sơ) in the form of NĐ 30/2020/NĐ-CP Phụ lục V, as it is signed and issued.

What is written is what `read_file_plan` reads back; the totals are counted, never copied.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.errors import UsageError
from archive.files import write_atomically
from archive.i18n import _
from archive.retention_text import parse_retention

HEADER = ("Số và ký hiệu hồ sơ", "Tên đề mục và tiêu đề hồ sơ", "Thời hạn bảo quản", "Người lập hồ sơ", "Ghi chú")
FORMATS = (".xlsx", ".csv")
_WIDTHS = (16, 60, 18, 26, 24)          # of the columns of a workbook, in characters
_SUBHEADING = re.compile(r"(?:[0-9]{1,2}|[a-zđ])\s*[.)]\s*\S.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many files a plan foresees, how many of them for ever and for a time; the rest states no period."""

    files: int
    permanent: int
    limited: int


def totals(lines: Sequence[Mapping[str, Any]]) -> Totals:
    """The totals that the closing line of the form states."""
    periods = [(line["retention"], parse_retention(line["retention"])) for line in lines]
    permanent = sum(bool(period and period.permanent) for _words, period in periods)
    return Totals(len(lines), permanent, sum(bool(words) for words, _period in periods) - permanent)


def headings(line: Mapping[str, Any]) -> tuple[str, str]:
    """The main heading and the subheading that a line stands under; "" for one that there is not."""
    heading = str(line["heading"])
    main, joined, sub = heading.partition(" / ")
    if joined and _SUBHEADING.fullmatch(sub):
        return main, sub
    return ("", heading) if _SUBHEADING.fullmatch(heading) else (heading, "")


def with_headings(lines: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any] | str]:
    """The lines in their order, each heading as a text before the lines that stand under it."""
    main = sub = ""
    for line in lines:
        new = headings(line)
        if new[0] and new[0] != main:
            yield new[0]
            sub = ""
        if new[1] and new[1] != sub:
            yield new[1]
        main, sub = new
        yield line


def write_file_plan(lines: Sequence[Mapping[str, Any]], agency: str, year: int, target: Path) -> Totals:
    """Write the plan of `year` to `target` (.xlsx or .csv), named whole or not at all; what it comes to.

    Raises UsageError for another ending.
    """
    rows = _rows(lines, agency, year)
    match target.suffix.lower():
        case ".xlsx":
            write_atomically(target, _workbook(rows, year))
        case ".csv":
            out = io.StringIO(newline="")
            csv.writer(out).writerows(rows)
            write_atomically(target, b"\xef\xbb\xbf" + out.getvalue().encode())     # spreadsheets know UTF-8 by it
        case other:
            raise UsageError(_("a file plan is written as .xlsx or .csv, not as “{suffix}”").format(suffix=other))
    return totals(lines)


def _rows(lines: Sequence[Mapping[str, Any]], agency: str, year: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(agency.upper(), "", "", "", ""), (f"DANH MỤC HỒ SƠ NĂM {year}", "", "", "", ""),
                                   HEADER]
    for one in with_headings(lines):
        rows.append(("", one, "", "", "") if isinstance(one, str) else (
            one["notation"], one["title"], one["retention"], one["keeper"], one["note"]))
    counted = totals(lines)
    closing = (f"Danh mục hồ sơ này có {counted.files} hồ sơ, bao gồm: {counted.permanent} hồ sơ bảo quản vĩnh viễn; "
               f"{counted.limited} hồ sơ bảo quản có thời hạn./.")
    return [*rows, (closing, "", "", "", ""), ("", "", "", "QUYỀN HẠN, CHỨC VỤ CỦA NGƯỜI KÝ", "")]


def _workbook(rows: Sequence[Sequence[str]], year: int) -> bytes:
    # Heavy: only who writes a workbook pays for it.
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = f"Danh mục hồ sơ {year}"
    top = next(number for number, row in enumerate(rows, 1) if row is HEADER)
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            if not value:
                continue
            cell = sheet.cell(number, column)
            cell.value = value
            cell.data_type = "s"        # a title that begins with "=" is a title
            cell.alignment = Alignment(wrap_text=top <= number < len(rows) - 1, vertical="top")
            if number <= top or (column == 2 and not row[0]):
                cell.font = Font(bold=True)
    for letter, width in zip("ABCDE", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.print_title_rows = f"{top}:{top}"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
