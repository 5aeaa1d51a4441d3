"""The 22 checks (S1–S22): each is answered by findings that people can read, and no finding stands outside of them."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID as USE  # noqa: N814
from cryptography.x509.oid import ObjectIdentifier

from archive.findings import Level, finding, rules
from archive.settings import Settings, SignatureSettings
from ingest import digitise
from ingest import signatures as sig
from ingest.item import Context, Item, Part
from ingest.signatures import files, standing
from ingest.signatures.holders import certificate_of
from ingest.signatures.policy import policy
from ingest.signatures.report import SignatureReport, word
from ingest.stages import verify as stage
from samples.making import pki
from tests.test_signatures import (
    CA,
    PERSON,
    PLAIN,
    RECEIVED,
    ROOT,
    SEAL,
    SHIFT,
    SIGNED,
    both,
    certificate,
    codes,
    loaded,
    sign,
)

TABLE = Path(files.__file__).with_name("checks.toml")
CHECKS: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
DOCS = Path(__file__).parent.parent / "docs" / "trust.md"


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> sig.TrustLists:
    """One list with root and sub-CA."""
    folder = tmp_path_factory.mktemp("trust") / "cong-vu"
    folder.mkdir()
    for holder in (ROOT, CA):
        (folder / f"{holder.serial}.pem").write_bytes(certificate(holder).public_bytes(serialization.Encoding.PEM))
    return sig.load_trust(folder.parent)


# --- the table ---------------------------------------------------------------------------------------------

def test_every_check_is_answered_by_findings_with_a_sentence_in_both_languages() -> None:
    assert [name for name in CHECKS if name != "others"] == [f"S{n}" for n in range(1, 23)]
    for name, check in CHECKS.items():
        assert check["codes"], name
        for code in check["codes"]:
            rule = rules()[code]
            assert rule.vi and rule.en and rule.cure_vi and rule.cure_en, code
        if name != "others":
            assert check["level"] in ("must", "optional", "ours") and isinstance(check["sure"], bool)
            assert check["vi"] and check["en"] and bool(check["rule"]) == (check["level"] != "ours"), name


def test_every_finding_about_signatures_belongs_to_a_check_or_is_named_as_ours() -> None:
    named = {code for check in CHECKS.values() for code in check["codes"] if code.startswith("VERIFY-")}
    assert {code for code in rules() if code.startswith("VERIFY-")} == named


def test_the_page_shows_the_table() -> None:
    shown = re.findall(r"^\| S\d+ \|.*\|$", DOCS.read_text(encoding="utf-8"), re.M)
    assert shown == table(), "\n".join(table())


def table() -> list[str]:
    """The rows of the page's table; a rule that was not read in its official text bears a question mark."""
    return [f"| {name} | {one['en']} | {one['rule'] or 'our own care'}{'' if one['sure'] else ' (?)'} "
            f"| {ranges(one['codes'])} |" for name, one in CHECKS.items() if name != "others"]


def ranges(named: list[str]) -> str:
    """VERIFY-001…003, 005; SEAL-010…018"""
    groups: dict[str, list[int]] = {}
    for code in named:
        prefix, _, number = code.rpartition("-")
        groups.setdefault(prefix, []).append(int(number))
    told = []
    for prefix, numbers in groups.items():
        runs: list[list[int]] = []
        for one in sorted(numbers):
            if runs and runs[-1][-1] == one - 1:
                runs[-1].append(one)
            else:
                runs.append([one])
        told.append(f"{prefix}-" + ", ".join(f"{run[0]:03d}" if len(run) == 1 else f"{run[0]:03d}…{run[-1]:03d}"
                                             for run in runs))
    return "; ".join(told)


# --- the checks that are answered here ---------------------------------------------------------------------------

def verify(pdf: bytes, lists: sig.TrustLists, folder: Path) -> sig.DocumentSignatures:
    path = folder / "van-ban.pdf"
    path.write_bytes(pdf)
    result = files.verify_file(path, lists, RECEIVED, "van-ban.pdf")
    assert result is not None
    return result


@pytest.fixture
def item(tmp_path: Path) -> Callable[..., Item]:
    def make(data: bytes, **fields: str) -> Item:
        path = tmp_path / "van-ban.pdf"
        path.write_bytes(data)
        return Item("1", "inbox", "van-ban.pdf", tmp_path, [Part("van-ban.pdf", "original", path, len(data), "", "",
                                                                 "pdf")], RECEIVED, dict(fields))
    return make


@pytest.fixture
def context(lists: sig.TrustLists, tmp_path: Path) -> Context:
    return Context(Settings(root=tmp_path, signatures=SignatureSettings(printed=False)), RECEIVED.date(), RECEIVED)


@pytest.mark.parametrize(("uses", "told"), [
    ([USE.SERVER_AUTH], True), ([USE.CODE_SIGNING, USE.OCSP_SIGNING], True),
    ([USE.CLIENT_AUTH, USE.EMAIL_PROTECTION, USE.SMARTCARD_LOGON], False),
    ([USE.SERVER_AUTH, USE.EMAIL_PROTECTION], False),
    ([ObjectIdentifier("2.16.704.1.1.1.9")], False), ([], False)])
def test_s9_a_certificate_for_something_else_than_documents_is_told(uses: list[Any], told: bool) -> None:
    builder = (x509.CertificateBuilder().subject_name(PERSON.name).issuer_name(CA.name).serial_number(77)
               .public_key(pki.key(PERSON.key).public_key()).not_valid_before(PERSON.period[0])
               .not_valid_after(PERSON.period[1]))
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    made = builder.sign(pki.key(CA.key), hashes.SHA256())
    held = type(loaded(PERSON)).load(made.public_bytes(serialization.Encoding.DER))
    report = SignatureReport("x")
    standing.tell_holder(held, certificate_of(held), standing.Notes(report, "x.pdf"))
    assert ("VERIFY-046" in {one.code for one in report.reasons}) is told
    assert report.verdict == ("undetermined" if told else "valid")


def test_s9_names_of_other_purposes_are_ones_that_the_library_gives() -> None:
    from asn1crypto.x509 import KeyPurposeId

    assert policy().other_purposes <= set(KeyPurposeId._map.values())


def test_s11_a_portals_copy_is_a_note_and_the_agencys_own_is_none(item: Callable[..., Item], context: Context,
                                                                  lists: sig.TrustLists, monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "load_trust", lambda _folder: lists)
    portal = replace(SEAL, cn="Cổng Thông tin điện tử Chính phủ", organ="Văn phòng Chính phủ", serial=300)
    for pdf, organ, expected in (
            (sign(PLAIN, portal), "Bộ Nội vụ", [Level.note]), (sign(PLAIN, portal), "VĂN PHÒNG CHÍNH PHỦ", []),
            (both(), "Uỷ ban nhân dân tỉnh Thử", []), (both(), "", []),
            (both(), "Ủy ban nhân dân tỉnh Khác", [Level.note])):
        one = item(pdf, organName=organ)
        found = [each for each in stage.verify(one, context) if each.code == "VERIFY-068"]
        assert [each.level for each in found] == expected, organ
        assert one.facts["verify"]["verdict"] == "valid_with_notes"
        for each in found:
            assert organ in each.sentence() and one.facts["verify"]["signatures"][0]["signer"] in each.sentence()


@pytest.mark.parametrize(("shift", "code"), [
    (SHIFT, "VERIFY-054"), (timedelta(hours=6.95), "VERIFY-054"), (timedelta(hours=7.2), "VERIFY-054"),
    (timedelta(0), ""), (timedelta(hours=6), "VERIFY-057"), (timedelta(hours=-7), "VERIFY-057"),
    (timedelta(hours=8), "VERIFY-057")])
def test_s13_seven_hours_are_named_other_differences_mentioned_and_neither_is_held_against_the_signer(
        shift: timedelta, code: str, lists: sig.TrustLists, tmp_path: Path) -> None:
    result = verify(sign(PLAIN, shift=shift, token=SIGNED + timedelta(seconds=8)), lists, tmp_path)
    assert codes(result, Level.ok) & {"VERIFY-054", "VERIFY-057"} == ({code} if code else set())
    assert result.verdict == "valid_with_notes" and result.signatures[0].time_source == "token"


def test_s14_what_a_certificate_does_not_say_of_the_seven_is_named(lists: sig.TrustLists, tmp_path: Path) -> None:
    result = verify(sign(PLAIN, replace(PERSON, organ="", serial=301)), lists, tmp_path)
    (told,) = [one for one in result.signatures[0].reasons if one.code == "VERIFY-045"]
    assert told.level == Level.ok and word("field", "organisation") in told.sentence()
    assert word("field", "organisation", "en") in told.sentence("en")
    assert "VERIFY-045" not in codes(verify(sign(PLAIN), lists, tmp_path), Level.ok)


def test_s16_what_is_kept_is_counted(item: Callable[..., Item], context: Context, lists: sig.TrustLists,
                                     monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "load_trust", lambda _folder: lists)
    (told,) = [one for one in stage.verify(item(both()), context) if one.code == "VERIFY-036"]
    assert told.params == {"time": "20/11/2026 10:00:00 (+07:00)", "certificates": "5", "revocations": "0"}
    assert "VERIFY-036" not in {one.code for one in stage.verify(item(PLAIN), context)}


def test_s17_version_and_person_of_the_trust_lists_stand_in_the_report(lists: sig.TrustLists, tmp_path: Path) -> None:
    (told,) = [one for one in verify(sign(PLAIN), lists, tmp_path).reasons if one.code == "VERIFY-037"]
    assert lists.version in told.sentence() and "cong-vu" in told.sentence()
    known = replace(lists, changed_at="2026-11-01T02:00:00.000000+00:00", changed_by="Hoàng Thị Mẫu")
    (told,) = [one for one in verify(sign(PLAIN), known, tmp_path).reasons if one.code == "VERIFY-037"]
    assert "Hoàng Thị Mẫu" in told.sentence() and "01/11/2026" in told.sentence("en")
    assert "VERIFY-037" not in codes(verify(PLAIN, lists, tmp_path), Level.ok)


def test_s19_an_access_copy_of_a_signed_document_is_called_a_conversion(
        item: Callable[..., Item], context: Context, lists: sig.TrustLists, monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "load_trust", lambda _folder: lists)
    for made, pdf, expected in (({"access": "access.pdf"}, both(), ["DIGITISE-022"]), ({}, both(), []),
                                ({"access": "access.pdf"}, PLAIN, [])):
        noted = {"scan": True, "pages": [], **made}
        monkeypatch.setattr(digitise, "_digitise_part", lambda *_given, noted=noted: (noted, []))
        one = item(pdf)
        stage.verify(one, context)
        assert [each.code for each in digitise.digitise(one, context)] == expected


@pytest.mark.filterwarnings("ignore::pikepdf.PageCopyWarning")
def test_s20_and_s22_remains_and_a_missing_signature_are_told(item: Callable[..., Item], context: Context,
                                                              lists: sig.TrustLists, tmp_path: Path) -> None:
    pdf = pikepdf.open(io.BytesIO(sign(PLAIN)))
    del pdf.Root.AcroForm
    out = io.BytesIO()
    pdf.save(out)
    assert "VERIFY-060" in codes(verify(out.getvalue(), lists, tmp_path))
    told = stage.verify(item(PLAIN, confidenceLevel="01"), context)
    assert {"VERIFY-069", "VERIFY-005"} <= {one.code for one in told}


def test_a_recorded_finding_without_a_newer_parameter_can_still_be_read() -> None:
    assert "…" in finding("VERIFY-043", "x.pdf", signer="A", title="—", organisation="—").sentence()
