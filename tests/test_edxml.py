"""Promises about edXML messages: read whatever their disorder, believed in nothing, acted upon never."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archive.findings import Finding, Level, rules, worst
from archive.settings import IngestSettings, Settings
from ingest.commands.edxml import command
from ingest.copying import hash_file
from ingest.item import Context, Item, Part
from ingest.sources import edxml
from ingest.sources.edxml_header import QCVN, code_lists, normalised_code
from tests.edxml_messages import HEADER, PDF, STATUS, TABLE, TRACE, Attached, business, message, zipped


@dataclass
class Taken:
    item: Item
    findings: list[Finding] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        return [found.code for found in self.findings]

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.item.facts["edxml"]
        return facts

    @property
    def parts(self) -> list[tuple[str, str, bytes]]:
        return [(part.role, part.name, part.path.read_bytes()) for part in self.item.parts]


Take = Callable[..., Taken]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Take a message in and apart, twice: the second time must change nothing."""

    def run(data: bytes, name: str = "message.edxml", **limits: int) -> Taken:
        (tmp_path / "received").mkdir(exist_ok=True)
        path = tmp_path / "received" / name
        path.write_bytes(data)
        copied = hash_file(path)
        part = Part(name, "original", path, copied.size, copied.sha256, copied.sha512)
        item = Item("1", "inbox", name, tmp_path, [part], datetime(2026, 3, 5, tzinfo=UTC))
        context = Context(Settings(root=tmp_path, ingest=IngestSettings(**limits)), date(2026, 3, 5))
        findings = edxml.unpack(item, context)
        first = [json.dumps(item.facts, sort_keys=True), dict(item.fields), [*item.parts], tree(tmp_path)]
        again = edxml.unpack(item, context)
        assert [json.dumps(item.facts, sort_keys=True), dict(item.fields), item.parts, tree(tmp_path)] == first
        assert again == findings
        assert path.read_bytes() == data
        for found in findings:
            assert "{" not in found.sentence("vi") + found.sentence("en") + found.cure("vi") + found.cure("en")
            assert "…" not in found.sentence("vi") + found.sentence("en"), f"{found.code} lacks a parameter"
        # What is said of the message's own signature, which is filler, is tested in test_signature_kinds.py.
        return Taken(item, [found for found in findings if found.code != "VERIFY-099"])

    return run


def tree(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_header_becomes_fields_and_the_first_attachment_the_original(take: Take) -> None:
    taken = take(message([Attached(), Attached("phụ lục.csv", TABLE, "text/csv", "cid:2")]))
    assert taken.findings == []
    assert taken.item.fields == {
        "organId": "000.00.15.H51", "organName": "Sở Nội vụ", "to": "Bộ Nội vụ; Văn phòng, Ủy ban",
        "documentId": "000.00.15.H51,2026/03/05,104/QĐ-UBND", "codeNumber": "104", "codeNotation": "QĐ-UBND",
        "issuedDate": "05/03/2026", "typeName": "Công văn", "subject": "Về việc nộp lưu hồ sơ",
        "signer": "Nguyễn Văn An", "signerTitle": "KT. GIÁM ĐỐC PHÓ GIÁM ĐỐC", "priority": "Khẩn",
        "sentDate": "05/03/2026", "replyTo": "7/BNV-VP", "direction": "đến"}
    assert [part[:2] for part in taken.parts] == [
        ("original", "công văn.pdf"), ("attachment", "phụ lục.csv"), ("message", "message.edxml")]
    assert [part[2] for part in taken.parts[:2]] == [PDF, TABLE]
    assert [part.path.relative_to(taken.item.folder).as_posix() for part in taken.item.parts[:2]] == [
        "received/attachments/1-công văn.pdf", "received/attachments/2-phụ lục.csv"]
    for part in taken.item.parts:
        copied = hash_file(part.path)
        assert (part.size, part.sha256, part.sha512) == (copied.size, copied.sha256, copied.sha512)


def test_the_facts_keep_identity_trace_and_raw_values(take: Take) -> None:
    facts = take(message()).facts
    assert facts["identity"] == {"organId": "H51.15", "documentId": "000.00.15.H51,2026/03/05,104/QĐ-UBND"}
    assert facts["business"]["type"] == "new" and not facts["business"]["declared"]
    assert facts["trace"][0]["at"] == "2026-03-05T01:30:00.000000+00:00"
    assert facts["trace"][1] == {"organId": "", "timestamp": "hôm nay", "at": "", "date": ""}
    assert facts["raw"]["DocumentType"] == {"Type": "71", "TypeName": "Công văn"}
    assert len(facts["raw"]["To"]) == 3 and facts["raw"]["From"]["OrganName"] == "Sở  Nội vụ"
    assert facts["xmlSignature"] is True


def test_any_prefix_and_any_order_is_read(take: Take) -> None:
    turned = message().decode().replace("<edXML ", "<q:edXML ").replace("</edXML>", "</q:edXML>") \
        .replace(f'xmlns="{QCVN}"', f'xmlns:q="{QCVN}" xmlns="{QCVN}"')
    body, attached = turned.index("<edXMLEnvelope>"), turned.index("<AttachmentEncoded>")
    end = turned.index("</q:edXML>")
    taken = take((turned[:body] + turned[attached:end] + turned[body:attached] + turned[end:]).encode())
    assert taken.findings == [] and taken.parts[0] == ("original", "công văn.pdf", PDF)


def test_parts_outside_the_namespace_are_read_with_a_note(take: Take) -> None:
    text = message().decode().replace("<AttachmentEncoded>", '<AttachmentEncoded xmlns="">')
    taken = take(text.encode())
    assert taken.codes == ["EDXML-020"] and taken.parts[0][2] == PDF


def test_an_outgoing_message_of_our_own_agency_is_outgoing(take: Take) -> None:
    own = message(header=HEADER.replace("000.00.15.H51</OrganId>", "H99</OrganId>", 1))
    assert take(own).item.fields["direction"] == "đi"


def test_another_item_stays_as_it_is(take: Take) -> None:
    for name, data in (("a.pdf", PDF), ("a.xml", b"<a xmlns='urn:x'/>"), ("a.txt", b"edXML"), ("b.xml", b""),
                       ("edxml.xsd", f"<schema targetNamespace='{QCVN}'/>".encode())):
        taken = take(data, name)
        assert taken.findings == [] and taken.item.facts == {} and taken.item.parts[0].role == "original"


def test_a_message_is_known_by_its_content_whatever_its_name(take: Take) -> None:
    assert take(message(), "x.xml").parts[0][0] == "original"
    utf16 = message(prolog='<?xml version="1.0" encoding="UTF-16"?>').decode().encode("utf-16")
    assert take(utf16, "y.dat").parts[0][2] == PDF
    assert take(b"\xef\xbb\xbf" + message(), "z").parts[0][2] == PDF


@pytest.mark.parametrize(("data", "code"), [
    (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:e="http://www.e-doc.vn/Schema/"/>',
     "EDXML-001"),
    (b'MIME-Version: 1.0\n\n--b\n<e:x xmlns:e="http://www.e-doc.vn/Schema/"/>', "EDXML-001"),
    (b'<eDoc xmlns="http://www.go.vn/eDoc"/>', "EDXML-001"),
    (b'<edXML xmlns="urn:other"/>', "EDXML-002"),
    (b"<edXML/>", "EDXML-002"),
    (f'<edXML xmlns="{QCVN}"/>'.encode(), "EDXML-003"),
    (f'<edXML xmlns="{QCVN}"><edXMLEnvelope/></edXML>'.encode(), "EDXML-003")])
def test_what_is_not_of_this_norm_is_refused_politely(take: Take, data: bytes, code: str) -> None:
    taken = take(data)
    assert taken.codes == [code] and worst(taken.findings) is Level.refused
    assert [part.role for part in taken.item.parts] == ["message"]


def test_xml_that_is_a_trap_or_broken_is_refused(take: Take) -> None:
    bomb = message(prolog='<!DOCTYPE edXML [<!ENTITY a "aaaa">]>', header="<Subject>&a;</Subject>")
    outside = message(prolog='<!DOCTYPE edXML SYSTEM "file:///etc/passwd">')
    for data in (bomb, outside, message()[:-400], b"\x00\x01\x02", b"<edXML", b""):
        taken = take(data)
        assert worst(taken.findings) is Level.refused and taken.facts["kind"] == "unreadable"


@pytest.mark.parametrize(("kind", "word"), [(1, "thu hồi"), (2, "cập nhật"), (3, "thay thế")])
def test_recall_update_and_replacement_wait_for_an_officer(take: Take, kind: int, word: str) -> None:
    taken = take(message(trace=business(kind) + TRACE))
    assert taken.codes == ["EDXML-004"] and worst(taken.findings) is Level.refused
    assert word in taken.findings[0].sentence() and "cũ" in taken.findings[0].sentence()
    assert taken.facts["business"]["paper"] and taken.facts["business"]["documentId"] == "cũ"
    assert taken.parts[0] == ("original", "công văn.pdf", PDF)


def test_a_recall_without_a_document_is_whole(take: Take) -> None:
    assert take(message([], trace=business(1))).codes == ["EDXML-004"]


def test_an_unknown_business_waits_and_a_new_document_does_not(take: Take) -> None:
    assert take(message(trace=business(9))).codes == ["EDXML-019"]
    assert take(message(trace=TRACE + business(0))).codes == []
    assert take(message(trace="")).codes == []


def test_a_status_message_is_a_note_and_brings_no_document(take: Take) -> None:
    taken = take(message([], header=STATUS, trace=""))
    assert taken.codes == ["EDXML-005"] and worst(taken.findings) is Level.note
    assert taken.item.fields == {} and [part.role for part in taken.item.parts] == ["message"]
    assert taken.facts["kind"] == "status" and taken.facts["status"]["meaning"] == "từ chối tiếp nhận"
    assert "7816/VPCP-TTĐT" in taken.findings[0].sentence()


def test_a_zip_round_one_file_is_opened_whatever_the_content_type(take: Take) -> None:
    one = Attached(data=zipped(("0f0e-uuid.pdf", PDF)), type="application/zip")
    taken = take(message([one]))
    assert taken.findings == [] and taken.parts[0] == ("original", "công văn.pdf", PDF)
    assert taken.facts["attachments"][0]["entry"] == "0f0e-uuid.pdf"


def test_a_zip_that_is_the_document_stays_a_zip(take: Take) -> None:
    sheet = zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"))
    one, two = zipped(("a.pdf", PDF)), zipped(("a.pdf", PDF), ("b.pdf", PDF))
    taken = take(message([Attached("a.docx", sheet, "", "1"), Attached("b.zip", one, "", "2"),
                          Attached("c.pdf", two, "application/zip", "3"),
                          Attached("d.docx", zipped(("uuid.docx", sheet)), "application/zip", "4")]))
    assert [part[2] for part in taken.parts[:4]] == [sheet, one, two, sheet]
    assert taken.codes == ["EDXML-010", "EDXML-014"]


@pytest.mark.parametrize("encoded", ["", "   \n", "JVBERi0", "JVBERi0x=LjcK", "JVBE====", "JVBE*Ri0", "JVBE****Ri0x",
                                     "đây là chữ"])
def test_a_damaged_attachment_is_refused(take: Take, encoded: str) -> None:
    taken = take(message([Attached(encoded=encoded)]))
    assert taken.codes == ["EDXML-007"] and worst(taken.findings) is Level.refused
    assert taken.facts["attachments"][0]["path"] == "" and not tree(taken.item.folder / "received/attachments")


def test_a_zip_that_was_cut_short_is_refused(take: Take) -> None:
    taken = take(message([Attached(data=zipped(("a.pdf", PDF))[:-30])]))
    assert worst(taken.findings) is Level.refused and [part[0] for part in taken.parts] == ["message"]


def test_a_bomb_in_an_attachment_is_not_unpacked(take: Take) -> None:
    bomb = zipped(("a.pdf", bytes(30_000_000)))
    assert worst(take(message([Attached(data=bomb)])).findings) is Level.refused
    assert take(message([Attached(data=bytes(3_000_000))]), max_file_mb=5,
                archive_max_unpacked_mb=2).codes == ["EDXML-013"]


def test_a_pdf_wrecked_by_a_text_conversion_is_refused(take: Take) -> None:
    wrecked = (PDF + bytes(range(128, 256))).decode("utf-8", "replace").encode()
    taken = take(message([Attached(data=wrecked)]))
    assert taken.codes == ["EDXML-015"] and worst(taken.findings) is Level.refused


def test_disagreement_about_the_type_is_reported_and_nothing_is_put_right(take: Take) -> None:
    taken = take(message([Attached("a.doc", PDF, "application/msword; name=a.doc")]))
    assert taken.codes == ["EDXML-010"] and taken.parts[0] == ("original", "a.doc", PDF)
    assert "application/msword; name=a.doc" in taken.findings[0].sentence()
    assert take(message([Attached(type=".PDF")])).codes == []


def test_a_message_within_a_message_gives_its_documents(take: Take) -> None:
    inner = message([Attached("bên trong.pdf")])
    outer = message([Attached("x.doc", zipped(("x.edxml", inner)), "application/msword"),
                     Attached("phụ lục.csv", TABLE, "text/csv", "2")])
    taken = take(outer)
    assert "EDXML-011" in taken.codes and worst(taken.findings) < Level.refused
    assert [part[:2] for part in taken.parts] == [
        ("original", "bên trong.pdf"), ("attachment", "phụ lục.csv"),
        ("message", "message.edxml"), ("message", "x.doc")]
    assert taken.facts["attachments"][0]["edxml"]["identity"]["organId"] == "H51.15"


def test_messages_nested_too_deep_are_not_opened(take: Take) -> None:
    data = message()
    for _ in range(4):
        data = message([Attached("x.edxml", data, "")])
    taken = take(data)
    assert "EDXML-012" in taken.codes and worst(taken.findings) is Level.refused
    assert not [part for part in taken.parts if part[1] == "công văn.pdf"]


def test_manifest_and_attachments_are_held_against_each_other(take: Take) -> None:
    missing = "<Reference><ContentId>cid:9</ContentId><AttachmentName>thiếu.pdf</AttachmentName></Reference>"
    taken = take(message(manifest=missing))
    assert taken.codes == ["EDXML-008"] and "thiếu.pdf" in taken.findings[0].sentence()
    assert take(message([Attached(listed=False)])).codes == ["EDXML-009"]
    assert take(message([Attached(), Attached("b.pdf")])).codes == ["EDXML-021"]
    assert take(message([])).codes == ["EDXML-006"]


def test_attachments_of_a_non_standard_gateway_are_found(take: Take) -> None:
    text = message([]).decode().replace(
        "</edXMLEnvelope>", "<edXMLAttachments><AttachmentName>a.pdf</AttachmentName><AttachmentData>"
        f"{base64.b64encode(PDF).decode()}</AttachmentData></edXMLAttachments></edXMLEnvelope>")
    taken = take(text.encode())
    assert taken.codes == ["EDXML-009"] and taken.parts[0] == ("original", "a.pdf", PDF)


def test_names_that_climb_or_hide_stay_in_the_folder(take: Take) -> None:
    taken = take(message([Attached("../../../etc/x.pdf"), Attached("C:\\Users\\an\\y.pdf", id="2"),
                          Attached("..", id="3"), Attached("", id="4"), Attached("z.pdf" * 90, id="5")]))
    folder = taken.item.folder / "received/attachments"
    assert len(tree(folder)) == 5 and all(part.path.parent == folder for part in taken.item.parts[:5])
    assert [part.name for part in taken.item.parts[:2]] == ["x.pdf", "y.pdf"]


def test_impossible_dates_unknown_codes_and_missing_identities_are_reported(take: Take) -> None:
    assert take(message(header=HEADER.replace("2026/03/05</Prom", "2014/02/30</Prom"))).codes == ["EDXML-016"]
    assert take(message(header=HEADER.replace("000.00.15.H51</OrganId>", "vxp.saas.03</OrganId>", 1))).codes == \
        ["EDXML-018"]
    assert take(message(header="<Subject>x</Subject>")).codes == ["EDXML-017"]


def test_what_an_interrupted_run_left_is_cleared(take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "received/attachments"
    folder.mkdir(parents=True)
    (folder / ".1-a.pdf.part").write_bytes(b"half")
    (folder / "7-old.pdf").write_bytes(b"old")
    assert list(tree(take(message()).item.folder / "received/attachments")) == ["1-công văn.pdf"]


@pytest.mark.parametrize(("old", "new"), [
    ("000.00.15.H51", "H51.15"), ("000.00.00.G12", "G12"), ("001.02.15.H51", "H51.15.02.001"), ("H37.01", "H37.01"),
    (" h37.01 ", "H37.01"), ("020100107370", "020100107370"), ("vxp.saas.03", "VXP.SAAS.03")])
def test_the_old_and_the_new_form_of_an_agency_code_compare_equal(old: str, new: str) -> None:
    assert normalised_code(old) == new == normalised_code(new)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
def test_a_message_with_bytes_changed_never_raises(take: Take, data: st.DataObject) -> None:
    whole = bytearray(message([Attached(), Attached("x.doc", zipped(("x.edxml", message())), id="2")]))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=5)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    taken = take(bytes(whole[:cut]) if cut % 2 else bytes(whole))
    json.dumps(taken.item.facts).encode()


def test_show_prints_a_message_without_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "message.edxml"
    path.write_bytes(message())
    run = CliRunner().invoke(command, ["show", str(path)])
    assert run.exit_code == 0 and "Về việc nộp lưu hồ sơ" in run.output and "công văn.pdf" in run.output
    shown = json.loads(CliRunner().invoke(command, ["show", "--json", str(path)]).output)
    assert shown["fields"]["codeNumber"] == "104" and shown["edxml"]["attachments"][0]["format"] == "pdf"
    assert list(tmp_path.iterdir()) == [path]


def test_show_says_by_its_exit_code_that_a_message_needs_a_person(tmp_path: Path) -> None:
    path = tmp_path / "message.edxml"
    path.write_bytes(message(trace=business(1)))
    assert CliRunner().invoke(command, ["show", str(path)]).exit_code == 3
    path.write_bytes(PDF)
    plain = path.rename(tmp_path / "a.pdf")
    assert CliRunner().invoke(command, ["show", str(plain)]).exit_code == 3
    assert CliRunner().invoke(command, ["show", str(tmp_path / "gone")]).exit_code == 2


def test_every_business_and_every_code_list_has_words() -> None:
    lists = code_lists()
    assert set(lists["business_vi"]) == set(lists["business"].values()) - {"new"}
    assert set(lists["status"]) == {"01", "02", "03", "04", "05", "06", "13", "15", "16"}
    codes = [code for code in rules() if code.startswith("EDXML-")]
    assert codes == sorted(codes) and all("{subject}" in rules()[code].vi for code in codes)


def test_a_part_is_not_mistaken_for_another_message(take: Take) -> None:
    taken = take(message())
    moved = replace(taken.item, parts=list(reversed(taken.item.parts)))
    found = edxml.unpack(moved, Context(Settings(root=taken.item.folder), date(2026, 3, 5)))
    assert [one.code for one in found] == ["VERIFY-099"]
    assert [part.role for part in moved.parts] == ["original", "message"]
