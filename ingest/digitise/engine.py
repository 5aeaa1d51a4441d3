"""Tesseract inside this process: one warm reader a process, a picture in, words with places out.

Must never start threads (OMP_THREAD_LIMIT is 1: one process a processor is cheaper, research measured)
and never carry anything from one picture over to the next.
"""

from __future__ import annotations

import hashlib
import os
import re
import statistics
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from archive import outside
from archive.settings import OcrSettings
from ingest.digitise.thresholds import threshold

Grey = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
Box = tuple[float, float, float, float]         # left, top, right, bottom; pixels, y downwards

_DOUBTFUL = 50.0
_RULE = "|"
_FOLDERS = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata",
            "/usr/share/tessdata", "/usr/local/share/tessdata", "/usr/share/tesseract/tessdata",
            "/opt/homebrew/share/tessdata", "/opt/local/share/tessdata")


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word. `confidence`: 0 to 100, as Tesseract gives it."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its box, the slope of its baseline, the baseline's offset from the box's lower left corner."""

    box: Box
    slope: float
    offset: float
    words: tuple[Word, ...]
    opens_paragraph: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What was recognised on one picture of `width` × `height` pixels."""

    width: int
    height: int
    lines: tuple[Line, ...] = ()
    vertical: bool = False      # most lines run downwards: the page lies on its side

    @property
    def words(self) -> list[Word]:
        """All words in reading order."""
        return [word for line in self.lines for word in line.words]

    @property
    def confidence(self) -> float:
        """Mean word confidence, 0 to 100; 0 when there is no word."""
        found = [word.confidence for word in self.words]
        return sum(found) / len(found) if found else 0.0

    @property
    def score(self) -> float:
        """What two readings of a page are compared by: sure words count, doubtful ones do not.

        The mean alone would favour a reading that lost most of the page.
        """
        return sum(max(0.0, word.confidence - _DOUBTFUL) for word in self.words)

    @property
    def slope(self) -> float:
        """The page's skew as the median slope of its longer lines; positive: lines fall to the right."""
        found = [line.slope for line in self.lines if len(line.words) >= 3]
        return statistics.median(found) if found else 0.0

    @property
    def text(self) -> str:
        """The text: a line a line, an empty line between paragraphs."""
        parts = []
        for number, line in enumerate(self.lines):
            if line.opens_paragraph and number:
                parts.append("")
            parts.append(" ".join(word.text for word in line.words))
        return "\n".join(parts)


def find_tessdata(settings: OcrSettings) -> Path | None:
    """The folder that holds the data of every language asked for; None when there is none.

    Looked for in settings.ocr.tessdata (and then nowhere else), TESSDATA_PREFIX, the usual folders, and
    where an installed `tesseract` says that it looks.
    """
    chosen = Path(settings.tessdata) if settings.tessdata else None
    return _find(chosen, settings.languages, os.environ.get("TESSDATA_PREFIX", ""))


@cache
def _find(chosen: Path | None, languages: str, prefix: str) -> Path | None:
    wanted = [f"{language}.traineddata" for language in languages.split("+")]

    def complete(folder: Path) -> bool:
        return all((folder / name).is_file() for name in wanted)

    if chosen is not None:
        return chosen if complete(chosen) else None
    places = [Path(prefix), Path(prefix) / "tessdata"] if prefix else []
    places += [Path(folder) for folder in _FOLDERS]
    return next((place for place in places if complete(place)), None) or next(filter(complete, _asked()), None)


def _asked() -> list[Path]:
    try:
        answer = outside.run(["tesseract", "--list-langs"], outside.Limits()).said
    except (OSError, outside.TooLongError):
        return []
    return [Path(found) for found in re.findall(r'"([^"]+)"', answer)]


class Reader:
    """A warm Tesseract. Not for several threads at once."""

    def __init__(self, tessdata: Path, languages: str) -> None:
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")      # read when the library is loaded
        import tesserocr

        self._tess = tesserocr
        self._folder = str(tessdata) + "/"
        self._api = tesserocr.PyTessBaseAPI(path=self._folder, lang=languages, psm=tesserocr.PSM.AUTO)
        self._api.SetVariable("debug_file", os.devnull)
        self._orienter: Any = None

    @property
    def version(self) -> str:
        """Tesseract's version, such as "5.5.4"."""
        return str(self._tess.tesseract_version()).splitlines()[0].removeprefix("tesseract ")

    def read(self, picture: Grey, dpi: float, *, sparse: bool = False, column: bool = False) -> Reading:
        """Recognise a grey picture; `sparse` for a few words anywhere, such as a stamp's; `column` for one column."""
        api, modes = self._api, self._tess.PSM
        api.SetPageSegMode(modes.SPARSE_TEXT if sparse else modes.SINGLE_COLUMN if column else modes.AUTO)
        height, width = picture.shape
        api.SetImageBytes(np.ascontiguousarray(picture).tobytes(), width, height, 1, width)
        api.SetSourceResolution(max(70, round(dpi)))
        try:
            api.Recognize()
            lines = tuple(self._lines())
            upright = sum(len(line.words) for line in lines if line.box[2] - line.box[0] >= line.box[3] - line.box[1])
            total = sum(len(line.words) for line in lines)
            return Reading(width, height, lines, vertical=total > 2 * upright)
        finally:
            api.Clear()
            api.ClearAdaptiveClassifier()

    def _lines(self) -> list[Line]:
        level = self._tess.RIL
        walker = self._api.GetIterator()
        lines: list[Line] = []
        words: list[Word] = []
        head: tuple[Box, float, float, bool] | None = None
        opens = True
        if walker is None:
            return lines
        for at in self._tess.iterate_level(walker, level.WORD):
            if at.Empty(level.WORD):
                continue
            opens = opens or bool(at.IsAtBeginningOf(level.PARA))
            if at.IsAtBeginningOf(level.TEXTLINE):
                if head is not None and words:
                    lines.append(Line(*head[:3], tuple(words), head[3]))
                box = at.BoundingBox(level.TEXTLINE)
                head, words = (box, *_baseline(at.Baseline(level.TEXTLINE), box), opens), []
                opens = False
            text = unicodedata.normalize("NFC", (at.GetUTF8Text(level.WORD) or "").strip())
            if _RULE in text:                           # of a table: no letter of any text that we keep
                text = text.strip(_RULE + "_")
            box = at.BoundingBox(level.WORD)
            if text and box and head is not None:
                words.append(Word(text, box, float(at.Confidence(level.WORD))))
        if head is not None and words:
            lines.append(Line(*head[:3], tuple(words), head[3]))
        return lines

    def turn(self, picture: Grey, dpi: float) -> int | None:
        """Degrees clockwise (0, 90, 180, 270) that would set the picture upright; None when it cannot tell.

        Needs Tesseract's `osd` data; without it nothing can be told.
        """
        if not Path(self._folder, "osd.traineddata").is_file():
            return None
        if self._orienter is None:
            self._orienter = self._tess.PyTessBaseAPI(path=self._folder, lang="osd", psm=self._tess.PSM.OSD_ONLY)
        height, width = picture.shape
        self._orienter.SetImageBytes(np.ascontiguousarray(picture).tobytes(), width, height, 1, width)
        self._orienter.SetSourceResolution(max(70, round(dpi)))
        try:
            found = self._orienter.DetectOrientationScript()
        finally:
            self._orienter.Clear()
        return None if not found else -int(found["orient_deg"]) % 360


def _baseline(found: Any, box: Box) -> tuple[float, float]:
    if not found:
        return 0.0, 0.0
    (x1, y1), (x2, y2) = found
    if x2 == x1:
        return 0.0, 0.0
    slope = (y2 - y1) / (x2 - x1)
    return slope, y1 + slope * (box[0] - x1) - box[3]


@cache
def reader(tessdata: Path, languages: str) -> Reader:
    """The reader of this process: made once, kept warm."""
    return Reader(tessdata, languages)


def engine_facts(tesseract: str, tessdata: Path, settings: OcrSettings) -> dict[str, str]:
    """What goes into the record of a page read: versions, the language data by its hash (it bears no version), options.

    A later engine is told from this one by these; `options` are those that change what is recognised.
    """
    return dict(_engine_facts(tesseract, tessdata, settings.languages),
                options=f"psm 3; red channel; at most {threshold('reading', 'dpi'):g} dpi; even paper; creases; "
                        f"median below {settings.retry_below:g}; turned below {threshold('reading', 'turn_below'):g}; "
                        f"straightened from {threshold('reading', 'straighten_from'):g}°")


@cache
def _engine_facts(tesseract: str, tessdata: Path, languages: str) -> dict[str, str]:
    import ocrmypdf
    import pikepdf

    data = hashlib.sha256()
    for language in languages.split("+"):
        data.update((tessdata / f"{language}.traineddata").read_bytes())
    return {"tesseract": tesseract, "languages": languages, "data": data.hexdigest()[:16],
            "ocrmypdf": str(ocrmypdf.__version__), "pikepdf": str(pikepdf.__version__)}
