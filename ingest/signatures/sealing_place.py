"""Where a seal goes on page 1: the top right corner as a person sees it, in a place free of ink if there is one.

Must never need more of the file than page 1, and never cover content without saying so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.signatures.sealing_table import table


@dataclass(frozen=True, slots=True)
class Sheet:
    """Page 1 as it is seen: the visible rectangle in its own coordinates, quarter turns in degrees, points a unit.

    `taken`: what earlier signatures show, as (from right, from top, width, height) of the seen page, points.
    """

    left: float
    bottom: float
    right: float
    top: float
    rotate: int
    unit: float
    taken: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def seen(self) -> tuple[float, float]:
        """Width and height as a person sees them, points."""
        wide, high = (self.right - self.left) * self.unit, (self.top - self.bottom) * self.unit
        return (high, wide) if self.rotate in (90, 270) else (wide, high)

    def rectangle(self, from_right: float, from_top: float, width: float, height: float) -> Any:
        """A rectangle `from_right` and `from_top` of the seen corner (points), in the page's own coordinates."""
        gap, drop, wide, high = (value / self.unit for value in (from_right, from_top, width, height))
        match self.rotate:
            case 90:
                return (self.left + drop, self.top - gap - wide, self.left + drop + high, self.top - gap)
            case 180:
                return (self.left + gap, self.bottom + drop, self.left + gap + wide, self.bottom + drop + high)
            case 270:
                return (self.right - drop - high, self.bottom + gap, self.right - drop, self.bottom + gap + wide)
            case _:
                return (self.right - gap - wide, self.top - drop - high, self.right - gap, self.top - drop)

    def seen_box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        """The reverse of `rectangle`."""
        match self.rotate:
            case 90:
                found = (self.top - top, left - self.left, top - bottom, right - left)
            case 180:
                found = (left - self.left, bottom - self.bottom, right - left, top - bottom)
            case 270:
                found = (bottom - self.bottom, self.right - right, top - bottom, right - left)
            case _:
                found = (self.right - right, self.top - top, right - left, top - bottom)
        gap, drop, wide, high = found
        return gap * self.unit, drop * self.unit, wide * self.unit, high * self.unit


def sheet_of(reader: Any) -> Sheet:
    """Page 1 of pyHanko's `reader`. Raises ValueError, KeyError or TypeError where the file does not say."""
    page = reader.root["/Pages"]
    inherited: dict[str, Any] = {}
    for _depth in range(64):            # deeper trees of pages are no trees
        for key in ("/MediaBox", "/CropBox", "/Rotate"):
            if key in page:
                inherited[key] = page[key]
        if "/Kids" not in page:
            break
        page = page["/Kids"][0]
    media = _box(inherited["/MediaBox"])
    crop = _box(inherited.get("/CropBox", inherited["/MediaBox"]))
    seen = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        seen = media
    sheet = Sheet(*seen, rotate=int(inherited.get("/Rotate", 0)) % 360 // 90 * 90, unit=float(page.get("/UserUnit", 1)))
    notes = [note.get_object() for note in page.get("/Annots", ())]
    signed = [note for note in notes if "/Rect" in note
              and "/Sig" in (note.get("/FT"), note["/Parent"].get("/FT") if "/Parent" in note else None)]
    return replace(sheet, taken=tuple(sheet.seen_box(*_box(note["/Rect"])) for note in signed))


def _box(raw: Any) -> tuple[float, float, float, float]:
    one, two, three, four = (float(value) for value in raw)
    return min(one, three), min(two, four), max(one, three), max(two, four)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the seal goes, from the seen top right corner, points, and whether ink lies under it."""

    from_right: float
    from_top: float
    free: bool


def find_place(path: Path, sheet: Sheet, width: float, height: float) -> Place:
    """The place nearest to the wanted margins of page 1 that is free of ink, else the one with the least.

    Earlier signatures are covered last of all. A page that cannot be drawn has no free place.
    """
    import numpy as np

    told, ink = table()["place"], table()["ink"]
    margin, edge, clear, scale = told["margin"], told["edge"], told["clear"], ink["scale"]
    seen_wide, seen_high = sheet.seen
    across = max(0.0, min(told["across"], seen_wide - 2 * margin - width))
    down = max(0.0, min(told["down"], seen_high - 2 * margin - height))
    dark = _ink(path, (margin + across + width + clear) / seen_wide, (margin + down + height + clear) / seen_high,
                seen_wide * scale)
    if dark is None:
        return Place(margin, margin, free=False)
    rows, columns = dark.shape

    def span(from_right: float, from_top: float, wide: float, high: float) -> tuple[slice, slice]:
        top, bottom = int(from_top * scale), int((from_top + high) * scale) + 1
        left, right = columns - int((from_right + wide) * scale) - 1, columns - int(from_right * scale)
        return slice(max(0, top), min(rows, max(0, bottom))), slice(max(0, left), min(columns, max(0, right)))

    for box in sheet.taken:
        dark[span(*box)] = ink["heavy"]
    sums = np.pad(np.cumsum(np.cumsum(dark, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    steps = [(float(right), float(top)) for top in np.arange(edge, margin + down + 0.1, told["step"])
             for right in np.arange(edge, margin + across + 0.1, told["step"])]
    least: tuple[float, Place] | None = None
    for right, top in sorted(steps, key=lambda one: (abs(one[0] - margin) + abs(one[1] - margin), one)):
        down_, across_ = span(right - clear, top - clear, width + 2 * clear, height + 2 * clear)
        count = (sums[down_.stop, across_.stop] - sums[down_.start, across_.stop] - sums[down_.stop, across_.start]
                 + sums[down_.start, across_.start])
        share = float(count) / max(1, (down_.stop - down_.start) * (across_.stop - across_.start))
        if share <= ink["most"]:
            return Place(right, top, free=True)
        if least is None or share < least[0]:
            least = share, Place(right, top, free=False)
    assert least is not None
    return least[1]


def _ink(path: Path, share_wide: float, share_high: float, wide: float) -> Any:
    """Where ink is in the top right part of page 1 as it is seen (shares of its sides), its width `wide` pixels."""
    import numpy as np
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            document.init_forms()           # earlier seals are fields of the form
            page = document[0]
            own_wide, own_high = page.get_size()
            bitmap = page.render(scale=wide / own_wide, grayscale=True, crop=(
                own_wide * max(0.0, 1 - share_wide), own_high * max(0.0, 1 - share_high), 0, 0))
            picture = np.array(bitmap.to_numpy(), copy=True).reshape(bitmap.height, bitmap.width)
            bitmap.close()
            page.close()
    except (pypdfium2.PdfiumError, ValueError, OSError, ZeroDivisionError, OverflowError):
        return None
    ink = table()["ink"]
    paper = max(float(np.percentile(picture, 90)) if picture.size else 255.0, ink["paper"])
    return (picture < paper * ink["darker"]).astype(np.uint8)
