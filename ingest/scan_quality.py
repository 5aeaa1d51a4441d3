"""Quality control of a scan job: its scans with what is known of them, the list to be checked, and the list as a file.

Reads catalogue and records and changes nothing. Which documents a sample takes is this system's convention; TT
05/2025/TT-BNV Đ9 asks for the check and for its two classes of errors.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model, records
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.files import write_atomically
from archive.i18n import _
from archive.opening import Archive
from archive.scan_jobs import Job
from ingest.digitise import defects, text_quality
from ingest.digitised import SIGNED, copies_holding, is_scan, of_job

HEADER = ("STT", "Mã tài liệu", "Trích yếu", "Số trang", "Chất lượng chữ", "Hệ thống phát hiện", "Kết quả kiểm tra",
          "Lỗi số", "Loại lỗi", "Trang lỗi", "Mô tả lỗi", "Khắc phục", "Ghi chú")
FORMATS = (".xlsx", ".csv")
_WIDTHS = (6, 30, 44, 9, 10, 26, 16, 8, 12, 10, 40, 16, 30)
_WORDS = {"passed": "đạt", "failed": "không đạt", "": "", "scan": "số hóa", "catalogue": "biên mục", "open": "",
          "corrected": "đã sửa", "rechecked": "đã kiểm tra lại", "dismissed": "bác bỏ"}
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Scan:
    """One stored scan of a job. `score`: text quality of its worst page, 0 to 1; None: nothing to judge.

    `hints`: codes of the findings that are errors of scanning or cataloguing; `copies`: how many copies of the archive
    are known to hold it, of `of_copies` that are configured.
    """

    code: str
    case_file: str
    ordinal: int
    item: str
    pages: int
    subject: str
    signed: bool
    copies: int
    of_copies: int
    hints: tuple[str, ...] = ()
    score: float | None = None


def scans(session: Session, archive: Archive, job: Job) -> list[Scan]:
    """The stored scans of a job, by their codes, without text quality (`with_scores` adds it)."""
    held = copies_holding(archive)
    rows = session.execute(select(
        model.Document.code, model.Document.case_file, model.Document.ordinal, model.Document.item,
        model.Document.pages, model.Document.subject, model.Document.legal_value, model.Document.version,
        model.CaseFile.object_id).join(model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            is_scan(), of_job(job)).order_by(model.Document.code)).all()
    hints = _hints(session, [row.item for row in rows])
    return [Scan(row.code, row.case_file, row.ordinal, row.item, row.pages, row.subject, row.legal_value in SIGNED,
                 *held(row.object_id, row.version), tuple(hints.get(row.item, ()))) for row in rows]


def with_scores(archive: Archive, found: Sequence[Scan]) -> list[Scan]:
    """The scans with the text quality of their worst page, worst first; those that cannot be judged come last."""
    wanted: dict[str, list[Scan]] = {}
    for scan in found:
        wanted.setdefault(scan.case_file, []).append(scan)
    scores: dict[str, float | None] = {}
    for code, some in wanted.items():
        for record in records.read_documents(archive.store, code, [one.ordinal for one in some]):
            scores[record["code"]] = _score(record.get("digitised", {}))
    judged = [Scan(**{name: getattr(one, name) for name in Scan.__slots__} | {"score": scores.get(one.code)})
              for one in found]
    return sorted(judged, key=worst_first)


def worst_first(scan: Scan) -> tuple[Any, ...]:
    """The order of a list to be checked: errors that the system saw and poor text first, then by code."""
    return (scan.score if scan.score is not None else 1.0, -len(scan.hints), scan.code)


def sample(found: Sequence[Scan], percent: float, seed: str) -> list[Scan]:
    """So many per cent of the scans (at least one), worst first.

    Half are the worst ones; the other half is drawn from the rest by SHA-256 of `seed` and code: the same for everyone
    who draws again, and nobody's choice.
    """
    wanted = min(len(found), max(1, ceil(len(found) * percent / 100)))
    ordered = sorted(found, key=worst_first)
    worst, rest = ordered[:ceil(wanted / 2)], ordered[ceil(wanted / 2):]
    drawn = sorted(rest, key=lambda one: hashlib.sha256(f"{seed}\x1f{one.code}".encode()).digest())
    return sorted([*worst, *drawn[:wanted - len(worst)]], key=worst_first)


def as_entry(scan: Scan) -> dict[str, Any]:
    """What a round of quality control keeps of a scan; the score in thousandths, -1: nothing to judge."""
    return {"code": scan.code, "case_file": scan.case_file, "pages": scan.pages, "subject": scan.subject,
            "hints": list(scan.hints), "score": -1 if scan.score is None else round(scan.score * 1000)}


def write_list(round_: Mapping[str, Any], target: Path) -> int:
    """Write a round as a list to fill in (.xlsx or .csv), with what was taken in so far; the number of its rows.

    Raises UsageError for another ending.
    """
    rows = list(_rows(round_))
    match target.suffix.lower():
        case ".xlsx":
            write_atomically(target, _workbook(rows, f"{round_['job']} – {round_['round']}"))
        case ".csv":
            out = io.StringIO(newline="")
            writer = csv.writer(out)
            writer.writerow(HEADER)
            # A subject comes from a document that anyone can write: no spreadsheet may take it for a formula.
            writer.writerows([[f"'{cell}" if str(cell).startswith(_FORMULA) else cell for cell in row] for row in rows])
            write_atomically(target, b"\xef\xbb\xbf" + out.getvalue().encode())
        case other:
            raise UsageError(_("a list is written as .xlsx or .csv, not as “{suffix}”").format(suffix=other))
    return len(rows)


# --- steps -------------------------------------------------------------------------------------------------


def _hints(session: Session, items: Sequence[str]) -> dict[str, list[str]]:
    wanted, found = list(defects.codes()), dict[str, list[str]]()
    for start in range(0, len(items), SOME):
        for row in session.execute(select(model.ItemFinding.item, model.ItemFinding.code).where(
                model.ItemFinding.item.in_(items[start:start + SOME]), model.ItemFinding.code.in_(wanted))
                .order_by(model.ItemFinding.item, model.ItemFinding.n)):
            if row.code not in found.setdefault(row.item, []):
                found[row.item].append(row.code)
    return found


def _score(digitised: Mapping[str, Any]) -> float | None:
    """The text quality of the worst page, attachments included."""
    parts: Iterable[Mapping[str, Any]] = [digitised, *digitised.get("attachments", [])]
    judged = [value for part in parts for page in part.get("pages", [])
              if (value := text_quality.review(page)) is not None]
    return min(judged, default=None)


def _rows(round_: Mapping[str, Any]) -> Iterable[list[Any]]:
    errors: dict[str, list[Mapping[str, Any]]] = {}
    for error in round_["errors"]:
        errors.setdefault(error["document"], []).append(error)
    for number, one in enumerate(round_["documents"], 1):
        about = [number, one["code"], one["subject"], one["pages"],
                 "" if one["score"] < 0 else f"{one['score'] / 1000:.2f}".replace(".", ","), " ".join(one["hints"]),
                 _WORDS[one["verdict"]]]
        for error in errors.get(one["code"], [None]):
            yield [*about, *(["", "", "", "", "", ""] if error is None else [
                error["n"], _WORDS[error["class"]], error["pages"], error["text"], _WORDS[error["state"]],
                error["note"]])]


def _workbook(rows: Sequence[Sequence[Any]], title: str) -> bytes:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title[:31]
    sheet.append(HEADER)
    for cell in sheet[1]:
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, horizontal="center", vertical="center")
    for n, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(n, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"            # text, also what begins like a formula
                cell.alignment = Alignment(wrap_text=True, vertical="top")
    for column, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    for letter, words in (("G", ("đạt", "không đạt")), ("I", ("số hóa", "biên mục")),
                          ("L", ("đã sửa", "đã kiểm tra lại", "bác bỏ"))):
        choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
        sheet.add_data_validation(choice)
        choice.add(f"{letter}2:{letter}{len(rows) + 200}")
    sheet.freeze_panes = "C2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
