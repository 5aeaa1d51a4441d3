"""The lists of a scan job as people fill them in: case files with their counts, quality control, what came back.

Reads tables into plain rows and says what is wrong with each; what may then be done is asked elsewhere
(ingest/scan_gates.py). A row that bears a secrecy mark is named and nothing of it is kept. Words live in
scan_lists.toml.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from archive.codes import parse_file_code
from archive.findings import Finding, Level, finding
from archive.scan_acts import CLASSES, QUANTITIES
from archive.sheets import UnreadableSheetError, headings_of, read_sheets
from archive.spelling import fold, plain
from ingest.secrecy import secrecy_findings

_FORMS = Path(__file__).with_suffix(".toml")
_HEAD_ROWS = 40             # rows in which the heading is looked for
_COUNT = re.compile(r"\d{1,3}(?:[.,]\d{3})+|\d{1,7}(?:[.,]0)?")
_LONGEST = 2_000            # letters of one cell that are kept
_SECRET = ("CHECK-060", "CHECK-062", "CHECK-063")


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of a list under the names of their columns, each with its line in the file as `line`, and the findings."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def secret(self) -> bool:
        """Whether a row bears a secrecy mark: then the file may not be kept."""
        return any(one.code == "SCAN-006" for one in self.findings)


def read_files(path: Path) -> Listed:
    """The case files of a list: code, box, title, counts, condition, treatment (done, not_needed, needed or ""), note.

    Raises OSError when the file cannot be opened; whatever it holds becomes findings.
    """
    read, box = _read(path, "files"), ""
    kept: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for row in read.rows:
        name = _place(path, row)
        if _secret(row, name, read.findings):
            continue
        box = row["box"] = row["box"] or box        # merged cells: the box stands in its first row only
        if not _code(row, name, read.findings):
            continue
        if row["code"] in seen:
            read.findings.append(finding("SCAN-004", name, code=row["code"], where=f"dòng {seen[row['code']]}",
                                         where_en=f"line {seen[row['code']]}"))
            continue
        seen[row["code"]] = row["line"]
        for what in QUANTITIES[2:]:
            row[what] = _count(row[what], what, name, read.findings, needed=what == "sheets")
        row["treatment"] = _word("treatment", row["treatment"]) or ("needed" if row["treatment"] else "")
        kept.append({key: row[key] for key in ("code", "box", "title", *QUANTITIES[2:], "condition", "treatment",
                                               "note")})
    return Listed(kept, read.findings)


def read_checked(path: Path, round_: Mapping[str, Any]) -> tuple[dict[str, str], list[dict[str, Any]], list[Finding]]:
    """The filled-in list of a round of quality control: verdicts by document, errors, findings about its rows.

    Raises OSError when the file cannot be opened.
    """
    read = _read(path, "qc")
    known = {one["code"]: int(one["pages"]) for one in round_["documents"]}
    numbers = {str(one["n"]): one["document"] for one in round_["errors"]}
    verdicts: dict[str, str] = {}
    errors: list[dict[str, Any]] = []

    def wrong(row: Mapping[str, Any], what: str, what_en: str) -> None:
        read.findings.append(finding("SCAN-018", _place(path, row), what=what, what_en=what_en))

    for row in read.rows:
        code = row["document"]
        if code not in known:
            wrong(row, f"“{code}” không có trong đợt kiểm tra này", f"“{code}” is not in this round")
            continue
        verdict = _word("verdict", row["verdict"])
        described = row["class"] or row["text"] or row["n"]
        if row["verdict"] and not verdict:
            wrong(row, f"không hiểu kết quả “{row['verdict']}”", f"the verdict “{row['verdict']}” is not understood")
            continue
        if verdict:
            verdicts[code] = "failed" if "failed" in (verdict, verdicts.get(code)) else verdict
        if not described:
            if verdict == "failed":
                wrong(row, "không đạt nhưng không nêu lỗi", "it failed, but no error is described")
            continue
        of, state = _word("class", row["class"]), _word("state", row["state"])
        number = int(row["n"]) if numbers.get(row["n"]) == code else 0
        if of not in CLASSES:
            wrong(row, f"không hiểu loại lỗi “{row['class']}”", f"the class of error “{row['class']}” is not known")
        elif row["n"] and not number:
            wrong(row, f"tài liệu này không có lỗi số {row['n']}", f"this document has no error {row['n']}")
        elif not state:
            wrong(row, f"không hiểu tình trạng khắc phục “{row['state']}”", f"the state “{row['state']}” is not known")
        elif not row["text"]:
            wrong(row, "chưa mô tả lỗi", "the error is not described")
        elif (beyond := _beyond(row["pages"], known[code])):
            wrong(row, f"trang {beyond} không có trong tài liệu", f"the document has no page {beyond}")
        elif state == "dismissed" and not row["note"]:
            wrong(row, "bác bỏ lỗi phải ghi rõ lý do ở cột Ghi chú", "a dismissed error needs its reason as a note")
        else:
            verdicts.setdefault(code, "failed")
            errors.append({"n": number, "document": code, "class": of, "pages": row["pages"], "text": row["text"],
                           "state": state, "note": row["note"]})
    return verdicts, errors, read.findings


def read_returned(path: Path) -> tuple[dict[str, tuple[int, str]], list[Finding]]:
    """The sheets counted and the remark at the return, by file code. Raises OSError."""
    read = _read(path, "returned")
    counts: dict[str, tuple[int, str]] = {}
    for row in read.rows:
        name = _place(path, row)
        if not _code(row, name, read.findings):
            continue
        if row["code"] in counts:
            read.findings.append(finding("SCAN-004", name, code=row["code"], where="cùng danh sách",
                                         where_en="the same list"))
            continue
        # A sheet that is missing is told as 0; an empty cell is no count.
        counts[row["code"]] = (_count(row["sheets"], "sheets", name, read.findings, needed=True, zero=True),
                               row["note"])
    return counts, read.findings


def damage(condition: str) -> str:
    """The kind of damage that the words of a condition name (stuck, torn, faded, other); "" for none."""
    table = _forms()["condition"]
    words = plain(condition).split()
    if condition.isascii():
        words = [fold(word) for word in words]
    shape = fold if condition.isascii() else plain
    no = {shape(word) for word in table["no"]}
    for kind in ("stuck", "torn", "faded", "other"):
        names = {shape(unicodedata.normalize("NFC", word)) for word in table[kind]}
        if any(word in names and (n == 0 or words[n - 1] not in no) for n, word in enumerate(words)):
            return kind
    return ""


# --- steps -------------------------------------------------------------------------------------------------


@cache
def _forms() -> Mapping[str, Any]:
    with _FORMS.open("rb") as stream:
        return tomllib.load(stream)


def _read(path: Path, form: str) -> Listed:
    """The rows below the heading of the first sheet that has one, under the names of the form's columns."""
    table = _forms()[form]
    try:
        sheets = read_sheets(path)
    except UnreadableSheetError as error:
        return Listed([], [finding("SCAN-019", path.name, why=error.vi, why_en=error.en)])
    names, needed = headings_of(table), set(table["required"]["columns"])
    for sheet in sheets:
        for start, row in enumerate(sheet.rows[:_HEAD_ROWS]):
            columns: dict[str, int] = {}
            for n, cell in enumerate(row):
                if (name := names.get(fold(cell))) is not None:
                    columns.setdefault(name, n)
            if needed <= columns.keys():
                return Listed(list(_rows(sheet.rows, start, columns, tuple(table["columns"]))), [])
    wanted = ", ".join(f"“{table['columns'][name][0]}”" for name in table["required"]["columns"])
    return Listed([], [finding("SCAN-019", path.name, why=f"không thấy các cột {wanted}",
                               why_en=f"it has no columns {wanted}")])


def _rows(rows: Sequence[Sequence[str]], start: int, columns: Mapping[str, int], names: Sequence[str],
          ) -> Iterator[dict[str, Any]]:
    closing, closed = _forms()["words"]["closing"], False
    key = names[0]
    for number, row in enumerate(rows[start + 1:], start + 2):
        told = [cell for cell in row if cell]
        # Empty rows, the row (1) (2) (3) beneath a heading, and headings between rows are no rows of the list.
        if len(told) < 2 or all(re.fullmatch(r"\(?\d{1,2}\)?", cell) for cell in told):
            closed |= bool(told) and fold(told[0]) in closing
            continue
        closed |= fold(told[0]) in closing or (fold(told[0]).startswith(("tong cong", "tong so")) and not (
            columns[key] < len(row) and row[columns[key]]))
        if closed and not (columns[key] < len(row) and any(map(str.isdecimal, row[columns[key]]))):
            continue                # totals, who gave and who received
        yield {"line": number, **{name: _cell(row, columns.get(name)) for name in names}}


def _cell(row: Sequence[str], at: int | None) -> str:
    """A cell as it is kept: one line, without signs that control text, within bounds."""
    text = row[at] if at is not None and at < len(row) else ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_LONGEST]


def _place(path: Path, row: Mapping[str, Any]) -> str:
    return f"{path.name}:{row['line']}"


def _secret(row: Mapping[str, Any], name: str, findings: list[Finding]) -> bool:
    """Whether the row bears a secrecy mark in any of its cells; the finding never repeats the row."""
    told = {key: value for key, value in row.items() if isinstance(value, str) and (value or key == "secrecy")}
    if any(one.code in _SECRET for one in secrecy_findings(told, "", name)):
        findings.append(finding("SCAN-006", name))
        return True
    return False


def _code(row: dict[str, Any], name: str, findings: list[Finding]) -> bool:
    code = parse_file_code(row["code"], inventory=True)
    if code is None:
        findings.append(finding("SCAN-003", name, code=row["code"]))
        return False
    row["code"] = str(code)
    return True


def _count(text: str, what: str, name: str, findings: list[Finding], *, needed: bool, zero: bool = False) -> int:
    """The count in a cell; 0 with a finding for what is none. An empty cell is a fault only where it is `needed`."""
    if not text and not needed:
        return 0
    if _COUNT.fullmatch(text):
        number = int(re.sub(r"[.,]", "", text[:-2] if re.fullmatch(r"\d+[.,]0", text) else text))
        if number or zero or not needed:
            return number
    words = {"documents": ("số văn bản", "documents"), "sheets": ("số tờ", "sheets"), "pages": ("số trang", "pages")}
    findings.append(finding("SCAN-005", name, what=words[what][0], what_en=words[what][1], value=text))
    return 0


def _word(table: str, text: str) -> str:
    """The value that a word of a list means; "" for none. An empty cell means a value only where the table says so."""
    wanted = fold(text)
    return next((value for value, words in _forms()["words"][table].items() if wanted in words), "")


def _beyond(told: str, pages: int) -> str:
    """The first number among the pages told that the document does not have; "" when all are there, or unknown."""
    if not pages:
        return ""
    return next((one for one in re.findall(r"\d+", told) if not 1 <= int(one[:9]) <= pages), "")


def refused(findings: Sequence[Finding]) -> bool:
    """Whether the findings refuse what was asked."""
    return any(one.level >= Level.refused for one in findings)
