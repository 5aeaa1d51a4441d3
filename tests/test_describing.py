"""Where the fields of a package come from: entered first, computed where it is known, empty where it is not."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import describing
from archive.describing import case_file_fields, document_fields, origins
from archive.fields import profile, validate_record
from archive.fields.kinds import Kind
from archive.packages.description import Form

FORMS: tuple[Form, ...] = get_args(Form)
KINDS: tuple[Kind, ...] = get_args(Kind)
FIELDS = {"typeName": "02", "codeNumber": "03", "codeNotation": "QĐ-UBND", "issuedDate": "03/11/2026",
          "organName": "Ủy ban nhân dân tỉnh Mẫu", "subject": "Ban hành Quy chế", "mode": "01"}


def document(ordinal: int = 1, **more: Any) -> dict[str, Any]:
    code = f"H99.2026.01.VP.{ordinal:07d}"
    files = [{"path": f"representations/rep1/data/{code}.pdf", "role": "original", "name": "a.pdf", "format": "pdf",
              "sha256": f"{ordinal:064x}"}]
    return {"schema": "luutru/document/1", "code": code, "ordinal": ordinal, "item": f"{ordinal:016x}", "pages": 3,
            "profile": "tt05_2025", "digitised": {}, "legal_value": "signed_original", "verdict": "valid",
            "facts": {"extract": {"language_guess": "vi"}}, "files": files, "fields": FIELDS, **more}


def case_file(**more: Any) -> dict[str, Any]:
    return {"schema": "luutru/casefile/1", "code": "H99.2026.01.VP", "fonds": "H99", "title": "Hồ sơ quy chế",
            "retention": "Vĩnh viễn", "keeper": "Vũ Văn Mẫu", "state": "open", "profile": "tt05_2025", **more}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_tag_of_a_table_has_an_origin_and_what_is_computed_has_a_rule(form: Form, kind: Kind) -> None:
    level = describing.package_level(form)
    for rows, told, rules in (
            (describing.document_table(form, kind), origins()["record"], describing._OF_DOCUMENT),
            (profile("tt05_2025").table(level, form), origins()[level],
             {"file": describing._OF_FILE, "package": describing._OF_PACKAGE}.get(level, {}))):
        for row in rows:
            assert row.tag in told, row.tag
            assert (told[row.tag].kind != "entered") == (row.tag in rules), row.tag
            assert told[row.tag].vi.endswith(".") and told[row.tag].en.endswith(".")


def test_no_origin_is_told_of_a_field_that_no_table_has() -> None:
    tags = {row.tag for row in profile("tt05_2025").rows}
    assert {tag for told in origins().values() for tag in told} <= tags


@pytest.mark.parametrize("form", FORMS)
def test_the_fields_are_those_of_the_table_in_its_order(form: Form) -> None:
    told = document_fields(document(), case_file(), "H99", form)
    assert list(told) == [row.tag for row in profile("tt05_2025").table("document", form)]
    level = describing.package_level(form)
    assert list(case_file_fields(case_file(), [document()], "H99", form)) == [
        row.tag for row in profile("tt05_2025").table(level, form)]


@pytest.mark.parametrize("tag", ["maintenance", "language", "numberOfPage", "mode", "confidenceLevel", "process",
                                 "riskRecovery", "docId"])
def test_what_a_person_entered_wins(tag: str) -> None:
    value = {"maintenance": "06", "language": "02", "numberOfPage": "9", "mode": "02", "confidenceLevel": "03",
             "process": "1", "riskRecovery": "1", "docId": "VB-1"}[tag]
    told = document_fields(document(fields={**FIELDS, tag: value}), case_file(), "H99", "AIP_hoso")
    assert told[tag] == value
    assert document_fields(document(), case_file(), "H99", "AIP_hoso")[tag] != value


def test_a_complete_document_and_case_file_satisfy_the_tables() -> None:
    told = document_fields(document(), case_file(), "H99", "AIP_hoso")
    assert [one.code for one in validate_record(told, "tt05_2025", "document", "x", stage="closed",
                                                package="AIP_hoso") if one.code != "META-003"] == []
    whole = case_file_fields(case_file(), [document(), document(2)], "H99", "AIP_hoso")
    assert [one.code for one in validate_record(whole, "tt05_2025", "file", "x", stage="closed",
                                                package="AIP_hoso") if one.code != "META-003"] == []
    assert whole["arcFileCode"] == "H99.H99.2026.01.VP"
    assert told["arcDocCode"] == "H99.H99.2026.01.VP.0000001"
    assert whole["totalDoc"] == "2" and whole["numberOfPage"] == "6"
    assert told["docId"] == "0000000000000001"


def test_what_nobody_knows_stays_empty() -> None:
    bare = {key: value for key, value in FIELDS.items() if key != "mode"}
    told = document_fields(document(fields=bare, pages=0, facts={"extract": {"language_guess": "unsure"}}),
                           case_file(retention="đến khi hết hiệu lực"), "H99", "AIP_hoso")
    assert {tag for tag in ("mode", "numberOfPage", "language", "maintenance") if not told[tag]} == {
        "mode", "numberOfPage", "language", "maintenance"}
    whole = case_file_fields(case_file(retention="1 năm"), [document(fields=bare), document(2, pages=0)], "H99",
                             "AIP_hoso")
    assert whole["mode"] == whole["numberOfPage"] == whole["maintenance"] == whole["numberOfPaper"] == ""


@pytest.mark.parametrize(("text", "code"), [("Vĩnh viễn", "01"), ("70 năm", "02"), ("10 năm", "06"), ("05 năm", "07"),
                                            ("mười lăm năm", "07"), ("05", "07"), ("Khác", "07"),
                                            ("100 năm", ""), ("khi hết hiệu lực", "")])
def test_the_period_of_the_plan_becomes_a_code(text: str, code: str) -> None:
    told = case_file_fields(case_file(retention=text), [document()], "H99", "AIP_hoso")
    assert told["maintenance"] == code
    assert document_fields(document(), case_file(retention=text), "H99", "SIP_hoso")["maintenance"] == code


def test_a_period_without_a_code_of_its_own_stays_in_words() -> None:
    told = case_file_fields(case_file(retention="05 năm"), [document()], "H99", "AIP_hoso")
    assert told["description"] == "Người lập hồ sơ: Vũ Văn Mẫu; Thời hạn lưu trữ: 05 năm"
    noted = case_file_fields(case_file(retention="05 năm", fields={"description": "Giữ 05 năm"}), [document()], "H99",
                             "AIP_hoso")
    assert noted["description"] == "Giữ 05 năm"
    other = document(fields={**FIELDS, "typeName": "32", "typeNameText": "Thông tư"})
    assert document_fields(other, case_file(), "H99", "AIP_hoso")["description"] == "Tên loại: Thông tư"


def test_the_dates_of_a_case_file_are_those_of_its_documents() -> None:
    days = [document(n, fields={**FIELDS, "issuedDate": day})
            for n, day in enumerate(("12/03/2026", "30/02/2026", "2027", "01/2026"), 1)]
    told = case_file_fields(case_file(), days, "H99", "AIP_hoso")
    assert (told["startDate"], told["endDate"]) == ("01/2026", "2027")


@pytest.mark.parametrize(("levels", "whole"), [(("01", "01"), "01"), (("02", "02"), "02"), (("01", "02"), "03"),
                                               (("03",), "03")])
def test_the_confidence_of_a_case_file_sums_up_its_documents(levels: tuple[str, ...], whole: str) -> None:
    found = [document(n, fields={**FIELDS, "confidenceLevel": level}) for n, level in enumerate(levels, 1)]
    assert case_file_fields(case_file(), found, "H99", "AIP_hoso")["confidenceLevel"] == whole


def test_a_scan_is_known_by_what_the_archive_saw() -> None:
    scan = document(digitised={"engine": "x"})
    told = document_fields(scan, case_file(), "H99", "AIP_hoso")
    assert (told["confidenceLevel"], told["process"]) == ("02", "")
    assert document_fields(document(), case_file(), "H99", "AIP_hoso")["process"] == "0"


def test_the_strictest_mode_of_the_documents_is_that_of_the_case_file() -> None:
    strict = document(2, fields={**FIELDS, "mode": "02"})
    assert case_file_fields(case_file(), [document(), strict], "H99", "AIP_hoso")["mode"] == "02"
    assert case_file_fields(case_file(), [document()], "H99", "AIP_hoso")["mode"] == "01"
    bare = document(fields={key: value for key, value in FIELDS.items() if key != "mode"})
    assert document_fields(bare, case_file(fields={"mode": "02"}), "H99", "AIP_hoso")["mode"] == "02"


def test_records_of_other_regimes_are_described_in_codes() -> None:
    old = document(profile="tt02_2019", fields={**FIELDS, "typeName": "Quyết định", "maintenance": "20 năm",
                                                "mode": "Công khai", "language": "Tiếng Việt"})
    told = document_fields(old, case_file(profile="tt02_2019", fields={"mode": "Công khai"}), "H99", "AIP_hoso")
    assert (told["typeName"], told["maintenance"], told["mode"], told["language"]) == ("02", "05", "01", "01")
    assert old["fields"]["typeName"] == "Quyết định"
    registry = document(profile="nd30_2020", fields={**FIELDS, "typeName": "Quyết định", "maintenance": "20 năm"})
    told = document_fields(registry, case_file(), "H99", "AIP_hoso")
    assert (told["typeName"], told["maintenance"]) == ("02", "05")


def test_photos_and_recordings_follow_their_own_tables() -> None:
    photo = document(fields={"imageTitle": "Lễ khai trương", "typePic": "02", "photoTime": "01/02/2026", "mode": "01"})
    told = document_fields(photo, case_file(), "H99", "AIP_hoso")
    assert list(told) == [row.tag for row in profile("tt05_2025").table("photo", "AIP_hoso")]
    assert told["imageTitle"] == "Lễ khai trương"
    assert case_file_fields(case_file(), [photo], "H99", "AIP_hoso")["startDate"] == "01/02/2026"
    assert list(document_fields(photo, case_file(), "H99", "DIP")) == list(told)


@given(st.dictionaries(st.sampled_from(sorted(row.tag for row in profile("tt05_2025").table("document", "AIP_hoso"))),
                       st.text(max_size=12)), st.text(max_size=12), st.integers(0, 99999))
def test_any_fields_at_all_can_be_described(fields: dict[str, str], retention: str, pages: int) -> None:
    held = document(fields=fields, pages=pages)
    told = document_fields(held, case_file(retention=retention, fields=fields), "H99", "AIP_hoso")
    assert all(isinstance(value, str) for value in told.values())
    for tag, value in fields.items():
        if value.strip() and tag not in ("arcDocCode", "description"):
            assert told[tag] == value.strip()
    whole = case_file_fields(case_file(retention=retention, fields=fields), [held], "H99", "AIP_hoso")
    assert all(isinstance(value, str) for value in whole.values())
