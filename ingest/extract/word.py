"""DOCX: paragraphs, tables, text boxes, headers, footers and notes, straight from the XML.

Deleted text of tracked changes, field codes and comments are not text of the document and must not appear.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from archive.settings import IngestSettings
from ingest.extract.ooxml import Package, attribute, child, local, open_package
from ingest.extract.raw import RawText, Unreadable
from search.encodings import from_font

_BREAK, _RENDERED = "\ue000", "\ue001"        # stand-ins for page breaks; private use, so not in any document's text
_NOT_TEXT = {"pPr", "rPr", "del", "moveFrom", "delText", "instrText", "delInstrText", "sectPr", "tblPr", "tblGrid",
             "trPr", "tcPr", "sdtPr", "sdtEndPr", "footnotePr", "commentReference", "annotationRef", "Fallback",
             "softHyphen"}
_DRAWN = {"drawing", "pict", "object"}
_SIGNS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-", "lastRenderedPageBreak": _RENDERED}
_NOTES = {"-1", "0"}                            # ids of the separators that stand among the notes


def read(path: Path, settings: IngestSettings) -> RawText:
    """The text of a DOCX, headers first, then the body, notes and footers. Raises Unreadable."""
    with open_package(path, settings) as package:
        main = package.main_part("word/document.xml")
        body = package.part(main)
        if body is None:
            raise Unreadable("EXTRACT-006", reason="word/document.xml is missing")
        related = package.related(main)
        reader = _Reader(_fonts(package, related))
        parts = {kind: [text for target in _targets(related, kind)
                        if (text := reader.container(package.part(target)).strip())]
                 for kind in ("header", "footer", "footnotes", "endnotes")}
        text = reader.container(body).strip("\n")
    before = dict.fromkeys(parts["header"])      # the same header of several sections is said once
    after = dict.fromkeys([*parts["footnotes"], *parts["endnotes"], *parts["footer"]])
    whole = "\n".join([*before, text, *after])
    # Word notes where each page ended when it last laid the document out; only without that do typed breaks count.
    whole = whole.replace(_BREAK, "").replace(_RENDERED, "\f") if _RENDERED in whole else whole.replace(_BREAK, "\f")
    return RawText([page.strip("\n") for page in whole.split("\f")], converted=reader.converted).bounded()


def _targets(related: list[tuple[str, str, str]], wanted: str) -> list[str]:
    return list(dict.fromkeys(target for _, kind, target in related if kind == wanted))


def _run_font(properties: Element | None) -> str:
    fonts = child(properties, "rFonts") if properties is not None else None
    return "" if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi")


def _fonts(package: Package, related: list[tuple[str, str, str]]) -> dict[str, str]:
    """The font of each style by its id; under "" the font of text without a style."""
    found: dict[str, str] = {}
    based: dict[str, str] = {}
    default = ""
    root = package.styles(next(iter(_targets(related, "styles")), "word/styles.xml"))
    for style in root if root is not None else ():
        if local(style) == "docDefaults":
            run = child(style, "rPrDefault")
            found[""] = _run_font(child(run, "rPr") if run is not None else None)
        if local(style) != "style":
            continue
        name = attribute(style, "styleId")
        parent = child(style, "basedOn")
        based[name] = "" if parent is None else attribute(parent, "val")
        found[name] = _run_font(child(style, "rPr"))
        if attribute(style, "type") == "paragraph" and attribute(style, "default") in ("1", "true"):
            default = name

    def resolve(name: str) -> str:
        seen: set[str] = set()
        while name and not found.get(name) and name not in seen:
            seen.add(name)
            name = based.get(name, "")
        return found.get(name, "") or found.get("", "")

    return {name: resolve(name) for name in found} | {"": resolve(default)}


class _Reader:
    """Walks the elements of one document; counts the runs converted from fonts of legacy encodings."""

    def __init__(self, fonts: dict[str, str]) -> None:
        self.fonts = fonts
        self.converted: Counter[str] = Counter()

    def container(self, element: Element | None) -> str:
        """The text of everything that holds paragraphs and tables: body, header, cell, text box, note."""
        lines: list[str] = []
        for one in element if element is not None else ():
            name = local(one)
            if name in _NOT_TEXT or (name in ("footnote", "endnote") and attribute(one, "id") in _NOTES):
                continue
            if name == "p":
                lines += self.paragraph(one)
            elif name == "tbl":
                lines += self.table(one)
            elif len(one) and (text := self.container(one)):
                lines.append(text)
        return "\n".join(lines)

    def table(self, table: Element) -> list[str]:
        """A line a row, cells parted by tabs; cells of several paragraphs follow one another."""
        lines = []
        for row in _rows(table, "tr"):
            cells = [self.container(cell).strip("\n") for cell in _rows(row, "tc")]
            parted = "\t" if all("\n" not in cell for cell in cells) else "\n"
            lines.append(parted.join(cells))
        return lines

    def paragraph(self, paragraph: Element) -> list[str]:
        """The paragraph's text, then that of the text boxes anchored in it."""
        properties = child(paragraph, "pPr")
        style = child(properties, "pStyle") if properties is not None else None
        font = self.fonts.get(attribute(style, "val") if style is not None else "", self.fonts.get("", ""))
        runs: list[list[str]] = []
        boxes: list[str] = []
        self.inline(paragraph, font, runs, boxes)
        pieces = []
        for used, text in runs:
            new, encoding = from_font(text, used)
            if encoding:
                self.converted[encoding] += 1
            pieces.append(new)
        return ["".join(pieces), *boxes]

    def inline(self, element: Element, font: str, runs: list[list[str]], boxes: list[str]) -> None:
        """Gather the runs of text under `element`, neighbours of one font joined: a letter may span two runs."""
        for one in element:
            name = local(one)
            if name in _NOT_TEXT:
                continue
            if name == "t":
                _add(runs, font, one.text or "")
            elif name in _SIGNS:
                _add(runs, font, _SIGNS[name])
            elif name == "br":
                _add(runs, font, _BREAK if attribute(one, "type") == "page" else "\n")
            elif name == "txbxContent":
                boxes.append(self.container(one))
            elif name == "r":
                properties = child(one, "rPr")
                style = child(properties, "rStyle") if properties is not None else None
                styled = self.fonts.get(attribute(style, "val"), "") if style is not None else ""
                self.inline(one, _run_font(properties) or styled or font, runs, boxes)
            else:
                self.inline(one, font, runs, boxes)


def _rows(element: Element, wanted: str) -> list[Element]:
    """The rows of a table or cells of a row, also those that stand in content controls."""
    found = []
    for one in element:
        if local(one) == wanted:
            found.append(one)
        elif local(one) in ("sdt", "sdtContent", "customXml", "ins"):
            found += _rows(one, wanted)
    return found


def _add(runs: list[list[str]], font: str, text: str) -> None:
    if runs and runs[-1][0] == font:
        runs[-1][1] += text
    else:
        runs.append([font, text])
