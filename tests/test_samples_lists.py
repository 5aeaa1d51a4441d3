"""The lists that come with the sample inbox, and its message, tell the truth but where they are meant not to."""

from __future__ import annotations

import base64
import csv
import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pikepdf
from defusedxml import ElementTree
from openpyxl import load_workbook
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader

from samples.making import recipes, registry
from samples.making.edxml import NAMESPACE

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
INBOX = SAMPLES / "inbox"


def register_rows() -> list[dict[str, object]]:
    sheet = load_workbook(INBOX / registry.REGISTER).active
    lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    head = next(number for number, line in enumerate(lines) if line[0] == "STT")
    return [dict(zip(lines[head], line, strict=True)) for line in lines[head + 1:]]


def scan_rows() -> list[dict[str, str]]:
    raw = (INBOX / registry.SCANS).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_the_register_names_every_document_but_one_and_one_that_never_came():
    named = {str(row["Tên tệp"]) for row in register_rows()} | {f"quet/{row['Tên tệp']}" for row in scan_rows()}
    there = {name for entry in recipes.entries() for _one, name in recipes.named(entry)}
    assert there - named == {"van-ban-den/420 cu cong chuc chinh ly.pdf"}
    assert named - there == {"van-ban-den/33-QĐ-SNV khen thuong.pdf"}
    assert not (INBOX / "van-ban-den/33-QĐ-SNV khen thuong.pdf").exists()


def test_four_rows_of_the_register_break_the_field_rules():
    broken = {entry["path"]: entry["breaks"] for entry in recipes.entries() if "breaks" in entry}
    assert sorted(broken.values()) == ["codeNumber", "issuedDate", "subject", "typeName"]
    rows = {broken[str(row["Tên tệp"])]: row for row in register_rows() if row["Tên tệp"] in broken}
    assert rows["issuedDate"]["Ngày ban hành"] == "30/02/2026"
    assert len(str(rows["subject"]["Trích yếu"])) > 500
    assert len(str(rows["codeNumber"]["Số"])) > 11
    assert rows["typeName"]["Loại văn bản"] == "Công lệnh hỏa tốc"
    good = [row for row in register_rows() if row["Tên tệp"] not in broken]
    assert all(isinstance(row["Ngày ban hành"], datetime) for row in good)
    assert all(len(str(row["Trích yếu"])) <= 500 and len(str(row["Số"])) <= 11 for row in good)


def test_the_register_tells_the_true_number_of_pages():
    whole = {entry["path"] for entry in recipes.entries() if entry["recipe"] in ("plain", "signed", "changed", "scan")}
    told = {str(row["Tên tệp"]): int(str(row["Số trang"])) for row in register_rows()}
    told |= {f"quet/{row['Tên tệp']}": int(row["Số trang"]) for row in scan_rows()}
    for name in whole & set(told):
        if name.endswith(".pdf"):
            with pikepdf.open(INBOX / name) as opened:
                assert told[name] == len(opened.pages), name
        else:
            with Image.open(INBOX / name) as picture:
                assert told[name] == getattr(picture, "n_frames", 1), name


def test_the_rows_of_a_pile_without_sheets_add_up_to_its_pages():
    pile = next(entry for entry in recipes.entries() if entry["recipe"] == "pile" and "sheets" not in entry)
    rows = [row for row in scan_rows() if f"quet/{row['Tên tệp']}" == pile["path"]]
    with Image.open(INBOX / pile["path"]) as picture:
        assert [int(row["Số trang"]) for row in rows] == [1, 2]
        assert getattr(picture, "n_frames", 1) == 3


def test_one_document_belongs_to_a_file_that_the_plan_does_not_have():
    with (SAMPLES / "file-plan.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    planned = {f"H99.2026.{row[0]}" for row in rows if re.fullmatch(r"\d\d\.[A-Z]+", row[0])}
    assert len(planned) == 8
    assert any("NĂM 2026" in row[0] for row in rows)
    codes = {str(row["Mã hồ sơ"]) for row in (*register_rows(), *scan_rows())}
    assert codes - planned == {"H99.2026.99.TTR"}
    assert codes >= planned


def test_both_forms_of_the_file_plan_agree():
    with (SAMPLES / "file-plan.csv").open(encoding="utf-8", newline="") as stream:
        told = [[cell or None for cell in row] for row in csv.reader(stream)]
    sheet = load_workbook(SAMPLES / "file-plan.xlsx").active
    assert [[cell.value or None for cell in row] for row in sheet.iter_rows()] == told


def test_the_message_carries_a_signed_pdf_as_it_is_and_a_word_file_in_a_zip():
    root = ElementTree.fromstring((INBOX / "lien-thong/1864-UBND-NC.edxml").read_bytes())
    name = {"q": NAMESPACE}
    assert root.tag == f"{{{NAMESPACE}}}edXML"
    attachments = root.findall("q:AttachmentEncoded/q:Attachment", name)
    cited = [node.text for node in root.iterfind(".//q:Reference/q:ContentId", name)]
    assert cited == [node.findtext("q:ContentId", namespaces=name) for node in attachments]
    bodies = [base64.b64decode("".join(node.findtext("q:ContentTransferEncoded", "", name).split()), validate=True)
              for node in attachments]
    assert len(bodies) == 2
    assert len(PdfFileReader(io.BytesIO(bodies[0])).embedded_signatures) == 2
    with zipfile.ZipFile(io.BytesIO(bodies[1])) as outer:
        (entry,) = outer.namelist()
        with zipfile.ZipFile(io.BytesIO(outer.read(entry))) as inner:
            assert "word/document.xml" in inner.namelist()
    header = root.find(".//q:MessageHeader", name)
    assert header is not None
    assert header.findtext("q:From/q:OrganId", namespaces=name) == "000.00.00.H99"
    assert len(header.findall("q:To", name)) == 2
    assert header.findtext("q:DocumentType/q:TypeName", namespaces=name) == "Công văn"
    assert header.findtext("q:OtherInfo/q:Priority", namespaces=name) == "1"
    assert root.findtext(".//q:Bussiness/q:BussinessDocType", namespaces=name) == "0"
