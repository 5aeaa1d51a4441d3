"""Certificates and revocation lists: what is believed and what signs, and the day on which that ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from archive import clock
from archive.findings import Finding, finding
from archive.model import Event
from archive.opening import Archive
from archive.settings import Settings

SOON = timedelta(days=60)
JUST = timedelta(days=30)       # an authority that ended so lately is still told: a successor may be wanting
ENDINGS = (".pem", ".crt", ".cer", ".der")


def believed(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Certificates of the trust lists that end soon or ended just now; lists that hold none."""
    folder = settings.path(settings.signatures.trust)
    found = list(_certificates(folder))
    if not found:
        yield finding("DOCTOR-045", str(folder))
    for place, certificate in found:
        ends = certificate.not_valid_after_utc
        if now - JUST < ends < now + SOON:
            yield finding("DOCTOR-046", _name(certificate), day=f"{clock.in_vietnam(ends):%d/%m/%Y}",
                          file=place.relative_to(folder))


def revocations(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Revocation lists whose time is over, by what the ledger tells of the newest of each issuer."""
    newest: dict[str, str] = {}
    with archive.catalogue.session() as session:
        for event in session.scalars(select(Event).where(Event.kind == "revocations_updated").order_by(Event.seq)):
            if event.data.get("kind") == "crl":
                newest[event.subject] = event.data.get("next_update", "")
    for issuer, until in sorted(newest.items()):
        if until and clock.parse(until) < now:
            yield finding("DOCTOR-047", issuer, day=f"{clock.in_vietnam(clock.parse(until)):%d/%m/%Y}")


def own_key(settings: Settings, now: datetime) -> Iterator[Finding]:
    """The agency's key, as far as it can be looked at without its secret: files that are there, a certificate's end."""
    seal = settings.seal
    for name, told in (("seal.pkcs12", seal.pkcs12), ("seal.pkcs11_module", seal.pkcs11_module),
                       ("seal.certificate", seal.certificate), ("seal.secret_file", seal.secret_file)):
        if told and not settings.path(Path(told)).is_file():
            yield finding("DOCTOR-048", name, place=told)
    if seal.certificate and (place := settings.path(Path(seal.certificate))).is_file():
        for certificate in _read(place):
            ends = certificate.not_valid_after_utc
            if ends < now + SOON:
                yield finding("DOCTOR-049", _name(certificate), day=f"{clock.in_vietnam(ends):%d/%m/%Y}")


def _certificates(folder: Path) -> Iterator[tuple[Path, x509.Certificate]]:
    for place in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if place.is_file() and place.suffix.lower() in ENDINGS:
            for certificate in _read(place):
                yield place, certificate


def _read(place: Path) -> list[x509.Certificate]:
    """The certificates in a file; none when it holds something else, which `luutru trust list` tells."""
    data = place.read_bytes()
    try:
        return (x509.load_pem_x509_certificates(data) if b"-----BEGIN" in data
                else [x509.load_der_x509_certificate(data)])
    except ValueError:
        return []


def _name(certificate: x509.Certificate) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := certificate.subject.get_attributes_for_oid(kind):
            return str(found[0].value)
    return certificate.subject.rfc4514_string()
