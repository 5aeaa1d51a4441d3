"""Signers of the corpus: a hierarchy shaped like that of Ban Cơ yếu, its revocation lists, strangers.

Must never be trusted by anybody: the RSA keys are the samples', which lie in the open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from samples.making import pki

SIGNED = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)
EARLIER = datetime(2026, 8, 15, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 20, 3, tzinfo=UTC)
_LONG = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
_USUAL = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2029, 3, 1, tzinfo=UTC))
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Holder:
    """Somebody with a certificate; `key` names a key of the samples, or "p256", "p384", "ed25519"."""

    cn: str
    key: str
    organ: str = ""
    issuer: Holder | None = None
    kind: str = "person"
    period: tuple[datetime, datetime] = _USUAL
    serial: int = 100
    title: str = ""

    @property
    def name(self) -> x509.Name:
        pairs = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, self.organ), (NameOID.TITLE, self.title),
                 (NameOID.COMMON_NAME, self.cn)]
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value])


ROOT = Holder("Gốc thử nghiệm", "goc", kind="ca", period=_LONG, serial=1)
CA = Holder("CA cơ quan Nhà nước thử nghiệm", "ca-co-quan", issuer=ROOT, kind="ca", period=_LONG, serial=2)
TSA = Holder("Máy chủ cấp dấu thời gian thử nghiệm", "tsa", issuer=ROOT, kind="tsa", period=_LONG, serial=3)
LEADER = Holder("Nguyễn Văn Thử", "chu-tich", "Ủy ban nhân dân tỉnh Thử", CA, title="Chủ tịch")
SEAL = Holder("Ủy ban nhân dân tỉnh Thử", "uy-ban", "Tỉnh Thử", CA, serial=101)
CLERK = Holder("Trần Thị Văn Thư", "giam-doc", "Ủy ban nhân dân tỉnh Thử", CA, serial=102)
OFFICE = Holder("Văn phòng tỉnh Thử", "so-noi-vu", "Tỉnh Thử", CA, serial=103)
ENDED = Holder("Lê Văn Hết Hạn", "het-han", "Tỉnh Thử", CA, serial=104,
               period=(datetime(2021, 10, 1, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)))
STRANGE_ROOT = Holder("CA lạ", "la-goc", kind="ca", period=_LONG, serial=9)
STRANGER = Holder("Phạm Văn Lạ", "la-nguoi", "Công ty Lạ", STRANGE_ROOT, serial=10)
IMPOSTOR = Holder(LEADER.cn, "la-nguoi", LEADER.organ, STRANGE_ROOT, serial=11, title=LEADER.title)
CURVE = Holder("Đỗ Thị Đường Cong", "p256", "Tỉnh Thử", CA, serial=105)
CURVE384 = Holder("Đỗ Văn Đường Cong", "p384", "Tỉnh Thử", CA, serial=106)
EDWARDS = Holder("Vũ Văn Edwards", "ed25519", "Tỉnh Thử", CA, serial=107)


@cache
def key_of(holder: Holder) -> Key:
    """The private key; elliptic ones are made once a run."""
    if holder.key == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if holder.key.startswith("p"):
        return ec.generate_private_key(ec.SECP256R1() if holder.key == "p256" else ec.SECP384R1())
    return pki.key(holder.key)


@cache
def certificate(holder: Holder) -> x509.Certificate:
    """The holder's certificate, signed by the issuer."""
    issuer = holder.issuer or holder
    authority = holder.kind == "ca"
    built = (x509.CertificateBuilder().subject_name(holder.name).issuer_name(issuer.name)
             .serial_number(holder.serial).public_key(key_of(holder).public_key())
             .not_valid_before(holder.period[0]).not_valid_after(holder.period[1])
             .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
             .add_extension(x509.KeyUsage(not authority, not authority, False, False, False, authority, authority,
                     False,
                                          False), critical=True))
    if holder.kind == "tsa":
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    key: Any = key_of(issuer)
    return built.sign(key, hashes.SHA256())


@cache
def loaded(holder: Holder) -> asn1_x509.Certificate:
    """The certificate as asn1crypto reads it."""
    return asn1_x509.Certificate.load(certificate(holder).public_bytes(serialization.Encoding.DER))


@cache
def revocation_list(issuer: Holder, at: datetime = SIGNED) -> bytes:
    """An empty revocation list of `issuer` (DER), issued the day before `at`, in force for two months."""
    key: Any = key_of(issuer)
    return (x509.CertificateRevocationListBuilder().issuer_name(issuer.name)
            .last_update(at - timedelta(days=1)).next_update(at + timedelta(days=60))
            .sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def write_trust(folder: Path) -> Path:
    """A trust folder with root, sub-CA and their revocation lists; ended certificates need earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for holder in (ROOT, CA):
        pem = certificate(holder).public_bytes(serialization.Encoding.PEM)
        (folder / f"{holder.serial}.pem").write_bytes(pem)
        for at in (SIGNED, EARLIER):
            (folder / f"{holder.serial}-{at:%m}.crl").write_bytes(revocation_list(holder, at))
    return folder
