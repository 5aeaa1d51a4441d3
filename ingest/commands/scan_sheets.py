"""`luutru scan sheets`: prints separator sheets (tờ phân cách) that say where a document begins in a long scan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.errors import UsageError
from archive.i18n import _
from archive.terminal import console, print_json

if TYPE_CHECKING:
    from ingest.sources.scan_printing import Printed

_MOST = 5000        # sheets of one file; a fonds is printed case file by case file


@click.command("sheets", help=_("Print separator sheets as PDF/A: of case files (H99.2026.03.VTLT), of single "
                                "documents (H99.2026.03.VTLT.5) or runs of them (H99.2026.03.VTLT.1-12), or of all "
                                "rows of a registry list."))
@click.argument("wanted", nargs=-1, metavar="CODE…")
@click.option("--list", "list_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help=_("registry list (CSV, XLSX, ODS, XLS) whose documents get a sheet each"))
@click.option("-o", "--output", required=True, metavar="FILE.pdf", type=click.Path(dir_okay=False, path_type=Path),
              help=_("where the sheets are written; a file that is there is not replaced without --replace"))
@click.option("--start/--no-start", default=True, help=_("a sheet before the first document of each case file, too"))
@click.option("--backs", is_flag=True, help=_("print the back of each sheet as well, for scanning both sides"))
@click.option("--replace", is_flag=True, help=_("replace the file that is there"))
@click.option("--dry-run", is_flag=True, help=_("only say which sheets it would be"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
def command(wanted: tuple[str, ...], list_file: Path | None, output: Path, start: bool, backs: bool, replace: bool,
            dry_run: bool, as_json: bool) -> None:
    """Print separator sheets. Raises UsageError for codes that are none and for a list without documents to name."""
    from archive import clock
    from ingest.sources.scan_printing import sheets_pdf

    if not wanted and list_file is None:
        raise UsageError(_("Name file codes, such as H99.2026.03.VTLT.1-12, or a list: --list FILE."))
    if output.exists() and not replace:
        raise UsageError(_("{file} is there already; choose another name, or --replace.").format(file=output))
    sheets, left = _from_list(list_file) if list_file is not None else ([], [])
    sheets += [sheet for code in wanted for sheet in _of(code)]
    sheets = _with_starts(sheets) if start else sheets
    if not sheets or len(sheets) > _MOST:
        raise UsageError(_("{n} sheets; print between 1 and {most} at a time.").format(n=len(sheets), most=_MOST))
    if not dry_run:
        from archive.files import write_atomically

        if not output.parent.is_dir():
            raise UsageError(_("There is no folder {folder}.").format(folder=output.parent))
        write_atomically(output, sheets_pdf(sheets, clock.now(), backs=backs))
    if as_json:
        print_json({"file": "" if dry_run else str(output), "left_out": left, "sheets": [
            {"kind": one.sheet.kind, "code": one.sheet.code, "ordinal": one.sheet.ordinal, "pages": one.sheet.count,
             "title": one.title} for one in sheets]})
        return
    for line in left:
        console().print(_("Row {line} names no document of a case file: no sheet.").format(line=line))
    said = _("{n} sheets would be printed.") if dry_run else _("{n} sheets: {file}")
    console().print(said.format(n=len(sheets), file=output), soft_wrap=True)


def _of(text: str) -> list[Printed]:
    """The sheets that an argument asks for. Raises UsageError."""
    from archive import codes
    from ingest.sources.scan_payload import Sheet
    from ingest.sources.scan_printing import Printed

    if code := codes.parse_file_code(text):
        return [Printed(Sheet("F", str(code)))]
    run = re.fullmatch(r"(?P<code>.+)\.(?P<first>[0-9]{1,7})(?:-(?P<last>[0-9]{1,7}))?", text)
    code = codes.parse_file_code(run["code"]) if run else None
    if run is None or code is None:
        raise UsageError(_("“{code}” is no file code, such as H99.2026.03.VTLT, and no document or run of one, such as "
                           "H99.2026.03.VTLT.5 or H99.2026.03.VTLT.1-12.").format(code=text))
    first, last = int(run["first"]), int(run["last"] or run["first"])
    if not 1 <= first <= last or last - first >= _MOST:
        raise UsageError(_("“{code}”: ordinals run from 1 upwards.").format(code=text))
    return [Printed(Sheet("D", str(code), ordinal)) for ordinal in range(first, last + 1)]


def _from_list(path: Path) -> tuple[list[Printed], list[int]]:
    """A sheet for each row that names a document, and the lines of the others. Raises UsageError."""
    from ingest.sources import registry
    from ingest.sources.scan_payload import Sheet
    from ingest.sources.scan_plan import code_of, count_of, ordinal_of
    from ingest.sources.scan_printing import Printed

    if not path.is_file():
        raise UsageError(_("There is no file {file}.").format(file=path))
    if not registry.is_list(path):
        raise UsageError(_("{file} is no registry list: its heading must name files and at least two more "
                           "columns.").format(file=path))
    made: list[Printed] = []
    left: list[int] = []
    places: dict[str, int] = {}
    for row in registry.read_list(path).rows:
        told: dict[str, Any] = {"file": row.file_name, "fields": row.fields}
        if not (code := code_of(told)):
            left.append(row.line)
            continue
        places[code] = max(ordinal_of(told), 0) or places.get(code, 0) + 1
        made.append(Printed(Sheet("D", code, places[code], count_of(told)), _title(row.fields)))
    return made, left


def _title(fields: dict[str, str]) -> str:
    number = "/".join(filter(None, (fields.get("codeNumber", ""), fields.get("codeNotation", ""))))
    return " · ".join(filter(None, (number, fields.get("subject", "")[:200])))


def _with_starts(sheets: list[Printed]) -> list[Printed]:
    """The sheets with one before the first document of each case file, which says how many there are."""
    from ingest.sources.scan_payload import Sheet
    from ingest.sources.scan_printing import Printed

    made: list[Printed] = []
    begun = {one.sheet.code for one in sheets if one.sheet.kind == "F"}
    for one in sheets:
        if one.sheet.code not in begun:
            begun.add(one.sheet.code)
            count = sum(other.sheet.code == one.sheet.code for other in sheets)
            made.append(Printed(Sheet("F", one.sheet.code, 0, count)))
        made.append(one)
    return made
