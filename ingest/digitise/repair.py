"""The text of PDF pages whose text layer is no text: found out page by page, and read from the drawn page instead.

Only text comes of it, for search: neither the received file nor its access copy is changed, signed or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive.settings import Settings
from ingest.digitise.thresholds import threshold
from ingest.extract.layers import is_garbage, rules
from ingest.extract.pdf import BROKEN
from search.encodings import counts, repair, undo_misreading

_POINTS = 72


@dataclass(frozen=True, slots=True)
class Repaired:
    """The pages of a PDF after repair.

    `notes`: for each page "page", "from" ("layer", "converted tcvn3", "converted vni", "ocr", "broken", "none") and
    "syllables" (share of plausible syllables, None without words), for pages read from their picture "confidence".
    `read`: pages recognised from the drawn page; `left`: pages that stay without meaning; `engine`: what read them.
    """

    pages: list[str]
    notes: list[dict[str, Any]]
    read: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    engine: dict[str, str] = field(default_factory=dict)


def origins(raw: list[str], mended: list[str], known: list[str], encoding: str) -> list[str]:
    """Where the text of each page came from: what its fonts told, else whether mending converted it from `encoding`."""
    found = []
    for number, (before, after) in enumerate(zip(raw, mended, strict=True)):
        origin = known[number] if number < len(known) else "layer"
        if origin == "layer" and encoding not in ("unicode", "unsure") and repair(before)[0] != after:
            own = undo_misreading(before).encoding
            origin = f"converted {own if own != 'unicode' else encoding}"
        found.append(origin)
    return found


def broken_pages(pages: list[str], known: list[str]) -> list[int]:
    """The numbers (from 1) of the pages whose layer is no text: their fonts say so, or their letters do.

    A short page tells little by itself; beside pages that are broken less is needed.
    """
    layers = [(number, text) for number, text in enumerate(pages, 1) if known[number - 1] != "ocr"]
    found = {number for number, text in layers if known[number - 1] == BROKEN or is_garbage(text)}
    if found:
        found |= {number for number, text in layers if is_garbage(text, rules()["least_with_company"])}
    return sorted(found)


def repair_pages(path: Path, pages: list[str], known: list[str], settings: Settings) -> Repaired:
    """Read the pages whose layer is no text from their drawn picture; the others keep their layer.

    What is recognised is taken only where it is more plausible than the layer. Without language data, and for a file
    that must not be drawn, such pages stay and are named in `left`. Raises nothing for what the file holds.
    """
    pages, known = list(pages), list(known)
    broken = broken_pages(pages, known)
    confidence: dict[int, float] = {}
    engine: dict[str, str] = {}
    for number, (text, sure) in (_recognise(path, broken, settings, engine) if broken else {}).items():
        if _convinces(text, sure, settings):
            pages[number - 1], known[number - 1] = text, "ocr"
            confidence[number] = round(sure, 1)
    left = [number for number in broken if number not in confidence]
    notes = []
    for number, (text, origin) in enumerate(zip(pages, known, strict=True), 1):
        counted, valid = counts(text)
        came = BROKEN if number in left else origin if text.strip() else "none"
        notes.append({"page": number, "from": came,
                      "syllables": round(valid / counted, 3) if counted else None,
                      **({"confidence": confidence[number]} if number in confidence else {})})
    return Repaired(pages, notes, sorted(confidence), left, engine if confidence else {})


def _convinces(text: str, sure: float, settings: Settings) -> bool:
    """Whether what was recognised is text: Vietnamese syllables, or letters of which the reader is sure."""
    counted, valid = counts(text)
    enough = counted >= threshold("reading", "few_words")
    plausible = enough and valid >= threshold("text", "repaired_syllables") * counted
    return not is_garbage(text) and ((plausible and sure >= settings.ocr.review_below)
                                     or sure >= threshold("text", "repaired_confidence"))


def _recognise(path: Path, numbers: list[int], settings: Settings,
               engine: dict[str, str]) -> dict[int, tuple[str, float]]:
    """The text and mean word confidence (0 to 100) of pages drawn and read; `engine` is told what read them."""
    from ingest.digitise.engine import engine_facts, find_tessdata, reader
    from ingest.digitise.guards import Hostile
    from ingest.digitise.lanes import read_pages
    from ingest.digitise.pages import survey

    tessdata = find_tessdata(settings.ocr)
    if tessdata is None:
        return {}
    try:
        if survey(path, "pdf", settings.ingest).unread:
            return {}
    except Hostile:
        return {}                               # the digitise stage has said why it must not be drawn
    tesseract = reader(tessdata, settings.ocr.languages)
    engine |= engine_facts(tesseract.version, tessdata, settings.ocr)
    chosen = numbers[:int(threshold("text", "most_repaired"))]
    done = read_pages(chosen, lambda number: _read(path, number, tesseract, settings), lambda _number, _why: None)
    return {number: read for number, read in done.items() if read is not None}


def _read(path: Path, number: int, tesseract: Any, settings: Settings) -> tuple[str, float] | None:
    import pypdfium2

    from ingest.digitise.reading import read_page

    try:
        with pypdfium2.PdfDocument(path) as document:
            sheet = document[number - 1]
            width, height = sheet.get_size()
            dpi = threshold("reading", "dpi")
            pixels = width * height * (dpi / _POINTS) ** 2
            dpi *= min(1.0, math.sqrt(threshold("reading", "most_pixels") / pixels)) if pixels else 1.0
            picture = sheet.render(scale=dpi / _POINTS).to_numpy()
            sheet.close()
        reading = read_page(picture, dpi, tesseract, settings.ocr).reading
    except (RuntimeError, MemoryError, ValueError, OSError):
        return None                             # this page stays as it is and is named; the others go on
    return (reading.text, reading.confidence) if reading.words else None
