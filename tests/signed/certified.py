"""Attacks on certified documents: annotations of every kind that draws, sneaky signatures, the permission itself."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

from pyhanko.sign import fields

from tests.signed import papers
from tests.signed.case import Case, attack
from tests.signed.genuine import FILLED, RING, SEAL_BOX, SIGN_BOX
from tests.signed.papers import FORGED, body_of, form, paper, stream, swap, update
from tests.signed.people import CLERK, SEAL, STRANGER
from tests.signed.signing import drawn, edited, seal, sign, thing

EVIL, SNEAKY, CERTIFIED = "evil annotation", "sneaky signature", "certification"
OVER = (60, 640, 460, 740)
COVERING = b"1 g 0 0 400 100 re f 0 g BT /F1 18 Tf 10 60 Td (So tien: 985.400.000 dong) Tj ET"
WHITE = b"1 g 0 0 400 100 re f"


@cache
def certified(level: int) -> bytes:
    """The paper certified, or only signed for 0."""
    return sign(paper(), certify=level)


# Every kind of annotation that draws, with what it needs besides its picture.
KINDS: dict[str, bytes] = {
    "FreeText": b"/DA (/Helv 18 Tf 0 g) /Contents (985.400.000)", "Stamp": b"/Name /Approved",
    "Square": b"/IC [1 1 1]", "Circle": b"/IC [1 1 1]", "Line": b"/L [60 640 460 740]",
    "Polygon": b"/Vertices [60 640 460 640 460 740]", "PolyLine": b"/Vertices [60 640 460 640 460 740]",
    "Highlight": b"/QuadPoints [60 740 460 740 60 640 460 640] /C [1 1 1]",
    "Underline": b"/QuadPoints [60 740 460 740 60 640 460 640]",
    "Squiggly": b"/QuadPoints [60 740 460 740 60 640 460 640]",
    "StrikeOut": b"/QuadPoints [60 740 460 740 60 640 460 640]", "Caret": b"/Contents (985)",
    "Ink": b"/InkList [[60 640 460 740]]", "Text": b"/Contents (985)", "FileAttachment": b"/Contents (985)",
    "Redact": b"/QuadPoints [60 740 460 740 60 640 460 640] /OverlayText (985)", "Watermark": b"", "Link": b"",
    "Popup": b"/Open true", "Widget": b"/FT /Btn /Ff 65536 /T (Nut)", "3D": b"", "Screen": b"", "RichMedia": b"",
}


def annotated(pdf: bytes, kind: str, entries: bytes, *, drawn: bool = True) -> bytes:
    """`pdf` with an annotation over its text."""
    page = body_of(pdf, 3)
    listed = page.replace(b"/Annots [", b"/Annots [80 0 R")
    assert listed != page
    look = b" /AP << /N 81 0 R >>" if drawn else b""
    return update(pdf, {3: listed, 80: b"<< /Type /Annot /Subtype /%s /Rect [60 640 460 740] /F 4 /P 3 0 R %s%s >>" % (
        kind.encode(), entries, look), 81: form(COVERING, (0, 0, 400, 100), b"<< /Font << /F1 5 0 R >> >>")})


def _evil() -> list[Case]:
    made = [attack(EVIL, f"{kind}, P=3", partial(_annotated, 3, kind), "VERIFY-015") for kind in KINDS]
    made += [attack(EVIL, f"{kind}, P={level}" if level else f"{kind}, not certified", partial(_annotated, level, kind),
                    "VERIFY-015") for level in (0, 1, 2) for kind in ("FreeText", "Stamp", "Highlight", "Redact")]
    return made


def _annotated(level: int, kind: str) -> bytes:
    return annotated(certified(level), kind, KINDS[kind])


def _permission(pdf: bytes, level: bytes) -> bytes:
    """The permission written anew into the signature object."""
    number = papers.number_of(pdf, b"/TransformParams")
    body = body_of(pdf, number)
    return update(pdf, {number: re.sub(rb"/P\s+\d", b"/P " + level, body), 4: stream(FORGED)})


def _no_perms(writer: Any) -> None:
    del writer.root["/Perms"]
    writer.update_root()


def _lookalike(writer: Any, _field: Any) -> None:
    """The second signer's software also draws an annotation over the text."""
    page = writer.root["/Pages"]["/Kids"][0]
    made = thing(b"<< /Type /Annot /Subtype /Stamp /Rect [60 640 460 740] /F 4 >>")
    drawn(writer, made, WHITE, 400, 100)
    page["/Annots"].append(writer.add_object(made))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def _action(_writer: Any, field: Any) -> None:
    """The second signer's field runs a script when its page is shown."""
    field["/AA"] = thing(b"<< /PO << /S /JavaScript /JS (app.alert\\(1\\)) >> >>")


def _empty_field(pdf: bytes, box: tuple[int, int, int, int]) -> bytes:
    return edited(pdf, lambda writer: fields.append_signature_field(writer, fields.SigFieldSpec("Che", box=box)))



def _look(writer: Any, field: Any) -> None:
    drawn(writer, field, WHITE, 400, 100)
    writer.update_container(field)


SMALL = (175, 698, 260, 718)                # over the figure alone
CASES: list[Case] = [
    *_evil(),
    attack(EVIL, "drawn by the viewer, without picture", lambda: annotated(
        certified(3), "FreeText", KINDS["FreeText"], drawn=False), "VERIFY-015"),
    attack(EVIL, "added while sealing", lambda: seal(certified(3), SEAL, "ConDau", box=SEAL_BOX, look=RING,
                                                     edit=_lookalike), "VERIFY-015"),
    attack(EVIL, "added, then sealed", lambda: seal(_annotated(3, "Stamp"), SEAL, "ConDau"), "VERIFY-015"),
    attack(EVIL, "outside the page", lambda: annotated(certified(3), "Stamp", b"").replace(
        b"/Rect [60 640 460 740]", b"/Rect [960 40 990 60] "), "VERIFY-015"),

    attack(SNEAKY, "stranger's box over the text, P=2", lambda: seal(
        certified(2), STRANGER, "Che", box=OVER, look=COVERING), "VERIFY-021", "VERIFY-073"),
    attack(SNEAKY, "stranger's box over the text, P=3", lambda: seal(
        certified(3), STRANGER, "Che", box=OVER, look=COVERING), "VERIFY-021", "VERIFY-073"),
    attack(SNEAKY, "stranger's invisible signature", lambda: seal(certified(2), STRANGER, "Che"), "VERIFY-021"),
    attack(SNEAKY, "trusted signer's white box over the text, P=2", lambda: seal(
        certified(2), CLERK, "Che", box=OVER, look=WHITE), "VERIFY-073"),
    attack(SNEAKY, "trusted signer's other text over the text, P=2", lambda: seal(
        certified(2), CLERK, "Che", box=OVER, look=COVERING), "VERIFY-073"),
    attack(SNEAKY, "trusted signer's white box over the text, not certified", lambda: seal(
        certified(0), CLERK, "Che", box=OVER, look=WHITE), "VERIFY-073"),
    attack(SNEAKY, "trusted signer's small box over the figure", lambda: seal(
        certified(2), CLERK, "Che", box=SMALL, look=b"1 g 0 0 85 20 re f"), "VERIFY-073"),
    attack(SNEAKY, "large box, white only over the figure", lambda: seal(
        certified(2), CLERK, "Che", box=(40, 40, 560, 800), look=b"1 g 100 655 120 28 re f"), "VERIFY-073"),
    attack(SNEAKY, "box in a field made before, over the text", lambda: seal(sign(
        _empty_field(paper(), OVER), certify=2), CLERK, "Che", existing=True, edit=_look), "VERIFY-073"),
    attack(SNEAKY, "visible field that nobody signs, P=2", lambda: _empty_field(certified(2), OVER)),
    attack(SNEAKY, "signature whose value is nothing", lambda: seal(
        certified(2), CLERK, "Che", box=OVER, look=COVERING, twist=lambda _content: b"\x30\x03\x02\x01\x00")),
    attack(SNEAKY, "second signature at P=1", lambda: seal(certified(1), CLERK, "Che"), "VERIFY-015"),
    attack(SNEAKY, "second visible signature at P=1", lambda: seal(
        certified(1), CLERK, "Che", box=OVER, look=COVERING), "VERIFY-015"),
    attack(SNEAKY, "box with a script", lambda: seal(certified(2), CLERK, "Che", box=SIGN_BOX, edit=_action),
           "VERIFY-015"),

    attack(CERTIFIED, "permission raised from 1 to 3", lambda: _permission(certified(1), b"3"), "VERIFY-015"),
    attack(CERTIFIED, "permission raised from 2 to 3", lambda: _permission(certified(2), b"3"), "VERIFY-015"),
    attack(CERTIFIED, "permission taken away", lambda: edited(certified(2), _no_perms), "VERIFY-015"),
    attack(CERTIFIED, "permission taken away, then text changed", lambda: update(
        edited(certified(1), _no_perms), {4: stream(FORGED)}), "VERIFY-015"),
    attack(CERTIFIED, "form filled at P=1", lambda: swap(sign(FILLED(), certify=1), 20, b"/V (185)", b"/V (985)"),
           "VERIFY-015"),
    attack(CERTIFIED, "form filled at P=3", lambda: swap(sign(FILLED(), certify=3), 20, b"/V (185)", b"/V (985)"),
           "VERIFY-015"),
    attack(CERTIFIED, "text changed at P=3", lambda: update(certified(3), {4: stream(FORGED)}), "VERIFY-015"),
    attack(CERTIFIED, "second certification over changed text", lambda: sign(
        update(certified(2), {4: stream(FORGED)}), CLERK, field="Hai"), "VERIFY-015"),
]
