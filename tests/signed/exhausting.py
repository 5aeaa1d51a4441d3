"""Increments that are made to use up memory or time; whatever they change, nobody signed it."""

from __future__ import annotations

import zlib

from tests.signed import papers
from tests.signed.case import Case, attack
from tests.signed.genuine import one
from tests.signed.papers import FORGED, body_of, plus, stream, swap, update
from tests.signed.structure import modern, stream_update

WEAR = "exhausting"


def _bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = b"\0" * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()


def _packed_bomb() -> bytes:
    """The page's dictionary, changed, at the head of an object stream that never ends."""
    body = body_of(modern(), 3).replace(b"842", b"500")
    packer = zlib.compressobj(9)
    packed = packer.compress(b"3 0 " + body) + b"".join(packer.compress(b" " * (1 << 20)) for _ in range(100))
    return stream_update(modern(), {91: stream(packed + packer.flush(),
            b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode")},
                         rows=b"\x02\0\0\0\x5b\0\0", index=b"3 1")


def _many_revisions(count: int) -> bytes:
    pdf = one()
    for number in range(count):
        pdf = update(pdf, {8: b"<< /Title (Quyet dinh 420) /Producer (lan %d) >>" % number})
    return update(pdf, {4: stream(FORGED)})


def _many_fields(count: int) -> bytes:
    pdf = one()
    fields = papers.number_of(pdf, b"/Fields")
    names = b" ".join(b"%d 0 R" % number for number in range(100, 100 + count))
    return update(pdf, {fields: body_of(pdf, fields).replace(b"/Fields [", b"/Fields [" + names + b" "), **{
        number: b"<< /FT /Sig /T (x%d) >>" % number for number in range(100, 100 + count)}, 4: stream(FORGED)})


CASES: list[Case] = [
    attack(WEAR, "page's text unpacks to 100 MB", lambda: update(one(), {4: stream(
        _bomb(100), b"/Filter /FlateDecode")}), "VERIFY-015"),
    attack(WEAR, "text packed twice", lambda: update(one(), {4: stream(
        zlib.compress(_bomb(100), 9), b"/Filter [/FlateDecode /FlateDecode]")}), "VERIFY-015"),
    attack(WEAR, "cross-reference unpacks to 100 MB", lambda: stream_update(modern(), {4: stream(FORGED)}).replace(
        b"/W [1 4 2]", b"/W [1 4 9]")),
    attack(WEAR, "object stream unpacks to 100 MB", _packed_bomb),
    attack(WEAR, "arrays 20,000 deep", lambda: update(one(), {8: b"[" * 20000 + b"]" * 20000})),
    attack(WEAR, "page tree that holds itself", lambda: swap(one(), 2, b"3 0 R 6 0 R", b"3 0 R 2 0 R 6 0 R"),
           "VERIFY-015"),
    attack(WEAR, "form that holds itself", lambda: (lambda pdf: plus(pdf, papers.number_of(
        pdf, b"/FT /Sig"), b"/Kids [%d 0 R]" % papers.number_of(pdf, b"/FT /Sig")))(one())),
    attack(WEAR, "two hundred revisions", lambda: _many_revisions(200), "VERIFY-015"),
    attack(WEAR, "two thousand fields", lambda: _many_fields(2000), "VERIFY-015"),
    attack(WEAR, "/Size of a billion", lambda: update(one(), {4: stream(FORGED)}, number=1_000_000_000), "VERIFY-015"),
    attack(WEAR, "/Count of a billion", lambda: swap(one(), 2, b"/Count 2", b"/Count 1000000000"), "VERIFY-015"),
    attack(WEAR, "page of a million inches", lambda: swap(one(), 3, b"595 842", b"72000000 72000000"), "VERIFY-015"),
]
