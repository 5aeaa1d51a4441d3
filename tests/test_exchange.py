"""Promises about written messages: read back they are equal, nothing of a value becomes XML, memory stays flat."""

from __future__ import annotations

import io
import json
import tempfile
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archive.errors import UsageError
from archive.settings import Settings
from ingest import xmlsafe
from ingest.commands.edxml import command
from ingest.exchange import reading, statuses, writing
from ingest.exchange.messages import (
    Business,
    DocumentMessage,
    Hop,
    Message,
    Party,
    Receiver,
    Reference,
    Replacement,
    Signer,
    Staff,
    StatusMessage,
    attach,
    said,
)
from ingest.sources.edxml_header import code_lists
from tests.edxml_messages import PDF, STATUS, TABLE, Attached, business, message, zipped

AT = datetime(2026, 11, 20, 8, 30, 5, 123, tzinfo=UTC)
WHOLE = DocumentMessage(
    Party("000.00.15.H51", "Sở  Nội vụ", email="vt@example.vn"), (Party("H99", "Sở mẫu"), Party("G12")),
    "H51.15,2026/03/05,104/QĐ-UBND", "104", "QĐ-UBND", "Lạng Sơn", date(2026, 3, 5), "71", "Công văn", "",
    "Về việc <nộp> & \"lưu\"", "Nội dung", Signer("KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "Nguyễn Văn An"), date(2026, 4, 1),
    ("Như trên", "Lưu: VT"), "1", "Tỉnh", "VT", "3", "2", (Reference("G12", "7/BNV-VP", "x", date(2026, 2, 1)),),
    ("NV-1", "NV-2"), "3", "1", Business("update", "Sai nơi nhận", True, "cũ", (Receiver("H99"), Receiver("G12", "0")),
                                         (Replacement("r", ("H1", "H2")),), Staff("Văn thư", "Bình", "b@x.vn", "09")),
    (Hop("H51.15", "2026/03/05 08:30:00"), Hop("02.29.W00")))


def read_back(written: Message, folder: Path) -> reading.Read:
    path = folder / "x.edxml"
    writing.save(written, path)
    return reading.read(path, folder / "out", Settings(root=folder))


def luutru(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


texts = st.text(max_size=30)
parties = st.builds(Party, texts, texts, texts, texts, texts, texts, texts, texts)
days = st.none() | st.dates(date(1900, 1, 1), date(2199, 12, 31))
references = st.builds(Reference, texts, texts, texts, days)
# A repeated element that says nothing at all cannot be told from none.
some = st.tuples(texts.filter(said)).map(lambda one: one[0])
businesses = st.builds(
    Business, st.sampled_from(["new", "recall", "update", "replace"]), texts, st.booleans(), texts,
    st.lists(st.builds(Receiver, some, texts), max_size=3).map(tuple),
    st.lists(st.builds(Replacement, some, st.lists(texts, max_size=2).map(tuple)), max_size=2).map(tuple),
    st.builds(Staff, texts, texts, texts, texts))
documents = st.builds(
    DocumentMessage, parties, st.lists(st.builds(Party, some, texts), max_size=3).map(tuple), texts, texts, texts,
    texts, days, texts, texts, texts, texts, texts, st.builds(Signer, texts, texts, texts), days,
    st.lists(texts, max_size=2).map(tuple), texts, texts, texts, texts, texts,
    st.lists(st.builds(Reference, some, texts, texts, days), max_size=2).map(tuple),
    st.lists(some, max_size=3, unique_by=said).map(tuple), texts, texts, businesses,
    st.lists(st.builds(Hop, some, texts), max_size=2).map(tuple))


@hypothesis_settings(max_examples=30, deadline=None)
@given(documents)
def test_a_document_message_read_back_is_equal(written: DocumentMessage) -> None:
    with tempfile.TemporaryDirectory() as place:
        assert read_back(written, Path(place)).message == written


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.builds(StatusMessage, parties, references, st.sampled_from(sorted(code_lists()["status"])), texts,
                 st.none() | st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
                 st.builds(Staff, texts, texts, texts, texts)))
def test_a_status_message_read_back_is_equal(written: StatusMessage) -> None:
    with tempfile.TemporaryDirectory() as place:
        assert read_back(written, Path(place)).message == written


def test_a_whole_message_with_attachments_of_every_kind_comes_back(tmp_path: Path) -> None:
    sheet = zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"))
    pack = zipped(("a.pdf", PDF))
    given_files = {"công văn.pdf": PDF, "bảng.csv": TABLE, "tờ trình.docx": sheet, "gói.zip": pack, "lạ.pdf": pack,
                   "trống.pdf": PDF + bytes(3_000_000)}
    attached = []
    for n, (name, data) in enumerate(given_files.items()):
        (tmp_path / str(n)).write_bytes(data)
        attached += [attach(tmp_path / str(n), name, zipped=packed) for packed in (False, True)]
    written = replace(WHOLE, attachments=tuple(attached))
    back = read_back(written, tmp_path)
    assert back.message == written
    assert [one.code for one in back.findings if one.level >= 3] == ["EDXML-004"]      # it is an update
    assert isinstance(back.message, DocumentMessage)
    assert [one.path.read_bytes() for one in back.message.attachments] == [
        data for data in given_files.values() for _ in range(2)]
    assert [one.zipped for one in back.message.attachments] == [
        False, True, False, True, False, True, False, False, True, True, False, True]
    first = (tmp_path / "x.edxml").read_bytes()
    assert writing.save(written, tmp_path / "again.edxml").path.read_bytes() == first


def test_nothing_of_a_value_becomes_xml(tmp_path: Path) -> None:
    evil = "</Subject><DocumentId>kẻ khác</DocumentId><Subject>\x00\x0b\ud800\ufffe]]>&lt;\r\nX: y<!--"
    written = replace(WHOLE, subject=evil, sender=Party(evil, evil), business=Business("recall", evil, False, evil))
    back = read_back(written, tmp_path)
    assert back.message == written and isinstance(back.message, DocumentMessage)
    assert back.message.document_id == WHOLE.document_id and "kẻ khác" in back.message.subject
    raw = (tmp_path / "x.edxml").read_bytes()
    assert raw.count(b"<Subject>") == 1 and b"\r" not in raw and b"\x00" not in raw
    xmlsafe.check(tmp_path / "x.edxml")


@pytest.mark.parametrize("zip_it", [False, True])
def test_a_large_attachment_is_written_in_pieces(tmp_path: Path, zip_it: bool) -> None:
    large = tmp_path / "lớn.pdf"
    with large.open("wb") as stream:
        stream.write(PDF)
        stream.truncate(9 << 20)
    written = replace(WHOLE, attachments=(attach(large, zipped=zip_it),))
    tracemalloc.start()
    made = writing.save(written, tmp_path / "x.edxml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.size > 12 << 20 and peak < 2 << 20
    assert read_back(written, tmp_path).message == written


def test_what_changed_after_it_was_attached_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    written = replace(WHOLE, attachments=(attach(tmp_path / "a.pdf"),))
    (tmp_path / "a.pdf").write_bytes(PDF + b"!")
    with pytest.raises(UsageError):
        writing.save(written, tmp_path / "x.edxml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf"]
    (tmp_path / "leer").write_bytes(b"")
    with pytest.raises(UsageError):
        attach(tmp_path / "leer")
    with pytest.raises(UsageError):
        attach(tmp_path / "a.pdf", "a/\x00 \u200b/")


def test_values_that_the_norm_does_not_know_are_refused() -> None:
    with pytest.raises(UsageError):
        Business("delete")
    with pytest.raises(UsageError):
        StatusMessage(Party("H99"), Reference(), "99")
    for code in ("02", "13", "16"):
        with pytest.raises(UsageError):
            statuses.checked(code, " \x00 ")
        assert statuses.checked(code, "Sai nơi nhận") == code


def test_an_answer_names_the_document_as_the_axis_does(tmp_path: Path) -> None:
    answer = statuses.answer(replace(WHOLE, business=Business()), Party("H99", "Sở mẫu"), "02", "Sai nơi nhận", AT)
    raw = writing.save(answer, tmp_path / "a.edxml").path.read_text()
    assert "<Code>104/QĐ-UBND</Code>" in raw and "<Timestamp>2026/11/20 15:30:05</Timestamp>" in raw
    assert "edXMLBody" not in raw and "AttachmentEncoded" not in raw
    assert answer.response_for.document_id == WHOLE.document_id and answer.response_for.organ_id == "000.00.15.H51"
    assert statuses.about(WHOLE).document_id == "cũ"        # of an update: the document that it is about


def test_show_gives_programs_one_document(tmp_path: Path) -> None:
    path = tmp_path / "m.edxml"
    inner = message([Attached("bên trong.pdf")])
    path.write_bytes(message([Attached(data=zipped(("0f0e.pdf", PDF))), Attached("../../x.pdf", TABLE, "", "2"),
                              Attached("x.edxml", inner, "", "3"), Attached("hỏng.pdf", b"", id="4", encoded="*")],
                             trace=business(1)))
    before = sorted(tmp_path.iterdir())
    shown: dict[str, Any] = json.loads(luutru("show", str(path), "--json").output)
    assert sorted(tmp_path.iterdir()) == before
    assert shown["business"]["type"] == "recall" and shown["business"]["documentId"] == "cũ"
    assert shown["from"] == {"organ_id": "000.00.15.H51", "name": "Sở Nội vụ"}
    assert [one["organ_id"] for one in shown["to"]] == ["000.00.00.G12", "G12", "H51.01"]
    assert (shown["code"], shown["document_id"]) == ("104/QĐ-UBND", "000.00.15.H51,2026/03/05,104/QĐ-UBND")
    assert shown["promulgation"] == {"place": "Lạng Sơn", "date": "2026-03-05"}
    assert shown["type"] == {"code": "71", "name": "Công văn", "detail": ""}
    assert shown["signer"]["name"] == "Nguyễn Văn An" and shown["subject"] == "Về việc nộp lưu hồ sơ"
    assert shown["response_for"] == [{"organ_id": "G12", "code": "7/BNV-VP", "document_id": "", "date": ""}]
    assert shown["priority"] == {"code": "1", "name": "Khẩn"} and shown["status"] is None
    assert [(one["name"], one["container"], one["real_type"], one["inside"]) for one in shown["attachments"]] == [
        ("công văn.pdf", "zip", "application/pdf", ""), ("x.pdf", "", "text/csv", ""),
        ("x.edxml", "", "application/xml", ""), ("bên trong.pdf", "", "application/pdf", "x.edxml"),
        ("hỏng.pdf", "", "", "")]
    assert shown["attachments"][0]["declared_type"] == "application/pdf" and shown["attachments"][0]["size"] == len(PDF)
    assert {"EDXML-004", "EDXML-007", "EDXML-010", "EDXML-011"} <= {one["code"] for one in shown["findings"]}


def test_show_puts_the_attachments_into_a_folder_and_nowhere_else(tmp_path: Path) -> None:
    path, out = tmp_path / "m.edxml", tmp_path / "ra"
    path.write_bytes(message([Attached("../../x.pdf"), Attached("X.pdf", TABLE, "", "2")]))
    shown = json.loads(luutru("show", str(path), "--json", "--extract", str(out)).output)
    assert {name.name: name.read_bytes() for name in out.iterdir()} == {"x.pdf": PDF, "2-X.pdf": TABLE}
    assert [one["extracted"] for one in shown["attachments"]] == ["x.pdf", "2-X.pdf"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.edxml", "ra"]
    assert isinstance(luutru("show", str(path), "--extract", str(out)).exception, UsageError)   # it is not empty


def test_show_of_a_status_message_tells_the_status(tmp_path: Path) -> None:
    path = tmp_path / "s.edxml"
    path.write_bytes(message([], header=STATUS, trace=""))
    shown = json.loads(luutru("show", str(path), "--json").output)
    assert shown["status"]["code"] == "02" and shown["business"] is None and shown["attachments"] == []
    assert shown["response_for"][0]["code"] == "7816/VPCP-TTĐT" and shown["kind"] == "status"
    path.write_bytes(b"<edXML/>")
    assert json.loads(luutru("show", str(path), "--json").output)["kind"] == "unreadable"


def test_the_status_command_writes_an_answer_once(tmp_path: Path) -> None:
    path, out = tmp_path / "m.edxml", tmp_path / "tra-loi.edxml"
    path.write_bytes(message())
    wanted = ("status", str(path), "--code", "02", "--reason", "Sai nơi nhận", "-o", str(out), "--from", "H99")
    done = luutru(*wanted, "--json")
    assert done.exit_code == 0, done.output
    back = reading.read(out, tmp_path / "o").message
    assert isinstance(back, StatusMessage)
    assert (back.status, back.description, back.sender.organ_id) == ("02", "Sai nơi nhận", "H99")
    assert back.response_for.code == "104/QĐ-UBND"
    kept = out.read_bytes()
    assert luutru(*wanted).exit_code == 2 and out.read_bytes() == kept
    for bad in (("--code", "02"), ("--code", "77", "--reason", "x")):
        assert luutru("status", str(path), *bad, "-o", str(tmp_path / "n")).exception is not None
    path.write_bytes(message([], header=STATUS, trace=""))
    assert luutru("status", str(path), "--code", "01", "-o", str(tmp_path / "n")).exit_code == 2
    assert not (tmp_path / "n").exists()


def test_a_zip_of_ours_has_one_entry_named_as_the_sdk_does(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    one = attach(tmp_path / "a.pdf", "../Công văn.pdf", zipped=True)
    assert (one.name, one.content_type, one.zipped) == ("Công văn.pdf", "application/pdf", True)
    with writing._opened(one, 0) as stream, zipfile.ZipFile(io.BytesIO(stream.read())) as held:
        assert [name.endswith(".pdf") and len(name) == 40 for name in held.namelist()] == [True]
