"""The pages as people see them: the signed revision against the file as it is now, outside the signatures' boxes.

A second opinion, by another program (pdfium) than the one that compares objects: it sees what a reader is shown,
however the change was made. Says nothing of who signed. Must never raise for what a file holds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCALE = 0.6             # pixels a point: words are seen, and a page takes a few milliseconds
DIFFERENT = 24          # of 255: the same content is drawn the same, to the pixel
INK = 160               # darker than this is ink, of 255
PAPER = 200             # lighter than this is paper, of 255
HIDDEN = 0.3            # share of the ink under a new box that may vanish; seals are drawn through, a white box is not
MARGIN = 2              # pixels round a box that its frame may take


@dataclass(slots=True)
class Compared:
    """What the pictures showed: pages (from 1) that look different, boxes that hide content, and what was not seen."""

    pages: int = 0
    different: list[int] = field(default_factory=list)
    covered: list[int] = field(default_factory=list)
    missing: str = ""       # why not every page was compared


def compare(view: Any, ends: Sequence[int], most: int) -> Compared:
    """Compare the revisions that end at `ends` (bytes) and the whole file, each with the next; at most `most` pages.

    `view` is the whole file's bytes.
    """
    import pypdfium2

    result = Compared()
    stages = [*sorted({end for end in ends if end < len(view)}), len(view)]
    earlier: list[_Page] | None = None
    for end in stages:
        try:
            with pypdfium2.PdfDocument(bytes(view[:end])) as document:
                document.init_forms()
                count = len(document)
                pages = [_draw(document, number) for number in range(min(count, most))]
        except Exception as error:  # pdfium cannot open or draw it: then nothing was compared, which is said
            result.missing = result.missing or str(error)
            earlier = None
            continue
        if count > most:
            result.missing = f"{most}/{count}"
        result.pages = max(result.pages, len(pages))
        if earlier is not None:
            _judge(earlier, pages, result)
        earlier = pages
    return result


@dataclass(slots=True)
class _Page:
    picture: np.ndarray[Any, np.dtype[np.uint8]]
    boxes: list[tuple[int, int, int, int]]      # left, top, right, bottom of signature fields, pixels


def _judge(before: Sequence[_Page], after: Sequence[_Page], result: Compared) -> None:
    for number in range(max(len(before), len(after))):
        if number >= len(before) or number >= len(after):
            result.different.append(number + 1)
            continue
        old, new = before[number], after[number]
        if old.picture.shape != new.picture.shape:
            result.different.append(number + 1)
            continue
        apart = np.abs(old.picture.astype(np.int16) - new.picture.astype(np.int16)) > DIFFERENT
        # A seal over a third of the signature is how it must be (NĐ 30/2020/NĐ-CP Phụ lục I): that ink does not count.
        content = old.picture.copy()
        for left, top, right, bottom in old.boxes:
            content[top:bottom, left:right] = 255
        for box in (*old.boxes, *new.boxes):
            left, top, right, bottom = box
            apart[top:bottom, left:right] = False
            if box not in old.boxes:
                ink = content[top:bottom, left:right] < INK
                gone = ink & (new.picture[top:bottom, left:right] > PAPER)
                if ink.any() and float(np.sum(gone)) > HIDDEN * float(np.sum(ink)) and number + 1 not in result.covered:
                    result.covered.append(number + 1)
        if apart.any() and number + 1 not in result.different:
            result.different.append(number + 1)


def _draw(document: Any, number: int) -> _Page:
    page = document[number]
    try:
        bitmap = page.render(scale=SCALE, grayscale=True)
        try:
            picture = np.array(bitmap.to_numpy(), copy=True)
        finally:
            bitmap.close()
        picture = picture.reshape(picture.shape[0], picture.shape[1])
        return _Page(picture, _boxes(document, page, picture.shape[1], picture.shape[0]))
    finally:
        page.close()


def _boxes(document: Any, page: Any, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The signature fields of a page as pixel boxes."""
    from pypdfium2 import raw

    found = []
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            if document.formenv is None or raw.FPDFAnnot_GetFormFieldType(
                    document.formenv, annotation) != raw.FPDF_FORMFIELD_SIGNATURE:
                continue
            rectangle = raw.FS_RECTF()
            if not raw.FPDFAnnot_GetRect(annotation, rectangle):
                continue
            corners = [_pixel(page, width, height, x, y) for x, y in (
                (rectangle.left, rectangle.bottom), (rectangle.right, rectangle.top))]
            (first, second), (third, fourth) = corners
            left, right = sorted((first, third))
            top, bottom = sorted((second, fourth))
            if right > left and bottom > top:
                found.append((max(0, left - MARGIN), max(0, top - MARGIN), min(width, right + MARGIN),
                              min(height, bottom + MARGIN)))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return found


def _pixel(page: Any, width: int, height: int, x: float, y: float) -> tuple[int, int]:
    from pypdfium2 import raw

    column, row = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, column, row)
    return column.value, row.value
