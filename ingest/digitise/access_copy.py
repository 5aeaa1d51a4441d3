"""The access copy: a new, unsigned PDF/A-2b with the pages' pictures and the recognised text under them.

Must never change the received file, never keep what can act (scripts, attachments, actions), and always
write the same bytes for the same input: archives built twice are compared by hash.
"""

from __future__ import annotations

import io
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, radians, sin
from pathlib import Path
from typing import Any

import pikepdf

from ingest.digitise.engine import Reading
from ingest.digitise.pages import FileKind, frame_dpi, open_picture
from ingest.pdfa import pdfa as load_pdfa
from ingest.pdflook import actions

FLAVOUR = "2b"
_JPEG_QUALITY = 85              # only where the received picture is not a JPEG; the original keeps its own
_ROOT_KEPT = ("/Type", "/Pages", "/Lang", "/PageLabels", "/OCProperties")     # names and bookmarks can act too
_PAGE_DROPPED = ("/AA", "/Thumb", "/PieceInfo", "/StructParents", "/Metadata", "/B", "/AF", "/Annots")
_ODD_NAME = re.compile(rb"/OCR-[0-9A-Za-z_-]+")


class Unclean(Exception):  # noqa: N818 - a fault of the received file, not of ours
    """No clean access copy could be made; the reason is the exception's text."""


@dataclass(frozen=True, slots=True)
class Upright:
    """How a page of the copy is set upright: quarter turns clockwise in degrees, skew to take back."""

    turned: int = 0
    skew: float = 0.0


def unpacked_copy(source: Path, kind: FileKind, target: Path, max_pixels: int) -> list[str]:
    """Write a harmless PDF of the received file's pages to `target`.

    Returns what was left out: "javascript", "launch" (actions that start programs), "attachments". Pictures go
    in as they are where PDF can hold them. Raises Unclean when the file cannot be taken apart.
    """
    try:
        if kind != "pdf":
            _pictures_to_pdf(source, target, max_pixels)
            return []
        with pikepdf.open(source) as pdf:
            left_out = _disarm(pdf)
            pdf.save(target, deterministic_id=True)
        return left_out
    except (pikepdf.PdfError, OSError, SyntaxError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise Unclean(_reason(error)) from error


def _disarm(pdf: Any) -> list[str]:
    names = pdf.Root.get("/Names") or {}
    notes = [note for page in pdf.pages for note in page.obj.get("/Annots") or []]
    left_out: list[str] = []
    kinds = {kind for holder in (pdf.Root, *(page.obj for page in pdf.pages), *notes) for kind in actions(holder)}
    left_out += [name for kind, name in (("/JavaScript", "javascript"), ("/Launch", "launch")) if kind in kinds]
    if "/EmbeddedFiles" in names or "/AF" in pdf.Root or any(note.get("/Subtype") == "/FileAttachment"
                                                             for note in notes):
        left_out.append("attachments")
    pdf.flatten_annotations("all")              # the shown seal of a signature is part of the page's picture
    for key in [key for key in pdf.Root if key not in _ROOT_KEPT]:
        del pdf.Root[key]
    for page in pdf.pages:
        for key in [key for key in _PAGE_DROPPED if key in page.obj]:
            del page.obj[key]
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    return left_out


def _pictures_to_pdf(source: Path, target: Path, max_pixels: int) -> None:
    import img2pdf  # type: ignore[import-untyped]

    folder = target.parent
    with open_picture(source, max_pixels) as picture, pikepdf.new() as pdf:
        frames = int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
        for frame in range(frames):
            if frames > 1:
                picture.seek(frame)
            dpi, _stated = frame_dpi(picture)
            plain = picture.format == "JPEG" and picture.mode in ("L", "RGB")
            coded = source.read_bytes() if plain else _coded(picture)
            page = folder / f"page-{frame}.pdf"
            page.write_bytes(img2pdf.convert(coded, layout_fun=img2pdf.get_fixed_dpi_layout_fun((dpi, dpi)),
                                             rotation=img2pdf.Rotation.ifvalid, nodate=True))
            with pikepdf.open(page) as single:
                pdf.pages.extend(single.pages)
        pdf.save(target, deterministic_id=True)


def _coded(picture: Any) -> bytes:
    """One frame in a form that PDF can hold: bilevel and few colours without loss, the rest as JPEG."""
    from PIL import Image

    frame = picture
    if frame.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        frame = frame.point(lambda value: value / 256).convert("L")
    elif frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
        paper = Image.new("RGBA", frame.size, "white")
        frame = Image.alpha_composite(paper, frame.convert("RGBA")).convert("RGB")
    elif frame.mode not in ("1", "L", "P", "RGB"):
        frame = frame.convert("RGB")
    else:
        frame = frame.copy()                    # of one frame of several: Pillow would save them all
    out = io.BytesIO()
    if frame.mode == "1":
        frame.save(out, "TIFF", compression="group4")
    elif frame.mode == "P":
        frame.save(out, "PNG", compress_level=6)
    else:
        frame.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


def set_upright(path: Path, pages: Mapping[int, Upright]) -> None:
    """Turn and straighten pages of the working copy, without touching their pictures' bytes."""
    if not pages:
        return
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for number, how in pages.items():
            page = pdf.pages[number - 1]
            if how.turned:
                page.rotate(how.turned, relative=True)
            if how.skew:
                _straighten(pdf, page, how.skew)
        pdf.save(path, deterministic_id=True)


def _straighten(pdf: pikepdf.Pdf, page: pikepdf.Page, skew: float) -> None:
    """Turn a page's content counter-clockwise by `skew` degrees about the sheet's centre."""
    left, bottom, right, top = (float(edge) for edge in page.mediabox)
    x, y, c, s = (left + right) / 2, (bottom + top) / 2, cos(radians(skew)), sin(radians(skew))
    matrix = (c, s, -s, c, x - c * x + s * y, y - s * x - c * y)
    head = "q " + " ".join(f"{value:.6f}" for value in matrix) + " cm\n"
    page.contents_add(pdf.make_stream(head.encode()), prepend=True)
    page.contents_add(pdf.make_stream(b"\nQ"), prepend=False)
    page.contents_coalesce()


def lay_text(source: Path, target: Path, readings: Mapping[int, tuple[Reading, float]], *, languages: str,
             replace_hidden: bool, max_pixels: int) -> None:
    """Lay the readings (by page number, with the dpi of their pictures) under the pages, through OCRmyPDF.

    `replace_hidden`: pages hold text already, and what is hidden of it is taken out. Raises Unclean when
    OCRmyPDF's result is anything but clean.
    """
    import ocrmypdf
    from ocrmypdf import OcrOptions
    from ocrmypdf.exceptions import ExitCodeException, MissingDependencyError

    from ingest.digitise.plugin import READINGS

    for name in ("ocrmypdf", "pdfminer", "fontTools", "fpdf"):
        logging.getLogger(name).setLevel(logging.CRITICAL)      # what they report is reported as a finding
    options = OcrOptions(
        input_file=source, output_file=target, languages=languages.split("+"), jobs=1, use_threads=True,
        progress_bar=False, output_type="pdf", optimize=0, fast_web_view=0,
        pages=",".join(str(number) for number in sorted(readings)), mode="redo" if replace_hidden else "default",
        tagged_pdf_mode="ignore", max_image_mpixels=max_pixels / 1e6)
    options.extra_attrs[READINGS] = dict(readings)
    try:
        with _temporary_files_in(target.parent):
            code = ocrmypdf.ocr(options, plugins=["ingest.digitise.plugin"])
    except MissingDependencyError:
        raise                                   # our machine's fault
    except (ExitCodeException, pikepdf.PdfError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        # whatever else stops OCRmyPDF lies in the file: its reading side has no narrower family of errors
        raise Unclean(_reason(error)) from error
    if code != ocrmypdf.ExitCode.ok:
        raise Unclean(f"OCRmyPDF {code.name}")


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let OCRmyPDF's working folder lie in the item's: a killed worker then leaves nothing elsewhere."""
    known, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = known


def finish(source: Path, target: Path, *, title: str, made_at: datetime, creator: str) -> list[str]:
    """Write `source` as PDF/A-2b to `target` with fixed names, dates and identifier.

    Returns why the result is not PDF/A, and then it is an ordinary PDF that claims nothing; empty: it is.
    """
    pdfa = load_pdfa()
    with pikepdf.open(source) as pdf:
        for page in pdf.pages:
            _name_text_layer(pdf, page)
        pdf.remove_unreferenced_resources()     # fonts of a hidden text that was taken out
        for font in pdf.objects:
            if isinstance(font, pikepdf.Dictionary) and font.get("/Type") == "/FontDescriptor" and "/CIDSet" in font:
                del font["/CIDSet"]             # optional since PDF/A-2, and often wrong
        moment = made_at.astimezone(UTC)
        if "/Metadata" in pdf.Root:
            del pdf.Root["/Metadata"]
        stamp = moment.strftime("D:%Y%m%d%H%M%SZ")
        pdf.trailer["/Info"] = pdf.make_indirect(pikepdf.Dictionary(
            Title=title, Creator=creator, Producer="Lưu Trữ", CreationDate=stamp, ModDate=stamp))
        pdfa.prepare(pdf, FLAVOUR)
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata["xmp:MetadataDate"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        pdf.save(target, **pdfa.resolve_save_kwargs(FLAVOUR, deterministic_id=True))
        report = pdfa.validate_written(target, FLAVOUR)
        if report.passed:
            return []
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            for name in ("pdfaid:part", "pdfaid:conformance"):
                if name in metadata:
                    del metadata[name]
        pdf.save(target, deterministic_id=True)
    return sorted({found.message for found in report.findings})


def _name_text_layer(pdf: Any, page: Any) -> None:
    """Give the text layer a fixed name: OCRmyPDF draws a random one."""
    drawn = (page.obj.get("/Resources") or {}).get("/XObject") or {}
    odd = [name for name in drawn if _ODD_NAME.fullmatch(name.encode())]
    if not odd:
        return
    content = page.Contents.read_bytes()
    for number, name in enumerate(odd):
        fixed = f"/LuuTruText{number}"
        content = content.replace(name.encode() + b" Do", fixed.encode() + b" Do")
        drawn[fixed] = drawn[name]
        del drawn[name]
    page.Contents = pdf.make_stream(content)


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
