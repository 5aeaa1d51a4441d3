"""PPTX: the text of the slides, one page a slide, straight from the XML."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from archive.settings import IngestSettings
from ingest.extract.ooxml import attribute, child, local, open_package
from ingest.extract.raw import RawText, Unreadable
from search.encodings import from_font

_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read(path: Path, settings: IngestSettings) -> RawText:
    """The text of a presentation in the order of its slides; notes for the speaker are left out."""
    converted: Counter[str] = Counter()
    with open_package(path, settings) as package:
        main = package.main_part("ppt/presentation.xml")
        root = package.part(main)
        if root is None:
            raise Unreadable("EXTRACT-006", reason="ppt/presentation.xml is missing")
        targets = {name: target for name, _, target in package.related(main)}
        slides = [package.part(targets.get(one.get(_REL, ""), "")) for one in root.iter() if local(one) == "sldId"]
        pages = ["\n".join(_paragraph(one, converted) for one in slide.iter() if local(one) == "p")
                 for slide in slides if slide is not None]
    return RawText(pages, converted=converted).bounded()


def _paragraph(paragraph: Element, converted: Counter[str]) -> str:
    pieces = []
    for run in paragraph:
        if local(run) == "br":
            pieces.append("\n")
        text, properties = child(run, "t"), child(run, "rPr")
        if text is None:
            continue
        latin = child(properties, "latin") if properties is not None else None
        new, encoding = from_font(text.text or "", attribute(latin, "typeface") if latin is not None else "")
        if encoding:
            converted[encoding] += 1
        pieces.append(new)
    return "".join(pieces)
