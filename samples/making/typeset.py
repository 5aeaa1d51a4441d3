"""Typesets the sample documents: documents.toml and the texts → A4 pages in the layout of NĐ 30/2020.

The words of the long documents come from real provincial regulations (texts/), with the province's
name replaced: every agency and person in a sample is invented.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import typst
from PIL import Image

HERE = Path(__file__).parent
TEXTS = HERE.parent / "texts"
TEMPLATE = HERE / "van-ban.typ"
# What makes the words of a real province those of an invented one of today.
RENAMED = (("Phú Yên", "Mẫu"), ("Lạng Sơn", "Mẫu"), ("Đắk Nông", "Mẫu"), ("Đăk Nông", "Mẫu"),
           ("Thái Bình", "Mẫu"), ("Long An", "Mẫu"), ("PHÚ YÊN", "MẪU"), ("LẠNG SƠN", "MẪU"),
           ("mvp.thaibinh.gov.vn", "vanphong.mau.invalid"),
           ("Sở Thông tin và Truyền thông", "Sở Khoa học và Công nghệ"))
HEADING = re.compile(r"^(Chương [IVXLC]+|Mục \d+)\s*(.*)$")
ARTICLE = re.compile(r"^(Điều (\d+)\.)\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Document:
    """One invented document, as documents.toml tells it. `number` is number and notation, `12/QĐ-SNV`."""

    id: str
    kind: str
    number: str
    issued: date
    parent: str
    organ: str
    place: str
    subject: str
    signer_lines: list[str]
    signer: str
    recipients: list[str]
    to: str = ""
    secrecy: str = ""
    basis: list[str] = field(default_factory=list)
    body: list[Any] = field(default_factory=list)
    attachment: Mapping[str, Any] | None = None
    file_code: str = ""
    seal: str = ""

    @property
    def code_number(self) -> str:
        """The number before the first slash: `03` of `03/2026/QĐ-UBND`."""
        return self.number.partition("/")[0]

    @property
    def code_notation(self) -> str:
        """What follows the number: `2026/QĐ-UBND`."""
        return self.number.partition("/")[2]


@cache
def documents() -> dict[str, Document]:
    """Every sample document by its id."""
    with (HERE / "documents.toml").open("rb") as stream:
        raw = tomllib.load(stream)
    organs = raw.pop("organ")
    made = {}
    for name, entry in raw.items():
        made[name] = Document(id=name, **(organs[entry.pop("by")] | entry))
    return made


def pdf(document: Document, *, inked: bool = False) -> bytes:
    """The document as a born-digital PDF; `inked` puts a seal and a pen stroke on it, as on paper."""
    made = typst.compile(str(TEMPLATE), sys_inputs={"data": _data(document, inked)}, root=str(HERE),
                         pdf_tags=False, timestamp=_noon(document))
    assert isinstance(made, bytes)
    return made


def pages(document: Document, dpi: int) -> list[Image.Image]:
    """The document's pages as they lie on the desk: printed, signed with a pen and sealed."""
    made = typst.compile(str(TEMPLATE), sys_inputs={"data": _data(document, inked=True)}, root=str(HERE),
                         format="png", ppi=dpi)
    return [Image.open(io.BytesIO(page)).convert("RGB") for page in (made if isinstance(made, list) else [made])]


def signature_place(document: Document) -> tuple[int, float, float]:
    """Page (from 0), x and y in points from the top left, of the upper left corner of the room for signatures."""
    found = json.loads(typst.query(str(TEMPLATE), "<signature>", field="value", one=True, root=str(HERE),
                                   sys_inputs={"data": _data(document, inked=False)}))
    return found["page"] - 1, found["x"], found["y"]


@cache
def picture(what: str, words: str = "") -> Image.Image:
    """The pen stroke (`signature`) or the red seal (`seal`, with its `words`), on a transparent ground."""
    made = typst.compile(str(HERE / "picture.typ"), root=str(HERE), format="png", ppi=150,
                         sys_inputs={"what": what, "words": words})
    assert isinstance(made, bytes)
    return Image.open(io.BytesIO(made)).convert("RGBA")


def renamed(text: str) -> str:
    """`text` with the real province's name replaced by the invented one's."""
    for real, invented in RENAMED:
        text = text.replace(real, invented)
    return text


def seal_words(document: Document) -> str:
    """The words round the seal of the issuing agency."""
    return document.seal or document.organ


def _noon(document: Document) -> int:
    issued = document.issued
    return (issued - date(1970, 1, 1)).days * 86_400 + 3_600


def _data(document: Document, inked: bool) -> str:
    issued = document.issued
    blocks: list[dict[str, Any]] = [{"kind": "basis", "text": line} for line in document.basis]
    for entry in document.body:
        blocks.append(entry if isinstance(entry, dict) else _block(entry))
    blocks.append({"kind": "signature"})
    if document.attachment:
        blocks.extend(_attachment(document))
    return json.dumps({
        "kind": document.kind, "number": document.number, "subject": document.subject, "parent": document.parent,
        "organ": document.organ, "place": document.place, "year": issued.year, "month": issued.month,
        "day": issued.day, "day_text": f"{issued.day:02}",
        "month_text": f"{issued.month:02}" if issued.month < 3 else str(issued.month),
        "secrecy": document.secrecy, "to": document.to, "blocks": blocks, "recipients": document.recipients,
        "signer_lines": document.signer_lines, "signer": document.signer, "inked": inked,
        "seal": seal_words(document),
    }, ensure_ascii=False)


def _block(line: str) -> dict[str, Any]:
    if article := ARTICLE.match(line):
        return {"kind": "article", "head": article[1], "text": article[3]}
    if line.isupper():
        return {"kind": "authority", "text": line}
    return {"kind": "p", "text": line}


def _attachment(document: Document) -> list[dict[str, Any]]:
    """The regulation that a decision issues: articles `articles` of the text `text`."""
    told = document.attachment
    assert told is not None
    issued = document.issued
    blocks: list[dict[str, Any]] = [{
        "kind": "attachment", "title": told["title"], "subject": told["subject"],
        "issued": f"(Ban hành kèm theo {document.kind} số {document.number} ngày {issued:%d/%m/%Y} "
                  f"của {document.organ})"}]
    wanted = set(told.get("articles", range(1, 100)))
    lines = renamed((TEXTS / told["text"]).read_text("utf-8")).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Chương I"))
    now, chapter = 0, ""
    for line in lines[start:]:
        heading, article = HEADING.match(line), ARTICLE.match(line)
        if line.startswith(("TM.", "KT.")):
            break
        if heading:
            chapter = f"{heading[1]}\n{heading[2]}".strip()
        elif line.isupper() and chapter:
            chapter += ("\n" if chapter.count("\n") == 0 else " ") + line
        elif article:
            now = int(article[2])
            if now in wanted:
                if chapter:
                    blocks.append({"kind": "chapter", "text": chapter})
                chapter = ""
                blocks.append({"kind": "heading", "text": line})
        elif now in wanted:
            blocks.append({"kind": "p", "text": line})
    return blocks
