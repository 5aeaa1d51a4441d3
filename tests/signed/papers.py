"""Pages to sign, written object by object, so that an attack can aim at a number and an offset.

Object numbers of `paper()`: 1 catalog, 2 pages, 3 and 6 the two pages, 4 and 7 their contents, 5 the font, 8 /Info;
further ones start at 20.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

LINE = b"BT /F1 18 Tf 70 700 Td (So tien: 185.400.000 dong) Tj ET\nBT /F1 12 Tf 70 660 Td (Nguoi nhan: Ong A) Tj ET\n"
FORGED = LINE.replace(b"185", b"985").replace(b"Ong A", b"Ong B")
SECOND = b"BT /F1 12 Tf 70 700 Td (Trang hai: dieu khoan thi hanh) Tj ET\n"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object's body."""
    return b"<< " + entries + b" /Length %d >>\nstream\n" % len(data) + data + b"\nendstream"


def form(data: bytes, box: tuple[float, ...], resources: bytes = b"<< >>") -> bytes:
    """A form XObject, such as the picture of an annotation."""
    return stream(data, b"/Type /XObject /Subtype /Form /BBox [%s] /Resources %s"
                  % (b" ".join(b"%g" % side for side in box), resources))


def objects(catalog: bytes = b"", page: bytes = b"", contents: bytes = LINE, *, pages: bytes = b"",
            more: Mapping[int, bytes] | None = None, content_ref: bytes = b"4 0 R",
            resources: bytes = b"/Resources << /Font << /F1 5 0 R >> >>") -> dict[int, bytes]:
    """The objects of a two-page paper; `catalog`, `page` and `pages` are further entries of these dictionaries."""
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>",
        2: b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 " + pages + b" >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] " + resources + b" /Contents " + content_ref + b" "
           + page + b" >>",
        4: stream(contents),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> "
           b"/Contents 7 0 R >>",
        7: stream(SECOND),
        8: b"<< /Title (Quyet dinh 420) /Producer (mau) >>",
        **(more or {}),
    }


def paper(catalog: bytes = b"", page: bytes = b"", contents: bytes = LINE, **named: object) -> bytes:
    """The paper as a plain file with a cross-reference table."""
    return written(objects(catalog, page, contents, **named))  # type: ignore[arg-type]


def written(parts: Mapping[int, bytes], *, version: bytes = b"1.7", eol: bytes = b"\n", junk: bytes = b"",
            comment: bytes = b"%\xe2\xe3\xcf\xd3", trailer: bytes = b"/Info 8 0 R", kind: str = "table",
            packed: tuple[int, ...] = (), ghosts: Mapping[int, tuple[int, int, int]] | None = None) -> bytes:
    """A whole file. `kind`: "table", "stream" (cross-reference stream; `packed` go into an object stream), "hybrid".

    `ghosts` are entries of the cross-reference stream that lead nowhere yet.
    """
    out = bytearray(junk + b"%PDF-" + version + eol + comment + eol)
    start = len(junk)
    places: dict[int, tuple[int, int, int]] = {}
    size = max(*parts, *(ghosts or {0: ()})) + 1
    for number, body in parts.items():
        if number not in packed:
            places[number] = (1, len(out) - start, 0)
            out += b"%d 0 obj" % number + eol + body + eol + b"endobj" + eol
    if packed:
        holder, size = size, size + 1
        head, body = b"", b""
        for number in packed:
            head += b"%d %d " % (number, len(body))
            body += parts[number] + b" "
        data = zlib.compress(head + body)
        for index, number in enumerate(packed):
            places[number] = (2, holder, index)
        places[holder] = (1, len(out) - start, 0)
        out += b"%d 0 obj" % holder + eol + stream(
            data, b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(packed),
                    len(head))) + eol + b"endobj" + eol
    hidden = {number: place for number, place in places.items() if place[0] == 2}
    at = len(out) - start
    if kind == "stream":
        places |= ghosts or {}
        _table_stream(out, places, size, at, b"/Root 1 0 R " + trailer, eol)
    else:
        extra = b""
        if kind == "hybrid":
            _table_stream(out, hidden, size, at, b"", eol)
            extra, at = b" /XRefStm %d" % at, len(out) - start
            size += 1
        out += b"xref" + eol + b"0 %d" % size + eol + b"0000000000 65535 f" + _pair(eol)
        for number in range(1, size):
            place = places.get(number)
            out += (b"%010d 00000 n" % place[1] if place and place[0] == 1 else b"0000000000 00000 f") + _pair(eol)
        out += b"trailer" + eol + b"<< /Size %d /Root 1 0 R %s%s >>" % (size, trailer, extra) + eol
    out += b"startxref" + eol + b"%d" % at + eol + b"%%EOF" + eol
    return bytes(out)


def _pair(eol: bytes) -> bytes:
    return b"\r\n" if eol == b"\r\n" else b" " + eol


def _table_stream(out: bytearray, places: Mapping[int, tuple[int, int, int]], size: int, at: int, entries: bytes,
                  eol: bytes) -> None:
    listed = dict(sorted({**places, size: (1, at, 0)}.items()))
    rows = b"".join(struct.pack(">BIH", *place) for place in listed.values())
    index = b" ".join(b"%d 1" % number for number in listed)
    data = zlib.compress(rows)
    out += b"%d 0 obj" % size + eol + stream(
        data, b"/Type /XRef /W [1 4 2] /Size %d /Index [%s] /Filter /FlateDecode %s" % (size + 1, index, entries))
    out += eol + b"endobj" + eol


def last_start(pdf: bytes) -> int:
    """What the last `startxref` says."""
    return int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])


def root_of(pdf: bytes) -> bytes:
    """The last /Root, as it stands ("1 0 R")."""
    return bytes(re.findall(rb"/Root\s+(\d+ \d+ R)", pdf)[-1])


def update(pdf: bytes, parts: Mapping[int, bytes | None], *, root: bytes = b"", prev: int | None = None,
           trailer: bytes = b"", table: bool = True, trailing: bool = True, end: bytes = b"%%EOF\n",
           places: Mapping[int, int] | None = None, between: bytes = b"", twice: bool = False,
           number: int | None = None) -> bytes:
    """`pdf` with an increment written by hand: `parts` are new bodies, None frees an object.

    `places` points entries of the cross-reference elsewhere; `table`, `trailing` and `end` leave out the
    cross-reference, the trailer and the end mark; `twice` lists each object two times, first at place 0.
    """
    out = bytearray(pdf if pdf.endswith(b"\n") else pdf + b"\n")
    listed: dict[int, int | None] = dict(places or {})
    for each, body in parts.items():
        if body is None:
            listed[each] = None
        else:
            listed[each] = len(out)
            out += b"%d 0 obj\n" % each + body + b"\nendobj\n"
    out += between
    at = len(out)
    if table:
        out += b"xref\n"
        for each, place in sorted(listed.items()):
            if twice and place is not None:
                out += b"%d 1\n%010d 00000 n \n" % (each, _place(pdf, each))
            out += b"%d 1\n" % each + (b"0000000000 65535 f \n" if place is None else b"%010d 00000 n \n" % place)
        if not listed:
            out += b"0 0\n"
    if trailing:
        size = max([*listed, *(int(one) - 1 for one in re.findall(rb"/Size (\d+)", pdf))], default=0) + 1
        out += b"trailer\n<< /Size %d /Root %s /Prev %d %s >>\n" % (
            size if number is None else number, root or root_of(pdf), last_start(pdf) if prev is None else prev,
                    trailer)
        out += b"startxref\n%d\n" % at
    return bytes(out + end)


def _place(pdf: bytes, number: int) -> int:
    return [match.start() for match in re.finditer(rb"(?<!\d)%d 0 obj" % number, pdf)][-1]


def body_of(pdf: bytes, number: int) -> bytes:
    """The last body of an object in plain bytes."""
    return bytes(re.findall(rb"(?<!\d)%d 0 obj\s(.*?)\s*endobj" % number, pdf, re.DOTALL)[-1])


def with_entry(body: bytes, entry: bytes) -> bytes:
    """A dictionary's body with one more entry."""
    assert body.rstrip().endswith(b">>")
    return body.rstrip()[:-2] + b" " + entry + b" >>"


def plus(pdf: bytes, number: int, entry: bytes, more: Mapping[int, bytes | None] | None = None, **how: object) -> bytes:
    """An increment in which the dictionary `number` gains an entry."""
    return update(pdf, {number: with_entry(body_of(pdf, number), entry), **(more or {})},
            **how)  # type: ignore[arg-type]


def swap(pdf: bytes, number: int, old: bytes, new: bytes, more: Mapping[int, bytes | None] | None = None) -> bytes:
    """An increment in which `old` became `new` in the body of `number`; white space may be written otherwise there."""
    body = body_of(pdf, number)
    words = re.findall(rb"\[|\]|<<|>>|[^\s\[\]<>]+", old)
    found = re.search(rb"\s*".join(map(re.escape, words)), body)
    assert found, (old, body)
    return update(pdf, {number: body[:found.start()] + new + body[found.end():], **(more or {})})


def number_of(pdf: bytes, mark: bytes) -> int:
    """The number of the last object whose body holds `mark`."""
    place = pdf.rindex(mark)
    return int(re.findall(rb"(?<!\d)(\d+) 0 obj", pdf[:place])[-1])
