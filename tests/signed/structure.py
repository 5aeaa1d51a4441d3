"""Attacks on the structure of the file: doubled objects, cross-references, page tree, catalog, what is left over."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import Any

import pikepdf

from tests.signed import papers
from tests.signed.case import Case, attack
from tests.signed.genuine import ATTACHED, BOOK, DEEP, DESCRIBED, LAYERED, TAGGED, one, saved, two
from tests.signed.papers import FORGED, body_of, objects, paper, plus, stream, swap, update, written
from tests.signed.people import SEAL
from tests.signed.signing import seal, sign

DOUBLE, XREF, TREE, CATALOG, LEFT = "duplicate objects", "cross-reference", "page tree", "catalog", "remnant"
NEW = {4: stream(FORGED)}
SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


@cache
def modern(*packed: int) -> bytes:
    """Signed, with cross-reference streams."""
    return sign(written(objects(), kind="stream", packed=packed))


def stream_update(pdf: bytes, parts: dict[int, bytes], packed: dict[int, bytes] | None = None, *,
        prev: int | None = None,
                  rows: bytes = b"", index: bytes = b"", extra: bytes = b"") -> bytes:
    """An increment with a cross-reference stream; `packed` lie in an object stream; `rows`, `index` come on top."""
    import struct

    out = bytearray(pdf)
    listed: dict[int, tuple[int, int, int]] = {}
    size = max(*(int(each) for each in re.findall(rb"/Size (\d+)", pdf)), *parts, *(packed or {0: b""}), 90) + 1
    for number, body in parts.items():
        listed[number] = (1, len(out), 0)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    if packed:
        head = b" ".join(b"%d %d" % (number, 0) for number in packed) + b" "
        listed[size] = (1, len(out), 0)
        out += b"%d 0 obj\n" % size + stream(head + b" ".join(packed.values()), b"/Type /ObjStm /N %d /First %d" % (
            len(packed), len(head))) + b"\nendobj\n"
        for position, number in enumerate(packed):
            listed[number] = (2, size, position)
        size += 1
    at = len(out)
    listed[size] = (1, at, 0)
    data = b"".join(struct.pack(">BIH", *place) for _, place in sorted(listed.items())) + rows
    told = b" ".join(b"%d 1" % number for number in sorted(listed)) + b" " + index
    out += b"%d 0 obj\n" % size + stream(data, b"/Type /XRef /W [1 4 2] /Size %d /Index [%s] /Root %s /Prev %d %s" % (
        size + 1, told, papers.root_of(pdf), papers.last_start(pdf) if prev is None else prev, extra)) + b"\nendobj\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % at)


def hybrid_hiding() -> bytes:
    """An increment whose table changes nothing; what it hides stands in /XRefStm."""
    import struct

    pdf = one()
    out = bytearray(pdf)
    place = len(out)
    out += b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"
    at = len(out)
    data = struct.pack(">BIH", 1, place, 0) + struct.pack(">BIH", 1, at, 0)
    out += b"90 0 obj\n" + stream(data, b"/Type /XRef /W [1 4 2] /Size 91 /Index [4 1 90 1]") + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 91 /Root %s /Prev %d /XRefStm %d >>\n" % (
        papers.root_of(pdf), papers.last_start(pdf), at)
    out += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def _ghost() -> bytes:
    """The signed cross-reference says that the opening action lies in an object stream that comes later."""
    pdf = sign(written(objects(b"/OpenAction 20 0 R"), kind="stream", ghosts={20: (2, 99, 0)}))
    return stream_update(pdf, {99: stream(b"20 0 " + SCRIPT, b"/Type /ObjStm /N 1 /First 5")})


def _looped() -> bytes:
    pdf = one()
    probe = update(pdf, NEW, prev=1)
    return update(pdf, NEW, prev=papers.last_start(probe))


def _inside_stream() -> bytes:
    """The page's text lies ready inside another stream of the signed file."""
    hidden = b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"
    pdf = sign(paper(more={20: stream(hidden)}))
    return update(pdf, {}, places={4: pdf.index(hidden)})


def _two_bodies(*, listed_first: bool) -> bytes:
    """Two bodies of the page's text behind the signature; the cross-reference lists one that changes nothing."""
    pdf = one()
    same, other = b"4 0 obj\n" + body_of(pdf, 4) + b"\nendobj\n", b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"
    first, second = (same, other) if listed_first else (other, same)
    place = len(pdf) + (0 if listed_first else len(first))
    return _append(pdf, first + second, place)


def _append(pdf: bytes, data: bytes, place: int) -> bytes:
    made = pdf + data
    at = len(made)
    return made + b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 90 /Root %s /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        place, papers.root_of(pdf), papers.last_start(pdf), at)


def _generation() -> bytes:
    """The same number in a later generation."""
    pdf = one()
    made = pdf + b"4 1 obj\n" + stream(FORGED) + b"\nendobj\n"
    at = len(made)
    return made + b"xref\n4 1\n%010d 00001 n \ntrailer\n<< /Size 90 /Root %s /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(pdf), papers.root_of(pdf), papers.last_start(pdf), at)


def _resaved(change: Any, **how: Any) -> bytes:
    """A signed file that another program opened, changed and wrote anew."""
    import warnings

    out = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), pikepdf.open(io.BytesIO(one())) as pdf:
        change(pdf)
        pdf.save(out, **how)
    return out.getvalue()


def _no_form(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.AcroForm


def _only_object(pdf: pikepdf.Pdf) -> None:
    """Neither form nor widget: only the signature object, held by something else."""
    pdf.Root.Left = pdf.Root.AcroForm.Fields[0].V
    del pdf.Root.AcroForm
    del pdf.pages[0].Annots


def _no_value(pdf: pikepdf.Pdf) -> None:
    field = pdf.Root.AcroForm.Fields[0]
    pdf.Root.Left = field.V
    del field.V


def _flattened(pdf: pikepdf.Pdf) -> None:
    pdf.Root.Left = pdf.Root.AcroForm.Fields[0].V
    pdf.flatten_annotations("all")
    if "/AcroForm" in pdf.Root:
        del pdf.Root.AcroForm


def _new_text(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].Contents = pdf.make_stream(FORGED)


def _nothing(_pdf: pikepdf.Pdf) -> None:
    pass


def _size(pdf: bytes) -> bytes:
    """A cross-reference that says that it ends before the objects that were signed."""
    return update(pdf, NEW, number=9)


def _no_field(value: bytes) -> bytes:
    """The field's value taken away by an increment."""
    pdf = one()
    number = papers.number_of(pdf, b"/FT /Sig")
    return update(pdf, {number: re.sub(rb"/V \d+ 0 R", value, body_of(pdf, number))})


def _new_metadata() -> bytes:
    pdf = sign(DESCRIBED())
    from tests.signed.genuine import XMP

    data = XMP.replace(b"</rdf:Description>", b'<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Alt>'
                       b"<rdf:li>Quyet dinh 999</rdf:li></rdf:Alt></dc:title></rdf:Description>")
    return update(pdf, {20: stream(data, b"/Type /Metadata /Subtype /XML")})


CASES: list[Case] = [
    attack(DOUBLE, "second body not listed", lambda: _two_bodies(listed_first=True), "VERIFY-035"),
    attack(DOUBLE, "first body not listed", lambda: _two_bodies(listed_first=False), "VERIFY-035"),
    attack(DOUBLE, "listed twice", lambda: update(one(), NEW, twice=True), "VERIFY-015"),
    attack(DOUBLE, "later generation", _generation),
    attack(DOUBLE, "in an object stream", lambda: stream_update(
        modern(), {}, {3: body_of(modern(), 3).replace(b"/Rotate 0", b"").replace(b"842", b"500")}), "VERIFY-015"),
    attack(DOUBLE, "object stream over a packed object", lambda: stream_update(modern(5, 8), {}, {
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"}), "VERIFY-015", "VERIFY-072"),
    attack(DOUBLE, "plain object over a packed one", lambda: stream_update(modern(5, 8), {
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"}), "VERIFY-015"),
    attack(DOUBLE, "object stream written anew", lambda: stream_update(modern(5, 8), {
        9: stream(b"5 0 8 60 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> << /Title (x) >>",
                  b"/Type /ObjStm /N 2 /First 9")})),
    attack(DOUBLE, "new object not listed between objects that are", lambda: update(
        one(), {8: body_of(one(), 8)}, between=b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"), "VERIFY-035"),

    attack(XREF, "/Prev to itself", _looped),
    attack(XREF, "/Prev to nowhere", lambda: update(one(), NEW, prev=99999999)),
    attack(XREF, "/Prev to the file's beginning", lambda: update(one(), NEW, prev=0)),
    attack(XREF, "/Prev past the signature", lambda: update(one(), NEW, prev=papers.last_start(paper()))),
    attack(XREF, "/Prev past the signature, nothing new", lambda: update(one(), {}, prev=papers.last_start(paper()))),
    attack(XREF, "no /Prev", lambda: re.sub(rb"(?s)(.*)/Prev \d+", rb"\1", update(one(), NEW))),
    attack(XREF, "offset into a stream", _inside_stream, "VERIFY-015"),
    attack(XREF, "offset past the end", lambda: update(one(), {}, places={4: 99999999})),
    attack(XREF, "offset into another object", lambda: update(one(), {}, places={4: one().index(b"7 0 obj")})),
    attack(XREF, "text freed", lambda: update(one(), {4: None}), "VERIFY-015"),
    attack(XREF, "signature freed", lambda: update(one(), {papers.number_of(one(), b"/ByteRange"): None})),
    attack(XREF, "field freed", lambda: update(one(), {papers.number_of(one(), b"/FT /Sig"): None})),
    attack(XREF, "page freed", lambda: update(one(), {6: None}), "VERIFY-015"),
    attack(XREF, "object stream that is named comes later", _ghost, "VERIFY-015"),
    attack(XREF, "hybrid hides a revision", hybrid_hiding),
    attack(XREF, "/Size too small", lambda: _size(one())),
    attack(XREF, "cross-reference stream over a table", lambda: stream_update(one(), {4: stream(FORGED)}),
           "VERIFY-015"),
    attack(XREF, "cross-reference stream, object twice", lambda: stream_update(
        modern(), {4: stream(FORGED)}, rows=b"\x01" + modern().index(b"4 0 obj").to_bytes(4, "big") + b"\0\0",
        index=b"4 1")),
    attack(XREF, "startxref into the text", lambda: update(one(), NEW, end=b"startxref\n20\n%%EOF\n")),
    attack(XREF, "startxref beyond the end", lambda: update(one(), NEW, end=b"startxref\n99999999\n%%EOF\n")),
    attack(XREF, "startxref missing", lambda: re.sub(rb"startxref\s+\d+\s+%%EOF\s*$", b"%%EOF\n", update(one(), NEW))),
    attack(XREF, "two tables, the last one empty", lambda: update(update(one(), NEW), {}), "VERIFY-015"),
    attack(XREF, "encryption announced", lambda: update(one(), {
        90: b"<< /Filter /Standard /V 1 /R 2 /O <" + b"00" * 32 + b"> /U <" + b"00" * 32 + b"> /P -4 >>"},
        trailer=b"/Encrypt 90 0 R")),

    attack(TREE, "pages replaced", lambda: update(one(), {2: body_of(one(), 2).replace(b"3 0 R", b"90 0 R"),
        90: body_of(one(), 3).replace(b"/Contents 4 0 R", b"/Contents 91 0 R"),
        91: stream(FORGED)}), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "pages exchanged", lambda: swap(one(), 2, b"3 0 R 6 0 R", b"6 0 R 3 0 R"), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "page taken out", lambda: swap(one(), 2, b"[3 0 R 6 0 R] /Count 2", b"[3 0 R] /Count 1"),
           "VERIFY-015", "VERIFY-072"),
    attack(TREE, "page added", lambda: update(one(), {
        2: body_of(one(), 2).replace(b"6 0 R", b"6 0 R 90 0 R").replace(b"/Count 2", b"/Count 3"),
        90: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> "
            b"/Contents 91 0 R >>",
        91: stream(FORGED)}), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "content added to the page", lambda: swap(one(), 3, b"/Contents 4 0 R", b"/Contents [4 0 R 90 0 R]", {
        90: stream(FORGED)}), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "content exchanged for the other page's", lambda: swap(one(), 3, b"/Contents 4 0 R",
                                                                            b"/Contents 7 0 R"),
           "VERIFY-015", "VERIFY-072"),
    attack(TREE, "resources of the page", lambda: swap(one(), 3, b"/F1 5 0 R", b"/F1 90 0 R", {
        90: b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"}), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "resources that pages inherit", lambda: swap(sign(written(DEEP)), 2, b"/F1 5 0 R", b"/F1 90 0 R", {
        90: b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"}), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "page cropped", lambda: plus(one(), 3, b"/CropBox [0 0 595 680]"), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "page turned", lambda: plus(one(), 3, b"/Rotate 180"), "VERIFY-015", "VERIFY-072"),
    attack(TREE, "unit of the page", lambda: plus(one(), 3, b"/UserUnit 4"), "VERIFY-015"),
    attack(TREE, "action of the page", lambda: plus(one(), 3, b"/AA << /O " + SCRIPT + b" >>"), "VERIFY-015"),
    attack(TREE, "structure of the page", lambda: swap(sign(TAGGED()), 21, b"/S /P", b"/S /H1 /ActualText (985)"),
           "VERIFY-015"),
    attack(TREE, "page list grows while sealing", lambda: seal(swap(one(), 2, b"[3 0 R 6 0 R] /Count 2",
                                                                    b"[3 0 R] /Count 1"), SEAL, "ConDau"),
                                                                            "VERIFY-015"),

    attack(CATALOG, "opening action", lambda: plus(one(), 1, b"/OpenAction " + SCRIPT), "VERIFY-015"),
    attack(CATALOG, "opening action, then sealed", lambda: seal(plus(one(), 1, b"/OpenAction " + SCRIPT),
                                                                SEAL, "ConDau"), "VERIFY-015"),
    attack(CATALOG, "further actions", lambda: plus(one(), 1, b"/AA << /WC " + SCRIPT + b" >>"), "VERIFY-015"),
    attack(CATALOG, "named scripts", lambda: plus(one(), 1, b"/Names << /JavaScript << /Names [(a) " + SCRIPT
                                                  + b"] >> >>"), "VERIFY-015"),
    attack(CATALOG, "enclosed file replaced", lambda: update(sign(ATTACHED()), {
        21: stream(b"Phu luc: 985.400.000 dong", b"/Type /EmbeddedFile")}), "VERIFY-015"),
    attack(CATALOG, "enclosed file exchanged", lambda: swap(sign(ATTACHED()), 20, b"/F 21 0 R", b"/F 90 0 R", {
        90: stream(b"khac", b"/Type /EmbeddedFile")}), "VERIFY-015"),
    attack(CATALOG, "file enclosed afterwards", lambda: plus(one(), 1,
            b"/Names << /EmbeddedFiles << /Names [(a) 90 0 R] >> >>",
                                                             {90: b"<< /Type /Filespec /F (a) >>"}), "VERIFY-015"),
    attack(CATALOG, "layers' default", lambda: swap(sign(LAYERED()), 1, b"/OFF [21 0 R]", b"/OFF []"), "VERIFY-015",
           "VERIFY-072"),
    attack(CATALOG, "layers' base state", lambda: swap(sign(LAYERED()), 1, b"/D <<", b"/D << /BaseState /OFF "),
           "VERIFY-015"),
    attack(CATALOG, "page labels", lambda: swap(sign(BOOK()), 1, b"/S /D", b"/S /R"), "VERIFY-015"),
    attack(CATALOG, "outline", lambda: swap(sign(BOOK()), 21, b"(Dieu 1)", b"(Dieu 9)"), "VERIFY-015"),
    attack(CATALOG, "viewer's preferences", lambda: plus(one(), 1, b"/ViewerPreferences << /HideToolbar true >>"),
           "VERIFY-015"),
    attack(CATALOG, "collection", lambda: plus(one(), 1, b"/Collection << /Type /Collection /View /H >>"),
            "VERIFY-015"),
    attack(CATALOG, "XFA form", lambda: (lambda pdf: update(pdf, {papers.number_of(pdf, b"/Fields"): body_of(
        pdf, papers.number_of(pdf, b"/Fields")).replace(b"/Fields", b"/XFA 90 0 R /Fields"),
        90: stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")}))(one()), "VERIFY-015"),
    attack(CATALOG, "another catalog in the trailer", lambda: update(one(), {
        90: body_of(one(), 1).replace(b"2 0 R", b"91 0 R"), 91: b"<< /Type /Pages /Kids [92 0 R] /Count 1 >>",
        92: body_of(one(), 3).replace(b"/Parent 2 0 R", b"/Parent 91 0 R").replace(b"/Contents 4 0 R",
                b"/Contents 93 0 R"),
        93: stream(FORGED)}, root=b"90 0 R"), "VERIFY-072"),
    attack(CATALOG, "catalog without form", lambda: update(one(), {1: body_of(paper(), 1)})),
    attack(CATALOG, "title in /Info", lambda: swap(one(), 8, b"(Quyet dinh 420)", b"(Quyet dinh 999)"), "VERIFY-075"),
    attack(CATALOG, "title in XMP", _new_metadata, "VERIFY-075"),
    attack(CATALOG, "metadata that is none", lambda: update(sign(DESCRIBED()), {20: stream(
        b"<html/>", b"/Type /Metadata /Subtype /XML")}), "VERIFY-015"),

    attack(LEFT, "written anew", lambda: _resaved(_nothing), verdict="invalid"),
    attack(LEFT, "written anew with another text", lambda: _resaved(_new_text), verdict="invalid"),
    attack(LEFT, "form taken away", lambda: _resaved(_no_form), "VERIFY-060", verdict="undetermined"),
    attack(LEFT, "form taken away, compressed", lambda: _resaved(
        _no_form, object_stream_mode=pikepdf.ObjectStreamMode.generate), "VERIFY-060", verdict="undetermined"),
    attack(LEFT, "only the signature object left", lambda: _resaved(_only_object), "VERIFY-060"),
    attack(LEFT, "only the signature object left, compressed", lambda: _resaved(
        _only_object, object_stream_mode=pikepdf.ObjectStreamMode.generate), "VERIFY-060"),
    attack(LEFT, "field without value", lambda: _resaved(_no_value), "VERIFY-060"),
    attack(LEFT, "flattened", lambda: _resaved(_flattened), "VERIFY-060"),
    attack(LEFT, "encrypted afterwards", lambda: _resaved(_nothing, encryption=pikepdf.Encryption(owner="a", user=""))),
    attack(LEFT, "encrypted afterwards, with a password", lambda: _resaved(
        _nothing, encryption=pikepdf.Encryption(owner="a", user="b"))),
    attack(LEFT, "value taken away by an increment", lambda: _no_field(b""), "VERIFY-060"),
    attack(LEFT, "value made null by an increment", lambda: _no_field(b"/V null"), "VERIFY-060"),
    attack(LEFT, "made linear afterwards", lambda: saved(one(), linearize=True)),
    attack(LEFT, "second revision cut off, first changed", lambda: two()[:len(sign(paper()))] + b"\n%%EOF\n"),
]
