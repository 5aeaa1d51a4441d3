"""The lists that come with the inbox: the register as XLSX, the list of scans as CSV, the file plan as XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from openpyxl import Workbook

from samples.making.office import table_file
from samples.making.typeset import Document

REGISTER = "danh-sach-van-ban.xlsx"
SCANS = "quet/danh-sach-quet.csv"
COLUMNS = ("STT", "Tên tệp", "Mã hồ sơ", "Số", "Ký hiệu", "Ngày ban hành", "Cơ quan ban hành", "Loại văn bản",
           "Trích yếu", "Số trang", "Ngôn ngữ", "Thời hạn bảo quản", "Chế độ sử dụng", "Mức độ tin cậy",
           "Người ký", "Chức vụ người ký", "Ngày đến", "Ghi chú")
WIDTHS = (5, 44, 20, 8, 18, 13, 28, 14, 60, 8, 12, 14, 13, 14, 20, 16, 13, 16)
LONG_SUBJECT = ("Dự hội nghị tập huấn lập hồ sơ điện tử và nộp lưu tài liệu lưu trữ số, " + ", ".join(
    f"chuyên đề {number} về nghiệp vụ lưu trữ trên môi trường điện tử và trách nhiệm của người đứng đầu"
    for number in range(1, 7)))
# A row of the register whose file never came.
MISSING = {"Tên tệp": "van-ban-den/33-QĐ-SNV khen thuong.pdf", "Mã hồ sơ": "H99.2026.01.TCCB", "Số": "33",
           "Ký hiệu": "QĐ-SNV", "Ngày ban hành": date(2026, 11, 13), "Cơ quan ban hành": "Sở Nội vụ tỉnh Mẫu",
           "Loại văn bản": "Quyết định", "Trích yếu": "Khen thưởng tập thể, cá nhân làm tốt công tác lưu trữ",
           "Số trang": 1, "Ngôn ngữ": "Tiếng Việt", "Thời hạn bảo quản": "Vĩnh viễn", "Chế độ sử dụng": "Công khai",
           "Mức độ tin cậy": "Gốc điện tử", "Người ký": "Trần Thị Mẫu", "Chức vụ người ký": "Giám đốc",
           "Ngày đến": date(2026, 11, 16), "Ghi chú": ""}
KEEPING = {"01.VP": "Vĩnh viễn", "02.VP": "20 năm", "03.VP": "05 năm", "01.VTLT": "Vĩnh viễn", "02.VTLT": "30 năm",
           "03.VTLT": "Vĩnh viễn", "01.CNTT": "10 năm", "01.TCCB": "20 năm"}

Row = dict[str, object]


def row(document: Document, file_name: str, page_count: int, *, scanned: bool,
        changes: Mapping[str, str] | None = None) -> Row:
    """What the register says of one document, with `changes` for a row that is wrong on purpose."""
    organ = document.organ if "Mẫu" in document.organ else f"{document.organ} tỉnh Mẫu"
    made: Row = {
        "Tên tệp": file_name, "Mã hồ sơ": document.file_code, "Số": document.code_number,
        "Ký hiệu": document.code_notation, "Ngày ban hành": document.issued, "Cơ quan ban hành": organ,
        "Loại văn bản": document.kind, "Trích yếu": document.subject[:1].upper() + document.subject[1:],
        "Số trang": page_count, "Ngôn ngữ": "Tiếng Việt",
        "Thời hạn bảo quản": KEEPING.get(".".join(document.file_code.split(".")[2:]), "20 năm"),
        "Chế độ sử dụng": "Công khai", "Mức độ tin cậy": "Số hóa" if scanned else "Gốc điện tử",
        "Người ký": document.signer, "Chức vụ người ký": document.signer_lines[-1],
        "Ngày đến": document.issued + timedelta(days=1), "Ghi chú": ""}
    return made | {key: LONG_SUBJECT if value == "LONG" else value for key, value in (changes or {}).items()}


def as_xlsx(rows: Sequence[Row]) -> bytes:
    """The register, with a title above the heading as people like it; dates are real dates where they can be."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Danh sách"
    sheet.append(["DANH SÁCH VĂN BẢN NỘP LƯU THÁNG 11 NĂM 2026"])
    sheet.append(["Sở Nội vụ tỉnh Mẫu (mã H99)"])
    sheet.append([])
    sheet.append(list(COLUMNS))
    for number, told in enumerate(rows, 1):
        sheet.append([number, *(told[column] for column in COLUMNS[1:])])
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, date):
                cell.number_format = "dd/mm/yyyy"
    return table_file(book, header=4, widths=WIDTHS)


def as_csv(rows: Sequence[Row]) -> bytes:
    """The list of scans as a Vietnamese Excel exports it: UTF-8 with BOM, semicolons, CRLF, dd/mm/yyyy."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for number, told in enumerate(rows, 1):
        cells = (told[column] for column in COLUMNS[1:])
        writer.writerow([number, *(f"{cell:%d/%m/%Y}" if isinstance(cell, date) else cell for cell in cells)])
    return out.getvalue().encode("utf-8-sig")


def file_plan_xlsx(plan: Path) -> bytes:
    """The file plan (NĐ 30/2020, Phụ lục V) as XLSX, from its CSV."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Danh mục hồ sơ 2026"
    with plan.open(encoding="utf-8", newline="") as stream:
        for cells in csv.reader(stream):
            sheet.append(cells)
    return table_file(book, header=4, widths=(14, 70, 16, 22, 22))
