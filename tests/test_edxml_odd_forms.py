"""Every odd form that real edXML messages were seen in, each written for the purpose: read, and reported where due."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import fromstring, tostring

import pytest

from archive.findings import Level, worst
from archive.settings import Settings
from ingest.exchange import reading
from ingest.exchange.messages import DocumentMessage, StatusMessage
from ingest.sources.edxml_header import QCVN, code_lists
from tests.edxml_messages import HEADER, PDF, TRACE, Attached, business, message, zipped

See = Callable[..., reading.Read]
ENCODED = base64.b64encode(PDF).decode()


@pytest.fixture
def see(tmp_path: Path) -> See:
    """Read a message that lies in a file of this name."""

    def run(data: bytes | str, name: str = "m.edxml") -> reading.Read:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return reading.read(path, tmp_path / "out", Settings(root=tmp_path))

    return run


def document(read: reading.Read) -> DocumentMessage:
    assert isinstance(read.message, DocumentMessage), [one.sentence() for one in read.findings]
    return read.message


def codes(read: reading.Read) -> list[str]:
    """What was found; what the filler signature is called is told apart."""
    return [one.code for one in read.findings if one.code != "VERIFY-099"]


def header(*changes: tuple[str, str]) -> str:
    text = HEADER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


# --- the envelope ------------------------------------------------------------------------------------------


def test_the_sdk_prefixes_the_envelope_and_not_the_attachments(see: See) -> None:
    text = message().decode()
    start, end = text.index("<edXMLEnvelope>"), text.index("</edXMLEnvelope>") + len("</edXMLEnvelope>")
    prefixed = text[start:end].replace("</", "</\x00").replace("<", "<edXML:").replace("<edXML:/\x00", "</edXML:")
    prefixed = prefixed.replace("<edXML:Signature xmlns", "<edXML:Signature xmlns:sig")     # and this one wrongly so
    assert "<edXML:MessageHeader>" in prefixed and "</edXML:Subject>" in prefixed
    whole = f'<edXML xmlns="{QCVN}" xmlns:edXML="{QCVN}">{prefixed}{text[end:]}'
    read = see(whole)
    assert codes(read) == [] and document(read).attachments[0].path.read_bytes() == PDF
    assert document(read).subject == "Về việc nộp lưu hồ sơ"


def test_a_signature_in_the_namespace_of_the_norm_is_no_evidence_and_no_harm(see: See) -> None:
    filler = ("<Signature><SignedInfo/><SignatureValue>Zmls</SignatureValue><KeyInfo><X509Data><X509Certificate>"
              "MIIFqTCCBJG</X509Certificate></X509Data></KeyInfo></Signature>")
    text = message().decode()
    start = text.index("<Signature")
    end = text.index("</Signature>") + len("</Signature>")
    read = see(text[:start] + filler + text[end:])
    assert document(read).attachments[0].sha256 and worst(read.findings) < Level.refused
    assert read.facts["xmlSignature"] and read.facts["signature"]["state"] != "verified"


def test_a_status_has_neither_body_nor_attachments(see: See) -> None:
    text = message([], header="<From><OrganId>H51</OrganId></From><StatusCode>03</StatusCode>", trace="").decode()
    bare = text[:text.index("<edXMLBody>")] + "</edXMLEnvelope></edXML>"
    assert isinstance(see(bare).message, StatusMessage)


# --- the header of a document ------------------------------------------------------------------------------


def test_codes_longer_than_the_old_thirteen_characters_are_whole(see: See) -> None:
    code = "H51.15.02.001.0A1"
    read = see(message(header=header(("000.00.15.H51</OrganId>", f"{code}</OrganId>"))))
    assert codes(read) == [] and document(read).sender.organ_id == code
    assert read.facts["identity"]["organId"] == code


@pytest.mark.parametrize("code", ["28.22.H17", "01.02.G22", "02.29.W00", "001.00.20.TT2", "vxp.saas.03"])
def test_codes_of_the_wild_are_kept_as_they_are_and_flagged(see: See, code: str) -> None:
    read = see(message(header=header(("000.00.15.H51</OrganId>", f"{code}</OrganId>"))))
    assert document(read).sender.organ_id == code and codes(read) == ["EDXML-018"]


def test_a_sender_called_null_is_none(see: See) -> None:
    read = see(message(header=header(("000.00.15.H51</OrganId>", "null</OrganId>"))))
    assert codes(read) == ["EDXML-017"] and document(read).sender.organ_id == ""


def test_an_enterprise_is_known_by_its_number_on_the_axis(see: See) -> None:
    read = see(message(header=header(("000.00.15.H51</OrganId>", "020100107370</OrganId>"))))
    assert codes(read) == [] and document(read).sender.organ_id == "020100107370"


def test_one_agency_under_its_old_and_its_new_code_is_one_receiver(see: See) -> None:
    read = see(message())
    assert [one.organ_id for one in document(read).to] == ["000.00.00.G12", "G12", "H51.01"]     # as written
    assert read.fields["to"] == "Bộ Nội vụ; Văn phòng, Ủy ban"                                   # as meant


def test_values_longer_than_a_checker_of_a_province_allows_are_not_cut(see: See) -> None:
    long = "Về việc " + "nộp lưu " * 200
    read = see(message(header=header(("Về việc nộp lưu hồ sơ", long), ("Lạng Sơn", "X" * 80),
                                     ("Sở  Nội vụ", "S" * 300))))
    assert document(read).subject == long.strip() and len(document(read).place) == 80
    assert len(document(read).sender.name) == 300


@pytest.mark.parametrize(("code", "word"), [("0", "Thường"), ("1", "Khẩn"), ("2", "Thượng khẩn"), ("3", "Hỏa tốc"),
                                            ("4", "Hỏa tốc hẹn giờ"), ("9", "9")])
def test_every_urgency_has_its_word_and_an_unknown_one_stays(see: See, code: str, word: str) -> None:
    read = see(message(header=header(("<Priority>1<", f"<Priority>{code}<"))))
    assert (document(read).priority, read.fields["priority"]) == (code, word)


@pytest.mark.parametrize("kind", ["1", "2", "71", "", "x"])
def test_the_number_of_a_type_says_nothing_its_name_does(see: See, kind: str) -> None:
    read = see(message(header=header(("<Type>71<", f"<Type>{kind}<"))))
    assert read.fields["typeName"] == "Công văn" and document(read).type_code == kind


@pytest.mark.parametrize("identity", [
    "000.00.15.H51,2014/02/30,104/QĐ-UBND", "c0a8012e-55aa-4b6c-8d31-2f1d1f0a7a11", "test-doc", "GW-2025-00017",
    "a,b,c,d", "văn bản số 7"])
def test_an_identifier_is_opaque_whatever_it_looks_like(see: See, identity: str) -> None:
    read = see(message(header=header(("000.00.15.H51,2026/03/05,104/QĐ-UBND", identity))))
    assert document(read).document_id == identity == read.facts["identity"]["documentId"] and codes(read) == []
    assert read.fields["issuedDate"] == "05/03/2026"        # never taken out of the identifier


def test_the_elements_of_a_header_come_in_any_order(see: See) -> None:
    whole = see(message())
    elements = [tostring(one, encoding="unicode") for one in fromstring(f"<x>{HEADER}</x>")]
    steering = "<SteeringType>2</SteeringType>"
    for order in (elements[::-1], elements[6:] + elements[:6]):
        read = see(message(header="".join([steering, *order])))
        assert {**read.fields, "to": ""} == {**whole.fields, "to": ""}      # several receivers stay in their order
        assert document(read).steering == "2" and codes(read) == []


@pytest.mark.parametrize("steering", ["0", "1", "2", "3"])
def test_every_kind_of_steering_is_kept_also_the_one_outside_the_list(see: See, steering: str) -> None:
    assert document(see(message(header=HEADER + f"<SteeringType>{steering}</SteeringType>"))).steering == steering


def test_a_number_written_into_the_notation_is_no_second_one(see: See) -> None:
    read = see(message(header=header(("QĐ-UBND</CodeN", "104/QĐ-UBND</CodeN"))))
    assert (read.fields["codeNumber"], read.fields["codeNotation"]) == ("104", "QĐ-UBND")


# --- trace and business ------------------------------------------------------------------------------------


def test_hops_may_pass_the_centre_lack_a_code_or_say_null(see: See) -> None:
    hops = ("<TraceHeader><OrganId>02.29.W00</OrganId><Timestamp>2026/03/05 08:31:00</Timestamp></TraceHeader>"
            "<TraceHeader><Timestamp>2026/03/05 08:32:00</Timestamp></TraceHeader>")
    text = message(trace=TRACE + hops).decode().replace("<TraceHeaderList>", '<TraceHeaderList id="1" version="1.0">')
    read = see(text)
    assert [one.organ_id for one in document(read).trace] == ["000.00.15.H51", "", "02.29.W00", ""]
    assert codes(read) == []


@pytest.mark.parametrize("trace", [business(1) + TRACE, TRACE + business(1)])
def test_the_business_stands_before_or_after_the_hops(see: See, trace: str) -> None:
    read = see(message(trace=trace))
    assert document(read).business.type == "recall" and len(document(read).trace) == 2


def test_no_trace_at_all_is_a_new_document(see: See) -> None:
    text = message().decode()
    start, end = text.index("<TraceHeaderList>"), text.index("</TraceHeaderList>") + len("</TraceHeaderList>")
    assert document(see(text[:start] + text[end:])).business.type == "new"


def test_an_update_names_receivers_that_come_and_go(see: See) -> None:
    told = ("<Bussiness><BussinessDocType>2</BussinessDocType><BussinessDocumentInfo><DocumentInfo>1</DocumentInfo>"
            "<DocumentReceiver>1</DocumentReceiver><ReceiverList><Receiver><OrganId>H01</OrganId><ReceiverType>0"
            "</ReceiverType></Receiver><Receiver><OrganId>H02</OrganId><ReceiverType>1</ReceiverType></Receiver>"
            "</ReceiverList></BussinessDocumentInfo><StaffInfo><Department>Văn thư</Department><Staff>Bình</Staff>"
            "<Mobile>null</Mobile></StaffInfo></Bussiness>")
    one = document(see(message(trace=told + TRACE))).business
    assert one.type == "update"
    assert [(each.organ_id, each.type) for each in one.receivers] == [("H01", "0"), ("H02", "1")]
    assert (one.staff.department, one.staff.name, one.staff.mobile) == ("Văn thư", "Bình", "")


def test_a_replacement_names_what_it_replaces_for_whom(see: See) -> None:
    told = ("<Bussiness><BussinessDocType>3</BussinessDocType><ReplacementInfoList><ReplacementInfo><DocumentId>cũ-1"
            "</DocumentId><OrganIdList><OrganId>H01</OrganId><OrganId>H02</OrganId></OrganIdList></ReplacementInfo>"
            "<ReplacementInfo><DocumentId>cũ-2</DocumentId></ReplacementInfo></ReplacementInfoList></Bussiness>")
    one = document(see(message(trace=TRACE + told))).business
    assert [(each.document_id, each.organ_ids) for each in one.replacements] == [("cũ-1", ("H01", "H02")), ("cũ-2", ())]


# --- status messages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*code_lists()["status"], "1", "6"])
def test_every_status_is_read_with_a_code_in_one_string_and_without_its_zero(see: See, code: str) -> None:
    told = (f"<From><OrganId>H51</OrganId></From><ResponseFor><OrganId>G12</OrganId><Code>7816/VPCP-TTĐT</Code>"
            f"<DocumentId>x</DocumentId></ResponseFor><StatusCode>{code}</StatusCode><StaffInfo><Staff>Bình</Staff>"
            f"</StaffInfo><Timestamp>2026/03/06 07:00:00</Timestamp>")
    read = see(message([], header=told, trace=""))
    assert isinstance(read.message, StatusMessage) and codes(read) == ["EDXML-005"]
    assert (read.message.status, read.message.response_for.code) == (code.zfill(2), "7816/VPCP-TTĐT")
    assert read.message.staff.name == "Bình" and worst(read.findings) is Level.note


def test_a_status_that_nobody_knows_is_a_note_and_stays_as_written(see: See) -> None:
    read = see(message([], header="<From><OrganId>H51</OrganId></From><StatusCode>77</StatusCode>", trace=""))
    assert read.message is None and read.facts["status"]["code"] == "77" and codes(read) == ["EDXML-005"]


# --- attachments -------------------------------------------------------------------------------------------


def test_base64_in_lines_tabs_and_blanks_is_the_same_bytes(see: See) -> None:
    loose = "\r\n\t ".join(ENCODED[start:start + 60] for start in range(0, len(ENCODED), 60))
    assert document(see(message([Attached(encoded=f"  {loose}  ")]))).attachments[0].path.read_bytes() == PDF


def test_the_header_may_say_zip_and_the_manifest_pdf(see: See) -> None:
    """The SDK's way: a ZIP of one entry with a name of its own, the real type in the manifest alone."""
    packed = base64.b64encode(zipped(("7a-uuid.pdf", PDF))).decode()
    inside = ("<Attachment><ContentType>application/zip</ContentType><ContentId>1</ContentId><AttachmentName>Công văn"
              f".pdf</AttachmentName><ContentTransferEncoded>{packed}</ContentTransferEncoded></Attachment>")
    text = message([Attached("Công văn.pdf")]).decode()
    start, end = text.index("<Attachment>"), text.index("</Attachment>") + len("</Attachment>")
    read = see(text[:start] + inside + text[end:])
    one = document(read).attachments[0]
    assert (one.name, one.zipped, one.content_type, one.path.read_bytes()) == (
        "Công văn.pdf", True, "application/pdf", PDF) and codes(read) == []
    assert read.facts["attachments"][0]["entry"] == "7a-uuid.pdf"


def test_a_word_file_may_be_a_zip_with_a_second_message_that_bears_the_signed_paper(see: See) -> None:
    inner = message([Attached("đã ký.pdf")])
    read = see(message([Attached("x.doc", zipped(("x.edxml", inner)), "application/msword")]))
    told = read.facts["attachments"][0]
    assert told["edxml"]["attachments"][0]["name"] == "đã ký.pdf" and "EDXML-011" in codes(read)
    assert worst(read.findings) < Level.refused


@pytest.mark.parametrize(("data", "code"), [
    (zipped(("a.pdf", PDF))[:-25], "CHECK-031"),                                    # cut short
    (bytes(range(7, 24)), "EDXML-010"),                                             # seventeen bytes called .PDF
    ((PDF + bytes(range(128, 256))).decode("utf-8", "replace").encode(), "EDXML-015")])     # through a text conversion
def test_a_wrecked_attachment_is_never_taken_for_a_paper(see: See, data: bytes, code: str) -> None:
    read = see(message([Attached("a.PDF", data)]))
    assert code in codes(read), codes(read)
    assert worst(read.findings) >= (Level.note if code == "EDXML-010" else Level.refused)


def test_a_gateway_puts_its_attachments_into_the_envelope(see: See) -> None:
    text = message([]).decode().replace("</edXMLEnvelope>", (
        "<edXMLAttachments><Attachment><AttachmentName>a.pdf</AttachmentName><AttachmentData>"
        f"{ENCODED}</AttachmentData></Attachment></edXMLAttachments></edXMLEnvelope>"))
    assert document(see(text)).attachments[0].path.read_bytes() == PDF


# --- other lineages, and what is refused outright -----------------------------------------------------------


JSON = '{\n    "header_messageheader_from_organid": "H51",\n    "header_messageheader_subject": "Việc"\n}'


@pytest.mark.parametrize(("data", "name"), [
    (JSON, "m.edxml"), (JSON, "van-ban.json"),
    ('Content-Type: multipart/related\n\n<e:Envelope xmlns:e="http://www.e-doc.vn/Schema/"/>', "m.txt"),
    ('<eDoc xmlns="http://www.go.vn/eDoc"/>', "m.xml")])
def test_another_lineage_is_named_and_refused_politely(see: See, data: str, name: str) -> None:
    read = see(data, name)
    assert codes(read) == ["EDXML-001"] and read.message is None
    assert "QCVN 102" in read.findings[0].sentence() and read.findings[0].cure()


def test_decomposed_letters_are_the_same_name(see: See) -> None:
    read = see(unicodedata.normalize("NFD", message().decode()))
    assert document(read).subject == "Về việc nộp lưu hồ sơ" and document(read).attachments[0].name == "công văn.pdf"


def test_a_thousand_nested_elements_and_entities_of_every_kind_are_refused(see: See) -> None:
    deep = "<a>" * 3000 + "</a>" * 3000
    for data in (message(header=HEADER + deep), message(prolog='<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x">%p;]>'),
                 message(prolog='<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>', header="<Subject>&c;</Subject>"),
                 message(prolog='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">')):
        read = see(data)
        assert worst(read.findings) is Level.refused and read.message is None
