"""CMS signatures of every odd shape, made here from the invented hierarchy of test_signatures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from samples.making import pki
from tests.test_signatures import CA, PERSON, SHIFT, SIGNED, Holder, attribute, loaded, token_over

_HASHES: dict[str, Any] = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "md5": hashes.MD5(),
                           "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class Cms:
    """How a signature is to be made: by whom, over what, with which faults."""

    holder: Holder = PERSON
    digest: str = "sha256"
    at: datetime = SIGNED
    shift: timedelta = SHIFT
    token: bool = True
    ess: bool = False                       # signing-certificate-v2: CAdES
    ess_of: Holder | None = None            # … naming somebody else's certificate
    content_type: str = "data"              # in the signed attributes
    attributes: bool = True


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ec_certificate() -> asn1_x509.Certificate:
    """A person's certificate with an elliptic key, from the CA of the tests."""
    made = (x509.CertificateBuilder().subject_name(PERSON.name).issuer_name(CA.name).serial_number(777)
            .public_key(ec_key().public_key()).not_valid_before(datetime(2024, 3, 1, tzinfo=UTC))
            .not_valid_after(datetime(2029, 3, 1, tzinfo=UTC))
            .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
            .sign(pki.key(CA.key), hashes.SHA256()))
    return asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))


def signer_info(content: bytes, how: Cms = Cms(), *, elliptic: bool = False) -> cms.SignerInfo:
    """One SignerInfo over `content`."""
    held = ec_certificate() if elliptic else loaded(how.holder)
    found = hashlib.new(how.digest, content).digest()
    pairs = [attribute("content_type", how.content_type),
             attribute("signing_time", cms.Time({"utc_time": core.UTCTime(how.at + how.shift)})),
             attribute("message_digest", found)]
    if how.ess or how.ess_of:
        named = loaded(how.ess_of) if how.ess_of else held
        pairs.append(attribute("signing_certificate_v2", tsp.SigningCertificateV2(
            {"certs": [{"cert_hash": hashlib.sha256(named.dump()).digest()}]})))
    attributes = cms.CMSAttributes(pairs)
    signed = attributes.dump() if how.attributes else content
    if elliptic:
        value, algorithm = ec_key().sign(signed, ec.ECDSA(hashes.SHA256())), f"{how.digest}_ecdsa"
    else:
        value, algorithm = pki.key(how.holder.key).sign(signed, PKCS1v15(), _HASHES[how.digest]), "rsassa_pkcs1v15"
    made = cms.SignerInfo({
        "version": "v1", "sid": cms.SignerIdentifier({"issuer_and_serial_number": {
            "issuer": held.issuer, "serial_number": held.serial_number}}),
        "digest_algorithm": {"algorithm": how.digest}, "signature_algorithm": {"algorithm": algorithm},
        "signature": value})
    if how.attributes:
        made["signed_attrs"] = attributes
    if how.token:
        stamp = token_over(hashlib.sha256(value).digest(), how.at + timedelta(seconds=8))
        made["unsigned_attrs"] = cms.CMSAttributes([attribute("signature_time_stamp_token", stamp)])
    return made


def counter_signature(info: cms.SignerInfo, how: Cms) -> None:
    """Add to `info` a counter-signature over its value."""
    over = info["signature"].native
    attributes = cms.CMSAttributes([attribute("message_digest", hashlib.sha256(over).digest())])
    held = loaded(how.holder)
    counter = cms.SignerInfo({
        "version": "v1", "sid": cms.SignerIdentifier({"issuer_and_serial_number": {
            "issuer": held.issuer, "serial_number": held.serial_number}}),
        "digest_algorithm": {"algorithm": "sha256"}, "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signed_attrs": attributes,
        "signature": pki.key(how.holder.key).sign(attributes.dump(), PKCS1v15(), hashes.SHA256())})
    before = info["unsigned_attrs"]
    info["unsigned_attrs"] = cms.CMSAttributes([
        *(before if not isinstance(before, core.Void) else ()),
        cms.CMSAttribute({"type": "counter_signature", "values": [counter]})])


def envelope(infos: Sequence[cms.SignerInfo], content: bytes | None = None,
             certificates: Sequence[asn1_x509.Certificate] | None = None, kind: str = "data") -> bytes:
    """The CMS file round `infos`; with `content`, it holds it."""
    held = [loaded(PERSON)] if certificates is None else list(certificates)
    digests = [algos.DigestAlgorithm({"algorithm": info["digest_algorithm"]["algorithm"].native}) for info in infos]
    encap: dict[str, Any] = {"content_type": kind}
    if content is not None:
        encap["content"] = cms.ParsableOctetString(content) if kind != "data" else core.OctetString(content)
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1", "digest_algorithms": digests, "encap_content_info": encap, "certificates": held,
        "signer_infos": infos})}).dump())


def detached(content: bytes, how: Cms = Cms()) -> bytes:
    """A `.p7s` over `content` by one signer."""
    return envelope([signer_info(content, how)], certificates=[loaded(how.holder)])


def enveloping(content: bytes, how: Cms = Cms()) -> bytes:
    """A `.p7m` round `content`."""
    return envelope([signer_info(content, how)], content, [loaded(how.holder)])
