"""ODT, ODS and ODP: paragraphs, tables, sheets and slides, straight from content.xml and styles.xml."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from archive.settings import IngestSettings
from ingest.extract.ooxml import attribute, child, local, open_package
from ingest.extract.raw import RawText, Unreadable
from search.encodings import from_font

_NOT_TEXT = {"tracked-changes", "annotation", "annotation-end", "automatic-styles", "font-face-decls", "scripts",
             "forms", "sequence-decls", "variable-decls", "note-citation", "ruby-text", "notes"}
_PAGE_MARK = "\ue000"
_MOST_SPACES = 100


def read(path: Path, settings: IngestSettings) -> RawText:
    """The text of an OpenDocument file; a sheet or slide is a page. Raises Unreadable."""
    with open_package(path, settings) as package:
        content, styles = package.part("content.xml"), package.part("styles.xml")
    if content is None:
        raise Unreadable("EXTRACT-006", reason="content.xml is missing")
    reader = _Reader(_fonts([root for root in (styles, content) if root is not None]))
    margins = [one for root in (styles,) if root is not None for one in root.iter()
               if local(one) in ("header", "footer", "header-first", "footer-first")]
    said = dict.fromkeys(text for one in margins if (text := "\n".join(reader.block(one)).strip()))
    body = child(content, "body")
    lines = reader.block(body) if body is not None else []
    whole = "\n".join([*said, *lines])
    pages = [page.strip("\n") for page in whole.split(_PAGE_MARK)]
    return RawText(pages[1:] if len(pages) > 1 and not pages[0].strip() else pages,
                   converted=reader.converted).bounded()


def _fonts(roots: list[Element]) -> dict[str, str]:
    """The font of each style by its name, as it follows from the styles it is based on."""
    own: dict[str, str] = {}
    parent: dict[str, str] = {}
    for root in roots:
        for style in root.iter():
            if local(style) != "style":
                continue
            name = attribute(style, "name")
            parent[name] = attribute(style, "parent-style-name")
            properties = child(style, "text-properties")
            if properties is not None:
                own[name] = attribute(properties, "font-name") or attribute(properties, "font-family").strip("'\"")

    def resolve(name: str) -> str:
        seen: set[str] = set()
        while name and not own.get(name) and name not in seen:
            seen.add(name)
            name = parent.get(name, "")
        return own.get(name, "")

    return {name: resolve(name) for name in parent}


class _Reader:
    """Walks the elements of one document; counts the runs converted from fonts of legacy encodings."""

    def __init__(self, fonts: dict[str, str]) -> None:
        self.fonts = fonts
        self.converted: Counter[str] = Counter()

    def block(self, element: Element) -> list[str]:
        """The lines of everything that holds paragraphs and tables."""
        lines: list[str] = []
        for one in element:
            name = local(one)
            if name in _NOT_TEXT:
                continue
            if name in ("p", "h"):
                lines += self.paragraph(one)
            elif name == "table-row":
                lines += self.row(one)
            elif name == "soft-page-break":
                lines.append(_PAGE_MARK)
            elif name == "spreadsheet":
                for sheet in one:
                    if local(sheet) == "table":
                        lines += [_PAGE_MARK, attribute(sheet, "name"), *self.block(sheet)]
            elif name == "page":                     # a slide
                lines += [_PAGE_MARK, *self.block(one)]
            else:
                lines += self.block(one)
        return lines

    def row(self, row: Element) -> list[str]:
        cells = ["\n".join(self.block(cell)).strip("\n") for cell in row if local(cell) == "table-cell"]
        if not any(cells):
            return []
        return ["\t".join(cells)] if all("\n" not in cell for cell in cells) else cells

    def paragraph(self, paragraph: Element) -> list[str]:
        pieces: list[str] = []
        boxes: list[str] = []
        self.inline(paragraph, self.fonts.get(attribute(paragraph, "style-name"), ""), pieces, boxes)
        return ["".join(pieces), *boxes]

    def inline(self, element: Element, font: str, pieces: list[str], boxes: list[str]) -> None:
        self._add(element.text, font, pieces)
        for one in element:
            name = local(one)
            if name == "s":
                pieces.append(" " * min(_MOST_SPACES, int(attribute(one, "c") or 1)))
            elif name == "tab":
                pieces.append("\t")
            elif name == "line-break":
                pieces.append("\n")
            elif name == "soft-page-break":
                pieces.append(_PAGE_MARK)
            elif name in ("frame", "custom-shape", "note-body"):
                boxes += self.block(one)
            elif name not in _NOT_TEXT:
                inner = self.fonts.get(attribute(one, "style-name"), "") if name == "span" else ""
                self.inline(one, inner or font, pieces, boxes)
            self._add(one.tail, font, pieces)

    def _add(self, text: str | None, font: str, pieces: list[str]) -> None:
        if not text:
            return
        new, encoding = from_font(text, font)
        if encoding:
            self.converted[encoding] += 1
        pieces.append(new)
