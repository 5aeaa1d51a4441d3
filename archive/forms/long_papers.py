"""Sets a paper of any length in little memory: a long table in parts, whose pages are put together again.

Typst needs 1.1 GB for a table of 10,000 rows. Each part is set with more rows than its last page shows whole; that page
is left away and the next part begins with its first row, so that the pages are those of one piece.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.forms import typesetting

if TYPE_CHECKING:
    import pikepdf

_ROWS = 600                         # in one part
_WIDTHS = {False: 165, True: 252}   # mm between the margins, upright and landscape
_LETTER, _WIDEST, _LINE = 2.0, 3.2, 4.6     # mm: what a letter, a wide one and a line of 11.5 pt take, rather more
_INSET = 2.5                        # mm: between the lines of a column and its text
_TALL = 60                          # mm: a row that may be higher than this may be parted between pages
_MARK = "row:"                      # begins the links that say where the last rows of a part lie (nd30.typ)


def set_paper(template: Path, told: Mapping[str, Any], *, title: str, made: datetime) -> bytes:
    """The paper `told` (papers.content) as PDF/A-2u. Raises what typesetting.pdf raises."""
    blocks = [_measured(block, landscape=bool(told["landscape"])) for block in told["blocks"]]
    told = {**told, "blocks": blocks, "first": 1}
    longest = max((len(block["rows"]) for block in blocks if block["type"] == "table"), default=0)
    if longest <= _ROWS or any(block.get("tall") for block in blocks):
        return typesetting.pdf(template, told, title=title, made=made)
    return _together(_in_parts(template, told, title, made))


def _measured(block: Mapping[str, Any], *, landscape: bool) -> dict[str, Any]:
    """A table with what its rows ask for: parted between pages where one is high, words parted in narrow columns."""
    if block["type"] != "table":
        return dict(block)
    shares = sum(one["width"] for one in block["columns"])
    widths = [_WIDTHS[landscape] * one["width"] / shares - _INSET for one in block["columns"]]
    rows = [row for row in block["rows"] if not isinstance(row, str)]
    tall = any(len(text) > _TALL / _LINE * width / _LETTER
               for row in rows for text, width in zip(row, widths, strict=True))
    longest = [max((len(word) for row in rows for word in row[n].split()), default=0) for n in range(len(widths))]
    columns = [{**one, "letters": 0 if most * _LETTER <= width else max(1, int(width / _WIDEST))}
               for one, most, width in zip(block["columns"], longest, widths, strict=True)]
    return {**block, "columns": columns, "tall": tall, "cut": False}


def _in_parts(template: Path, told: Mapping[str, Any], title: str, made: datetime) -> Iterator[pikepdf.Pdf]:
    """The parts, each with the pages that count; who takes one closes it."""
    import pikepdf

    left, first = dict(told), 1
    while True:
        at = next((n for n, block in enumerate(left["blocks"])
                   if block["type"] == "table" and len(block["rows"]) > _ROWS), None)
        if at is None:
            last = typesetting.pdf(template, left, title=title, made=made)
            typesetting.forget()
            yield pikepdf.open(io.BytesIO(last))
            return
        long = left["blocks"][at]
        part = {**left, "signers": [], "recipients": [], "replaced": "", "blocks": [
            *left["blocks"][:at], {**long, "rows": long["rows"][:_ROWS], "total": None, "cut": True}]}
        done = typesetting.pdf(template, part, title=title, made=made)
        typesetting.forget()
        pdf = pikepdf.open(io.BytesIO(done))
        begins = min(_take_marks(pdf.pages[-1]))
        del pdf.pages[-1]
        for page in pdf.pages:
            _take_marks(page)
        first += len(pdf.pages)
        yield pdf
        # What stood before the table is set; the rest of it begins a page.
        left = {**left, "heading": None, "kind": "", "subject": "", "notes": [], "to": [], "authority": "",
                "first": first, "blocks": [{**long, "rows": long["rows"][begins:]}, *left["blocks"][at + 1:]]}


def _take_marks(page: pikepdf.Page) -> list[int]:
    """The rows whose marks lie on a page; the marks go, and a paper has no other links."""
    told = [str(one.A.URI) for one in page.get("/Annots", ())]
    if told:
        del page.Annots
    return [int(one.removeprefix(_MARK)) for one in told if one.startswith(_MARK)]


def _together(parts: Iterator[pikepdf.Pdf]) -> bytes:
    """One PDF of the pages of all parts; what it says of itself is that of the first part."""
    import pikepdf

    stream = io.BytesIO()
    with next(parts) as whole:
        for part in parts:
            with part:
                whole.pages.extend(part.pages)
        whole.save(stream, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return stream.getvalue()
