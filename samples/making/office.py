"""Office files of the samples: a DOCX, a spreadsheet, and a text in the old encoding TCVN3 (ABC)."""

from __future__ import annotations

import io
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

from docx import Document as NewDocx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side

from samples.making.typeset import Document
from samples.making.zipped import steady

DEVICES = (("Máy quét khổ A3 hai mặt, 60 tờ/phút", "Chiếc", 3, 186_000_000),
           ("Máy quét phẳng khổ A3", "Chiếc", 2, 64_500_000),
           ("Máy trạm xử lý ảnh", "Bộ", 6, 171_000_000),
           ("Thiết bị lưu trữ mạng 48 TB", "Bộ", 2, 240_000_000),
           ("Ổ đĩa quang ghi một lần 100 GB", "Hộp 25 đĩa", 40, 96_000_000))


def docx(document: Document) -> bytes:
    """The document as Word writes it."""
    made = NewDocx()
    style = made.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(13)
    for text, bold in ((document.parent.upper(), False), (document.organ.upper(), True),
                       ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", True), ("Độc lập - Tự do - Hạnh phúc", True),
                       (f"Số: {document.number}", False), (_place_and_date(document), False),
                       (document.kind.upper(), True), (document.subject, True)):
        line = made.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.add_run(text).bold = bold
    for text in document.body:
        made.add_paragraph(str(text)).alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    for text in ("Nơi nhận:", *(f"- {who}" for who in document.recipients)):
        made.add_paragraph(text)
    for text in (*(line.upper() for line in document.signer_lines), document.signer):
        line = made.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        line.add_run(text).bold = True
    made.core_properties.author, made.core_properties.title = document.organ, document.subject
    out = io.BytesIO()
    made.save(out)
    return steady(out.getvalue())


def xlsx(document: Document) -> bytes:
    """A spreadsheet that is a document in itself, not a list of documents."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Thiết bị"
    sheet.append([document.organ.upper()])
    sheet.append([document.subject.upper()])
    sheet.append([f"(Kèm theo {document.kind} số {document.number} ngày {document.issued:%d/%m/%Y})"])
    sheet.append([])
    sheet.append(["TT", "Tên thiết bị", "Đơn vị tính", "Số lượng", "Thành tiền (đồng)"])
    for number, device in enumerate(DEVICES, 1):
        sheet.append([number, *device])
    sheet.append(["", "Tổng cộng", "", None, f"=SUM(E6:E{5 + len(DEVICES)})"])
    return table_file(book, header=5, widths=(5, 44, 14, 10, 20))


def table_file(book: Workbook, *, header: int, widths: tuple[int, ...]) -> bytes:
    """The workbook's bytes, with row `header` as a bold, ruled heading and columns of the given widths."""
    sheet = book.active
    assert sheet is not None
    thin = Side(style="thin")
    for row in sheet.iter_rows(min_row=1, max_row=header):
        for cell in row:
            cell.font = Font(name="Times New Roman", size=12, bold=True)
            if cell.row == header:
                cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for row in sheet.iter_rows(min_row=header):
        for cell in row:
            cell.border = Border(left=thin, right=thin, top=thin, bottom=thin)
    for number, width in enumerate(widths):
        sheet.column_dimensions["ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number]].width = width
    out = io.BytesIO()
    book.save(out)
    return steady(out.getvalue())


def tcvn3_text(document: Document, source: Path) -> bytes:
    """The document's head and the beginning of the text `source`, typed in TCVN3 as twenty years ago."""
    lines = [document.parent.upper(), document.organ.upper(), f"Số: {document.number}", _place_and_date(document), "",
             f"V/v {document.subject}", "", *source.read_text("utf-8").splitlines()[:30], "",
             document.signer_lines[0].upper(), document.signer]
    return to_tcvn3("\r\n".join(lines) + "\r\n")


def to_tcvn3(text: str) -> bytes:
    """`text` in TCVN3 (ABC). Accented capitals fall to small letters: that encoding had separate fonts for them.

    Raises UnicodeEncodeError for a character that TCVN3 does not have.
    """
    table = _tcvn3()
    out = bytearray()
    for char in unicodedata.normalize("NFC", text):
        byte = table.get(char, table.get(char.lower()))
        out += char.encode("ascii") if byte is None else bytes([byte])
    return bytes(out)


@cache
def _tcvn3() -> dict[str, int]:
    with Path(__file__).with_name("tcvn3.toml").open("rb") as stream:
        return dict(tomllib.load(stream)["letters"])


def _place_and_date(document: Document) -> str:
    issued = document.issued
    return f"{document.place}, ngày {issued.day:02} tháng {issued.month} năm {issued.year}"
