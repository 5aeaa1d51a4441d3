"""A paper as an editable Word file: the content of papers.py in the layout of NĐ 30/2020/NĐ-CP Phụ lục I.

The same blocks in the same order as nd30.typ sets; where Word cannot be told something (the square code of a hash), the
text stands alone. The file carries no macro, no picture and no link.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from archive.forms.letters import harmless

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell
    from docx.text.paragraph import Paragraph

_FONT = "Times New Roman"           # the annex asks for it; what opens the file replaces it where it is missing
_BODY, _SMALL, _TITLE = 13.5, 12.5, 14.0
_NOTE, _LIST, _HASH = 12.0, 11.0, 8.0
_INDENT = 10                        # mm: the first line of a paragraph
_NATION = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")


def write(told: Mapping[str, Any], *, title: str, made: datetime) -> bytes:
    """The content `told` as DOCX; the same content and `made` give the same bytes."""
    import docx

    document = docx.Document()
    _prepare(document, told, title, made)
    if told["heading"] is not None:
        _heading(document, told["heading"])
    _naming(document, told)
    if told["to"]:
        _addressed(document, told["to"])
    if told["authority"]:
        _put(document.add_paragraph(), told["authority"].upper(), bold=True, side="center", after=10)
    for block in told["blocks"]:
        _block(document, block)
    _signing(document, told["signers"], told["recipients"])
    stream = io.BytesIO()
    document.save(stream)
    return _same_again(stream.getvalue(), made)


def _prepare(document: Document, told: Mapping[str, Any], title: str, made: datetime) -> None:
    """Page, margins, letters, page number at the top from page 2, and what the file says of itself."""
    from docx.enum.section import WD_ORIENT
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    style: Any = document.styles["Normal"]
    style.font.name, style.font.size = _FONT, Pt(_BODY)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(0)
    section = document.sections[0]
    long, short = Mm(297), Mm(210)
    wide = bool(told["landscape"])
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (long, short) if wide else (short, long)
    section.top_margin = section.bottom_margin = Mm(20)
    section.left_margin, section.right_margin = Mm(30), Mm(15)
    section.header_distance = section.footer_distance = Mm(10)
    section.different_first_page_header_footer = True
    _page_number(section.header.paragraphs[0])
    if told["check"]:
        text = f"{told['check']['name']}: SHA-256 {told['check']['hash']}"
        for footer in (section.footer, section.first_page_footer):
            _put(footer.paragraphs[0], text, size=_HASH)
    about = document.core_properties
    about.title, about.author, about.comments = harmless(title)[:255], "", ""
    about.created = about.modified = made.replace(tzinfo=None, microsecond=0)
    about.last_modified_by, about.language = "", "vi"


def _page_number(paragraph: Paragraph) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    run = _put(paragraph, "", side="center", size=13)
    for kind in ("begin", "", "end"):
        if kind:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        else:
            part = OxmlElement("w:instrText")
            part.text = "PAGE"
        run._r.append(part)


def _heading(document: Document, heading: Mapping[str, Any]) -> None:
    """Agency left, national heading right, each with the rule beneath; number, place and date in the second row."""
    table = _plain_table(document, 2, (45, 55))
    left, right = table.rows[0].cells
    names = [*((line, False) for line in heading.get("superior", ())), *((line, True) for line in heading["agency"])]
    for n, (line, bold) in enumerate(names):
        paragraph = left.paragraphs[0] if n == 0 else left.add_paragraph()
        _put(paragraph, line.upper(), size=_SMALL, bold=bold, side="center")
    _put(left.add_paragraph(), "―" * 6, size=6, side="center")
    if heading.get("nation", True):
        _put(right.paragraphs[0], _NATION[0], size=12, bold=True, side="center")
        _put(right.add_paragraph(), _NATION[1], size=_BODY, bold=True, side="center")
        _put(right.add_paragraph(), "―" * 24, size=6, side="center")
    else:
        for n, line in enumerate(heading.get("beside", ())):
            _put(right.paragraphs[0] if n == 0 else right.add_paragraph(), line, size=_SMALL, side="center")
    left, right = table.rows[1].cells
    if heading.get("number"):
        _put(left.paragraphs[0], heading["number"], size=13, side="center")
    if heading.get("about"):
        _put(left.add_paragraph(), heading["about"], size=_SMALL, side="center", before=6)
    _put(right.paragraphs[0], heading.get("place_date", ""), size=_BODY, italic=True, side="center")


def _naming(document: Document, told: Mapping[str, Any]) -> None:
    if told["kind"]:
        _put(document.add_paragraph(), told["kind"].upper(), size=_TITLE, bold=True, side="center", before=12)
    if told["subject"]:
        _put(document.add_paragraph(), told["subject"], bold=True, side="center", before=6)
    for note in told["notes"]:
        _put(document.add_paragraph(), note, size=13, italic=True, side="center", before=6)
    if told["subject"]:
        _put(document.add_paragraph(), "―" * 8, size=6, side="center", after=8)


def _addressed(document: Document, to: Sequence[str]) -> None:
    if len(to) == 1:
        _put(document.add_paragraph(), f"Kính gửi: {to[0]}", side="center", before=8, after=10)
        return
    _put(document.add_paragraph(), "Kính gửi:", side="center", before=8)
    for one in to:
        _put(document.add_paragraph(), f"- {one}", side="center")


def _block(document: Document, block: Mapping[str, Any]) -> None:
    kind = block["type"]
    if kind == "table":
        _table(document, block)
    elif kind == "facts":
        for label, value in block["pairs"]:
            _body(document, f"{label}: {value}")
    elif kind == "centred":
        _put(document.add_paragraph(), block["text"], bold=True, side="center", before=10, after=8)
    elif kind == "article":
        run = _body(document, block["head"] + " ")
        run.bold = True
        run._parent.add_run(harmless(block["text"]))
    else:
        run = _body(document, block["text"])
        run.bold, run.italic = kind == "section", kind == "basis"


def _body(document: Document, text: str) -> Any:
    from docx.shared import Mm

    paragraph = document.add_paragraph()
    paragraph.paragraph_format.first_line_indent = Mm(_INDENT)
    return _put(paragraph, text, side="justify", after=6)


def _table(document: Document, block: Mapping[str, Any]) -> None:
    """A table with lines, its head on every page.

    Written as text: python-docx needs a minute for what this makes of 10,000 rows in a second.
    """
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    columns, size = block["columns"], int(block["size"] * 2)
    section = document.sections[0]
    inside = int(section.page_width or 0) - int(section.left_margin or 0) - int(section.right_margin or 0)
    shares = sum(one["width"] for one in columns)
    widths = [int(inside / 635 * one["width"] / shares) for one in columns]        # twentieths of a point
    sides = [one["align"] for one in columns]

    def cell(text: str, width: int, side: str, *, bold: bool = False, span: int = 1) -> str:
        return (f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>'
                f'{f"""<w:gridSpan w:val="{span}"/>""" if span > 1 else ""}</w:tcPr><w:p><w:pPr><w:jc w:val="{side}"/>'
                f'</w:pPr><w:r><w:rPr>{"<w:b/>" if bold else ""}<w:sz w:val="{size}"/></w:rPr>'
                f'<w:t xml:space="preserve">{_escaped(text)}</w:t></w:r></w:p></w:tc>')

    def row(texts: Iterable[str], *, bold: bool = False, head: bool = False) -> str:
        cells = "".join(cell(text, width, "center" if head else side, bold=bold)
                        for text, width, side in zip(texts, widths, sides, strict=True))
        return f'<w:tr><w:trPr><w:cantSplit/>{"<w:tblHeader/>" if head else ""}</w:trPr>{cells}</w:tr>'

    rows = [row((one["head"] for one in columns), bold=True, head=True)]
    for each in block["rows"]:
        rows.append(f"<w:tr>{cell(each, sum(widths), 'left', bold=True, span=len(columns))}</w:tr>"
                    if isinstance(each, str) else row(each))
    if block["total"]:
        rows.append(row(block["total"], bold=True))
    lines = "".join(f'<w:{edge} w:val="single" w:sz="4" w:space="0" w:color="000000"/>'
                    for edge in ("top", "left", "bottom", "right", "insideH", "insideV"))
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    made = parse_xml(
        f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblBorders>{lines}</w:tblBorders>'
        f'<w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{"".join(rows)}</w:tbl>')
    document.element.body.insert(len(document.element.body) - 1, made)
    _put(document.add_paragraph(), "", size=6)


def _signing(document: Document, signers: Sequence[Mapping[str, Any]], recipients: Sequence[str]) -> None:
    if len(signers) <= 1:
        if not signers and not recipients:
            return
        table = _plain_table(document, 1, (46, 54))
        _receipt(table.rows[0].cells[0], recipients)
        if signers:
            _signer(table.rows[0].cells[1], signers[0])
        return
    across = 3 if len(signers) % 3 == 0 or len(signers) > 4 else 2
    for start in range(0, len(signers), across):
        some = signers[start:start + across]
        table = _plain_table(document, 1, [100 // len(some)] * len(some))
        for cell, one in zip(table.rows[0].cells, some, strict=True):
            _signer(cell, one)
        _put(document.add_paragraph(), "", size=6)
    if recipients:
        _receipt(_plain_table(document, 1, (100,)).rows[0].cells[0], recipients)


def _signer(cell: _Cell, one: Mapping[str, Any]) -> None:
    for n, line in enumerate(one["lines"]):
        _put(cell.paragraphs[0] if n == 0 else cell.add_paragraph(), line.upper(), size=13, bold=True, side="center")
    if one["note"]:
        _put(cell.add_paragraph(), one["note"], size=_NOTE, italic=True, side="center")
    _put(cell.add_paragraph(), one["name"], bold=True, side="center", before=70)


def _receipt(cell: _Cell, recipients: Sequence[str]) -> None:
    if not recipients:
        return
    _put(cell.paragraphs[0], "Nơi nhận:", size=_NOTE, bold=True, italic=True)
    for n, one in enumerate(recipients, 1):
        _put(cell.add_paragraph(), f"- {one}{'.' if n == len(recipients) else ';'}", size=_LIST)


def _plain_table(document: Document, rows: int, shares: Sequence[int]) -> Table:
    """A table without lines, whose rows stay on one page."""
    from docx.oxml import OxmlElement

    section = document.sections[0]
    inside = int(section.page_width or 0) - int(section.left_margin or 0) - int(section.right_margin or 0)
    table: Table = document.add_table(rows=rows, cols=len(shares))
    table.autofit = False
    for row in table.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for cell, share in zip(row.cells, shares, strict=True):
            cell.width = inside * share // 100
    return table


def _put(paragraph: Paragraph, text: str, *, size: float = _BODY, bold: bool = False, italic: bool = False,
         side: str = "left", before: float = 0, after: float = 0) -> Any:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, side.upper())
    paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = Pt(before), Pt(after)
    run = paragraph.add_run(harmless(text))
    run.font.size, run.bold, run.italic = Pt(size), bold, italic
    return run


def _escaped(text: str) -> str:
    return harmless(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _same_again(made: bytes, at: datetime) -> bytes:
    """The file with the time of the paper on its parts instead of the clock's."""
    stamp = (at.year, at.month, at.day, at.hour, at.minute, at.second)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            part = zipfile.ZipInfo(entry.filename, stamp)
            part.compress_type, part.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            new.writestr(part, old.read(entry.filename))
    return stream.getvalue()
