"""Makes scans: rendered pages as a flatbed would see them, with the faults that scanning rooms know.

No scan carries a text layer. Noise comes from a seeded generator, so that the same scan comes out again.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

import img2pdf
import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

from archive import i18n
from ingest.sources.scan_payload import Kind, Sheet
from ingest.sources.scan_printing import Printed, sheets_pdf
from samples.making import typeset
from samples.making.typeset import Document

MOST_PAGES = 3
PAPER = (247, 244, 235)         # slightly yellow office paper


@dataclass(frozen=True, slots=True)
class Look:
    """How a page was scanned. `skew` in degrees, anticlockwise; `fade` from 0 (fresh) to 1 (gone)."""

    dpi: int = 200
    quality: int = 60
    skew: float = 0.0
    turned: int = 0
    fade: float = 0.0
    noise: float = 3.0


def scanned(document: Document, look: Look, *, blank_backs: bool = False, most: int = MOST_PAGES) -> list[Image.Image]:
    """The document's first `most` pages as scanned; `blank_backs` puts the empty back after the first page."""
    sheets = typeset.pages(document, look.dpi)[:most]
    if blank_backs:
        sheets.insert(1, Image.new("RGB", sheets[0].size, "white"))
    seed = zlib.crc32(document.id.encode())
    return [_scan(sheet, look, np.random.default_rng([seed, number])) for number, sheet in enumerate(sheets)]


def separator(look: Look, kind: Kind, code: str, ordinal: int, count: int = 0) -> Image.Image:
    """A printed separator sheet as scanned, as `luutru scan sheets` prints it."""
    with i18n.speaking("vi"):
        made = sheets_pdf([Printed(Sheet(kind, code, ordinal, count))], datetime(2026, 11, 20, tzinfo=UTC))
    with pypdfium2.PdfDocument(made) as printed:
        page = printed[0].render(scale=look.dpi / 72).to_pil().convert("RGB")
    return _scan(page, look, np.random.default_rng([zlib.crc32(f"{kind}{code}".encode()), ordinal]))


def as_pdf(pages: list[Image.Image], look: Look) -> bytes:
    """One JPEG picture a page, nothing else in it: what a scanner writes as PDF."""
    # Its own writer, because pikepdf would draw the file identifier by lot.
    made = img2pdf.convert([as_jpeg(page, look) for page in pages], nodate=True, engine=img2pdf.Engine.internal)
    assert isinstance(made, bytes)
    return made


def as_jpeg(page: Image.Image, look: Look) -> bytes:
    """The page as a baseline JPEG that knows its resolution."""
    out = io.BytesIO()
    page.save(out, "JPEG", quality=look.quality, dpi=(look.dpi, look.dpi), optimize=True)
    return out.getvalue()


def as_tiff(pages: list[Image.Image], look: Look, compression: str) -> bytes:
    """A multi-page TIFF: `group4` makes black and white, `jpeg` keeps the colours."""
    out = io.BytesIO()
    if compression == "group4":
        pages = [page.convert("L").point(lambda tone: 255 if tone > 150 else 0).convert("1") for page in pages]
        options: dict[str, object] = {}
    else:
        options = {"quality": look.quality}
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression=compression,
                  dpi=(look.dpi, look.dpi), **options)
    return out.getvalue()


def _scan(sheet: Image.Image, look: Look, dice: np.random.Generator) -> Image.Image:
    if look.skew:
        sheet = sheet.rotate(look.skew, Image.Resampling.BICUBIC, fillcolor="white")
    sheet = sheet.filter(ImageFilter.GaussianBlur(look.dpi / 400))      # ink runs, lenses blur
    ink = 1.0 - np.asarray(sheet, dtype=np.float32) / 255.0
    height, width = ink.shape[:2]
    ink *= 0.93
    if look.fade:       # toner that has flaked off: in places more, and never evenly
        patches = Image.fromarray(dice.uniform(0.8, 1.2, (height // 60, width // 60)).astype(np.float32))
        worn = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC))
        flakes = dice.uniform(0.75, 1.25, (height, width)).astype(np.float32)
        ink *= np.clip(1.0 - look.fade * worn * flakes, 0.05, 1.0)[:, :, None]
    # The lamp is a little weaker towards one edge; the grain of the paper and of the sensor differ in size.
    lamp = np.linspace(1.0, 0.965, width, dtype=np.float32)[None, :, None]
    grain = dice.normal(0.0, look.noise * 0.5, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
    grain = np.kron(grain, np.ones((8, 8), dtype=np.float32))[:height, :width, None]
    sensor = dice.normal(0.0, look.noise * 0.6, (height, width, 1)).astype(np.float32)
    page = np.asarray(PAPER, dtype=np.float32) * (1.0 - ink) * lamp + grain + sensor
    for _ in range(int(dice.integers(15, 40))):                         # specks of dust
        y, x = int(dice.integers(2, height - 4)), int(dice.integers(2, width - 4))
        page[y:y + 2, x:x + 2] *= 0.45
    made = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8), "RGB")
    return made.rotate(look.turned, expand=True) if look.turned else made
