"""Signatures outside PDF: CMS beside a file and round one, office files, XML. Genuine ones hold, every trick fails."""

from __future__ import annotations

import base64
import json
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.signer import XMLSigner

from archive.findings import rules
from ingest import cmslook, formats
from ingest import signatures as sig
from ingest.commands import edxml as edxml_command
from ingest.commands import signature as signature_command
from ingest.signatures import cades, files, kinds, office, opc, xml_signatures, xmlfiles
from ingest.sources import edxml
from samples.making import pki
from tests.edxml_messages import message
from tests.other_signatures import (
    Cms,
    counter_signature,
    detached,
    ec_certificate,
    envelope,
    enveloping,
    signer_info,
)
from tests.test_signatures import CA, ENDED, PERSON, PLAIN, RECEIVED, ROOT, SEAL, STRANGER, certificate, loaded, sign
from tests.xml_signing import (
    C14N,
    DOCX,
    DS,
    ODT,
    Xml,
    odf_signature,
    odf_signatures,
    ooxml_signature,
    signed_docx,
    signed_odt,
    zipped,
)

CONTENT = "Số tiền: 185.400.000 đồng\n".encode() * 200
Judged = Callable[..., sig.DocumentSignatures]


@pytest.fixture(scope="module")
def trust_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "cong-vu"
    folder.mkdir()
    for holder in (ROOT, CA):
        (folder / f"{holder.serial}.pem").write_bytes(certificate(holder).public_bytes(serialization.Encoding.PEM))
    return folder.parent


@pytest.fixture(scope="module")
def trust(trust_folder: Path) -> sig.TrustLists:
    return sig.load_trust(trust_folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="module")
def beside(place: Path, trust: sig.TrustLists) -> Judged:
    """The verdict on a signature file beside CONTENT."""
    def judge(data: bytes, content: bytes = CONTENT) -> sig.DocumentSignatures:
        (place / "vb.docx").write_bytes(content)
        (place / "vb.docx.p7s").write_bytes(data)
        result = cades.verify_cms(place / "vb.docx", place / "vb.docx.p7s", trust, RECEIVED)
        json.dumps(result.as_dict())
        return result
    return judge


@pytest.fixture(scope="module")
def judge(place: Path, trust: sig.TrustLists) -> Judged:
    """The verdict on one file by itself, whatever it is."""
    def judged(data: bytes, name: str = "tep") -> sig.DocumentSignatures:
        (place / "mot").mkdir(exist_ok=True)
        path = place / "mot" / name
        path.write_bytes(data)
        result = files.verify_file(path, trust, RECEIVED, name)
        path.unlink()
        assert result is not None
        json.dumps(result.as_dict())
        return result
    return judged


def codes(result: sig.DocumentSignatures) -> set[str]:
    return {one.code for one in (*result.reasons, *(one for report in result.signatures for one in report.reasons))}


def facts(result: sig.DocumentSignatures, n: int = 0) -> tuple[str, ...]:
    one = result.signatures[n]
    return one.integrity, one.changes, one.identity, one.time_source


# --- CMS -------------------------------------------------------------------------------------------------------

def test_who_claims_no_time_is_not_told_of_a_claimed_one(beside: Judged) -> None:
    bare = Cms(token=False, attributes=False)
    good, ended = beside(detached(CONTENT, bare)), beside(detached(CONTENT, replace(bare, holder=ENDED)))
    assert good.verdict == "valid_with_notes" and "VERIFY-059" in codes(good)
    assert ended.verdict == "undetermined" and {"VERIFY-058", "VERIFY-059"} <= codes(ended)
    assert not {"VERIFY-026", "VERIFY-053"} & (codes(good) | codes(ended))
    told = [one.sentence("en") for one in ended.signatures[0].reasons if one.code in ("VERIFY-058", "VERIFY-059")]
    assert not [one for one in told if "—" in one]



@pytest.mark.parametrize("armour", ["der", "pem", "base64", "padded"])
def test_a_signature_beside_its_file_is_judged_by_the_five_facts(beside: Judged, armour: str) -> None:
    data = detached(CONTENT, Cms(ess=True))
    text = base64.encodebytes(data)
    result = beside({"der": data, "base64": text, "padded": data + b"\0\0\r\n",
                     "pem": b"-----BEGIN PKCS7-----\n" + text + b"-----END PKCS7-----\n"}[armour])
    assert (result.verdict, facts(result)) == ("valid_with_notes", ("intact", "none", "trusted", "token"))
    one = result.signatures[0]
    assert (one.subfilter, one.signer, one.covers_whole_file) == ("CAdES.detached", PERSON.cn, True)
    assert {"VERIFY-010", "VERIFY-013", "VERIFY-020", "VERIFY-050", "VERIFY-054"} <= codes(result)      # +7 h named


def test_another_file_or_one_changed_byte_is_invalid(beside: Judged) -> None:
    for content in (CONTENT[:-1] + b"!", CONTENT + b" ", b""):
        result = beside(detached(CONTENT), content)
        assert result.verdict == "invalid" and "VERIFY-094" in codes(result)


def test_every_signer_is_a_signature_of_its_own(beside: Judged) -> None:
    two = envelope([signer_info(CONTENT), signer_info(b"another", Cms(holder=SEAL))],
                   certificates=[loaded(PERSON), loaded(SEAL)])
    result = beside(two)
    assert [one.verdict for one in result.signatures] == ["valid_with_notes", "invalid"]
    assert [one.name for one in result.signatures] == ["vb.docx.p7s#1", "vb.docx.p7s#2"]
    assert result.verdict == "invalid" and result.finders["bytes"] == 2


def test_a_counter_signature_is_judged_and_does_not_sign_the_document(beside: Judged) -> None:
    info = signer_info(CONTENT)
    counter_signature(info, Cms(holder=SEAL))
    held = [loaded(PERSON), loaded(SEAL)]
    result = beside(envelope([info], certificates=held))
    assert [one.kind for one in result.signatures] == ["signature", "countersignature"]
    assert result.signatures[1].integrity == "intact" and not result.signatures[1].covers_whole_file
    assert sig.holders_of(result.signatures) == {"person"} and sig.word("kind", "countersignature", "en")
    other = signer_info(CONTENT, Cms(at=RECEIVED - timedelta(days=2)))
    other["unsigned_attrs"] = info["unsigned_attrs"]           # copied from another signature
    broken = beside(envelope([other], certificates=held))
    assert broken.signatures[1].integrity == "broken" and broken.verdict == "invalid"


def test_content_type_and_certificate_are_those_that_were_signed(beside: Judged) -> None:
    assert "VERIFY-096" in codes(beside(detached(CONTENT, Cms(content_type="tst_info"))))
    swapped = beside(detached(CONTENT, Cms(ess_of=SEAL)))
    assert swapped.verdict == "invalid" and "VERIFY-096" in codes(swapped)


def test_signed_attributes_do_not_pass_for_content(beside: Judged) -> None:
    info = signer_info(CONTENT, Cms(token=False))
    stolen = info["signed_attrs"].untag().dump()               # what was signed, taken for a document
    info["signed_attrs"] = None
    made = cms.SignerInfo({key: info[key].copy() for key in
                           ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")})
    assert beside(envelope([made]), stolen).verdict == "invalid"
    assert beside(detached(CONTENT, Cms(attributes=False))).verdict == "valid_with_notes"


def test_algorithms_are_judged_by_the_dated_policy(beside: Judged) -> None:
    for weak in ("sha1", "md5"):
        result = beside(detached(CONTENT, Cms(digest=weak)))
        assert (result.verdict, facts(result)[0]) == ("undetermined", "intact") and "VERIFY-042" in codes(result)
    assert beside(detached(CONTENT, Cms(digest="sha512"))).verdict == "valid_with_notes"
    curve = envelope([signer_info(CONTENT, elliptic=True)], certificates=[ec_certificate()])
    assert beside(curve).verdict == "valid_with_notes"


def test_time_and_trust_are_judged_as_in_a_pdf(beside: Judged) -> None:
    late = beside(detached(CONTENT, Cms(at=datetime(2030, 1, 1, tzinfo=UTC))))
    assert late.verdict == "invalid" and "VERIFY-025" in codes(late)
    plain = beside(detached(CONTENT, Cms(token=False)))
    assert facts(plain)[3] == "claimed" and plain.signatures[0].judged_by == "receipt"
    strange = beside(detached(CONTENT, Cms(holder=STRANGER)))
    assert (strange.verdict, facts(strange)[2]) == ("undetermined", "unknown")


def test_a_token_of_another_signature_gives_no_time(beside: Judged) -> None:
    info, other = signer_info(CONTENT), signer_info(b"another")
    info["unsigned_attrs"] = other["unsigned_attrs"]
    result = beside(envelope([info]))
    assert result.signatures[0].token is not None and result.signatures[0].token.state == "broken"
    assert "VERIFY-052" in codes(result) and result.verdict != "valid"


@pytest.mark.parametrize(("data", "code"), [
    (detached(CONTENT)[:-400], "VERIFY-090"), (b"", "VERIFY-090"), (b"not a signature", "VERIFY-090"),
    (detached(CONTENT) + b"more", "VERIFY-090"), (envelope([]), "VERIFY-092"),
    (envelope([signer_info(CONTENT)], certificates=[]), "VERIFY-062"), (enveloping(CONTENT + b"!"), "VERIFY-094"),
    (cms.ContentInfo({"content_type": "data", "content": b"x"}).dump(), "VERIFY-091"),
    (envelope([signer_info(CONTENT)], CONTENT, kind="tst_info"), "VERIFY-091")])
def test_what_cannot_be_judged_says_so_and_never_passes(beside: Judged, data: bytes, code: str) -> None:
    result = beside(data)
    assert code in codes(result) and result.verdict in ("undetermined", "invalid")


def test_content_inside_is_verified_and_named(judge: Judged, beside: Judged) -> None:
    result = judge(enveloping(PLAIN), "vb.pdf.p7m")
    assert (result.verdict, result.signatures[0].subfilter) == ("valid_with_notes", "CMS.enveloping")
    [told] = [one for one in result.reasons if one.code == "VERIFY-095"]
    assert told.params["size"] == str(len(PLAIN)) and told.params["en"] == "PDF file"
    data = enveloping(CONTENT)
    at = data.index(CONTENT[:50]) + 300
    assert judge(data[:at] + b"9" + data[at + 1:]).verdict == "invalid"
    assert beside(enveloping(CONTENT)).verdict == "valid_with_notes"     # a .p7s that also holds the file beside it
    assert "VERIFY-093" in codes(judge(detached(CONTENT)))


@pytest.fixture(scope="module")
def openssl(place: Path) -> Callable[..., bytes]:
    """What OpenSSL makes of CONTENT, with a person's key."""
    key = pki.key(PERSON.key).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption())
    (place / "khoa.pem").write_bytes(key)
    (place / "ct.pem").write_bytes(certificate(PERSON).public_bytes(serialization.Encoding.PEM))
    (place / "nd").write_bytes(CONTENT)

    def run(*arguments: str) -> bytes:
        asked = ["openssl", "cms", *arguments, "-binary", "-outform", "DER", "-in", "nd"]
        return subprocess.run(asked, check=True, cwd=place, capture_output=True).stdout
    return run


def _written(data: bytes, folder: Path) -> Path:
    (folder / "x.p7m").write_bytes(data)
    return folder / "x.p7m"


def test_streamed_ber_of_openssl_is_read(openssl: Callable[..., bytes], judge: Judged, beside: Judged,
                                         tmp_path: Path) -> None:
    signing = ("-sign", "-signer", "ct.pem", "-inkey", "khoa.pem", "-stream")
    inside = openssl(*signing, "-nodetach", "-cades")
    assert inside[:2] == b"\x30\x80" and cmslook.kind(inside[:1024]) == "p7m"      # indefinite length
    assert facts(judge(inside))[:3] == ("intact", "none", "trusted")
    assert cades.content_of(_written(inside, tmp_path)) == CONTENT
    other = openssl(*signing)
    assert cmslook.kind(other[:1024]) in ("p7s", "p7m") and facts(beside(other))[:3] == ("intact", "none", "trusted")


def test_encrypted_content_is_seen_and_said(openssl: Callable[..., bytes], judge: Judged) -> None:
    secret = openssl("-encrypt", "-recip", "ct.pem")
    assert formats.identify(secret).format.id == "cms_encrypted"
    result = judge(secret)
    assert (result.verdict, result.signatures[0].kind) == ("undetermined", "unsupported")
    assert "VERIFY-091" in codes(result)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_signature_files_never_crash_nor_pass_for_other_content(
        beside: Judged, judge: Judged, data: st.DataObject) -> None:
    whole = bytearray(detached(CONTENT, Cms(token=False)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert beside(bytes(whole), CONTENT + b"!").verdict not in ("valid", "valid_with_notes", "unsigned")
    beside(bytes(whole)[:data.draw(st.integers(0, len(whole)))])


@given(st.binary(max_size=300),
       st.sampled_from([b"", b"0\x80", b"0\x82\x01\x00\x06\x09*\x86H\x86\xf7\r\x01\x07\x02", b"MII"]))
def test_telling_what_a_file_is_never_raises(tail: bytes, head: bytes) -> None:
    assert cmslook.kind(head + tail) in ("", "p7s", "p7m", "cms_encrypted")


# --- office files ----------------------------------------------------------------------------------------------


def test_office_signatures_hold(judge: Judged) -> None:
    result = judge(signed_docx(), "vb.docx")
    assert (result.verdict, facts(result)) == ("valid_with_notes", ("intact", "none", "trusted", "token"))
    assert result.signatures[0].subfilter == "OOXML.XAdES" and result.signatures[0].claimed_time is not None
    [left] = [one for one in result.signatures[0].reasons if one.code == "VERIFY-097"]
    assert left.params["what"] == "docProps/core.xml" and left.level.name == "note"
    plain = judge(signed_odt(), "vb.odt")
    assert (plain.verdict, facts(plain)) == ("valid_with_notes", ("intact", "none", "trusted", "receipt"))
    both = judge(signed_odt(odf_signature(Xml()), odf_signature(Xml(holder=SEAL, xades=False))))
    assert [one.signer for one in both.signatures] == [PERSON.cn, SEAL.cn] and both.verdict == "valid_with_notes"


EVIL = (b'<Relationship Id="rId7" Type="x/attachedTemplate" Target="http://ac.vn/" TargetMode="External"/>'
        b"</Relationships>")
BODY, LINKS = "word/document.xml", "word/_rels/document.xml.rels"


@pytest.mark.parametrize(("changes", "code"), [
    ({BODY: DOCX[BODY].replace(b"185", b"485")}, "VERIFY-015"),                                 # content
    ({"word/evil.xml": b"<x/>"}, "VERIFY-097"),                                                # an extra part
    ({"word/Document.xml": b"<x/>"}, "VERIFY-097"),                                            # … that differs in case
    ({LINKS: DOCX[LINKS].replace(b"</Relationships>", EVIL)}, "VERIFY-097"),                   # an extra relationship
    ({"_rels/.rels": DOCX["_rels/.rels"].replace(b"word/document.xml", b"word/styles.xml")}, "VERIFY-015"),
    ({"[Content_Types].xml": DOCX["[Content_Types].xml"].replace(b"document.main+xml", b"template.main+xml")},
     "VERIFY-015")])
def test_every_change_of_an_office_file_is_found(judge: Judged, changes: dict[str, bytes], code: str) -> None:
    result = judge(zipped({**DOCX, "_xmlsignatures/sig1.xml": ooxml_signature(), **changes}))
    assert result.verdict == "invalid" and code in codes(result)


def test_a_part_that_was_not_signed_or_is_gone_is_found(judge: Judged) -> None:
    left = judge(signed_docx(without=("word/styles.xml",)))
    assert left.verdict == "invalid" and left.signatures[0].changes == "content" and "VERIFY-097" in codes(left)
    gone = judge(zipped({**{name: data for name, data in DOCX.items() if name != "word/styles.xml"},
                         "_xmlsignatures/sig1.xml": ooxml_signature()}))
    assert gone.verdict == "invalid" and "VERIFY-015" in codes(gone)


@pytest.mark.parametrize("changes", [
    {"content.xml": ODT["content.xml"].replace(b"185", b"485")}, {"Pictures/la.png": b"x"},
    {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"},
    {"META-INF/manifest.xml": b"<m xmlns='urn:m'>x</m>"}])
def test_every_change_of_an_opendocument_file_is_found(judge: Judged, changes: dict[str, bytes]) -> None:
    assert judge(signed_odt(**changes)).verdict == "invalid"


def test_old_opendocument_signatures_without_the_manifest_have_a_note(judge: Judged) -> None:
    assert judge(signed_odt(odf_signature(without=("META-INF/manifest.xml",)))).verdict == "valid_with_notes"
    assert judge(signed_odt(odf_signature(without=("styles.xml",)))).verdict == "invalid"
    assert "VERIFY-015" in codes(judge(signed_odt(odf_signature(extra=("Pictures/1.png",)))))


def test_a_manifest_that_nobody_signed_is_not_read(judge: Judged) -> None:
    """Signature wrapping: the signed object stays, another with changed digests is put before it, under the same Id."""
    good = ooxml_signature().decode()
    start, end = good.index('<Object Id="idPackageObject">'), good.index("</Manifest></Object>") + 20
    signed, body = good[start:end], DOCX[BODY].replace(b"185", b"485")
    false = signed.replace(_digest(DOCX[BODY]), _digest(body))
    for wrapped in (good.replace(signed, false + signed), good.replace(signed, false),
                    good.replace(signed, signed + false.replace("idPackageObject", "khac")),
                    good.replace(signed, f'{false}<Object>{signed}</Object>')):
        result = judge(zipped({**DOCX, BODY: body, "_xmlsignatures/sig1.xml": wrapped.encode()}))
        assert result.verdict in ("invalid", "undetermined")


def _digest(data: bytes) -> str:
    from tests.xml_signing import digest

    return digest(data)


def test_the_properties_of_xades_count_only_when_signed_and_name_the_signer(judge: Judged) -> None:
    named = judge(signed_docx(Xml(named=SEAL)))
    assert named.verdict == "invalid" and "VERIFY-096" in codes(named)
    moved = judge(signed_docx(Xml(token=False, spoil=lambda text: text.replace("2026-11-12", "2020-11-12"))))
    assert moved.verdict == "invalid"                               # the claimed time is part of what was signed
    copied = judge(signed_odt(odf_signature(Xml(spoil=lambda text: text.replace(
        "<SignatureValue>", "<SignatureValue>\n")))))               # the token is over the value's canonical form
    assert copied.signatures[0].token is not None and copied.signatures[0].token.state == "broken"


@pytest.mark.parametrize(("spoil", "verdict", "code"), [
    (lambda text: text.replace("<SignatureValue>", "<SignatureValue>AAAA"), "invalid", "VERIFY-012"),
    (lambda text: text.replace(C14N, "http://www.w3.org/TR/1999/REC-xslt-19991116", 2), "undetermined", "VERIFY-061"),
    (lambda text: text.replace("rsa-sha256", "hmac-sha256"), "undetermined", "VERIFY-061"),
    (lambda text: text.replace("X509Certificate>", "X509SKI>"), "undetermined", "VERIFY-062"),
    (lambda text: text.replace("</SignedInfo>", "</SignedInfo><SignedInfo/>", 1), "undetermined", "VERIFY-062"),
    (lambda text: text.replace("<SignedInfo>", "<SignedInfo><Reference URI='x'/>", 1), "undetermined", "VERIFY-0")])
def test_what_is_not_checked_of_xml_signatures_is_said(
        judge: Judged, spoil: Callable[[str], str], verdict: str, code: str) -> None:
    result = judge(signed_odt(odf_signature(Xml(xades=False, spoil=spoil))))
    assert result.verdict == verdict and any(one.startswith(code) for one in codes(result))


@pytest.mark.parametrize("bad", [
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>', b"<a", b"<a/>", b""])
def test_hostile_or_empty_signature_files_are_seen_and_not_judged(judge: Judged, bad: bytes) -> None:
    for data in (zipped({**ODT, "META-INF/documentsignatures.xml": bad}),
                 zipped({**DOCX, "_xmlsignatures/sig1.xml": bad})):
        result = judge(data)
        assert result.verdict == "undetermined" and "VERIFY-090" in codes(result)


def test_a_bomb_or_entries_of_one_name_are_not_opened(judge: Judged) -> None:
    import io
    import warnings

    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        warnings.simplefilter("ignore")
        for name, data in (*ODT.items(), ("content.xml", b"<twice/>")):
            package.writestr(name, data)
        package.writestr("META-INF/documentsignatures.xml", odf_signatures(odf_signature()))
    assert judge(out.getvalue()).verdict == "undetermined"
    assert judge(signed_odt(**{"Pictures/bom.png": bytes(60 << 20)})).verdict == "undetermined"


def test_the_relationships_transform_sorts_selects_and_completes() -> None:
    root = etree.fromstring('<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"> x'
                            '<Relationship Id="b" Type="t2" Target="2" TargetMode="External"/><!-- c -->'
                            '<Relationship Id="a" Type="t1" Target="1"/><Relationship Id="B" Type="t3" Target="3"/>'
                            '</Relationships>')
    made, left = opc.related(root, etree.fromstring(
        '<T xmlns:m="http://schemas.openxmlformats.org/package/2006/digital-signature">'
        '<m:RelationshipReference SourceId="b"/><m:RelationshipsGroupReference SourceType="t1"/></T>'))
    assert xml_signatures.canonical(made) == (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="a" Target="1" TargetMode="Internal" Type="t1"></Relationship>'
        b'<Relationship Id="b" Target="2" TargetMode="External" Type="t2"></Relationship></Relationships>')
    assert len(left) == 1 and "B" in left[0]


def test_an_unsigned_office_file_carries_none(place: Path, trust: sig.TrustLists) -> None:
    (place / "tron.docx").write_bytes(zipped(DOCX))
    assert office.verify_office(place / "tron.docx", trust, RECEIVED) is None
    named = files.verify_named(place / "tron.docx", trust, RECEIVED, "tron.docx")
    assert named.verdict == "unsigned"


def test_signatures_of_old_office_are_seen(judge: Judged, place: Path, trust: sig.TrustLists) -> None:
    mark = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    result = judge(mark + "_xmlsignatures".encode("utf-16-le") + bytes(100))
    assert result.verdict == "undetermined" and "VERIFY-061" in codes(result)
    (place / "cu.doc").write_bytes(mark)
    assert kinds.verify_other(place / "cu.doc", trust, RECEIVED) is None


# --- XML and edXML ---------------------------------------------------------------------------------------------


def enveloped(root: etree._Element, **how: Any) -> bytes:
    """`root` signed by signxml, which is not asked to verify it here."""
    key = pki.key(PERSON.key)
    signer = XMLSigner(method=SignatureConstructionMethod.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    return bytes(etree.tostring(signer.sign(root, key=key, cert=[certificate(PERSON)], **how)))


def test_a_signed_xml_file_holds_and_only_when_the_whole_was_signed(judge: Judged) -> None:
    text = '<a><b Id="b1">185.400.000</b><c Id="c1">x</c></a>'
    good = enveloped(etree.fromstring(text))
    result = judge(good, "a.xml")
    assert facts(result)[:3] == ("intact", "none", "trusted") and result.verdict == "valid_with_notes"
    assert judge(good.replace(b"185", b"485")).verdict == "invalid"
    part = judge(enveloped(etree.fromstring(text), reference_uri="b1"))
    assert part.verdict == "invalid" and "VERIFY-097" in codes(part)
    assert judge(good[:-4] + b"<evil/></a>").verdict == "invalid"


def test_a_filler_signature_of_a_message_is_called_filler_and_harms_nothing(place: Path, trust: sig.TrustLists) -> None:
    path = place / "tin.edxml"
    path.write_bytes(message())
    shown = edxml.show(path)
    assert shown["edxml"]["signature"]["state"] == "filler"
    assert {one["code"]: one["level"] for one in shown["findings"]}["VERIFY-099"] == "ok"
    foreign = message().replace(f'<Signature xmlns="{DS}">'.encode(), b"<Signature>")
    path.write_bytes(foreign)
    assert edxml.show(path)["edxml"]["signature"]["state"] == "filler"
    verdict = files.verify_named(path, trust, RECEIVED, "tin.edxml").verdict
    assert verdict == "undetermined"        # asked about the message itself: a signature is there and is none


def test_a_message_whose_signature_verifies_is_told_by_its_signer(place: Path, trust: sig.TrustLists) -> None:
    bare = message().replace(f'<Signature xmlns="{DS}"><SignatureValue>x</SignatureValue></Signature>'.encode(), b"")
    root = etree.fromstring(bare)
    signed = etree.fromstring(enveloped(root))
    header = next(one for one in signed.iter() if str(one.tag).endswith("}edXMLHeader"))
    signature = next(one for one in signed.iter() if one.tag == f"{{{DS}}}Signature")
    header.append(signature)                # the enveloped transform takes it away wherever it stands
    path = place / "ky.edxml"
    path.write_bytes(etree.tostring(signed))
    told, found = xmlfiles.message_signature(path, trust, RECEIVED, "ky.edxml")
    assert (told["state"], told["signer"], told["identity"]) == ("verified", PERSON.cn, "trusted")
    assert [one.code for one in found] == ["VERIFY-098"]
    path.write_bytes(path.read_bytes().replace(b"104", b"105", 1))
    assert xmlfiles.message_signature(path, trust, RECEIVED, "ky.edxml")[0]["state"] == "filler"
    path.write_bytes(b'<!DOCTYPE a [<!ENTITY x "y">]><edXML>Signature</edXML>')
    assert xmlfiles.message_signature(path, trust, RECEIVED, "ky.edxml")[0]["state"] == "unsupported"
    path.write_bytes(b"<edXML/>")
    assert xmlfiles.message_signature(path, trust, RECEIVED, "ky.edxml") == ({}, [])


def test_the_command_shows_what_a_messages_signature_is(place: Path) -> None:
    path = place / "xem.edxml"
    path.write_bytes(message())
    done = CliRunner().invoke(edxml_command.command, ["show", str(path), "--json"])
    assert json.loads(done.output)["edxml"]["signature"]["state"] == "filler"


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_takes_every_kind_and_finds_the_signature_beside_a_file(tmp_path: Path, trust_folder: Path) -> None:
    (tmp_path / "a.docx").write_bytes(zipped(DOCX))
    (tmp_path / "a.docx.p7s").write_bytes(detached(zipped(DOCX)))
    (tmp_path / "b.docx").write_bytes(signed_docx())
    (tmp_path / "c.odt").write_bytes(signed_odt())
    (tmp_path / "d.pdf.p7m").write_bytes(enveloping(PLAIN))
    (tmp_path / "e.pdf").write_bytes(sign(PLAIN))
    (tmp_path / "e.p7s").write_bytes(detached(b"something else"))
    names = ["a.docx", "a.docx.p7s", "b.docx", "c.odt", "d.pdf.p7m", "e.pdf"]
    done = CliRunner().invoke(signature_command.command, [
        "verify", *(str(tmp_path / name) for name in names), "--trust", str(trust_folder), "--json"])
    told = {Path(one["file"]).name: one for one in json.loads(done.stdout)}
    assert done.exit_code == 3 and told["e.pdf"]["verdict"] == "invalid" and len(told["e.pdf"]["signatures"]) == 2
    assert {name: told[name]["verdict"] for name in names[:-1]} == dict.fromkeys(names[:-1], "valid_with_notes")
    assert told["a.docx"]["signatures"][0]["field"] == "a.docx.p7s"


def test_codes_of_these_kinds_say_their_cure_in_both_languages() -> None:
    for number in range(90, 100):
        rule = rules()[f"VERIFY-0{number}"]
        assert rule.vi and rule.en and rule.cure_vi and rule.cure_en
