"""What each page of a received file is: text, a picture to be read, or empty.

Must never decode a picture: sizes and places are read from the file's structure, within the limits of
guards.py.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pikepdf

from archive.settings import IngestSettings
from ingest.digitise.guards import Hostile, check_codestream, check_content, check_forms, check_picture, components
from ingest.digitise.thresholds import threshold

FileKind = Literal["pdf", "tiff", "jpeg", "png", "jp2"]
PageKind = Literal["text", "picture", "empty"]
Colour = Literal["colour", "grey", "bw"]

_HEAD = 1024                    # readers look for %PDF within the first kilobyte
_JP2_HEAD = 1 << 20             # the codestream follows boxes such as colour profiles
_MM = 25.4
_A4_LONG_MM, _A3_LONG_MM = 297.0, 420.0
_TEXT_OBJECT, _PATH_OBJECT, _IMAGE_OBJECT, _FORM_OBJECT = 1, 2, 3, 5
_HIDDEN = 3                     # PDF text rendering mode: neither filled nor stroked


@dataclass(frozen=True, slots=True)
class Page:
    """One page and what it is.

    `dpi` is the resolution at which its picture stands on the sheet, `stated` whether the file gave one
    that a scanner can have set (else it is computed as if the sheet were A4); `length_mm` the sheet's
    longer side; `sheet` the short and long side of what its pictures cover, mm; `stretch` the share by which
    the resolutions across and down differ; `retext` says that the picture carries a hidden text layer that is no use.
    """

    number: int
    kind: PageKind
    dpi: float = 0.0
    stated: bool = True
    length_mm: float = 0.0
    colour: Colour = "colour"
    retext: bool = False
    has_text: bool = False
    sheet: tuple[float, float] = (0.0, 0.0)
    stretch: float = 0.0


@dataclass(frozen=True, slots=True)
class Survey:
    """The pages of a file. `unread` names why a file was left alone: "encrypted", "damaged" or ""."""

    kind: FileKind
    pages: tuple[Page, ...] = ()
    unread: str = ""

    @property
    def pictures(self) -> tuple[Page, ...]:
        """The pages that are to be recognised."""
        return tuple(page for page in self.pages if page.kind == "picture")


def file_kind(path: Path) -> FileKind | None:
    """The kind of a file that can be a scan, by its first bytes; None for everything else."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if b"%PDF-" in head:
        return "pdf"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "jp2"
    return None


def survey(path: Path, kind: FileKind, limits: IngestSettings) -> Survey:
    """What the pages of the file are. Raises Hostile for a file that must not be drawn."""
    return _survey_pdf(path, limits) if kind == "pdf" else _survey_picture(path, kind, limits)


# --- PDF --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Structure:
    """What a page's resources tell: the pictures' pixels, the largest picture's colours, fonts, forms."""

    pixels: int = 0
    largest: int = 0
    colour: Colour = "colour"
    fonts: bool = False


def _survey_pdf(path: Path, limits: IngestSettings) -> Survey:
    try:
        with pikepdf.open(path) as pdf:
            if len(pdf.pages) > limits.max_pages:
                raise Hostile("DIGITISE-017", pages=len(pdf.pages), limit=limits.max_pages)
            structures = [_structure(page.obj, number, limits) for number, page in enumerate(pdf.pages, 1)]
    except pikepdf.PasswordError:
        return Survey("pdf", unread="encrypted")
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, RuntimeError):
        # whatever qpdf cannot make sense of is reported by the check stage; here it is only left alone
        return Survey("pdf", unread="damaged")
    suspects = [number for number, found in enumerate(structures, 1) if _suspect(found)]
    if not suspects:
        return Survey("pdf", tuple(Page(number, "text") for number in range(1, len(structures) + 1)))
    return _look(path, structures, set(suspects))


def _suspect(found: _Structure) -> bool:
    return not found.fonts or found.pixels >= threshold("pages", "suspect_pixels")


def _structure(page: Any, number: int, limits: IngestSettings) -> _Structure:
    found = _Structure()
    check_content(page, number)
    resources = page.get("/Resources") or {}
    images: list[Any] = []
    _collect(resources, found, images, set())
    check_forms(page, number)
    for image in images:
        width, height = int(image.get("/Width", 0)), int(image.get("/Height", 0))
        if width * height > limits.max_pixels:
            raise Hostile("DIGITISE-014", page=number, width=width, height=height, limit=limits.max_pixels)
        found.pixels += width * height
        if width * height > found.largest:
            found.largest, found.colour = width * height, _colour(image)
    if _suspect(found):
        for image in images:
            check_picture(image, number, limits.max_pixels)
    return found


def _collect(resources: Any, found: _Structure, images: list[Any], seen: set[tuple[int, int]]) -> None:
    found.fonts = found.fonts or len(resources.get("/Font") or {}) > 0
    for each in (resources.get("/XObject") or {}).values():
        if not isinstance(each, pikepdf.Stream) or each.objgen in seen:
            continue
        seen.add(each.objgen)
        if each.get("/Subtype") == "/Image":
            images.append(each)
        elif each.get("/Subtype") == "/Form":
            _collect(each.get("/Resources") or {}, found, images, seen)


def _colour(image: Any) -> Colour:
    if image.get("/ImageMask") or int(image.get("/BitsPerComponent", 8)) == 1:
        return "bw"
    space = image.get("/ColorSpace")
    indexed = isinstance(space, pikepdf.Array) and len(space) and space[0] == "/Indexed"
    return "grey" if components(image) == 1 and not indexed and "/JPXDecode" not in str(image.get("/Filter")) \
        else "colour"


def _look(path: Path, structures: list[_Structure], suspects: set[int]) -> Survey:
    import pypdfium2

    pages = []
    try:
        with pypdfium2.PdfDocument(path) as document:
            for number, structure in enumerate(structures, 1):
                if number not in suspects:
                    pages.append(Page(number, "text"))
                    continue
                with _closing(document[number - 1]) as page:
                    pages.append(_judge(page, number, structure))
    except pypdfium2.PdfiumError:
        return Survey("pdf", unread="damaged")
    return Survey("pdf", tuple(pages))


@contextmanager
def _closing(page: Any) -> Iterator[Any]:
    """PDFium keeps a page's decoded pictures until it is closed."""
    try:
        yield page
    finally:
        page.close()


def _judge(page: Any, number: int, structure: _Structure) -> Page:
    width, height = page.get_size()
    covered, dpi, stretch, drawn = 0.0, 0.0, 0.0, 0
    bounds: list[tuple[float, float, float, float]] = []
    for each in page.get_objects(max_depth=3):
        if each.type == _IMAGE_OBJECT:
            lying, standing = _picture_dpi(each)
            if min(lying, standing) > dpi:
                dpi, stretch = min(lying, standing), _stretch(lying, standing)
        if each.level == 0:
            drawn += 1
            if each.type == _IMAGE_OBJECT or (each.type == _FORM_OBJECT and structure.pixels):
                left, bottom, right, top = each.get_bounds()
                covered += max(0.0, right - left) * max(0.0, top - bottom)
                bounds.append((left, bottom, right, top))
    share = min(1.0, covered / (width * height)) if width and height else 0.0
    with _closing(page.get_textpage()) as reader:
        characters = int(reader.count_chars())
        text = str(reader.get_text_range()) if characters and share >= threshold("pages", "picture_share") else ""
    kind, retext = _kind(characters, text, share, drawn, page)
    length = max(width, height) / 72 * _MM
    assumed, stated = _credible(dpi, length)
    return Page(number, kind, round(assumed, 1), stated, round(length, 1), structure.colour, retext,
                has_text=characters > 0, sheet=_sheet(bounds, width, height), stretch=stretch)


def _sheet(bounds: list[tuple[float, float, float, float]], width: float, height: float) -> tuple[float, float]:
    """Short and long side, mm, of what the pictures of a page cover together; of the page where they cover nothing."""
    if bounds:
        left, bottom, right, top = (edge(one) for edge, one in zip((min, min, max, max), zip(*bounds, strict=True),
                                                                   strict=True))
        width, height = right - left, top - bottom
    return _sides(width / 72 * _MM, height / 72 * _MM)


def _sides(width: float, height: float) -> tuple[float, float]:
    return round(min(width, height), 1), round(max(width, height), 1)


def _stretch(lying: float, standing: float) -> float:
    """The share by which the two resolutions of a picture differ; 0.0 where there is none."""
    return round(abs(lying - standing) / min(lying, standing), 3) if min(lying, standing) > 0 else 0.0


def _kind(characters: int, text: str, share: float, drawn: int, page: Any) -> tuple[PageKind, bool]:
    """What the page is, and whether its hidden text must be replaced."""
    if share < threshold("pages", "picture_share"):
        if characters or not drawn:
            return ("text" if characters else "empty"), False
        return "picture", False                     # writing turned into curves, or small pictures only
    if characters < threshold("pages", "least_characters"):
        return "picture", characters > 0 and _hidden(page)
    if _hidden(page):
        return ("text", False) if _vietnamese(text) else ("picture", True)
    return ("picture" if characters <= threshold("pages", "stamp_characters") else "text"), False


def _hidden(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    modes = {int(pdfium.FPDFTextObj_GetTextRenderMode(each.raw))
             for each in page.get_objects(filter=[_TEXT_OBJECT], max_depth=3)}
    return modes == {_HIDDEN}


def _vietnamese(text: str) -> bool:
    letters = [letter for letter in unicodedata.normalize("NFC", text) if letter.isalpha()]
    if not letters or re.search(r"[\ue000-\uf8ff\ufffd]", text):
        return False
    signed = sum(letter in "đĐ" or len(unicodedata.normalize("NFD", letter)) > 1 for letter in letters)
    return signed / len(letters) >= threshold("pages", "vietnamese_share")


def _picture_dpi(image: Any) -> tuple[float, float]:
    found = image.get_metadata()
    return float(found.horizontal_dpi), float(found.vertical_dpi)


def _credible(dpi: float, length_mm: float) -> tuple[float, bool]:
    """The resolution, and whether it is a scanner's: 72 dpi on a sheet of a metre is a program's default."""
    if dpi <= 0:
        return 0.0, True                # drawn, not scanned: there is no resolution to judge
    if dpi <= threshold("quality", "unstated_dpi") and length_mm > _A3_LONG_MM * 1.02:
        return dpi * length_mm / _A4_LONG_MM, False
    return dpi, True


# --- pictures ---------------------------------------------------------------------------------------


@contextmanager
def open_picture(path: Path, max_pixels: int) -> Iterator[Any]:
    """The picture file through Pillow, its pixels not yet decoded. Raises Hostile and OSError."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)   # our own limit comes below
        try:
            with Image.open(path, formats=["TIFF", "JPEG", "PNG", "JPEG2000"]) as picture:
                yield picture
        except Image.DecompressionBombError as bomb:
            raise Hostile("DIGITISE-014", page=1, width="?", height="?", limit=max_pixels) from bomb


def _survey_picture(path: Path, kind: FileKind, limits: IngestSettings) -> Survey:
    pages = []
    try:
        if kind == "jp2":
            with path.open("rb") as stream:
                check_codestream(stream.read(_JP2_HEAD), 1, limits.max_pixels)
        with open_picture(path, limits.max_pixels) as picture:
            frames = int(getattr(picture, "n_frames", 1)) if kind == "tiff" else 1
            if frames > limits.max_pages:
                raise Hostile("DIGITISE-017", pages=frames, limit=limits.max_pages)
            for frame in range(frames):
                if frames > 1:
                    picture.seek(frame)
                width, height = picture.size
                if width * height > limits.max_pixels:
                    raise Hostile("DIGITISE-014", page=frame + 1, width=width, height=height,
                                  limit=limits.max_pixels)
                dpi, stated = frame_dpi(picture)
                lying, standing = map(float, picture.info["dpi"]) if stated else (dpi, dpi)
                colour: Colour = "bw" if picture.mode == "1" else \
                    "grey" if picture.mode in ("L", "LA", "I;16", "I", "F") else "colour"
                pages.append(Page(frame + 1, "picture", round(dpi, 1), stated,
                                  round(max(width, height) / dpi * _MM, 1), colour,
                                  sheet=_sides(width / lying * _MM, height / standing * _MM),
                                  stretch=_stretch(lying, standing)))
    except (OSError, SyntaxError, ValueError, EOFError):
        return Survey(kind, unread="damaged")
    return Survey(kind, tuple(pages))


def frame_dpi(picture: Any) -> tuple[float, bool]:
    """The resolution of an open picture, dots per inch, and whether the file states a credible one.

    Without one the sheet is taken for A4.
    """
    width, height = picture.size
    given = picture.info.get("dpi") or (0, 0)
    dpi = float(min(given)) if len(given) == 2 else 0.0
    length = max(width, height) / dpi * _MM if dpi > 1 else 0.0
    if dpi > 1 and not (dpi <= threshold("quality", "unstated_dpi") and length > _A3_LONG_MM * 1.02):
        return dpi, True
    return max(width, height) / (_A4_LONG_MM / _MM), False
