"""Signs PDFs the way Vietnamese government software does it, oddities included.

SubFilter adbe.pkcs7.detached, RSA-2048 PKCS#1 v1.5, SHA-256; the signed attributes are content type, signing
time and message digest only; the CMS holds the signer's certificate and nothing else; the RFC 3161
token rides in the unsigned attributes; and local time is written into the field for UTC, so that the
signing time is seven hours late. Every time and number is given or follows from the content: the same
call gives the same bytes. Must never reach for a network or a clock.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, InnerScaling, Margins, SimpleBoxLayoutRule
from pyhanko.sign import fields
from pyhanko.sign.signers import cms_embedder
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.stamp import StaticStampStyle

from samples.making import pki

VIETNAM = timezone(timedelta(hours=7))
TOKEN_POLICY = "2.16.704.1.1.1.2"
TOKEN_DELAY = timedelta(seconds=8)      # what the timestamp server takes; real files show seconds to minutes
CONTENTS_HEX = 16_384                   # 8 192 bytes, the padding that real files have
DEFAULT_TIME = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)
_PLAIN = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID, Margins(0, 0, 0, 0),
                             InnerScaling.STRETCH_TO_FIT)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A picture that a signature shows on a page. `box` is (left, bottom, right, top) in points; page from 0."""

    picture: Image.Image
    page: int
    box: tuple[int, int, int, int]


class Increment(IncrementalPdfFileWriter):
    """An incremental update whose file identifier follows from the content and whose dates stay as they are."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__(io.BytesIO(pdf), strict=False)
        second = generic.ByteStringObject(hashlib.sha256(pdf).digest()[:16])
        trailer = self.prev.trailer
        self._document_id = generic.ArrayObject([trailer["/ID"][0] if "/ID" in trailer else second, second])

    def _update_meta(self) -> None:
        """Leave Info alone: pyHanko would write the hour of making and its own name."""


def sign(pdf: bytes, signer: str = "chu-tich", *, at: datetime = DEFAULT_TIME, token: bool = True,
         shift_hours: float = 7, field: str = "Signature1", stamp: Stamp | None = None,
         certify: bool = False) -> bytes:
    """`pdf` with one more signature, appended as an incremental update.

    `signer` is a name of identities.toml. `at` is the true moment (aware); the signing-time attribute shows
    it `shift_hours` later. With `token`, an RFC 3161 token of the sample timestamp server is added.
    `certify` makes it a certification that allows form filling and signing (DocMDP P=2).
    """
    writer = Increment(pdf)
    spec = fields.SigFieldSpec(field, on_page=stamp.page if stamp else 0, box=stamp.box if stamp else None)
    steps = cms_embedder.PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name=field, writer=writer)
    next(steps)
    identity = pki.identities()[signer]
    placeholder = SignatureObject(timestamp=at.astimezone(VIETNAM), bytes_reserved=CONTENTS_HEX,
                                  subfilter=fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
                                  name=identity.common_name)
    appearance = None if stamp is None else cms_embedder.SigAppearanceSetup(
        style=StaticStampStyle(background=PdfImage(stamp.picture, name=field), background_layout=_PLAIN,
                               border_width=0),
        timestamp=at, name=identity.common_name)
    steps.send(cms_embedder.SigObjSetup(
        sig_placeholder=placeholder, appearance_setup=appearance,
        mdp_setup=cms_embedder.SigMDPSetup("sha256", certify=True, docmdp_perms=fields.MDPPerm.FILL_FORMS)
        if certify else None))
    prepared, output = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha256"))
    steps.send(_signed_data(signer, prepared.document_digest, at + timedelta(hours=shift_hours),
                            at + TOKEN_DELAY if token else None))
    return bytes(output.getvalue())


def timestamp_token(digest: bytes, at: datetime, algorithm: str = "sha256") -> cms.ContentInfo:
    """An RFC 3161 token of the sample timestamp server over `digest`, saying `at`."""
    server = pki.certificate("tsa")
    info = tsp.TSTInfo({
        "version": "v1", "policy": TOKEN_POLICY,
        "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest},
        "serial_number": int.from_bytes(hashlib.sha256(digest).digest()[:7], "big"),
        "gen_time": at.astimezone(UTC).replace(microsecond=0)})
    body = info.dump()
    attributes = cms.CMSAttributes([
        _attribute("content_type", "tst_info"),
        _attribute("signing_time", cms.Time({"utc_time": core.UTCTime(at.astimezone(UTC))})),
        _attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [
            {"cert_hash": hashlib.sha256(server.dump()).digest()}]})),
        _attribute("message_digest", hashlib.sha256(body).digest())])
    return _content("tsa", attributes, cms.EncapsulatedContentInfo(
        {"content_type": "tst_info", "content": cms.ParsableOctetString(body)}))


def _signed_data(signer: str, digest: bytes, claimed: datetime, token_time: datetime | None) -> cms.ContentInfo:
    attributes = cms.CMSAttributes([
        _attribute("content_type", "data"),
        _attribute("signing_time", cms.Time({"utc_time": core.UTCTime(claimed.astimezone(UTC))})),
        _attribute("message_digest", digest)])
    content = _content(signer, attributes, cms.ContentInfo({"content_type": "data"}))
    if token_time is not None:
        signer_info = content["content"]["signer_infos"][0]
        imprint = hashlib.sha256(signer_info["signature"].native).digest()
        signer_info["unsigned_attrs"] = cms.CMSAttributes(
            [_attribute("signature_time_stamp_token", timestamp_token(imprint, token_time))])
    return content


def _content(name: str, attributes: cms.CMSAttributes,
             enclosed: cms.ContentInfo | cms.EncapsulatedContentInfo) -> cms.ContentInfo:
    certificate: x509.Certificate = pki.certificate(name)
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    signature = pki.key(name).sign(attributes.dump(), PKCS1v15(), hashes.SHA256())
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1" if isinstance(enclosed, cms.ContentInfo) else "v3",
        "digest_algorithms": [digest], "encap_content_info": enclosed,
        "certificates": [certificate],
        "signer_infos": [cms.SignerInfo({
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": {
                "issuer": certificate.issuer, "serial_number": certificate.serial_number}}),
            "digest_algorithm": digest, "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
            "signed_attrs": attributes, "signature": signature})]})})


def _attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": (value,)})
