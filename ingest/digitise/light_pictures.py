"""Lighter pictures for the access copy: a page that is one picture is encoded anew from what was drawn to be read.

Must never touch the received file, nor a page that holds anything but its picture: only the working copy is changed,
and only where bytes are saved. How strongly is in thresholds.toml, section `access`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf

from ingest.digitise.pages import Page
from ingest.digitise.thresholds import threshold

_DRAWN = ("q", "Q", "cm", "Do")
_NEAR = 1.0             # points by which a picture may miss the edges of its page


def candidates(path: Path, pages: Mapping[int, Page]) -> dict[int, int]:
    """The bytes of the pictures that may be replaced, by page number.

    Left as they are: damaged pictures, so that no copy hides what is missing; drawings of more than one picture,
    pictures of one bit, without a stated resolution, of sheets over A3 (300 dpi: TT 05/2025/TT-BNV Đ8.1) or coarser
    than what is read.
    """
    with pikepdf.open(path) as pdf:
        found = {number: _only_picture(pdf.pages[number - 1]) for number, page in pages.items() if _may(page)}
        return {number: len(picture.read_raw_bytes()) for number, picture in found.items()
                if picture is not None and _is_whole(picture)}


def _may(page: Page) -> bool:
    return page.kind == "picture" and page.stated and not page.has_text and page.colour != "bw" and \
        page.dpi >= threshold("reading", "enlarge_below") and page.length_mm <= threshold("quality", "large_sheet_mm")


def _only_picture(page: Any) -> Any:
    """The picture that alone fills the page; None when there is more, or less."""
    box = [float(edge) for edge in page.mediabox]
    if "/UserUnit" in page.obj or [float(edge) for edge in page.cropbox] != box:
        return None
    drawn, matrix, kept = None, pikepdf.Matrix(), []
    for step in pikepdf.parse_content_stream(page):
        name, operands = str(step.operator), list(step.operands)
        if name not in _DRAWN or (name == "Do" and drawn is not None):
            return None
        if name == "q":
            kept.append(matrix)
        elif name == "Q" and kept:
            matrix = kept.pop()
        elif name == "cm":
            matrix = pikepdf.Matrix(*(float(value) for value in operands)) @ matrix
        elif name == "Do":
            drawn, placed = (page.obj.get("/Resources") or {}).get("/XObject", {}).get(operands[0]), matrix
    if drawn is None or drawn.get("/Subtype") != "/Image" or any(key in drawn for key in ("/SMask", "/Mask", "/OC")):
        return None
    corners = (placed.e, placed.f, placed.e + placed.a, placed.f + placed.d)
    fills = all(abs(one - other) <= _NEAR for one, other in zip(corners, box, strict=True))
    return drawn if fills and not placed.b and not placed.c else None


def _is_whole(picture: Any) -> bool:
    """Whether the picture's data can be decoded to their end; a drawing program shows the half that it finds."""
    from PIL import Image

    packed = picture.get("/Filter")
    names = [str(name) for name in (packed if isinstance(packed, pikepdf.Array) else [packed])]
    try:
        if names in (["/DCTDecode"], ["/JPXDecode"]):
            with Image.open(io.BytesIO(picture.read_raw_bytes())) as read:
                read.draft("L", (1, 1))         # JPEG: all is read, little is computed
                read.load()
        else:
            picture.read_bytes()
    except (pikepdf.PdfError, OSError, SyntaxError, ValueError, NotImplementedError, Image.DecompressionBombError):
        return False
    return True


def encode(drawn: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]], lies: int, page: Page, target: Path,
           most: int) -> bool:
    """Write a page as drawn (blue, green, red; turned clockwise by `lies` degrees) as JPEG, grey where the scan is.

    False, and nothing is written, when it is `most` bytes or more.
    """
    from PIL import Image

    picture = np.ascontiguousarray(np.rot90(drawn, lies // 90))
    height, width = picture.shape[:2]
    made = Image.frombuffer("RGB", (width, height), picture, "raw", "BGR", 0, 1)
    out = io.BytesIO()
    (made.convert("L") if page.colour == "grey" else made).save(
        out, "JPEG", quality=int(threshold("access", "quality")), subsampling=int(threshold("access", "chroma")),
        optimize=True)
    if out.tell() >= most:
        return False
    target.write_bytes(out.getvalue())
    return True


def replace(path: Path, pictures: Mapping[int, Path]) -> None:
    """Put the pictures, JPEG files by page number, in place of the pages' own."""
    if not pictures:
        return
    from PIL import Image

    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for number, file in pictures.items():
            with Image.open(file) as told:
                mode, (width, height) = told.mode, told.size
            page = pdf.pages[number - 1]
            picture = pdf.make_stream(file.read_bytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image,
                                      Width=width, Height=height, BitsPerComponent=8, Filter=pikepdf.Name.DCTDecode,
                                      ColorSpace=pikepdf.Name.DeviceGray if mode == "L" else pikepdf.Name.DeviceRGB)
            left, bottom, right, top = (float(edge) for edge in page.mediabox)
            page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Page=picture))
            page.obj.Contents = pdf.make_stream(
                f"q {right - left:.4f} 0 0 {top - bottom:.4f} {left:.4f} {bottom:.4f} cm /Page Do Q".encode())
        pdf.save(path, deterministic_id=True)
