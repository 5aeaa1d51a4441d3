"""What travels with a token: its chain up to the root, the lists and answers about it, and nothing of strangers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp

from archive.evidence.chain import chain_of
from tests import authority as authorities
from tests.authority import years

NOW = datetime(2026, 11, 21, 16, tzinfo=UTC)
SERVER = years(2026, 2031)
TOKEN = SERVER.token(hashlib.sha256(b"root").digest(), "sha256", NOW)
DER = serialization.Encoding.DER


def listed(at: datetime, issuer: x509.Name | None = None) -> bytes:
    known = issuer or x509.load_der_x509_certificate(SERVER.root).subject
    return (x509.CertificateRevocationListBuilder().issuer_name(known).last_update(at)
            .next_update(at + timedelta(days=7)).sign(authorities._key("root"), hashes.SHA256())
            .public_bytes(DER))


def answer(about: bytes) -> bytes:
    root = x509.load_der_x509_certificate(SERVER.root)
    return (ocsp.OCSPResponseBuilder().add_response(
        x509.load_der_x509_certificate(about), root, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, NOW, None, None, None)
        .responder_id(ocsp.OCSPResponderEncoding.NAME, root)
        .sign(authorities._key("root"), hashes.SHA256()).public_bytes(DER))


def test_the_chain_its_lists_and_its_answers_travel_and_nothing_of_strangers(tmp_path: Path) -> None:
    stranger = years(2026, 2031, name="stranger")
    history = tmp_path / "tsa" / "history"
    history.mkdir(parents=True)
    pem = x509.load_der_x509_certificate(SERVER.root).public_bytes(serialization.Encoding.PEM)
    now, then, earlier = listed(NOW + timedelta(days=400)), listed(NOW - timedelta(days=1)), listed(
        NOW - timedelta(days=90))
    foreign = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "foreign")])
    for name, data in {"root.pem": pem, "stranger.der": stranger.certificate, "now.crl": now,
                       "history/then.crl": then, "history/earlier.crl": earlier, "foreign.crl": listed(NOW, foreign),
                       "good.ocsp": answer(SERVER.certificate), "other.ocsp": answer(stranger.certificate),
                       "broken.crl": b"x", "broken.der": b"0", "broken.ocsp": b"0\x03"}.items():
        (tmp_path / "tsa" / name).write_bytes(data)
    found = chain_of([TOKEN, TOKEN], tmp_path)
    assert set(found.certificates.values()) == {SERVER.certificate, SERVER.root}
    assert set(found.revocations.values()) == {now, then, answer(SERVER.certificate)}, "of history that of the time"
    assert all(hashlib.sha256(der).hexdigest().startswith(name[:16]) for name, der in found.certificates.items())


def test_without_a_trust_folder_only_what_the_token_encloses_travels(tmp_path: Path) -> None:
    found = chain_of([TOKEN], tmp_path / "none")
    assert (list(found.certificates.values()), found.revocations) == ([SERVER.certificate], {})


def test_two_certificates_that_name_each_other_as_issuer_make_no_endless_walk(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in ("Root of tests", "B")]
    for number, (subject, issuer) in enumerate((names, names[::-1])):
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
                .serial_number(number + 1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
                .sign(key, hashes.SHA256()))
        (tmp_path / f"{number}.der").write_bytes(made.public_bytes(DER))
    assert len(chain_of([TOKEN], tmp_path).certificates) == 3
