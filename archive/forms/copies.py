"""Copies of documents for readers: every page as it is seen, with BẢN SAO and the archive's name in free places of it.

TT 05/2025/TT-BNV Điều 37, 40, 41: the mark top right in 10 points on the first page (on the others by the system's
convention), the archive's name in the middle of every bottom margin. The source is only read: signatures stay valid in
it and cannot be checked in the copy, which says so. A page without room for the words grows at its edge; nothing of it
is ever covered. What cannot become pages becomes a finding. Never in a process that forks (typesetting.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.findings import Finding, finding
from archive.forms.copied_pages import Bounds, Layers, OddError, Sheet, Source, sheets, turned

MARK = "BẢN SAO"
_STAMPS = Path(__file__).with_name("stamps.typ")
_MARGIN, _EDGE, _CLEAR = 20.0, 8.0, 2.0     # points: the wanted margin; nearer to the edge than 8 printers cut it off
_NARROWEST, _WIDEST = 150, 1000.0           # of the foot, points
_MOST = 0.002                               # share of ink that is dust
# Where a free place is looked for, nearest to the wanted margin first: the mark by its way from the right and the top
# edge, the foot by its height over the bottom edge.
_CORNERS = sorted(((float(right), float(top)) for top in range(8, 61, 4) for right in range(8, 201, 4)),
                  key=lambda one: (abs(one[0] - _MARGIN) + abs(one[1] - _MARGIN), one))
_HEIGHTS = sorted(map(float, range(8, 45, 3)), key=lambda one: abs(one - _MARGIN))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a copy bears: the mark (empty: none), the archive's name, small lines beneath it.

    `every_page`: the mark stands on all pages, not only on the first. `on_first`: on the first it is printed; not when
    a visible signature with these words will stand there (Điều 41 khoản 2).
    """

    agency: str
    lines: tuple[str, ...]
    mark: str = MARK
    every_page: bool = True
    on_first: bool = True


def copy(subject: str, sources: Sequence[Source], stamp: Stamp, *, made: datetime,
         bounds: Bounds | None = None) -> tuple[bytes, int, list[Finding]]:
    """The copy of a document as one PDF, how many pages it has, and what of its files could not be copied.

    The same sources, stamp and `made` give the same bytes; empty bytes when nothing could be copied. Raises OSError
    for a file that cannot be read, FontMissingError when no font with Vietnamese letters is there.
    """
    import pikepdf

    limits, found = bounds or Bounds(), []
    with pikepdf.new() as target, ExitStack() as held:      # a form's bytes are read from its file when it is saved
        pages: list[Sheet] = []
        layers = Layers()
        for source in sources:
            try:
                pages += sheets(source, target, limits, layers, held)
            except OddError as odd:
                found.append(finding(odd.code, subject, name=source.name, **odd.params))
        if not pages:
            return b"", 0, found
        mark, feet = _stamps(target, stamp, [sheet.width for sheet in pages], made, held)
        for number, sheet in enumerate(pages):
            marked = bool(stamp.mark) and (stamp.on_first if number == 0 else stamp.every_page)
            _put(target, sheet, mark if marked else None, feet[_width(sheet.width)])
        if layers.all:
            target.Root.OCProperties = pikepdf.Dictionary(OCGs=pikepdf.Array(layers.all), D=pikepdf.Dictionary(
                OFF=pikepdf.Array(layers.hidden), Order=pikepdf.Array([])))
        target.docinfo["/Title"] = f"{stamp.mark or stamp.agency}: {subject}"
        out = io.BytesIO()
        target.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue(), len(pages), found


# --- words on pages -------------------------------------------------------------------------------------------------


def _width(seen: float) -> int:
    """How wide the foot of a page of this width may be, points; steps of ten, so that alike pages share one."""
    return max(_NARROWEST, int(min(seen, _WIDEST) - 2 * _MARGIN) // 10 * 10)


def _stamps(target: Any, stamp: Stamp, widths: Sequence[float], made: datetime,
            held: ExitStack) -> tuple[Any, dict[int, Any]]:
    """The mark and, by the width that it may have, the foot, as forms of `target`."""
    import pikepdf

    from archive.forms.typesetting import pdf

    wanted = sorted({_width(one) for one in widths})
    data = {"mark": stamp.mark or MARK, "agency": stamp.agency, "lines": list(stamp.lines), "widths": wanted}
    printed = held.enter_context(pikepdf.open(io.BytesIO(
        pdf(_STAMPS, data, title=stamp.mark or stamp.agency, made=made))))
    forms = [target.copy_foreign(printed.make_indirect(page.as_form_xobject())) for page in printed.pages]
    return forms[0], dict(zip(wanted, forms[1:], strict=True))


def _put(target: Any, sheet: Sheet, mark: Any, foot: Any) -> None:
    """Add the page to the copy with the words in free places, or on the paper that is added for them."""
    import pikepdf

    above = below = 0.0
    drawn: list[tuple[Any, float, float]] = [(sheet.form, 0.0, 0.0)]    # and where its lower left corner stands
    if mark is not None:
        wide, high = _size(mark)
        corner = _free(sheet, wide, high, _CORNERS)
        if corner is None:
            above, corner = high + 2 * _EDGE, (_MARGIN, -high - _EDGE)
        drawn.append((mark, sheet.width - corner[0] - wide, sheet.height - corner[1] - high))
    wide, high = _size(foot)
    middle = (sheet.width - wide) / 2       # less than nought on a page that is narrower than the words
    place = _free(sheet, wide, high, [(middle, sheet.height - up - high) for up in _HEIGHTS])
    if place is None:
        below = high + 2 * _EDGE
    drawn.append((foot, middle, _EDGE - below if place is None else sheet.height - place[1] - high))
    beside = max(0.0, _EDGE - middle)
    width, height = sheet.width + 2 * beside, sheet.height + above + below
    page = target.add_blank_page(page_size=(width, height))
    commands = [b"q 1 g 0 0 %.3f %.3f re f Q" % (width, height)]
    forms = pikepdf.Dictionary()
    for number, (form, x, y) in enumerate(drawn):
        left, bottom, _right, _top = turned(form)
        forms[f"/F{number}"] = form
        commands.append(b"q 1 0 0 1 %.3f %.3f cm /F%d Do Q" % (beside + x - left, below + y - bottom, number))
    page.obj.Resources = pikepdf.Dictionary(XObject=forms)
    page.obj.Contents = target.make_stream(b"\n".join(commands))


def _size(form: Any) -> tuple[float, float]:
    left, bottom, right, top = turned(form)
    return right - left, top - bottom


def _free(sheet: Sheet, wide: float, high: float, places: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The first of `places` (from the right, from the top) where a box of this size lies on bare paper; else None."""
    if sheet.dark is None:
        return None
    _rows, columns = sheet.dark.shape
    scale = columns / sheet.width
    for right, top in places:
        if not (right >= 0 <= top and right + wide <= sheet.width and top + high <= sheet.height):
            continue
        part = sheet.dark[max(0, int((top - _CLEAR) * scale)):int((top + high + _CLEAR) * scale) + 1,
                          max(0, columns - int((right + wide + _CLEAR) * scale) - 1):
                          max(0, columns - int((right - _CLEAR) * scale))]
        if part.size and float(part.mean()) <= _MOST:
            return right, top
    return None
