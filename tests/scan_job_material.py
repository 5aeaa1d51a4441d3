"""Scan jobs to test with: an archive with stored scans, lists as people write them, and the acts as one call each."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import select

from archive import model
from archive.opening import Archive
from cli import luutru
from tests.stored_documents import store_documents

JOB = "SH.2026.01"
FILES = ("H99.2026.01.VP", "H99.2026.02.VP")
HEADING = ["STT", "Hộp số", "Mã hồ sơ", "Tiêu đề hồ sơ", "Số văn bản", "Số tờ", "Tình trạng vật lý", "Xử lý", "Ghi chú"]
PLAN = ("--title", "Hồ sơ năm 2026 của Văn phòng", "--decision", "125/QĐ-SNV", "--decision-date", "01/11/2026",
        "--operator", "Nguyễn Văn Quét", "--device", "Máy quét số 01", "--start", "01/11/2026")
PEOPLE = ("--from", "Trần Thị Kho", "--from-role", "Lưu trữ viên", "--to", "Nguyễn Văn Quét", "--to-role", "Tổ số hóa")
EXPLAINED = ("--explain", "Đã đối chiếu với bản giấy")


def store_scans(archive: Archive, each: int = 3, pages: int = 2) -> None:
    """Two case files with so many scanned, signed documents each; one document was not scanned."""
    for code in FILES:
        store_documents(archive, [{"subject": f"Văn bản số {n}"} for n in range(each)], code=code)
    store_documents(archive, [{"subject": "=HYPERLINK(1)"}], code=FILES[1])
    with archive.catalogue.session() as session:
        for row in session.scalars(select(model.Document)):
            row.pages = pages
            row.legal_value = "" if row.subject.startswith("=") else "signed_copy"


def write_csv(path: Path, rows: Sequence[Sequence[object]], heading: Sequence[str] = HEADING) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([heading, *rows])
    return path


def file_list(path: Path, *changed: Sequence[object]) -> Path:
    """The list of both case files, three documents and four sheets each; `changed` rows take the place of them."""
    return write_csv(path, changed or [[n, "01", code, f"Hồ sơ số {n}", 3, 4, "Tốt", "", ""]
                                       for n, code in enumerate(FILES, 1)])


def run(root: Path, *args: str, code: int = 0) -> Any:
    """`luutru scan …` with --json; the answer, after the exit code was looked at."""
    done = CliRunner().invoke(luutru, ["--root", str(root), "scan", *args, "--json"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def codes(answer: Any) -> list[str]:
    return [one["code"] for one in answer["findings"]]


def handed_over(archive: Archive, folder: Path, *changed: Sequence[object]) -> Path:
    """A job whose case files are handed over; the archive's folder."""
    root = archive.settings.root
    run(root, "new", JOB, *PLAN)
    run(root, "import", JOB, str(file_list(folder / "giao.csv", *changed)))
    run(root, "hand-over", JOB, *PEOPLE)
    return root


def fill_in(target: Path, *errors: dict[str, str], verdict: str = "đạt") -> Path:
    """Fill a list of quality control in: `errors` by document and column, all others `verdict`."""
    rows = list(csv.DictReader(target.read_text(encoding="utf-8-sig").splitlines()))
    wrong = {one["Mã tài liệu"]: one for one in errors}
    with target.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows:
            told = {"Kết quả kiểm tra": verdict} if row["Mã tài liệu"] not in wrong else {
                "Kết quả kiểm tra": "không đạt", **wrong[row["Mã tài liệu"]]}
            writer.writerow({**row, **told})
    return target


def checked(archive: Archive, folder: Path, *errors: dict[str, str]) -> Path:
    """A job whose quality was checked; the archive's folder."""
    root, target = handed_over(archive, folder), folder / "kiem-tra.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target, *errors)))
    return root
