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
CLOSE = 2.0             # pixels a point where a new box lies over earlier content
HIDDEN = 24             # pixels of ink under new boxes that may vanish, at CLOSE: half a digit of 12 points
LARGEST = 5000          # pixels of a page's longer side; A0 keeps its scale
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
    before = 0
    for end in stages:
        try:
            with pypdfium2.PdfDocument(bytes(view[:end])) as document:
                document.init_forms()
                count = len(document)
                pages = [_draw(document, number, SCALE) for number in range(min(count, most))]
                if earlier is not None and (closer := _judge(earlier, pages, result)):
                    with pypdfium2.PdfDocument(bytes(view[:before])) as old:
                        old.init_forms()
                        result.covered += [number + 1 for number in closer if number + 1 not in result.covered
                                           and hides(_draw(old, number, CLOSE), _draw(document, number, CLOSE))]
        except Exception as error:  # pdfium cannot open or draw it: then nothing was compared, which is said
            result.missing = result.missing or str(error)
            earlier = None
            continue
        if count > most:
            result.missing = f"{most}/{count}"
        result.pages = max(result.pages, len(pages))
        earlier, before = pages, end
    return result


Box = tuple[int, int, int, int]      # left, top, right, bottom, pixels


@dataclass(slots=True)
class _Page:
    picture: np.ndarray[Any, np.dtype[np.uint8]]
    signed: list[Box] = field(default_factory=list)     # of signatures that were made
    empty: list[Box] = field(default_factory=list)      # of fields that wait for one

    def fresh(self, old: _Page) -> list[Box]:
        """Boxes that this page has and `old` had not, or not signed."""
        return [box for box in (*self.signed, *self.empty) if box not in old.signed]


def _judge(before: Sequence[_Page], after: Sequence[_Page], result: Compared) -> list[int]:
    """Note the pages that differ; returns those (from 0) where a new box lies over earlier content."""
    closer = []
    for number in range(max(len(before), len(after))):
        if number >= len(before) or number >= len(after):
            result.different.append(number + 1)
            continue
        old, new = before[number], after[number]
        if old.picture.shape != new.picture.shape:
            result.different.append(number + 1)
            continue
        apart = np.abs(old.picture.astype(np.int16) - new.picture.astype(np.int16)) > DIFFERENT
        content = _content(old)
        for left, top, right, bottom in new.fresh(old):
            apart[top:bottom, left:right] = False
            if (content[top:bottom, left:right] < PAPER).any() and number not in closer:
                closer.append(number)
        if apart.any() and number + 1 not in result.different:
            result.different.append(number + 1)
    return closer


def hides(old: _Page, new: _Page) -> bool:
    """Whether the boxes that came with `new` make ink of `old` vanish: what a seal is drawn over stays to be seen."""
    content = _content(old)
    gone = 0
    for left, top, right, bottom in new.fresh(old):
        gone += int(np.sum((content[top:bottom, left:right] < INK) & (new.picture[top:bottom, left:right] > PAPER)))
    return gone > HIDDEN


def _content(page: _Page) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture without earlier signatures: a seal over a third of one is how it must be (NĐ 30/2020/NĐ-CP PL I)."""
    content = page.picture.copy()
    for left, top, right, bottom in page.signed:
        content[top:bottom, left:right] = 255
    return content


def _draw(document: Any, number: int, scale: float) -> _Page:
    page = document[number]
    try:
        scale = min(scale, LARGEST / max(1.0, *page.get_size()))
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            picture = np.array(bitmap.to_numpy(), copy=True)
        finally:
            bitmap.close()
        drawn = _Page(picture.reshape(picture.shape[0], picture.shape[1]))
        _find_boxes(document, page, drawn)
        return drawn
    finally:
        page.close()


def _find_boxes(document: Any, page: Any, drawn: _Page) -> None:
    """The signature fields of a page as pixel boxes."""
    from pypdfium2 import raw

    height, width = drawn.picture.shape
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
                # A value that stands on a field above the widget is not seen: then the box counts as empty.
                boxes = drawn.signed if raw.FPDFAnnot_HasKey(annotation, b"V") else drawn.empty
                boxes.append((max(0, left - MARGIN), max(0, top - MARGIN), min(width, right + MARGIN),
                              min(height, bottom + MARGIN)))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _pixel(page: Any, width: int, height: int, x: float, y: float) -> tuple[int, int]:
    from pypdfium2 import raw

    column, row = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, column, row)
    return column.value, row.value
