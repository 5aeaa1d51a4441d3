"""Shadow attacks: what lies ready in the signed file is uncovered, replaced or exchanged afterwards; forms too."""

from __future__ import annotations

from functools import cache
from typing import Any

from pyhanko.pdf_utils import generic

from tests.signed import papers
from tests.signed.case import Case, attack
from tests.signed.genuine import FILLED, LAYERED, RING, SEAL_BOX, SIGN_BOX, prepared, saved
from tests.signed.papers import FORGED, LINE, form, paper, stream, swap, update
from tests.signed.people import SEAL
from tests.signed.signing import drawn, edited, seal, sign, thing

COVER = b"1 g 60 690 400 40 re f 0 g\n" + LINE       # white over the forged text, the innocent text above
HIDE, REPLACE, BOTH, FIELD = "shadow hide", "shadow replace", "shadow hide and replace", "form field"


@cache
def covered(*, certify: int = 0) -> bytes:
    """The forged text, covered by a second content stream; signed so."""
    return sign(paper(contents=FORGED, content_ref=b"[4 0 R 20 0 R]", more={20: stream(COVER)}), certify=certify)


@cache
def _image() -> bytes:
    """The forged text, covered by a form XObject that the page draws."""
    return sign(paper(contents=FORGED + b"q /X Do Q", more={20: form(COVER, (0, 0, 595, 842),
                                                                    b"<< /Font << /F1 5 0 R >> >>")},
                      resources=b"/Resources << /Font << /F1 5 0 R >> /XObject << /X 20 0 R >> >>"))


@cache
def _stamped() -> bytes:
    """The forged text, covered by an annotation."""
    return sign(paper(page=b"/Annots [20 0 R]", contents=FORGED, more={
        20: b"<< /Type /Annot /Subtype /Stamp /Rect [60 640 460 740] /F 4 /AP << /N 21 0 R >> >>",
        21: form(b"1 g 0 0 400 100 re f 0 g BT /F1 18 Tf 10 60 Td (So tien: 185.400.000 dong) Tj ET", (0, 0, 400, 100),
                 b"<< /Font << /F1 5 0 R >> >>")}))


def _less(number: int, old: bytes, new: bytes, pdf: bytes) -> bytes:
    return swap(pdf, number, old, new)


def _script(writer: Any, _field: Any) -> None:
    """The second signer's software also writes the object that the first signer's file names but lacks."""
    writer.objects[0, 99] = thing(b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>")


def _annots(pdf: bytes, keep: slice) -> bytes:
    """The page's list of annotations cut."""
    def change(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Annots"] = generic.ArrayObject(list(page["/Annots"])[keep])
        writer.update_container(page)
    return edited(pdf, change)


def _drop_in_seal(writer: Any, _field: Any) -> None:
    """The second signer's software also takes the covering annotation away."""
    page = writer.root["/Pages"]["/Kids"][0]
    held = list(page["/Annots"])
    page["/Annots"] = generic.ArrayObject(held[1:])
    writer.update_container(page)


def _changing(number: int, body: bytes) -> Any:
    """The second signer's software also replaces an object."""
    def change(writer: Any, _field: Any) -> None:
        writer.objects[0, number] = generic.StreamObject(stream_data=body)
    return change


GLYPHS = (b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 10 10] /FontMatrix [0.1 0 0 0.1 0 0] "
          b"/FirstChar 32 /LastChar 122 /Widths [" + b"6 " * 91 + b"] /Encoding << /Differences [49 /mot /hai] >> "
          b"/CharProcs << /mot 21 0 R /hai 22 0 R >> /Resources << >> >>")
TYPE3 = {20: GLYPHS, 21: stream(b"6 0 d0 2 0 2 8 re f"), 22: stream(b"6 0 d0 0 0 6 2 re f 0 6 6 2 re f")}


@cache
def _drawn_font() -> bytes:
    return sign(paper(contents=LINE + b"BT /F2 30 Tf 70 500 Td (1) Tj ET",
                      resources=b"/Resources << /Font << /F1 5 0 R /F2 20 0 R >> >>", more=TYPE3))


@cache
def _filled(**more: Any) -> bytes:
    return sign(FILLED(), **more)


@cache
def two_values() -> bytes:
    """A form whose fields say one thing and are drawn as another."""
    return sign(FILLED().replace(b"/V (185)", b"/V (985)"))


@cache
def _ready() -> bytes:
    """A second tree of pages lies ready in the signed file, used by nobody."""
    return sign(paper(more={
        30: b"<< /Type /Catalog /Pages 31 0 R >>", 31: b"<< /Type /Pages /Kids [32 0 R] /Count 1 >>",
        32: b"<< /Type /Page /Parent 31 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> "
            b"/Contents 33 0 R >>", 33: stream(FORGED)}))


def _place(pdf: bytes, number: int) -> int:
    return pdf.rindex(b"\n%d 0 obj" % number) + 1


@cache
def _twin() -> bytes:
    """Two bodies of the page's text in the signed file; the cross-reference lists the first."""
    base = bytearray(paper())
    twin = b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"
    start = papers.last_start(bytes(base))
    out = bytes(base[:start]) + twin + bytes(base[start:])
    return sign(out.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(twin))))


def _dangling(**named: Any) -> bytes:
    """The signed file names object 99, which does not exist."""
    return sign(paper(**named))


def _beyond(body: bytes, **named: Any) -> bytes:
    """The signed cross-reference lists object 20 far behind the file's end; an update fills the place."""
    far = 60000
    base = paper(**named, more={20: b"null"})
    row = b"%010d 00000 n " % base.index(b"20 0 obj")
    assert row in base
    pdf = sign(base.replace(row, b"%010d 00000 n " % far))
    lead = update(pdf, {8: b"<< /Title (Quyet dinh 420) /Producer (" + b"x" * (far - len(pdf) - 60) + b") >>"},
                  table=False, trailing=False, end=b"")
    fill = b"%" * (far - len(lead) - 1) + b"\n"
    return update(pdf, {8: papers.body_of(lead, 8)}, between=fill + b"20 0 obj\n" + body + b"\nendobj\n",
                  trailer=b"/Info 8 0 R")


def _unfinished(start: bytes, finish: bytes) -> bytes:
    """The last object of the first revision has no end; an update that only touches a date brings it."""
    base = paper(b"/OpenAction << /S /JavaScript /JS 20 0 R >>", more={20: b"null"})
    pdf = sign(base.replace(b"20 0 obj\nnull\nendobj\n", b"20 0 obj\n" + start.ljust(len(b"null\nendobj\n"))) if len(
        start) <= 12 else base.replace(b"null\nendobj\n", start).replace(
            b"startxref\n%d" % papers.last_start(base),
            b"startxref\n%d" % (papers.last_start(base) + len(start) - 12)))
    return update(pdf, {8: b"<< /Title (Quyet dinh 420) /Producer (p) >>"}, between=finish, trailer=b"/Info 8 0 R")


def _page_xobject() -> bytes:
    """An empty signature field's picture is also drawn by the page."""
    base = paper(b"/AcroForm << /Fields [20 0 R] /SigFlags 1 >>", b"/Annots [20 0 R]",
            LINE + b"q 1 0 0 1 70 500 cm /X Do Q",
                 resources=b"/Resources << /Font << /F1 5 0 R >> /XObject << /X 21 0 R >> >>",
                 more={20: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (O2) /Rect [300 100 480 150] /F 4 /P 3 0 R "
                           b"/AP << /N 21 0 R >> >>",
                       21: form(b"0.9 g 0 0 100 40 re f", (0, 0, 180, 50), b"<< /Font << /F1 5 0 R >> >>")})

    def change(writer: Any, _field: Any) -> None:
        held = writer.get_object(generic.Reference(21, 0, writer))
        held._data = b"BT /F1 18 Tf 0 5 Td (them 800.000.000) Tj ET"
        held._encoded_data = None
        writer.mark_update(generic.Reference(21, 0, writer))
    return seal(sign(base), SEAL, "O2", existing=True, edit=change)


def field_added(pdf: bytes, entries: bytes, more: dict[int, bytes] | None = None, *, value: bytes = b"") -> bytes:
    """A further signature field, by hand; nobody signs it."""
    fields = papers.number_of(pdf, b"/Fields")
    body = papers.body_of(pdf, fields)
    page = papers.body_of(pdf, 3)
    body = body.replace(b"/Fields [", b"/Fields [80 0 R ") if b"/Fields [" in body else body
    assert b"80 0 R" in body, body
    if b"/Annots [" in page:
        page = page.replace(b"/Annots [", b"/Annots [80 0 R ")
    return update(pdf, {fields: body, 3: page, 80: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Them) /F 4 /P 3 0 R "
                        + value + entries + b" >>", **(more or {})})


@cache
def _with_look() -> bytes:
    """Signed; a picture that nobody uses lies in the signed file."""
    return sign(paper(more={40: form(b"0 g 0 0 200 40 re f", (0, 0, 200, 40))}))


def _encrypted_field() -> bytes:
    """A visible field that nobody signed, in an encrypted file."""
    import pikepdf
    from pyhanko.sign import fields

    base = sign(saved(paper(), encryption=pikepdf.Encryption(owner="chu", user="", R=6)))
    return edited(base, lambda writer: fields.append_signature_field(
        writer, fields.SigFieldSpec("Che", box=(60, 690, 460, 730))))


def _signed_look(change: Any) -> bytes:
    """The picture of a field that is signed already."""
    return edited(sign(paper(), box=SIGN_BOX, look=RING), change)


def _new_picture(writer: Any) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    drawn(writer, field, b"1 0 0 rg 0 0 180 50 re f", 180, 50)
    writer.update_container(field)


def _moved(writer: Any) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/Rect"] = thing(b"[60 640 460 730]")
    writer.update_container(field)


def _deleted(writer: Any) -> None:
    form_ = writer.root["/AcroForm"]
    form_["/Fields"] = generic.ArrayObject(list(form_["/Fields"])[1:])
    writer.update_container(form_)


def _form_entry(pdf: bytes, entry: bytes, more: dict[int, bytes] | None = None,
                swapped: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    """An entry of the form added or replaced, behind the last signature."""
    number = papers.number_of(pdf, b"/Fields")
    body = papers.body_of(pdf, number).replace(*swapped)
    form_ = body.index(b"/Fields")
    return update(pdf, {number: body[:form_] + entry + b" " + body[form_:], **(more or {})})



def _second_picture(writer: Any) -> None:
    field = writer.root["/AcroForm"]["/Fields"][1]
    drawn(writer, field, b"1 0 0 rg 0 0 80 80 re f", 80, 80)
    writer.update_container(field)


def _form_font() -> bytes:
    """The form's resources name another font for the same name."""
    pdf = _filled()
    number = papers.number_of(pdf, b"/Fields")
    return swap(pdf, number, b"/Helv 5 0 R", b"/Helv 90 0 R", {90: SWAPPED})


BLANK = stream(b"")
OTHER_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"
SWAPPED = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [49 /nine 57 /one] >> >>"
CASES: list[Case] = [
    attack(HIDE, "covering content emptied", lambda: update(covered(), {20: BLANK}), "VERIFY-015", "VERIFY-072"),
    attack(HIDE, "covering content freed", lambda: update(covered(), {20: None}), "VERIFY-015"),
    attack(HIDE, "covering content dropped from the page", lambda: swap(covered(), 3, b"[4 0 R 20 0 R]", b"4 0 R"),
           "VERIFY-015"),
    attack(HIDE, "covering content made null", lambda: update(covered(), {20: b"null"}), "VERIFY-015"),
    attack(HIDE, "covering form emptied", lambda: update(_image(), {20: BLANK}), "VERIFY-015", "VERIFY-072"),
    attack(HIDE, "covering form of another kind", lambda: swap(_image(), 20, b"/Subtype /Form", b"/Subtype /Formx"),
           "VERIFY-015"),
    attack(HIDE, "covering annotation dropped", lambda: _annots(_stamped(), slice(1, None)), "VERIFY-015",
           "VERIFY-072"),
    attack(HIDE, "covering annotation made invisible", lambda: swap(_stamped(), 20, b"/F 4", b"/F 2"), "VERIFY-015",
           "VERIFY-072"),
    attack(HIDE, "covering annotation freed", lambda: update(_stamped(), {20: None}), "VERIFY-015"),
    attack(HIDE, "covering annotation dropped while sealing", lambda: seal(
        _stamped(), SEAL, "ConDau", edit=_drop_in_seal), "VERIFY-015", "VERIFY-072"),
    attack(HIDE, "covering content emptied while sealing", lambda: seal(
        covered(), SEAL, "ConDau", edit=_changing(20, b"")), "VERIFY-015"),
    attack(HIDE, "covering content emptied, certified", lambda: update(covered(certify=2), {20: BLANK}), "VERIFY-015"),
    attack(HIDE, "layer switched", lambda: swap(sign(LAYERED()), 1, b"/ON [20 0 R] /OFF [21 0 R]",
                                                b"/ON [21 0 R] /OFF [20 0 R]"), "VERIFY-015", "VERIFY-072"),
    attack(HIDE, "layer's own object changed", lambda: swap(sign(LAYERED()), 21, b"(An)", b"(Hien)"), "VERIFY-015"),

    attack(REPLACE, "font", lambda: update(sign(paper()), {5: OTHER_FONT}), "VERIFY-015", "VERIFY-072"),
    attack(REPLACE, "digits of the font exchanged", lambda: update(sign(paper()), {5: SWAPPED}), "VERIFY-015"),
    attack(REPLACE, "glyph of a drawn font", lambda: update(_drawn_font(), {21: TYPE3[22]}), "VERIFY-015",
           "VERIFY-072"),
    attack(REPLACE, "glyph exchanged in the font's table", lambda: swap(_drawn_font(), 20, b"/mot 21 0 R",
                                                                       b"/mot 22 0 R"), "VERIFY-015"),
    attack(REPLACE, "font, while sealing", lambda: seal(_drawn_font(), SEAL, "ConDau", edit=_changing(
        21, b"6 0 d0 0 0 6 2 re f")), "VERIFY-015"),
    attack(REPLACE, "form drawn by the page", lambda: update(_image(), {20: form(FORGED, (0, 0, 595, 842))}),
           "VERIFY-015"),
    attack(REPLACE, "picture of an empty field is drawn by the page too", _page_xobject),
    attack(REPLACE, "fields are to be drawn anew", lambda: _form_entry(two_values(), b"/NeedAppearances true"),
           "VERIFY-015"),
    attack(REPLACE, "fields are to be drawn anew, then sealed", lambda: seal(
        _form_entry(two_values(), b"/NeedAppearances true"), SEAL, "ConDau"), "VERIFY-015"),
    attack(REPLACE, "the fields' own font", _form_font, "VERIFY-015"),
    attack(REPLACE, "the fields' own font, then sealed", lambda: seal(_form_font(), SEAL, "ConDau"), "VERIFY-015"),
    attack(REPLACE, "the fields' own font in place, then sealed", lambda: seal(
        update(_form_font(), {5: SWAPPED}), SEAL, "ConDau"), "VERIFY-015"),
    attack(REPLACE, "the fields' default look, then sealed", lambda: seal(
        _form_entry(_filled(), b"", swapped=(b"Helv 12 Tf 0 g", b"Helv 12 Tf 1 g")), SEAL, "ConDau"), "VERIFY-015"),

    attack(BOTH, "another catalog from the signed file", lambda: update(_ready(), {}, root=b"30 0 R")),
    attack(BOTH, "page tree from the signed file", lambda: swap(_ready(), 1, b"/Pages 2 0 R", b"/Pages 31 0 R"),
           "VERIFY-015", "VERIFY-072"),
    attack(BOTH, "page's object points to the other", lambda: (lambda pdf: update(
        pdf, {}, places={4: _place(pdf, 33)}))(_ready())),
    attack(BOTH, "cross-reference points to a twin", lambda: (lambda pdf: update(
        pdf, {}, places={4: pdf.index(b"985") and pdf.rindex(b"4 0 obj", 0, pdf.index(b"985"))}))(_twin()),
           "VERIFY-072"),
    attack(BOTH, "kids exchanged", lambda: swap(_ready(), 2, b"3 0 R 6 0 R", b"32 0 R 6 0 R"), "VERIFY-015"),
    attack(BOTH, "missing content comes later", lambda: update(_dangling(content_ref=b"[4 0 R 99 0 R]"), {
        99: stream(b"1 g 60 690 400 40 re f 0 g " + FORGED)})),
    attack(BOTH, "missing annotation comes later", lambda: update(_dangling(page=b"/Annots [99 0 R]"), {
        99: b"<< /Type /Annot /Subtype /Stamp /Rect [60 640 460 740] /F 4 /AP << /N 98 0 R >> >>",
        98: form(b"1 0 0 rg 0 0 400 100 re f", (0, 0, 400, 100))})),
    attack(BOTH, "missing action comes later", lambda: update(_dangling(catalog=b"/OpenAction 99 0 R"), {
        99: b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"})),
    attack(BOTH, "missing layers come later", lambda: update(_dangling(catalog=b"/Names 99 0 R"), {
        99: b"<< /JavaScript << /Names [(a) << /S /JavaScript /JS (1) >>] >> >>"})),
    attack(BOTH, "action listed behind the end comes later", lambda: _beyond(
        b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>", catalog=b"/OpenAction 20 0 R"), "VERIFY-015"),
    attack(BOTH, "text listed behind the end comes later", lambda: _beyond(
        stream(b"1 g 60 690 400 40 re f 0 g " + FORGED), content_ref=b"[4 0 R 20 0 R]"), "VERIFY-015", "VERIFY-072"),
    attack(BOTH, "text of a script ends in a later revision", lambda: _unfinished(
        b"(/*", b"*/ app.alert\\(1\\)) endobj\n")),
    attack(BOTH, "stream of a script ends in a later revision", lambda: _unfinished(
        b"<< /Length 30000 >>\nstream\n/*", b"*/ app.alert(1)" + b" " * 20000 + b"\nendstream endobj\n")),
    attack(BOTH, "missing action comes while sealing", lambda: seal(
        _dangling(catalog=b"/OpenAction 99 0 R"), SEAL, "ConDau", edit=_script), "VERIFY-015"),

    attack(FIELD, "text filled in", lambda: swap(_filled(), 20, b"/V (185)", b"/V (985)"), "VERIFY-015"),
    attack(FIELD, "picture replaced", lambda: update(_filled(), {21: form(
        b"BT /Helv 12 Tf 0 g 2 5 Td (985) Tj ET", (0, 0, 130, 20), b"<< /Font << /Helv 5 0 R >> >>")}), "VERIFY-015",
           "VERIFY-072"),
    attack(FIELD, "default look replaced", lambda: swap(_filled(), 20, b"/DA (/Helv 12 Tf 0 g)",
            b"/DA (/Helv 12 Tf 1 g)"),
           "VERIFY-015"),
    attack(FIELD, "filled while sealing", lambda: seal(swap(_filled(), 20, b"/V (185)", b"/V (985)"), SEAL, "ConDau"),
           "VERIFY-015"),
    attack(FIELD, "filled after certification P=2", lambda: swap(_filled(certify=2), 20, b"/V (185)", b"/V (985)"),
           "VERIFY-015"),
    attack(FIELD, "another text field added", lambda: field_added(sign(paper()), b"/Rect [60 690 460 730]").replace(
        b"/FT /Sig /T (Them)", b"/FT /Tx  /T (Them)"), "VERIFY-015"),
    attack(FIELD, "field taken away", lambda: edited(_filled(), _deleted), "VERIFY-015"),
    attack(FIELD, "picture of a signature replaced", lambda: _signed_look(_new_picture), "VERIFY-015"),
    attack(FIELD, "signature moved over the text", lambda: _signed_look(_moved), "VERIFY-015"),
    attack(FIELD, "new field, visible, unsigned", lambda: field_added(
        _with_look(), b"/Rect [60 690 460 730] /AP << /N 40 0 R >>"), "VERIFY-016"),
    attack(FIELD, "new field whose box is told by references", lambda: field_added(
        _with_look(), b"/Rect [81 0 R 82 0 R 83 0 R 84 0 R] /AP << /N 40 0 R >>",
        {81: b"60", 82: b"690", 83: b"460", 84: b"730"})),
    attack(FIELD, "new field, invisible, with a script", lambda: field_added(
        sign(paper()), b"/Rect [0 0 0 0] /AA << /PO << /S /JavaScript /JS (app.alert\\(1\\)) >> >>")),
    attack(FIELD, "new field, visible, in an encrypted file", _encrypted_field),
    attack(FIELD, "empty field drawn, unsigned", lambda: edited(sign(prepared(SIGN_BOX, SEAL_BOX), field="O1",
                                                                     existing=True), _second_picture)),
]
