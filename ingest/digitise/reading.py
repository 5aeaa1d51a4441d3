"""Reading one page's picture as well as it can be read: the first try, and what is tried when it is poor.

Must never change the picture that is kept: only what is recognised is cleaned, turned or straightened.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from archive.settings import OcrSettings
from ingest.digitise.creases import torn
from ingest.digitise.engine import Box, Grey, Line, Reader, Reading
from ingest.digitise.thresholds import threshold, words

Colours = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]     # height × width × (blue, green, red)

_RED_STEP = 60                  # red must lead the other two by this much to be red ink
_TOP_RIGHT = 270                # vertical lines that could be read: the page's top is at the right
_LEAST_INK = 200               # fewer points of ink show no lines
_THIN = 4                       # every fourth point tells the paper's level
_LIGHTER = 0.85                 # share of a piece's points that are darker than its paper
_WHITE = np.float32(240)        # the level to which paper is brought
_UPPER = 0.5                    # classification and urgency stamps stand in the upper half of a page


@dataclass(frozen=True, slots=True)
class Result:
    """The best reading of a page and how it was come by.

    `turned`: degrees clockwise that set the page upright; `skew`: degrees that its lines then fall to the
    right; `straightened`: the reading belongs to the page turned back by that skew; `retried`: which further
    tries were made; `marks`: what stands there in red ink (stamps).
    """

    reading: Reading
    turned: int = 0
    skew: float = 0.0
    straightened: bool = False
    retried: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


def read_page(picture: Colours, dpi: float, reader: Reader, settings: OcrSettings) -> Result:
    """Recognise a page from its red channel, in which red seals fade; try again while it looks poor.

    Where the paper is much darker in places its tone is evened out first: Tesseract leaves such places out. A crooked
    page is straightened first: Tesseract silently loses lines from about two degrees. Further tries are made only in
    doubt: turned upright (mean confidence below `turn_below`, or words that lie on their side), as one column (a crease
    tore the lines in two), and once on a picture cleaned by a 3×3 median (below settings.ocr.retry_below).
    """
    grey = evened(np.ascontiguousarray(picture[:, :, 2]))
    best = _attempt(grey, dpi, reader, settings)
    sideways = best.reading.vertical            # Tesseract reads such pages, but not in their right place
    angle = 0
    if sideways or best.reading.confidence < threshold("reading", "turn_below"):
        angle = reader.turn(grey, dpi) or (_TOP_RIGHT if sideways else 0)
    if angle:
        upright = np.rot90(grey, -(angle // 90))
        other = _attempt(upright, dpi, reader, settings)
        best = replace(best, retried=(*best.retried, "turn"))
        if _better(other.reading, best.reading) or (sideways and not _better(best.reading, other.reading)):
            best = replace(other, turned=angle, retried=(*best.retried, *other.retried))
            grey, picture = upright, np.rot90(picture, -(angle // 90))
    doubtful, crease = best.reading.confidence < settings.retry_below, torn(best.reading)
    straight = rotate(grey, best.skew) if best.straightened and (doubtful or crease) else grey
    if crease:
        whole = reader.read(straight, dpi, column=True)
        if whole.score >= best.reading.score * threshold("crease", "score"):
            best = replace(best, reading=whole)
        best = replace(best, retried=(*best.retried, "crease"))
    if doubtful:
        other_reading = reader.read(median(straight), dpi)
        if _better(other_reading, best.reading):
            best = replace(best, reading=other_reading)
        best = replace(best, retried=(*best.retried, "median"))
    return _with_red_ink(best, picture, dpi, reader)


def _attempt(grey: Grey, dpi: float, reader: Reader, settings: OcrSettings) -> Result:
    """Read a page, straightened when it is clearly crooked; both ways when that leaves doubt."""
    crooked = skew(grey)
    if abs(crooked) < threshold("reading", "straighten_from"):
        reading = reader.read(grey, dpi)
        return Result(reading, skew=math.degrees(math.atan(reading.slope)))
    best = Result(reader.read(rotate(grey, crooked), dpi), skew=crooked, straightened=True)
    if best.reading.confidence >= settings.retry_below:
        return best
    reading = reader.read(grey, dpi)
    if _better(reading, best.reading):
        best = Result(reading, skew=math.degrees(math.atan(reading.slope)))
    return replace(best, retried=("crooked",))


def _better(other: Reading, known: Reading) -> bool:
    return other.score > known.score * threshold("reading", "gain")


def evened(grey: Grey) -> Grey:
    """The picture with its paper at one level, where that differs much over the page; else the picture itself.

    The paper's level is that of the lighter points round about, seen in pieces of some millimetres.
    """
    side = int(threshold("reading", "paper_piece")) // _THIN
    thin = grey[::_THIN, ::_THIN]
    down, across = (-(-points // side) for points in thin.shape)
    padded = np.pad(thin, ((0, down * side - thin.shape[0]), (0, across * side - thin.shape[1])), mode="edge")
    pieces = padded.reshape(down, side, across, side).swapaxes(1, 2).reshape(down, across, side * side)
    light = int(side * side * _LIGHTER)
    levels = np.pad(np.partition(pieces, light, axis=2)[:, :, light], 1, mode="edge")
    paper = np.median([levels[y: y + down, x: x + across] for y in range(3) for x in range(3)], axis=0)
    if np.percentile(paper, 5) >= threshold("reading", "even_paper") * np.percentile(paper, 95):
        return grey
    size = (across * side * _THIN, down * side * _THIN)
    local = np.asarray(Image.fromarray(np.maximum(paper, 1).astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
    return np.minimum(grey * (_WHITE / local[: grey.shape[0], : grey.shape[1]]), 255).astype(np.uint8)


def skew(grey: Grey) -> float:
    """Degrees that the lines of a page fall to the right, from its ink's row profile (Postl 1986).

    At the right angle ink gathers in few rows: the sum of their squares peaks. 0.0 where no angle stands
    out. Some 10 ms a page.
    """
    step = max(1, round(max(grey.shape) / 600))
    thin = grey[::step, ::step]
    rows, columns = np.nonzero(thin < np.percentile(thin, 90) - threshold("quality", "ink_contrast"))
    if rows.size < _LEAST_INK:
        return 0.0
    columns = columns - thin.shape[1] / 2

    def gathered(degrees: float) -> float:
        profile = np.bincount(np.round(rows - columns * math.tan(math.radians(degrees)) + thin.shape[1]).astype(int))
        return float(np.square(profile, dtype=np.float64).sum())

    most = threshold("reading", "straighten_most")
    rough = max(np.arange(-most, most + 0.01, 0.5), key=lambda degrees: gathered(float(degrees)))
    fine = max(np.arange(rough - 0.4, rough + 0.41, 0.1), key=lambda degrees: gathered(float(degrees)))
    return round(float(fine), 1) if gathered(float(fine)) > threshold("reading", "skew_gain") * gathered(0.0) else 0.0


def rotate(grey: Grey, degrees: float) -> Grey:
    """The picture turned counter-clockwise about its centre, its size kept, corners filled with paper."""
    paper = int(np.percentile(grey[::8, ::8], 90))
    turned = Image.fromarray(grey).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=paper)
    return np.asarray(turned, dtype=np.uint8)


def median(grey: Grey) -> Grey:
    """The 3×3 median, by sorting columns and then rows (Smith 1996): ten times a rank filter's speed."""
    padded = np.pad(grey, 1, mode="edge")
    low, middle, high = _sorted(padded[:-2], padded[1:-1], padded[2:])
    lows = np.maximum(np.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    highs = np.minimum(np.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    middles = _sorted(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])[1]
    return _sorted(lows, middles, highs)[1]


def _sorted(a: Grey, b: Grey, c: Grey) -> tuple[Grey, Grey, Grey]:
    less, more = np.minimum(a, b), np.maximum(a, b)
    rest = np.maximum(less, c)
    return np.minimum(less, c), np.minimum(more, rest), np.maximum(more, rest)


# --- red ink ----------------------------------------------------------------------------------------


def _with_red_ink(best: Result, picture: Colours, dpi: float, reader: Reader) -> Result:
    """Add what is stamped in red (secrecy, urgency, receipt), which the red channel hides.

    Only the upper half is looked at: there such stamps stand, and the seal does not.
    """
    upper = picture[: int(picture.shape[0] * _UPPER)]
    if (_redness(upper[::4, ::4]) > _RED_STEP).mean() < threshold("reading", "mark_share"):
        return best
    ink = 255 - np.clip(_redness(picture) * 2, 0, 255).astype(np.uint8)
    if best.straightened:
        ink = rotate(ink, best.skew)
    ink = ink[: upper.shape[0]]
    strong = ink[::4, ::4] < 255 - 2 * _RED_STEP
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    if not rows.size:
        return best
    margin = int(dpi / 10)
    top, left = max(0, int(rows[0]) * 4 - margin), max(0, int(columns[0]) * 4 - margin)
    crop = ink[top: int(rows[-1]) * 4 + margin, left: int(columns[-1]) * 4 + margin]
    return _with_marks(best, reader.read(crop, dpi, sparse=True), left, top)


def _with_marks(best: Result, found: Reading, left: int, top: int) -> Result:
    written = {word.text.casefold() for word in best.reading.words}
    lines, marks = [], []
    for line in found.lines:
        stamped = [word for word in line.words if sum(letter.isalpha() for letter in word.text) > 1]
        known = known_mark(" ".join(word.text for word in stamped)) if stamped else ""
        if known:                               # the dictionary knows no lone capitals: MẬT is read as MẠT
            stamped = [replace(word, text=text) for word, text in zip(stamped, known.split(), strict=True)]
        else:
            stamped = [word for word in stamped if word.confidence >= threshold("reading", "mark_confidence")
                     and word.text.casefold() not in written]
        if stamped:
            moved = tuple(replace(word, box=_moved(word.box, left, top)) for word in stamped)
            lines.append(Line(_moved(line.box, left, top), line.slope, line.offset, moved, opens_paragraph=True))
            marks.append(" ".join(word.text for word in stamped))
    reading = replace(best.reading, lines=(*best.reading.lines, *lines))
    return replace(best, reading=reading, marks=tuple(marks))


def known_mark(text: str) -> str:
    """The stamp that `text` stands for when signs and case are left aside; empty when it is none."""
    return next((mark for mark in words("reading", "marks") if _bare(mark) == _bare(text)), "")


def _bare(text: str) -> str:
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return " ".join(plain.replace("Đ", "D").replace("đ", "d").upper().split())


def _redness(colours: Colours) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    other = np.maximum(colours[:, :, 0], colours[:, :, 1]).astype(np.int16)
    return colours[:, :, 2].astype(np.int16) - other


def _moved(box: Box, right: float, down: float) -> Box:
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down
