"""Sets a paper of any length in little memory: a long table in parts, whose pages are put together again.

Typst needs 1.1 GB for a table of 10,000 rows. Each part is set with more rows than its last page shows whole; that page
is left away and the next part begins with its first row, so that the pages are those of one piece.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.forms import typesetting

_ROWS = 600                         # in one part
_WIDTHS = {False: 165, True: 252}   # mm between the margins, upright and landscape
_LETTER, _WIDEST, _LINE = 2.0, 3.2, 4.6     # mm: what a letter, a wide one and a line of 11.5 pt take, rather more
_INSET = 2.5                        # mm: between the lines of a column and its text
_TALL = 60                          # mm: a row that may be higher than this may be parted between pages



def set_paper(template: Path, told: Mapping[str, Any], *, title: str, made: datetime) -> bytes:
    """The paper `told` (papers.content) as PDF/A-2u. Raises what typesetting.pdf raises."""
    blocks = [_measured(block, landscape=bool(told["landscape"])) for block in told["blocks"]]
    told = {**told, "blocks": blocks, "first": 1}
    longest = max((len(block["rows"]) for block in blocks if block["type"] == "table"), default=0)
    if longest <= _ROWS or any(block.get("tall") for block in blocks):
        return typesetting.pdf(template, told, title=title, made=made)
    return _together(list(_in_parts(template, told, title, made)))


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


def _in_parts(template: Path, told: Mapping[str, Any], title: str, made: datetime) -> Iterator[tuple[bytes, int]]:
    """The parts with how many pages of each count."""
    left, first = dict(told), 1
    while True:
        at = next((n for n, block in enumerate(left["blocks"])
                   if block["type"] == "table" and len(block["rows"]) > _ROWS), None)
        if at is None:
            yield typesetting.pdf(template, left, title=title, made=made), 0
            typesetting.forget()
            return
        long = left["blocks"][at]
        part = {**left, "signers": [], "recipients": [], "replaced": "", "blocks": [
            *left["blocks"][:at], {**long, "rows": long["rows"][:_ROWS], "total": None, "cut": True}]}
        done, cut = typesetting.pdf_and_value(template, part, title=title, made=made, label="cut")
        typesetting.forget()
        yield done, cut["page"] - 1
        first += cut["page"] - 1
        # What stood before the table is set; the rest of it begins a page.
        left = {**left, "heading": None, "kind": "", "subject": "", "notes": [], "to": [], "authority": "",
                "first": first, "blocks": [{**long, "rows": long["rows"][cut["row"]:]}, *left["blocks"][at + 1:]]}


def _together(parts: list[tuple[bytes, int]]) -> bytes:
    """One PDF of the pages of all parts; what it says of itself is that of the first part."""
    import pikepdf

    with pikepdf.open(io.BytesIO(parts[0][0])) as whole:
        del whole.pages[parts[0][1]:]
        for done, count in parts[1:]:
            with pikepdf.open(io.BytesIO(done)) as part:
                whole.pages.extend(part.pages[:count] if count else part.pages)
        stream = io.BytesIO()
        whole.save(stream, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return stream.getvalue()
