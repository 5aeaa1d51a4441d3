"""Reading an agency's file plan (danh mục hồ sơ) in the form of NĐ 30/2020/NĐ-CP Phụ lục V.

Takes the entries as the agency approved them: nothing is renumbered, retitled or added. What is missing,
doubled or beyond the law is reported with its row; a row that can give no file code is left out and said so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from archive.codes import Notation, parse_notation
from archive.findings import Finding, finding
from archive.retention_text import parse_retention
from archive.sheets import Sheet, UnreadableSheetError, columns_of, headings_of, read_sheets
from archive.spelling import fold

FORM = Path(__file__).with_name("file_plan.toml")
# The sign after the numeral tells "VI. Kế toán" from "VI PHẠM HÀNH CHÍNH".
_ROMAN = re.compile(r"(?P<number>[IVXLC]+)\s*[.):/-]\s*(?P<name>\S.*)", re.DOTALL)
_ROMAN_ALONE = re.compile(r"(?P<number>[IVXLC]+)\s*[.):]?")
_SUBHEADING = re.compile(r"(?:[0-9]{1,2}|[a-zđ])\s*[.)]\s*\S.*", re.DOTALL)
LONGEST_NOTATION = 30                    # what the catalogue holds; NĐ 30/2020/NĐ-CP Phụ lục VI allows 20
Numbering = Literal["through", "by_heading", "mixed", ""]
_COLUMN_NUMBER = re.compile(r"\(?[0-9]\)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One case file that the plan foresees.

    `heading`: the main heading and subheading it stands under, joined by " / ". `retention_years` is None
    for permanent files and for a period that is not a number of years (then `permanent` is False).
    """

    notation: str
    title: str
    heading: str
    retention_text: str
    retention_years: int | None
    permanent: bool
    keeper: str
    note: str


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file plan: its year (None when neither the file nor the caller says it), entries, what was found.

    `numbering`: how its ordinals run (NĐ 30/2020/NĐ-CP Phụ lục V allows the first two); "" without entries.
    """

    year: int | None
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    numbering: Numbering = ""

    def entry(self, notation: str) -> Entry | None:
        """The entry of `notation`; padding of the ordinal and case do not matter."""
        wanted = parse_notation(notation, loose=True)
        if wanted is None:
            return None
        return next((entry for entry in self.entries
                     if _key(parse_notation(entry.notation)) == _key(wanted)), None)


@dataclass(slots=True)
class _Reading:
    """What has been read so far of one plan."""

    subject: str
    columns: Mapping[str, int]
    heading: str = ""
    subheading: str = ""
    entries: list[Entry] = field(default_factory=list)
    rows: dict[tuple[int, str], int] = field(default_factory=dict)     # notation -> row that has it
    numbers: dict[str, list[Notation]] = field(default_factory=dict)   # main heading -> its notations in their order
    closing: str = ""
    findings: list[Finding] = field(default_factory=list)

    def cell(self, row: tuple[str, ...], column: str) -> str:
        index = self.columns.get(column)
        return row[index] if index is not None and index < len(row) else ""

    def report(self, code: str, **params: object) -> None:
        self.findings.append(finding(code, self.subject, **params))  # type: ignore[arg-type]


def read_file_plan(path: Path, year: int | None = None) -> FilePlan:
    """The file plan in the CSV, XLSX, ODS or XLS file at `path`; `year` goes before the year in its title.

    A file that is no plan gives a plan without entries and a refused finding. Raises OSError when the file
    cannot be opened.
    """
    try:
        sheets = read_sheets(path)
    except UnreadableSheetError as error:
        return FilePlan(year, (), (finding("PLAN-001", path.name, reason=error.vi, reason_en=error.en),))
    for sheet in sheets:
        for start, row in enumerate(sheet.rows):
            if columns := _columns(row):
                return _read(sheet, start, _Reading(path.name, columns), year)
    return FilePlan(year, (), (finding("PLAN-002", path.name),))


def _read(sheet: Sheet, start: int, reading: _Reading, year: int | None) -> FilePlan:
    if sheet.encoding == "cp1258":
        reading.report("PLAN-014", encoding="Windows-1258")
    year = _year(sheet.rows[:start], reading, year)
    for number, row in enumerate(sheet.rows[start + 1:], start=start + 2):
        line = fold(" ".join(row))
        if any(line.startswith(mark) for mark in _form()["marks"]["closing"]):
            reading.closing = " ".join(fold(" ".join(cells)) for cells in sheet.rows[number - 1:])
            break
        _read_row(reading, number, row)
    if not reading.entries:
        reading.report("PLAN-017")
    numbering = _check_numbering(reading)
    _check_totals(reading)
    return FilePlan(year, tuple(reading.entries), tuple(reading.findings), numbering)


def _columns(row: tuple[str, ...]) -> dict[str, int]:
    """Where each column of the form stands, empty when `row` is not the heading row."""
    return columns_of(_headings(), _form()["required"]["columns"], row)


def _year(title: tuple[tuple[str, ...], ...], reading: _Reading, given: int | None) -> int | None:
    text = fold(" ".join(" ".join(row) for row in title))
    years = re.findall(_form()["marks"]["year"], text)
    # A date of issue ("ngày … tháng … năm 2025") is not the year of the plan.
    issued = re.findall(r"thang (?:\d+ )?(nam \d{4})", text)
    for date in issued:
        if date in years:
            years.remove(date)
    found = int(years[0][-4:]) if years else None
    if given is None and found is None:
        reading.report("PLAN-003")
    elif given is not None and found is not None and given != found:
        reading.report("PLAN-004", found=found, year=given)
    return found if given is None else given


def _read_row(reading: _Reading, number: int, row: tuple[str, ...]) -> None:
    if not any(row) or all(_COLUMN_NUMBER.fullmatch(cell) for cell in row if cell):
        return                                    # empty, or the row that numbers the columns
    notation, title = reading.cell(row, "notation"), reading.cell(row, "title")
    if notation and sum(map(bool, row)) == 1 and parse_notation(notation, loose=True) is None \
            and not _ROMAN_ALONE.fullmatch(notation):
        notation, title = "", notation            # a heading in a cell merged over the whole row
    if heading := _main_heading(notation, title, reading.cell(row, "retention")):
        reading.heading, reading.subheading = heading, ""
    elif notation:
        _read_entry(reading, number, row, notation, title)
    elif reading.cell(row, "retention") or reading.cell(row, "keeper"):
        reading.report("PLAN-005", row=number, title=title)
    elif title and _SUBHEADING.fullmatch(title):
        reading.subheading = title
    elif title:
        reading.report("PLAN-015", row=number, title=title)
        reading.heading, reading.subheading = title, ""


def _main_heading(notation: str, title: str, retention: str) -> str:
    """The main heading that the row is, "I. VĂN THƯ"; "" when it is none."""
    if retention:
        return ""
    match = _ROMAN.fullmatch(title)
    if alone := _ROMAN_ALONE.fullmatch(notation):
        name = match["name"] if match and match["number"] == alone["number"] else title
        return f"{alone['number']}. {name}" if name else alone["number"]
    return f"{match['number']}. {match['name']}" if match and not notation else ""


def _read_entry(reading: _Reading, number: int, row: tuple[str, ...], text: str, title: str) -> None:
    notation = parse_notation(text, loose=True)
    if notation is None or len(str(notation)) > LONGEST_NOTATION:
        reading.report("PLAN-006", row=number, notation=text)
        return
    if _key(notation) in reading.rows:
        reading.report("PLAN-008", row=number, notation=text, other=reading.rows[_key(notation)])
        return
    if str(notation) != text:
        reading.report("PLAN-007", row=number, notation=text, reading=str(notation))
    if not title:
        reading.report("PLAN-010", row=number, notation=str(notation))
    reading.rows[_key(notation)] = number
    reading.numbers.setdefault(reading.heading, []).append(notation)
    words = reading.cell(row, "retention")
    period = parse_retention(words)
    if not words:
        reading.report("PLAN-011", row=number, notation=str(notation))
    elif period is None:
        reading.report("PLAN-012", row=number, notation=str(notation), value=words)
    elif not period.within_law:
        reading.report("PLAN-013", row=number, notation=str(notation), value=words)
    heading = " / ".join(part for part in (reading.heading, reading.subheading) if part)
    reading.entries.append(Entry(
        notation=str(notation), title=" ".join(title.split()), heading=heading, retention_text=words,
        retention_years=period.years if period else None, permanent=bool(period and period.permanent),
        keeper=reading.cell(row, "keeper"), note=reading.cell(row, "note")))


def notation_key(text: str) -> tuple[int, str]:
    """Under which two notations are the same one: padding, case and the sign between the parts aside."""
    return _key(parse_notation(text, loose=True))


def _key(notation: Notation | None) -> tuple[int, str]:
    """Under which two notations are the same: padding and case aside."""
    return (0, "") if notation is None else (notation.ordinal, notation.heading.casefold())


# --- the list as a whole --------------------------------------------------------------------------------


def _check_numbering(reading: _Reading) -> Numbering:
    """How the ordinals run: through the whole list, or from 1 under each main heading; gaps, disorder, a mixture."""
    headings = {name: [one.ordinal for one in found] for name, found in reading.numbers.items()}
    for name, found in reading.numbers.items():
        used = list(dict.fromkeys(one.heading for one in found))
        if name and len(used) > 1:
            reading.report("PLAN-020", heading=name, abbreviations=", ".join(used))
    restarted = [name for name, numbers in list(headings.items())[1:] if min(numbers) == 1]
    continued = [name for name, before in zip(list(headings)[1:], headings.values(), strict=False)
                 if min(headings[name]) == max(before) + 1]
    if restarted and continued:
        reading.report("PLAN-018", restarted=_quoted(restarted), continued=_quoted(continued))
    if restarted:
        for name, numbers in headings.items():
            _report_disorder(reading, reading.numbers[name])
            _report_gaps(reading, numbers, f"trong đề mục “{name}”", f"under “{name}”",
                         min(numbers) if name in continued else 1)
        return "mixed" if continued else "by_heading"
    everything = [one for found in reading.numbers.values() for one in found]
    _report_disorder(reading, everything)
    _report_gaps(reading, [one.ordinal for one in everything], "trong toàn danh mục", "of the whole plan")
    return "through" if everything else ""


def _quoted(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _report_disorder(reading: _Reading, notations: list[Notation]) -> None:
    """The first ordinal that stands after a higher one: where one row slipped, all that follow would be told too."""
    for before, one in pairwise(notations):
        if one.ordinal < before.ordinal:
            reading.report("PLAN-019", row=reading.rows[_key(one)], notation=str(one))
            return


def _report_gaps(reading: _Reading, numbers: list[int], scope: str, scope_en: str, first: int = 1) -> None:
    present = set(numbers)
    missing = list(_ranges(number for number in range(first, max(present, default=0)) if number not in present))
    if missing:
        reading.report("PLAN-009", scope=scope, scope_en=scope_en, missing=", ".join(missing))


def _ranges(numbers: Iterator[int]) -> Iterator[str]:
    """Numbers as a person lists them: "3", "7–9"."""
    run: list[int] = []
    for number in numbers:
        if run and number != run[-1] + 1:
            yield str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}"
            run = []
        run.append(number)
    if run:
        yield str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}"


def _check_totals(reading: _Reading) -> None:
    """The totals that the closing line states against what was counted."""
    counted = {"total": len(reading.entries), "permanent": sum(entry.permanent for entry in reading.entries)}
    counted["limited"] = sum(bool(entry.retention_text) and not entry.permanent for entry in reading.entries)
    kinds = {"total": ("nói chung", "in all"), "permanent": ("bảo quản vĩnh viễn", "kept permanently"),
             "limited": ("bảo quản có thời hạn", "kept for a time")}
    for name, (kind, kind_en) in kinds.items():
        match = re.search(_form()["marks"][name], reading.closing)
        if match and int(match["n"]) != counted[name]:
            reading.report("PLAN-016", stated=int(match["n"]), counted=counted[name],
                           kind=kind, kind_en=kind_en)


@cache
def _form() -> dict[str, Any]:
    with FORM.open("rb") as stream:
        return tomllib.load(stream)


@cache
def _headings() -> Mapping[str, str]:
    return headings_of(_form())
