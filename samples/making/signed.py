"""The signed PDFs of the inbox: good ones, and every fault that a night must find.

Each function makes one kind of signed file from a typeset document; the inbox's list of what is made
how stands in inbox.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyhanko.pdf_utils import generic

from samples.making import signing, typeset
from samples.making.signing import Stamp
from samples.making.typeset import Document

POINTS_PER_MM = 72 / 25.4
PAGE_HEIGHT = 841.89
ROOM = (255.0, 85.0)        # the room for signatures in van-ban.typ: width and height, points


def moment(document: Document, hour: int, minute: int) -> datetime:
    """That hour of the document's day, Vietnam time."""
    issued = document.issued
    return datetime(issued.year, issued.month, issued.day, hour, minute, tzinfo=signing.VIETNAM).astimezone(UTC)


def person_and_seal(document: Document, person: str, agency: str, *, token: bool = True,
                    certify: bool = False, pdf: bytes | None = None) -> bytes:
    """Signed by a person, then sealed by the agency's clerk in a second revision (NĐ 30, Phụ lục I)."""
    plain = pdf or typeset.pdf(document)
    pen, seal = stamps(document)
    at = moment(document, 9, 14)
    once = signing.sign(plain, person, at=at, token=token, field="NguoiKy", stamp=pen, certify=certify)
    return signing.sign(once, agency, at=at + timedelta(minutes=47), token=token, field="CoQuan", stamp=seal)


def person_only(document: Document, person: str, *, token: bool = True) -> bytes:
    """Signed by one person; no seal."""
    return signing.sign(typeset.pdf(document), person, at=moment(document, 15, 2), token=token, field="NguoiKy",
                        stamp=stamps(document)[0])


def changed(document: Document, person: str, agency: str, swap: Callable[[Document], Document]) -> bytes:
    """Well signed and sealed, then given another text by an incremental update: `swap` tells the change.

    The signed bytes stay as they were, so the digests still agree; only the page that is shown has changed.
    """
    signed = person_and_seal(document, person, agency)
    other = signing.Increment(typeset.pdf(swap(document)))
    writer = signing.Increment(signed)
    old, new = writer.root["/Pages"]["/Kids"][0], other.root["/Pages"]["/Kids"][0]
    assert _font_files(old) == _font_files(new), "the change needs a letter that the document does not have"
    contents = generic.StreamObject(stream_data=new["/Contents"].data)
    contents.compress()
    old["/Contents"] = writer.add_object(contents)
    writer.update_container(old)
    writer.write_in_place()
    return bytes(writer.prev.stream.getvalue())


def _font_files(page: generic.DictionaryObject) -> list[bytes]:
    fonts = page["/Resources"]["/Font"]
    descriptors = [fonts[name]["/DescendantFonts"][0]["/FontDescriptor"] for name in sorted(fonts)]
    return [font[key].data for font in descriptors for key in font if key.startswith("/FontFile")]


def stamps(document: Document) -> tuple[Stamp, Stamp]:
    """The pen stroke between title and name, and the seal over the left third of it."""
    page, x, y = typeset.signature_place(document)
    middle_x, middle_y = x + ROOM[0] / 2, PAGE_HEIGHT - y - ROOM[1] / 2

    def box(shift: float, width: float, height: float) -> tuple[int, int, int, int]:
        left = middle_x + (shift - width / 2) * POINTS_PER_MM
        bottom = middle_y - height / 2 * POINTS_PER_MM
        return (round(left), round(bottom), round(left + width * POINTS_PER_MM),
                round(bottom + height * POINTS_PER_MM))

    words = typeset.seal_words(document)
    return (Stamp(typeset.picture("signature"), page, box(3, 44, 24)),
            Stamp(typeset.picture("seal", words), page, box(-20, 36, 36)))
