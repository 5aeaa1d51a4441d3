"""What the signature verification promises, on PDFs that are signed here and then mishandled."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields as pdf_fields
from pyhanko.sign.signers import cms_embedder
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from archive.findings import Level, rules
from archive.settings import Settings
from ingest import signatures as sig
from ingest.commands.signature import command
from ingest.item import Context, Item, Part
from ingest.signatures import finders, hexstrings, office
from ingest.signatures.holders import certificate_of
from ingest.signatures.policy import policy
from ingest.stages import verify as stage
from samples.making import pki

RECEIVED = datetime(2026, 11, 20, 3, tzinfo=UTC)
SIGNED = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)
LONG = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
USUAL = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2029, 3, 1, tzinfo=UTC))
SHIFT = timedelta(hours=7)


# --- a small hierarchy, shaped like that of Ban Cơ yếu --------------------------------------------------

@dataclass(frozen=True)
class Holder:
    """Somebody with a certificate. Keys are borrowed from the samples: making new ones takes seconds."""

    cn: str
    key: str
    organ: str = ""
    issuer: Holder | None = None
    kind: str = "person"
    period: tuple[datetime, datetime] = USUAL
    serial: int = 100
    title: str = ""

    @property
    def name(self) -> x509.Name:
        pairs = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, self.organ), (NameOID.TITLE, self.title),
                 (NameOID.COMMON_NAME, self.cn)]
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value])


ROOT = Holder("Gốc thử nghiệm", "goc", kind="ca", period=LONG, serial=1)
CA = Holder("CA cơ quan Nhà nước thử nghiệm", "ca-co-quan", issuer=ROOT, kind="ca", period=LONG, serial=2)
TSA = Holder("Máy chủ cấp dấu thời gian thử nghiệm", "tsa", issuer=ROOT, kind="tsa", period=LONG, serial=3)
PERSON = Holder("Nguyễn Văn Thử", "chu-tich", "Ủy ban nhân dân tỉnh Thử", CA, title="Chủ tịch")
SEAL = Holder("Ủy ban nhân dân tỉnh Thử", "uy-ban", "Tỉnh Thử", CA, serial=101)
STRANGE_ROOT = Holder("CA lạ", "uy-ban", kind="ca", period=LONG, serial=9)
STRANGER = Holder("Phạm Văn Lạ", "chu-tich", "Công ty Lạ", STRANGE_ROOT, serial=10)
STRANGE_TSA = Holder("TSA lạ", "tsa", issuer=STRANGE_ROOT, kind="tsa", period=LONG, serial=11)


@cache
def certificate(holder: Holder) -> x509.Certificate:
    issuer = holder.issuer or holder
    authority = holder.kind == "ca"
    builder = (x509.CertificateBuilder().subject_name(holder.name).issuer_name(issuer.name)
               .serial_number(holder.serial).public_key(pki.key(holder.key).public_key())
               .not_valid_before(holder.period[0]).not_valid_after(holder.period[1])
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
               .add_extension(x509.KeyUsage(
                   digital_signature=not authority, content_commitment=not authority, key_encipherment=False,
                   data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                   encipher_only=False, decipher_only=False), critical=True))
    if holder.kind == "tsa":
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(pki.key(issuer.key), hashes.SHA256())


@cache
def loaded(holder: Holder) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate(holder).public_bytes(serialization.Encoding.DER))


def revocation_list(issuer: Holder, revoked: dict[int, datetime], at: datetime) -> bytes:
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.name)
               .last_update(at - timedelta(days=1)).next_update(at + timedelta(days=30)))
    for serial, moment in revoked.items():
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build())
    return builder.sign(pki.key(issuer.key), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


# --- signing, with every fault that a test asks for -----------------------------------------------------

def blank_pdf(**save: Any) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    pdf.pages[0].contents_add(pdf.make_stream(b"BT ET % so tien 185.400.000 dong"))
    out = io.BytesIO()
    pdf.save(out, compress_streams=False, **save)
    return out.getvalue()


PLAIN = blank_pdf()
_HASHES: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1()}


def attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": (value,)})


def signed_data(holder: Holder, attributes: cms.CMSAttributes, content: Any, digest: str = "sha256") -> cms.ContentInfo:
    held = loaded(holder)
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1" if isinstance(content, cms.ContentInfo) else "v3",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
        "encap_content_info": content, "certificates": [held], "signer_infos": [cms.SignerInfo({
            "version": "v1", "sid": cms.SignerIdentifier({"issuer_and_serial_number": {
                "issuer": held.issuer, "serial_number": held.serial_number}}),
            "digest_algorithm": {"algorithm": digest}, "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
            "signed_attrs": attributes,
            "signature": pki.key(holder.key).sign(attributes.dump(), PKCS1v15(), _HASHES[digest])})]})})


def token_over(digest: bytes, at: datetime, server: Holder = TSA, algorithm: str = "sha256") -> cms.ContentInfo:
    imprint = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
    body = tsp.TSTInfo({"version": "v1", "policy": "2.16.704.1.1.1.2", "serial_number": 7, "gen_time": at,
                        "message_imprint": imprint}).dump()
    attributes = cms.CMSAttributes([attribute("content_type", "tst_info"),
                                    attribute("message_digest", hashlib.sha256(body).digest())])
    return signed_data(server, attributes, cms.EncapsulatedContentInfo(
        {"content_type": "tst_info", "content": cms.ParsableOctetString(body)}))


def sign(pdf: bytes, holder: Holder = PERSON, *, at: datetime = SIGNED, token: datetime | None = None,
         no_token: bool = False, shift: timedelta = SHIFT, field: str = "Signature1", certify: bool = False,
         server: Holder = TSA, digest: str = "sha256", imprint: str = "sha256", sha1_kind: bool = False,
         box: tuple[int, int, int, int] | None = None, subfilter: bytes = b"", claim: bool = True,
         twist: Callable[[cms.ContentInfo], cms.ContentInfo] | None = None) -> bytes:
    """`pdf` with one more signature the Vietnamese way; a token eight seconds after `at` unless said otherwise."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    steps = cms_embedder.PdfCMSEmbedder(new_field_spec=pdf_fields.SigFieldSpec(field, box=box)).write_cms(
        field_name=field, writer=writer)
    next(steps)
    name = pdf_fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED
    holder_of_place = SignatureObject(timestamp=at, bytes_reserved=16384, subfilter=name)
    if sha1_kind:
        holder_of_place["/SubFilter"] = generic.NameObject("/adbe.pkcs7.sha1")
    if subfilter:
        holder_of_place["/SubFilter"] = generic.NameObject(subfilter.decode())
    steps.send(cms_embedder.SigObjSetup(sig_placeholder=holder_of_place, mdp_setup=cms_embedder.SigMDPSetup(
        "sha256", certify=True, docmdp_perms=pdf_fields.MDPPerm.FILL_FORMS) if certify else None))
    prepared, output = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha1" if sha1_kind else digest))
    signed, content = prepared.document_digest, cms.ContentInfo({"content_type": "data"})
    if sha1_kind:
        content = cms.ContentInfo({"content_type": "data", "content": core.OctetString(signed)})
        signed = hashlib.sha256(signed).digest()
    attributes = [attribute("content_type", "data"), attribute("message_digest", signed)]
    if claim:
        attributes.insert(1, attribute("signing_time", cms.Time({"utc_time": core.UTCTime(at + shift)})))
    result = signed_data(holder, cms.CMSAttributes(attributes), content, digest)
    if not no_token:
        info = result["content"]["signer_infos"][0]
        stamp = token_over(hashlib.new(imprint, info["signature"].native).digest(),
                           token or at + timedelta(seconds=8), server, imprint)
        info["unsigned_attrs"] = cms.CMSAttributes([attribute("signature_time_stamp_token", stamp)])
    steps.send(twist(result) if twist else result)
    return bytes(output.getvalue())


def both(**more: Any) -> bytes:
    """Signed by the person, then sealed by the agency."""
    return sign(sign(PLAIN, **more), SEAL, field="Signature2", at=SIGNED + timedelta(hours=1))


@pytest.fixture(scope="module")
def trust_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One list, "cong-vu", with root and sub-CA."""
    folder = tmp_path_factory.mktemp("trust") / "cong-vu"
    folder.mkdir()
    for holder in (ROOT, CA):
        pem = certificate(holder).public_bytes(serialization.Encoding.PEM)
        (folder / f"{holder.serial}.pem").write_bytes(pem)
    return folder.parent


@pytest.fixture(scope="module")
def revoking(trust_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., sig.TrustLists]:
    """Trust lists with revocation lists beside them: `revoking({serial: moment})`."""
    def make(revoked: dict[int, datetime], at: datetime = RECEIVED) -> sig.TrustLists:
        folder = tmp_path_factory.mktemp("crl")
        for path in (trust_folder / "cong-vu").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "ca.crl").write_bytes(revocation_list(CA, revoked, at))
        (folder / "root.crl").write_bytes(revocation_list(ROOT, {}, at))
        return sig.load_trust(folder)
    return make


class Judge:
    """Writes bytes to a file and verifies them."""

    def __init__(self, folder: Path, trust: sig.TrustLists) -> None:
        self.folder, self.trust = folder, trust

    def __call__(self, pdf: bytes, trust: sig.TrustLists | None = None,
                 received: datetime = RECEIVED) -> sig.DocumentSignatures:
        path = self.folder / "van-ban.pdf"
        path.write_bytes(pdf)
        result = sig.verify_pdf(path, trust or self.trust, received)
        json.dumps(result.as_dict())            # every report is JSON-ready
        return result


@pytest.fixture
def judge(tmp_path: Path, trust_folder: Path) -> Judge:
    return Judge(tmp_path, sig.load_trust(trust_folder))


def codes(result: sig.DocumentSignatures, level: Level = Level.note) -> set[str]:
    """The codes of all reasons of at least `level`."""
    reasons = [*result.reasons, *(one for report in result.signatures for one in report.reasons)]
    return {one.code for one in reasons if one.level >= level}


def append(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """`pdf` with an incremental update that nobody signed."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# --- what holds -------------------------------------------------------------------------------------------

def test_person_and_seal_with_tokens_and_revocation_lists_are_valid_without_notes(
        judge: Judge, revoking: Callable[..., sig.TrustLists]) -> None:
    result = judge(both(), revoking({}))
    assert result.verdict == "valid"
    assert result.finders == {"form": 2, "pages": 2, "bytes": 2}
    person, seal = result.signatures
    assert (person.signer, person.identity, person.revocation) == (PERSON.cn, "trusted", "good")
    assert person.trust_list.startswith("crl")          # the folder's own name: these lists lie at its top
    assert (person.integrity, person.changes, seal.changes) == ("intact", "signatures", "none")
    assert person.time == SIGNED + timedelta(seconds=8) and person.time_source == person.judged_by == "token"
    assert person.certificate and person.certificate.holder == "person" and person.certificate.title == "Chủ tịch"
    assert seal.certificate and seal.certificate.holder == "agency"
    assert "VERIFY-014" in codes(result, Level.ok)


def test_without_revocation_data_the_best_verdict_has_a_note_with_a_date_to_look_again(judge: Judge) -> None:
    result = judge(both())
    assert (result.verdict, codes(result)) == ("valid_with_notes", {"VERIFY-034"})
    assert "27/11/2026" in next(one for one in result.signatures[0].reasons if one.code == "VERIFY-034").sentence()


def test_the_seven_hours_fault_is_named_and_never_held_against_the_signer(
        judge: Judge, revoking: Callable[..., sig.TrustLists]) -> None:
    assert "VERIFY-054" in codes(judge(sign(PLAIN), revoking({})), Level.ok)
    result = judge(sign(PLAIN, shift=timedelta(0)), revoking({}))
    assert "VERIFY-054" not in codes(result, Level.ok) and result.verdict == "valid"


def test_a_seal_in_a_new_visible_field_after_a_certification_is_no_change(judge: Judge) -> None:
    certified = sign(PLAIN, certify=True, box=(300, 100, 400, 150))
    result = judge(sign(certified, SEAL, field="Dau", box=(250, 90, 330, 170)))
    assert result.verdict == "valid_with_notes"
    assert [report.kind for report in result.signatures] == ["certification", "signature"]


def test_without_token_our_receipt_is_the_moment_and_the_claimed_time_is_called_claimed(judge: Judge) -> None:
    result = judge(sign(PLAIN, no_token=True))
    report = result.signatures[0]
    assert (result.verdict, report.time_source, report.judged_by) == ("valid_with_notes", "claimed", "receipt")
    assert (report.judged_at, report.time) == (RECEIVED, SIGNED + SHIFT)
    assert codes(result) == {"VERIFY-053", "VERIFY-034"}
    assert judge(sign(PLAIN, no_token=True, claim=False)).verdict == "valid_with_notes"


def test_a_certificate_that_ended_since_does_not_harm_a_signature_with_a_token(judge: Judge) -> None:
    result = judge(sign(PLAIN), received=datetime(2031, 1, 1, tzinfo=UTC))
    assert result.verdict == "valid_with_notes" and "VERIFY-024" in codes(result, Level.ok)


def test_white_space_after_the_end_is_no_change(judge: Judge) -> None:
    assert judge(sign(PLAIN) + b"\r\n\n").verdict == "valid_with_notes"


def test_a_name_in_decomposed_letters_is_composed() -> None:
    decomposed = replace(PERSON, cn="Nguyê\u0303n Va\u0306n Thu\u031b\u0309", serial=555)
    held = certificate_of(loaded(decomposed))
    assert held.name == "Nguyễn Văn Thử" and held.serial == f"{555:x}"


# --- times and certificates -------------------------------------------------------------------------------

ENDED = replace(PERSON, cn="Lê Văn Hết Hạn", serial=110,
                period=(datetime(2021, 10, 1, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)))


def test_signed_after_the_certificates_end_is_invalid_with_a_token_and_by_the_signers_own_claim(judge: Judge) -> None:
    with_token, without = judge(sign(PLAIN, ENDED)), judge(sign(PLAIN, ENDED, no_token=True))
    assert (with_token.verdict, without.verdict) == ("invalid", "invalid")
    assert "VERIFY-025" in codes(with_token) and "VERIFY-028" in codes(without)


def test_a_claim_within_an_ended_certificates_period_proves_nothing(judge: Judge) -> None:
    result = judge(sign(PLAIN, ENDED, no_token=True, at=datetime(2026, 8, 1, tzinfo=UTC)))
    assert result.verdict == "undetermined" and "VERIFY-026" in codes(result)
    assert result.signatures[0].judged_by == "claimed"


def test_near_the_end_of_validity_a_claim_is_read_both_ways(judge: Judge) -> None:
    result = judge(sign(PLAIN, ENDED, no_token=True, at=datetime(2026, 9, 29, 20, tzinfo=UTC)))
    assert result.verdict == "undetermined" and "VERIFY-027" in codes(result)


def test_a_claim_before_the_certificates_start_is_not_believed(judge: Judge) -> None:
    result = judge(sign(PLAIN, no_token=True, at=datetime(2019, 1, 1, tzinfo=UTC)))
    assert result.verdict == "undetermined" and "VERIFY-029" in codes(result)


def test_a_claim_after_our_receipt_is_mentioned(judge: Judge) -> None:
    assert "VERIFY-056" in codes(judge(sign(PLAIN, no_token=True, at=RECEIVED + timedelta(days=2))))


def test_an_unknown_ca_is_undetermined_and_without_lists_nothing_is_valid(judge: Judge) -> None:
    stranger = judge(sign(PLAIN, STRANGER))
    assert stranger.verdict == "undetermined" and "VERIFY-021" in codes(stranger)
    assert stranger.signatures[0].integrity == "intact"
    nobody = judge(sign(PLAIN), sig.NO_TRUST)
    assert nobody.verdict == "undetermined" and "VERIFY-022" in codes(nobody)


def test_a_forged_ca_of_the_same_name_is_invalid(judge: Judge) -> None:
    forged = replace(CA, key="uy-ban", issuer=None)
    result = judge(sign(PLAIN, replace(PERSON, issuer=forged, serial=120)))
    assert result.verdict == "invalid" and "VERIFY-023" in codes(result)


def test_a_persons_certificate_cannot_issue_certificates(judge: Judge, tmp_path: Path, trust_folder: Path) -> None:
    child = replace(PERSON, cn="Kẻ Giả Danh", issuer=PERSON, key="uy-ban", serial=121)
    folder = tmp_path / "lists"
    folder.mkdir()
    for path in (trust_folder / "cong-vu").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "person.pem").write_bytes(certificate(PERSON).public_bytes(serialization.Encoding.PEM))
    result = judge(sign(PLAIN, child), sig.load_trust(folder))
    assert result.verdict == "invalid" and "VERIFY-023" in codes(result)


@pytest.mark.parametrize(("revoked_at", "no_token", "verdict", "code"), [
    (SIGNED - timedelta(days=1), False, "invalid", "VERIFY-031"),
    (SIGNED + timedelta(days=1), False, "valid_with_notes", "VERIFY-033"),
    (SIGNED - timedelta(days=1), True, "invalid", "VERIFY-031"),
    (SIGNED + timedelta(days=1), True, "undetermined", "VERIFY-032"),
])
def test_revocation_counts_by_what_is_proved_of_the_time(
        judge: Judge, revoking: Callable[..., sig.TrustLists], revoked_at: datetime, no_token: bool, verdict: str,
        code: str) -> None:
    result = judge(sign(PLAIN, no_token=no_token), revoking({PERSON.serial: revoked_at}))
    assert result.verdict == verdict and code in codes(result)


def test_a_stale_revocation_list_is_not_taken_for_a_check(judge: Judge,
                                                          revoking: Callable[..., sig.TrustLists]) -> None:
    result = judge(sign(PLAIN), revoking({}, datetime(2025, 1, 1, tzinfo=UTC)))
    assert result.signatures[0].revocation == "unknown" and "VERIFY-034" in codes(result)


# --- tokens -----------------------------------------------------------------------------------------------

def test_a_token_by_an_unknown_server_is_not_used(judge: Judge) -> None:
    result = judge(sign(PLAIN, server=STRANGE_TSA))
    report = result.signatures[0]
    assert (report.token and report.token.state, report.judged_by) == ("untrusted", "receipt")
    assert result.verdict == "valid_with_notes" and "VERIFY-051" in codes(result)
    assert judge(sign(PLAIN, ENDED, server=STRANGE_TSA, at=datetime(2026, 8, 1, tzinfo=UTC))).verdict == "undetermined"


def test_a_certificate_not_made_for_timestamps_gives_no_time(judge: Judge) -> None:
    report = judge(sign(PLAIN, server=SEAL)).signatures[0]
    assert report.token and report.token.state == "untrusted"


def test_a_token_copied_from_another_signature_is_broken(judge: Judge) -> None:
    def copied(content: cms.ContentInfo) -> cms.ContentInfo:
        content["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(
            [attribute("signature_time_stamp_token", token_over(hashlib.sha256(b"other").digest(), SIGNED))])
        return content

    result = judge(sign(PLAIN, twist=copied))
    assert result.verdict == "undetermined" and "VERIFY-052" in codes(result)
    assert result.signatures[0].time_source == "claimed"


def test_a_servers_certificate_is_judged_at_the_tokens_time_and_its_end_is_mentioned(judge: Judge) -> None:
    gone = replace(TSA, period=(LONG[0], SIGNED + timedelta(days=2)), serial=30)
    late = replace(TSA, period=(LONG[0], SIGNED - timedelta(days=2)), serial=31)
    result = judge(sign(PLAIN, server=gone))
    assert result.signatures[0].judged_by == "token" and "VERIFY-055" in codes(result)
    assert judge(sign(PLAIN, server=late)).signatures[0].judged_by == "receipt"


def test_a_document_timestamp_proves_an_ended_certificates_signature(judge: Judge) -> None:
    from pyhanko.sign.signers import PdfTimeStamper
    from pyhanko.sign.timestamps import DummyTimeStamper

    at = datetime(2026, 8, 1, tzinfo=UTC)
    key = pki.key(TSA.key).private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
    from asn1crypto.keys import PrivateKeyInfo

    server = DummyTimeStamper(loaded(TSA), PrivateKeyInfo.load(key), fixed_dt=at + timedelta(days=1))
    writer = IncrementalPdfFileWriter(io.BytesIO(sign(PLAIN, ENDED, no_token=True, at=at)), strict=False)
    stamped = PdfTimeStamper(server).timestamp_pdf(writer, "sha256").getvalue()
    result = judge(stamped)
    assert result.verdict == "valid_with_notes"
    assert result.signatures[0].judged_by == "document_token" and result.signatures[1].kind == "timestamp"


def test_a_pades_signature_with_enclosed_revocation_data_is_valid_offline(judge: Judge) -> None:
    from asn1crypto.keys import PrivateKeyInfo
    from pyhanko.sign import signers
    from pyhanko.sign.timestamps import DummyTimeStamper
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    def secret(holder: Holder) -> PrivateKeyInfo:
        return PrivateKeyInfo.load(pki.key(holder.key).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    now = datetime.now(UTC)         # pyHanko signs by the clock
    person = replace(PERSON, period=(now - timedelta(days=300), now + timedelta(days=300)), serial=800)
    server = replace(TSA, period=(now - timedelta(days=300), now + timedelta(days=300)), serial=801)
    lists = [revocation_list(holder, {}, now) for holder in (ROOT, CA)]
    knowing = ValidationContext(trust_roots=[loaded(ROOT)], other_certs=[loaded(CA)], crls=lists)
    signer = signers.SimpleSigner(loaded(person), secret(person), SimpleCertificateStore.from_certs([loaded(CA)]),
                                  prefer_pss=True)
    signed = signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(PLAIN)), signers.PdfSignatureMetadata(
            field_name="Ky", md_algorithm="sha256", subfilter=pdf_fields.SigSeedSubFilter.PADES,
            embed_validation_info=True, use_pades_lta=True, validation_context=knowing),
        signer=signer, timestamper=DummyTimeStamper(loaded(server), secret(server))).getvalue()
    result = judge(signed, received=now + timedelta(minutes=1))
    assert (result.verdict, codes(result)) == ("valid", set())
    assert [report.kind for report in result.signatures] == ["signature", "timestamp"]
    assert result.signatures[0].changes == "evidence" and result.signatures[0].revocation == "good"


# --- algorithms -------------------------------------------------------------------------------------------

def test_sha1_in_a_tokens_imprint_is_a_note_and_in_a_document_of_today_undetermined(judge: Judge) -> None:
    imprint, document = judge(sign(PLAIN, imprint="sha1")), judge(sign(PLAIN, digest="sha1"))
    assert imprint.verdict == "valid_with_notes" and "VERIFY-041" in codes(imprint)
    assert document.verdict == "undetermined" and "VERIFY-042" in codes(document)


def test_sha1_is_judged_at_the_proven_time_not_at_the_claimed_one(judge: Judge, tmp_path: Path) -> None:
    old = (datetime(2012, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
    root = replace(ROOT, period=old)
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "root.pem").write_bytes(certificate(root).public_bytes(serialization.Encoding.PEM))
    signer, server = (replace(one, issuer=root, period=old, serial=40 + n) for n, one in enumerate((PERSON, TSA)))
    at = datetime(2013, 5, 1, tzinfo=UTC)
    proven = sign(PLAIN, signer, at=at, digest="sha1", server=server)
    claimed = sign(PLAIN, signer, at=at, digest="sha1", no_token=True)
    trust = sig.load_trust(folder)
    assert judge(proven, trust).verdict == "valid_with_notes"
    assert judge(claimed, trust).verdict == "undetermined"


def test_the_policy_knows_dates_uses_and_key_lengths_and_names_a_source_for_each_rule() -> None:
    rule = policy().rules["sha1", "document"]
    assert rule.until is not None
    assert policy().digest("sha1", "document", rule.until - timedelta(days=1)) == "noted"
    assert policy().digest("sha1", "document", rule.until) == "beyond"
    assert policy().digest("md5", "listed", SIGNED) == policy().digest("unheard", "document", SIGNED) == "beyond"
    assert policy().digest("sha256", "document", SIGNED) == "plain"
    assert policy().key("rsa", 2048) and not policy().key("rsa", 1024) and not policy().key("ec", 192)
    assert all(len(one.source) > 20 for one in policy().rules.values())


# --- changes and attacks ----------------------------------------------------------------------------------

def test_a_changed_byte_is_never_called_valid(judge: Judge) -> None:
    signed = sign(PLAIN)
    changed = signed.replace(b"185.400.000", b"485.400.000")
    assert changed != signed
    result = judge(changed)
    assert result.verdict == "invalid" and result.signatures[0].integrity == "broken" and "VERIFY-011" in codes(result)


def test_a_signature_made_with_another_key_is_invalid(judge: Judge) -> None:
    def other(content: cms.ContentInfo) -> cms.ContentInfo:
        info = content["content"]["signer_infos"][0]
        info["signature"] = pki.key("uy-ban").sign(info["signed_attrs"].untag().dump(), PKCS1v15(), hashes.SHA256())
        return content

    result = judge(sign(PLAIN, no_token=True, twist=other))
    assert result.verdict == "invalid" and "VERIFY-012" in codes(result)


def test_a_page_replaced_by_an_incremental_update_makes_all_earlier_signatures_invalid(judge: Judge) -> None:
    def replace_page(writer: IncrementalPdfFileWriter) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET % 485.400.000"))
        writer.update_container(page)

    result = judge(append(both(), replace_page))
    assert [report.verdict for report in result.signatures] == ["invalid", "invalid"]
    assert "VERIFY-015" in codes(result)
    resealed = sign(append(sign(PLAIN), replace_page), SEAL, field="Signature2")
    assert [report.verdict for report in judge(resealed).signatures] == ["invalid", "valid_with_notes"]
    assert judge(resealed).verdict == "invalid"


def test_filling_a_form_field_after_signing_is_a_change(judge: Judge) -> None:
    pdf = pikepdf.open(io.BytesIO(PLAIN))
    text = pdf.make_indirect(pikepdf.Dictionary(
        FT=pikepdf.Name.Tx, T=pikepdf.String("so_tien"), V=pikepdf.String("185"), Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Widget, Rect=[10, 10, 90, 30], P=pdf.pages[0].obj))
    pdf.pages[0].Annots = pdf.make_indirect(pikepdf.Array([text]))
    pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=pikepdf.Array([text])))
    out = io.BytesIO()
    pdf.save(out)

    def fill(writer: IncrementalPdfFileWriter) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0]
        field["/V"] = generic.TextStringObject("485")
        writer.update_container(field)

    signed = sign(out.getvalue())
    assert judge(signed).verdict == "valid_with_notes"
    assert judge(append(signed, fill)).verdict == "invalid"


def test_a_visible_field_that_nobody_signed_is_a_change(judge: Judge) -> None:
    def add(writer: IncrementalPdfFileWriter) -> None:
        pdf_fields.append_signature_field(writer, pdf_fields.SigFieldSpec("Che", box=(50, 50, 500, 800)))

    result = judge(append(sign(PLAIN), add))
    assert result.verdict == "invalid" and "VERIFY-016" in codes(result)


ATTACKERS_PAGE = (b"\n4 0 obj\n<< /Length 22 >>\nstream\nBT ET % 485.400.000 \nendstream\nendobj\n")


@pytest.mark.parametrize("tail", [
    ATTACKERS_PAGE, ATTACKERS_PAGE + b"xref\n0 0\ntrailer\n<< >>\n", b"x",
    ATTACKERS_PAGE + b"startxref\n%START%\n%%EOF\n"], ids=["page", "empty xref", "one letter", "own end"])
def test_bytes_appended_after_the_end_are_refused(judge: Judge, tail: bytes) -> None:
    for signed in (sign(PLAIN), both()):
        last = re.findall(rb"startxref\s+(\d+)", signed)[-1]
        result = judge(signed + tail.replace(b"%START%", last))
        assert result.verdict == "invalid", codes(result)


def test_an_object_that_no_cross_reference_lists_is_refused_between_two_signatures(judge: Judge) -> None:
    signed = sign(PLAIN)
    last = re.findall(rb"startxref\s+\d+\s+%%EOF", signed)[-1]
    result = judge(sign(signed + ATTACKERS_PAGE + last + b"\n", SEAL, field="Signature2"))
    assert result.verdict == "invalid" and "VERIFY-035" in codes(result)


def test_content_hidden_in_the_gap_of_a_signature_is_refused(judge: Judge) -> None:
    signed = sign(PLAIN)
    ranges = [int(one) for one in re.findall(rb"/ByteRange\s*\[([^\]]*)\]", signed)[0].split()]
    evil = signed[:ranges[1]] + signed[ranges[1]:ranges[2]] + b"(hidden)" + signed[ranges[2]:]
    assert judge(evil).verdict not in ("valid", "valid_with_notes")


@pytest.mark.parametrize(("numbers", "gap", "own"), [
    ([0, 4, 12, 4], b"<3001 0>", False), ([0, 4, 10, 4], b"<3001>", True), ([0, 4, 12, 4], b"<3001  >", True),
    ([0, 4, 10, 9], b"<3001>", False), ([0, 4, 3, 4], b"<3001>", False), ([1, 4, 10, 4], b"<3001>", False),
    ([0, 4, 16, 4], b"<3001>(new) ", False), ([0, 4, 10, 4], b"<3002>", False), ([0, 4, 10], b"<3001>", False)])
def test_what_a_signature_leaves_out_must_be_its_own_value_and_nothing_else(
        numbers: list[int], gap: bytes, own: bool) -> None:
    from types import SimpleNamespace

    from ingest.signatures.integrity import gap_is_its_own

    signature: Any = SimpleNamespace(byte_range=numbers, pkcs7_content=b"\x30\x01")
    assert gap_is_its_own(signature, b"%PDF" + gap + b"tail") is own


def test_a_large_picture_over_an_earlier_signers_page_is_mentioned(judge: Judge) -> None:
    result = judge(sign(sign(PLAIN), SEAL, field="Signature2", box=(0, 0, 595, 600)))
    assert "VERIFY-071" in codes(result)
    assert "VERIFY-071" not in codes(judge(sign(sign(PLAIN), SEAL, field="Signature2", box=(0, 0, 100, 100))))


# --- what libraries do not see ------------------------------------------------------------------------------

def test_an_unsigned_file_is_unsigned_and_does_not_load_the_signature_library(tmp_path: Path) -> None:
    for name, pdf in (("a.pdf", PLAIN), ("b.pdf", blank_pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate))):
        (tmp_path / name).write_bytes(pdf)
        code = ("import sys; from pathlib import Path; from datetime import datetime, UTC\n"
                "from ingest.signatures import verify_pdf, NO_TRUST\n"
                f"print(verify_pdf(Path({str(tmp_path / name)!r}), NO_TRUST, datetime.now(UTC)).verdict)\n"
                "print(any(one.split('.')[0].startswith('pyhanko') for one in sys.modules))")
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                             cwd=Path(__file__).parent.parent)
        assert out.stdout.split() == ["unsigned", "False"]


@pytest.mark.filterwarnings("ignore::pikepdf.PageCopyWarning")
def test_a_file_saved_again_without_its_form_is_a_remnant_and_never_unsigned(judge: Judge) -> None:
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        for keep_widget in (True, False):
            pdf = pikepdf.open(io.BytesIO(sign(PLAIN)))
            signature = pdf.Root.AcroForm.Fields[0].V
            del pdf.Root.AcroForm
            if not keep_widget:
                del pdf.pages[0].Annots
                pdf.Root.Left = signature
            out = io.BytesIO()
            pdf.save(out, object_stream_mode=mode)
            result = judge(out.getvalue())
            assert result.verdict == "undetermined" and codes(result) == {"VERIFY-060"}, (mode, keep_widget)
            assert [report.kind for report in result.signatures] == ["remnant"]
            assert result.finders["form"] == 0 and result.finders["bytes"] == 1


def test_a_signed_file_saved_again_with_its_form_is_changed(judge: Judge) -> None:
    out = io.BytesIO()
    pikepdf.open(io.BytesIO(sign(PLAIN))).save(out)
    assert judge(out.getvalue()).verdict == "invalid"


def test_pkcs7_sha1_is_seen_checked_and_never_unsigned(judge: Judge) -> None:
    signed = sign(PLAIN, sha1_kind=True)
    result = judge(signed)
    assert result.verdict == "undetermined" and result.signatures[0].integrity == "intact"
    assert "VERIFY-042" in codes(result)
    changed = judge(signed.replace(b"185.400.000", b"485.400.000"))
    assert changed.verdict == "invalid" and changed.signatures[0].integrity == "broken"


def test_an_unknown_kind_of_signature_goes_to_a_person(judge: Judge) -> None:
    result = judge(sign(PLAIN, subfilter=b"/adbe.x509.rsa_sha1"))
    assert result.verdict == "undetermined" and codes(result) == {"VERIFY-061"}
    assert len(result.signatures) == 1


def two_signers(content: cms.ContentInfo) -> cms.ContentInfo:
    content["content"]["signer_infos"] = [content["content"]["signer_infos"][0].copy() for _ in range(2)]
    return content


def test_one_unreadable_signature_does_not_hide_the_others(judge: Judge) -> None:
    twice = sign(sign(PLAIN, twist=two_signers), SEAL, field="Signature2")
    result = judge(twice)
    assert [report.verdict for report in result.signatures] == ["undetermined", "valid_with_notes"]
    assert result.verdict == "undetermined" and "VERIFY-062" in codes(result)


def test_empty_contents_are_unreadable(judge: Judge) -> None:
    signed = sign(PLAIN)
    start = signed.index(b"/Contents <") + len(b"/Contents ")
    end = signed.index(b">", start) + 1
    result = judge(signed[:start] + b"<>" + b" " * (end - start - 2) + signed[end:])
    assert result.verdict not in ("valid", "valid_with_notes", "unsigned") and len(result.signatures) == 1


def test_a_truncated_file_keeps_its_signature_in_the_count_and_is_not_valid(judge: Judge) -> None:
    signed = sign(PLAIN)
    result = judge(signed[:-200])
    assert result.verdict == "undetermined" and result.finders["bytes"] == 1 and "VERIFY-062" in codes(result)
    assert judge(PLAIN[:-200]).verdict == "not_checked"


def test_an_encrypted_file_is_checked_when_it_opens_and_not_checked_when_it_does_not(judge: Judge) -> None:
    opens = blank_pdf(encryption=pikepdf.Encryption(owner="o", user=""))
    assert judge(opens).verdict == "unsigned"
    locked = judge(blank_pdf(encryption=pikepdf.Encryption(owner="o", user="u")))
    assert (locked.verdict, codes(locked)) == ("not_checked", {"VERIFY-007"})


def test_a_signature_in_an_enclosed_file_is_not_this_files_signature(judge: Judge) -> None:
    pdf = pikepdf.open(io.BytesIO(PLAIN))
    pdf.attachments["ky.pdf"] = pikepdf.AttachedFileSpec(pdf, sign(PLAIN))
    out = io.BytesIO()
    pdf.save(out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    assert b"/ByteRange" in out.getvalue()
    assert judge(out.getvalue()).verdict == "unsigned"


def test_names_written_with_escapes_do_not_hide_a_signature(tmp_path: Path) -> None:
    path = tmp_path / "hidden.pdf"
    hidden = re.sub(rb"/ByteRange", b"/Byte#52ange", re.sub(rb"/Sig", b"/S#69g", sign(PLAIN)))
    path.write_bytes(hidden.replace(b"adbe.pkcs7", b"adbe#2epkcs7"))
    assert finders.may_be_signed(path.read_bytes(), path)


def test_files_that_are_no_pdf_are_not_checked(judge: Judge) -> None:
    assert judge(b"").verdict == judge(b"PK\x03\x04 nothing").verdict == "not_checked"


# --- robustness ---------------------------------------------------------------------------------------------

SIGNED_TWICE = both()
_GAPS = [[int(one) for one in numbers.split()]
         for numbers in re.findall(rb"/ByteRange\s*\[([^\]]*)\]", SIGNED_TWICE)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(SIGNED_TWICE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_bytes_never_crash_and_come_out_valid_only_where_nothing_was_signed(
        judge: Judge, changes: list[tuple[int, int]]) -> None:
    data = bytearray(SIGNED_TWICE)
    for place, value in changes:
        data[place] = value
    result = judge(bytes(data))
    outside = any(data[place] != SIGNED_TWICE[place] and not any(
        gap[1] <= place < gap[2] for gap in _GAPS) for place, _ in changes)
    if outside:
        assert result.verdict in ("undetermined", "invalid", "not_checked")
    assert result.verdict != "unsigned"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, 2))
def test_garbage_never_crashes_and_is_never_valid(judge: Judge, garbage: bytes, kind: int) -> None:
    pdf = (b"%PDF-1.7\n" + garbage, b"%PDF-1.7\n/ByteRange [0 1 2 3]" + garbage + b"startxref\n9\n%%EOF",
           sign_once() + garbage)[kind]
    result = judge(pdf)
    assert result.verdict not in ("valid", "valid_with_notes") or not garbage.strip(b" \t\r\n\f\0")


@cache
def sign_once() -> bytes:
    return sign(PLAIN)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text("0123456789abcdefABCDEF \r\n%>z", max_size=60).map(str.encode))
def test_the_quick_reader_of_hex_strings_gives_what_pyhanko_gives(inside: bytes) -> None:
    def run(read: Callable[[Any], Any]) -> tuple[object, ...]:
        stream = io.BytesIO(b"<" + inside + b">/Next")
        try:
            value = read(stream)
        except Exception as error:  # the same error is the same answer
            return (type(error),)
        return type(value), value, value.original_bytes, stream.tell()

    assert run(hexstrings.read_hex_string) == run(hexstrings._original)


# --- trust lists, holders, legal value ----------------------------------------------------------------------

def test_trust_lists_are_read_again_when_the_folder_changes_and_name_what_cannot_be_read(
        tmp_path: Path, judge: Judge) -> None:
    folder = tmp_path / "trust" / "Ban Cơ yếu"
    folder.mkdir(parents=True)
    (folder / "root.pem").write_bytes(certificate(ROOT).public_bytes(serialization.Encoding.PEM))
    first = sig.load_trust(tmp_path / "trust")
    assert (first.names, len(first.roots), len(first.others)) == (("Ban Cơ yếu",), 1, 0)
    (folder / "ca.crt").write_bytes(certificate(CA).public_bytes(serialization.Encoding.DER))
    (folder / "bad.pem").write_bytes(b"not a certificate")
    second = sig.load_trust(tmp_path / "trust")
    assert len(second.others) == 1 and second.version != first.version and "bad.pem" in second.problems[0]
    assert second.name_of(loaded(CA)) == "Ban Cơ yếu" and second.name_of(loaded(SEAL)) == ""
    assert "VERIFY-066" in codes(judge(sign(PLAIN, STRANGER), second))
    assert sig.load_trust(tmp_path / "none") is sig.NO_TRUST


@pytest.mark.parametrize(("cn", "organ", "title", "kind"), [
    ("Nguyễn Văn An", "Sở Nội vụ", "", "person"), ("Đoàn Thị Hội", "", "", "person"),
    ("Sở Nội vụ tỉnh Mẫu", "Ủy ban nhân dân tỉnh Mẫu", "", "agency"), ("UỶ BAN NHÂN DÂN XÃ MẪU", "", "", "agency"),
    ("Cổng Thông tin điện tử Chính phủ", "Văn phòng Chính phủ", "", "agency"),
    ("Đơn vị sự nghiệp X1", "Đơn vị sự nghiệp X1", "", "agency"), ("Bộ Văn Thử", "", "Giám đốc", "person"),
    ("server-01", "", "", "unknown"),
])
def test_person_and_agency_are_told_apart(cn: str, organ: str, title: str, kind: str) -> None:
    assert certificate_of(loaded(replace(PERSON, cn=cn, organ=organ, title=title, serial=700))).holder == kind


@pytest.mark.parametrize(("verdict", "holders", "digitised", "value"), [
    ("valid", {"person", "agency"}, False, "signed_original"),
    ("valid_with_notes", {"person"}, False, "undetermined"),
    ("valid", {"agency"}, True, "signed_copy"), ("valid", {"person"}, True, "unsigned_information"),
    ("unsigned", set(), False, "unsigned_information"), ("undetermined", {"agency"}, False, "undetermined"),
    ("invalid", {"agency"}, True, "undetermined"), ("not_checked", set(), False, "undetermined"),
])
def test_the_legal_value_is_computed(verdict: Any, holders: set[str], digitised: bool, value: str) -> None:
    assert sig.legal_value(verdict, holders, digitised=digitised) == value


def test_a_missing_person_or_agency_is_a_note() -> None:
    def missing(*holders: str, digitised: bool = False) -> list[str]:
        return [one.code for one in sig.who_is_missing("x", holders, digitised=digitised)]

    assert missing("person", "agency") == [] and missing("agency") == ["VERIFY-063"]
    assert missing("person") == ["VERIFY-064"] and missing("person", "unknown") == []
    assert missing("person", digitised=True) == ["VERIFY-067"] and missing("agency", digitised=True) == []


def test_the_seven_fields_are_there_in_both_languages(judge: Judge) -> None:
    report = judge(sign(PLAIN)).signatures[0]
    for language in ("vi", "en"):
        shown = report.fields(language)
        assert tuple(shown) == sig.FIELDS and all(value not in ("", "—") for value in shown.values())
    assert "Nguyễn Văn Thử" in report.fields()["signer"] and "12/11/2026 09:30:08" in report.fields()["time"]


def test_every_verify_code_has_two_sentences_that_take_their_parameters() -> None:
    made = {one.code for one in rules().values() if one.code.startswith("VERIFY-")}
    source = "".join(path.read_text() for path in (Path(__file__).parent.parent / "ingest").rglob("*.py"))
    assert set(re.findall(r"VERIFY-\d{3}", source)) == made


# --- the stage and the command --------------------------------------------------------------------------------

@pytest.fixture
def item(tmp_path: Path) -> Callable[..., Item]:
    def make(*files: tuple[str, bytes], **fields: str) -> Item:
        parts = []
        for n, (name, data) in enumerate(files):
            path = tmp_path / f"{n}-{name}"
            path.write_bytes(data)
            parts.append(Part(name, "original" if n == 0 else "attachment", path, len(data), "", "",
                              name.rpartition(".")[2]))
        return Item("1", "inbox", files[0][0], tmp_path, parts, RECEIVED, dict(fields))
    return make


def context(trust: Path, **policy: Any) -> Context:
    given_settings = Settings(signatures={"trust": trust, **policy})
    return Context(given_settings, date(2026, 11, 20), RECEIVED)


def test_the_stage_notes_facts_and_writes_its_report_and_may_run_twice(
        item: Callable[..., Item], trust_folder: Path) -> None:
    one = item(("qd.pdf", both()), organName="Ủy ban nhân dân tỉnh Thử")
    first = stage.verify(one, context(trust_folder))
    facts = one.facts["verify"]
    assert stage.verify(one, context(trust_folder)) == first and one.facts["verify"] == facts
    assert (facts["verdict"], facts["legal_value"]) == ("valid_with_notes", "signed_original")
    assert [each["signer"] for each in facts["signatures"]] == [PERSON.cn, SEAL.cn]
    assert facts["counts"] == {"form": 2, "pages": 2, "bytes": 2}
    assert one.facts["files"] == [{"path": "signatures.json", "role": "signature-report", "format": "json"},
                                  {"path": "signatures.pdf", "role": "signature-print", "format": "pdf"}]
    written = json.loads((one.folder / "signatures.json").read_text())
    assert written["verdict"] == "valid_with_notes" and len(written["files"][0]["signatures"]) == 2
    assert [each.code for each in first] == ["VERIFY-002", "VERIFY-034", "VERIFY-036"]
    assert PERSON.cn in first[1].sentence() and SEAL.cn in first[1].sentence()
    json.dumps(one.facts)


def test_a_verdict_holds_the_item_back_as_the_policy_says_and_no_other_does(
        item: Callable[..., Item], trust_folder: Path) -> None:
    def held(one: Item, **policy: Any) -> list[str]:
        return [found.code for found in stage.verify(one, context(trust_folder, **policy))
                if found.level >= Level.refused]

    changed = item(("qd.pdf", sign(PLAIN).replace(b"185.400.000", b"485.400.000")))
    assert held(changed) == ["VERIFY-004"] and changed.facts["verify"]["legal_value"] == "undetermined"
    assert held(changed, invalid="pass") == [] and held(changed, invalid="block") == ["VERIFY-038"]
    strange = item(("qd.pdf", sign(PLAIN, STRANGER)))
    assert held(strange) == held(strange, invalid="block") == []
    assert held(strange, undetermined="quarantine") == ["VERIFY-003"]
    plain = item(("qd.pdf", PLAIN))
    assert held(plain) == [] and held(plain, unsigned="quarantine") == ["VERIFY-005"]
    assert held(plain, unsigned="block") == ["VERIFY-038"]
    good = item(("qd.pdf", both()))
    assert held(good) == held(good, unsigned="block") == []
    assert held(good, valid_with_notes="quarantine") == ["VERIFY-002"]
    broken = item(("qd.pdf", PLAIN[:-200]))
    assert held(broken) == [] and held(broken, not_checked="quarantine") == ["VERIFY-006"]
    assert held(broken, not_checked="block") == ["VERIFY-038"]


def test_an_agency_can_have_a_policy_of_its_own_under_each_of_its_codes(
        item: Callable[..., Item], trust_folder: Path) -> None:
    own = {"unsigned": "pass", "agencies": {"H51.15": {"unsigned": "quarantine"}, "H99": {"invalid": "block"}}}
    for code, expected in (("H51.15", ["VERIFY-005"]), ("000.00.15.H51", ["VERIFY-005"]), (" h51.15 ", ["VERIFY-005"]),
                           ("H51", []), ("H99", []), ("", [])):
        found = stage.verify(item(("qd.pdf", PLAIN), organId=code), context(trust_folder, **own))
        assert [one.code for one in found if one.level >= Level.refused] == expected, code


def test_a_changed_attachment_makes_the_item_invalid_and_an_unsigned_one_does_not(
        item: Callable[..., Item], trust_folder: Path) -> None:
    good, bad = both(), sign(PLAIN).replace(b"185.400.000", b"485.400.000")
    one = item(("qd.pdf", good), ("pl.pdf", PLAIN))
    stage.verify(one, context(trust_folder))
    assert one.facts["verify"]["verdict"] == "valid_with_notes"
    two = item(("qd.pdf", good), ("pl.pdf", bad))
    stage.verify(two, context(trust_folder))
    assert two.facts["verify"]["verdict"] == "invalid"
    three = item(("qd.pdf", PLAIN), ("pl.pdf", good))
    stage.verify(three, context(trust_folder))
    assert three.facts["verify"]["verdict"] == "unsigned"


def test_the_legal_value_follows_what_digitising_saw(item: Callable[..., Item], trust_folder: Path) -> None:
    one = item(("qd.pdf", sign(PLAIN)))
    stage.verify(one, context(trust_folder))
    assert stage.settle_legal_value(one, context(trust_folder)) == []
    one.facts["digitise"] = {"scan": True}
    assert [each.code for each in stage.settle_legal_value(one, context(trust_folder))] == ["VERIFY-067"]
    assert one.facts["verify"]["legal_value"] == "unsigned_information"
    two = item(("qd.pdf", sign(PLAIN, SEAL)), confidenceLevel="02")
    stage.verify(two, context(trust_folder))
    assert two.facts["verify"]["legal_value"] == "signed_copy"


def test_an_electronic_original_without_signature_and_a_portals_signature_are_mentioned(
        item: Callable[..., Item], trust_folder: Path) -> None:
    one = item(("qd.pdf", PLAIN), confidenceLevel="Gốc điện tử")
    assert "VERIFY-069" in {each.code for each in stage.verify(one, context(trust_folder))}
    two = item(("qd.pdf", both()), organName="Bộ Khác")
    assert "VERIFY-068" in {each.code for each in stage.verify(two, context(trust_folder))}


def test_an_office_signature_is_seen_and_not_judged(item: Callable[..., Item], trust_folder: Path,
                                                    tmp_path: Path) -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("_xmlsignatures/sig1.xml", "<Signature/>")
    one = item(("cv.docx", out.getvalue()))
    assert "VERIFY-003" in {each.code for each in stage.verify(one, context(trust_folder))}
    assert one.facts["verify"]["verdict"] == "undetermined"
    (tmp_path / "plain.txt").write_text("nothing")
    assert office.office_signature(tmp_path / "plain.txt") == ""


def test_the_command_says_verdicts_fields_and_the_exit_code(tmp_path: Path, trust_folder: Path) -> None:
    good, bad, plain = tmp_path / "tot.pdf", tmp_path / "sua.pdf", tmp_path / "tron.pdf"
    good.write_bytes(both())
    bad.write_bytes(sign(PLAIN).replace(b"185.400.000", b"485.400.000"))
    plain.write_bytes(PLAIN)

    def run(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(command, ["verify", *map(str, arguments)], env={"LUUTRU_LANGUAGE": "vi"})
        return done.exit_code, done.output

    code, text = run(good, "--trust", trust_folder, "--all")
    assert code == 0 and "HỢP LỆ, CÓ LƯU Ý" in text and "Nguyễn Văn Thử" in text and "lệch 7 giờ" in text
    code, text = run(good, bad, "--trust", trust_folder)
    assert code == 3 and "KHÔNG HỢP LỆ" in text and "ĐÃ BỊ THAY ĐỔI" in text
    code, text = run(plain, "--trust", trust_folder)
    assert code == 3 and "KHÔNG CÓ CHỮ KÝ" in text
    code, text = run(good, "--json")
    assert code == 3 and json.loads(text)[0]["verdict"] == "undetermined"       # no trust list, nothing is valid
