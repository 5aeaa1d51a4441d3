"""Reading a retention table from CSV, XLSX, ODS, XLS or YAML: its rows as they are worded, and what is wrong with it.

Nothing is corrected and nothing is guessed: a row whose period cannot be counted is reported, and with a refused
finding the table is not taken in. Which periods the law allows is Luật Lưu trữ 33/2024/QH15 Điều 15 khoản 3.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from archive.findings import Finding, finding
from archive.retention_text import LONGEST, SHORTEST, parse_retention
from archive.sheets import Sheet, UnreadableSheetError, columns_of, headings_of, read_sheets
from archive.spelling import fold
from retention.period import Kind

_HERE = Path(__file__).parent
SINCE = "2025-07-01"        # Luật Lưu trữ 33/2024/QH15 in force: tables from this day on must keep to its bounds
MOST_BYTES = 20 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_CODE = re.compile(r"[0-9A-Za-zĐđ]+(?:[.\-/][0-9A-Za-zĐđ]+)*")
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, the heading it stands under, what it covers, and the period as worded and as read."""

    code: str
    heading: str
    description: str
    period: str
    kind: Kind
    years: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A retention table as it was read, with what was found. `valid_to` is the last day, "" while none is known."""

    id: str = ""
    instrument: str = ""
    title: str = ""
    scope: str = ""
    valid_from: str = ""
    valid_to: str = ""
    approver: str = ""
    legacy: bool = False
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    subject: str
    rows: list[Row] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)        # folded code -> the line that has it
    headings: dict[str, str] = field(default_factory=dict)      # code of a row without period -> what it says
    group: str = ""
    findings: list[Finding] = field(default_factory=list)

    def report(self, code: str, **params: object) -> None:
        self.findings.append(finding(code, self.subject, **params))  # type: ignore[arg-type]


def shipped() -> Mapping[str, Path]:
    """The tables that come with the program, by their ids; all of them legacy ones."""
    return {path.stem: path for path in sorted(_HERE.glob("*.yaml"))}


def read_table(path: Path, **told: str) -> Table:
    """The retention table in the file at `path`, checked; `told` (id, instrument, …) goes before what the file says.

    A file that is no table gives one without rows and a refused finding. Raises OSError when it cannot be opened.
    """
    reading = _Reading(path.name)
    stated: dict[str, Any] = {}
    if path.suffix.lower() in (".yaml", ".yml"):
        stated = _read_yaml(path, reading)
    else:
        _read_sheet(path, reading)
    texts = {key: str(told.get(key) or stated.get(key) or "").strip() for key in (
        "id", "instrument", "title", "scope", "valid_from", "valid_to", "approver")}
    table = Table(texts["id"], texts["instrument"], texts["title"], texts["scope"], texts["valid_from"],
                  texts["valid_to"], texts["approver"], stated.get("legacy") is True, tuple(reading.rows))
    if not any(one.code in ("RETAIN-001", "RETAIN-002") for one in reading.findings):
        _check(table, reading)
    return replace(table, findings=tuple(reading.findings))


def _read_yaml(path: Path, reading: _Reading) -> dict[str, Any]:
    import yaml

    if path.stat().st_size > MOST_BYTES:
        reading.report("RETAIN-001", reason="tệp quá lớn", reason_en="the file is too large")
        return {}
    try:
        told = yaml.load(path.read_bytes().decode("utf-8-sig"), Loader=_loader())  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        reading.report("RETAIN-001", reason="không phải YAML hợp lệ (UTF-8)", reason_en="it is no valid YAML (UTF-8)")
        return {}
    if not isinstance(told, dict) or not isinstance(told.get("rows"), list):
        reading.report("RETAIN-002")
        return {}
    groups = {str(one.get("code", "")): str(one.get("name", "")) for one in told.get("groups") or ()
              if isinstance(one, dict)}
    for n, row in enumerate(told["rows"], 1):
        if not isinstance(row, dict):
            reading.report("RETAIN-005", row=n, number="")
            continue
        code = str(row.get("group") or "")
        reading.group = f"{code} {groups[code]}" if code in groups else code
        _take(reading, n, str(row.get("code") or ""), str(row.get("description") or ""), str(row.get("period") or ""))
    return told


@cache
def _loader() -> Any:
    """YAML without aliases, which can make a small file endless, and without dates, which are texts here."""
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not taken")
            return super().compose_node(parent, index)

    Plain.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag == "tag:yaml.org,2002:bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    return Plain


def _read_sheet(path: Path, reading: _Reading) -> None:
    try:
        sheets = read_sheets(path)
    except UnreadableSheetError as error:
        reading.report("RETAIN-001", reason=error.vi, reason_en=error.en)
        return
    found = False
    for sheet in sheets:
        for start, row in enumerate(sheet.rows):
            if columns := _columns(row):
                found = True
                _read_rows(sheet, start, columns, reading)
                break
    if not found:
        reading.report("RETAIN-002")


def _columns(row: tuple[str, ...]) -> dict[str, int]:
    """Where each column stands, empty when `row` is not the row of headings."""
    return columns_of(_headings(), _form()["required"]["columns"], row)


def _read_rows(sheet: Sheet, start: int, columns: Mapping[str, int], reading: _Reading) -> None:
    def cell(row: tuple[str, ...], name: str) -> str:
        index = columns.get(name)
        return row[index] if index is not None and index < len(row) else ""

    for number, row in enumerate(sheet.rows[start + 1:], start=start + 2):
        code, text, period = (cell(row, name) for name in ("code", "description", "period"))
        if not any(row) or _columns(row) or all(re.fullmatch(r"\(?[0-9]\)?", one) for one in row if one):
            continue                        # empty, the headings on a further page, or the row that numbers the columns
        if not period and (not code or re.fullmatch(r"[IVXLC]+[.)]?", code)):
            reading.group = " ".join(part for part in (code, text) if part)
            continue
        reading.group = cell(row, "group") or reading.group
        _take(reading, number, code, text, period)


def _take(reading: _Reading, number: int, code: str, description: str, period: str) -> None:
    """Take one row in, or say why not."""
    code, description = code.strip().rstrip("."), " ".join(description.split())
    if not code or len(code) > LONGEST_CODE or not _CODE.fullmatch(code) or not description:
        reading.report("RETAIN-005", row=number, number=code)
        return
    above = reading.headings.get(code.rpartition(".")[0], "")
    whole = f"{above}: {description}" if above else description
    if not period.strip():
        reading.headings[code] = whole
        return
    if (other := reading.places.get(fold(code))) is not None:
        reading.report("RETAIN-004", row=number, number=code, other=other)
        return
    reading.places[fold(code)] = number
    if (read := read_period(period)) is None:
        reading.report("RETAIN-006", row=number, number=code, period=period)
        return
    reading.rows.append(Row(code, reading.group, whole, " ".join(period.split()), *read))


def read_period(text: str) -> tuple[Kind, int] | None:
    """The period that a table words so: its kind and years (of an event: after it); None where it names none."""
    folded = fold(text)
    if any(re.search(rf"\b{word}\b", folded) for word in _form()["event"]["words"]):
        for word in _form()["after"]["words"]:
            if match := re.search(rf"\b(\d{{1,3}}) nam {word}\b", folded):
                return "event", int(match[1])
        return "event", 0
    period = parse_retention(text)
    if period is None or period.years == 0:
        return None
    return ("permanent", 0) if period.years is None else ("years", period.years)


# --- the table as a whole -------------------------------------------------------------------------------


def _check(table: Table, reading: _Reading) -> None:
    missing = [name for name in ("id", "instrument", "valid_from", "approver") if not getattr(table, name)]
    if table.id and not _ID.fullmatch(table.id):
        missing.append("id")
    days = {name: getattr(table, name) for name in ("valid_from", "valid_to") if getattr(table, name)}
    missing += [name for name, day in days.items() if not is_day(day)]
    if not missing and table.valid_to and table.valid_to < table.valid_from:
        missing.append("valid_to")
    if missing:
        reading.report("RETAIN-003", missing=", ".join(dict.fromkeys(missing)))
    if not table.rows:
        reading.report("RETAIN-002")
    _check_periods(table, reading)
    gaps = list(_gaps([row.code for row in table.rows] + list(reading.headings)))
    if gaps:
        reading.report("RETAIN-007", missing=", ".join(gaps[:20]) + (", …" if len(gaps) > 20 else ""))
    if table.legacy:
        reading.report("RETAIN-010", instrument=table.instrument)


def _check_periods(table: Table, reading: _Reading) -> None:
    new = not table.legacy and table.valid_from >= SINCE
    beyond = [row for row in table.rows if (row.kind == "years" or row.years) and not SHORTEST <= row.years <= LONGEST]
    for row in beyond:
        reading.report("RETAIN-008" if new else "RETAIN-009", row=reading.places[fold(row.code)], number=row.code,
                       period=row.period, shortest=SHORTEST, longest=LONGEST)
    events = [row.code for row in table.rows if row.kind == "event"]
    if events and new:
        reading.report("RETAIN-011", codes=", ".join(events[:20]) + (", …" if len(events) > 20 else ""),
                       count=len(events))


def is_day(text: str) -> bool:
    """Whether `text` is a day of the calendar as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _gaps(codes: Sequence[str]) -> Iterator[str]:
    """The numbers that are missing: of the whole rows from 1, of the parts of a row from .1 ("5.2" after "5.1")."""
    numbers: dict[str, set[int]] = {}
    for code in codes:
        above, _dot, last = code.rpartition(".")
        if last.isdecimal():
            numbers.setdefault(above, set()).add(int(last))
        while above:                # a part stands for the row it is a part of
            above, _dot, last = above.rpartition(".")
            if last.isdecimal():
                numbers.setdefault(above, set()).add(int(last))
    for above, found in sorted(numbers.items()):
        prefix = f"{above}." if above else ""
        for before, one in pairwise([0, *sorted(found)]):
            if one == before + 2:
                yield f"{prefix}{before + 1}"
            elif one > before + 2:
                yield f"{prefix}{before + 1}–{prefix}{one - 1}"


@cache
def _form() -> dict[str, Any]:
    with (_HERE / "form.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def _headings() -> Mapping[str, str]:
    return headings_of(_form())
