"""Signing the Vietnamese way and every other way that the corpus needs, faults included."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import algos, cms, core, keys, tsp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.general import as_signing_certificate_v2
from pyhanko.sign.signers import PdfTimeStamper, cms_embedder
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from tests.signed.people import CA, LEADER, ROOT, SIGNED, TSA, Holder, key_of, loaded, revocation_list

Box = tuple[int, int, int, int]
SHIFT = timedelta(hours=7)
_HASHES: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(),
                                            "sha512": hashes.SHA512(), "sha1": hashes.SHA1()}


def attribute(kind: str, *values: Any) -> cms.CMSAttribute:
    """A CMS attribute."""
    return cms.CMSAttribute({"type": kind, "values": values})


def _value(holder: Holder, data: bytes, digest: str, pss: bool) -> tuple[dict[str, Any], bytes]:
    """(signature algorithm, signature value)."""
    key, algorithm = key_of(holder), _HASHES[digest]
    if isinstance(key, rsa.RSAPrivateKey):
        if not pss:
            return {"algorithm": "rsassa_pkcs1v15"}, key.sign(data, padding.PKCS1v15(), algorithm)
        length = algorithm.digest_size
        parameters = algos.RSASSAPSSParams({
            "hash_algorithm": {"algorithm": digest}, "salt_length": length,
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest}}})
        return ({"algorithm": "rsassa_pss", "parameters": parameters},
                key.sign(data, padding.PSS(padding.MGF1(algorithm), length), algorithm))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"algorithm": f"{digest}_ecdsa"}, key.sign(data, ec.ECDSA(algorithm))
    return {"algorithm": "ed25519"}, key.sign(data)


def thing(text: bytes) -> Any:
    """A PDF object from its text."""
    return generic.read_object(io.BytesIO(text), generic.TrailerReference(None))


def drawn(writer: IncrementalPdfFileWriter, annotation: Any, look: bytes, width: int, height: int) -> None:
    """Give an annotation the picture `look`."""
    annotation["/AP"] = thing(b"<< >>")
    annotation["/AP"]["/N"] = writer.add_object(generic.StreamObject(
        thing(b"<< /Type /XObject /Subtype /Form /BBox [0 0 %d %d] >>" % (width, height)), stream_data=look))


def signed_data(holder: Holder, attributes: cms.CMSAttributes | None, content: Any, *, digest: str = "sha256",
                over: bytes = b"", pss: bool = False) -> cms.ContentInfo:
    """A CMS; without `attributes` the value is over `over` itself."""
    held = loaded(holder)
    kind, value = _value(holder, attributes.dump() if attributes is not None else over, digest, pss)
    info = {"version": "v1", "digest_algorithm": {"algorithm": digest}, "signature_algorithm": kind, "signature": value,
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": {"issuer": held.issuer,
                                                                      "serial_number": held.serial_number}})}
    if attributes is not None:
        info["signed_attrs"] = attributes
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1" if isinstance(content, cms.ContentInfo) else "v3",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})], "encap_content_info": content,
        "certificates": [held], "signer_infos": [cms.SignerInfo(info)]})})


def token_over(digest: bytes, at: datetime, server: Holder = TSA, algorithm: str = "sha256") -> cms.ContentInfo:
    """A timestamp token (RFC 3161)."""
    body = tsp.TSTInfo({"version": "v1", "policy": "2.16.704.1.1.1.2", "serial_number": 7, "gen_time": at,
                        "message_imprint": {"hash_algorithm": {"algorithm": algorithm},
                                            "hashed_message": digest}}).dump()
    attributes = cms.CMSAttributes([attribute("content_type", "tst_info"),
                                    attribute("message_digest", hashlib.sha256(body).digest())])
    return signed_data(server, attributes, cms.EncapsulatedContentInfo(
        {"content_type": "tst_info", "content": cms.ParsableOctetString(body)}))


def sign(pdf: bytes, holder: Holder = LEADER, *, field: str = "ChuKy1", at: datetime = SIGNED, token: bool = True,
         shift: timedelta = timedelta(0), certify: int = 0, digest: str = "sha256", imprint: str = "sha256",
         subfilter: str = "adbe.pkcs7.detached", pades: bool = False, pss: bool = False, box: Box | None = None,
         look: bytes = b"", reserve: int = 12384, claim: bool = True, attributes: bool = True, lock: Any = None,
         page: int = 0, content_type: str = "data", message: bytes | None = None, existing: bool = False,
         server: Holder = TSA, edit: Callable[[IncrementalPdfFileWriter, Any], None] | None = None,
         twist: Callable[[cms.ContentInfo], Any] | None = None) -> bytes:
    """`pdf` with one more signature; `look` is the drawing of its box, `edit` may touch the writer before."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    if writer.security_handler is not None:
        writer.encrypt(b"")
    if pades:
        subfilter, claim = "ETSI.CAdES.detached", False
    sha1_kind = subfilter == "adbe.pkcs7.sha1"
    spec = fields.SigFieldSpec(field, box=box, on_page=page, field_mdp_spec=lock)
    steps = cms_embedder.PdfCMSEmbedder(new_field_spec=None if existing else spec).write_cms(
        field_name=field, writer=writer, existing_fields_only=existing)
    reference = next(steps)
    if look and box:
        drawn(writer, reference.get_object(), look, box[2] - box[0], box[3] - box[1])
    if edit is not None:
        edit(writer, reference.get_object())
    place = SignatureObject(timestamp=at, bytes_reserved=reserve,
            subfilter=fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    place["/SubFilter"] = generic.NameObject("/" + subfilter)
    permission = {1: fields.MDPPerm.NO_CHANGES, 2: fields.MDPPerm.FILL_FORMS, 3: fields.MDPPerm.ANNOTATE}.get(certify)
    setup = cms_embedder.SigMDPSetup("sha256", certify=bool(certify), docmdp_perms=permission, field_lock=lock)
    steps.send(cms_embedder.SigObjSetup(sig_placeholder=place, mdp_setup=setup if certify or lock else None))
    prepared, output = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha1" if sha1_kind else digest))
    of_document, content = prepared.document_digest, cms.ContentInfo({"content_type": "data"})
    if sha1_kind:
        content = cms.ContentInfo({"content_type": "data", "content": core.OctetString(of_document)})
        of_document = hashlib.sha256(of_document).digest()
    held = [attribute("content_type", content_type), attribute("message_digest", message or of_document)]
    if claim:
        held.insert(1, attribute("signing_time", cms.Time({"utc_time": core.UTCTime(at + shift)})))
    if pades:
        held.append(attribute("signing_certificate_v2", as_signing_certificate_v2(loaded(holder))))
    if attributes:
        result = signed_data(holder, cms.CMSAttributes(held), content, digest=digest, pss=pss)
    else:
        start, second = _ranges(output.getbuffer())
        result = signed_data(holder, None, content, digest=digest, over=start + second)
    if token:
        info = result["content"]["signer_infos"][0]
        stamp = token_over(hashlib.new(imprint, info["signature"].native).digest(), at + timedelta(seconds=8), server,
                           imprint)
        info["unsigned_attrs"] = cms.CMSAttributes([attribute("signature_time_stamp_token", stamp)])
    steps.send(twist(result) if twist else result)
    return bytes(output.getvalue())


def _ranges(data: Any) -> tuple[bytes, bytes]:
    import re

    whole = bytes(data)
    _, before, after, length = (int(one) for one in re.findall(rb"/ByteRange\s*\[([^\]]*)\]", whole)[-1].split())
    return whole[:before], whole[after:after + length]


def seal(pdf: bytes, holder: Holder, field: str, **more: Any) -> bytes:
    """One more signature an hour later."""
    return sign(pdf, holder, field=field, at=SIGNED + timedelta(hours=1), **more)


def stamped(pdf: bytes, at: datetime = SIGNED + timedelta(days=1), server: Holder = TSA, **more: Any) -> bytes:
    """`pdf` with a document timestamp."""
    key = key_of(server).private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    if writer.security_handler is not None:
        writer.encrypt(b"")
    maker = PdfTimeStamper(DummyTimeStamper(loaded(server), keys.PrivateKeyInfo.load(key), fixed_dt=at), **more)
    return bytes(maker.timestamp_pdf(writer, "sha256").getvalue())


def with_evidence(pdf: bytes) -> bytes:
    """`pdf` with a document security store: certificates and revocation lists."""
    from asn1crypto import crl

    out = io.BytesIO(pdf)
    from pyhanko.pdf_utils.reader import PdfFileReader

    value = PdfFileReader(io.BytesIO(pdf), strict=False).embedded_signatures[-1].pkcs7_content.hex().upper().encode()
    DocumentSecurityStore.add_dss(out, value, certs=[loaded(CA), loaded(ROOT)], strict=False, crls=[
        crl.CertificateList.load(revocation_list(holder)) for holder in (ROOT, CA)])
    return out.getvalue()


def edited(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """`pdf` with an incremental update that nobody signed, made through a library."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    if writer.security_handler is not None:
        writer.encrypt(b"")
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


SPACE = b"/ByteRange [0 0000000000 0000000000 0000000000]"


def filled(pdf: bytes, holder: Holder = LEADER, *, ranges: Callable[[int, int, int], str] | None = None,
           cut: Callable[[bytes, int, int], bytes] | None = None, spell: Callable[[str], str] = str.upper,
           at: datetime = SIGNED) -> bytes:
    """A signature into a place that was left for it: `SPACE`, and /Contents of zeros in angle brackets.

    `ranges` tells other numbers than the right ones for (before, after, length), `cut` which bytes are signed then,
    `spell` how the hexadecimal value is written.
    """
    start = pdf.index(b"/Contents <000") + len(b"/Contents ")
    after = pdf.index(b">", start) + 1
    length = len(pdf)
    told = ranges(start, after, length) if ranges else f"0 {start} {after} {length - after}"
    text = b"/ByteRange [" + told.encode() + b"]" if not told.startswith("=") else b"/ByteRange " + told[1:].encode()
    assert len(text) <= len(SPACE), text
    whole = pdf.replace(SPACE, text.ljust(len(SPACE)))
    signed = cut(whole, start, after) if cut else whole[:start] + whole[after:]
    attributes = cms.CMSAttributes([
        attribute("content_type", "data"), attribute("signing_time", cms.Time({"utc_time": core.UTCTime(at)})),
        attribute("message_digest", hashlib.sha256(signed).digest())])
    result = signed_data(holder, attributes, cms.ContentInfo({"content_type": "data"}))
    info = result["content"]["signer_infos"][0]
    stamp = token_over(hashlib.sha256(info["signature"].native).digest(), at + timedelta(seconds=8))
    info["unsigned_attrs"] = cms.CMSAttributes([attribute("signature_time_stamp_token", stamp)])
    value = spell(result.dump().hex()).encode()
    room = after - start - 2
    assert len(value) <= room
    return whole[:start + 1] + value + b"0" * (room - len(value)) + whole[after - 1:]


def with_place(reserve: int = 12000, entries: bytes = b"") -> dict[int, bytes]:
    """Objects of a form with one field whose value waits to be filled (20: field, 21: value)."""
    return {20: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky) /V 21 0 R /Rect [0 0 0 0] /F 132 /P 3 0 R >>",
            21: b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /M (D:20261112093000+07'00') "
                + SPACE + b" /Contents <" + b"0" * reserve + b"> " + entries + b" >>"}
