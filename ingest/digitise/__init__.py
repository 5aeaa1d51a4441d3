"""Digitising: scans get an access copy (PDF/A with a text layer) and their text, beside the original.

The face of this package is `digitise`. It must never change a received file, and leaves born-digital
documents alone.

What it notes in `item.facts["digitise"]`, for the main part:

    scan             whether any page is a picture that was (to be) recognised
    pages            one entry a page: {"page": 1, "kind": "text" | "picture" | "empty"}; pictures also have
                     dpi, stated, length_mm, colour, blank, pale, dark, paper, contrast, confidence, words,
                     sheet (short and long side of what was scanned, mm), stretch (share by which its two
                     resolutions differ), cut and border (sides), spread, moire (these only where seen),
                     rotation (degrees clockwise that set it upright), skew (degrees, positive: lines fall to
                     the right), straightened, retried, marks (words in red ink), error, given_up
                     ("time", "died" or "left": see limits.py), syllables (share of plausible syllables, None with
                     too few words), misread (figures and dates that cannot be), foreign (not Vietnamese);
                     of page 1 doubtful (words of its head that the reader doubts, with their confidence)
    mean_confidence  over all words, 0 to 100; None without a word
    engine           versions of what read it, its language data and options
    unread           "encrypted" or "damaged" when the file was left alone for that
    left_out         what the access copy does not hold: "javascript", "launch", "attachments"
    not_pdfa         why the access copy is not PDF/A (absent: it is)
    unclean          why there is no access copy (absent: there is)
    red_text         what stands in red ink on the pages of all parts, a form feed between pages; the secrecy
                     gate reads it (absent: nothing)
    attachments      the same for each further part that is a scan, with "name", "access", "text"
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive import codes
from archive.findings import Finding, finding
from ingest.digitise.guards import Hostile, has_damaged_picture
from ingest.digitise.judgement import judge
from ingest.digitise.pages import Page, Survey, file_kind, survey
from ingest.digitise.text_quality import doubtful_words, judge_text, text_facts
from ingest.digitise.thresholds import threshold
from ingest.item import Context, Item, Part

if TYPE_CHECKING:               # numpy, Tesseract and OCRmyPDF are loaded when the first scan comes
    from ingest.digitise.engine import Reader
    from ingest.digitise.reading import Result

__all__ = ["digitise"]

_WORK = ".digitise"             # working folder inside the item's; gone when the stage is done
_READ = ("original", "attachment")
_A4_LONG_MM = 297.0


@dataclass(frozen=True, slots=True)
class _Read:
    """A page's facts, its reading (None: a text page, blank, or it failed), the dpi of the picture read, and the file
    of a lighter picture for the access copy (None: it keeps its own)."""

    noted: dict[str, Any]
    result: Result | None = None
    dpi: float = 0.0
    light: Path | None = None

    @property
    def text(self) -> str:
        return self.result.reading.text if self.result else ""


def digitise(item: Item, context: Context) -> list[Finding]:
    """Make access copies and text of the item's scanned parts, and say how good the scans are.

    TT 05/2025/TT-BNV Đ8 asks for PDF/A in two layers, picture and text. Born-digital files are only
    looked at. Writes access.pdf and ocr.txt (form feeds between pages) in the item's folder, for the
    n-th part access-n.pdf and ocr-n.txt; the same input gives the same bytes. A file that must not be
    drawn is refused; missing language data is our failure.
    """
    context = _with_languages(item, context)
    findings: list[Finding] = []
    facts: dict[str, Any] = {"scan": False, "pages": []}
    further = []
    signed = {one["file"] for one in item.facts.get("verify", {}).get("signatures", [])}
    for number, part in enumerate(item.parts, 1):
        if part.role not in _READ:
            continue
        main = part is item.main
        noted, said = _digitise_part(item, part, "" if main else f"-{number}", context)
        findings += said
        if "access" in noted and part.name in signed:
            findings.append(finding("DIGITISE-022", part.name))
        if main:
            facts = noted
        elif noted["scan"]:
            further.append({"name": part.name, **noted})
    red = "\f".join(text for text in (_red_text(noted) for noted in (facts, *further)) if text)
    item.facts["digitise"] = facts | ({"red_text": red} if red else {}) | ({"attachments": further} if further else {})
    return findings


def _with_languages(item: Item, context: Context) -> Context:
    """The same with the engine's languages of the fonds that the item is for, by its file code (ocr.languages_of)."""
    ocr = context.settings.ocr
    if not ocr.languages_of:
        return context
    code = codes.parse_file_code(item.fields.get("fileCode", ""), inventory=True)
    own = ocr.for_fonds(str(code.agency) if code is not None else context.settings.agency.code)
    return replace(context, settings=context.settings.model_copy(update={"ocr": own}))


def _red_text(noted: dict[str, Any]) -> str:
    text = "\f".join("\n".join(page.get("marks", [])) for page in noted["pages"])
    return text if text.strip("\f") else ""


def _digitise_part(item: Item, part: Part, suffix: str, context: Context) -> tuple[dict[str, Any], list[Finding]]:
    kind = file_kind(part.path)
    if kind is None:
        return {"scan": False, "pages": []}, []
    try:
        seen = survey(part.path, kind, context.settings.ingest)
    except Hostile as hostile:
        return {"scan": False, "pages": []}, [finding(hostile.code, part.name, **hostile.params)]
    if not seen.pictures:
        facts = {"scan": False, "pages": [{"page": page.number, "kind": page.kind} for page in seen.pages]}
        return (facts | {"unread": seen.unread} if seen.unread else facts), []

    from ingest.digitise.engine import find_tessdata

    tessdata = find_tessdata(context.settings.ocr)
    if tessdata is None:
        return {"scan": True, "pages": []}, [finding("DIGITISE-018", part.name,
                                                     languages=context.settings.ocr.languages)]
    work = item.folder / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        facts = _copy_and_read(item, part, seen, suffix, context, tessdata, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return facts, [*judge(part.name, facts, context.settings), *judge_text(part.name, facts)]


def _copy_and_read(item: Item, part: Part, seen: Survey, suffix: str, context: Context, tessdata: Path,
                   work: Path) -> dict[str, Any]:
    from ingest.digitise import access_copy, light_pictures
    from ingest.digitise.engine import engine_facts, reader

    settings = context.settings
    tesseract = reader(tessdata, settings.ocr.languages)
    engine = engine_facts(tesseract.version, tessdata, settings.ocr)
    facts: dict[str, Any] = {"scan": True, "pages": [], "mean_confidence": None, "engine": engine}
    plain = work / "plain.pdf"
    try:
        left_out = access_copy.unpacked_copy(part.path, seen.kind, plain, settings.ingest.max_pixels)
    except access_copy.Unclean as unclean:
        return facts | {"unclean": str(unclean), "pages": [_unread(page, str(unclean)) for page in seen.pages]}
    facts |= {"left_out": left_out} if left_out else {}
    light = settings.ocr.access_copy == "light"
    heavy = light_pictures.candidates(plain, {page.number: page for page in seen.pictures}) if light else {}
    reads = _read_all(plain, seen, heavy, tesseract, context)
    facts["pages"] = [read.noted for read in reads]
    words = [word.confidence for read in reads if read.result for word in read.result.reading.words]
    if words:
        facts["mean_confidence"] = round(sum(words) / len(words), 1)
    text = item.folder / f"ocr{suffix}.txt"
    text.write_text("\f".join(read.text for read in reads), encoding="utf-8", newline="\n")
    item.made(text, "ocr-text", "txt")
    facts["text"] = text.name
    target = item.folder / f"access{suffix}.pdf"
    try:
        broken = _make_access_copy(item, part, seen, reads, plain, target, context, engine)
    except access_copy.Unclean as unclean:
        target.unlink(missing_ok=True)
        return facts | {"unclean": str(unclean)}
    item.made(target, "access", "pdf")
    return facts | {"access": target.name} | ({"not_pdfa": broken} if broken else {})


def _make_access_copy(item: Item, part: Part, seen: Survey, reads: list[_Read], plain: Path, target: Path,
                      context: Context, engine: dict[str, str]) -> list[str]:
    from ingest.digitise import access_copy, light_pictures

    upright = {read.noted["page"]: access_copy.Upright(read.result.turned,
                                                       read.result.skew if read.result.straightened else 0.0)
               for read in reads if read.result and (read.result.turned or read.result.straightened)}
    light_pictures.replace(plain, {read.noted["page"]: read.light for read in reads if read.light})
    access_copy.set_upright(plain, upright)
    readings = {read.noted["page"]: (read.result.reading, read.dpi) for read in reads
                if read.result and read.result.reading.lines}
    laid = plain
    if readings:
        laid = plain.with_name("laid.pdf")
        access_copy.lay_text(plain, laid, readings, languages=context.settings.ocr.languages,
                             replace_hidden=any(page.has_text for page in seen.pictures),
                             max_pixels=context.settings.ingest.max_pixels)
    finished = plain.with_name("finished.pdf")
    broken = access_copy.finish(laid, finished, title=item.fields.get("subject") or part.name,
                                made_at=item.received_at,
                                creator=f"Lưu Trữ; OCRmyPDF {engine['ocrmypdf']}; Tesseract {engine['tesseract']}")
    finished.replace(target)                    # whole or not at all
    return broken


def _read_all(plain: Path, seen: Survey, heavy: Mapping[int, int], tesseract: Reader, context: Context) -> list[_Read]:
    """Every page of the working copy, in order; one page's failure is its own, be it that it hangs or dies.

    Pages of `heavy` (number and bytes) get a lighter picture, beside the working copy, where that saves something.
    """
    import pypdfium2

    from ingest.digitise.lanes import read_pages

    document: list[Any] = []                    # opened by the lane that reads it, once

    def read(number: int) -> _Read:
        page = seen.pages[number - 1]
        try:
            if not document:
                document.append(pypdfium2.PdfDocument(plain))
            most = int(heavy.get(number, 0) * threshold("access", "worth"))
            return _read_one(document[0], page, tesseract, context, plain.with_name(f"light-{number}.jpg"), most)
        except (RuntimeError, MemoryError, ValueError, OSError) as error:
            # PDFium and Tesseract raise plain RuntimeError: the page is pointed out, the others go on
            return _Read(_unread(page, str(error) or type(error).__name__))

    def failed(number: int, why: str) -> _Read:
        return _Read(_unread(seen.pages[number - 1], why) | {"given_up": why})

    done = read_pages([page.number for page in seen.pictures], read, failed)
    return [done.get(page.number) or _Read(_unread(page, "")) for page in seen.pages]


def _read_one(document: Any, page: Page, tesseract: Reader, context: Context, light: Path, most: int) -> _Read:
    from ingest.digitise.light_pictures import encode
    from ingest.digitise.quality import measure
    from ingest.digitise.reading import read_page

    sheet = document[page.number - 1]
    try:
        dpi, scale = _scale(page, sheet.get_size())
        picture = sheet.render(scale=scale).to_numpy()
        lies = sheet.get_rotation()
    finally:
        sheet.close()
    quality = measure(picture, 72 * scale)
    noted = _unread(page, "") | quality.facts()
    if quality.blank:
        damaged = has_damaged_picture(document, page.number)
        return _Read(_unread(page, "a picture cannot be decoded")) if damaged else _Read(noted)
    result = read_page(picture, dpi, tesseract, context.settings.ocr)
    words = len(result.reading.words)
    if quality.sparse and words < threshold("reading", "few_words") and result.reading.confidence < 50:
        return _Read(noted | {"blank": True})
    noted |= {"confidence": round(result.reading.confidence, 1) if words else None, "words": words,
              "rotation": result.turned, "skew": round(result.skew, 2), "straightened": result.straightened,
              "retried": list(result.retried), "marks": list(result.marks)}
    noted |= text_facts(result.reading.text) if words else {}
    if page.number == 1 and (doubtful := doubtful_words(result.reading.words)):
        noted["doubtful"] = doubtful
    lighter = bool(most) and bool(words) and encode(picture, lies, page, light, most)
    return _Read(noted, result, 72 * scale, light if lighter else None)


def _scale(page: Page, size: tuple[float, float]) -> tuple[float, float]:
    """The resolution that Tesseract is told, and the scale (1: 72 dpi) at which the sheet is drawn.

    Never more than the scan holds nor than Tesseract needs; but a coarse scan is enlarged, or lines get lost.
    """
    most = threshold("reading", "dpi")
    held = page.dpi or most
    dpi = most if held < threshold("reading", "enlarge_below") else min(most, held)
    scale = dpi / 72 * (1.0 if page.stated else _A4_LONG_MM / max(page.length_mm, 1.0))
    pixels = size[0] * size[1] * scale * scale
    shrink = min(1.0, math.sqrt(threshold("reading", "most_pixels") / pixels)) if pixels else 1.0
    return dpi * shrink, scale * shrink


def _unread(page: Page, error: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"page": page.number, "kind": page.kind}
    if page.kind != "picture":
        return facts
    facts |= {"dpi": page.dpi, "stated": page.stated, "length_mm": page.length_mm, "colour": page.colour,
              "blank": False, "pale": False, "dark": False, "confidence": None, "words": 0, "rotation": 0,
              "skew": 0.0, "straightened": False, "retried": [], "marks": []}
    if page.stated and page.dpi:
        facts |= {"sheet": list(page.sheet)} | ({"stretch": page.stretch} if page.stretch else {})
    return facts | {"error": error[:200]} if error else facts
