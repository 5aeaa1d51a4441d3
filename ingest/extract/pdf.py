"""The text layer of PDF files, in the order in which the file holds it; nothing is drawn, nothing changed.

A run in a font of a legacy encoding (.VnTime, VNI-Times) is converted by the font's name; a page whose fonts do not
say which characters they show is marked as such.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.extract.layers import rules
from ingest.extract.raw import RawText, Unreadable
from search.encodings import counts, from_font, may_be_legacy, syllables

# PDFium puts U+FFFE (or U+0002) where a word is parted by a hyphen at the end of a line.
_PARTED = re.compile("[\ufffe\x02](?:\r?\n)?")
_LINE_END = re.compile(r"[ \t]*\r?\n")
_CONTROL = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\ue000-\uf8ff]")
# The letters of TCVN3 about a hyphen inside a word, and about the sign that PDFium puts at the end of a line.
_HYPHEN = re.compile(r"(?P<left>[A-Za-z\xa1-\xff]*)(?P<sign>-)(?P<right>[A-Za-z\xa1-\xff]*)")
_LINE_HYPHEN = re.compile("(?P<left>[A-Za-z\xa1-\xff]*)(?P<sign>[\ufffe\x02])(?:\r?\n)?(?P<right>)")
_FONT_NAME = re.compile(r"^[A-Z]{6}\+|[,-](?:bold|italic|oblique|regular|normal).*$", re.IGNORECASE)
_NAME_BYTES = 128
_PLAUSIBLE = 0.9                # share of syllables from which a page without odd signs is believed as it stands
BROKEN = "broken"               # origin of a page whose fonts carry no map of characters


def read(path: Path, max_pages: int) -> RawText:
    """The text layer, page by page; pages beyond `max_pages` are left out.

    `origins` says of each page "layer", "converted tcvn3", "converted vni" or "broken". Raises Unreadable (EXTRACT-006)
    for a file that PDFium cannot open.
    """
    import pypdfium2  # lazily: workers that meet no PDF need not load it

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("EXTRACT-006", reason=str(error)) from error
    found = RawText([], "text layer")
    with document:
        found.cut = len(document) > max_pages
        for number in range(min(len(document), max_pages)):
            text, origin = _page(document, number, found)
            found.pages.append(text)
            found.origins.append(origin)
        return found.bounded()


def _page(document: object, number: int, found: RawText) -> tuple[str, str]:
    import pypdfium2

    try:
        page = document[number]  # type: ignore[index]
    except pypdfium2.PdfiumError:
        return "", "layer"                          # one page that cannot be loaded does not lose the others
    try:
        layer = page.get_textpage()
        try:
            text, origin = _layer(layer, found)
        finally:
            layer.close()
    except pypdfium2.PdfiumError:
        return "", "layer"
    finally:
        page.close()
    return _LINE_END.sub("\n", _PARTED.sub("-\n", text)).replace("\f", "\n"), origin


def _layer(layer: Any, found: RawText) -> tuple[str, str]:
    """A page's text and its origin. Fonts are asked only where the text gives reason to: it costs as much again."""
    text: str = layer.get_text_range()
    counted, valid = counts(text)
    if valid >= _PLAUSIBLE * counted and not may_be_legacy(text) and not _CONTROL.search(text):
        return text, "layer"
    import pypdfium2.raw as pdfium

    total = layer.count_chars()
    unmapped = sum(1 for at in range(total) if pdfium.FPDFText_HasUnicodeMapError(layer.raw, at) == 1)
    if unmapped > rules()["unmapped_share"] * max(1, sum(1 for sign in text if not sign.isspace())):
        return text, BROKEN
    runs = list(_runs(layer, total))
    certain = {font: encoding for font in {font for font, _ in runs} if (encoding := _encoding(font, runs))}
    if BROKEN in certain.values():
        return text, BROKEN
    if not certain:
        return text, "layer"
    parts = []
    for font, run in runs:
        if font in certain:
            run, changed = from_font(_horns(run) if certain[font] == "tcvn3" else run, font)
            found.converted.update([changed] if changed else [])
        parts.append(run)
    names = sorted(set(certain.values()))
    return "".join(parts), "converted " + ", ".join(names)


def _runs(layer: Any, total: int) -> Iterator[tuple[str, str]]:
    """The page's text in runs of one font: the font's name, the run. Blanks that PDFium makes up join the run."""
    import pypdfium2.raw as pdfium

    buffer, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
    font, codes = "", list[int]()
    for at in range(total):
        size = pdfium.FPDFText_GetFontInfo(layer.raw, at, buffer, _NAME_BYTES, ctypes.byref(flags))
        name = _FONT_NAME.sub("", buffer.value.decode("utf-8", "replace")) if 0 < size <= _NAME_BYTES else ""
        if name and name != font:
            if codes:
                yield font, _characters(codes)
            font, codes = name, []
        codes.append(pdfium.FPDFText_GetUnicode(layer.raw, at))
    if codes:
        yield font, _characters(codes)


def _characters(codes: list[int]) -> str:
    """PDFium's codes as text; it may give a character beyond FFFF in two halves."""
    joined = "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _encoding(font: str, runs: list[tuple[str, str]]) -> str:
    """The legacy encoding of a font by its name, where what it shows on this page reads better so; else "" or BROKEN.

    A font may bear the old name and yet carry a map to Unicode.
    """
    shown = "\n".join(run for name, run in runs if name == font)
    encoding = from_font(shown, font)[1]
    if encoding is None:
        return ""
    converted, _ = from_font(_horns(shown) if encoding == "tcvn3" else shown, font)
    (before, plain), (after, better) = counts(shown), counts(converted)
    if better * max(1, before) < plain * max(1, after):
        return ""
    # What the font's name promises and its codes do not keep: PDFium knew another encoding for them.
    failed = after >= rules()["legacy_words"] and better < rules()["legacy_syllables"] * after
    return BROKEN if failed else encoding


def _horns(run: str) -> str:
    """A run in TCVN3 with its \u01b0 given back, which is written as a soft hyphen there.

    PDFium shows that as a hyphen, and at the end of a line as the sign of a parted word. It is \u01b0 where it makes a
    syllable of the letters beside it: "L-u", "tr-\xedc", but not "Q\xa7-UBND".
    """
    def letter(match: re.Match[str]) -> str:
        left, right = (from_font(part or "", ".VnTime")[0].lower() for part in match.group("left", "right"))
        horned = bool(left or right) and f"{left}\u01b0{right}" in syllables()
        sign = "\xad" if horned else "-"
        return match["left"] + sign + ("" if match["sign"] == "-" else "\n") + (match["right"] or "")
    return _LINE_HYPHEN.sub(letter, _HYPHEN.sub(letter, run))
