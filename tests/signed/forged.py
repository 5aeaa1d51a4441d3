"""Attacks on the signature object and on what it covers: forgery, wrapping, incremental saving, ranges, contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from asn1crypto import algos, cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from samples.making import pki
from tests.signed import papers
from tests.signed.case import Case, attack
from tests.signed.genuine import one, two
from tests.signed.papers import FORGED, objects, paper, stream, update, written
from tests.signed.people import CA, CLERK, IMPOSTOR, SEAL, STRANGER, Holder, loaded
from tests.signed.signing import attribute, filled, seal, sign, with_place

_RANGE = re.compile(rb"/ByteRange\s*\[[^\]]*\]")


def ranges_of(pdf: bytes) -> list[int]:
    """The numbers of the last byte range."""
    return [int(number) for number in _RANGE.findall(pdf)[-1].split(b"[")[1][:-1].split()]


def lied(pdf: bytes) -> bytes:
    """The page's text changed in place."""
    return pdf.replace(papers.LINE, FORGED)


def _ranged(text: bytes) -> bytes:
    """The byte range written otherwise, in place, over a changed text."""
    pdf = lied(one())
    found = _RANGE.search(pdf)
    assert found
    return pdf[:found.start()] + text.ljust(found.end() - found.start()) + pdf[found.end():]


def _valued(text: bytes, key: bytes = b"/Contents ") -> bytes:
    """The signature value written otherwise, in place, over a changed text."""
    pdf = lied(one())
    _, start, after, _ = ranges_of(pdf)
    assert pdf[start - 10:start] == b"/Contents "
    return pdf[:start - 10] + key + text.ljust(after - start) + pdf[after:]


def _overridden(change: Callable[[bytes], bytes]) -> bytes:
    """The signature object and the page's text replaced by an increment."""
    pdf = one()
    number = papers.number_of(pdf, b"/ByteRange")
    body = papers.body_of(pdf, number)
    return update(pdf, {number: change(body), 4: stream(FORGED)})


def _without(body: bytes, key: bytes) -> bytes:
    return re.sub(key + rb"\s*(\[[^\]]*\]|<[0-9a-fA-F]*>)", b"", body)


def wrapped(*, pairs: str = "two", line: bytes = b"", keep: bool = True) -> bytes:
    """The second signed part moved to the end, an unsigned revision in between.

    The signed `startxref` still names the old place: the attacker's cross-reference lies there, inside the gap, and
    leads to a copy of the signature object that tells the new range.
    """
    pdf = one()
    _, start, after, length = ranges_of(pdf)
    place = papers.last_start(pdf)
    number = papers.number_of(pdf, b"/ByteRange")
    value = pdf[start:after] if keep else b"<" + b"0" * (after - start - 2) + b">"
    text = b"4 0 obj\n" + stream(FORGED) + b"\nendobj\n"
    table_room = 4000
    text_at, signature_at = place + table_room, place + table_room + len(text)
    body = papers.body_of(pdf, number)
    second = signature_at + len(body) + 100
    told = b"[0 %d %d %d%s]" % (start, second, length, b" 0 0" if pairs == "three" else b"")
    signature = b"%d 0 obj\n" % number + _RANGE.sub(b"/ByteRange " + told, body) + b"\nendobj\n"
    entries = {int(found.group(1)): found.start() + (second - after if found.start() >= after else 0)
               for found in re.finditer(rb"(?<!\d)(\d+) 0 obj", pdf)}
    entries |= {4: text_at, number: signature_at}
    table = b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % pair for pair in sorted(entries.items()))
    table += b"trailer\n<< /Size %d /Root %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        max(entries) + 1, papers.root_of(pdf), place)
    assert len(table) <= table_room and place >= after
    gap = (value.ljust(place - start) + table.ljust(table_room) + text + signature).ljust(second - start)
    return pdf[:start] + gap + pdf[after:] + line


def _hex_gap(marker: bytes) -> bytes:
    """Something else than the value in the gap, by a signer's own hand."""
    base = written({**objects(b"/AcroForm << /Fields [20 0 R] /SigFlags 3 >>", b"/Annots [20 0 R]"), **with_place()})
    pdf = filled(base)
    _, _, after, _ = ranges_of(pdf)
    return pdf[:after - 1 - len(marker)] + marker + pdf[after - 1:]


def own(ranges: Callable[[int, int, int], str] | None = None,
        cut: Callable[[bytes, int, int], bytes] | None = None, spell: Callable[[str], str] = str.upper,
        entries: bytes = b"", parts: dict[int, bytes] | None = None) -> bytes:
    """A file whose signer, or his software, covers less than the file."""
    base = written({**objects(b"/AcroForm << /Fields [20 0 R] /SigFlags 3 >>", b"/Annots [20 0 R]"),
                    **with_place(entries=entries), **(parts or {})})
    return filled(base, ranges=ranges, cut=cut, spell=spell)


def _wide_gap() -> bytes:
    """The gap begins before the page's text, which is changed afterwards."""
    def numbers(_start: int, after: int, length: int) -> str:
        return f"0 20 {after} {length - after}"
    return own(numbers, lambda pdf, _start, after: pdf[:20] + pdf[after:]).replace(papers.LINE, FORGED)


def _late() -> bytes:
    def numbers(start: int, after: int, length: int) -> str:
        return f"15 {start - 15} {after} {length - after}"
    return own(numbers, lambda pdf, start, after: pdf[15:start] + pdf[after:])


def _early() -> bytes:
    def numbers(start: int, after: int, length: int) -> str:
        return f"0 {start} {after} {length - after - 60}"
    return own(numbers, lambda pdf, start, after: pdf[:start] + pdf[after:-60])


def _three() -> bytes:
    def numbers(start: int, after: int, length: int) -> str:
        return f"0 {start} {after} 20 {after + 20} {length - after - 20}"
    return own(numbers, lambda pdf, start, after: pdf[:start] + pdf[after:])


def _overlap() -> bytes:
    def numbers(start: int, after: int, length: int) -> str:
        return f"0 {start} {start} {length - start}"
    return own(numbers, lambda pdf, start, _after: pdf[:start] + pdf[start:])


def _only_first() -> bytes:
    return own(lambda start, after, _length: f"0 {start} {after} 0", lambda pdf, start, _after: pdf[:start])


def _floats() -> bytes:
    return lied(own(lambda start, after, length: f"0 {start}.0 {after}.5 {length - after}"))


def _indirect() -> bytes:
    """The range stands in an object of its own, which an increment replaces."""
    base = written({**objects(b"/AcroForm << /Fields [20 0 R] /SigFlags 3 >>", b"/Annots [20 0 R]"), **with_place(),
                    22: b"[0 0000000000 0000000000 0000000000]"})
    start = base.index(b"/Contents <000") + 10
    after = base.index(b">", start) + 1
    base = base.replace(b"[0 0000000000 0000000000 0000000000]\nendobj",
                        b"[0 %010d %010d %010d]\nendobj" % (start, after, len(base) - after))
    return update(filled(base, ranges=lambda *_: "=22 0 R"), {4: stream(FORGED), 22: b"[0 %d %d %d]" % (
        start, after, len(base) - after)})


def _twisted(change: Callable[[cms.ContentInfo], Any], **more: Any) -> Callable[[], bytes]:
    return lambda: sign(paper(), twist=change, **more)


def _two_signers(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["signer_infos"] = [content["content"]["signer_infos"][0].copy() for _ in range(2)]
    return content


def _no_signers(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["signer_infos"] = []
    return content


def _no_certificates(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["certificates"] = []
    return content


def _other_certificate(content: cms.ContentInfo) -> cms.ContentInfo:
    """The certificate of somebody else, as if he had signed."""
    held = loaded(CLERK)
    content["content"]["certificates"] = [held]
    content["content"]["signer_infos"][0]["sid"] = cms.SignerIdentifier({"issuer_and_serial_number": {
        "issuer": held.issuer, "serial_number": held.serial_number}})
    return content


def _other_key(content: cms.ContentInfo) -> cms.ContentInfo:
    info = content["content"]["signer_infos"][0]
    info["signature"] = pki.key("la-nguoi").sign(info["signed_attrs"].untag().dump(), PKCS1v15(), hashes.SHA256())
    return content


def _resigned(change: Callable[[cms.CMSAttributes], None]) -> Callable[[cms.ContentInfo], cms.ContentInfo]:
    """The signed attributes changed and signed by the signer himself."""
    def twist(content: cms.ContentInfo) -> cms.ContentInfo:
        info = content["content"]["signer_infos"][0]
        attributes = info["signed_attrs"].untag()
        change(attributes)
        made = cms.CMSAttributes(list(attributes))
        info["signed_attrs"] = made
        info["signature"] = pki.key("chu-tich").sign(made.dump(), PKCS1v15(), hashes.SHA256())
        return content
    return twist


def _stripped(content: cms.ContentInfo) -> cms.ContentInfo:
    info = content["content"]["signer_infos"][0]
    plain = {name: info[name] for name in ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")}
    content["content"]["signer_infos"] = [cms.SignerInfo(plain)]
    return content


def _enclosing(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["encap_content_info"] = cms.ContentInfo({"content_type": "data", "content": core.OctetString(
        b"noi dung khac")})
    return content


def _second_digest(attributes: cms.CMSAttributes) -> None:
    attributes.append(attribute("message_digest", b"\0" * 32))


def _drop(kind: str) -> Callable[[cms.CMSAttributes], None]:
    def change(attributes: cms.CMSAttributes) -> None:
        kept = [one for one in attributes if one["type"].native != kind]
        while len(attributes):
            del attributes[0]
        for one_ in kept:
            attributes.append(one_)
    return change


def _names_another(attributes: cms.CMSAttributes) -> None:
    from pyhanko.sign.general import as_signing_certificate_v2

    attributes.append(attribute("signing_certificate_v2", as_signing_certificate_v2(loaded(CLERK))))


def _weak_digest(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["signer_infos"][0]["digest_algorithm"] = algos.DigestAlgorithm({"algorithm": "md5"})
    return content


def _copied_signature(*, same_number: bool = False) -> bytes:
    """A second field whose value is a copy of the genuine one, over a changed text."""
    pdf = one()
    number = papers.number_of(pdf, b"/ByteRange")
    body = papers.body_of(pdf, number)
    copy = number if same_number else 90
    field = papers.number_of(pdf, b"/T (ChuKy1)") if b"/T (ChuKy1)" in pdf else papers.number_of(pdf, b"/FT /Sig")
    holder = re.sub(rb"/V \d+ 0 R", b"/V %d 0 R" % copy, papers.body_of(pdf, field))
    return update(pdf, {copy: body, field: holder, 4: stream(FORGED)})


def _forged_ca() -> Holder:
    return Holder(CA.cn, "la-goc", kind="ca", period=CA.period, serial=2)


NEW = {4: stream(FORGED)}
TAIL = b"\n4 0 obj\n" + stream(FORGED) + b"\nendobj\n"

USF = "universal signature forgery"
CASES: list[Case] = [
    *(attack(USF, f"/ByteRange {name}", partial(_ranged, text)) for name, text in {
        "missing": b"/ByteRangX [0 1 2 3]", "null": b"/ByteRange null", "empty": b"/ByteRange []",
        "zeros": b"/ByteRange [0 0 0 0]", "negative": b"/ByteRange [0 -1 -1 -1]", "of strings": b"/ByteRange [(a) (b)]",
        "of names": b"/ByteRange [/a /b /c /d]", "true": b"/ByteRange true", "one number": b"/ByteRange [0]",
        "odd count": b"/ByteRange [0 10 20]", "nested": b"/ByteRange [[0 9] [9 9]]",
        "huge": b"/ByteRange [0 9 9 99999999999999999999]", "a reference to nothing": b"/ByteRange 99 0 R"}.items()),
    *(attack(USF, f"/Contents {name}", partial(_valued, text)) for name, text in {
        "null": b"null", "empty": b"<>", "one zero": b"<00>", "a text": b"(chu ky)", "a number": b"0", "a name": b"/ky",
        "a reference to nothing": b"99 0 R", "cut short": b"<3082>", "a plain CMS": b"<300b06092a864886f70d010701>",
        "not hexadecimal": b"<zz>"}.items()),
    attack(USF, "/Contents missing", partial(_valued, b"<00>", b"/Contentx ")),
    attack(USF, "/Contents of zeros", lambda: _valued(b"<" + b"0" * 2000 + b">")),
    *(attack(USF, f"by an increment, {name}", partial(_overridden, change)) for name, change in {
        "/ByteRange missing": lambda body: _without(body, rb"/ByteRange"),
        "/Contents missing": lambda body: _without(body, rb"/Contents"),
        "both missing": lambda body: _without(_without(body, rb"/ByteRange"), rb"/Contents"),
        "/ByteRange null": lambda body: _RANGE.sub(b"/ByteRange null", body),
        "/Contents null": lambda body: re.sub(rb"/Contents\s*<[0-9a-fA-F]*>", b"/Contents null", body),
        "/SubFilter unknown": lambda body: body.replace(b"adbe.pkcs7.detached", b"adbe.pkcs7.khac"),
        "/SubFilter of a timestamp": lambda body: body.replace(b"adbe.pkcs7.detached", b"ETSI.RFC3161"),
        "an empty object": lambda _body: b"<< /Type /Sig >>", "null": lambda _body: b"null"}.items()),

    attack("signature wrapping", "unsigned revision in the gap", wrapped),
    attack("signature wrapping", "the old value made zeros", lambda: wrapped(keep=False)),
    attack("signature wrapping", "three pairs", lambda: wrapped(pairs="three")),
    attack("signature wrapping", "with a line after the end", lambda: wrapped(line=b"\n")),

    attack("incremental saving", "whole", lambda: update(one(), NEW), "VERIFY-015", "VERIFY-072", verdict="invalid"),
    attack("incremental saving", "without end mark", lambda: update(one(), NEW, end=b"")),
    attack("incremental saving", "without trailer", lambda: update(one(), NEW, trailing=False)),
    attack("incremental saving", "without cross-reference", lambda: update(one(), NEW, table=False)),
    attack("incremental saving", "objects only", lambda: one() + TAIL, "VERIFY-035", verdict="invalid"),
    attack("incremental saving", "objects and end mark", lambda: update(one(), NEW, table=False, trailing=False)),
    attack("incremental saving", "old startxref again",
           lambda: one() + TAIL + b"startxref\n%d\n%%%%EOF\n" % papers.last_start(one()), "VERIFY-035"),
    attack("incremental saving", "empty cross-reference",
           lambda: one() + TAIL + b"xref\n0 0\ntrailer\n<< >>\n", "VERIFY-035"),
    attack("incremental saving", "copied signature", _copied_signature),
    attack("incremental saving", "copied signature, same number", lambda: _copied_signature(same_number=True)),
    attack("incremental saving", "after two signatures", lambda: update(two(), NEW), "VERIFY-015", verdict="invalid"),
    attack("incremental saving", "between two signatures", lambda: seal(update(one(), NEW), SEAL, "ConDau"),
           "VERIFY-015", verdict="invalid"),
    attack("incremental saving", "objects only, then sealed", lambda: seal(
        one() + TAIL + b"startxref\n%d\n%%%%EOF\n" % papers.last_start(one()), SEAL, "ConDau"), "VERIFY-035"),
    attack("incremental saving", "second revision only a trailer", lambda: update(one(), {}, root=b"1 0 R") + TAIL),

    attack("byte range", "gap wider than the value", _wide_gap, "VERIFY-017", verdict="invalid"),
    attack("byte range", "does not begin at 0", _late, "VERIFY-017"),
    attack("byte range", "ends early", _early),
    attack("byte range", "three pairs", _three, "VERIFY-017"),
    attack("byte range", "parts overlap", _overlap),
    attack("byte range", "second part empty", _only_first),
    attack("byte range", "floats", _floats),
    attack("byte range", "in an object of its own, replaced", _indirect),
    attack("byte range", "something else in the gap", lambda: _hex_gap(b"(x)")),
    attack("byte range", "a comment in the gap", lambda: _hex_gap(b"%x\n")),

    attack("contents", "two signers", _twisted(_two_signers), "VERIFY-062", verdict="undetermined"),
    attack("contents", "no signer", _twisted(_no_signers, token=False), "VERIFY-062"),
    attack("contents", "no certificate", _twisted(_no_certificates), "VERIFY-062"),
    attack("contents", "another's certificate", _twisted(_other_certificate), "VERIFY-012", verdict="invalid"),
    attack("contents", "another key", _twisted(_other_key, token=False), "VERIFY-012", verdict="invalid"),
    attack("contents", "attributes stripped", _twisted(_stripped), verdict="invalid"),
    attack("contents", "content type wrong", lambda: sign(paper(), content_type="signed_data")),
    attack("contents", "digest of something else", lambda: sign(paper(), message=b"\x11" * 32), "VERIFY-011",
           verdict="invalid"),
    attack("contents", "two digests", _twisted(_resigned(_second_digest), token=False)),
    attack("contents", "no digest", _twisted(_resigned(_drop("message_digest")), token=False)),
    attack("contents", "no content type", _twisted(_resigned(_drop("content_type")), token=False)),
    attack("contents", "names another certificate", _twisted(_resigned(_names_another), token=False), "VERIFY-062"),
    attack("contents", "encloses content", _twisted(_enclosing), "VERIFY-062"),
    attack("contents", "weak digest claimed", _twisted(_weak_digest)),
    attack("contents", "data after the value", _twisted(lambda content: content.dump() + b"\xde\xad\xbe\xef"),
           "VERIFY-017", verdict="invalid"),
    attack("contents", "white space among the digits, hiding", lambda: own(
        spell=lambda text: text[:40] + "\n%x\n" + text[40:])),
    attack("contents", "value of another file", lambda: _transplanted()),

    *(attack("trailing bytes", name, lambda tail=tail: one() + tail) for name, tail in {  # type: ignore[misc]
        "one letter": b"x", "a comment": b"% ghi chu\n", "a second header": b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n",
        "an end mark": b"rac\n%%EOF\n", "a whole other file": paper(contents=FORGED),
        "zeros, then an object": b"\0" * 5000 + TAIL}.items()),
    attack("trailing bytes", "after two signatures", lambda: two() + TAIL, verdict="invalid"),

    attack("changed bytes", "the text", lambda: lied(one()), "VERIFY-011", verdict="invalid"),
    attack("changed bytes", "the text under two signatures", lambda: lied(two()), "VERIFY-011", verdict="invalid"),
    attack("changed bytes", "the title", lambda: one().replace(b"Quyet dinh 420", b"Quyet dinh 421"), "VERIFY-011"),
    attack("changed bytes", "the box of the second signature", lambda: two().replace(b"/Rect [250", b"/Rect [050", 1)
           if b"/Rect [250" in two() else lied(two()), verdict="invalid"),
    attack("changed bytes", "cut in the middle", lambda: one()[:-300], verdict="undetermined"),
    attack("changed bytes", "first part missing", lambda: b"%PDF-1.7\n" + one()[400:]),

    attack("identity", "an impostor of the same name", lambda: sign(paper(contents=FORGED), IMPOSTOR), "VERIFY-021",
           verdict="undetermined"),
    attack("identity", "a CA of the same name", lambda: sign(paper(), Holder(
        "Nguyễn Văn Thử", "la-nguoi", issuer=_forged_ca(), serial=120)), "VERIFY-023", verdict="invalid"),
    attack("identity", "a stranger adds a signature", lambda: seal(one(), STRANGER, "Them"), "VERIFY-021",
           verdict="undetermined"),
]


def _transplanted() -> bytes:
    """The value of one file in another."""
    first, second = one(), sign(paper(contents=FORGED))
    _, start, after, _ = ranges_of(first)
    _, there, until, _ = ranges_of(second)
    assert until - there == after - start
    return second[:there] + first[start:after] + second[until:]
