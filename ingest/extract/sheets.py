"""XLSX: the sheets of a workbook as rows of shown values, straight from the XML; formulas are not computed."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element

from archive.settings import IngestSettings
from ingest.extract.ooxml import Package, attribute, child, local, open_package
from ingest.extract.raw import RawText, Unreadable
from search.encodings import from_font

# Built-in number formats that show a date or a time (ECMA-376-1, 18.8.30); others are told by their pattern.
_DATES = {14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)}
_TIMES = {18, 19, 20, 21, 45, 46, 47}
_PERCENT = {9, 10}
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)     # a cell's date has no zone
_SERIALS = 2_958_466                            # 01/01/10000, the first day that Excel does not have


class _Book:
    """What the cells of a workbook refer to: shared strings, number formats, fonts."""

    def __init__(self, package: Package, main: str) -> None:
        related = {kind: target for _, kind, target in package.related(main)}
        self.converted: Counter[str] = Counter()
        self.fonts: list[str] = []
        self.styles: list[tuple[str, str]] = []           # of a cell format: what its numbers show, its font
        self._styles(package.part(related.get("styles", "")))
        root = package.part(related.get("sharedStrings", ""))
        self.strings = [_runs(one) for one in root] if root is not None else []
        self.epoch = _EPOCH

    def _styles(self, root: Element | None) -> None:
        if root is None:
            return
        patterns: dict[int, str] = {}
        for one in root:
            if local(one) == "numFmts":
                patterns = {int(attribute(each, "numFmtId") or 0): attribute(each, "formatCode") for each in one}
            elif local(one) == "fonts":
                self.fonts = [_font(each) for each in one]
            elif local(one) == "cellXfs":
                for each in one:
                    font = int(attribute(each, "fontId") or 0)
                    self.styles.append((_shows(int(attribute(each, "numFmtId") or 0), patterns),
                                        self.fonts[font] if font < len(self.fonts) else ""))

    def value(self, cell: Element) -> str:
        """What a cell shows, on one line."""
        kind = attribute(cell, "t")
        style = int(attribute(cell, "s") or 0)
        shows, font = self.styles[style] if style < len(self.styles) else ("", "")
        if kind == "inlineStr":
            inline = child(cell, "is")
            return self._text(_runs(inline) if inline is not None else [], font)
        found = child(cell, "v")
        text = (found.text or "") if found is not None else ""
        if kind == "s":
            return self._text(self.strings[int(text)], font) if text.isdigit() and int(text) < len(self.strings) else ""
        if kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        if kind in ("str", "e", "d"):
            return self._text([("", text)], font)
        return self._number(text, shows)

    def _text(self, runs: list[tuple[str, str]], font: str) -> str:
        pieces = []
        for own, text in runs:
            new, encoding = from_font(text, own or font)
            if encoding:
                self.converted[encoding] += 1
            pieces.append(new)
        return " ".join("".join(pieces).split())

    def _number(self, text: str, shows: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        if shows == "percent":
            return f"{number * 100:.12g}%"
        if shows and 0 <= number < _SERIALS:
            moment = self.epoch + timedelta(seconds=round(number * 86400))
            clock = f"{moment:%H:%M:%S}".removesuffix(":00") if moment.time() != datetime.min.time() else ""
            if shows == "time" and number < 1:
                return clock or "00:00"
            return f"{moment:%d/%m/%Y} {clock}".strip()
        return f"{number:.15g}"


def read(path: Path, settings: IngestSettings) -> RawText:
    """The text of a workbook: a page a sheet, headed by the sheet's name, rows of cells parted by tabs."""
    with open_package(path, settings) as package:
        main = package.main_part("xl/workbook.xml")
        workbook = package.part(main)
        if workbook is None:
            raise Unreadable("EXTRACT-006", reason="xl/workbook.xml is missing")
        book = _Book(package, main)
        targets = {name: target for name, _, target in package.related(main)}
        pages = []
        for one in workbook.iter():
            if local(one) == "workbookPr" and attribute(one, "date1904") in ("1", "true"):
                book.epoch = _EPOCH_1904
            if local(one) == "sheet":
                root = package.part(targets.get(one.attrib.get(_REL, attribute(one, "id")), ""))
                lines = [attribute(one, "name"), *_lines(root, book)]
                pages.append("\n".join(lines))
    return RawText(pages, converted=book.converted).bounded()


_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def _lines(root: Element | None, book: _Book) -> list[str]:
    data = child(root, "sheetData") if root is not None else None
    lines = []
    for row in data if data is not None else ():
        cells = [book.value(cell) for cell in row if local(cell) == "c"]
        if any(cells):
            lines.append("\t".join(cells))
    return lines


def _font(element: Element) -> str:
    name = child(element, "name")
    return "" if name is None else attribute(name, "val")


def _runs(element: Element) -> list[tuple[str, str]]:
    """The text of a shared or inline string as runs of (font, text); readings for other scripts are left out."""
    runs = []
    for one in element:
        if local(one) == "t":
            runs.append(("", one.text or ""))
        elif local(one) == "r":
            text, properties = child(one, "t"), child(one, "rPr")
            named = child(properties, "rFont") if properties is not None else None
            runs.append((attribute(named, "val") if named is not None else "",
                         (text.text or "") if text is not None else ""))
    return runs


def _shows(number: int, patterns: dict[int, str]) -> str:
    """What a number format makes of a number: "date", "time", "percent" or "" (the number itself)."""
    if number in _DATES:
        return "date"
    if number in _TIMES:
        return "time"
    if number in _PERCENT:
        return "percent"
    pattern = _QUOTED.sub("", patterns.get(number, "")).lower().split(";")[0]
    if "%" in pattern:
        return "percent"
    if "y" in pattern or "d" in pattern:
        return "date"
    return "time" if "h" in pattern or "ss" in pattern else ""
