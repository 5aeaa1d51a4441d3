"""The report of a period as rows: sheets of a workbook, a CSV file, and what stands on the paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from archive import clock
from archive.i18n import _
from ingest.digitise.defects import kinds
from retention.reports import COUNTED, Figures

Items = Sequence[tuple[str, int]]
Reasons = Sequence[tuple[str, str, int]]
Sheet = tuple[str, list[list[Any]]]
MOST_LINES = 500        # of a list on the paper; the workbook has all
_SHOWN = ("stored", "opened", "closed", "open", "overdue", "handed_over", "taken_over", "destroyed")
# A cell that begins so is a formula to a spreadsheet: names of files come from strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheets(made: Figures, items: Items, reasons: Reasons, words: Mapping[str, str], scans: str) -> list[Sheet]:
    """Every table of the report with its heading, in the language that is spoken."""
    agencies = sorted(made.agencies)
    return [
        (_("Report"), [[_("Reporting period"), made.period.name], [_("From"), made.period.first.isoformat()],
                       [_("To"), made.period.last.isoformat()], [_("Whole"), _("yes") if made.complete else _("no")],
                       *([word, count] for word, count in items), [_("Digitised"), scans]]),
        (_("Reasons of refusal"), [[_("Code"), _("Reason"), _("How many")], *map(list, reasons)]),
        (_("By agency"), [[_("Fonds"), *(words[name] for name in COUNTED)],
                          *([of or "—", *(made.agencies[of][name] for name in COUNTED)] for of in agencies),
                          [_("Together"), *(made.total[name] for name in COUNTED)]]),
        (_("Errors of scans"), [[_("Kind"), _("Documents"), _("Article")], *(
            [one.vi, made.kinds[name], one.article] for name, one in kinds().items() if name in made.kinds)]),
        (_("In no case file"), [[_("Item"), _("Name"), _("Since")],
                                *([one["item"], one["name"], _day(one["since"])] for one in made.unfiled)]),
        (_("Overdue"), _case_files(made.overdue)), (_("Not closed"), _case_files(made.open))]


def csv_bytes(tables: Sequence[Sheet]) -> bytes:
    """All tables in one CSV file, each under its heading; spreadsheets know its UTF-8 by the mark at the start."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for name, rows in tables:
        writer.writerow([name])
        writer.writerows([_safe(cell) for cell in row] for row in rows)
        writer.writerow([])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def xlsx_bytes(tables: Sequence[Sheet]) -> bytes:
    """A workbook with a sheet for each table."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=False)
    book.remove(book.worksheets[0])
    book.properties.created = book.properties.modified = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    for name, rows in tables:
        sheet = book.create_sheet(name[:31])
        for row in rows:
            sheet.append([_safe(cell) for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for n, column in enumerate(sheet.columns):
            widest = max((len(str(cell.value or "")) for cell in column), default=0)
            sheet.column_dimensions[column[0].column_letter if n < len(rows[0]) else "A"].width = min(60, widest + 2)
        sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def paper_data(made: Figures, agency: str, fonds: str, items: Items, reasons: Reasons, scans: str) -> dict[str, Any]:
    """What stands on the paper (archive/forms/papers/report_period.toml); lists up to MOST_LINES lines."""
    def row(name: str, counted: Mapping[str, int]) -> dict[str, Any]:
        return {"fonds": name, **{key: counted[key] for key in _SHOWN}}

    data: dict[str, Any] = {
        "agency": agency.upper(), "period": made.period.vietnamese, "first": made.period.first.isoformat(),
        "last": made.period.last.isoformat(), "scope": f"; chỉ phông {fonds}" if fonds else "",
        "open_period": not made.complete,
        "items": [{"name": word[:1].upper() + word[1:], "count": count} for word, count in items],
        "reasons": [{"code": code, "text": text, "count": count} for code, text, count in reasons],
        "agencies": [*(row(of or "—", made.agencies[of]) for of in sorted(made.agencies)), row("Cộng", made.total)],
        "scan_sentence": scans,
        "scan_errors": [{"name": one.vi, "count": made.kinds[name], "article": one.article}
                        for name, one in kinds().items() if name in made.kinds]}
    for name, lines in (("unfiled", made.unfiled), ("overdue", made.overdue), ("open", made.open)):
        shown = [{**line, "since": _iso(line["since"])} if "since" in line else
                 {key: line[key] for key in ("code", "title", "due")} for line in lines[:MOST_LINES]]
        rest = f" {MOST_LINES} dòng đầu:" if len(lines) > MOST_LINES else ""
        data |= {name: shown, f"{name}_count": len(lines), f"{name}_rest": rest}
    return data


def _case_files(lines: Sequence[Mapping[str, str]]) -> list[list[Any]]:
    return [[_("Code"), _("Title"), _("Fonds"), _("Due")],
            *([one["code"], one["title"], one["fonds"], one["due"]] for one in lines)]


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _iso(stamp: str) -> str:
    return clock.in_vietnam(clock.parse(stamp)).date().isoformat()


def _day(stamp: str) -> str:
    return f"{clock.in_vietnam(clock.parse(stamp)):%d/%m/%Y}"
