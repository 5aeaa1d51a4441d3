"""Genuine files of every kind: nothing was changed after signing but by further signatures and evidence."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.sign import fields

from tests.signed import papers
from tests.signed.case import Case, genuine
from tests.signed.papers import objects, paper, written
from tests.signed.people import CLERK, CURVE, CURVE384, EDWARDS, ENDED, OFFICE, SEAL
from tests.signed.signing import SHIFT, edited, filled, seal, sign, stamped, thing, with_evidence, with_place

RING = b"0.8 0 0 RG 3 w 5 5 70 70 re S 10 40 m 70 40 l S"
SEAL_BOX = (250, 640, 330, 720)             # over the text: drawn through it
SIGN_BOX = (300, 100, 480, 150)
EARLY = datetime(2026, 8, 1, 3, tzinfo=UTC)
XMP = (b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
       b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
       b'xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:ModifyDate>2026-11-12T09:30:00+07:00</xmp:ModifyDate>'
       b'</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>')


@cache
def one() -> bytes:
    """The paper signed by the leader, invisibly."""
    return sign(paper())


def two(base: bytes | None = None, **more: Any) -> bytes:
    """Signed by the leader, sealed by the agency with a red ring over the text."""
    return seal(sign(base or paper(), box=SIGN_BOX, **more), SEAL, "ConDau", box=SEAL_BOX, look=RING)


def times(count: int) -> bytes:
    """`count` signatures by turns."""
    pdf = sign(paper())
    for number, holder in zip(range(2, count + 1), (CLERK, SEAL, OFFICE, CURVE), strict=False):
        pdf = seal(pdf, holder, f"ChuKy{number}", box=(60, 60 * number, 160, 60 * number + 40))
    return pdf


def saved(pdf: bytes, **how: Any) -> bytes:
    """`pdf` written again by another program, before anybody signs."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        opened.save(out, **how)
    return out.getvalue()


def prepared(*boxes: tuple[int, int, int, int] | None) -> bytes:
    """The paper with empty signature fields."""
    def add(writer: Any) -> None:
        for number, box in enumerate(boxes, 1):
            fields.append_signature_field(writer, fields.SigFieldSpec(f"O{number}", box=box))
    return edited(paper(), add)


def _locked(**how: Any) -> Callable[[], bytes]:
    return lambda: two(saved(paper(), encryption=pikepdf.Encryption(owner="chu", user="", **how)))


def _scan() -> bytes:
    """A page that is a picture, as a scanner makes it, with the clerk's seal over its text."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (595, 842), 245)
    draw = ImageDraw.Draw(picture)
    for row in range(60, 780, 24):
        draw.text((60, row), "Dieu khoan thi hanh quyet dinh nay, so tien 185.400.000 dong", fill=20)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    image = papers.stream(out.getvalue(), b"/Type /XObject /Subtype /Image /Width 595 /Height 842 /ColorSpace "
                                          b"/DeviceGray /BitsPerComponent 8 /Filter /DCTDecode")
    return paper(contents=b"q 595 0 0 842 0 0 cm /Im0 Do Q", more={20: image},
                 resources=b"/Resources << /XObject << /Im0 20 0 R >> >>")


ANNOTATED = partial(
    paper, page=b"/Annots [20 0 R 21 0 R 22 0 R]", more={
        20: b"<< /Type /Annot /Subtype /Text /Rect [500 700 520 720] /Contents (Da xem) >>",
        21: b"<< /Type /Annot /Subtype /Highlight /Rect [70 655 200 675] /QuadPoints [70 675 200 675 70 655 200 655] "
            b"/C [1 1 0] /AP << /N 23 0 R >> >>",
        22: b"<< /Type /Annot /Subtype /Link /Rect [70 600 200 620] /A << /S /URI /URI (https://vi.du) >> >>",
        23: papers.form(b"1 1 0.6 rg 0 0 130 3 re f", (0, 0, 130, 20))})
FILLED = partial(
    paper, catalog=b"/AcroForm << /Fields [20 0 R] /DA (/Helv 12 Tf 0 g) /DR << /Font << /Helv 5 0 R >> >> >>",
    page=b"/Annots [20 0 R]", more={
        20: b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (so_tien) /V (185) /DA (/Helv 12 Tf 0 g) "
            b"/Rect [70 560 200 580] /F 4 /P 3 0 R /AP << /N 21 0 R >> >>",
        21: papers.form(b"/Tx BMC q BT /Helv 12 Tf 0 g 2 5 Td (185) Tj ET Q EMC", (0, 0, 130, 20),
                        b"<< /Font << /Helv 5 0 R >> >>")})
LAYERED = partial(
    paper, catalog=b"/OCProperties << /OCGs [20 0 R 21 0 R] "
                   b"/D << /ON [20 0 R] /OFF [21 0 R] /Order [20 0 R 21 0 R] >> >>",
    contents=b"/OC /A BDC " + papers.LINE + b" EMC /OC /B BDC " + papers.FORGED + b" EMC",
    resources=b"/Resources << /Font << /F1 5 0 R >> /Properties << /A 20 0 R /B 21 0 R >> >>",
    more={20: b"<< /Type /OCG /Name (Hien) >>", 21: b"<< /Type /OCG /Name (An) >>"})
ATTACHED = partial(
    paper, catalog=b"/Names << /EmbeddedFiles << /Names [(phuluc.txt) 20 0 R] >> >>",
    more={20: b"<< /Type /Filespec /F (phuluc.txt) /UF (phuluc.txt) /EF << /F 21 0 R >> >>",
          21: papers.stream(b"Phu luc: 185.400.000 dong", b"/Type /EmbeddedFile")})
DESCRIBED = partial(paper, catalog=b"/Metadata 20 0 R",
                    more={20: papers.stream(XMP, b"/Type /Metadata /Subtype /XML")})
TAGGED = partial(
    paper, catalog=b"/MarkInfo << /Marked true >> /Lang (vi) /StructTreeRoot 20 0 R", page=b"/StructParents 0",
    contents=b"/P << /MCID 0 >> BDC " + papers.LINE + b" EMC",
    more={20: b"<< /Type /StructTreeRoot /K 21 0 R /ParentTree << /Nums [0 [21 0 R]] >> >>",
          21: b"<< /Type /StructElem /S /P /P 20 0 R /Pg 3 0 R /K 0 >>"})
BOOK = partial(
    paper, catalog=b"/Outlines 20 0 R /PageLabels << /Nums [0 << /S /D >>] >> /OpenAction [3 0 R /Fit] "
                   b"/ViewerPreferences << /DisplayDocTitle true >>",
    more={20: b"<< /Type /Outlines /First 21 0 R /Last 21 0 R /Count 1 >>",
          21: b"<< /Title (Dieu 1) /Parent 20 0 R /Dest [3 0 R /Fit] >>"})
SCRIPTED = partial(paper, catalog=b"/OpenAction << /S /JavaScript /JS (app.beep\\(0\\)) >>")
DEEP = {
    **objects(), 2: b"<< /Type /Pages /Kids [20 0 R 6 0 R] /Count 2 /MediaBox [0 0 595 842] "
                    b"/Resources << /Font << /F1 5 0 R >> >> >>",
    20: b"<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count 1 /Rotate 90 >>",
    3: b"<< /Type /Page /Parent 20 0 R /Contents [4 0 R 21 0 R] >>",
    21: papers.stream(b"BT /F1 10 Tf 70 500 Td (Phan cuoi) Tj ET")}


SINGLE = {**objects(b"/AcroForm << /Fields [20 0 R] /SigFlags 3 >>", b"/Annots [20 0 R]"), **with_place()}


def _updating(entry: str, **values: str) -> Callable[[Any, Any], None]:
    """A signer's software that also touches /Info or /Metadata."""
    def change(writer: Any, _field: Any) -> None:
        if entry == "/Info":
            reference = writer.trailer.raw_get("/Info")
            for key, value in values.items():
                reference.get_object()[f"/{key}"] = generic.TextStringObject(value)
            writer.mark_update(reference)
        else:
            reference = writer.root.raw_get("/Metadata")
            data = reference.get_object().data.replace(b"09:30", b"10:30")
            writer.objects[0, reference.idnum] = generic.StreamObject(
                thing(b"<< /Type /Metadata /Subtype /XML >>"), stream_data=data)
    return change


def _orphan(writer: Any, _field: Any) -> None:
    writer.add_object(thing(b"<< /Nobody true >>"))


def _actual_form(writer: Any, _field: Any) -> None:
    """What signing software adds to the form for the texts of its own boxes."""
    form = writer.root["/AcroForm"]
    form["/DA"] = generic.TextStringObject("/Helv 0 Tf 0 g")
    form["/DR"] = thing(b"<< /Font << >> >>")
    form["/DR"]["/Font"]["/Helv"] = writer.add_object(thing(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"))
    writer.update_container(form)


def _lock(name: str) -> Any:
    return fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, fields=[name])


def _twice(make: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: two(make())


def _structures() -> list[Case]:
    """Every structure of file, signed once and twice."""
    kinds: dict[str, Callable[[], bytes]] = {
        "cross-reference stream": lambda: written(objects(), kind="stream"),
        "object streams": lambda: written(objects(), kind="stream", packed=(1, 2, 3, 5, 6, 8)),
        "hybrid": lambda: written(objects(), kind="hybrid", packed=(5, 8)),
        "linearised": lambda: saved(paper(), linearize=True),
        "PDF 1.3": lambda: written(objects(), version=b"1.3"), "PDF 1.4": lambda: written(objects(), version=b"1.4"),
        "PDF 2.0": lambda: written(objects(), version=b"2.0", trailer=b""),
        "CR line ends": lambda: written(objects(), eol=b"\r"),
        "CRLF line ends": lambda: written(objects(), eol=b"\r\n"),
        "no binary comment": lambda: written(objects(), comment=b"% khong co"),
        "comments and white space": lambda: written({
            **objects(), 1: b"<<\t/Type/Catalog % muc luc\n\n/Pages\f2 0 R\x00>>",
                    8: b"<</Title(a\\)b)/Producer<6D 61>>>"}),
        "annotations before": ANNOTATED, "form filled before": FILLED, "layers": LAYERED, "enclosed file": ATTACHED,
        "XMP": DESCRIBED, "tagged": TAGGED, "outline and labels": BOOK, "script before signing": SCRIPTED,
        "deep page tree, rotated": lambda: written(DEEP), "scan": _scan,
        "producer of a web site": lambda: saved(paper(), object_stream_mode=pikepdf.ObjectStreamMode.generate),
    }
    cases = []
    for name, make in kinds.items():
        cases.append(genuine("structure", f"{name}, one signature",
                lambda make=make: sign(make())))  # type: ignore[misc]
        cases.append(genuine("structure", f"{name}, signature and seal", _twice(make), signatures=2))
    return cases


def _encrypted() -> list[Case]:
    how: dict[str, dict[str, Any]] = {"AES-128": {"R": 4}, "AES-256": {"R": 6}, "RC4": {"R": 3, "aes": False,
                                                                                    "metadata": False}}
    return [genuine("encrypted", f"{name}, empty password", lambda more=more: sign(saved(  # type: ignore[misc]
        paper(), encryption=pikepdf.Encryption(owner="chu", user="", **more)))) for name, more in how.items()]


CASES: list[Case] = [
    genuine("level", "adbe.pkcs7.detached with token", one),
    genuine("level", "adbe.pkcs7.detached without token", lambda: sign(paper(), token=False), "valid_with_notes",
            "VERIFY-053"),
    genuine("level", "PAdES B-B", lambda: sign(paper(), pades=True, token=False), "valid_with_notes", "VERIFY-053"),
    genuine("level", "PAdES B-T", lambda: sign(paper(), pades=True)),
    genuine("level", "PAdES B-LT", lambda: with_evidence(sign(paper(), pades=True))),
    genuine("level", "PAdES B-LTA", lambda: stamped(with_evidence(sign(paper(), pades=True))), signatures=2),
    genuine("level", "no signed attributes", lambda: sign(paper(), attributes=False, token=True)),
    genuine("level", "adbe.pkcs7.sha1", lambda: sign(paper(), subfilter="adbe.pkcs7.sha1"), "undetermined",
            "VERIFY-042"),
    genuine("level", "adbe.x509.rsa_sha1 goes to a person", lambda: sign(paper(), subfilter="adbe.x509.rsa_sha1"),
            "undetermined", "VERIFY-061"),
    genuine("algorithm", "ECDSA P-256", lambda: sign(paper(), CURVE)),
    genuine("algorithm", "ECDSA P-384, SHA-384", lambda: sign(paper(), CURVE384, digest="sha384")),
    genuine("algorithm", "RSA-PSS", lambda: sign(paper(), pss=True)),
    genuine("algorithm", "RSA-PSS, SHA-512", lambda: sign(paper(), pss=True, digest="sha512")),
    genuine("algorithm", "Ed25519", lambda: sign(paper(), EDWARDS, digest="sha512")),
    genuine("algorithm", "SHA-1 imprint in the token", lambda: sign(paper(), imprint="sha1"), "valid_with_notes",
            "VERIFY-041"),
    genuine("algorithm", "SHA-1 over the document", lambda: sign(paper(), digest="sha1"), "undetermined",
            "VERIFY-042"),
    genuine("time", "claimed seven hours late, token", lambda: sign(paper(), shift=SHIFT)),
    genuine("time", "claimed seven hours late, no token", lambda: sign(paper(), shift=SHIFT, token=False),
            "valid_with_notes", "VERIFY-053"),
    genuine("time", "no claim at all", lambda: sign(paper(), claim=False)),
    genuine("time", "certificate ended since, token", lambda: sign(paper(), ENDED, at=EARLY)),
    genuine("time", "certificate ended since, no token", lambda: sign(paper(), ENDED, at=EARLY, token=False),
            "undetermined", "VERIFY-026", "VERIFY-053"),
    genuine("time", "certificate ended since, document timestamp",
            lambda: stamped(sign(paper(), ENDED, at=EARLY, token=False), EARLY), "valid_with_notes", "VERIFY-053",
            signatures=2),
    genuine("certification", "P=1", lambda: sign(paper(), certify=1)),
    genuine("certification", "P=1 and evidence", lambda: with_evidence(sign(paper(), certify=1))),
    genuine("certification", "P=2", lambda: sign(paper(), certify=2)),
    genuine("certification", "P=3", lambda: sign(paper(), certify=3)),
    genuine("certification", "P=2, then a visible seal", lambda: two(certify=2), signatures=2),
    genuine("certification", "P=3, then a visible seal", lambda: two(certify=3), signatures=2),
    genuine("certification", "P=2, then three signatures", lambda: seal(seal(two(certify=2), CLERK, "VanThu"), OFFICE,
                                                                        "VanPhong", box=(60, 300, 140, 380),
                                                                        look=RING), signatures=4),
    genuine("certification", "P=2 in a field made before", lambda: seal(
        sign(prepared((300, 100, 480, 150), SEAL_BOX), field="O1", existing=True, certify=2), SEAL, "O2",
        existing=True), signatures=2),
    genuine("several", "two, invisible", lambda: seal(one(), SEAL, "ConDau"), signatures=2),
    genuine("several", "three", lambda: times(3), signatures=3),
    genuine("several", "four", lambda: times(4), signatures=4),
    genuine("several", "five", lambda: times(5), signatures=5),
    genuine("several", "seal over the signature", lambda: seal(sign(
        paper(), box=(300, 600, 480, 650), look=b"0 0 0.6 RG 2 w 5 5 m 100 40 l S"), SEAL, "ConDau",
        box=(270, 580, 350, 660), look=RING), signatures=2),
    genuine("several", "seal on page two", lambda: seal(one(), SEAL, "ConDau", box=SEAL_BOX, look=RING, page=1),
            signatures=2),
    genuine("several", "fields made before", lambda: seal(sign(prepared(SIGN_BOX, SEAL_BOX), field="O1", existing=True),
                                                          SEAL, "O2", existing=True), signatures=2),
    genuine("several", "one of two prepared fields left empty", lambda: sign(prepared(SIGN_BOX, SEAL_BOX), field="O1",
                                                                             existing=True)),
    genuine("several", "first locks a form field", lambda: two(FILLED(), lock=_lock("so_tien")), signatures=2),
    genuine("several", "form is filled, then signed, then sealed", lambda: two(FILLED()), signatures=2),
    genuine("visible", "box on page one", lambda: sign(paper(), box=SIGN_BOX, look=RING)),
    genuine("visible", "box on page two", lambda: sign(paper(), box=SIGN_BOX, look=RING, page=1)),
    genuine("visible", "Vietnamese field name", lambda: sign(paper(), field="Chữ ký của Chủ tịch", box=SIGN_BOX)),
    genuine("evidence", "after one", lambda: with_evidence(one())),
    genuine("evidence", "after two", lambda: with_evidence(two()), signatures=2),
    genuine("evidence", "between two", lambda: seal(with_evidence(one()), SEAL, "ConDau"), signatures=2),
    genuine("evidence", "twice", lambda: with_evidence(with_evidence(one()))),
    genuine("evidence", "document timestamp", lambda: stamped(one()), signatures=2),
    genuine("evidence", "two document timestamps", lambda: stamped(with_evidence(stamped(with_evidence(one())))),
            signatures=3),
    genuine("evidence", "only a document timestamp", lambda: stamped(paper()), "unsigned"),
    genuine("padding", "8 KB", lambda: sign(paper(), reserve=16384)),
    genuine("padding", "30 KB", lambda: two(reserve=60000), signatures=2),
    genuine("end of file", "white space after the end", lambda: one() + b"\r\n\n  \x00"),
    genuine("end of file", "no line end after the mark", lambda: sign(paper().rstrip())),
    genuine("software", "second signer's software touches dates in /Info", lambda: seal(
        one(), SEAL, "ConDau", edit=_updating("/Info", ModDate="D:20261112103000+07'00'", Producer="phan mem")),
        signatures=2),
    genuine("software", "second signer's software writes a long text last", lambda: with_evidence(seal(
        one(), SEAL, "ConDau", edit=_updating("/Info", Producer="phan mem ky so " * 400))), signatures=2),
    genuine("software", "second signer's software touches XMP", lambda: seal(
        sign(DESCRIBED()), SEAL, "ConDau", edit=_updating("/Metadata")), signatures=2),
    genuine("software", "second signer's software leaves an unused object", lambda: seal(
        one(), SEAL, "ConDau", edit=_orphan), signatures=2),
    genuine("software", "second signer's software adds fonts for its boxes", lambda: seal(
        one(), SEAL, "ConDau", box=SEAL_BOX, look=RING, edit=_actual_form), signatures=2),
    *_structures(), *_encrypted(),
    genuine("encrypted", "signature and seal", _locked(R=6), signatures=2),
    genuine("structure", "junk before the header goes to a person", lambda: filled(written(
        SINGLE, junk=b"rac\n")), "undetermined", "VERIFY-006", "VERIFY-062"),
    genuine("structure", "one revision, written by hand", lambda: filled(written(SINGLE))),
    genuine("structure", "one revision, small digits", lambda: filled(written(SINGLE), spell=str.lower)),
    genuine("structure", "one revision by hand, sealed", lambda: seal(filled(written(SINGLE)), SEAL, "ConDau",
            box=SEAL_BOX,
                                                                      look=RING), signatures=2),
]
