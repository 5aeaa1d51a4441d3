"""Writing what a search found as a table for office programs: every hit in its order, all cells as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from archive.files import write_atomically
from archive.i18n import _
from archive.terminal import legal_value_name
from search.engines.base import Order
from search.index import Filters, Hit, Index

AT_ONCE = 500
MOST_ROWS = 100_000
LONGEST_CELL = 32_000                    # characters; a workbook's cell holds 32,767
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WIDTHS = (26, 12, 18, 18, 34, 60, 24, 24, 36, 22, 60)


def header() -> tuple[str, ...]:
    """The names of the columns, in the language of the moment."""
    return (_("Code"), _("Date"), _("Number"), _("Type"), _("Agency"), _("Subject"), _("Signer"), _("Case file"),
            _("Title of the case file"), _("Legal value"), _("Place in the text"))


def all_hits(index: Index, query: str, filters: Filters, order: Order = "best", most: int = MOST_ROWS) -> Iterator[Hit]:
    """Every hit of a search, up to `most`, none twice: the pages are read one after another."""
    told: set[str] = set()
    for offset in range(0, most, AT_ONCE):
        page = index.search(query, min(AT_ONCE, most - offset), offset, filters, order).hits
        for hit in page:
            if hit.code not in told:
                told.add(hit.code)
                yield hit
        if len(page) < AT_ONCE:
            return


def row(hit: Hit) -> tuple[str, ...]:
    """The cells of one hit."""
    number = "/".join(part for part in (hit.number, hit.notation) if part)
    issued = "/".join(reversed(hit.issued_on.split("-")))
    return tuple(_NO_XML.sub("", cell)[:LONGEST_CELL] for cell in (
        hit.code, issued, number, hit.type_name, hit.organ, hit.subject, hit.signer, hit.case_file, hit.case_title,
        legal_value_name(hit.legal_value), hit.snippet.text))


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> int:
    """Write a CSV file (UTF-8 with its mark, so that office programs read the letters right); how many rows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header())
    count = 0
    for cells in rows:
        writer.writerow(_harmless(cell) for cell in cells)
        count += 1
    write_atomically(path, out.getvalue().encode("utf-8-sig"))
    return count


def write_xlsx(path: Path, rows: Iterable[Sequence[str]]) -> int:
    """Write a workbook of one sheet; how many rows."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(_("Documents"))
    sheet.freeze_panes = "A2"
    for n, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(n)].width = width

    def cell(value: str, *, bold: bool = False) -> Any:
        made = WriteOnlyCell(sheet, value)
        made.data_type = "s"                 # a text that begins with = is a text, not a formula
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(name, bold=True) for name in header()])
    count = 0
    for cells in rows:
        sheet.append([cell(value) for value in cells])
        count += 1
    out = io.BytesIO()
    book.save(out)
    write_atomically(path, out.getvalue())
    return count


def _harmless(cell: str) -> str:
    """A cell that no office program takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
