"""The invented certificates of the samples: one root, one sub-CA, signers, seals, a timestamp server.

Must never be trusted by anybody: the keys lie in the open in `keys/`, and every name says that it is
a sample. The same keys and dates give the same certificates, byte for byte.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

HERE = Path(__file__).parent
KEYS = HERE / "keys"
UNIT = "Chứng thư thử nghiệm - không có giá trị pháp lý"
SMART_CARD_LOGON = ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")


@dataclass(frozen=True, slots=True)
class Identity:
    """One holder of a certificate, as identities.toml tells it."""

    name: str
    kind: str
    common_name: str
    issuer: str
    serial: int
    valid_from: datetime
    valid_to: datetime
    organ: str = ""
    title: str = ""
    trusted: bool = False


@cache
def identities() -> dict[str, Identity]:
    """Every holder by its short name."""
    with (HERE / "identities.toml").open("rb") as stream:
        raw = tomllib.load(stream)
    return {name: Identity(name=name, kind=entry["kind"], common_name=entry["cn"], issuer=entry["issuer"],
                           serial=entry["serial"], valid_from=entry["from"], valid_to=entry["to"],
                           organ=entry.get("organ", ""), title=entry.get("title", ""),
                           trusted=entry.get("trusted", False))
            for name, entry in raw.items()}


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """The private key of `name`; made once and kept, because keys cannot be made again."""
    path = KEYS / f"{name}.pem"
    if not path.exists():
        size = 4096 if identities()[name].kind in ("root", "ca") else 2048
        made = rsa.generate_private_key(public_exponent=65537, key_size=size)
        KEYS.mkdir(exist_ok=True)
        path.write_bytes(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption()))
    # The check of a key costs more than a signature; these keys are our own.
    loaded = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


@cache
def certificate(name: str) -> asn1_x509.Certificate:
    """The certificate of `name`, ready for a CMS."""
    return asn1_x509.Certificate.load(_build(name).public_bytes(serialization.Encoding.DER))


def write_trust(folder: Path) -> list[Path]:
    """Write the trusted certificates (the root and the sub-CA, never the unknown CA) as PEM into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for identity in identities().values():
        if identity.trusted:
            path = folder / f"{identity.name}.pem"
            path.write_bytes(asn1_pem.armor("CERTIFICATE", certificate(identity.name).dump()))
            written.append(path)
    return written


def _build(name: str) -> x509.Certificate:
    identity = identities()[name]
    issuer = identities()[identity.issuer]
    public = key(name).public_key()
    builder = (x509.CertificateBuilder()
               .subject_name(_subject(identity)).issuer_name(_subject(issuer))
               .serial_number(identity.serial).public_key(public)
               .not_valid_before(identity.valid_from).not_valid_after(identity.valid_to)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key(issuer.name).public_key()),
                              critical=False))
    if identity.kind in ("root", "ca"):
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(certificates=True), critical=True)
    elif identity.kind == "tsa":
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    else:
        builder = builder.add_extension(_usage(encipherment=True), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION, SMART_CARD_LOGON]),
            critical=False)
    return builder.sign(key(issuer.name), hashes.SHA256())


def _subject(identity: Identity) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")]
    if identity.organ:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.organ))
    parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, UNIT))
    if identity.title:
        parts.append(x509.NameAttribute(NameOID.TITLE, identity.title))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])


def _usage(*, certificates: bool = False, encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not certificates, content_commitment=not certificates,
                         key_encipherment=encipherment, data_encipherment=encipherment, key_agreement=False,
                         key_cert_sign=certificates, crl_sign=certificates, encipher_only=False, decipher_only=False)
