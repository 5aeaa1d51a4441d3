"""Revocation and the bounds of trust: what lists and answers prove, for whom an authority may vouch, and until when."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import clock, opening
from archive.opening import Archive, ownership
from archive.settings import load as load_settings
from ingest import signatures as sig
from ingest.commands import trust as trust_command
from ingest.signatures import register, revocation, revocation_store
from ingest.signatures.trust import FOLDER_REGISTER, load_trust
from samples.making import pki
from tests.test_signatures import (
    CA,
    ENDED,
    PERSON,
    PLAIN,
    RECEIVED,
    ROOT,
    SEAL,
    SIGNED,
    TSA,
    Holder,
    Judge,
    certificate,
    codes,
    loaded,
    revocation_list,
    sign,
)

DER = serialization.Encoding.DER
WEEK = timedelta(days=7)
FALSE_CA = replace(CA, key="uy-ban", issuer=None)       # the same name, another key


@pytest.fixture
def root(archive: Archive) -> Path:
    return archive.settings.root


def luutru(root: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(trust_command.command, [*arguments, "--json"], obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout) if done.exit_code in (0, 3) else done.exit_code


def enter(root: Path, tmp_path: Path, *holders: Holder, purpose: str = "both", into: str = "cong-vu",
          more: tuple[str, ...] = ()) -> Any:
    paths = []
    for holder in holders:
        paths.append(tmp_path / f"{holder.serial}.der")
        paths[-1].write_bytes(certificate(holder).public_bytes(DER))
    return luutru(root, "add", *map(str, paths), "--list", into, "--purpose", purpose, "--confirmed-by", "Lan",
                  "--reason", "đối chiếu", *more)


@pytest.fixture
def judge(root: Path, tmp_path: Path) -> Callable[..., sig.DocumentSignatures]:
    """Judges by the trust folder of the archive as it stands."""
    def by_now(pdf: bytes, received: datetime = RECEIVED) -> sig.DocumentSignatures:
        return Judge(tmp_path, load_trust(root / "trust"))(pdf, received=received)
    return by_now


def crl(issuer: Holder, made: datetime, until: datetime, revoked: dict[int, tuple[datetime, x509.ReasonFlags | None]],
        *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.name).last_update(made).next_update(until)
    for serial, (at, reason) in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(pki.key(issuer.key), hashes.SHA256()).public_bytes(DER)


def responder(issuer: Holder, *, allowed: bool = True) -> x509.Certificate:
    """A certificate of `issuer` for a responder with the key of TSA's."""
    made = (x509.CertificateBuilder().subject_name(replace(TSA, cn="Máy chủ OCSP").name).issuer_name(issuer.name)
            .serial_number(77).public_key(pki.key("tsa").public_key())
            .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2030, 1, 1, tzinfo=UTC)))
    if allowed:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    return made.sign(pki.key(issuer.key), hashes.SHA256())


def answer(about: Holder, made: datetime, *, revoked: datetime | None = None, delegated: bool = False,
           allowed: bool = True, by: Holder | None = None) -> bytes:
    issuer = about.issuer or about
    signing = by or issuer
    signer = responder(signing, allowed=allowed) if delegated else certificate(signing)
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate(about), certificate(issuer), hashes.SHA1(),
        ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD, made, made + WEEK, revoked,
        x509.ReasonFlags.key_compromise if revoked else None).responder_id(ocsp.OCSPResponderEncoding.NAME, signer)
    if delegated:
        builder = builder.certificates([signer])
    return builder.sign(pki.key("tsa" if delegated else signing.key), hashes.SHA256()).public_bytes(DER)


def take(archive: Archive, data: bytes) -> revocation_store.Fetched:
    with ownership(archive):
        return revocation_store.take(archive, data, "tệp", "lan")


# --- for whom, and until when ------------------------------------------------------------------------------


def test_an_authority_for_timestamps_vouches_for_no_signer_and_the_finding_names_it(
        root: Path, tmp_path: Path, judge: Callable[..., sig.DocumentSignatures]) -> None:
    enter(root, tmp_path, ROOT, CA, purpose="timestamps")
    result = judge(sign(PLAIN))
    [report] = result.signatures
    assert report.token and report.token.state == "valid", "for timestamps it is believed"
    assert "VERIFY-085" in codes(result) and not {"VERIFY-021", "VERIFY-022"} & codes(result)
    assert (result.verdict, report.identity) == ("undetermined", "unknown")
    [told] = [one for one in report.reasons if one.code == "VERIFY-085"]
    assert told.params["list"] == "cong-vu" and told.params["root"] == ROOT.cn


def test_an_authority_for_signers_gives_no_time(root: Path, tmp_path: Path,
                                                judge: Callable[..., sig.DocumentSignatures]) -> None:
    enter(root, tmp_path, ROOT, CA, purpose="signatures")
    result = judge(sign(PLAIN))
    [report] = result.signatures
    assert report.token and report.token.state == "untrusted" and report.judged_by == "receipt"
    assert "VERIFY-086" in codes(result) and "VERIFY-051" not in codes(result) and report.identity == "trusted"


def test_the_purpose_of_an_issuer_between_counts_even_where_the_document_encloses_it(
        root: Path, tmp_path: Path, judge: Callable[..., sig.DocumentSignatures]) -> None:
    enter(root, tmp_path, ROOT)
    enter(root, tmp_path, CA, purpose="timestamps")

    def enclosing(made: Any) -> Any:
        made["content"]["certificates"].append(loaded(CA))
        return made

    assert "VERIFY-085" in codes(judge(sign(PLAIN, twist=enclosing)))
    enter(root, tmp_path, CA, purpose="signatures")
    assert judge(sign(PLAIN)).signatures[0].identity == "trusted"


def test_timestamps_and_signers_may_come_from_lists_of_their_own(root: Path, tmp_path: Path,
                                                                 judge: Callable[..., sig.DocumentSignatures]) -> None:
    other = Holder("Gốc dấu thời gian", "uy-ban", kind="ca", period=ROOT.period, serial=41)
    server = replace(TSA, issuer=other, serial=42)
    enter(root, tmp_path, ROOT, CA, purpose="signatures")
    enter(root, tmp_path, other, purpose="timestamps", into="dau-thoi-gian")
    [report] = judge(sign(PLAIN, server=server)).signatures
    assert report.token and report.token.state == "valid" and report.judged_by == "token"
    assert (report.identity, report.trust_list) == ("trusted", "cong-vu")


def test_a_root_can_be_believed_for_signatures_up_to_a_day_only(root: Path, tmp_path: Path,
                                                                judge: Callable[..., sig.DocumentSignatures]) -> None:
    day = SIGNED.date()
    enter(root, tmp_path, ROOT, CA, more=("--from", "2020-01-01", "--to", day.isoformat()))
    assert judge(sign(PLAIN)).signatures[0].identity == "trusted", "its token is of that day"
    late = judge(sign(PLAIN, at=SIGNED + timedelta(days=1)))
    assert "VERIFY-087" in codes(late) and late.verdict == "undetermined"
    assert "VERIFY-087" in codes(judge(sign(PLAIN, no_token=True))), "proved by our receipt alone, which came later"


def test_the_register_counts_its_versions_and_tells_who_changed_it(root: Path, tmp_path: Path,
                                                                   archive: Archive) -> None:
    enter(root, tmp_path, ROOT)
    enter(root, tmp_path, CA, purpose="signatures", more=("--to", "31/12/2026"))
    [_first, second] = luutru(root, "list") if luutru(root, "list")[0]["root"] else reversed(luutru(root, "list"))
    assert (second["purpose"], second["from"], second["to"]) == ("signatures", "", "2026-12-31")
    assert second["version"].startswith("2-") and load_trust(root / "trust").version == second["version"]
    luutru(root, "remove", second["sha256"], "--reason", "nhầm", "--yes")
    lists = load_trust(root / "trust")
    assert lists.number == 3 and lists.changed_by and lists.changed_at and len(lists.others) == 0
    (root / "trust" / "cong-vu" / "again.der").write_bytes(certificate(CA).public_bytes(DER))
    again = load_trust(root / "trust")
    assert again.others == () and any("removed" in one for one in again.problems), "a file alone brings nothing back"
    told = [(line.kind, line.data["number"]) for line in archive.ledger.lines() if line.kind.startswith("trust_")]
    assert told == [("trust_added", 1), ("trust_added", 2), ("trust_removed", 3)]


def test_a_damaged_register_makes_nobody_believed(root: Path, tmp_path: Path,
                                                  judge: Callable[..., sig.DocumentSignatures]) -> None:
    enter(root, tmp_path, ROOT, CA)
    for text in ("{", '{"certificates": [{"sha256": "00"}]}', '{"certificates": [1]}', "[]"):
        (root / "trust" / FOLDER_REGISTER).write_text(text)
        result = judge(sign(PLAIN))
        assert result.signatures[0].identity == "unknown" and "VERIFY-066" in codes(result), text


def test_a_change_that_was_killed_after_the_store_is_told_by_the_next_command(
        root: Path, tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(register, "settle", lambda archive: 1 / 0)
        with pytest.raises(ZeroDivisionError), ownership(archive):
            (tmp_path / "goc.der").write_bytes(certificate(ROOT).public_bytes(DER))
            register.add(archive, [tmp_path / "goc.der"], "cong-vu", "signatures", "Lan", "đối chiếu", "lan")
    assert not [line for line in archive.ledger.lines() if line.kind == "trust_added"]
    luutru(root, "update", str(tmp_path / "goc.der"))
    told = opening.open_archive(load_settings(root))
    assert [(line.actor, line.data["purpose"]) for line in told.ledger.lines() if line.kind == "trust_added"] == [
        ("lan", "signatures")]
    told.close()
    assert json.loads((root / "trust" / FOLDER_REGISTER).read_bytes())["number"] == 1


# --- what a list proves ------------------------------------------------------------------------------------


@pytest.fixture
def believed(root: Path, tmp_path: Path, archive: Archive) -> Archive:
    enter(root, tmp_path, ROOT, CA)
    assert not take(archive, revocation_list(ROOT, {}, RECEIVED)).reason
    return archive


def test_a_list_that_ran_out_still_knows_of_revocations_and_of_nothing_else(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures]) -> None:
    at = SIGNED - timedelta(days=30)
    old = crl(CA, at, at + WEEK, {SEAL.serial: (at - WEEK, x509.ReasonFlags.key_compromise)})
    assert not take(believed, old).reason
    good = judge(sign(PLAIN))
    assert {"VERIFY-034", "VERIFY-088"} <= codes(good) and good.signatures[0].revocation == "unknown"
    gone = judge(sign(PLAIN, SEAL))
    assert (gone.verdict, gone.signatures[0].revocation) == ("invalid", "revoked"), "revoked stays revoked"


def test_a_suspension_in_a_list_that_ran_out_may_have_ended(believed: Archive,
                                                            judge: Callable[..., sig.DocumentSignatures]) -> None:
    at = SIGNED - timedelta(days=30)
    take(believed, crl(CA, at, at + WEEK, {PERSON.serial: (at - WEEK, x509.ReasonFlags.certificate_hold)}))
    assert judge(sign(PLAIN)).signatures[0].revocation == "unknown"
    take(believed, crl(CA, SIGNED, SIGNED + WEEK, {PERSON.serial: (at - WEEK, x509.ReasonFlags.certificate_hold)}))
    assert judge(sign(PLAIN)).signatures[0].revocation == "revoked", "in force at the time of signing"


def test_the_hours_of_grace_are_said(believed: Archive, judge: Callable[..., sig.DocumentSignatures]) -> None:
    made = SIGNED - timedelta(hours=30)
    take(believed, crl(CA, made, made + timedelta(hours=12), {}))
    result = judge(sign(PLAIN))
    assert result.signatures[0].revocation == "good" and "VERIFY-088" in codes(result)
    assert result.verdict == "valid_with_notes" and "VERIFY-034" not in codes(result)


def test_a_list_made_after_a_certificates_end_proves_nothing_of_it(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures]) -> None:
    take(believed, crl(CA, RECEIVED, RECEIVED + WEEK, {}))
    signed = sign(PLAIN, ENDED, at=datetime(2026, 9, 1, tzinfo=UTC))
    assert judge(signed).signatures[0].revocation == "unknown", "it need not name what has run out"
    first = datetime(2026, 9, 2, tzinfo=UTC)
    kept = take(believed, crl(CA, first, first + WEEK, {ENDED.serial: (first - WEEK * 4, None)}))
    assert kept.kept and kept.reason, "older than the one in use: kept for looks back"
    [path] = revocation_store.earlier(believed, datetime(2026, 9, 1, tzinfo=UTC))
    history = believed.settings.root / "trust" / "history"
    history.mkdir()
    version = load_trust(history.parent).version
    believed.store.export(register.OBJECT, path, history / "first.crl")
    assert load_trust(history.parent).version == version, "history is not part of what is believed"
    assert judge(signed).signatures[0].revocation == "revoked"


@pytest.mark.parametrize("extension", [
    x509.DeltaCRLIndicator(4),
    x509.IssuingDistributionPoint(None, None, False, False, None, True, False)])
def test_delta_and_indirect_lists_are_refused_with_a_reason(believed: Archive, extension: x509.ExtensionType) -> None:
    made = crl(CA, SIGNED, SIGNED + WEEK, {}, extension)
    done = take(believed, made)
    assert done.reason and not done.kept and done.issuer
    (believed.settings.root / "trust" / "cong-vu" / "dropped.crl").write_bytes(made)
    lists = load_trust(believed.settings.root / "trust")
    assert any("dropped.crl" in one for one in lists.problems) and len(lists.crls) == 1


def test_lists_of_users_and_of_authorities_lie_side_by_side(believed: Archive,
                                                            judge: Callable[..., sig.DocumentSignatures]) -> None:
    for user in (True, False):
        scope = x509.IssuingDistributionPoint(None, None, user, not user, None, False, False)
        assert not take(believed, crl(CA, SIGNED - timedelta(days=1), SIGNED + WEEK, {}, scope)).reason
    assert len(load_trust(believed.settings.root / "trust").crls) == 3
    assert judge(sign(PLAIN)).signatures[0].revocation == "good"


# --- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delegated", [False, True])
def test_an_answer_of_the_issuer_or_its_responder_is_evidence(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures], delegated: bool) -> None:
    done = take(believed, answer(PERSON, SIGNED, delegated=delegated))
    assert (done.reason, done.kind, done.revoked) == ("", "ocsp", 0)
    assert judge(sign(PLAIN)).signatures[0].revocation == "good"
    take(believed, answer(PERSON, SIGNED + timedelta(days=1), revoked=SIGNED - WEEK, delegated=delegated))
    assert judge(sign(PLAIN)).verdict == "invalid"


def test_an_answer_about_a_later_revocation_leaves_the_signature_valid(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures]) -> None:
    take(believed, answer(PERSON, RECEIVED, revoked=SIGNED + timedelta(days=2)))
    result = judge(sign(PLAIN))
    assert (result.verdict, result.signatures[0].revocation) == ("valid_with_notes", "good")
    assert "VERIFY-033" in codes(result) and "VERIFY-034" not in codes(result)


@pytest.mark.parametrize("forged", [
    {"by": FALSE_CA}, {"delegated": True, "allowed": False}, {"delegated": True, "by": FALSE_CA}])
def test_an_answer_that_nobody_trusted_signed_is_not_taken_and_not_believed(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures], forged: dict[str, Any]) -> None:
    made = answer(PERSON, SIGNED, **forged)
    assert take(believed, made).reason
    (believed.settings.root / "trust" / "cong-vu" / "dropped.ocsp").write_bytes(made)
    assert judge(sign(PLAIN)).signatures[0].revocation == "unknown"


def test_a_responder_that_refuses_gives_nothing(believed: Archive) -> None:
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(DER)
    assert "try_later" in take(believed, made).reason


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_lists_and_answers_never_crash_and_are_never_taken(believed: Archive, data: st.DataObject) -> None:
    made = data.draw(st.sampled_from([
        crl(CA, SIGNED, SIGNED + WEEK, {}), answer(PERSON, SIGNED, delegated=True), b"", b"0\x00"]))
    signed_part = (asn1_crl.CertificateList.load(made)["tbs_cert_list"].dump() if made[:2] == b"0\x82" and b"\x18\x0f"
                   not in made else asn1_ocsp.OCSPResponse.load(made).response_data.dump() if len(made) > 2 else b"x")
    place = data.draw(st.integers(0, max(0, len(made) - 1)))
    cut = data.draw(st.booleans())
    broken = made[:place] if cut else made[:place] + bytes([made[place] ^ data.draw(st.integers(1, 255))]
                                                           ) + made[place + 1:] if made else made
    lists = load_trust(believed.settings.root / "trust")
    for read in (revocation_store._list, revocation_store._answer):
        told, _place, _fields = read(broken, "x", lists)
        assert told.reason or signed_part in broken, "taken only where the damage is outside of what was signed"
    revocation.last_word(loaded(PERSON), loaded(CA), lists.crls, lists.ocsps)


def test_a_list_whose_signature_algorithm_is_damaged_is_not_taken(believed: Archive) -> None:
    made = crl(CA, SIGNED, SIGNED + WEEK, {})
    listed = asn1_crl.CertificateList.load(made)
    place = made.index(listed["tbs_cert_list"].dump()) + len(listed["tbs_cert_list"].dump())
    for bit in (32, 64, 128):
        broken = made[:place] + bytes([made[place] ^ bit]) + made[place + 1:]
        assert revocation_store._list(broken, "x", load_trust(believed.settings.root / "trust"))[0].reason


# --- the server of timestamps ------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "state"), [
    (x509.ReasonFlags.superseded, "valid"), (x509.ReasonFlags.key_compromise, "untrusted"), (None, "untrusted")])
def test_a_servers_certificate_revoked_later_for_its_key_or_without_a_reason_gives_no_time(
        believed: Archive, judge: Callable[..., sig.DocumentSignatures], reason: x509.ReasonFlags | None,
        state: str) -> None:
    take(believed, revocation_list(CA, {}, RECEIVED))
    take(believed, crl(ROOT, RECEIVED, RECEIVED + WEEK, {TSA.serial: (RECEIVED - timedelta(days=1), reason)}))
    result = judge(sign(PLAIN))
    [report] = result.signatures
    assert report.token and report.token.state == state
    assert ("VERIFY-089" in codes(result)) == (state == "untrusted") and result.verdict != "invalid"


def test_a_server_is_judged_at_its_tokens_time_not_at_ours(believed: Archive,
                                                           judge: Callable[..., sig.DocumentSignatures]) -> None:
    ended = replace(TSA, serial=31, period=(datetime(2026, 1, 1, tzinfo=UTC), SIGNED + timedelta(hours=2)))
    [report] = judge(sign(PLAIN, server=ended)).signatures
    assert report.token and report.token.state == "valid"
    over = replace(TSA, serial=32, period=(datetime(2026, 1, 1, tzinfo=UTC), SIGNED - timedelta(hours=2)))
    [report] = judge(sign(PLAIN, server=over)).signatures
    assert report.token and report.token.state == "untrusted"


# --- the network -------------------------------------------------------------------------------------------


@contextmanager
def served(pages: dict[str, Any]) -> Iterator[str]:
    """Pages by their path: bytes, a place to go to, or a number of seconds to wait."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            if callable(page):
                page = page(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if isinstance(page, str):
                self.send_response(302)
                self.send_header("Location", page)
                self.end_headers()
                return
            self.send_response(200 if isinstance(page, bytes) else 404)
            self.end_headers()
            if isinstance(page, bytes):
                self.wfile.write(page)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_fails_does_not_stop_the_others_and_every_refusal_has_a_reason(
        believed: Archive, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_store, "MOST", 4096)
    stuck = threading.Event()

    def slow(_body: bytes) -> bytes:
        stuck.wait(3)
        return b""

    pages: dict[str, Any] = {"/good": revocation_list(CA, {}, RECEIVED), "/moved": "/good", "/loop": "/loop",
                             "/out": "file:///etc/passwd", "/large": b"0" * 5000, "/slow": slow, "/junk": b"<html>"}
    with served(pages) as address:
        urls = [f"{address}{path}" for path in ("/out", "/loop", "/large", "/slow", "/junk", "/none", "/moved")]
        urls += ["ldap://127.0.0.1/cn=ca", "file:///etc/passwd", "data:,x"]
        told = luutru(root, "update", "--seconds", "0.5", *[part for url in urls for part in ("--url", url)])
        stuck.set()
    assert [one["taken"] for one in told] == [False] * 6 + [True] + [False] * 3
    assert all(one["reason"] for one in told if not one["taken"])
    assert len({one["reason"] for one in told}) >= 6, "each in words of its own"


def test_a_responder_is_asked_about_one_certificate(believed: Archive, root: Path, tmp_path: Path,
                                                    judge: Callable[..., sig.DocumentSignatures]) -> None:
    (tmp_path / "nguoi-ky.der").write_bytes(certificate(PERSON).public_bytes(DER))

    def reply(body: bytes) -> bytes:
        asked = ocsp.load_der_ocsp_request(body)
        return answer(PERSON if asked.serial_number == PERSON.serial else SEAL, SIGNED)

    with served({"/": reply, "/other": answer(SEAL, SIGNED)}) as address:
        for path, taken in (("/other", False), ("/", True)):
            [told] = luutru(root, "update", "--certificate", str(tmp_path / "nguoi-ky.der"), "--url", address + path)
            assert (told["taken"], told["kind"]) == (taken, "ocsp"), told
    assert judge(sign(PLAIN)).signatures[0].revocation == "good"
    assert asn1_x509.Certificate.load((tmp_path / "nguoi-ky.der").read_bytes()).serial_number == PERSON.serial


def test_an_address_of_ldap_is_named_only_where_there_is_no_other(root: Path, tmp_path: Path) -> None:
    def points(*urls: str) -> bytes:
        key = pki.key("goc")
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA " + urls[0])])
        return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                .serial_number(len(urls)).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
                .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
                    [x509.UniformResourceIdentifier(url) for url in urls], None, None, None)]), critical=False)
                .sign(key, hashes.SHA256()).public_bytes(DER))

    folder = root / "trust" / "x"
    folder.mkdir(parents=True)
    (folder / "1.der").write_bytes(points("ldap://a/1"))
    (folder / "2.der").write_bytes(points("ldap://b/1", "http://b/1"))
    assert sorted(revocation_store.addresses(load_trust(root / "trust"))) == ["http://b/1", "ldap://a/1"]


def test_what_the_folder_lost_comes_back_with_its_lists(believed: Archive, root: Path) -> None:
    take(believed, answer(PERSON, SIGNED))
    take(believed, revocation_list(CA, {}, RECEIVED))
    before = load_trust(root / "trust").version
    for path in sorted((root / "trust").rglob("*")):
        if path.is_file():
            path.unlink()
    assert luutru(root, "restore") == {"restored": 2, "revocations": 3}
    assert load_trust(root / "trust").version == before
    assert clock.parse(load_trust(root / "trust").changed_at)
