"""Made scans for the tests: pages of real Vietnamese text and separator sheets, as pictures in PDF and TIFF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import img2pdf  # type: ignore[import-untyped]
import numpy as np
import pypdfium2
from PIL import Image, ImageDraw, ImageFont

from ingest.sources.scan_payload import Sheet
from ingest.sources.scan_printing import Printed, sheets_pdf

CODE = "H99.2026.03.VTLT"
A4 = (1654, 2339)           # 200 dpi
DPI = 200
FONT = Path("/usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf")
_LINES = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "",
          "Số: {n}/QĐ-SNV", "Ngày {n} tháng 10 năm 2026", "", "QUYẾT ĐỊNH", "Về việc ban hành quy chế số {n}", "",
          "Điều 1. Ban hành kèm theo Quyết định này quy chế tiếp nhận văn bản đến.",
          "Điều 2. Chánh Văn phòng và các phòng chuyên môn chịu trách nhiệm thi hành.")


@cache
def page(number: int) -> Image.Image:
    """A page of a decision with the number `number`, 200 dpi, in colour."""
    picture = Image.new("RGB", A4, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), 38)
    for line, text in enumerate(_LINES):
        pen.text((230, 220 + 70 * line), text.format(n=number), font=font, fill=(20, 20, 20))
    return picture


def blank() -> Image.Image:
    """The back of a sheet: paper with a scanner's noise."""
    noise = np.random.default_rng(7).normal(248, 3, (A4[1], A4[0], 3))
    return Image.fromarray(noise.clip(0, 255).astype("uint8"))


@cache
def sheet(kind: str, ordinal: int = 0, code: str = CODE, count: int = 0) -> Image.Image:
    """A separator sheet as it comes from the scanner, 200 dpi."""
    made = sheets_pdf([Printed(Sheet(kind, code, ordinal, count), "Quy chế tiếp nhận văn bản")],  # type: ignore[arg-type]
                      datetime(2026, 11, 20, tzinfo=UTC))
    with pypdfium2.PdfDocument(made) as document:
        drawn: Image.Image = document[0].render(scale=DPI / 72).to_pil().convert("RGB")
        return drawn


def other_code(text: str, form: str = "QRCode", share: float = 0.5) -> Image.Image:
    """A page of text with a code of its own, as letters and invoices have."""
    import zxingcpp

    code = np.asarray(zxingcpp.write_barcode_to_image(
        zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, form)), scale=4))
    made = page(90).copy()
    width = int(A4[0] * share)
    made.paste(Image.fromarray(code).resize((width, max(1, width * code.shape[0] // code.shape[1]))), (300, 1200))
    return made


def jpeg(picture: Image.Image, quality: int = 70) -> bytes:
    """A picture as a scanner compresses it."""
    out = io.BytesIO()
    picture.copy().save(out, "JPEG", quality=quality, dpi=(DPI, DPI))     # a copy: saving leaves its mark
    return out.getvalue()


def pdf(path: Path, pages: Sequence[Image.Image]) -> Path:
    """The pages as one PDF, each picture as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body: Any = img2pdf.convert([jpeg(one) for one in pages], nodate=True)
    path.write_bytes(body)
    return path


def tiff(path: Path, pages: Sequence[Image.Image], compression: str = "jpeg") -> Path:
    """The pages as one TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    some = [one.convert("1") for one in pages] if compression == "group4" else list(pages)
    some[0].save(path, "TIFF", save_all=True, append_images=some[1:], compression=compression, dpi=(DPI, DPI))
    return path
